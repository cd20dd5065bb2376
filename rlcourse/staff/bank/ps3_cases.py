"""Problem set 3: the public cases, and how the hidden ones are drawn. The wrong versions are in ps3.py.

Shapes are those in which the agents call: [N], [N, D], returns [T, B]. Numbers are quarters in single precision, so
that sums are exact. Scores are equal only where a case is about that, and a fraction of N is never half a sample.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from rlcourse.functional import policy_losses, returns, search
from rlcourse.staff.bank import CHANGED, Case, Entry, keeps_arguments
from rlcourse.staff.bank.drawing import discount, numbers, quarters

WEIGHT = "a gradient flows into the weight: it is a number that was measured, so cut it off with .detach()"
STOPS = "the gradient that arrives at log_prob is not that of the equation: compute in torch, without .detach()"


# discounted_returns


def _draw_discounted_returns(rng: Generator) -> Iterator[Case]:
    for T, B in ((int(rng.integers(3, 6)), 1), (int(rng.integers(5, 8)), 2), (4, 4)):
        yield Case("random rewards", (quarters(rng, T, B), discount(rng)))
    yield Case("gamma 1: no discount", (quarters(rng, 5, 2), 1.0), "edges")
    late = torch.zeros(6, 2)
    late[-1] = quarters(rng, 2)
    yield Case("a reward at the end alone", (late, discount(rng)), "edges")
    filled_up = quarters(rng, 6, 2)
    filled_up[int(rng.integers(2, 5)) :, 1] = 0
    yield Case("a shorter episode, filled up with zeros", (filled_up, discount(rng)), "edges")
    yield keeps_arguments(quarters(rng, 4, 2), 0.9)


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
    _draw_discounted_returns,
)


# score_function_loss


def _log_probs(rng: Generator, N: int) -> Tensor:
    """Log-probabilities [N] in quarters, below 0."""
    return torch.tensor(-rng.integers(1, 12, N) / 4, dtype=torch.float32)


def _draw_score_function_loss(rng: Generator) -> Iterator[Case]:
    for N in (3, int(rng.integers(4, 8))):
        yield Case("random actions and returns", (_log_probs(rng, N), quarters(rng, N, low=1, high=6)))
    yield Case("returns minus a baseline", (_log_probs(rng, 5), quarters(rng, 5)), "edges")
    yield Case("densities, whose logarithms are above 0", (-_log_probs(rng, 4), quarters(rng, 4)), "edges")
    for which in (0, 1):
        yield _loss_gradient(which, _log_probs(rng, 4), quarters(rng, 4, low=0, high=6))
    yield keeps_arguments(_log_probs(rng, 4), quarters(rng, 4))


def _loss_gradient(which: int, log_prob: Tensor, weight: Tensor) -> Case:
    about = ("the gradient of log_prob", "a weight that a network computed")[which]
    return Case(about, (which, log_prob, weight), "edges", "gradient", (STOPS, WEIGHT)[which])


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
        Case("densities, whose logarithms are above 0", (-_LOG_PROB, _WEIGHT), "edges"),
        _loss_gradient(0, _LOG_PROB, _WEIGHT),
        _loss_gradient(1, _LOG_PROB, _WEIGHT),
        keeps_arguments(_LOG_PROB, _WEIGHT),
    ),
    _draw_score_function_loss,
)


# optimal_baseline


def _draw_optimal_baseline(rng: Generator) -> Iterator[Case]:
    def samples(N: int, low: float = 1, high: float = 9) -> tuple[Tensor, Tensor]:
        """Squared scores in whole numbers with at least two different ones among them, and returns."""
        score_sq = rng.integers(1, 9, N)
        score_sq[:2] = 1, 9
        return torch.tensor(rng.permutation(score_sq), dtype=torch.float32), quarters(rng, N, low=low, high=high)

    for N in (3, int(rng.integers(4, 8))):
        yield Case("random scores and returns", samples(N))
    yield Case("returns of both signs", samples(6, low=-5, high=9), "edges")
    certain = samples(5)
    certain[0][int(rng.integers(5))] = 0
    yield Case("a score of 0", certain, "edges")
    yield Case("all scores are 0", (torch.zeros(4), quarters(rng, 4, low=1, high=9)), "edges")
    yield keeps_arguments(*samples(4))


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
        Case("all scores are 0: the mean return", (torch.zeros(4), _RETURNS), "edges"),
        keeps_arguments(_SCORE_SQ, _RETURNS),
    ),
    _draw_optimal_baseline,
)


# elite_mask


def _different(rng: Generator, N: int) -> Tensor:
    """Scores [N] in quarters, no two alike, the lowest of them first: no one is elite by standing first."""
    scores = rng.permutation(4 * N)[:N] / 4 - N / 2
    lowest = int(scores.argmin())
    scores[[0, lowest]] = scores[[lowest, 0]]
    return torch.tensor(scores, dtype=torch.float32)


def _draw_elite_mask(rng: Generator) -> Iterator[Case]:
    for N, fraction in ((10, 0.3), (8, 0.25), (int(rng.integers(11, 15)), 0.4)):
        yield Case("random scores", (_different(rng, N), fraction))
    yield Case("a share that is rounded up", (_different(rng, 9), 0.3), "edges")
    yield Case("a share that is rounded down", (_different(rng, 11), 0.3), "edges")
    level = torch.zeros(10)
    level[torch.tensor(rng.permutation(np.arange(1, 9))[:2])] = 1
    yield Case("equal scores at the border", (level, 0.4), "edges")
    yield Case("all scores are equal", (torch.full((10,), float(rng.integers(1, 9))), 0.3), "edges")
    yield Case("a share of 0", (_different(rng, 6), 0.0), "edges")
    yield Case("a share of 1", (_different(rng, 6), 1.0), "edges")
    yield keeps_arguments(_different(rng, 10), 0.3)


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
        Case("equal scores at the border: the earlier ones", (_LEVEL, 0.4), "edges"),
        Case("all scores are equal: the first ones", (torch.full((10,), 2.0), 0.3), "edges"),
        Case("a share of 0: none", (_SCORES, 0.0), "edges"),
        Case("a share of 1: all", (_SCORES, 1.0), "edges"),
        keeps_arguments(_SCORES, 0.3),
    ),
    _draw_elite_mask,
)


# cem_refit


def _draw_cem_refit(rng: Generator) -> Iterator[Case]:
    def generation(N: int, D: int) -> tuple[Tensor, Tensor]:
        """Samples, and scores of which no two are alike."""
        return quarters(rng, N, D), _different(rng, N)

    for N, D, n_elite in ((6, 2, 3), (8, 3, 4), (int(rng.integers(9, 13)), 2, 5)):
        yield Case("random samples", (*generation(N, D), n_elite, 0.125))
    samples, scores = generation(8, 2)
    samples[scores.argsort()[-3:], 0] = 1.5
    yield Case("an elite that agrees in one parameter", (samples, scores, 3, 0.5), "edges")
    yield Case("a least deviation of 0", (*generation(8, 2), 3, 0.0), "edges")
    level = numbers(1, 1, 0, 1, 1, 0, 2)
    yield Case("equal scores at the border", (quarters(rng, 7, 2), level, 3, 0.125), "edges")
    yield Case("all samples are elite", (*generation(5, 2), 5, 0.125), "edges")
    yield keeps_arguments(*generation(6, 2), 3, 0.25)


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
        Case("all samples are elite", (_SAMPLES, _OF_SAMPLES, 6, 0.125), "edges"),
        Case("equal scores at the border", (_SAMPLES, numbers(0, 1, 0, 1, 1, 2), 3, 0.125), "edges"),
        keeps_arguments(_SAMPLES, _OF_SAMPLES, 3, 0.25),
    ),
    _draw_cem_refit,
)


# finite_difference_gradient


def _differences(about: str, *arguments: object, part: str = "values") -> Case:
    """The gradient of c x^3 + x'Ax/2 + b x at theta; arguments: theta, eps, A, b, c."""
    return Case(about, arguments, part, "differences")


