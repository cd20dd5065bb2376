"""Problem set 4: how hidden cases are drawn. Each draw has every kind of edge; sizes and numbers are the seed's.

Rollouts are [T, B] and such as an agent has them: next_values[t] is values[t + 1] as long as an episode goes on, and
another number where it ended. Numbers are quarters in single precision, so that most sums are exact.
"""

from collections.abc import Iterator

import torch
from numpy.random import Generator
from torch import Tensor

from rlcourse.staff.bank import Case, keeps_arguments
from rlcourse.staff.bank.drawing import LARGE, SMALL, behind_an_end, endings, ignored_where, quarters

STOPS = "the gradient that arrives here is not that of the equation: compute in torch, and detach only what is given"
FLOWS = "a gradient flows into what counts as given, so that the critic learns from the wrong term: detach it"
ZERO_PROBABILITY = "a probability is rounded to 0 here, and 0 log 0 is NaN: begin with log_softmax"


def at(T: int, B: int, *places: tuple[int, int]) -> Tensor:
    """Flags [T, B], True at these steps."""
    flags = torch.zeros(T, B, dtype=torch.bool)
    for place in places:
        flags[place] = True
    return flags


def next_of(V: Tensor, ends: Tensor, reached: Tensor) -> Tensor:
    """next_values [T, B] of values V [T + 1, B]: where an episode ended, what it reached."""
    return torch.where(ends, reached, V[1:])


def _fractions(rng: Generator) -> tuple[float, float]:
    """gamma and lambda."""
    return round(rng.uniform(0.6, 0.95), 2), round(rng.uniform(0.3, 0.9), 2)


def _rollout(rng: Generator, terminated: Tensor, truncated: Tensor, scale: float = 1.0) -> tuple:
    """Rewards, values, next_values and the flags."""
    T, B = terminated.shape
    V = quarters(rng, T + 1, B, low=4, high=9) * scale
    reached = quarters(rng, T, B, low=10, high=14) * scale
    next_values = next_of(V, terminated | truncated, reached)
    return quarters(rng, T, B) * scale, V[:-1], next_values, terminated, truncated


def _rollouts_on(rng: Generator) -> Iterator[tuple[str, tuple]]:
    """Rollouts in which no episode ends, and what is special about them."""
    T, B = int(rng.integers(5, 8)), int(rng.integers(2, 4))
    for about, T_, B_ in (
        ("no episode ends", T, B),
        ("no episode ends, one step more", T + 1, B),
        ("a long rollout", int(rng.integers(150, 201)), 1),
        ("many environments", 3, int(rng.integers(33, 81))),
    ):
        yield about, _rollout(rng, at(T_, B_), at(T_, B_))


def _rollouts_with_ends(rng: Generator) -> Iterator[tuple[str, tuple]]:
    """Rollouts in which episodes end, and what is special about them."""
    T, B = int(rng.integers(5, 8)), int(rng.integers(2, 4))
    never = at(T, B)
    first, last = (int(rng.integers(1, T - 3)), 0), (T - 2, B - 1)
    end = at(T, B, first, (T - 1, B - 1))
    yield "episodes that end inside", _rollout(rng, at(T, B, first, last), never)
    yield "episodes that are cut off inside", _rollout(rng, never, at(T, B, first, last))
    yield "one that ends and one that is cut off", _rollout(rng, at(T, B, first), at(T, B, last))
    yield "an end at the rollout's last step", _rollout(rng, end, never)
    yield "a time limit at the rollout's last step", _rollout(rng, never, end)
    yield "both flags at once", _rollout(rng, end, at(T, B, first, last, (T - 1, B - 1)))
    for about, T_, B_ in (
        ("one environment", T, 1),
        ("one step", 1, int(rng.integers(2, 6))),
        ("one step of one environment", 1, 1),
        ("a long rollout with endings", int(rng.integers(150, 201)), 2),
        ("many environments with endings", 4, int(rng.integers(33, 81))),
    ):
        yield about, _rollout(rng, *endings(rng, T_, B_))
    yield "large numbers", _rollout(rng, *endings(rng, T, B), scale=LARGE)
    yield "small numbers", _rollout(rng, *endings(rng, T, B), scale=SMALL)


def nothing_follows(rollout: tuple) -> tuple:
    """A rollout whose next_values are infinity where nothing follows."""
    rewards, values, next_values, terminated, truncated = rollout
    return rewards, values, ignored_where(terminated, next_values), terminated, truncated


def _ends(rng: Generator) -> tuple:
    """gammas and lambdas at the ends of their range, whole numbers among them."""
    lam, gamma = _fractions(rng)
    return (gamma, 0.0), (gamma, 1), (0, lam), (1.0, lam), (1, 1.0), (0.0, 0)


