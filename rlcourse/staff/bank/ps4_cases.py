"""Problem set 4: the public cases, and how the hidden ones are drawn. The wrong versions are in ps4.py.

Rollouts are [T, B] and such as an agent has them: next_values[t] is values[t + 1] as long as an episode goes on, and
another number where it ended. Numbers are quarters in single precision, so that most sums are exact.
"""

from collections.abc import Iterator

import torch
from numpy.random import Generator
from torch import Tensor

from rlcourse.functional import policy_losses, returns
from rlcourse.staff.bank import Case, Entry, keeps_arguments
from rlcourse.staff.bank.drawing import numbers, quarters

STOPS = "the gradient that arrives here is not that of the equation: compute in torch, and detach only what is given"
FLOWS = "a gradient flows into what counts as given, so that the critic learns from the wrong term: detach it"


def _at(T: int, B: int, *places: tuple[int, int]) -> Tensor:
    """Flags [T, B], True at these steps."""
    flags = torch.zeros(T, B, dtype=torch.bool)
    for place in places:
        flags[place] = True
    return flags


def _next(V: Tensor, ends: Tensor, reached: Tensor) -> Tensor:
    """next_values [T, B] of values V [T + 1, B]: where an episode ended, what it reached."""
    return torch.where(ends, reached, V[1:])


def _fractions(rng: Generator) -> tuple[float, float]:
    """gamma and lambda."""
    return round(rng.uniform(0.6, 0.95), 2), round(rng.uniform(0.3, 0.9), 2)


def _rollout(rng: Generator, T: int, B: int, *, ending: bool = False, cut: bool = False, last: bool = False) -> tuple:
    """Rewards, values, next_values and the flags: in the first and the last column an episode ends, or is cut off.

    last: those of the last column end with the rollout.
    """
    t = int(rng.integers(1, T - 3))
    places = [(t, 0), (T - 1 if last else T - 2, B - 1)]
    terminated, truncated = (_at(T, B, *places) if flag else _at(T, B) for flag in (ending, cut))
    if ending and cut:  # the first column's episode ends, the last column's is cut off
        terminated, truncated = _at(T, B, places[0]), _at(T, B, places[1])
    V = quarters(rng, T + 1, B, low=4, high=9)
    reached = quarters(rng, T, B, low=10, high=14)
    return quarters(rng, T, B), V[:-1], _next(V, terminated | truncated, reached), terminated, truncated


def _without_values(rollout: tuple) -> tuple:
    return rollout[0], *rollout[2:]


_REWARDS = numbers((1, 0.5), (-1, 2), (0.5, -0.5), (2, 1), (-0.5, 4))
_V = numbers((4, 8), (6, -4), (2, 10), (8, 12), (16, 6), (-2, 5))
_REACHED = numbers((3, 9), (7, 1), (-6, 20), (10, -3), (1, 14))
_NEVER = _at(5, 2)
_INSIDE, _LATE, _LAST = _at(5, 2, (1, 0), (3, 1)), _at(5, 2, (2, 1)), _at(5, 2, (4, 0), (4, 1))


def _five(terminated: Tensor, truncated: Tensor) -> tuple:
    """Five steps of two environments."""
    return _REWARDS, _V[:-1], _next(_V, terminated | truncated, _REACHED), terminated, truncated


_ENDINGS = (  # what is special about it, and the flags
    ("episodes that end inside", _INSIDE, _NEVER),
    ("episodes that are cut off inside", _NEVER, _INSIDE),
    ("both end with the rollout", _LAST, _NEVER),
)


# lambda_returns


def _draw_lambda_returns(rng: Generator) -> Iterator[Case]:
    T, B = int(rng.integers(5, 8)), int(rng.integers(2, 4))
    for T_ in (T, T + 1):
        yield Case("no episode ends", (*_without_values(_rollout(rng, T_, B)), *_fractions(rng)))
    for about, flags in (
        ("episodes that end inside", {"ending": True}),
        ("episodes that are cut off inside", {"cut": True}),
        ("one that ends and one that is cut off", {"ending": True, "cut": True}),
        ("an end at the rollout's last step", {"ending": True, "last": True}),
    ):
        yield Case(about, (*_without_values(_rollout(rng, T, B, **flags)), *_fractions(rng)), "edges")
    yield Case("lambda 1", (*_without_values(_rollout(rng, T, B, ending=True)), 0.9, 1.0), "edges")
    yield keeps_arguments(*_without_values(_rollout(rng, T, B, ending=True)), *_fractions(rng))


