"""Problem set 5, trust regions: how hidden cases are drawn. As ps4_draws.py.

Matrices are far from singular, so that single precision and another order of a sum agree. What a line search ends with
hangs on comparisons: no try comes near a bound, unless it meets it exactly.
"""

from collections.abc import Iterator

import torch
from numpy.random import Generator
from torch import Tensor

from rlcourse.staff.bank import CHANGED, Case, keeps_arguments
from rlcourse.staff.bank.drawing import LARGE, SMALL, quarters

INF = float("inf")
# Where 0 is divided by 0 or NaN compared, the failure says itself what is wrong, whatever other mistake there is.
NOTHING_LEFT = "nothing is left of b here, and 0 / 0 is NaN: no product, no step follows, and x stays as it is"
NO_GRADIENT = "the gradient is 0 here, and 0 / 0 is NaN: the step is 0"
NOT_A_NUMBER = "a try at which the objective or the divergence is NaN fails as any other, and the next one is shorter"


def _positive(rng: Generator, D: int, least: float = 1.0) -> Tensor:
    """A symmetric matrix [D, D] whose eigenvalues are at least `least`, none of them like another."""
    B = quarters(rng, D, D, low=-1, high=1)
    return B @ B.T + least * torch.eye(D)


# conjugate_gradient


def solve(about: str, *arguments: object, part: str = "values", otherwise: str = "") -> Case:
    return Case(about, arguments, part, "solve_by_products", otherwise)


def solved_at_once(about: str, *arguments: object) -> Case:
    return solve(about, *arguments, part="edges", otherwise=NOTHING_LEFT)


def keeps_b(*arguments: object) -> Case:
    return Case("b stays as it is", arguments, "edges", "solve_keeps_b", CHANGED)


def conjugate_gradient(rng: Generator) -> Iterator[Case]:
    D = int(rng.integers(4, 7))
    F, b = _positive(rng, D, 3.0), quarters(rng, D)
    yield solve("as many products as there are parameters", F, b, D, 1e-10)
    yield solve("one product", _positive(rng, D, 3.0), quarters(rng, D), 1, 1e-10)
    yield solve("two products", _positive(rng, D, 3.0), quarters(rng, D), 2, 1e-10)
    yield solve("three products", _positive(rng, D + 1, 3.0), quarters(rng, D + 1), 3, 1e-10)
    wide = int(rng.integers(40, 80))
    yield solve("many parameters, a few products", _positive(rng, wide, 8.0), quarters(rng, wide), 3, 1e-10)
    stretched = torch.diag(torch.tensor([0.125, 1.0, 2.0, 8.0])[torch.from_numpy(rng.permutation(4))])
    for about, *arguments in (
        ("no product at all: 0", F, b, 0, 1e-10),
        ("one parameter", torch.tensor([[float(rng.uniform(0.5, 4))]]), quarters(rng, 1), 1, 1e-6),
        (
            "two different eigenvalues: two products",
            torch.diag(torch.tensor([1.0, 4, 1, 4, 1])),
            quarters(rng, 5),
            2,
            0,
        ),
        ("more products than parameters", F, b, D + 4, 1e-5),
        ("a badly scaled matrix", stretched, quarters(rng, 4), 3, 1e-8),
        ("a tol that stops it after some products", stretched, quarters(rng, 4), 4, round(rng.uniform(0.2, 0.3), 3)),
        ("a tol above 1: nothing is done", F, b, D, 2),
        ("a large b and a tol", F, LARGE * quarters(rng, D), D, 0.05),
        ("a small b and a tol", F, SMALL * quarters(rng, D), D, 0.05),
        ("a large matrix", LARGE * F, b, D, 1e-10),
        ("a small matrix", SMALL * F, b, D, 1e-10),
    ):
        yield solve(about, *arguments, part="edges")
    yield solved_at_once("b is 0: so is the solution", F, 0 * b, D, 1e-10)
    yield solved_at_once("b is 0 and so is tol", F, 0 * b, D, 0)
    yield solved_at_once("nothing is left after one product", 2 * torch.eye(D), b, D, 0.0)
    yield solved_at_once("nothing is left of one parameter", torch.tensor([[4.0]]), quarters(rng, 1), 5, 0.0)
    yield keeps_b(F, b, D, 1e-10)
    yield keeps_b(F, quarters(rng, D), 1, 0.0)