def _flags_of_one_kind(rng: Generator) -> Iterator[tuple]:
    """Small rollouts with terminated steps alone, with truncated ones alone, and with both: who changes one of them?"""
    some, never = at(4, 2, (1, 0), (2, 1)), at(4, 2)
    for flags in ((some, never), (never, some), (some, some), (never, never)):
        yield _rollout(rng, *flags)


def without_values(rollout: tuple) -> tuple:
    return rollout[0], *rollout[2:]


def lambda_returns(rng: Generator) -> Iterator[Case]:
    for about, rollout in _rollouts_on(rng):
        yield Case(about, (*without_values(rollout), *_fractions(rng)))
    for about, rollout in _rollouts_with_ends(rng):
        yield Case(about, (*without_values(rollout), *_fractions(rng)), "edges")
    yield behind_an_end(*without_values(nothing_follows(_rollout(rng, *endings(rng, 6, 3)))), *_fractions(rng))
    for gamma, lam in _ends(rng):
        rollout = _rollout(rng, *endings(rng, 6, 3))
        yield Case(f"gamma {gamma:g}, lambda {lam:g}", (*without_values(rollout), gamma, lam), "edges")
    for rollout in _flags_of_one_kind(rng):
        yield keeps_arguments(*without_values(rollout), *_fractions(rng))


def gae(rng: Generator) -> Iterator[Case]:
    for about, rollout in _rollouts_on(rng):
        yield Case(about, (*rollout, *_fractions(rng)))
    for about, rollout in _rollouts_with_ends(rng):
        yield Case(about, (*rollout, *_fractions(rng)), "edges")
    yield behind_an_end(*nothing_follows(_rollout(rng, *endings(rng, 6, 3))), *_fractions(rng))
    for gamma, lam in _ends(rng):
        yield Case(f"gamma {gamma:g}, lambda {lam:g}", (*_rollout(rng, *endings(rng, 6, 3)), gamma, lam), "edges")
    for rollout in _flags_of_one_kind(rng):
        yield keeps_arguments(*rollout, *_fractions(rng))


def vtrace(rng: Generator) -> Iterator[Case]:
    def ratios(rollout: tuple, *values: float) -> Tensor:
        """Below, between and above the bars that are used here."""
        chosen = rng.choice(values or (0.25, 0.5, 0.75, 1.25, 1.75, 2.5, 4.0), rollout[0].shape)
        return torch.tensor(chosen, dtype=torch.float32)

    def bars() -> tuple[float, float]:
        return round(rng.uniform(1.8, 2.4), 2), round(rng.uniform(0.8, 1.2), 2)

    def gamma() -> float:
        return _fractions(rng)[0]

    def random() -> tuple:
        return _rollout(rng, *endings(rng, 6, 3))

    for about, rollout in _rollouts_on(rng):
        yield Case(about, (*rollout, ratios(rollout), gamma(), *bars()))
    for about, rollout in _rollouts_with_ends(rng):
        yield Case(about, (*rollout, ratios(rollout), gamma(), *bars()), "edges")
    for about, discount, limits in (
        ("gamma 0", 0.0, bars()),
        ("gamma 1", 1, bars()),
        ("c-bar above rho-bar", gamma(), bars()[::-1]),
        ("c-bar 0: one step alone", gamma(), (2.0, 0.0)),
        ("bars below every ratio", gamma(), (0.25, 0.25)),
        ("bars of infinity: none is clipped", gamma(), (torch.inf, torch.inf)),
        ("the bars as they are by default", gamma(), ()),
        ("rho-bar alone given", gamma(), (2,)),
    ):
        rollout = random()
        yield Case(about, (*rollout, ratios(rollout), discount, *limits), "edges")
    yield behind_an_end(*nothing_follows(random()), ratios(rollout), gamma(), *bars())
    rollout = random()
    yield Case("ratios far from 1", (*rollout, ratios(rollout, 2.0**-12, 1, 2.0**18), gamma(), *bars()), "edges")
    yield Case("every ratio is 1", (*rollout, ratios(rollout, 1), gamma(), 1.0, 1.0), "edges")
    for rollout in _flags_of_one_kind(rng):
        yield keeps_arguments(*rollout, ratios(rollout), gamma(), *bars())


# entropy


def entropy_gradient(logits: Tensor, about: str = "the gradient of the logits") -> Case:
    return Case(about, (0, logits), "edges", "gradient", STOPS)


