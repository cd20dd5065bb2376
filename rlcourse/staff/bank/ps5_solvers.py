"""Problem set 5, conjugate gradients, Fisher-vector products and K-FAC: wrong versions, each with its hint."""

import torch

from rlcourse.staff.bank.ps5_trust_cases import CONJUGATE_GRADIENT, FISHER_VECTOR_PRODUCT, KFAC_PRECONDITION


def _solved(matvec, b, iterations, tol, beta=None, alpha=None, goes=None, moves=1.0, leaves=1.0, enough=None, x=None):
    """Conjugate gradients with switches.

    Args:
        beta, alpha: of the squares after and before (beta), of the square and the product with the direction (alpha).
        goes: the next direction, of what is left now and before, beta and the direction so far.
        moves, leaves: the factors of a step and of what it takes from what is left.
        enough: from which square of what is left on it stops.
        x: where it begins, though what is left is b.
    """
    x, left, direction = torch.zeros_like(b) if x is None else x, b, b
    square = b @ b
    enough = tol**2 * square if enough is None else enough
    for _ in range(iterations):
        if square <= enough:
            break
        product = matvec(direction)
        step = square / (direction @ product) if alpha is None else alpha(square, direction)
        x, before = x + moves * step * direction, left
        left = left - leaves * step * product
        old, square = square, left @ left
        ratio = square / old if beta is None else beta(square, old)
        direction = left + ratio * direction if goes is None else goes(left, before, ratio, direction)
    return x


@CONJUGATE_GRADIENT.mistake(
    "beta-inverted", "The new square over the old one: what is left shrinks, so does the factor."
)
def _(matvec, b, iterations, tol):
    return _solved(matvec, b, iterations, tol, beta=lambda new, old: old / new)


@CONJUGATE_GRADIENT.mistake(
    "steepest-descent", "Each direction is what is left *plus* a part of the one before: else each undoes the last."
)
def _(matvec, b, iterations, tol):
    return _solved(matvec, b, iterations, tol, beta=lambda new, old: 0.0)


@CONJUGATE_GRADIENT.mistake(
    "whole-directions-added", "The direction before counts with v'v over the v'v before, not with 1."
)
def _(matvec, b, iterations, tol):
    return _solved(matvec, b, iterations, tol, beta=lambda new, old: 1.0)


@CONJUGATE_GRADIENT.mistake("beta-not-squared", "The factor is a ratio of squares v'v, not of lengths: no square root.")
def _(matvec, b, iterations, tol):
    return _solved(matvec, b, iterations, tol, beta=lambda new, old: (new / old) ** 0.5)


@CONJUGATE_GRADIENT.mistake("step-without-the-matrix", "The step divides by p'Fp, with the product in it, not by p'p.")
def _(matvec, b, iterations, tol):
    return _solved(matvec, b, iterations, tol, alpha=lambda square, p: square / (p @ p))


@CONJUGATE_GRADIENT.mistake("left-grows", "What a step explains is taken away from what is left: v - alpha Fp.")
def _(matvec, b, iterations, tol):
    return _solved(matvec, b, iterations, tol, leaves=-1.0)


@CONJUGATE_GRADIENT.mistake("steps-backwards", "x goes along the direction: x + alpha p.")
def _(matvec, b, iterations, tol):
    return _solved(matvec, b, iterations, tol, moves=-1.0)


@CONJUGATE_GRADIENT.mistake("begins-at-b", "x begins at 0: what is left is b only there.")
def _(matvec, b, iterations, tol):
    return _solved(matvec, b, iterations, tol, x=b.clone())


@CONJUGATE_GRADIENT.mistake(
    "direction-from-the-old", "The next direction begins with what is left *now*, after the step."
)
def _(matvec, b, iterations, tol):
    return _solved(matvec, b, iterations, tol, goes=lambda left, before, ratio, p: before + ratio * p)


