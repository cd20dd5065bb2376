"""Problem set 3: how hidden cases are drawn. Each draw has every kind of edge; sizes and numbers are the seed's.

Shapes are those in which the agents call: [N], [N, D], returns [T, B]. Numbers are quarters in single precision, so
that sums are exact. Scores are equal only where a case is about that, and a fraction of N is never half a sample.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from rlcourse.staff.bank import CHANGED, Case, keeps_arguments
from rlcourse.staff.bank.drawing import LARGE, SMALL, discount, numbers, quarters

WEIGHT = "a gradient flows into the weight: it is a number that was measured, so cut it off with .detach()"
STOPS = "the gradient that arrives at log_prob is not that of the equation: let log_prob's gradient through, unchanged"
ALL_ZERO = "where all scores are 0 that is 0 / 0, and any baseline will do: we agree on the mean return"
TINY = "scores may be tiny: nothing is added to the denominator, and nothing counts as 0 but 0 itself"
TIES = "of equal scores the earlier count as better, and exactly as many are kept as are asked for"
NONE = "round(fraction * N) is 0 here: none is kept"


def discounted_returns(rng: Generator) -> Iterator[Case]:
    for T, B in ((int(rng.integers(3, 6)), 1), (int(rng.integers(5, 8)), 2), (4, 4)):
        yield Case("random rewards", (quarters(rng, T, B), discount(rng)))
    yield Case("a long episode", (quarters(rng, int(rng.integers(150, 201)), 1), 0.99))
    yield Case("many episodes", (quarters(rng, 3, int(rng.integers(33, 81))), discount(rng)))
    late = torch.zeros(6, 2)
    late[-1] = quarters(rng, 2)
    filled_up = quarters(rng, 6, 2)
    filled_up[int(rng.integers(2, 5)) :, 1] = 0
    for about, rewards, gamma in (
        ("gamma 1: no discount", quarters(rng, 5, 2), 1.0),
        ("gamma 1, a whole number, and a long episode", quarters(rng, int(rng.integers(150, 201)), 2), 1),
        ("gamma 0: only the reward counts", quarters(rng, 5, 2), 0.0),
        ("gamma 0, a whole number", quarters(rng, 4, 3), 0),
        ("a reward at the end alone", late, discount(rng)),
        ("a shorter episode, filled up with zeros", filled_up, discount(rng)),
        ("one step", quarters(rng, 1, int(rng.integers(2, 6))), discount(rng)),
        ("one step of one episode", quarters(rng, 1, 1), discount(rng)),
        ("large rewards", quarters(rng, 5, 2) * LARGE, discount(rng)),
        ("small rewards", quarters(rng, 5, 2) * SMALL, discount(rng)),
        ("no rewards at all", torch.zeros(4, 2), discount(rng)),
    ):
        yield Case(about, (rewards, gamma), "edges")
    for rewards, gamma in ((quarters(rng, 4, 2), 0.9), (quarters(rng, 1, 2), 0.5), (late, 1.0), (filled_up, 0.0)):
        yield keeps_arguments(rewards, gamma)


# score_function_loss


def _log_probs(rng: Generator, N: int) -> Tensor:
    """Log-probabilities [N] in quarters, below 0."""
    return torch.tensor(-rng.integers(1, 12, N) / 4, dtype=torch.float32)


def loss_gradient(which: int, log_prob: Tensor, weight: Tensor) -> Case:
    about = ("the gradient of log_prob", "a weight that a network computed")[which]
    return Case(about, (which, log_prob, weight), "edges", "gradient", (STOPS, WEIGHT)[which])


def score_function_loss(rng: Generator) -> Iterator[Case]:
    for N in (3, int(rng.integers(4, 8)), int(rng.integers(33, 201))):
        yield Case("random actions and returns", (_log_probs(rng, N), quarters(rng, N, low=1, high=6)))
    rare = _log_probs(rng, 4)
    rare[int(rng.integers(4))] = -200.0  # its probability is rounded to 0
    sure = _log_probs(rng, 4)
    sure[int(rng.integers(4))] = 0.0
    no_weight = quarters(rng, 4)
    no_weight[int(rng.integers(4))] = 0.0
    for about, log_prob, weight in (
        ("returns minus a baseline", _log_probs(rng, 5), quarters(rng, 5)),
        ("one action", _log_probs(rng, 1), quarters(rng, 1)),
        ("densities, whose logarithms are above 0", -_log_probs(rng, 4), quarters(rng, 4)),
        ("an action whose probability is rounded to 0", rare, quarters(rng, 4)),
        ("an action that was certain", sure, quarters(rng, 4)),
        ("a weight of 0", _log_probs(rng, 4), no_weight),
        ("weights all alike", _log_probs(rng, 4), torch.full((4,), float(quarters(rng, 1)))),
        ("large weights", _log_probs(rng, 5), quarters(rng, 5) * LARGE),
        ("small weights", _log_probs(rng, 5), quarters(rng, 5) * SMALL),
    ):
        yield Case(about, (log_prob, weight), "edges")
    for log_prob, weight in (
        (_log_probs(rng, 4), quarters(rng, 4, low=0, high=6)),
        (rare, no_weight),
        (rare[:1], no_weight[:1]),
    ):
        for which in (0, 1):
            yield loss_gradient(which, log_prob, weight)
    yield loss_gradient(0, sure, quarters(rng, 4))
    yield keeps_arguments(_log_probs(rng, 4), quarters(rng, 4))
    yield keeps_arguments(-_log_probs(rng, 1), no_weight[:1])


# optimal_baseline


def optimal_baseline(rng: Generator) -> Iterator[Case]:
    def samples(N: int, low: float = 1, high: float = 9) -> tuple[Tensor, Tensor]:
        """Squared scores in whole numbers with at least two different ones among them, and returns."""
        score_sq = rng.integers(1, 9, N)
        score_sq[:2] = 1, 9
        return torch.tensor(rng.permutation(score_sq), dtype=torch.float32), quarters(rng, N, low=low, high=high)

    for N in (3, int(rng.integers(4, 8)), int(rng.integers(33, 201))):
        yield Case("random scores and returns", samples(N))
    zeros = torch.zeros(4)
    certain, (score_sq, returns) = samples(5), samples(6)
    certain[0][int(rng.integers(5))] = 0
    one = zeros.clone()
    one[int(rng.integers(4))] = 2.25
    for about, arguments in (
        ("returns of both signs", samples(6, low=-5, high=9)),
        ("returns whose mean is 0", (numbers(1, 2, 4, 8), numbers(3, -3, 1, -1)[rng.permutation(4)])),
        ("no returns at all", (score_sq, torch.zeros(6))),
        ("a score of 0", certain),
        ("a single score that is not 0", (one, quarters(rng, 4))),
        ("one sample", (numbers(2), quarters(rng, 1))),
        ("scores all alike", (torch.full((5,), 0.75), quarters(rng, 5))),
        ("large numbers", (score_sq * LARGE, returns * LARGE)),
        ("small returns", (score_sq, returns * SMALL)),
    ):
        yield Case(about, arguments, "edges")
    yield Case("all scores are 0", (zeros, quarters(rng, 4, low=1, high=9)), "edges", otherwise=ALL_ZERO)
    yield Case("one sample, whose score is 0", (zeros[:1], quarters(rng, 1)), "edges", otherwise=ALL_ZERO)
    yield Case("tiny scores", (score_sq * 2.0**-30, returns), "edges", otherwise=TINY)
    yield keeps_arguments(*samples(4))
    yield keeps_arguments(*certain)
    yield keeps_arguments(zeros, quarters(rng, 4))


# elite_mask


def _different(rng: Generator, N: int) -> Tensor:
    """Scores [N] in quarters, no two alike, the lowest of them first: no one is elite by standing first."""
    scores = rng.permutation(4 * N)[:N] / 4 - N / 2
    lowest = int(scores.argmin())
    scores[[0, lowest]] = scores[[lowest, 0]]
    return torch.tensor(scores, dtype=torch.float32)


def _neighbours(rng: Generator, N: int, kind: type) -> Tensor:
    """Scores [N] in disorder that follow one another as closely as numbers of this kind can."""
    scores = [kind(1.5)]
    while len(scores) < N:
        scores.append(np.nextafter(scores[-1], kind(2)))
    return torch.tensor(np.array(scores)[rng.permutation(N)])


def elite_mask(rng: Generator) -> Iterator[Case]:
    many = int(rng.integers(150, 201))
    for N, fraction in ((10, 0.3), (8, 0.25), (int(rng.integers(11, 15)), 0.4)):
        yield Case("random scores", (_different(rng, N), fraction))
    yield Case("many samples", (_different(rng, many), (many // 5 + 0.1) / many))
    level, pairs = torch.zeros(10), torch.tensor(rng.permutation(np.repeat(np.arange(6.0), 2)), dtype=torch.float32)
    level[torch.tensor(rng.permutation(np.arange(1, 9))[:2])] = 1
    for about, scores, fraction in (
        ("a share that is rounded up", _different(rng, 9), 0.3),
        ("a share that is rounded down", _different(rng, 11), 0.3),
        ("a share of less than half a sample: none", _different(rng, 6), 0.05),
        ("a share of hardly more than half a sample: one", _different(rng, 6), 0.1),
        ("equal scores at the border", level, 0.4),
        ("equal scores at the border, both signs", -level, 0.4),
        ("pairs of equal scores", pairs, 5 / 12),
        ("equal scores inside the elite alone", pairs, 0.5),
        ("many equal scores", torch.tensor(rng.integers(0, 4, many), dtype=torch.float32), (many // 3 + 0.1) / many),
        ("all scores are equal", torch.full((10,), float(rng.integers(1, 9))), 0.3),
        ("a share of 0", _different(rng, 6), 0.0),
        ("a share of 1", _different(rng, 6), 1.0),
        ("a share of 1, a whole number", level, 1),
        ("one sample, kept", quarters(rng, 1), 0.75),
        ("one sample, not kept", quarters(rng, 1), 0.25),
        ("large scores", _different(rng, 9) * LARGE, 0.3),
        ("small scores", _different(rng, 9) * 2.0**-40, 0.3),
        ("scores that differ in the last digit", _neighbours(rng, 9, np.float32), 0.3),
        ("scores that differ in double precision alone", _neighbours(rng, 9, np.float64), 0.3),
    ):
        words = TIES if "equal" in about else NONE if round(fraction * len(scores)) == 0 else ""
        yield Case(about, (scores, fraction), "edges", otherwise=words)
    for scores, fraction in ((_different(rng, 10), 0.3), (level, 0.4), (level[:1], 1.0), (_different(rng, 4), 0.0)):
        yield keeps_arguments(scores, fraction)


# cem_refit


def cem_refit(rng: Generator) -> Iterator[Case]:
    def generation(N: int, D: int) -> tuple[Tensor, Tensor]:
        """Samples, and scores of which no two are alike."""
        return quarters(rng, N, D), _different(rng, N)

    many = int(rng.integers(150, 201))
    for N, D, n_elite in ((6, 2, 3), (8, 3, 4), (int(rng.integers(9, 13)), 2, 5), (many, 2, 40), (12, many // 4, 4)):
        yield Case("random samples", (*generation(N, D), n_elite, 0.125))
    samples, scores = generation(8, 2)
    samples[scores.argsort()[-3:], 0] = 1.5
    level = numbers(1, 1, 0, 1, 1, 0, 2)
    for about, arguments in (
        ("an elite that agrees in one parameter", (samples, scores, 3, 0.5)),
        ("an elite that agrees, and no least deviation", (samples, scores, 3, 0.0)),
        ("a least deviation of 0", (*generation(8, 2), 3, 0)),
        ("a least deviation that always counts", (*generation(8, 2), 3, 9)),
        ("equal scores at the border", (quarters(rng, 7, 2), level, 3, 0.125)),
        ("all scores are equal", (quarters(rng, 7, 2), torch.ones(7), 3, 0.125)),
        ("many equal scores", (quarters(rng, many, 2), torch.tensor(rng.integers(0, 4, many) / 1.0), 9, 0.125)),
        ("all samples are elite", (*generation(5, 2), 5, 0.125)),
        ("an elite of one", (*generation(5, 3), 1, 0.25)),
        ("one sample of one parameter", (*generation(1, 1), 1, 0.25)),
        ("one parameter", (*generation(8, 1), 3, 0.125)),
        ("as many parameters as samples", (*generation(4, 4), 2, 0.125)),
        ("large samples", (quarters(rng, 8, 2) * LARGE, _different(rng, 8), 3, 0.125)),
        ("small samples", (quarters(rng, 8, 2) * SMALL, _different(rng, 8), 3, 0.0)),
        ("large scores", (quarters(rng, 8, 2), _different(rng, 8) * LARGE, 3, 0.125)),
        ("scores that differ in the last digit", (quarters(rng, 9, 2), _neighbours(rng, 9, np.float32), 3, 0.125)),
        ("scores that differ in double precision alone", (quarters(rng, 9, 2), _neighbours(rng, 9, np.float64), 3, 0)),
    ):
        yield Case(about, arguments, "edges", otherwise=TIES if "equal" in about else "")
    yield keeps_arguments(*generation(6, 2), 3, 0.25)
    yield keeps_arguments(samples, level.repeat(2)[:8], 3, 0.0)
    yield keeps_arguments(*generation(2, 1), 1, 0.5)


# finite_difference_gradient


def differences(about: str, *arguments: object, part: str = "values") -> Case:
    """The gradient of c x^3 + x'Ax/2 + b x at theta; arguments: theta, eps, A, b, c."""
    return Case(about, arguments, part, "differences")