def entropy(rng: Generator) -> Iterator[Case]:
    N = int(rng.integers(4, 7))
    for A in (3, 4):
        yield Case("random policies", (quarters(rng, N, A),))
    yield Case("as many actions as states", (quarters(rng, 3, 3),))
    yield Case("many states", (quarters(rng, int(rng.integers(33, 201)), 2),))
    yield Case("many actions", (quarters(rng, 2, int(rng.integers(33, 201))),))
    hopeless, nearly_sure = quarters(rng, N, 4), quarters(rng, N, 3)
    hopeless[:, int(rng.integers(4))] = -300.0
    nearly_sure[:, int(rng.integers(3))] += 6
    for about, logits in (
        ("large logits", quarters(rng, N, 3) + 100),
        ("logits far below 0", quarters(rng, N, 3) - 200),
        ("logits far apart", quarters(rng, N, 3) * 120),
        ("nearly sure", nearly_sure),
        ("one state", quarters(rng, 1, 3)),
        ("one action: no choice", quarters(rng, N, 1)),
        ("one state with one action", quarters(rng, 1, 1)),
        ("all actions alike", torch.full((2, int(rng.integers(2, 12))), 1.5)),
    ):
        yield Case(about, (logits,), "edges")
    yield Case("an action whose probability is rounded to 0", (hopeless,), "edges", otherwise=ZERO_PROBABILITY)
    yield entropy_gradient(quarters(rng, N, 3))
    yield entropy_gradient(quarters(rng, 1, 5), "the gradient of the logits of one state")
    yield entropy_gradient(hopeless, "the gradient where a probability is rounded to 0")
    yield entropy_gradient(quarters(rng, N, 3) + 100, "the gradient of large logits")
    yield keeps_arguments(quarters(rng, N, 3))
    yield keeps_arguments(hopeless)


# a2c_loss

ARGUMENTS = ("log_prob", "advantage", "value", "value_target", "entropy")
_GIVEN = ("advantage", "value_target")  # no gradient flows into these


def a2c_gradient(name: str, *arguments: object) -> Case:
    words = FLOWS if name in _GIVEN else STOPS
    return Case(f"the gradient of {name}", (ARGUMENTS.index(name), *arguments), "edges", "gradient", words)


def a2c_loss(rng: Generator) -> Iterator[Case]:
    def batch(T: int, B: int, *scales: float) -> tuple:
        """Everything but the coefficients [T, B]; scales: of the advantage, of values and targets, of the entropy."""
        of_advantage, of_value, of_entropy = scales or (1, 1, 1)
        value, advantage = quarters(rng, T, B, low=2, high=6), quarters(rng, T, B)
        log_prob, H = (torch.tensor(rng.uniform(0.1, 1, (T, B)), dtype=torch.float32) for _ in range(2))
        target = value + quarters(rng, T, B)
        return -log_prob, of_advantage * advantage, of_value * value, of_value * target, of_entropy * H

    def coefficients() -> tuple[float, float]:
        return round(rng.uniform(0.2, 0.9), 2), round(rng.uniform(0.05, 0.15), 2)

    T, B = int(rng.integers(3, 6)), int(rng.integers(2, 4))
    for about, T_, B_ in (
        ("random steps", T, B),
        ("random steps, one more", T + 1, B),
        ("a long rollout", int(rng.integers(150, 201)), 1),
        ("many environments", 2, int(rng.integers(33, 81))),
    ):
        yield Case(about, (*batch(T_, B_), *coefficients()))
    densities = batch(T, B)
    for about, arguments in (
        ("no bonus for entropy", (*batch(T, B), 0.5, 0.0)),
        ("no loss of values", (*batch(T, B), 0, 0.1)),
        ("the policy's loss alone", (*batch(T, B), 0.0, 0)),
        ("coefficients above 1", (*batch(T, B), 2.5, 1.5)),
        ("one step of one environment", (*batch(1, 1), *coefficients())),
        ("one step", (*batch(1, 4), *coefficients())),
        ("one environment", (*batch(5, 1), *coefficients())),
        ("large advantages", (*batch(T, B, LARGE, 1, 1), *coefficients())),
        ("large values", (*batch(T, B, 1, LARGE, 1), *coefficients())),
        ("small numbers", (*batch(T, B, SMALL, 2.0**-7, SMALL), *coefficients())),
        ("densities, whose logarithms are above 0", (-densities[0], *densities[1:], *coefficients())),
        ("entropies below 0, of densities", (*densities[:4], -densities[4], *coefficients())),
    ):
        yield Case(about, arguments, "edges")
    known = batch(T, B)
    known = (*known[:3], known[2].clone(), known[4])  # a critic without an error: the slope is 0, not NaN
    for name in ARGUMENTS:
        yield a2c_gradient(name, *batch(T, B), *coefficients())
        yield a2c_gradient(name, *batch(1, 1), *coefficients())
    yield a2c_gradient("value", *known, *coefficients())
    yield keeps_arguments(*batch(T, B), *coefficients())
    yield keeps_arguments(*batch(1, 1), 0.0, 0.0)
