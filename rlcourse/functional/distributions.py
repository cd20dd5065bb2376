r"""How far one policy is from another: Kullback-Leibler divergences of categorical and Gaussian ones (lecture 10)."""

import torch
from torch import Tensor

from rlcourse.contracts.graded import graded
from rlcourse.contracts.inputs import Tensor as Numbers
from rlcourse.contracts.inputs import bad_argument

LOGITS = Numbers("... A", open_ends="high")  # minus infinity masks an action, plus infinity is none
PER_DIMENSION = Numbers("... D", finite=True)


def require_an_action(**logits: Tensor) -> None:
    """Every policy has an action that is not masked."""
    for name, values in logits.items():
        if values.isneginf().all(dim=-1).any():
            raise bad_argument(
                name, "a policy whose actions are all masked", "at least one finite number along the last axis"
            )


@graded(lecture="10", problem_set="ps5", points=2, require=require_an_action, p_logits=LOGITS, q_logits=LOGITS)
def categorical_kl(p_logits: Tensor, q_logits: Tensor) -> Tensor:
    r"""The divergence of categorical policies, in nats.

    .. math:: KL(p \,\|\, q) = \sum_a p(a) \log \frac{p(a)}{q(a)}

    Here :math:`p` and :math:`q` are the policies in one state.

    Source: Kullback and Leibler (1951); lecture 10.

    Args:
        p_logits: [..., A]; minus infinity masks an action.
        q_logits: [..., A]; where q masks an action that p takes, the divergence is infinite.

    Returns:
        KL [...] >= 0, with gradient.

    Raises:
        ValueError: on bad input.
    """
    log_p, log_q = p_logits.log_softmax(dim=-1), q_logits.log_softmax(dim=-1)
    p = log_p.exp()
    log_ratio = torch.where(p > 0, log_p - log_q, 0.0)  # first: 0 times an infinity would be NaN in the gradient
    return (p * log_ratio).sum(dim=-1)


@graded(
    lecture="10",
    problem_set="ps5",
    points=2,
    p_mean=PER_DIMENSION,
    p_log_std=PER_DIMENSION,
    q_mean=PER_DIMENSION,
    q_log_std=PER_DIMENSION,
)
def gaussian_kl(p_mean: Tensor, p_log_std: Tensor, q_mean: Tensor, q_log_std: Tensor) -> Tensor:
    r"""The divergence of Gaussian policies with independent dimensions, summed over them, in nats.

    .. math:: KL(p \,\|\, q) = \sum_i \log \frac{\sigma_{q,i}}{\sigma_{p,i}}
        + \frac{\sigma_{p,i}^2 + (m_{p,i} - m_{q,i})^2}{2 \sigma_{q,i}^2} - \frac12

    Here :math:`p` and :math:`q` are the policies, :math:`m` and :math:`\sigma` their means and standard deviations.

    Source: Kullback and Leibler (1951); lecture 10.

    Args:
        p_mean: of p [..., D].
        p_log_std: logarithm of p's standard deviation [..., D].
        q_mean: of q [..., D].
        q_log_std: logarithm of q's standard deviation [..., D].

    Returns:
        KL [...] >= 0, with gradient.

    Raises:
        ValueError: on bad input.
    """
    variance_ratio = (2 * (p_log_std - q_log_std)).exp()  # a ratio first: each variance alone may round to 0
    distance = ((p_mean - q_mean) / q_log_std.exp()) ** 2
    return (q_log_std - p_log_std + (variance_ratio + distance - 1) / 2).sum(dim=-1)
