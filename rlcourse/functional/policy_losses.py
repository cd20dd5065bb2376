r"""What a policy is trained on: losses to be minimised, whose gradient is minus the policy's (lectures 07 to 11).

Shapes: [...] is any batch, [B] or [T, B], the same for all arguments of a call. A loss is a mean, one number. Weights,
advantages and targets count as given: no gradient flows through them. Every function raises ValueError, naming the
argument, on shapes that would broadcast, a number out of its range, or NaN.
"""

import torch
from torch import Tensor

from rlcourse.contracts.graded import graded
from rlcourse.contracts.inputs import Scalar, bad_argument
from rlcourse.contracts.inputs import Tensor as Numbers
from rlcourse.functional.distributions import LOGITS, require_an_action

EACH = Numbers("...", finite=True)
LOG_PROB = Numbers("...", finite=True)  # of actions that were taken; a density's may be positive
RATIO = Numbers("...", low=0, finite=True)


@graded(lecture="07", problem_set="ps3", points=3, log_prob=LOG_PROB, weight=EACH)
def score_function_loss(log_prob: Tensor, weight: Tensor) -> Tensor:
    r"""The loss whose gradient is the score-function (REINFORCE) estimate of the policy gradient, up to its sign.

    .. math:: L = -\frac{1}{N} \sum_i w_i \log \pi(a_i \mid s_i), \qquad
        \nabla L = -\frac{1}{N} \sum_i w_i \nabla \log \pi(a_i \mid s_i)

    Here :math:`w_i` is what sample i is weighted with, its return say.

    Source: Williams (1992); lecture 07.

    Args:
        log_prob: log pi(a | s) [...] of the actions taken, with gradient.
        weight: w [...], a return, or a return minus a baseline; it counts as given.

    Returns:
        L, one number.

    Raises:
        ValueError: on bad input.
    """
    return -(weight.detach() * log_prob).mean()


@graded(lecture="07", problem_set="ps3", points=2, score_sq=Numbers("...", low=0, finite=True), returns=EACH)
def optimal_baseline(score_sq: Tensor, returns: Tensor) -> Tensor:
    r"""The constant baseline with the least variance of the policy gradient: a mean of returns, weighted.

    .. math:: b^* = \frac{E\big[ (\nabla_\theta \log \pi)^2 \, G \big]}{E\big[ (\nabla_\theta \log \pi)^2 \big]}

    Exact where a sample is one step, or where no two steps of an episode share a parameter. Over all steps of longer
    episodes it leaves out how the steps of one episode vary together: see `trajectory_optimal_baseline`.

    Source: Weaver and Tao (2001); Greensmith, Bartlett and Baxter (2004); lecture 07.

    Args:
        score_sq: squared scores [N, ...], one row a sample; a column a parameter gives each one its own baseline.
        returns: G, of the same shape.

    Returns:
        b [...], the first axis gone; where all scores are 0 any baseline will do, and it is the mean return.

    Raises:
        ValueError: on bad input.
    """
    total = score_sq.sum(dim=0)
    weighted = (score_sq * returns).sum(dim=0)
    return torch.where(total > 0, weighted / torch.where(total > 0, total, 1.0), returns.mean(dim=0))


def trajectory_optimal_baseline(score: Tensor, returns: Tensor) -> Tensor:
    r"""The constant baseline with the least variance of an episode's gradient, a sum over steps.

    .. math:: b^* = \frac{E\big[ S \sum_t \nabla_\theta \log \pi(a_t | s_t) \, G_t \big]}{E\big[ S^2 \big]},
        \qquad S = \sum_t \nabla_\theta \log \pi(a_t | s_t)

    Here :math:`S` is the score of a whole episode.

    For each parameter on its own: the variance of :math:`\sum_t \nabla \log \pi \, (G_t - b)` is a parabola in b. With
    the whole return in place of :math:`G_t` it is that of Peters and Schaal (2008); with one step an episode it is
    `optimal_baseline`.

    Source: Peters and Schaal (2008); lecture 07.

    Args:
        score: the gradients of log pi [N, T, ...], one row an episode, one column a step, 0 after its end; what follows
            are parameters, and each one gets its own baseline.
        returns: G [N, T].

    Returns:
        b [...], the first two axes gone; where all S are 0 no baseline changes anything, and it is 0.

    Raises:
        ValueError: where the shapes do not fit.
    """
    if returns.shape != score.shape[:2]:
        raise bad_argument("returns", f"shape {tuple(returns.shape)}", f"{tuple(score.shape[:2])}, that of the steps")
    of_each_step = returns.reshape(*returns.shape, *[1] * (score.ndim - 2)) * score
    total, gradient = score.sum(dim=1), of_each_step.sum(dim=1)
    square = (total**2).sum(dim=0)
    return (total * gradient).sum(dim=0) / torch.where(square > 0, square, 1.0)