# fisher_vector_product


def bowl(about: str, *arguments: object, part: str = "values") -> Case:
    return Case(about, arguments, part, "curvature_of_a_bowl")


def policy(about: str, *arguments: object, part: str = "values") -> Case:
    return Case(about, arguments, part, "curvature_of_a_policy")


def stacked(*arguments: object) -> Case:
    return Case("slopes that do not lie in one piece of memory", arguments, "edges", "curvature_of_a_stacked_policy")


def twice(*arguments: object) -> Case:
    words = "asked a second time it answers differently: gradients of the first call are left behind"
    return Case("the same product twice", arguments, "edges", "two_products", words)


def layers(rng: Generator, *widths: int) -> list[Tensor]:
    """Weights and biases of a network, W, b, W, b, ..; widths: of its inputs, its hidden layers, its outputs."""
    pairs = zip(widths, widths[1:], strict=False)
    return [x for wide, out in pairs for x in (quarters(rng, out, wide, low=-1, high=1), quarters(rng, out))]


def _size(of: list[Tensor]) -> int:
    return sum(layer.numel() for layer in of)


def fisher_vector_product(rng: Generator) -> Iterator[Case]:
    def damping() -> float:
        return round(rng.uniform(0.05, 0.5), 2)

    def of_bowl(*shapes: tuple[int, ...]) -> tuple:
        params = [quarters(rng, *shape) for shape in shapes]
        D = _size(params)
        return params, _positive(rng, D), quarters(rng, D)

    def of_policy(rows: int, *widths: int) -> tuple:
        params = layers(rng, *widths)
        return params, quarters(rng, rows, widths[0], low=-1, high=1), quarters(rng, _size(params))

    rows = int(rng.integers(5, 9))
    yield bowl("a matrix and a vector of parameters", *of_bowl((2, 3), (2,)), damping())
    yield bowl("three tensors of parameters", *of_bowl((3,), (2, 2), (1,)), damping())
    yield policy("a policy of one layer", *of_policy(rows, 2, 3), damping())
    yield policy("a policy of two layers", *of_policy(rows, 2, 3, 2), damping())
    yield policy("a policy of three layers", *of_policy(rows, 2, 3, 2, 3), damping())
    yield policy("many states", *of_policy(int(rng.integers(65, 129)), 3, 2), damping())
    params, seen, u = of_policy(rows, 2, 3)
    for about, ask, *arguments in (
        ("no damping", policy, *of_policy(rows, 2, 2), 0.0),
        ("no damping, a whole number", bowl, *of_bowl((2, 2), (2,)), 0),
        ("a damping above 1", bowl, *of_bowl((2, 2), (2,)), 2.5),
        ("one parameter", bowl, *of_bowl((1,)), damping()),
        ("one tensor of parameters", bowl, *of_bowl((2, 2)), damping()),
        ("one state", policy, *of_policy(1, 2, 3), damping()),
        ("one action: no curvature, the damping alone", policy, *of_policy(rows, 2, 1), damping()),
        ("states of 0: the weights do not matter", policy, params, 0 * seen, u, damping()),
        ("a vector of 0", policy, params, seen, 0 * u, damping()),
        ("a large vector", policy, params, seen, LARGE * u, damping()),
        ("a small vector", policy, params, seen, SMALL * u, damping()),
    ):
        yield ask(about, *arguments, part="edges")
    yield stacked(*of_policy(rows, 2, 3), damping())
    yield twice(*of_policy(rows, 2, 3), damping())
    yield twice(*of_policy(rows, 2, 2, 2), 0.0)


# natural_step