LAMBDA_RETURNS = Entry(
    returns.lambda_returns,
    "lambda_returns(rewards, next_values, terminated, truncated, gamma, lam)",
    (
        Case("five steps of two environments", (*_without_values(_five(_NEVER, _NEVER)), 0.5, 0.5)),
        Case("gamma 0.9, lambda 0.8", (*_without_values(_five(_NEVER, _NEVER)), 0.9, 0.8)),
        *(Case(about, (*_without_values(_five(*flags)), 0.9, 0.5), "edges") for about, *flags in _ENDINGS),
        Case("lambda 0: the one-step target", (*_without_values(_five(_INSIDE, _LATE)), 0.5, 0.0), "edges"),
        Case("lambda 1: the return up to the ending", (*_without_values(_five(_INSIDE, _LATE)), 0.5, 1.0), "edges"),
        Case("one step", tuple(x[:1] for x in _without_values(_five(_NEVER, _NEVER))) + (0.5, 0.75), "edges"),
        keeps_arguments(*_without_values(_five(_INSIDE, _LATE)), 0.5, 0.75),
    ),
    _draw_lambda_returns,
)


# gae


def _draw_gae(rng: Generator) -> Iterator[Case]:
    T, B = int(rng.integers(5, 8)), int(rng.integers(2, 4))
    for T_ in (T, T + 1):
        yield Case("no episode ends", (*_rollout(rng, T_, B), *_fractions(rng)))
    for about, flags in (
        ("episodes that end inside", {"ending": True}),
        ("episodes that are cut off inside", {"cut": True}),
        ("one that ends and one that is cut off", {"ending": True, "cut": True}),
        ("an end at the rollout's last step", {"ending": True, "last": True}),
    ):
        yield Case(about, (*_rollout(rng, T, B, **flags), *_fractions(rng)), "edges")
    yield Case("lambda 1", (*_rollout(rng, T, B, ending=True), 0.9, 1.0), "edges")
    yield keeps_arguments(*_rollout(rng, T, B, ending=True), *_fractions(rng))


GAE = Entry(
    returns.gae,
    "gae(rewards, values, next_values, terminated, truncated, gamma, lam)",
    (
        Case("five steps of two environments", (*_five(_NEVER, _NEVER), 0.5, 0.5)),
        Case("gamma 0.9, lambda 0.8", (*_five(_NEVER, _NEVER), 0.9, 0.8)),
        *(Case(about, (*_five(*flags), 0.9, 0.5), "edges") for about, *flags in _ENDINGS),
        Case("lambda 0: the temporal-difference error", (*_five(_INSIDE, _LATE), 0.5, 0.0), "edges"),
        Case("lambda 1: the return minus the value", (*_five(_INSIDE, _LATE), 0.5, 1.0), "edges"),
        Case("one step", tuple(x[:1] for x in _five(_NEVER, _NEVER)) + (0.5, 0.75), "edges"),
        keeps_arguments(*_five(_INSIDE, _LATE), 0.5, 0.75),
    ),
    _draw_gae,
)


# entropy


def _entropy_gradient(logits: Tensor) -> Case:
    return Case("the gradient of the logits", (0, logits), "edges", "gradient", STOPS)


def _draw_entropy(rng: Generator) -> Iterator[Case]:
    N = int(rng.integers(4, 7))
    for A in (3, 4):
        yield Case("random policies", (quarters(rng, N, A),))
    yield Case("as many actions as states", (quarters(rng, 3, 3),))
    yield Case("large logits", (quarters(rng, N, 3) + 100,), "edges")
    hopeless = quarters(rng, N, 4)
    hopeless[:, int(rng.integers(4))] = -300.0
    yield Case("an action whose probability is rounded to 0", (hopeless,), "edges")
    yield _entropy_gradient(quarters(rng, N, 3))
    yield keeps_arguments(quarters(rng, N, 3))


_LOGITS = numbers((1, 2, -1), (0.5, -0.5, 0), (0, -2, 1), (-3, -1, 2))

ENTROPY = Entry(
    policy_losses.entropy,
    "entropy(logits)",
    (
        Case("four states, three actions", (_LOGITS,)),
        Case("as many actions as states", (_LOGITS[:3],)),
        Case("two actions", (_LOGITS[:, :2],)),
        Case("all actions alike: log 3", (numbers((0, 0, 0), (2, 2, 2)),)),
        Case("large logits", (_LOGITS + 100,), "edges"),
        Case("an action whose probability is rounded to 0", (numbers((0, -300, 0), (500, 1, 2)),), "edges"),
        Case("one state", (_LOGITS[:1],), "edges"),
        _entropy_gradient(_LOGITS),
        keeps_arguments(_LOGITS),
    ),
    _draw_entropy,
)


# a2c_loss

_ARGUMENTS = ("log_prob", "advantage", "value", "value_target", "entropy")
_GIVEN = ("advantage", "value_target")  # no gradient flows into these


def _a2c_gradient(name: str, *arguments: object) -> Case:
    words = FLOWS if name in _GIVEN else STOPS
    return Case(f"the gradient of {name}", (_ARGUMENTS.index(name), *arguments), "edges", "gradient", words)


