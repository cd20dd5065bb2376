"""Problem set 3: the public cases. How hidden ones are drawn is in ps3_draws.py, the wrong versions in ps3.py."""

import torch

from rlcourse.functional import policy_losses, returns, search
from rlcourse.staff.bank import Case, Entry, keeps_arguments, ps3_draws
from rlcourse.staff.bank.drawing import numbers
from rlcourse.staff.bank.ps3_draws import ALL_ZERO, NONE, TIES, TINY, differences, keeps_theta, loss_gradient

_REWARDS = numbers((1, -2), (2, 0.5), (-1, 4), (4, 1))
_LATE = numbers((0,), (0,), (0,), (8,))
_FILLED_UP = numbers((1, -1), (1, 2), (1, 0), (1, 0))

DISCOUNTED_RETURNS = Entry(
    returns.discounted_returns,
    "discounted_returns(rewards, gamma)",
    (
        Case("four steps of two episodes, gamma 1/2", (_REWARDS, 0.5)),
        Case("gamma 0.9", (_REWARDS, 0.9)),
        Case("one episode that pays 1 a step", (torch.ones(5, 1), 0.5)),
        Case("a reward at the end alone", (_LATE, 0.5), "edges"),
        Case("a shorter episode, filled up with zeros", (_FILLED_UP, 0.9), "edges"),
        Case("gamma 1: no discount", (_REWARDS, 1.0), "edges"),
        Case("gamma 0: only the reward counts", (_REWARDS, 0.0), "edges"),
        Case("one step", (_REWARDS[:1], 0.5), "edges"),
        keeps_arguments(_REWARDS, 0.9),
    ),
    ps3_draws.discounted_returns,
)


_LOG_PROB, _WEIGHT = numbers(-0.5, -2, -1, -0.25), numbers(4, 1, 6, 2)

SCORE_FUNCTION_LOSS = Entry(
    policy_losses.score_function_loss,
    "score_function_loss(log_prob, weight)",
    (
        Case("four actions and their returns", (_LOG_PROB, _WEIGHT)),
        Case("three actions", (_LOG_PROB[:3], _WEIGHT[1:])),
        Case("returns below 0", (_LOG_PROB, -_WEIGHT)),
        Case("returns minus a baseline", (_LOG_PROB, _WEIGHT - 3), "edges"),
        Case("one action", (_LOG_PROB[:1], _WEIGHT[:1]), "edges"),
        Case("an action whose probability is rounded to 0", (numbers(-200, -0.5), numbers(1, -4)), "edges"),
        Case("densities, whose logarithms are above 0", (-_LOG_PROB, _WEIGHT), "edges"),
        loss_gradient(0, _LOG_PROB, _WEIGHT),
        loss_gradient(1, _LOG_PROB, _WEIGHT),
        keeps_arguments(_LOG_PROB, _WEIGHT),
    ),
    ps3_draws.score_function_loss,
)


_SCORE_SQ, _RETURNS = numbers(1, 4, 0.25, 9), numbers(8, 2, 4, 6)

OPTIMAL_BASELINE = Entry(
    policy_losses.optimal_baseline,
    "optimal_baseline(score_sq, returns)",
    (
        Case("four samples", (_SCORE_SQ, _RETURNS)),
        Case("three samples", (_SCORE_SQ[1:], _RETURNS[:3])),
        Case("small scores", (_SCORE_SQ / 64, _RETURNS)),
        Case("returns of both signs", (_SCORE_SQ, _RETURNS - 5), "edges"),
        Case("a score of 0", (numbers(1, 0, 4), _RETURNS[1:]), "edges"),
        Case("one sample", (_SCORE_SQ[1:2], _RETURNS[1:2]), "edges"),
        Case("tiny scores", (_SCORE_SQ * 2.0**-24, _RETURNS), "edges", otherwise=TINY),
        Case("all scores are 0: the mean return", (torch.zeros(4), _RETURNS), "edges", otherwise=ALL_ZERO),
        keeps_arguments(_SCORE_SQ, _RETURNS),
    ),
    ps3_draws.optimal_baseline,
)