def no_step(*arguments: object) -> Case:
    return Case("no gradient: no step", arguments, "edges", otherwise=NO_GRADIENT)


def natural_step(rng: Generator) -> Iterator[Case]:
    def pair(D: int) -> tuple[Tensor, Tensor]:
        """A gradient and a natural one."""
        g = quarters(rng, D)
        return g, _positive(rng, D, 0.5) @ g

    def max_kl() -> float:
        return round(rng.uniform(0.005, 0.05), 4)

    D = int(rng.integers(3, 6))
    for about, size in (("random gradients", D), ("one parameter more", D + 1), ("many parameters", 20 * D)):
        yield Case(about, (*pair(size), max_kl()))
    (g, x), none = pair(D), torch.zeros(D)
    for about, *arguments in (
        ("the natural gradient is the gradient", g, g.clone(), max_kl()),
        ("one parameter", *pair(1), max_kl()),
        ("a large gradient", LARGE * g, LARGE * x, max_kl()),
        ("a small gradient", SMALL * g, SMALL * x, max_kl()),
        ("a curvature near 0", g, LARGE * x, max_kl()),
        ("a large curvature", g, SMALL * x, max_kl()),
        ("a bound of 2", g, x, 2),
        ("a small bound", g, x, 1e-6),
    ):
        yield Case(about, tuple(arguments), "edges")
    yield no_step(none, none.clone(), max_kl())
    yield no_step(none[:1], none[:1].clone(), 0.5)
    yield keeps_arguments(*pair(D), max_kl())
    yield keeps_arguments(*pair(1), 0.5)


# backtracking_line_search


def line(about: str, arguments: tuple, part: str = "values", otherwise: str = "") -> Case:
    return Case(about, arguments, part, "search_a_line", otherwise)


def not_a_number(about: str, arguments: tuple) -> Case:
    return line(about, arguments, "edges", NOT_A_NUMBER)


def keeps_start(arguments: tuple) -> Case:
    return Case("start and step stay as they are", arguments, "edges", "search_keeps_start_and_step", CHANGED)


