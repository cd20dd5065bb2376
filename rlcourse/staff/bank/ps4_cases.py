"""Problem set 4: the public cases. How hidden ones are drawn is in ps4_draws.py, the wrong versions in ps4.py."""

import torch
from torch import Tensor

from rlcourse.functional import policy_losses, returns
from rlcourse.staff.bank import Case, Entry, keeps_arguments, ps4_draws
from rlcourse.staff.bank.drawing import behind_an_end, numbers
from rlcourse.staff.bank.ps4_draws import (
    ARGUMENTS,
    ZERO_PROBABILITY,
    a2c_gradient,
    at,
    entropy_gradient,
    next_of,
    nothing_follows,
    without_values,
)

_REWARDS = numbers((1, 0.5), (-1, 2), (0.5, -0.5), (2, 1), (-0.5, 4))
_V = numbers((4, 8), (6, -4), (2, 10), (8, 12), (16, 6), (-2, 5))
_REACHED = numbers((3, 9), (7, 1), (-6, 20), (10, -3), (1, 14))
_NEVER = at(5, 2)
_INSIDE, _LATE, _LAST = at(5, 2, (1, 0), (3, 1)), at(5, 2, (2, 1)), at(5, 2, (4, 0), (4, 1))


def _five(terminated: Tensor, truncated: Tensor) -> tuple:
    """Five steps of two environments."""
    return _REWARDS, _V[:-1], next_of(_V, terminated | truncated, _REACHED), terminated, truncated


_ENDINGS = (  # what is special about it, and the flags
    ("episodes that end inside", _INSIDE, _NEVER),
    ("episodes that are cut off inside", _NEVER, _INSIDE),
    ("both end with the rollout", _LAST, _NEVER),
    ("both flags at once: terminated counts", _INSIDE, _INSIDE),
)


LAMBDA_RETURNS = Entry(
    returns.lambda_returns,
    "lambda_returns(rewards, next_values, terminated, truncated, gamma, lam)",
    (
        Case("five steps of two environments", (*without_values(_five(_NEVER, _NEVER)), 0.5, 0.5)),
        Case("gamma 0.9, lambda 0.8", (*without_values(_five(_NEVER, _NEVER)), 0.9, 0.8)),
        *(Case(about, (*without_values(_five(*flags)), 0.9, 0.5), "edges") for about, *flags in _ENDINGS),
        Case("lambda 0: the one-step target", (*without_values(_five(_INSIDE, _LATE)), 0.5, 0.0), "edges"),
        Case("lambda 1: the return up to the ending", (*without_values(_five(_INSIDE, _LATE)), 0.5, 1.0), "edges"),
        Case("one step", tuple(x[:1] for x in without_values(_five(_NEVER, _NEVER))) + (0.5, 0.75), "edges"),
        behind_an_end(*without_values(nothing_follows(_five(_INSIDE, _NEVER))), 0.5, 0.75),
        keeps_arguments(*without_values(_five(_INSIDE, _LATE)), 0.5, 0.75),
    ),
    ps4_draws.lambda_returns,
)


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
        behind_an_end(*nothing_follows(_five(_INSIDE, _NEVER)), 0.5, 0.75),
        keeps_arguments(*_five(_INSIDE, _LATE), 0.5, 0.75),
    ),
    ps4_draws.gae,
)


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
        Case(
            "an action whose probability is rounded to 0",
            (numbers((0, -300, 0), (500, 1, 2)),),
            "edges",
            otherwise=ZERO_PROBABILITY,
        ),
        Case("one state", (_LOGITS[:1],), "edges"),
        Case("one action: no choice", (_LOGITS[:2, :1],), "edges"),
        entropy_gradient(_LOGITS),
        entropy_gradient(numbers((0, -300, 1)), "the gradient where a probability is rounded to 0"),
        keeps_arguments(_LOGITS),
    ),
    ps4_draws.entropy,
)


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
        *(a2c_gradient(name, *_BATCH, 0.5, 0.25) for name in ARGUMENTS),
        keeps_arguments(*_BATCH, 0.5, 0.25),
    ),
    ps4_draws.a2c_loss,
)


_RATIOS = numbers((0.5, 4), (1.5, 0.25), (3, 0.75), (0.75, 2.5), (1.25, 0.5))
_ONES = torch.ones(5, 2)

VTRACE = Entry(
    returns.vtrace,
    "vtrace(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar, c_bar)",
    (
        Case("five steps of two environments", (*_five(_NEVER, _NEVER), _RATIOS, 0.5, 2.0, 1.0)),
        Case("gamma 0.9, both bars 1", (*_five(_NEVER, _NEVER), _RATIOS, 0.9, 1.0, 1.0)),
        Case("bars below and above 1", (*_five(_NEVER, _NEVER), _RATIOS, 0.5, 0.75, 1.5)),
        *(Case(about, (*_five(*flags), _RATIOS, 0.9, 2.0, 1.0), "edges") for about, *flags in _ENDINGS),
        Case("on-policy: every ratio is 1", (*_five(_INSIDE, _LATE), _ONES, 0.5, 1.0, 1.0), "edges"),
        Case("bars left out: they are 1", (*_five(_INSIDE, _LATE), _RATIOS, 0.5), "edges"),
        behind_an_end(*nothing_follows(_five(_INSIDE, _NEVER)), _RATIOS, 0.5, 2.0, 1.0),
        keeps_arguments(*_five(_INSIDE, _LATE), _RATIOS, 0.5, 2.0, 1.0),
    ),
    ps4_draws.vtrace,
)