@graded(lecture="08", problem_set="ps4", points=2, require=require_an_action, logits=LOGITS)
def entropy(logits: Tensor) -> Tensor:
    r"""The entropy of categorical policies, in nats.

    .. math:: H(\pi) = -\sum_a \pi(a) \log \pi(a), \qquad \pi = \operatorname{softmax}(\text{logits})

    From log-softmax, so that no logarithm of a rounded 0 is taken. A logit of minus infinity is an action that is never
    taken and adds nothing.

    Source: Williams and Peng (1991); Mnih et al. (2016); lecture 08.

    Args:
        logits: [..., A], any finite numbers; minus infinity masks an action, but not all of them.

    Returns:
        H [...], in [0, log A], with gradient.

    Raises:
        ValueError: on bad input.
    """
    log_p = logits.log_softmax(dim=-1)
    return -(log_p.exp() * log_p.clamp(min=torch.finfo(log_p.dtype).min)).sum(dim=-1)


@graded(
    lecture="08",
    problem_set="ps4",
    points=3,
    log_prob=LOG_PROB,
    advantage=EACH,
    value=EACH,
    value_target=EACH,
    entropy=EACH,
    value_coef=Scalar(0),
    entropy_coef=Scalar(0),
)
def a2c_loss(
    log_prob: Tensor,
    advantage: Tensor,
    value: Tensor,
    value_target: Tensor,
    entropy: Tensor,
    value_coef: float,
    entropy_coef: float,
) -> Tensor:
    r"""The loss of an advantage actor-critic: policy, value and entropy in one.

    .. math:: L = -\overline{A \log \pi(a \mid s)} + c_V \, \overline{(y - V(s))^2} - c_H \, \overline{H(\pi)}

    Source: Mnih et al. (2016); lecture 08.

    Args:
        log_prob: log pi(a | s) [...] of the actions taken, with gradient.
        advantage: A [...]; it counts as given.
        value: V(s) [...], with gradient.
        value_target: y [...]; it counts as given.
        entropy: H of the policy [...], in nats, with gradient.
        value_coef: c_V >= 0; the squared error is not halved.
        entropy_coef: c_H >= 0, in units of the advantage.

    Returns:
        L, one number.

    Raises:
        ValueError: on bad input.
    """
    policy_loss = -(advantage.detach() * log_prob).mean()
    value_loss = ((value_target.detach() - value) ** 2).mean()
    return policy_loss + value_coef * value_loss - entropy_coef * entropy.mean()


@graded(
    lecture="10",
    problem_set="ps5",
    log_prob=Numbers("T B", finite=True),
    behaviour_log_prob=Numbers("T B", finite=True),
)
def off_policy_weights(log_prob: Tensor, behaviour_log_prob: Tensor) -> Tensor:
    r"""How much likelier an episode's first steps were under the learned policy than under the one that acted.

    .. math:: w_t = \prod_{k=0}^{t} \frac{\pi(a_k \mid s_k)}{\mu(a_k \mid s_k)}

    Here :math:`w_t` is the weight of what happened at step t: :math:`E_\mu[w_t r_t] = E_\pi[r_t]`.

    A product of t + 1 ratios: its mean is 1, and its variance grows exponentially with t.

    Source: Precup, Sutton and Singh (2000); lecture 10.

    Args:
        log_prob: log pi(a_t | s_t) [T, B], one episode a column, with gradient.
        behaviour_log_prob: log mu(a_t | s_t) [T, B]; it counts as given.

    Returns:
        w [T, B] >= 0.

    Raises:
        ValueError: on bad input.
    """
    return (log_prob - behaviour_log_prob.detach()).cumsum(dim=0).exp()