def keeps_theta(*arguments: object) -> Case:
    return Case("theta stays as it is", arguments, "edges", "differences_keep_theta", CHANGED)


def finite_difference_gradient(rng: Generator) -> Iterator[Case]:
    def polynomial(D: int) -> tuple[Tensor, Tensor, Tensor]:
        """Curvature of every parameter, each pair coupled, and a cubic term: no mistake goes unseen."""
        A = quarters(rng, D, D, low=0.5, high=3)
        return A + A.T, quarters(rng, D), quarters(rng, D, low=1, high=3)

    for D, eps in ((2, 0.5), (int(rng.integers(3, 5)), 0.25), (int(rng.integers(20, 41)), 0.5)):
        yield differences("a random polynomial", quarters(rng, D), eps, *polynomial(D))
    yield differences("a large step", quarters(rng, 3), 2.0, *polynomial(3))
    yield differences("one parameter", quarters(rng, 1), 0.5, *polynomial(1), part="edges")
    yield differences("a whole number as a step", quarters(rng, 3), 1, *polynomial(3), part="edges")
    yield differences("a step that binary numbers round", quarters(rng, 3), 0.3, *polynomial(3), part="edges")
    yield differences("theta 0", torch.zeros(3), 0.5, *polynomial(3), part="edges")
    small = [x.double() for x in (quarters(rng, 3), *polynomial(3))]
    yield differences("a small step", small[0], 0.0625, *small[1:], part="edges")
    level = torch.zeros(3, 3), torch.zeros(3), torch.zeros(3)
    yield differences("a function that is the same everywhere", quarters(rng, 3), 0.5, *level, part="edges")
    A, b, c = polynomial(3)
    yield differences("large values", quarters(rng, 3), 0.5, A * LARGE, b * LARGE, c * LARGE, part="edges")
    yield differences("small slopes", quarters(rng, 3), 0.5, A * SMALL, b * SMALL, c * SMALL, part="edges")
    yield keeps_theta(quarters(rng, 3), 0.5, *polynomial(3))
    yield keeps_theta(quarters(rng, 1), 0.3, *polynomial(1))