def _draw_finite_difference_gradient(rng: Generator) -> Iterator[Case]:
    def polynomial(D: int) -> tuple[Tensor, Tensor, Tensor]:
        """Curvature of every parameter, each pair coupled, and a cubic term: no mistake goes unseen."""
        A = quarters(rng, D, D, low=0.5, high=3)
        return A + A.T, quarters(rng, D), quarters(rng, D, low=1, high=3)

    for D, eps in ((2, 0.5), (int(rng.integers(3, 5)), 0.25)):
        yield _differences("a random polynomial", quarters(rng, D), eps, *polynomial(D))
    yield _differences("a large step", quarters(rng, 3), 2.0, *polynomial(3))
    yield _differences("one parameter", quarters(rng, 1), 0.5, *polynomial(1), part="edges")
    small = [x.double() for x in (quarters(rng, 3), *polynomial(3))]
    yield _differences("a small step", small[0], 0.0625, *small[1:], part="edges")
    yield _keeps_theta(quarters(rng, 3), 0.5, *polynomial(3))


def _keeps_theta(*arguments: object) -> Case:
    return Case("theta stays as it is", arguments, "edges", "differences_keep_theta", CHANGED)


_THETA, _A, _B, _C = numbers(1, -0.5), numbers((2, 1), (1, 4)), numbers(3, -1), numbers(1, 2)
_SLOPE = torch.zeros(2, 2), _B, torch.zeros(2)

FINITE_DIFFERENCE_GRADIENT = Entry(
    search.finite_difference_gradient,
    "finite_difference_gradient(f, theta, eps)",
    (
        _differences("a polynomial of two parameters", _THETA, 0.5, _A, _B, _C),
        _differences("a large step", _THETA, 2.0, _A, _B, _C),
        _differences("no curvature: every step is exact", _THETA, 0.25, *_SLOPE),
        _differences("one parameter", _THETA[:1], 0.5, _A[:1, :1], _B[:1], _C[:1], part="edges"),
        _differences("a small step", *(_THETA.double(), 0.0625), *(x.double() for x in (_A, _B, _C)), part="edges"),
        _keeps_theta(_THETA, 0.5, _A, _B, _C),
    ),
    _draw_finite_difference_gradient,
)
