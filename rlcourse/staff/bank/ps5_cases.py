"""Problem set 5, losses, prices and divergences: the public cases. How hidden ones are drawn is in ps5_draws.py."""

from rlcourse.functional import distributions, policy_losses
from rlcourse.staff.bank import Case, Entry, keeps_arguments, ps5_draws
from rlcourse.staff.bank.drawing import numbers
from rlcourse.staff.bank.ps5_draws import (
    ZERO_PROBABILITY,
    advantage_gradient,
    gaussian_gradient,
    q_gradient,
    ratio_gradient,
)

_RATIO = numbers(0.5, 2, 1.25, 0.25, 4, 0.9375)
_ADVANTAGE = numbers(2, -1, 4, -3, 0.5, 1)

SURROGATE_LOSS = Entry(
    policy_losses.surrogate_loss,
    "surrogate_loss(ratio, advantage)",
    (
        Case("six steps", (_RATIO, _ADVANTAGE)),
        Case("three steps", (_RATIO[1:4], _ADVANTAGE[1:4])),
        Case("advantages below 0", (_RATIO, -_ADVANTAGE.abs())),
        Case("every ratio is 1", (0 * _RATIO + 1, _ADVANTAGE), "edges"),
        Case("one step", (_RATIO[1:2], _ADVANTAGE[1:2]), "edges"),
        Case("an action that the new policy never takes", (numbers(0, 1.5), numbers(2, 1)), "edges"),
        ratio_gradient(_RATIO, _ADVANTAGE),
        advantage_gradient(_RATIO, _ADVANTAGE),
        keeps_arguments(_RATIO, _ADVANTAGE),
    ),
    ps5_draws.surrogate_loss,
)


PPO_CLIP_LOSS = Entry(
    policy_losses.ppo_clip_loss,
    "ppo_clip_loss(ratio, advantage, eps)",
    (
        Case("six steps", (_RATIO, _ADVANTAGE, 0.125)),
        Case("another eps", (_RATIO, _ADVANTAGE, 0.5)),
        Case("advantages above 0: it went too far, or the wrong way", (numbers(2, 0.5), numbers(1, 1), 0.2)),
        Case("advantages below 0: it went the wrong way, or too far", (numbers(2, 0.5), numbers(-1, -1), 0.2)),
        Case("ratios that are not clipped", (numbers(0.9375, 1.0625), numbers(2, -3), 0.2)),
        Case("one step", (_RATIO[:1], _ADVANTAGE[:1], 0.25), "edges"),
        Case("eps 0", (_RATIO, _ADVANTAGE, 0.0), "edges"),
        Case("eps above 1: only large ratios are clipped", (_RATIO, _ADVANTAGE, 1.5), "edges"),
        Case("an action that the new policy never takes", (numbers(0, 0), numbers(2, -1), 0.2), "edges"),
        ratio_gradient(_RATIO, _ADVANTAGE, 0.125),
        advantage_gradient(_RATIO, _ADVANTAGE, 0.125),
        keeps_arguments(_RATIO, _ADVANTAGE, 0.125),
    ),
    ps5_draws.ppo_clip_loss,
)


ADAPTIVE_KL_COEF = Entry(
    policy_losses.adaptive_kl_coef,
    "adaptive_kl_coef(beta, kl, target_kl)",
    (
        Case("it moved too little", (0.8, 0.0125, 0.02)),
        Case("it moved far too little", (0.8, 0.001, 0.02)),
        Case("it moved as it should", (0.8, 0.017, 0.02)),
        Case("it moved a little further than it should", (0.8, 0.028, 0.02)),
        Case("it moved too far", (0.8, 0.035, 0.02)),
        Case("it moved far too far", (0.8, 0.5, 0.02)),
        Case("exactly at the lower bound: it stays", (3.0, 0.5, 0.75), "edges"),
        Case("exactly at the upper bound: it stays", (3.0, 1.125, 0.75), "edges"),
        Case("an estimate below 0", (0.5, -0.03, 0.01), "edges"),
        Case("no divergence at all", (0.5, 0.0, 0.01), "edges"),
        Case("a price of 1, a whole number", (1, 0.001, 0.01), "edges"),
    ),
    ps5_draws.adaptive_kl_coef,
)


_P = numbers((1, 2, -1), (0.5, -0.5, 0), (0, -2, 1), (-3, -1, 2))
_Q = numbers((0, 1, 1), (1, 0.5, -2), (0.5, 0, -1), (-1, 0, 1))

CATEGORICAL_KL = Entry(
    distributions.categorical_kl,
    "categorical_kl(p_logits, q_logits)",
    (
        Case("four states, three actions", (_P, _Q)),
        Case("as many actions as states", (_P[:3], _Q[:3])),
        Case("two actions", (_P[:, :2], _Q[:, :2])),
        Case("a fair coin and one that shows heads 3 times in 4", (numbers((0, 0)), numbers((3, 1)).log())),
        Case("the same policy twice: 0", (_P, _P.clone()), "edges"),
        Case("policies that differ by a constant logit: 0", (_P, _P + 2), "edges"),
        Case("large logits", (_P + 100, _Q + 100), "edges"),
        Case(
            "an action whose probability is rounded to 0 in p",
            (numbers((0, -300, 0), (500, 1, 2)), _Q[:2]),
            "edges",
            otherwise=ZERO_PROBABILITY,
        ),
        Case("one state", (_P[:1], _Q[:1]), "edges"),
        Case("one action: no choice", (_P[:2, :1], _Q[:2, :1]), "edges"),
        q_gradient(_P, _Q),
        keeps_arguments(_P, _Q),
    ),
    ps5_draws.categorical_kl,
)


_MEANS = numbers((1, -0.5), (0, 2), (-1, 0.25)), numbers((0.5, 0.5), (2, 1), (-1, -0.75))
_LOG_STDS = numbers((0.25, -0.5), (0.5, 1), (-1, 0)), numbers((-0.25, 0.5), (0.75, -0.5), (0.5, -1))
_GAUSSIANS = _MEANS[0], _LOG_STDS[0], _MEANS[1], _LOG_STDS[1]
_UNIT = numbers((0, 0))

GAUSSIAN_KL = Entry(
    distributions.gaussian_kl,
    "gaussian_kl(p_mean, p_log_std, q_mean, q_log_std)",
    (
        Case("three states, two dimensions", _GAUSSIANS),
        Case("as many dimensions as states", tuple(x[:2] for x in _GAUSSIANS)),
        Case("means apart, deviations of 1", (numbers((1, 2)), _UNIT, numbers((0, 0)), _UNIT)),
        Case("the same means", (_MEANS[0], _LOG_STDS[0], _MEANS[0], _LOG_STDS[1])),
        Case("the same policy twice: 0", (*_GAUSSIANS[:2], *_GAUSSIANS[:2]), "edges"),
        Case("one dimension", tuple(x[:, :1] for x in _GAUSSIANS), "edges"),
        Case("one state", tuple(x[:1] for x in _GAUSSIANS), "edges"),
        Case("a p that is nearly sure", (_MEANS[0], _LOG_STDS[0] - 8, _MEANS[1], _LOG_STDS[1]), "edges"),
        gaussian_gradient(2, *_GAUSSIANS),
        gaussian_gradient(3, *_GAUSSIANS),
        keeps_arguments(*_GAUSSIANS),
    ),
    ps5_draws.gaussian_kl,
)
