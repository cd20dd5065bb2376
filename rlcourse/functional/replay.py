r"""Prioritised experience replay: how often a transition is drawn, and how its weight makes up for it (lecture 05)."""

from torch import Tensor

from rlcourse.contracts.graded import graded
from rlcourse.contracts.inputs import Scalar
from rlcourse.contracts.inputs import Tensor as Numbers


@graded(
    lecture="05",
    problem_set="ps2",
    points=1,
    td_error=Numbers("...", finite=True),
    alpha=Scalar(0),
    eps=Scalar(0),
)
def priority(td_error: Tensor, alpha: float, eps: float) -> Tensor:
    r"""The priority of a transition: the more it surprised, the more often it is drawn.

    .. math:: p = (|\delta| + \text{eps})^\omega

    Here :math:`p` is the priority, and eps keeps transitions without error in play.

    Source: Schaul et al. (2016), section 3.3 (proportional variant); lecture 05.

    Args:
        td_error: delta [...].
        alpha: omega; 0 draws uniformly, 1 in proportion to the error; >= 0.
        eps: keeps transitions without error in play, >= 0, in units of the error.

    Returns:
        p [...], unnormalised.

    Raises:
        ValueError: on bad input.
    """
    return (td_error.abs() + eps) ** alpha


@graded(
    lecture="05",
    problem_set="ps2",
    points=2,
    probabilities=Numbers("B", low=0, high=1, open_ends="low"),
    buffer_size=Scalar(1, whole=True),
    beta=Scalar(0, 1),
)
def importance_weights(probabilities: Tensor, buffer_size: int, beta: float) -> Tensor:
    r"""Weights that make up for drawing some transitions more often than others.

    .. math:: w_i = \frac{(N p_i)^{-\beta}}{\max_j (N p_j)^{-\beta}}

    Here :math:`w_i` is the weight of transition i, :math:`p_i` the probability that it is drawn, :math:`N` how many
    the buffer holds.

    beta = 1 makes a mean over the batch that of uniform drawing, up to one factor. The maximum is that of the batch, so
    that weights only ever scale a step down; dividing by it cancels N, which stands here because the paper's w has it.

    Source: Schaul et al. (2016), section 3.4; lecture 05.

    Args:
        probabilities: p_i of the transitions drawn [B], each in (0, 1].
        buffer_size: N, how many transitions the buffer holds now, >= 1.
        beta: how much of it is made up for, in [0, 1]: 0 nothing, 1 all.

    Returns:
        w [B], the largest is 1.

    Raises:
        ValueError: on bad input.
    """
    weights = (buffer_size * probabilities) ** -beta
    return weights / weights.max()
