"""Problem set 2: the public cases, and how the hidden ones are drawn. The wrong versions are in ps2.py.

Shapes are those in which the agents call: [B] and [B, A], returns [T, B]. Numbers are quarters in single precision, so
that sums are exact, and no two actions of a state are equally good: how ties fall is not asked.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from rlcourse.functional import replay, returns, targets
from rlcourse.staff.bank import Case, Entry, keeps_arguments
from rlcourse.staff.bank.drawing import discount, numbers, quarters

FLOWS = "a gradient flows through the target: it is an answer to learn, so cut it off with .detach()"
STOPS = "the gradient that arrives at the arguments is not that of the equation: compute in torch, without .detach()"


def _flags(*values: int) -> Tensor:
    return torch.tensor(values, dtype=torch.bool)


def _action_values(rng: Generator, B: int, A: int, low: float = -3) -> Tensor:
    """Action values [B, A] in quarters, without a tie in a row; the best action differs from row to row."""
    rows = rng.permuted(np.tile(np.arange(24), (B, 1)), axis=1)[:, : A - 1] / 4 + low
    best = np.full((B, 1), low + 6.5) + rng.permutation(B)[:, None] / 4
    table = np.concatenate([best, rows], axis=1)
    turned = [np.roll(row, i + int(rng.integers(A))) for i, row in enumerate(table)]
    return torch.tensor(np.array(turned), dtype=torch.float32)


def _some(rng: Generator, B: int) -> Tensor:
    """Flags [B], at least one True and one False."""
    flags = rng.random(B) < 0.5
    flags[rng.permutation(B)[:2]] = True, False
    return torch.tensor(flags)


def _none(B: int) -> Tensor:
    return torch.zeros(B, dtype=torch.bool)


def _discounts(rng: Generator, B: int) -> Tensor:
    """A discount for each transition [B], as n-step windows of different lengths have."""
    return torch.tensor(discount(rng) ** rng.integers(1, 5, B), dtype=torch.float32)


_seeded = np.random.default_rng(2)


# td_target


def _draw_td_target(rng: Generator) -> Iterator[Case]:
    for B in (3, int(rng.integers(4, 8))):
        yield Case("random steps inside episodes", (quarters(rng, B), _none(B), quarters(rng, B), discount(rng)))
    for B in (4, 6):
        step = quarters(rng, B), _some(rng, B), quarters(rng, B)
        yield Case("some steps end their episode", (*step, discount(rng)), "edges")
        yield Case("a discount for each transition", (*step, _discounts(rng, B)), "edges")
    yield _td_gradient(quarters(rng, 4), _some(rng, 4), quarters(rng, 4), 0.9)
    yield keeps_arguments(quarters(rng, 4), _some(rng, 4), quarters(rng, 4), 0.9)


def _td_gradient(*arguments: object) -> Case:
    return Case("next values that a network computed", (2, *arguments), "edges", "gradient", FLOWS)


_REWARD, _VALUE, _ENDS = numbers(1, -0.5, 2, 0.25), numbers(2, 4, -1, 8), _flags(0, 1, 0, 1)

TD_TARGET = Entry(
    targets.td_target,
    "td_target(reward, terminated, next_value, gamma)",
    (
        Case("four steps inside episodes", (_REWARD, _none(4), _VALUE, 0.5)),
        Case("gamma 0.9", (_REWARD, _none(4), _VALUE, 0.9)),
        Case("gamma 1: no discount", (_REWARD, _none(4), _VALUE, 1.0)),
        Case("two of four steps end their episode", (_REWARD, _ENDS, _VALUE, 0.5), "edges"),
        Case("every step ends its episode", (_REWARD, ~_none(4), _VALUE, 0.9), "edges"),
        Case("gamma 0: only the reward counts", (_REWARD, _ENDS, _VALUE, 0.0), "edges"),
        Case("a discount for each transition", (_REWARD, _ENDS, _VALUE, numbers(0.5, 0.25, 0.125, 0.5)), "edges"),
        _td_gradient(_REWARD, _ENDS, _VALUE, 0.9),
        keeps_arguments(_REWARD, _ENDS, _VALUE, 0.9),
    ),
    _draw_td_target,
)


# q_target


def _draw_q_target(rng: Generator) -> Iterator[Case]:
    for B, A in ((4, 3), (int(rng.integers(5, 8)), 2)):
        yield Case("random steps inside episodes", (quarters(rng, B), _none(B), _action_values(rng, B, A), 0.75))
    yield Case("as many actions as transitions", (quarters(rng, 3), _none(3), _action_values(rng, 3, 3), 0.5))
    for B in (4, 6):
        step = quarters(rng, B), _some(rng, B), _action_values(rng, B, 3)
        yield Case("some steps end their episode", (*step, discount(rng)), "edges")
        yield Case("a discount for each transition", (*step, _discounts(rng, B)), "edges")
    yield Case("action values below 0", (quarters(rng, 5), _some(rng, 5), _action_values(rng, 5, 3, -20), 0.9), "edges")
    yield keeps_arguments(quarters(rng, 4), _some(rng, 4), _action_values(rng, 4, 3), 0.9)


_NEXT_Q = numbers((1, 2, -1), (0.5, -0.5, 0), (4, -2, 1), (-3, -1, 2))
_BELOW_0 = _NEXT_Q - 8
_GAMMAS = numbers(0.5, 0.25, 0.125, 0.5)

Q_TARGET = Entry(
    targets.q_target,
    "q_target(reward, terminated, next_q, gamma)",
    (
        Case("four steps, three actions", (_REWARD, _none(4), _NEXT_Q, 0.5)),
        Case("as many actions as steps", (_REWARD[:3], _none(3), _NEXT_Q[:3], 0.9)),
        Case("action values below 0", (_REWARD, _none(4), _BELOW_0, 0.9)),
        Case("two of four steps end their episode", (_REWARD, _ENDS, _NEXT_Q, 0.5), "edges"),
        Case("an end before action values below 0", (_REWARD, _ENDS, _BELOW_0, 0.9), "edges"),
        Case("a discount for each transition", (_REWARD, _ENDS, _NEXT_Q, _GAMMAS), "edges"),
        Case("one transition", (_REWARD[:1], _none(1), _NEXT_Q[2:3], 0.5), "edges"),
        keeps_arguments(_REWARD, _ENDS, _NEXT_Q, 0.9),
    ),
    _draw_q_target,
)


# double_q_target


def _two_networks(rng: Generator, B: int, A: int) -> tuple[Tensor, Tensor]:
    """Action values of the target and the online network, whose best actions differ in every row."""
    of_target = _action_values(rng, B, A)
    of_online = quarters(rng, B, A, low=-2, high=1)
    choice = (of_target.argmax(1) + torch.as_tensor(rng.integers(1, A, B))) % A
    of_online[torch.arange(B), choice] = quarters(rng, B, low=4, high=8)
    return of_target, of_online


def _draw_double_q_target(rng: Generator) -> Iterator[Case]:
    for B, A in ((4, 3), (int(rng.integers(5, 8)), 4)):
        step = quarters(rng, B), _none(B), *_two_networks(rng, B, A)
        yield Case("random steps inside episodes", (*step, discount(rng)))
    for B in (4, 6):
        step = quarters(rng, B), _some(rng, B), *_two_networks(rng, B, 3)
        yield Case("some steps end their episode", (*step, discount(rng)), "edges")
        yield Case("a discount for each transition", (*step, _discounts(rng, B)), "edges")
    yield keeps_arguments(quarters(rng, 4), _some(rng, 4), *_two_networks(rng, 4, 3), 0.9)


_ONLINE = numbers((3, 1, 0), (-1, 2, 1), (0, 5, -4), (1, -2, -3))

DOUBLE_Q_TARGET = Entry(
    targets.double_q_target,
    "double_q_target(reward, terminated, next_q, next_q_online, gamma)",
    (
        Case("four steps, three actions", (_REWARD, _none(4), _NEXT_Q, _ONLINE, 0.5)),
        Case("gamma 0.9", (_REWARD, _none(4), _NEXT_Q, _ONLINE, 0.9)),
        Case("action values below 0", (_REWARD, _none(4), _BELOW_0, _ONLINE - 20, 0.9)),
        Case("two of four steps end their episode", (_REWARD, _ENDS, _NEXT_Q, _ONLINE, 0.5), "edges"),
        Case("a discount for each transition", (_REWARD, _ENDS, _NEXT_Q, _ONLINE, _GAMMAS), "edges"),
        Case("both networks agree", (_REWARD, _none(4), _NEXT_Q, 2 * _NEXT_Q, 0.5), "edges"),
        keeps_arguments(_REWARD, _ENDS, _NEXT_Q, _ONLINE, 0.9),
    ),
    _draw_double_q_target,
)


# dueling_q


def _draw_dueling_q(rng: Generator) -> Iterator[Case]:
    for B, A in ((4, 3), (int(rng.integers(5, 8)), 4)):
        yield Case("random values and advantages", (quarters(rng, B, 1), _action_values(rng, B, A)))
    yield Case("as many actions as states", (quarters(rng, 3, 1), _action_values(rng, 3, 3)))
    yield Case("one state", (quarters(rng, 1, 1), _action_values(rng, 1, 4)), "edges")
    shifted = _action_values(rng, 4, 3) + 100 * quarters(rng, 4, 1)
    yield Case("advantages with a constant added", (quarters(rng, 4, 1), shifted), "edges")
    for which in (0, 1):
        yield _dueling_gradient(which, quarters(rng, 4, 1), _action_values(rng, 4, 3))
    yield keeps_arguments(quarters(rng, 4, 1), _action_values(rng, 4, 3))


def _dueling_gradient(which: int, value: Tensor, advantage: Tensor) -> Case:
    what = ("value", "advantage")[which]
    return Case(f"the gradient of {what}", (which, value, advantage), "edges", "gradient", STOPS)


_V = numbers((1,), (-2,), (0.5,), (4,))
_ADVANTAGE = numbers((1, 2, 6), (0.5, -0.5, -3), (4, -2, 1), (-3, -1, 2.5))

DUELING_Q = Entry(
    targets.dueling_q,
    "dueling_q(value, advantage)",
    (
        Case("four states, three actions", (_V, _ADVANTAGE)),
        Case("as many actions as states", (_V[:3], _ADVANTAGE[:3])),
        Case("two actions", (_V, _ADVANTAGE[:, :2])),
        Case("advantages with a constant added: the same Q", (_V, _ADVANTAGE + 100), "edges"),
        Case("one state", (_V[:1], _ADVANTAGE[:1]), "edges"),
        Case("one action: Q is V", (_V, _ADVANTAGE[:, :1]), "edges"),
        _dueling_gradient(0, _V, _ADVANTAGE),
        _dueling_gradient(1, _V, _ADVANTAGE),
        keeps_arguments(_V, _ADVANTAGE),
    ),
    _draw_dueling_q,
)


# huber_loss


def _draw_huber_loss(rng: Generator) -> Iterator[Case]:
    def errors(delta: float) -> Tensor:
        """Small and large ones of both signs."""
        size = torch.tensor([*(delta * rng.uniform(0.2, 0.9, 3)), *(delta * rng.uniform(1.3, 4, 4))]).float()
        return size * torch.tensor([1, -1, 1, -1, 1, -1, 1])

    for delta in (0.5, round(rng.uniform(2, 4), 2)):
        yield Case("small and large errors", (errors(delta), delta))
    yield Case("small and large errors, delta as it is by default", (errors(1.0),))
    yield Case("errors of delta exactly", (numbers(2, -2, 1.75, -2.25), 2.0), "edges")
    yield Case("one error", (errors(3.0)[-1:], 3.0), "edges")
    yield _huber_gradient(errors(2.0), 2.0)
    yield _huber_gradient(errors(0.5), 0.5)
    yield keeps_arguments(errors(1.0), 1.0)


def _huber_gradient(td_error: Tensor, delta: float) -> Case:
    return Case("the gradient of the error", (0, td_error, delta), "edges", "gradient", STOPS)


_ERRORS = numbers(0.5, -0.25, 3, -4, 0, 0.75)

HUBER_LOSS = Entry(
    targets.huber_loss,
    "huber_loss(td_error, delta)",
    (
        Case("small and large errors, delta 1", (_ERRORS, 1.0)),
        Case("delta 2", (_ERRORS, 2.0)),
        Case("delta 0.5", (_ERRORS, 0.5)),
        Case("delta left out: it is 1", (_ERRORS,), "edges"),
        Case("errors of delta exactly", (numbers(2, -2, 2.25, -1.75), 2.0), "edges"),
        Case("a huge error", (numbers(1e4, -1e4, 1), 0.5), "edges"),
        _huber_gradient(_ERRORS, 2.0),
        keeps_arguments(_ERRORS, 1.0),
    ),
    _draw_huber_loss,
)


# priority


def _draw_priority(rng: Generator) -> Iterator[Case]:
    for alpha in (0.6, round(rng.uniform(0.3, 0.9), 2)):
        yield Case("random errors", (quarters(rng, 6), alpha, 0.25))
    yield Case("errors of both signs", (numbers(-4, 4, -0.5), round(rng.uniform(0.3, 0.9), 2), 0.01))
    yield Case("no error at all", (quarters(rng, 3) * numbers(0, 1, 0), 0.5, 0.25), "edges")
    yield Case("alpha 0: all alike", (quarters(rng, 4), 0.0, 0.1), "edges")
    yield keeps_arguments(quarters(rng, 4), 0.6, 0.1)


PRIORITY = Entry(
    replay.priority,
    "priority(td_error, alpha, eps)",
    (
        Case("four errors, alpha 1/2", (numbers(3.75, -0.75, 0.75, -8.75), 0.5, 0.25)),
        Case("alpha 0.6", (numbers(2, -1, 0.5), 0.6, 0.1)),
        Case("alpha 1: in proportion to the error", (numbers(2, -1, 0.5), 1.0, 0.5)),
        Case("alpha 0: all alike", (numbers(2, -1, 0.5), 0.0, 0.1), "edges"),
        Case("no error at all", (numbers(0, 0, 1), 0.5, 0.25), "edges"),
        Case("eps 0", (numbers(4, -9, 0), 0.5, 0.0), "edges"),
        keeps_arguments(numbers(2, -1, 0.5), 0.6, 0.1),
    ),
    _draw_priority,
)


# importance_weights


def _draw_importance_weights(rng: Generator) -> Iterator[Case]:
    def probabilities(B: int) -> Tensor:
        """Distinct ones, in double precision as the buffer has them."""
        return torch.tensor(rng.permutation(np.arange(1, 40))[:B] / 1000)

    for beta in (0.4, round(rng.uniform(0.5, 0.9), 2)):
        yield Case("random probabilities", (probabilities(5), int(rng.integers(100, 1000)), beta))
    yield Case("beta 1", (probabilities(6), 500, 1.0), "edges")
    yield Case("beta 0: no correction", (probabilities(4), 500, 0.0), "edges")
    yield Case("a large buffer", (probabilities(4), 1_000_000, 0.7), "edges")
    yield keeps_arguments(probabilities(4), 100, 0.5)


_PROBABILITIES = torch.tensor([0.25, 0.04, 0.01, 0.16], dtype=torch.float64)

IMPORTANCE_WEIGHTS = Entry(
    replay.importance_weights,
    "importance_weights(probabilities, buffer_size, beta)",
    (
        Case("four transitions, beta 1/2", (_PROBABILITIES, 100, 0.5)),
        Case("beta 0.4", (_PROBABILITIES, 50, 0.4)),
        Case("probabilities that are nearly alike", (torch.tensor([0.1, 0.11, 0.09]), 10, 0.7)),
        Case("beta 1: all is made up for", (_PROBABILITIES, 100, 1.0), "edges"),
        Case("beta 0: no correction", (_PROBABILITIES, 100, 0.0), "edges"),
        Case("one transition", (_PROBABILITIES[:1], 100, 0.5), "edges"),
        keeps_arguments(_PROBABILITIES, 100, 0.5),
    ),
    _draw_importance_weights,
)


# n_step_returns


def _ending_at(T: int, B: int, *places: tuple[int, int]) -> Tensor:
    """Flags [T, B], True at these steps."""
    flags = torch.zeros(T, B, dtype=torch.bool)
    for t, b in places:
        flags[t, b] = True
    return flags


def _draw_n_step_returns(rng: Generator) -> Iterator[Case]:
    def rollout(T: int, B: int, n: int, ending: bool = False, cut: bool = False) -> tuple:
        """Rewards, values, flags, gamma, n; the episodes of the first column end or are cut off inside."""
        t = int(rng.integers(1, T - 2))
        terminated, truncated = (
            _ending_at(T, B, *([(t, 0), (T - 2, B - 1)] if flag else [])) for flag in (ending, cut)
        )
        return quarters(rng, T, B), quarters(rng, T, B, low=4, high=9), terminated, truncated, discount(rng), n

    T, B = int(rng.integers(5, 8)), int(rng.integers(2, 4))
    yield Case("no episode ends, n = 3", rollout(T, B, 3))
    yield Case("no episode ends, n = 2", rollout(T + 1, B, 2))
    for n in (2, 3):
        yield Case("episodes that end inside", rollout(T, B, n, ending=True), "edges")
        yield Case("episodes that are cut off inside", rollout(T, B, n, cut=True), "edges")
    yield Case("more steps than there are", rollout(4, 2, 6), "edges")
    yield Case("one step", rollout(T, B, 1, ending=True), "edges")
    yield keeps_arguments(*rollout(T, B, 3, ending=True))


_REWARDS = numbers((1, 0.5), (-1, 2), (0.5, -0.5), (2, 1), (-0.5, 4))
_VALUES = numbers((4, 8), (6, -4), (2, 10), (8, 12), (16, 6))
_NEVER = _ending_at(5, 2)
_INSIDE, _LATE = _ending_at(5, 2, (1, 0), (3, 1)), _ending_at(5, 2, (2, 1))

N_STEP_RETURNS = Entry(
    returns.n_step_returns,
    "n_step_returns(rewards, next_values, terminated, truncated, gamma, n)",
    (
        Case("five steps of two environments, n = 2", (_REWARDS, _VALUES, _NEVER, _NEVER, 0.5, 2)),
        Case("n = 3, gamma 0.9", (_REWARDS, _VALUES, _NEVER, _NEVER, 0.9, 3)),
        Case("n = 4", (_REWARDS, _VALUES, _NEVER, _NEVER, 0.5, 4)),
        Case("n = 1: the one-step target", (_REWARDS, _VALUES, _INSIDE, _LATE, 0.5, 1), "edges"),
        Case("episodes that end inside", (_REWARDS, _VALUES, _INSIDE, _NEVER, 0.5, 3), "edges"),
        Case("episodes that are cut off inside", (_REWARDS, _VALUES, _NEVER, _INSIDE, 0.5, 3), "edges"),
        Case("one that ends and one that is cut off", (_REWARDS, _VALUES, _INSIDE, _LATE, 0.9, 2), "edges"),
        Case("more steps than there are", (_REWARDS, _VALUES, _NEVER, _NEVER, 0.5, 7), "edges"),
        keeps_arguments(_REWARDS, _VALUES, _INSIDE, _LATE, 0.5, 3),
    ),
    _draw_n_step_returns,
)


# categorical_projection


def _distributions(rng: Generator, B: int, N: int) -> Tensor:
    """Probabilities of atoms in sixteenths, exact in single precision; each atom has some."""
    return torch.tensor((rng.multinomial(16 - N, np.full(N, 1 / N), B) + 1) / 16, dtype=torch.float32)


def _draw_categorical_projection(rng: Generator) -> Iterator[Case]:
    support = torch.linspace(-4, 4, 9)  # of steps 1
    for B in (3, 5):
        # Moved atoms stay inside: |r| <= 1 and gamma <= 0.7.
        reward = quarters(rng, B, low=-1, high=0.75)
        gamma = round(rng.uniform(0.55, 0.7), 2)
        yield Case("random distributions", (_distributions(rng, B, 9), reward, _none(B), gamma, support))
    step = _distributions(rng, 4, 9), quarters(rng, 4, low=-1, high=0.75), _some(rng, 4)
    yield Case("some steps end their episode", (*step, 0.7, support), "edges")
    yield Case("a discount for each transition", (*step, _discounts(rng, 4) * 0.7, support), "edges")
    on_atoms = torch.tensor(rng.integers(-2, 3, 4), dtype=torch.float32)
    yield Case("atoms that land on atoms", (_distributions(rng, 4, 9), on_atoms, ~_none(4), 0.5, support), "edges")
    beyond = numbers(5, -5, 3, -3)
    yield Case("returns beyond the support", (_distributions(rng, 4, 9), beyond, _none(4), 0.9, support), "edges")
    yield keeps_arguments(*step, 0.7, support)


_SUPPORT = torch.linspace(-2, 2, 5)
_PROBS = numbers((0.25, 0.25, 0.125, 0.125, 0.25), (0.5, 0.125, 0.125, 0.125, 0.125), (0.125, 0.125, 0.5, 0.125, 0.125))
_R3, _ENDS3 = numbers(0.25, -0.75, 0.5), _flags(0, 1, 0)

CATEGORICAL_PROJECTION = Entry(
    targets.categorical_projection,
    "categorical_projection(next_probs, reward, terminated, gamma, support)",
    (
        Case("three distributions over five atoms", (_PROBS, _R3, _none(3), 0.5, _SUPPORT)),
        Case("gamma 0.6", (_PROBS, _R3, _none(3), 0.6, _SUPPORT)),
        Case("a support that is not centred", (_PROBS, _R3 + 3, _none(3), 0.5, torch.linspace(0, 10, 5))),
        Case("the second step ends its episode", (_PROBS, _R3, _ENDS3, 0.5, _SUPPORT), "edges"),
        Case("atoms that land on atoms", (_PROBS, numbers(0, 1, -1), _flags(0, 1, 1), 0.5, _SUPPORT), "edges"),
        Case("gamma 1 and no reward: nothing moves", (_PROBS, numbers(0, 0, 0), _none(3), 1.0, _SUPPORT), "edges"),
        Case("returns beyond the support", (_PROBS, numbers(3, -3, 1.25), _none(3), 0.9, _SUPPORT), "edges"),
        Case("a discount for each transition", (_PROBS, _R3, _ENDS3, _GAMMAS[:3], _SUPPORT), "edges"),
        keeps_arguments(_PROBS, _R3, _ENDS3, 0.5, _SUPPORT),
    ),
    _draw_categorical_projection,
)