@CONJUGATE_GRADIENT.mistake(
    "one-tensor-under-two-names", "v and p are one tensor, and -= changes both: begin with p = v.clone()."
)
def _(matvec, b, iterations, tol):
    x, left, square = torch.zeros_like(b), b.clone(), b @ b
    direction, enough = left, tol**2 * square
    for _ in range(iterations):
        if square <= enough:
            break
        product = matvec(direction)
        alpha = square / (direction @ product)
        x = x + alpha * direction
        left -= alpha * product
        before, square = square, left @ left
        direction = left + square / before * direction
    return x


@CONJUGATE_GRADIENT.mistake("absolute-tol", "tol is a share of b's length: stop where what is left is at most tol |b|.")
def _(matvec, b, iterations, tol):
    return _solved(matvec, b, iterations, tol, enough=tol**2)


@CONJUGATE_GRADIENT.mistake("tol-of-the-square", "tol is a share of the length: of the square it is tol squared.")
def _(matvec, b, iterations, tol):
    return _solved(matvec, b, iterations, tol, enough=tol * (b @ b))


@CONJUGATE_GRADIENT.mistake(
    "never-stops", "Where nothing is left 0 / 0 is NaN: stop once |v| <= tol |b|, b = 0 included."
)
def _(matvec, b, iterations, tol):
    return _solved(matvec, b, iterations, tol, enough=-1.0)


@CONJUGATE_GRADIENT.mistake("one-product-too-few", "As many products as iterations says: range(iterations).")
def _(matvec, b, iterations, tol):
    return _solved(matvec, b, iterations - 1, tol)


@CONJUGATE_GRADIENT.mistake("one-product-too-many", "As many products as iterations says, the first one counted.")
def _(matvec, b, iterations, tol):
    return _solved(matvec, b, iterations + 1, tol)


@CONJUGATE_GRADIENT.mistake("what-is-left", "Return x, the solution, not what is left of b.")
def _(matvec, b, iterations, tol):
    return b - matvec(_solved(matvec, b, iterations, tol))


def _slopes(kl, params):
    return torch.autograd.grad(kl(), params, create_graph=True)


def _product(kl, params, vector):
    """F u, without damping."""
    along = torch.cat([slope.flatten() for slope in _slopes(kl, params)]) @ vector
    return torch.cat([one.flatten() for one in torch.autograd.grad(along, params)])


@FISHER_VECTOR_PRODUCT.mistake(
    "no-damping", "Add the damping times the vector, to the product: added to the slope, it is lost on the way."
)
def _(kl, params, vector, damping):
    return _product(kl, params, vector)


@FISHER_VECTOR_PRODUCT.mistake(
    "damping-without-the-vector", "(F + zeta I) u = F u + zeta u: the damping times the vector."
)
def _(kl, params, vector, damping):
    return _product(kl, params, vector) + damping


@FISHER_VECTOR_PRODUCT.mistake("damping-of-the-product", "(F + zeta I) u = F u + zeta u: not zeta times F u.")
def _(kl, params, vector, damping):
    return (1 + damping) * _product(kl, params, vector)


@FISHER_VECTOR_PRODUCT.mistake("damping-subtracted", "The damping is added: it makes the matrix larger.")
def _(kl, params, vector, damping):
    return _product(kl, params, vector) - damping * vector


@FISHER_VECTOR_PRODUCT.mistake("damping-blends", "F u keeps its whole weight: it is not a mean of F u and u.")
def _(kl, params, vector, damping):
    return (1 - damping) * _product(kl, params, vector) + damping * vector


@FISHER_VECTOR_PRODUCT.mistake(
    "one-derivative", "The slope of the divergence is 0 where the policy is: differentiate slope times u once more."
)
def _(kl, params, vector, damping):
    return torch.cat([slope.flatten() for slope in _slopes(kl, params)]).detach() + damping * vector


@FISHER_VECTOR_PRODUCT.mistake(
    "layer-by-layer", "The layers' slopes belong into *one* dot product: each alone leaves out how they act together."
)
def _(kl, params, vector, damping):
    slopes, products, begin = _slopes(kl, params), [], 0
    for slope, p in zip(slopes, params, strict=True):
        along = slope.flatten() @ vector[begin : begin + p.numel()]
        products.append(torch.autograd.grad(along, p, retain_graph=True)[0].flatten())
        begin += p.numel()
    return torch.cat(products) + damping * vector


