r"""Search without a gradient of one's own: the cross-entropy method and finite differences (lecture 06).

Every function raises ValueError, naming the argument, on a shape that does not fit, a number out of its range, or NaN.
"""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from rlcourse.contracts.graded import graded
from rlcourse.contracts.inputs import Scalar, bad_argument
from rlcourse.contracts.inputs import Tensor as Numbers


@graded(lecture="06", problem_set="ps3", points=2, scores=Numbers("N"), fraction=Scalar(0, 1))
def elite_mask(scores: Tensor, fraction: float) -> Tensor:
    r"""Which samples are among the best: exactly round(fraction N) of them, earlier ones first where scores are equal.

    A half is rounded to the even number, as Python's round does.

    .. math:: m_i = 1 \text{ where fewer than } \operatorname{round}(f N) \text{ samples come before } i,
        \text{ else } 0

    Here :math:`m_i` says whether sample i is kept, :math:`N` is how many there are.

    A sample comes before another if its score is larger, or equal and it stands earlier.

    Source: Rubinstein (1999); lecture 06.

    Args:
        scores: [N], larger is better.
        fraction: how many to keep, in [0, 1].

    Returns:
        Yes or no [N].

    Raises:
        ValueError: on bad input.
    """
    mask = torch.zeros_like(scores, dtype=torch.bool)
    mask[scores.argsort(descending=True, stable=True)[: round(fraction * len(scores))]] = True
    return mask


def require_as_many(samples: Tensor, n_elite: int, **rest: object) -> None:
    """There cannot be more elites than samples."""
    if n_elite > len(samples):
        raise bad_argument("n_elite", f"{n_elite}", f"at most {len(samples)}, the number of samples")


@graded(
    lecture="06",
    problem_set="ps3",
    points=3,
    require=require_as_many,
    samples=Numbers("N D", finite=True),
    scores=Numbers("N"),
    n_elite=Scalar(1, whole=True),
    min_std=Scalar(0),
)
def cem_refit(samples: Tensor, scores: Tensor, n_elite: int, min_std: float) -> tuple[Tensor, Tensor]:
    r"""The Gaussian of the next generation: mean and standard deviation of the best samples.

    .. math:: m = \frac1n \sum_{i \in \text{elite}} x_i, \qquad
        \sigma = \max\Big( \sigma_{\min}, \sqrt{\tfrac1n \textstyle\sum_{i \in \text{elite}} (x_i - m)^2} \Big)

    Here :math:`x_i` are the samples, :math:`n` of them elite, :math:`m` the new mean and :math:`\sigma` the new
    standard deviation.

    Source: Rubinstein (1999); de Boer et al. (2005); lecture 06.

    Args:
        samples: x [N, D].
        scores: [N], larger is better; of equal ones the earlier counts as better.
        n_elite: n, how many to keep, 1 to N.
        min_std: the least standard deviation, >= 0, so that the search does not stop too soon.

    Returns:
        mean [D] and standard deviation [D], that of the population (divided by n).

    Raises:
        ValueError: on bad input.
    """
    elite = samples[scores.argsort(descending=True, stable=True)[:n_elite]]
    return elite.mean(dim=0), elite.std(dim=0, correction=0).clamp(min=min_std)


@graded(lecture="06", problem_set="ps3", points=3, theta=Numbers("...", finite=True), eps=Scalar(0, open_ends="low"))
def finite_difference_gradient(f: Callable[[Tensor], Tensor | float], theta: Tensor, eps: float) -> Tensor:
    r"""The gradient of a function by central differences, one parameter at a time.

    .. math:: \frac{\partial J}{\partial \theta_i} \approx
        \frac{J(\theta + h u_i) - J(\theta - h u_i)}{2 h}

    Here :math:`J` is the function, f in the code, :math:`u_i` the unit vector of parameter i, and :math:`h` half the
    step, eps in the code.

    The error falls with eps^2 where f is smooth; where f is a noisy measurement, its noise is divided by 2 eps.

    Source: Kiefer and Wolfowitz (1952); lecture 06.

    Args:
        f: takes parameters of theta's shape, gives one number; called without gradients.
        theta: where, [...].
        eps: half the step, > 0, in units of theta.

    Returns:
        The gradient, of theta's shape.

    Raises:
        ValueError: on bad input.
    """
    gradient = torch.zeros_like(theta)
    with torch.no_grad():
        for i in np.ndindex(*theta.shape):
            step = torch.zeros_like(theta)
            step[i] = eps
            gradient[i] = (float(f(theta + step)) - float(f(theta - step))) / (2 * eps)
    return gradient
