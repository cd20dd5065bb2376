"""Scenarios of problem set 5: what functions make of other functions, of products, divergences and objectives."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rlcourse.homework.scenarios import scenario


def _times(matrix: Tensor, vector: Any) -> Tensor:
    """matrix @ vector, in the vector's precision."""
    v = torch.as_tensor(vector)
    return matrix.to(v.dtype) @ v


@scenario
def solve_by_products(conjugate_gradient: Callable, matrix: Tensor, b: Tensor, iterations: int, tol: float) -> Any:
    """What a function makes of b, given products with a matrix."""
    return conjugate_gradient(partial(_times, matrix), b, iterations, tol)


@scenario
def solve_keeps_b(conjugate_gradient: Callable, matrix: Tensor, b: Tensor, iterations: int, tol: float) -> bool:
    """Whether b is as it was when the products have been taken."""
    before = b.clone()
    conjugate_gradient(partial(_times, matrix), b, iterations, tol)
    return torch.equal(before, b)


@scenario
def curvature_of_a_bowl(
    fisher_vector_product: Callable, layers: list[Tensor], matrix: Tensor, vector: Tensor, damping: float
) -> Any:
    """Products with the curvature of d^T M d / 2, where d is how far the layers have moved: M is that curvature."""
    params = [layer.clone().requires_grad_() for layer in layers]
    start = torch.cat([layer.flatten() for layer in layers])

    def kl() -> Tensor:
        d = torch.cat([p.flatten() for p in params]) - start
        return d @ matrix @ d / 2

    return fisher_vector_product(kl, params, vector, damping)


def _network(layers: list[Tensor], obs: Tensor) -> Tensor:
    """Logits of a network with these weights and biases, W, b, W, b, ..; tanh between its layers."""
    x = obs
    for k in range(0, len(layers), 2):
        x = (x if k == 0 else x.tanh()) @ layers[k].T + layers[k + 1]
    return x


def _policy(layers: list[Tensor], obs: Tensor) -> tuple[list[Tensor], Callable[[], Tensor]]:
    """A network's parameters, and its mean divergence from what it is now."""
    params = [layer.clone().requires_grad_() for layer in layers]
    old = _network(layers, obs).log_softmax(-1)

    def kl() -> Tensor:
        new = _network(params, obs).log_softmax(-1)
        return torch.nn.functional.kl_div(new, old, reduction="batchmean", log_target=True)

    return params, kl


@scenario
def curvature_of_a_policy(
    fisher_vector_product: Callable, layers: list[Tensor], obs: Tensor, vector: Tensor, damping: float
) -> Any:
    """Products with the Fisher matrix of a small softmax policy, its weights and biases in turn."""
    params, kl = _policy(layers, obs)
    return fisher_vector_product(kl, params, vector, damping)


@scenario
def curvature_of_a_stacked_policy(
    fisher_vector_product: Callable, layers: list[Tensor], obs: Tensor, vector: Tensor, damping: float
) -> Any:
    """The same of one layer in a stack of one, as agents hold those of all seeds: its slopes are not contiguous."""
    weight, bias = params = [layer.clone().requires_grad_() for layer in layers]
    old = _network(layers, obs).log_softmax(-1)

    def kl() -> Tensor:
        new = (torch.bmm(obs[None], weight.T[None])[0] + bias).log_softmax(-1)
        return torch.nn.functional.kl_div(new, old, reduction="batchmean", log_target=True)

    return fisher_vector_product(kl, params, vector, damping)


@scenario
def two_products(
    fisher_vector_product: Callable, layers: list[Tensor], obs: Tensor, vector: Tensor, damping: float
) -> tuple:
    """The same product asked for twice."""
    params, kl = _policy(layers, obs)
    return tuple(fisher_vector_product(kl, params, vector.clone(), damping) for _ in range(2))


def _line(
    slope: Tensor, bend: float, level: float, edge: float, price: float, kl_edge: float, start: Tensor
) -> tuple[Callable[[Any], Tensor], Callable[[Any], Tensor]]:
    """An objective, a parabola that is `level` at start, and a divergence; NaN further away than their edges."""

    def objective(theta: Any) -> Tensor:
        d = torch.as_tensor(theta) - start
        return torch.where(d.norm() <= edge, level + slope @ d - bend / 2 * d @ d, torch.nan)

    def kl(theta: Any) -> Tensor:
        d = torch.as_tensor(theta) - start
        return torch.where(d.norm() <= kl_edge, price / 2 * d @ d, torch.nan)

    return objective, kl


@scenario
def search_a_line(
    backtracking_line_search: Callable,
    slope: Tensor,
    bend: float,
    level: float,
    edge: float,
    price: float,
    kl_edge: float,
    start: Tensor,
    step: Tensor,
    max_kl: float,
    shrink: float,
    max_tries: int,
) -> Any:
    """Where a line search ends. With d = theta - start, n its length:

    the objective is level + slope d - bend n^2 / 2, NaN where n > edge; the divergence is price n^2 / 2, NaN where
    n > kl_edge.
    """
    objective, kl = _line(slope, bend, level, edge, price, kl_edge, start.clone())
    return backtracking_line_search(objective, kl, start, step, max_kl, shrink, max_tries)


@scenario
def search_keeps_start_and_step(
    backtracking_line_search: Callable,
    slope: Tensor,
    bend: float,
    level: float,
    edge: float,
    price: float,
    kl_edge: float,
    start: Tensor,
    step: Tensor,
    max_kl: float,
    shrink: float,
    max_tries: int,
) -> bool:
    """Whether start and step are as they were when the search is over."""
    before = start.clone(), step.clone()
    objective, kl = _line(slope, bend, level, edge, price, kl_edge, start.clone())
    backtracking_line_search(objective, kl, start, step, max_kl, shrink, max_tries)
    return torch.equal(before[0], start) and torch.equal(before[1], step)