@FISHER_VECTOR_PRODUCT.mistake(
    "vector-afterwards", "The dot product of slope and vector comes before the second derivative, not after it."
)
def _(kl, params, vector, damping):
    total = sum(slope.sum() for slope in _slopes(kl, params))
    sums = torch.cat([one.flatten() for one in torch.autograd.grad(total, params)])
    return (sums + damping) * vector


def _solve(matrix, g):
    """matrix^-1 g, where there is none the shortest one."""
    return torch.linalg.pinv(matrix, hermitian=True) @ g


def _damped(cov, by):
    return cov + by * torch.eye(len(cov))


@KFAC_PRECONDITION.mistake(
    "no-damping", "The damping belongs to the product of both: output_cov kron input_cov + zeta I."
)
def _(gradient, input_cov, output_cov, damping):
    return _solve(input_cov, _solve(output_cov, gradient).T).T


@KFAC_PRECONDITION.mistake(
    "each-damped-by-the-root",
    "Both damped for themselves, by sqrt(zeta), are another matrix: damp the eigenvalues u w.",
)
def _(gradient, input_cov, output_cov, damping):
    left = _solve(_damped(output_cov, damping**0.5), gradient)
    return _solve(_damped(input_cov, damping**0.5), left.T).T


@KFAC_PRECONDITION.mistake("each-damped-whole", "zeta is added once, to the product of both, not to each of the two.")
def _(gradient, input_cov, output_cov, damping):
    return _solve(_damped(input_cov, damping), _solve(_damped(output_cov, damping), gradient).T).T


@KFAC_PRECONDITION.mistake("inputs-alone", "The outputs' covariance counts as well: output_cov kron input_cov.")
def _(gradient, input_cov, output_cov, damping):
    return _solve(_damped(input_cov, damping), gradient.T).T


@KFAC_PRECONDITION.mistake("outputs-alone", "The inputs' covariance counts as well: output_cov kron input_cov.")
def _(gradient, input_cov, output_cov, damping):
    return _solve(_damped(output_cov, damping), gradient)


@KFAC_PRECONDITION.mistake(
    "factors-swapped", "Rows end to end are outputs: output_cov stands first in the Kronecker product."
)
def _(gradient, input_cov, output_cov, damping):
    F = torch.kron(input_cov, output_cov)
    return _solve(_damped(F, damping), gradient.flatten()).reshape(gradient.shape)


@KFAC_PRECONDITION.mistake(
    "columns-end-to-end", "vec puts rows end to end, as flatten does: the gradient is not transposed."
)
def _(gradient, input_cov, output_cov, damping):
    F = torch.kron(output_cov, input_cov)
    return _solve(_damped(F, damping), gradient.T.flatten()).reshape(gradient.T.shape).T


@KFAC_PRECONDITION.mistake(
    "not-transposed-back", "With columns end to end, input_cov comes first; and transpose it back."
)
def _(gradient, input_cov, output_cov, damping):
    F = torch.kron(input_cov, output_cov)
    return _solve(_damped(F, damping), gradient.T.flatten()).reshape(gradient.shape)


@KFAC_PRECONDITION.mistake(
    "multiplied", "The natural gradient is the *inverse* matrix times the gradient: solve, or invert."
)
def _(gradient, input_cov, output_cov, damping):
    return output_cov @ gradient @ input_cov + damping * gradient


@KFAC_PRECONDITION.mistake("damping-added-afterwards", "The damping is added to the matrix, before it is inverted.")
def _(gradient, input_cov, output_cov, damping):
    return _solve(input_cov, _solve(output_cov, gradient).T).T + damping * gradient


@KFAC_PRECONDITION.mistake(
    "added-covariances", "The eigenvalues of a Kronecker product are the products u_i w_j, not sums."
)
def _(gradient, input_cov, output_cov, damping):
    out, wide = gradient.shape
    F = torch.kron(output_cov, torch.eye(wide)) + torch.kron(torch.eye(out), input_cov)
    return _solve(_damped(F, damping), gradient.flatten()).reshape(out, wide)
