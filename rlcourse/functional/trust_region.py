r"""Steps that change a policy by no more than was asked: natural gradients, line search, K-FAC (lectures 10 and 11).

A policy's parameters are one vector [D] here, all of them end to end. How far a step changes the policy is measured by
its mean Kullback-Leibler divergence, whose value and gradient vanish where the step begins: what is left is its
curvature, the Fisher matrix. It is never formed; products with it are enough. Every function raises ValueError, naming
the argument, on a shape that does not fit, a number out of its range, or NaN.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from rlcourse.contracts.graded import graded
from rlcourse.contracts.inputs import Scalar, bad_argument
from rlcourse.contracts.inputs import Tensor as Numbers

VECTOR = Numbers("D", finite=True)
MAX_KL = Scalar(0, open_ends="low")


@graded(lecture="10", problem_set="ps5", points=3, b=VECTOR, iterations=Scalar(0, whole=True), tol=Scalar(0))
def conjugate_gradient(matvec: Callable[[Tensor], Tensor], b: Tensor, iterations: int, tol: float) -> Tensor:
    r"""The solution of F x = g from products with F alone, for a matrix that is symmetric and positive definite.

    .. math:: x_0 = 0, \quad v_0 = p_0 = g, \qquad \alpha_k = \frac{v_k^\top v_k}{p_k^\top F p_k}

    .. math:: x_{k+1} = x_k + \alpha_k p_k, \quad v_{k+1} = v_k - \alpha_k F p_k, \quad
        p_{k+1} = v_{k+1} + \frac{v_{k+1}^\top v_{k+1}}{v_k^\top v_k} \, p_k

    Here :math:`x_k` is the solution so far, :math:`v_k = g - F x_k` what is left of g (b in the code), and :math:`p_k`
    the direction of the next step.

    Directions are at right angles as F measures angles, so none is undone by a later one: in exact numbers x is the
    solution after as many products as F has different eigenvalues, and usable long before that.

    Source: Hestenes and Stiefel (1952); lecture 10.

    Args:
        matvec: v [D] -> F v [D].
        b: g [D].
        iterations: products at most, >= 0.
        tol: it stops where the norm of what is left is at most tol times that of b, >= 0.

    Returns:
        x [D].

    Raises:
        ValueError: on bad input.
    """
    x, left, direction = torch.zeros_like(b), b, b
    square = b @ b
    enough = tol**2 * square
    for _ in range(iterations):
        if square <= enough:
            break
        product = matvec(direction)
        alpha = square / (direction @ product)
        x, left = x + alpha * direction, left - alpha * product
        before, square = square, left @ left
        direction = left + square / before * direction
    return x


def require_parameters(kl: Callable, params: Sequence[Tensor], vector: Tensor, damping: float) -> None:
    """A list of tensors that ask for gradients, and a vector as long as all of them together."""
    for p in params:
        if not isinstance(p, Tensor) or not p.requires_grad:
            came = "a tensor without requires_grad" if isinstance(p, Tensor) else f"a list with {type(p).__name__}"
            raise bad_argument("params", came, "a list of tensors that ask for gradients")
    total = sum(p.numel() for p in params)
    if len(vector) != total:
        raise bad_argument("vector", f"shape {tuple(vector.shape)}", f"[{total}], one number for each parameter")


@graded(lecture="10", problem_set="ps5", points=3, require=require_parameters, vector=VECTOR, damping=Scalar(0))
def fisher_vector_product(kl: Callable[[], Tensor], params: Sequence[Tensor], vector: Tensor, damping: float) -> Tensor:
    r"""The Fisher matrix times a vector, by differentiating twice: the matrix, D numbers squared, is never formed.

    .. math:: F u = \nabla \big( u^\top \nabla \overline{KL}(\theta) \big), \qquad (F + \zeta I) \, u = F u + \zeta u

    Here :math:`u` is the vector and :math:`\zeta` the damping, which makes up for directions that the batch says
    nothing of; :math:`I` is the identity matrix. The divergence is that from the policy as it is, held fixed, to the
    one that moves.

    Source: Pearlmutter (1994); Schulman et al. (2015), appendix C; lecture 10.

    Args:
        kl: gives the mean divergence, one number with gradient, at the parameters as they are.
        params: the policy's parameters, tensors that ask for gradients.
        vector: u [D], one number for each parameter, concatenated in the order of params.
        damping: zeta >= 0.

    Returns:
        (F + zeta I) u [D], in the same order, without gradient.

    Raises:
        ValueError: on bad input.
    """
    slopes = torch.autograd.grad(kl(), params, create_graph=True, allow_unused=True, materialize_grads=True)
    along = torch.cat([slope.reshape(-1) for slope in slopes]) @ vector.detach()
    products = torch.autograd.grad(along, params, allow_unused=True, materialize_grads=True)
    return torch.cat([product.reshape(-1) for product in products]) + damping * vector.detach()


def require_no_descent(gradient: Tensor, natural_gradient: Tensor, max_kl: float) -> None:
    """x = F^-1 g never points away from g."""
    if gradient @ natural_gradient < 0:
        came = "a direction that lowers the objective"
        raise bad_argument("natural_gradient", came, "F^-1 g of a positive definite F: g^T x >= 0")


@graded(
    lecture="10",
    problem_set="ps5",
    points=2,
    require=require_no_descent,
    gradient=VECTOR,
    natural_gradient=VECTOR,
    max_kl=MAX_KL,
)
def natural_step(gradient: Tensor, natural_gradient: Tensor, max_kl: float) -> Tensor:
    r"""The longest step along the natural gradient that the divergence allows, by its second-order approximation.

    .. math:: \overline{KL} \approx \tfrac12 \Delta^\top F \Delta \le \delta_{KL}, \qquad
        \Delta = \sqrt{\frac{2 \delta_{KL}}{g^\top x}} \; x, \qquad x = F^{-1} g

    Here :math:`x` is the natural gradient and :math:`\Delta` the step. As F x = g, :math:`x^\top F x` is
    :math:`g^\top x`.

    Source: Kakade (2002); Schulman et al. (2015), appendix C; lecture 10.

    Args:
        gradient: g [D], of the objective, which is to rise.
        natural_gradient: x [D].
        max_kl: delta_KL > 0, in nats.

    Returns:
        The step [D], to be added to the parameters; 0 where the gradient is 0.

    Raises:
        ValueError: on bad input.
    """
    square = gradient @ natural_gradient
    length = (2 * max_kl / torch.where(square > 0, square, 1.0)).sqrt()
    return torch.where(square > 0, length, 0.0) * natural_gradient


@graded(
    lecture="10",
    problem_set="ps5",
    points=3,
    start=VECTOR,
    step=VECTOR,
    max_kl=MAX_KL,
    shrink=Scalar(0, 1, open_ends="low high"),
    max_tries=Scalar(0, whole=True),
)
def backtracking_line_search(
    objective: Callable[[Tensor], Tensor | float],
    kl: Callable[[Tensor], Tensor | float],
    start: Tensor,
    step: Tensor,
    max_kl: float,
    shrink: float,
    max_tries: int,
) -> Tensor:
    r"""The first of ever shorter steps that really raises the objective and really stays within the divergence.

    .. math:: \theta_j = \theta + c^j \Delta, \quad j = 0, 1, 2, \ldots: \qquad J(\theta_j) > J(\theta)
        \ \text{ and } \ \overline{KL}(\theta_j) \le \delta_{KL}

    Here :math:`J` is the objective (the surrogate), :math:`\Delta` the full step, and :math:`c` how much of it is kept
    each time, shrink in the code.

    The step's length came from approximations; this looks at the numbers themselves. A try at which either is NaN
    fails as any other.

    Source: Schulman et al. (2015), appendix C; lecture 10.

    Args:
        objective: parameters [D] -> J, one number, which is to rise; called without gradients.
        kl: parameters [D] -> mean divergence of the policy there from the one at start; called without gradients.
        start: theta [D].
        step: Delta [D], the first one that is tried.
        max_kl: delta_KL > 0, in nats.
        shrink: c, between 0 and 1.
        max_tries: how many lengths at most, >= 0.

    Returns:
        The new parameters [D]; start where no try was good.

    Raises:
        ValueError: on bad input.
    """
    with torch.no_grad():
        before = float(objective(start))
        for j in range(max_tries):
            tried = start + shrink**j * step
            if float(objective(tried)) > before and float(kl(tried)) <= max_kl:
                return tried
    return start


def require_covariances(gradient: Tensor, input_cov: Tensor, output_cov: Tensor, damping: float) -> None:
    """Square, symmetric, and as wide as the layer."""
    out, wide = gradient.shape
    for name, cov, n in (("input_cov", input_cov, wide), ("output_cov", output_cov, out)):
        if cov.shape != (n, n):
            raise bad_argument(name, f"shape {tuple(cov.shape)}", f"[{n}, {n}]")
        if not torch.allclose(cov, cov.T, rtol=1e-4, atol=1e-6 * float(cov.abs().max())):
            raise bad_argument(name, "a matrix that is not symmetric", "a covariance")


@graded(
    lecture="11",
    problem_set="ps5",
    points=3,
    require=require_covariances,
    gradient=Numbers("O I", finite=True),
    input_cov=Numbers("N M", finite=True),
    output_cov=Numbers("K L", finite=True),
    damping=Scalar(0),
)
def kfac_precondition(gradient: Tensor, input_cov: Tensor, output_cov: Tensor, damping: float) -> Tensor:
    r"""A layer's natural gradient, where its Fisher matrix is taken for a Kronecker product of two small ones.

    .. math:: \operatorname{vec}(x) = (\Gamma \otimes \Omega + \zeta I)^{-1} \operatorname{vec}(g), \qquad
        x = U \left[ \frac{U^\top g \, W}{u_i w_j + \zeta} \right]_{ij} W^\top

    Here :math:`\Omega = W \operatorname{diag}(w) W^\top` is the covariance of the layer's inputs,
    :math:`\Gamma = U \operatorname{diag}(u) U^\top` that of the gradients at its outputs, :math:`\zeta` the damping,
    :math:`I` the identity matrix, :math:`\operatorname{vec}` a matrix's rows end to end, and :math:`x` the natural
    gradient.

    In the eigenbasis of both the big matrix is diagonal, so the damping is exact. Two inverses, each damped for itself,
    are another matrix.

    Source: Martens and Grosse (2015); Wu et al. (2017); lecture 11.

    Args:
        gradient: g [O, I], a row for each output.
        input_cov: Omega [I, I].
        output_cov: Gamma [O, O].
        damping: zeta >= 0; at 0 both matrices must have full rank.

    Returns:
        x [O, I].

    Raises:
        ValueError: on bad input.
    """
    w, W = torch.linalg.eigh(input_cov)
    u, U = torch.linalg.eigh(output_cov)
    eigenvalues = u.clamp(min=0).unsqueeze(1) * w.clamp(min=0)  # rounding may take a 0 below 0
    return U @ (U.T @ gradient @ W / (eigenvalues + damping)) @ W.T


@graded(
    lecture="11",
    problem_set="ps5",
    step=Numbers("...", finite=True),
    fisher_step=Numbers("...", finite=True),
    max_kl=MAX_KL,
    max_step=Scalar(0, open_ends="low"),
)
def kfac_step_size(step: Tensor, fisher_step: Tensor, max_kl: float, max_step: float) -> Tensor:
    r"""How much of a step to take: as much as the divergence allows, but never more than max_step of it.

    .. math:: \alpha = \min \left( \alpha_{\max}, \sqrt{\frac{2 \delta_{KL}}{\Delta^\top F \Delta}} \right)

    Here :math:`\Delta` is the step.

    Source: Ba, Grosse and Martens (2017); Wu et al. (2017); lecture 11.

    Args:
        step: Delta [...], all layers end to end.
        fisher_step: F Delta, of the same shape.
        max_kl: delta_KL > 0, in nats.
        max_step: alpha_max > 0.

    Returns:
        alpha, one number; max_step where the step is 0.

    Raises:
        ValueError: on bad input.
    """
    square = (step * fisher_step).sum()
    allowed = (2 * max_kl / torch.where(square > 0, square, 1.0)).sqrt()
    return torch.where(square > 0, allowed, max_step).clamp(max=max_step)
