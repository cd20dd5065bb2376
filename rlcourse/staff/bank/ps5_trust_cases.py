"""Problem set 5, trust regions: the public cases. How hidden ones are drawn is in ps5_trust_draws.py."""

import torch

from rlcourse.functional import trust_region
from rlcourse.staff.bank import Case, Entry, keeps_arguments, ps5_trust_draws
from rlcourse.staff.bank.drawing import numbers
from rlcourse.staff.bank.ps5_trust_draws import (
    INF,
    bowl,
    keeps_b,
    keeps_start,
    line,
    no_step,
    not_a_number,
    policy,
    solve,
    solved_at_once,
    stacked,
    twice,
)

_F = numbers((4, 1, 0), (1, 3, 1), (0, 1, 2))
_B = numbers(1, 2, -1)
_STRETCHED = numbers((0.125, 0, 0), (0, 1, 0), (0, 0, 8))

CONJUGATE_GRADIENT = Entry(
    trust_region.conjugate_gradient,
    "conjugate_gradient(matvec, b, iterations, tol)",
    (
        solve("three parameters, three products", _F, _B, 3, 1e-10),
        solve("one product", _F, _B, 1, 1e-10),
        solve("two products", _F, _B, 2, 1e-10),
        solve("the matrix of a badly scaled policy", _STRETCHED, _B, 2, 1e-10),
        solved_at_once("b is 0: so is the solution", _F, 0 * _B, 3, 1e-10),
        solved_at_once("nothing is left after one product", 2 * torch.eye(3), _B, 3, 0.0),
        solve("a tol that stops it after some products", _STRETCHED, _B, 3, 0.4, part="edges"),
        solve("a tol that it has not reached after two products", _STRETCHED, _B, 3, 0.25, part="edges"),
        solve("a large b, and a tol in proportion to it", _STRETCHED, 1024 * _B, 3, 0.4, part="edges"),
        solve("no product at all: 0", _F, _B, 0, 1e-10, part="edges"),
        solve("one parameter", numbers((4.0,)), numbers(3.0), 1, 1e-10, part="edges"),
        keeps_b(_F, _B, 3, 1e-10),
    ),
    ps5_trust_draws.conjugate_gradient,
)


_BOWL = [numbers((1, -0.5), (0.25, 2)), numbers(0.5)]
_CURVATURE = numbers((2, 1, 0, 0, 1), (1, 3, 0, -1, 0), (0, 0, 1, 0.5, 0), (0, -1, 0.5, 2, 0), (1, 0, 0, 0, 4))
_U = numbers(1, -1, 2, 0.5, -2)
_LINEAR = [numbers((0.5, -1), (0.25, 0.75)), numbers(0.5, -0.25)]
_DEEP = [*_LINEAR, numbers((1, -0.5), (-0.75, 0.5), (0.25, 1)), numbers(0, 0.5, -0.5)]
_SEEN = numbers((1, 0.5), (-0.5, 1), (0.25, -1), (-1, -0.75))

FISHER_VECTOR_PRODUCT = Entry(
    trust_region.fisher_vector_product,
    "fisher_vector_product(kl, params, vector, damping)",
    (
        bowl("a divergence whose curvature is a known matrix", _BOWL, _CURVATURE, _U, 0.5),
        bowl("a large damping", _BOWL, _CURVATURE, _U, 2.0),
        policy("a policy of one layer", _LINEAR, _SEEN, numbers(1, 2, -1, 0.5, -2, 1), 0.25),
        policy("a policy of two layers", _DEEP, _SEEN, torch.arange(15) / 4 - 2, 0.125),
        bowl("no damping", _BOWL, _CURVATURE, _U, 0.0, part="edges"),
        bowl("one parameter", [numbers(3.0)], numbers((2.0,)), numbers(-1.5), 0.5, part="edges"),
        policy("a vector of 0", _LINEAR, _SEEN, torch.zeros(6), 0.25, part="edges"),
        policy("one state", _LINEAR, _SEEN[:1], numbers(1, 2, -1, 0.5, -2, 1), 0.25, part="edges"),
        stacked(_LINEAR, _SEEN, numbers(1, 2, -1, 0.5, -2, 1), 0.25),
        twice(_LINEAR, _SEEN, numbers(1, 2, -1, 0.5, -2, 1), 0.25),
    ),
    ps5_trust_draws.fisher_vector_product,
)


_G, _X = numbers(2, -1, 0.5), numbers(0.5, -2, 4)

NATURAL_STEP = Entry(
    trust_region.natural_step,
    "natural_step(gradient, natural_gradient, max_kl)",
    (
        Case("three parameters", (_G, _X, 0.01)),
        Case("another bound", (_G, _X, 0.5)),
        Case("two parameters", (_G[:2], _X[:2], 0.02)),
        Case("the natural gradient is the gradient", (_G, _G.clone(), 0.02)),
        no_step(0 * _G, 0 * _X, 0.01),
        Case("one parameter", (numbers(4.0), numbers(0.5), 0.25), "edges"),
        Case("a large gradient", (4096 * _G, _X, 0.01), "edges"),
        keeps_arguments(_G, _X, 0.01),
    ),
    ps5_trust_draws.natural_step,
)