def _draw_a2c_loss(rng: Generator) -> Iterator[Case]:
    def batch(T: int, B: int) -> tuple:
        """Everything but the coefficients [T, B]; advantages are what the critic is off by."""
        value, advantage = quarters(rng, T, B, low=2, high=6), quarters(rng, T, B)
        log_prob, H = (torch.tensor(rng.uniform(0.1, 1, (T, B)), dtype=torch.float32) for _ in range(2))
        return -log_prob, advantage, value, value + quarters(rng, T, B), H

    def coefficients() -> tuple[float, float]:
        return round(rng.uniform(0.2, 0.9), 2), round(rng.uniform(0.05, 0.15), 2)

    T, B = int(rng.integers(3, 6)), int(rng.integers(2, 4))
    for T_ in (T, T + 1):
        yield Case("random steps", (*batch(T_, B), *coefficients()))
    yield Case("no bonus for entropy", (*batch(T, B), 0.5, 0.0), "edges")
    yield Case("no loss of values", (*batch(T, B), 0.0, 0.1), "edges")
    for name in _ARGUMENTS:
        yield _a2c_gradient(name, *batch(T, B), *coefficients())
    yield keeps_arguments(*batch(T, B), *coefficients())


_LOG_PROB, _ADVANTAGE = numbers((-0.5, -1), (-0.25, -2), (-1.5, -0.75)), numbers((2, -1), (0.5, 3), (-4, 1))
_H = numbers((0.5, 0.25), (0.75, 0.5), (0.25, 0.125))
_BATCH = _LOG_PROB, _ADVANTAGE, _V[:3], _V[:3] + numbers((1, -2), (0.5, 3), (-1, 2)), _H

A2C_LOSS = Entry(
    policy_losses.a2c_loss,
    "a2c_loss(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef)",
    (
        Case("three steps of two environments", (*_BATCH, 0.5, 0.25)),
        Case("other coefficients", (*_BATCH, 0.75, 0.125)),
        Case("no bonus for entropy", (*_BATCH, 0.5, 0.0), "edges"),
        Case("no loss of values", (*_BATCH, 0.0, 0.25), "edges"),
        Case("one step", (*(x[:1, :1] for x in _BATCH), 0.5, 0.25), "edges"),
        *(_a2c_gradient(name, *_BATCH, 0.5, 0.25) for name in _ARGUMENTS),
        keeps_arguments(*_BATCH, 0.5, 0.25),
    ),
    _draw_a2c_loss,
)


# vtrace


def _draw_vtrace(rng: Generator) -> Iterator[Case]:
    def ratios(T: int, B: int) -> Tensor:
        """Below, between and above the bars that are used here."""
        return torch.tensor(rng.choice([0.25, 0.5, 0.75, 1.25, 1.75, 2.5, 4.0], (T, B)), dtype=torch.float32)

    def bars() -> tuple[float, float]:
        return round(rng.uniform(1.8, 2.4), 2), round(rng.uniform(0.8, 1.2), 2)

    T, B = int(rng.integers(5, 8)), int(rng.integers(2, 4))
    for T_ in (T, T + 1):
        yield Case("no episode ends", (*_rollout(rng, T_, B), ratios(T_, B), 0.9, *bars()))
    for about, flags in (
        ("episodes that end inside", {"ending": True}),
        ("episodes that are cut off inside", {"cut": True}),
        ("one that ends and one that is cut off", {"ending": True, "cut": True}),
        ("an end at the rollout's last step", {"ending": True, "last": True}),
    ):
        yield Case(about, (*_rollout(rng, T, B, **flags), ratios(T, B), 0.9, *bars()), "edges")
    yield Case("the bars as they are by default", (*_rollout(rng, T, B), ratios(T, B), 0.8), "edges")
    yield keeps_arguments(*_rollout(rng, T, B, ending=True), ratios(T, B), 0.9, 1.0, 1.0)


_RATIOS = numbers((0.5, 4), (1.5, 0.25), (3, 0.75), (0.75, 2.5), (1.25, 0.5))
_ONES = torch.ones(5, 2)

VTRACE = Entry(
    returns.vtrace,
    "vtrace(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar, c_bar)",
    (
        Case("five steps of two environments", (*_five(_NEVER, _NEVER), _RATIOS, 0.5, 2.0, 1.0)),
        Case("gamma 0.9, both bars 1", (*_five(_NEVER, _NEVER), _RATIOS, 0.9, 1.0, 1.0)),
        *(Case(about, (*_five(*flags), _RATIOS, 0.9, 2.0, 1.0), "edges") for about, *flags in _ENDINGS),
        Case("on-policy: every ratio is 1", (*_five(_INSIDE, _LATE), _ONES, 0.5, 1.0, 1.0), "edges"),
        Case("bars left out: they are 1", (*_five(_INSIDE, _LATE), _RATIOS, 0.5), "edges"),
        keeps_arguments(*_five(_INSIDE, _LATE), _RATIOS, 0.5, 2.0, 1.0),
    ),
    _draw_vtrace,
)
