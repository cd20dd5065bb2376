"""Problem set 5, losses, prices and divergences: how hidden cases are drawn. As ps4_draws.py.

Ratios are such that none lies where a clip begins: there the slope is anybody's choice.
"""

from collections.abc import Iterator

import torch
from numpy.random import Generator
from torch import Tensor

from rlcourse.staff.bank import Case, keeps_arguments
from rlcourse.staff.bank.drawing import LARGE, SMALL, lengths, quarters

STOPS = "the gradient that arrives here is not that of the equation: compute in torch, and detach only what is given"
FLOWS = "a gradient flows into the advantage, which counts as given: detach it"
ZERO_PROBABILITY = "a probability is rounded to 0 here, and 0 log 0 is NaN: begin with log_softmax"
RATIOS = (0.25, 0.5, 0.75, 0.9375, 1.0625, 1.25, 2.0, 4.0)


def ratio_gradient(*arguments: object, about: str = "the gradient of ratio") -> Case:
    return Case(about, (0, *arguments), "edges", "gradient", STOPS)


def advantage_gradient(*arguments: object) -> Case:
    return Case("the gradient of advantage", (1, *arguments), "edges", "gradient", FLOWS)


def _ratios(rng: Generator, N: int, *of: float) -> Tensor:
    """Ratios [N]; where there is room, some too small, some too large, and some near 1."""
    drawn = rng.choice(of or RATIOS, N)
    if N >= 6 and not of:
        drawn[rng.permutation(N)[:6]] = (0.25, 0.75, 0.9375, 1.0625, 1.25, 2.0)
    return torch.tensor(drawn, dtype=torch.float32)


def _batch(rng: Generator, N: int, *of: float) -> tuple[Tensor, Tensor]:
    """Ratios and advantages [N]; each side of 1 meets advantages of both signs, where there is room."""
    ratio, advantage = _ratios(rng, N, *of), quarters(rng, N)
    if N >= 8:
        advantage = advantage.abs() * torch.where(torch.arange(N) % 2 == 0, 1.0, -1.0)
        ratio[:4] = torch.tensor([0.5, 0.25, 2.0, 4.0])
    return ratio, advantage


def _eps(rng: Generator) -> float:
    return round(rng.uniform(0.13, 0.24), 2)


def _batches(rng: Generator) -> Iterator[tuple[str, tuple[Tensor, Tensor]]]:
    """The usual batches."""
    _, some, many = lengths(rng)
    yield "random steps", _batch(rng, 8)
    yield "random steps, one more", _batch(rng, 9)
    yield "more steps", _batch(rng, some)
    yield "many steps", _batch(rng, many)


def _awkward_batches(rng: Generator) -> Iterator[tuple[str, tuple[Tensor, Tensor]]]:
    ratio, advantage = _batch(rng, 8)
    yield "one step", _batch(rng, 1)
    yield "one step with an advantage below 0", (_ratios(rng, 1), -quarters(rng, 1).abs())
    yield "every ratio is 1", (torch.ones(8), advantage)
    yield "an action that the new policy never takes", (torch.cat([torch.zeros(1), ratio]), _batch(rng, 9)[1])
    yield "advantages below 0", (ratio, -advantage.abs())
    yield "advantages above 0", (ratio, advantage.abs())
    yield "advantages of 0", (ratio, 0 * advantage)
    yield "large advantages", (ratio, LARGE * advantage)
    yield "small advantages", (ratio, SMALL * advantage)
    far, gain = _batch(rng, 7, 2.0**-12, 2.0**12)
    yield (
        "ratios far from 1",
        (far, gain.abs()),
    )  # of one sign: in single precision little would be left of a difference


def surrogate_loss(rng: Generator) -> Iterator[Case]:
    for about, batch in _batches(rng):
        yield Case(about, batch)
    for about, batch in _awkward_batches(rng):
        yield Case(about, batch, "edges")
    for N in (8, 1):
        yield ratio_gradient(*_batch(rng, N))
        yield advantage_gradient(*_batch(rng, N))
        yield keeps_arguments(*_batch(rng, N))


def ppo_clip_loss(rng: Generator) -> Iterator[Case]:
    for about, batch in _batches(rng):
        yield Case(about, (*batch, _eps(rng)))
    for about, batch in _awkward_batches(rng):
        yield Case(about, (*batch, _eps(rng)), "edges")
    for about, eps in (
        ("eps 0", 0),
        ("a small eps", 2.0**-10),
        ("eps above 1: only large ratios are clipped", 1.5),
        ("an eps so large that nothing is clipped", 8),
    ):
        yield Case(about, (*_batch(rng, 8), eps), "edges")
    for N in (8, 12, 1):
        yield ratio_gradient(*_batch(rng, N), _eps(rng))
        yield advantage_gradient(*_batch(rng, N), _eps(rng))
        yield keeps_arguments(*_batch(rng, N), _eps(rng))
    yield ratio_gradient(*_batch(rng, 8), 0.0, about="the gradient of ratio with eps 0")