def line_search(rng: Generator) -> Iterator[Case]:
    def on_a_line(
        tries: int = 6,
        rises: float = 1.0,
        turns: float = 9.0,
        allowed: float = 9.0,
        shrink: float = 0.0,
        edge: float = INF,
        kl_edge: float = INF,
        D: int = 3,
    ) -> tuple:
        """The arguments of a search along a step.

        Args:
            tries: how many at most.
            rises: the objective's slope along the whole step; -1: it falls.
            turns: up to which share of the step the objective is higher than at start.
            allowed: up to which share of it the divergence is within its bound.
            shrink: 0: it is drawn.
            edge, kl_edge: beyond which share of it objective and divergence are NaN.
            D: how many parameters.
        """
        step, start = quarters(rng, D), quarters(rng, D)
        square, max_kl = float(step @ step), round(rng.uniform(0.01, 0.05), 3)
        slope = step * (rises / square)
        numbers = 2 * abs(rises) / turns / square, round(rng.uniform(-3, 3), 2), edge * square**0.5
        divergence = 2 * max_kl / allowed**2 / square, kl_edge * square**0.5
        return slope, *numbers, *divergence, start, step, max_kl, shrink or round(rng.uniform(0.45, 0.55), 2), tries

    yield line("the whole step will do", on_a_line())
    yield line("the divergence is too large at first", on_a_line(allowed=0.4))
    yield line("the divergence is too large for long", on_a_line(allowed=0.15))
    yield line("the objective is too low at first", on_a_line(turns=0.7))
    yield line("the objective is too low for long", on_a_line(turns=0.15))
    yield line("both ask for a shorter step", on_a_line(turns=0.7, allowed=0.4))
    yield line("the first try that will do is not the best one", on_a_line(turns=1.2))
    yield line("it shrinks slowly", on_a_line(allowed=0.55, shrink=0.8, tries=10))
    yield line("it shrinks fast", on_a_line(allowed=0.05, shrink=0.2))
    for about, arguments in (
        ("the objective falls everywhere: start", on_a_line(rises=-1.0)),
        ("no try is near enough: start", on_a_line(allowed=0.1, tries=2)),
        ("the last try that is left", on_a_line(allowed=0.4, tries=3)),
        ("one try more would have done", on_a_line(allowed=0.4, tries=2)),
        ("one try, which will do", on_a_line(tries=1)),
        ("one try, which will not do", on_a_line(tries=1, turns=0.5)),
        ("no try at all: start", on_a_line(tries=0)),
        ("one parameter", on_a_line(allowed=0.4, D=1)),
        ("many parameters", on_a_line(allowed=0.4, D=int(rng.integers(65, 129)))),
        ("an objective that is the same everywhere: start", on_a_line(rises=0.0)),
    ):
        yield line(about, arguments, "edges")
    yield not_a_number("the objective is NaN at first", on_a_line(edge=0.4))
    yield not_a_number("the divergence is NaN at first", on_a_line(kl_edge=0.4))
    yield not_a_number("both are NaN wherever it looks: start", on_a_line(edge=0.01, kl_edge=0.01, tries=4))
    # By powers of two, so that the bounds are met exactly.
    step, start = torch.tensor([2.0, 0.0]), quarters(rng, 2)
    up = torch.tensor([0.5, 0.0])
    yield line(
        "the divergence is exactly at its bound", (up, 0.0, 1.0, INF, 0.25, INF, start, step, 0.5, 0.5, 3), "edges"
    )
    yield line(
        "the objective is exactly what it was", (up, 0.5, 1.0, INF, 0.25, INF, start, step, 8.0, 0.5, 3), "edges"
    )
    yield line("a step of 0: start", (up, 0.5, 1.0, INF, 0.25, INF, start, 0 * step, 0.5, 0.5, 3), "edges")
    yield keeps_start(on_a_line())
    yield keeps_start(on_a_line(allowed=0.15))
    yield keeps_start(on_a_line(rises=-1.0))


# kfac_precondition


def kfac_precondition(rng: Generator) -> Iterator[Case]:
    def layer(out: int, wide: int, least: float = 0.5) -> tuple[Tensor, Tensor, Tensor]:
        return quarters(rng, out, wide), _positive(rng, wide, least), _positive(rng, out, least)

    def damping() -> float:
        return round(rng.uniform(0.2, 0.9), 2)

    yield Case("two outputs, three inputs", (*layer(2, 3), damping()))
    yield Case("three outputs, two inputs", (*layer(3, 2), damping()))
    yield Case("as many outputs as inputs", (*layer(3, 3), damping()))
    yield Case("a wider layer", (*layer(4, int(rng.integers(7, 11))), damping()))
    g, A, B = layer(2, 3)
    dead = A.clone()
    dead[1], dead[:, 1] = 0, 0
    for about, *arguments in (
        ("no damping", g, A, B, 0.0),
        ("no damping, a whole number", g, A, B, 0),
        ("a large damping", g, A, B, 64.0),
        ("a small damping", g, A, B, 2.0**-10),
        ("one output", *layer(1, 4), damping()),
        ("one input", *layer(4, 1), damping()),
        ("one output and one input", *layer(1, 1), damping()),
        ("no gradient", 0 * g, A, B, damping()),
        ("a large gradient", LARGE * g, A, B, damping()),
        ("a small gradient", SMALL * g, A, B, damping()),
        ("an input that is always 0", g, dead, B, damping()),
        ("no covariance at all: the damping alone", g, 0 * A, 0 * B, damping()),
        ("both covariances are the identity", g, torch.eye(3), torch.eye(2), damping()),
        ("small covariances", g, A / 256, B / 256, 2.0**-14),
    ):
        yield Case(about, tuple(arguments), "edges")
    yield keeps_arguments(*layer(2, 3), damping())
    yield keeps_arguments(*layer(1, 1), 0.0)