# Along the step d the objective is level + 2 d - bend d^2 / 2, the divergence price d^2 / 2; steps are 1, c, c^2, ..
_UP, _AT, _STEP = numbers(2, 0), numbers(0.5, -1), numbers(1, 0)

BACKTRACKING_LINE_SEARCH = Entry(
    trust_region.backtracking_line_search,
    "backtracking_line_search(objective, kl, start, step, max_kl, shrink, max_tries)",
    (
        line("the whole step will do", (_UP, 1.0, 0.5, INF, 0.01, INF, _AT, _STEP, 0.01, 0.5, 5)),
        line("the divergence is too large at first", (_UP, 1.0, 0.5, INF, 0.1, INF, _AT, _STEP, 0.01, 0.5, 5)),
        line("the objective is too low at first", (_UP, 10.0, 0.5, INF, 0.01, INF, _AT, _STEP, 0.01, 0.5, 5)),
        line("both ask for a shorter step", (_UP, 7.0, 0.5, INF, 0.1, INF, _AT, _STEP, 0.01, 0.5, 5)),
        line("it shrinks slowly", (_UP, 1.0, -2.0, INF, 0.1, INF, _AT, _STEP, 0.01, 0.75, 9)),
        line("the first that will do is not the best one", (_UP, 3.5, -2.0, INF, 0.01, INF, _AT, _STEP, 0.01, 0.5, 5)),
        line(
            "the objective falls everywhere: start", (-_UP, 1.0, 2.0, INF, 0.1, INF, _AT, _STEP, 0.01, 0.5, 5), "edges"
        ),
        line("no try is near enough: start", (_UP, 1.0, 0.5, INF, 8.0, INF, _AT, _STEP, 0.01, 0.5, 3), "edges"),
        line("one try more would have done", (_UP, 1.0, 0.5, INF, 0.1, INF, _AT, _STEP, 0.01, 0.5, 2), "edges"),
        line(
            "the divergence is exactly at its bound",
            (_UP, 1.0, 0.5, INF, 0.25, INF, _AT, _STEP, 0.125, 0.5, 5),
            "edges",
        ),
        line(
            "the objective is exactly what it was", (_UP, 4.0, 0.5, INF, 0.01, INF, _AT, _STEP, 0.01, 0.5, 5), "edges"
        ),
        not_a_number("the objective is NaN at first", (_UP, 1.0, 0.5, 0.3, 0.01, INF, _AT, _STEP, 0.01, 0.5, 5)),
        not_a_number("the divergence is NaN at first", (_UP, 1.0, 0.5, INF, 0.01, 0.3, _AT, _STEP, 0.01, 0.5, 5)),
        line("one parameter", (_UP[:1], 1.0, 0.5, INF, 0.1, INF, _AT[:1], _STEP[:1], 0.01, 0.5, 5), "edges"),
        keeps_start((_UP, 10.0, 0.5, INF, 0.1, INF, _AT, _STEP, 0.01, 0.5, 5)),
    ),
    ps5_trust_draws.line_search,
)


_GRADIENT = numbers((1, -2, 0.5), (4, 0, -1))
_INPUTS, _OUTPUTS = numbers((2, 0.5, 0), (0.5, 1, -0.25), (0, -0.25, 0.5)), numbers((1, 0.5), (0.5, 2))
_SQUARE = numbers((1, 2), (-1, 3)), numbers((2, 0.5), (0.5, 1)), numbers((1, -0.25), (-0.25, 0.5))

KFAC_PRECONDITION = Entry(
    trust_region.kfac_precondition,
    "kfac_precondition(gradient, input_cov, output_cov, damping)",
    (
        Case("two outputs, three inputs", (_GRADIENT, _INPUTS, _OUTPUTS, 0.5)),
        Case("three outputs, two inputs", (_GRADIENT.T.contiguous(), _OUTPUTS, _INPUTS, 0.25)),
        Case("as many outputs as inputs", (*_SQUARE, 0.5)),
        Case("covariances that are diagonal", (_SQUARE[0], numbers((4, 0), (0, 1)), numbers((1, 0), (0, 3)), 1.0)),
        Case("no damping", (_GRADIENT, _INPUTS, _OUTPUTS, 0.0), "edges"),
        Case("both covariances are the identity", (_GRADIENT, torch.eye(3), torch.eye(2), 1.0), "edges"),
        Case("one output and one input", (numbers((3,)), numbers((2,)), numbers((4,)), 1.0), "edges"),
        Case("one output", (_GRADIENT[:1], _INPUTS, numbers((2,)), 0.5), "edges"),
        Case("an input that is always 0", (*_SQUARE[:1], numbers((2, 0), (0, 0)), _SQUARE[2], 0.5), "edges"),
        keeps_arguments(_GRADIENT, _INPUTS, _OUTPUTS, 0.5),
    ),
    ps5_trust_draws.kfac_precondition,
)
