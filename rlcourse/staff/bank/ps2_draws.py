"""Problem set 2: how the hidden cases are drawn.

Shapes are those in which the agents call: [B] and [B, A], returns [T, B]. Numbers are quarters in single precision, so
that sums are exact, and no two actions of a state are equally good: how ties fall is not asked. Each draw mixes in one
and up to 200 of everything, small and large numbers, every setting at its ends, and infinity where a value does not
count.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from rlcourse.staff.bank import Case, keeps_arguments
from rlcourse.staff.bank.drawing import (
    LARGE,
    SMALL,
    behind_an_end,
    discount,
    endings,
    ignored_where,
    lengths,
    numbers,
    quarters,
)

FLOWS = "a gradient flows through the target: it is an answer to learn, so cut it off with .detach()"
STOPS = "the gradient that arrives at the arguments is not that of the equation: compute in torch, without .detach()"
SIZES = "one of a kind, or many"


def none(B: int) -> Tensor:
    return torch.zeros(B, dtype=torch.bool)


def some(rng: Generator, B: int) -> Tensor:
    """Flags [B], at least one True, and one False where there is room."""
    flags = rng.random(B) < 0.5
    flags[rng.permutation(B)[:2]] = (True, False)[: min(B, 2)]
    return torch.tensor(flags)


def action_values(rng: Generator, B: int, A: int, low: float = -3) -> Tensor:
    """Action values [B, A] in quarters, without a tie in a row; the best action differs from row to row."""
    others = max(24, A)
    rows = rng.permuted(np.tile(np.arange(others), (B, 1)), axis=1)[:, : A - 1] / 4 + low
    best = np.full((B, 1), low + others / 4 + 0.5) + rng.permutation(B)[:, None] / 4
    table = np.concatenate([best, rows], axis=1)
    turned = [np.roll(row, i + int(rng.integers(A))) for i, row in enumerate(table)]
    return torch.tensor(np.array(turned), dtype=torch.float32)


def two_networks(rng: Generator, B: int, A: int) -> tuple[Tensor, Tensor]:
    """Action values of the target and the online network, whose best actions differ in every row (but for A = 1)."""
    of_target = action_values(rng, B, A)
    of_online = quarters(rng, B, A, low=-2, high=1)
    choice = (of_target.argmax(1) + torch.as_tensor(rng.integers(1, max(A, 2), B))) % A
    of_online[torch.arange(B), choice] = quarters(rng, B, low=4, high=8)
    return of_target, of_online


def _discounts(rng: Generator, B: int) -> Tensor:
    """A discount for each transition [B], as n-step windows of different lengths have, and those at the ends."""
    drawn = torch.tensor(discount(rng) ** rng.integers(1, 5, B), dtype=torch.float32)
    drawn[:2] = numbers(0, 1)[:B]
    return drawn


def draw_td_target(rng: Generator) -> Iterator[Case]:
    for B in (3, int(rng.integers(4, 8))):
        yield Case("random steps inside episodes", (quarters(rng, B), none(B), quarters(rng, B), discount(rng)))
    for B in (4, 6, *lengths(rng)):
        step = quarters(rng, B), some(rng, B), quarters(rng, B)
        about = "some steps end their episode" if 1 < B < 8 else SIZES
        yield Case(about, (*step, discount(rng)), "edges")
        yield Case("a discount for each transition", (*step, _discounts(rng, B)), "edges")
    yield Case(SIZES, (quarters(rng, 1), none(1), quarters(rng, 1), 0.75), "edges")
    reward, ends, value = quarters(rng, 5), some(rng, 5), quarters(rng, 5)
    for gamma in (0.0, 1.0):
        yield Case(f"gamma {gamma:g}", (reward, ends, value, gamma), "edges")
    for scale in (SMALL, LARGE):
        yield Case("small and large numbers", (scale * reward, ends, scale * value, 0.75), "edges")
    for gamma in (0.0, 0.75, _discounts(rng, 5)):
        yield behind_an_end(reward, ends, ignored_where(ends, value), gamma)
    yield td_gradient(reward, ends, value, 0.9)
    yield td_gradient(reward, ends, value, _discounts(rng, 5))
    for flags in (ends, none(5), ~none(5)):
        yield keeps_arguments(reward, flags, value, 0.9)
    yield keeps_arguments(reward, ends, value, _discounts(rng, 5))


def td_gradient(*arguments: object) -> Case:
    return Case("next values that a network computed", (2, *arguments), "edges", "gradient", FLOWS)


def draw_q_target(rng: Generator) -> Iterator[Case]:
    for B, A in ((4, 3), (int(rng.integers(5, 8)), 2)):
        yield Case("random steps inside episodes", (quarters(rng, B), none(B), action_values(rng, B, A), 0.75))
    yield Case("as many actions as transitions", (quarters(rng, 3), none(3), action_values(rng, 3, 3), 0.5))
    one, more, many = lengths(rng)
    for B, A in ((4, 3), (6, 3), (one, 3), (more, one), (one, one), (many, 3), (2, more)):
        step = quarters(rng, B), some(rng, B), action_values(rng, B, A)
        about = "some steps end their episode" if 1 < B < 8 else SIZES
        yield Case(about, (*step, discount(rng)), "edges")
        yield Case("a discount for each transition", (*step, _discounts(rng, B)), "edges")
    yield Case(SIZES, (quarters(rng, 1), none(1), action_values(rng, 1, 2), 0.75), "edges")
    yield Case("action values below 0", (quarters(rng, 5), some(rng, 5), action_values(rng, 5, 3, -20), 0.9), "edges")
    reward, ends, next_q = quarters(rng, 5), some(rng, 5), action_values(rng, 5, 3)
    for gamma in (0.0, 1.0):
        yield Case(f"gamma {gamma:g}", (reward, ends, next_q, gamma), "edges")
    for scale in (SMALL, LARGE):
        yield Case("small and large numbers", (scale * reward, ends, scale * next_q, 0.75), "edges")
    for gamma in (0.75, _discounts(rng, 5)):
        yield behind_an_end(reward, ends, ignored_where(ends[:, None].expand(5, 3), next_q), gamma)
    for flags in (ends, none(5), ~none(5)):
        yield keeps_arguments(reward, flags, next_q, 0.9)
    yield keeps_arguments(reward, ends, next_q, _discounts(rng, 5))


def draw_double_q_target(rng: Generator) -> Iterator[Case]:
    for B, A in ((4, 3), (int(rng.integers(5, 8)), 4)):
        yield Case("random steps inside episodes", (quarters(rng, B), none(B), *two_networks(rng, B, A), discount(rng)))
    one, more, many = lengths(rng)
    for B, A in ((4, 3), (6, 3), (one, 3), (more, one), (one, one), (many, 3), (2, more)):
        step = quarters(rng, B), some(rng, B), *two_networks(rng, B, A)
        about = "some steps end their episode" if 1 < B < 8 else SIZES
        yield Case(about, (*step, discount(rng)), "edges")
        yield Case("a discount for each transition", (*step, _discounts(rng, B)), "edges")
    yield Case(SIZES, (quarters(rng, 1), none(1), *two_networks(rng, 1, 2), 0.75), "edges")
    reward, ends, (next_q, online) = quarters(rng, 5), some(rng, 5), two_networks(rng, 5, 3)
    for gamma in (0.0, 1.0):
        yield Case(f"gamma {gamma:g}", (reward, ends, next_q, online, gamma), "edges")
    for scale in (SMALL, LARGE):
        yield Case("small and large numbers", (scale * reward, ends, scale * next_q, scale * online, 0.75), "edges")
    close, rows, best = online + 1000, torch.arange(5), online.argmax(1)
    close[rows, best - 1] = torch.nextafter(close[rows, best], numbers(0))
    yield Case("online values that are nearly alike", (reward, none(5), next_q, close, 0.75), "edges")
    for gamma in (0.75, _discounts(rng, 5)):
        yield behind_an_end(reward, ends, ignored_where(ends[:, None].expand(5, 3), next_q), online, gamma)
    for flags in (ends, none(5), ~none(5)):
        yield keeps_arguments(reward, flags, next_q, online, 0.9)
    yield keeps_arguments(reward, ends, next_q, online, _discounts(rng, 5))


def draw_dueling_q(rng: Generator) -> Iterator[Case]:
    for B, A in ((4, 3), (int(rng.integers(5, 8)), 4)):
        yield Case("random values and advantages", (quarters(rng, B, 1), action_values(rng, B, A)))
    yield Case("as many actions as states", (quarters(rng, 3, 1), action_values(rng, 3, 3)))
    one, more, many = lengths(rng)
    yield Case("one state", (quarters(rng, 1, 1), action_values(rng, 1, 4)), "edges")
    for B, A in ((more, one), (one, one), (many, 2), (2, more), (2, many)):
        yield Case(SIZES, (quarters(rng, B, 1), action_values(rng, B, A)), "edges")
    shifted = action_values(rng, 4, 3) + 100 * quarters(rng, 4, 1)
    yield Case("advantages with a constant added", (quarters(rng, 4, 1), shifted), "edges")
    for scale in (SMALL, LARGE):
        yield Case("small and large numbers", (scale * quarters(rng, 4, 1), scale * action_values(rng, 4, 4)), "edges")
    for which in (0, 1):
        for B, A in ((4, 3), (1, 3), (3, 1)):
            yield dueling_gradient(which, quarters(rng, B, 1), action_values(rng, B, A))
    yield keeps_arguments(quarters(rng, 4, 1), action_values(rng, 4, 3))
    yield keeps_arguments(quarters(rng, 3, 1), action_values(rng, 3, 1))


def dueling_gradient(which: int, value: Tensor, advantage: Tensor) -> Case:
    what = ("value", "advantage")[which]
    return Case(f"the gradient of {what}", (which, value, advantage), "edges", "gradient", STOPS)


def draw_huber_loss(rng: Generator) -> Iterator[Case]:
    def errors(delta: float, n: int = 7) -> Tensor:
        """Small and large ones of both signs, at random places."""
        size = delta * np.where(np.arange(n) % 2 == 0, rng.uniform(1.3, 4, n), rng.uniform(0.2, 0.9, n))
        return torch.tensor(rng.permutation(size * rng.choice([-1, 1], n)), dtype=torch.float32)

    def both_signs(delta: float) -> Tensor:
        return torch.cat([errors(delta, 4).abs(), -errors(delta, 4).abs()])

    for delta in (0.5, round(rng.uniform(2, 4), 2)):
        yield Case("small and large errors", (both_signs(delta), delta))
    yield Case("small and large errors, delta as it is by default", (both_signs(1.0),))
    for n in lengths(rng):
        yield Case(SIZES, (errors(1.5, n), 1.5), "edges")
    yield Case("errors of delta exactly", (numbers(2, -2, 1.75, -2.25, 0), 2.0), "edges")
    yield Case("a small error alone", (errors(3.0, 2)[:1] / 8, 3.0), "edges")
    for delta in (SMALL, LARGE):
        yield Case("small and large errors, a small or large delta", (both_signs(delta), delta), "edges")
    yield Case("errors far beyond delta", (LARGE * quarters(rng, 5), 0.5), "edges")
    for delta in (2.0, 0.5):
        yield huber_gradient(torch.cat([both_signs(delta), numbers(0, delta, -delta)]), delta)
    yield huber_gradient(numbers(0), 1.0)
    yield huber_gradient(LARGE * quarters(rng, 3), 1.0)
    for one in (errors(1.0), errors(1.0).abs() / 8, errors(1.0).abs() + 2):
        yield keeps_arguments(one, 1.0)


def huber_gradient(td_error: Tensor, delta: float) -> Case:
    return Case("the gradient of the error", (0, td_error, delta), "edges", "gradient", STOPS)


def draw_priority(rng: Generator) -> Iterator[Case]:
    for alpha in (0.6, round(rng.uniform(0.3, 0.9), 2)):
        yield Case("random errors", (quarters(rng, 6), alpha, 0.25))
    yield Case("errors of both signs", (numbers(-4, 4, -0.5), round(rng.uniform(0.3, 0.9), 2), 0.01))
    for B in lengths(rng):
        yield Case(SIZES, (quarters(rng, B), 0.7, 0.01), "edges")
    yield Case("no error at all", (quarters(rng, 3) * numbers(0, 1, 0), 0.5, 0.25), "edges")
    yield Case("eps 0", (torch.cat([quarters(rng, 3), numbers(0)]), 0.5, 0.0), "edges")
    for alpha in (0.0, 1.0, 2.0):
        yield Case(f"alpha {alpha:g}", (quarters(rng, 4), alpha, 0.1), "edges")
        yield keeps_arguments(quarters(rng, 4), alpha, 0.1)
    for scale in (SMALL, LARGE):
        yield Case("small and large errors", (scale * quarters(rng, 5), 0.6, 0.25 * scale), "edges")
    yield Case("a small eps", (numbers(0, 0, 2.0**-20), 0.5, 1e-6), "edges")
    yield keeps_arguments(quarters(rng, 4), 0.6, 0.1)
    yield keeps_arguments(quarters(rng, 4), 0.6, 0.0)


def draw_importance_weights(rng: Generator) -> Iterator[Case]:
    def probabilities(B: int) -> Tensor:
        """Distinct ones, in double precision as the buffer has them."""
        return torch.tensor(rng.permutation(np.arange(1, max(40, B + 1)))[:B] / 1000)

    for beta in (0.4, round(rng.uniform(0.5, 0.9), 2)):
        yield Case("random probabilities", (probabilities(5), int(rng.integers(100, 1000)), beta))
    for B in lengths(rng):
        yield Case(SIZES, (probabilities(B), 300, 0.6), "edges")
    for beta in (0.0, 1.0):
        yield Case(f"beta {beta:g}", (probabilities(6), 500, beta), "edges")
        yield keeps_arguments(probabilities(4), 500, beta)
    yield Case("a large buffer", (probabilities(4), 1_000_000, 0.7), "edges")
    yield Case("small probabilities", (probabilities(5) * SMALL**2, 1_000_000, 0.5), "edges")
    yield Case("one transition in the buffer", (torch.ones(1, dtype=torch.float64), 1, 0.5), "edges")
    yield Case("all equally probable", (torch.full((4,), 0.01, dtype=torch.float64), 100, 0.5), "edges")
    yield Case("single precision", (probabilities(4).float(), 200, 0.5), "edges")
    yield keeps_arguments(probabilities(4), 100, 0.5)


def ending_at(T: int, B: int, *places: tuple[int, int]) -> Tensor:
    """Flags [T, B], True at these steps."""
    flags = torch.zeros(T, B, dtype=torch.bool)
    for t, b in places:
        flags[t, b] = True
    return flags


def draw_n_step_returns(rng: Generator) -> Iterator[Case]:
    def rollout(T: int, B: int, n: int, ending: bool = False, cut: bool = False) -> tuple:
        """Rewards, values, flags, gamma, n; the episodes of the first column end or are cut off inside."""
        t = int(rng.integers(1, T - 2))
        terminated, truncated = (ending_at(T, B, *([(t, 0), (T - 2, B - 1)] if flag else [])) for flag in (ending, cut))
        return quarters(rng, T, B), quarters(rng, T, B, low=4, high=9), terminated, truncated, discount(rng), n

    def mixed(T: int, B: int, n: int, gamma: float, scale: float = 1.0) -> tuple:
        """A rollout in which all kinds of endings come, both flags at once included."""
        return scale * quarters(rng, T, B), scale * quarters(rng, T, B, low=4, high=9), *endings(rng, T, B), gamma, n

    T, B = int(rng.integers(5, 8)), int(rng.integers(2, 4))
    yield Case("no episode ends, n = 3", rollout(T, B, 3))
    yield Case("no episode ends, n = 2", rollout(T + 1, B, 2))
    for n in (2, 3):
        yield Case("episodes that end inside", rollout(T, B, n, ending=True), "edges")
        yield Case("episodes that are cut off inside", rollout(T, B, n, cut=True), "edges")
        both = rollout(T, B, n, ending=True)
        yield Case("both flags at once", (*both[:3], both[2], *both[4:]), "edges")
    yield Case("more steps than there are", rollout(4, 2, 6), "edges")
    yield Case("one step", rollout(T, B, 1, ending=True), "edges")
    one, more, many = lengths(rng)
    for T, B, n in ((one, one, 1), (one, 3, 3), (5, one, 2), (more, 2, more - 3), (many, 2, 5), (4, many, 3)):
        yield Case("one step or environment, or many", mixed(T, B, n, 0.9), "edges")
    for gamma in (0.0, 1.0):
        yield Case(f"gamma {gamma:g}", mixed(6, 2, 3, gamma), "edges")
    for scale in (SMALL, LARGE):
        yield Case("small and large numbers", mixed(6, 2, 3, 0.75, scale), "edges")
    for n in (1, 3):
        rewards, values, terminated, *rest = mixed(7, 3, n, 0.75)
        yield behind_an_end(rewards, ignored_where(terminated, values), terminated, *rest)
    for n in (1, 3, 9):
        yield keeps_arguments(*mixed(6, 2, n, 0.75))


def distributions(rng: Generator, B: int, N: int) -> Tensor:
    """Probabilities of atoms in parts of a power of two, exact in single precision; each atom has some."""
    parts = 2 ** int(np.ceil(np.log2(N + 7)))
    return torch.tensor((rng.multinomial(parts - N, np.full(N, 1 / N), B) + 1) / parts, dtype=torch.float32)


def draw_categorical_projection(rng: Generator) -> Iterator[Case]:
    support = torch.linspace(-4, 4, 9)  # of steps 1
    for B in (3, 5):
        # Moved atoms stay inside: |r| <= 1 and gamma <= 0.7.
        reward = quarters(rng, B, low=-1, high=0.75)
        gamma = round(rng.uniform(0.55, 0.7), 2)
        yield Case("random distributions", (distributions(rng, B, 9), reward, none(B), gamma, support))
    step = distributions(rng, 4, 9), quarters(rng, 4, low=-1, high=0.75), some(rng, 4)
    yield Case("some steps end their episode", (*step, 0.7, support), "edges")
    yield Case("a discount for each transition", (*step, _discounts(rng, 4) * 0.7, support), "edges")
    one, more, many = lengths(rng)
    for B, N in ((one, 9), (many, 5), (more, 2), (one, 2), (3, more), (2, 101)):
        atoms = (torch.arange(N) - N // 3) / 4  # an even distance of 1/4, exact, the middle not at 0
        reward = quarters(rng, B, low=-1, high=1) / 8
        yield Case(SIZES, (distributions(rng, B, N), reward, some(rng, B), 0.75, atoms), "edges")
    for gamma in (0.0, 1.0):
        yield Case(f"gamma {gamma:g}", (*step, gamma, support), "edges")
    for scale in (SMALL, LARGE):
        yield Case("small and large numbers", (step[0], scale * step[1], step[2], 0.5, scale * support), "edges")
    on_atoms = torch.tensor(rng.integers(-2, 3, 4), dtype=torch.float32)
    yield Case("atoms that land on atoms", (distributions(rng, 4, 9), on_atoms, ~none(4), 0.5, support), "edges")
    certain = torch.eye(9)[torch.as_tensor(rng.permutation(9)[:4])]
    yield Case("all on one atom", (certain, quarters(rng, 4, low=-1, high=1), none(4), 0.5, support), "edges")
    beyond = numbers(5, -5, 3, -3)
    yield Case("returns beyond the support", (distributions(rng, 4, 9), beyond, none(4), 0.9, support), "edges")
    yield Case("returns beyond the support", (*step[:1], LARGE * beyond, step[2], 0.9, support), "edges")
    for flags in (step[2], none(4), ~none(4)):
        yield keeps_arguments(*step[:2], flags, 0.7, support)