@graded(lecture="10", problem_set="ps5", points=2, ratio=RATIO, advantage=EACH)
def surrogate_loss(ratio: Tensor, advantage: Tensor) -> Tensor:
    r"""What a step of the policy seems to be worth by the old policy's experience, as a loss.

    .. math:: L = -\overline{\rho A}, \qquad \rho = \frac{\pi(a \mid s)}{\mu(a \mid s)}

    Where both policies are the same, every ratio is 1 and the gradient is the policy gradient's. Further away it is
    wrong about the states, which are those that the old policy visits.

    Source: Kakade and Langford (2002); Schulman et al. (2015), equation 14; lecture 10.

    Args:
        ratio: rho [...] >= 0, of the learned policy to the one that acted, with gradient.
        advantage: A [...]; it counts as given.

    Returns:
        L, one number.

    Raises:
        ValueError: on bad input.
    """
    return -(ratio * advantage.detach()).mean()


@graded(lecture="11", problem_set="ps5", points=3, ratio=RATIO, advantage=EACH, eps=Scalar(0))
def ppo_clip_loss(ratio: Tensor, advantage: Tensor, eps: float) -> Tensor:
    r"""The surrogate without a reward for going further than a ratio of 1 - eps or 1 + eps.

    .. math:: L = -\overline{\min \big( \rho A, \; \operatorname{clip}(\rho, 1 - \epsilon_r, 1 + \epsilon_r) \, A \big)}

    The smaller of the two products counts, not the smaller of the two ratios: with A < 0 that is the larger ratio. So
    the gradient is 0 where the ratio went too far in the direction that A asks for, and whole where it went too far in
    the other one.

    Source: Schulman et al. (2017), equation 7; lecture 11.

    Args:
        ratio: rho [...] >= 0, of the learned policy to the one that acted, with gradient.
        advantage: A [...]; it counts as given.
        eps: epsilon_r >= 0.

    Returns:
        L, one number.

    Raises:
        ValueError: on bad input.
    """
    advantage = advantage.detach()
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - eps, 1 + eps) * advantage).mean()


@graded(lecture="11", problem_set="ps5", ratio=RATIO, advantage=EACH, kl=EACH, beta=Scalar(0))
def kl_penalty_loss(ratio: Tensor, advantage: Tensor, kl: Tensor, beta: float) -> Tensor:
    r"""The surrogate, and a price for each nat by which the policy moved.

    .. math:: L = -\overline{\rho A} + \beta_{KL} \, \overline{KL(\mu \,\|\, \pi)}

    The method of Lagrange: for each bound on the divergence there is a price that gives the same policy.

    Source: Schulman et al. (2017), equation 8; lecture 11.

    Args:
        ratio: rho [...] >= 0, of the learned policy to the one that acted, with gradient.
        advantage: A [...]; it counts as given.
        kl: divergence of the learned policy from the one that acted in each state [...], with gradient.
        beta: beta_KL >= 0, in units of the advantage.

    Returns:
        L, one number.

    Raises:
        ValueError: on bad input.
    """
    return -(ratio * advantage.detach()).mean() + beta * kl.mean()


@graded(
    lecture="11",
    problem_set="ps5",
    points=2,
    beta=Scalar(0, open_ends="low"),
    kl=Scalar(),
    target_kl=Scalar(0, open_ends="low"),
)
def adaptive_kl_coef(beta: float, kl: float, target_kl: float) -> float:
    r"""The next price of a nat: half where the policy moved too little, double where it moved too far.

    .. math:: \beta_{KL} \leftarrow \begin{cases}
        \beta_{KL} / 2 & \text{where } KL < \delta_{KL} / 1.5 \\
        2 \beta_{KL} & \text{where } KL > 1.5 \, \delta_{KL} \\
        \beta_{KL} & \text{else} \end{cases}

    Source: Schulman et al. (2017), section 4; lecture 11.

    Args:
        beta: beta_KL > 0.
        kl: mean divergence of the policy after its update from the one before, in nats; an estimate may be below 0.
        target_kl: delta_KL > 0, in nats, what it should be.

    Returns:
        The new beta_KL.

    Raises:
        ValueError: on bad input.
    """
    if kl < target_kl / 1.5:
        return beta / 2
    if kl > 1.5 * target_kl:
        return 2 * beta
    return beta