_SCORES = numbers(-2, 5, 1, 9, 3, -1, 7, 0, 2, 4)
_LEVEL = numbers(0, 1, 0, 0, 0, 1, 0, 0, 0, 0)

ELITE_MASK = Entry(
    search.elite_mask,
    "elite_mask(scores, fraction)",
    (
        Case("the best three of ten", (_SCORES, 0.3)),
        Case("the best half", (_SCORES, 0.5)),
        Case("scores below 0", (_SCORES - 20, 0.2)),
        Case("2.7 samples are 3", (_SCORES[:9], 0.3), "edges"),
        Case("2.4 samples are 2", (_SCORES[:8], 0.3), "edges"),
        Case("equal scores at the border: the earlier ones", (_LEVEL, 0.4), "edges", otherwise=TIES),
        Case("all scores are equal: the first ones", (torch.full((10,), 2.0), 0.3), "edges", otherwise=TIES),
        Case("scores that differ by little", (1 + _SCORES / 100_000, 0.3), "edges"),
        Case("one sample", (_SCORES[:1], 0.75), "edges"),
        Case("a share of 0: none", (_SCORES, 0.0), "edges", otherwise=NONE),
        Case("a share of 1: all", (_SCORES, 1.0), "edges"),
        keeps_arguments(_SCORES, 0.3),
    ),
    ps3_draws.elite_mask,
)


_SAMPLES = numbers((1, 2), (-3, 0), (2, -2), (4, 1), (0, 5), (-1, -4))
_OF_SAMPLES = numbers(5, -2, 4, 7, 1, 0)

CEM_REFIT = Entry(
    search.cem_refit,
    "cem_refit(samples, scores, n_elite, min_std)",
    (
        Case("the best three of six", (_SAMPLES, _OF_SAMPLES, 3, 0.125)),
        Case("the best two", (_SAMPLES, _OF_SAMPLES, 2, 0.125)),
        Case("scores below 0", (_SAMPLES, _OF_SAMPLES - 20, 4, 0.125)),
        Case("a least deviation that counts", (_SAMPLES, _OF_SAMPLES, 3, 1.5), "edges"),
        Case("a least deviation of 0", (_SAMPLES, _OF_SAMPLES, 3, 0.0), "edges"),
        Case("an elite of one", (_SAMPLES, _OF_SAMPLES, 1, 0.25), "edges"),
        Case("one parameter", (_SAMPLES[:, :1], _OF_SAMPLES, 3, 0.125), "edges"),
        Case("all samples are elite", (_SAMPLES, _OF_SAMPLES, 6, 0.125), "edges"),
        Case("equal scores at the border", (_SAMPLES, numbers(0, 1, 0, 1, 1, 2), 3, 0.125), "edges", otherwise=TIES),
        keeps_arguments(_SAMPLES, _OF_SAMPLES, 3, 0.25),
    ),
    ps3_draws.cem_refit,
)


_THETA, _A, _B, _C = numbers(1, -0.5), numbers((2, 1), (1, 4)), numbers(3, -1), numbers(1, 2)
_SLOPE = torch.zeros(2, 2), _B, torch.zeros(2)

FINITE_DIFFERENCE_GRADIENT = Entry(
    search.finite_difference_gradient,
    "finite_difference_gradient(f, theta, eps)",
    (
        differences("a polynomial of two parameters", _THETA, 0.5, _A, _B, _C),
        differences("a large step", _THETA, 2.0, _A, _B, _C),
        differences("no curvature: every step is exact", _THETA, 0.25, *_SLOPE),
        differences("one parameter", _THETA[:1], 0.5, _A[:1, :1], _B[:1], _C[:1], part="edges"),
        differences("a small step", *(_THETA.double(), 0.0625), *(x.double() for x in (_A, _B, _C)), part="edges"),
        keeps_theta(_THETA, 0.5, _A, _B, _C),
    ),
    ps3_draws.finite_difference_gradient,
)