def adaptive_kl_coef(rng: Generator) -> Iterator[Case]:
    def numbers() -> tuple[float, float]:
        """A price and a target."""
        return round(rng.uniform(0.2, 3), 2), round(rng.uniform(0.005, 0.05), 4)

    def times(low: float, high: float) -> tuple[float, float, float]:
        beta, target = numbers()
        return beta, target * rng.uniform(low, high), target

    for about, low, high in (
        ("it moved far too little", 0.05, 0.4),
        ("it moved too little", 0.53, 0.64),
        ("it moved as it should", 0.7, 0.98),
        ("it moved a little further than it should", 1.02, 1.45),
        ("it moved too far", 1.55, 1.9),
        ("it moved far too far", 2.2, 20),
    ):
        yield Case(about, times(low, high))
    beta, target = numbers()
    exact = 0.75 * 2.0 ** -int(rng.integers(3, 8))  # of which 2/3 and 3/2 are exact
    for about, arguments in (
        ("exactly as far as it should", (beta, target, target)),
        ("exactly at the lower bound: it stays", (beta, exact / 1.5, exact)),
        ("exactly at the upper bound: it stays", (beta, 1.5 * exact, exact)),
        ("no divergence at all", (beta, 0.0, target)),
        ("an estimate below 0", (beta, -round(rng.uniform(2, 4), 2) * target, target)),
        ("an estimate a little below 0", (beta, -target, target)),
        ("a large price", (LARGE * beta, 3 * target, target)),
        ("a small price", (SMALL * beta, 0.1 * target, target)),
        ("a price of 1, a whole number", (1, 0.1 * target, target)),
        ("a target above 1", (beta, 2.0, 4)),
    ):
        yield Case(about, arguments, "edges")


# Divergences


def q_gradient(p: Tensor, q: Tensor, about: str = "the gradient of q_logits") -> Case:
    return Case(about, (1, p, q), "edges", "gradient", STOPS)


def categorical_kl(rng: Generator) -> Iterator[Case]:
    def pair(N: int, A: int) -> tuple[Tensor, Tensor]:
        return quarters(rng, N, A), quarters(rng, N, A)

    _, some, many = lengths(rng)
    N = int(rng.integers(4, 7))
    for about, *shape in (
        ("random policies", N, 3),
        ("as many actions as states", 3, 3),
        ("many states", many, 2),
        ("many actions", 2, some),
    ):
        yield Case(about, pair(*shape))
    p, q = pair(N, 4)
    hopeless, unlikely = p.clone(), q.clone()
    hopeless[:, int(rng.integers(4))] = -300.0
    unlikely[:, int(rng.integers(4))] = -40.0
    for about, policies in (
        ("the same policy twice: 0", (p, p.clone())),
        ("policies that differ by a constant logit: 0", (p, p + 2)),
        ("nearly the same policy", (p, p + SMALL * q)),
        ("one state", pair(1, 3)),
        ("one action: no choice", pair(N, 1)),
        ("one state with one action", pair(1, 1)),
        ("large logits", (p + 100, q + 100)),
        ("logits far below 0", (p - 200, q - 150)),
        ("an action that q hardly ever takes", (p, unlikely)),
        ("nearly sure policies", (6 * p, 3 * q)),
    ):
        yield Case(about, policies, "edges")
    yield Case("an action whose probability is rounded to 0 in p", (hopeless, q), "edges", otherwise=ZERO_PROBABILITY)
    yield Case("... and in q", (hopeless, hopeless + p), "edges", otherwise=ZERO_PROBABILITY)
    yield q_gradient(*pair(N, 3))
    yield q_gradient(*pair(1, 5), "the gradient of q_logits of one state")
    yield q_gradient(hopeless, q, "the gradient where a probability is rounded to 0")
    yield keeps_arguments(*pair(N, 3))
    yield keeps_arguments(hopeless, q)


GAUSSIAN = ("p_mean", "p_log_std", "q_mean", "q_log_std")


def gaussian_gradient(which: int, *arguments: Tensor) -> Case:
    return Case(f"the gradient of {GAUSSIAN[which]}", (which, *arguments), "edges", "gradient", STOPS)


def gaussian_kl(rng: Generator) -> Iterator[Case]:
    def pair(N: int, D: int) -> tuple[Tensor, ...]:
        """Means and logarithms of deviations of both."""
        m, s = (lambda: quarters(rng, N, D)), (lambda: quarters(rng, N, D, low=-1, high=1))
        return m(), s(), m(), s()

    _, some, many = lengths(rng)
    N = int(rng.integers(4, 7))
    for about, *shape in (
        ("random policies", N, 3),
        ("two dimensions", N, 2),
        ("many states", many, 2),
        ("many dimensions", 2, some),
    ):
        yield Case(about, pair(*shape))
    pm, ps, qm, qs = pair(N, 3)
    for about, policies in (
        ("the same policy twice: 0", (pm, ps, pm.clone(), ps.clone())),
        ("the same deviations", (pm, ps, qm, ps.clone())),
        ("the same means", (pm, ps, pm.clone(), qs)),
        ("nearly the same policy", (pm, ps, pm + SMALL * qm, ps + SMALL * qs)),
        ("deviations of 1", (pm, 0 * ps, qm, 0 * qs)),
        ("one state", pair(1, 3)),
        ("one dimension", pair(N, 1)),
        ("one state of one dimension", pair(1, 1)),
        ("large means", (1024 * pm, ps, 1024 * qm, qs)),
        ("small means", (SMALL * pm, ps, SMALL * qm, qs)),
        ("a p that is nearly sure", (pm, ps - 12, qm, qs)),
        ("small deviations of both", (SMALL * pm, ps - 8, SMALL * qm, qs - 8)),
        ("large deviations", (pm, ps + 8, qm, qs + 8)),
    ):
        yield Case(about, policies, "edges")
    for which in (2, 3):
        yield gaussian_gradient(which, *pair(N, 2))
        yield gaussian_gradient(which, *pair(1, 1))
    yield keeps_arguments(*pair(N, 3))
    yield keeps_arguments(*pair(1, 1))
