r"""What a value function is trained towards: the targets of lectures 03 to 05, in torch.

Shapes: [...] is any batch of transitions ([B], or [T, B]), the same for all arguments of a call; [..., A] one number an
action more. `terminated` is bool: the episode ended there for good. A target carries no gradient: it is an answer to
learn, not a function to bend. What a network says about the state after a terminated step is never looked at.
Every function raises ValueError, naming the argument, on shapes that would broadcast, a number out of range, or NaN.
"""

from itertools import chain, zip_longest

import torch
from torch import Tensor, nn

from rlcourse.contracts.graded import graded
from rlcourse.contracts.inputs import Flags, Scalar, TensorNumber, bad_argument
from rlcourse.contracts.inputs import Tensor as Numbers

EACH, REAL_EACH = Numbers("..."), Numbers("...", finite=True)
PER_ACTION, REAL_PER_ACTION = Numbers("... A"), Numbers("... A", finite=True)  # -inf is how a Q masks an action
DISCOUNT = TensorNumber(0, 1)


@graded(
    lecture="03", problem_set="ps2", points=2, reward=REAL_EACH, terminated=Flags(), next_value=EACH, gamma=DISCOUNT
)
def td_target(reward: Tensor, terminated: Tensor, next_value: Tensor, gamma: float | Tensor) -> Tensor:
    r"""The one-step target of temporal-difference learning.

    .. math:: y = r + \gamma (1 - d) V(s')

    Source: Sutton (1988); lecture 03.

    Args:
        reward: r [...].
        terminated: d [...].
        next_value: V(s') [...], of the state really reached; any number where d.
        gamma: discount in [0, 1], a number or a tensor that broadcasts to [...] (gamma^n for an n-step reward).

    Returns:
        y [...], without gradient.

    Raises:
        ValueError: on bad input.
    """
    return (reward + gamma * torch.where(terminated, 0.0, next_value)).detach()


@graded(
    lecture="03", problem_set="ps2", points=2, reward=REAL_EACH, terminated=Flags(), next_q=PER_ACTION, gamma=DISCOUNT
)
def q_target(reward: Tensor, terminated: Tensor, next_q: Tensor, gamma: float | Tensor) -> Tensor:
    r"""The target of Q-learning.

    .. math:: y = r + \gamma (1 - d) \max_{a'} Q(s', a')

    Source: Watkins (1989); with the target network's Q, Mnih et al. (2015); lecture 03.

    Args:
        reward: r [...].
        terminated: d [...].
        next_q: Q(s', .) [..., A], in DQN the target network's.
        gamma: discount in [0, 1], a number or a tensor that broadcasts to [...].

    Returns:
        y [...], without gradient.

    Raises:
        ValueError: on bad input.
    """
    best = next_q.max(dim=-1).values
    return (reward + gamma * torch.where(terminated, 0.0, best)).detach()


@graded(
    lecture="05",
    problem_set="ps2",
    points=3,
    reward=REAL_EACH,
    terminated=Flags(),
    next_q=PER_ACTION,
    next_q_online=PER_ACTION,
    gamma=DISCOUNT,
)
def double_q_target(
    reward: Tensor, terminated: Tensor, next_q: Tensor, next_q_online: Tensor, gamma: float | Tensor
) -> Tensor:
    r"""The target of double DQN: the online network chooses the action, the target network values it.

    .. math:: y = r + \gamma (1 - d)\, Q_{\theta^-}\big(s', \arg\max_{a'} Q_\theta(s', a')\big)

    Source: van Hasselt, Guez and Silver (2016); lecture 05.

    Args:
        reward: r [...].
        terminated: d [...].
        next_q: the target network's Q(s', .) [..., A].
        next_q_online: the online network's Q(s', .) [..., A].
        gamma: discount in [0, 1], a number or a tensor that broadcasts to [...].

    Returns:
        y [...], without gradient.

    Raises:
        ValueError: on bad input.
    """
    choice = next_q_online.argmax(dim=-1, keepdim=True)
    value = next_q.gather(-1, choice).squeeze(-1)
    return (reward + gamma * torch.where(terminated, 0.0, value)).detach()


@graded(lecture="05", problem_set="ps2", points=2, value=Numbers("... 1", finite=True), advantage=REAL_PER_ACTION)
def dueling_q(value: Tensor, advantage: Tensor) -> Tensor:
    r"""The two streams of a dueling network joined, the advantages centred by their mean.

    .. math:: Q(s, a) = V(s) + A(s, a) - \frac{1}{|A|} \sum_{a'} A(s, a')

    Without the centring V and A are not determined by Q: a constant could move from one to the other.

    Source: Wang et al. (2016), equation 9; lecture 05.

    Args:
        value: V(s) [..., 1].
        advantage: A(s, .) [..., A].

    Returns:
        Q(s, .) [..., A].

    Raises:
        ValueError: on bad input.
    """
    return value + advantage - advantage.mean(dim=-1, keepdim=True)


@graded(lecture="05", problem_set="ps2", points=2, td_error=REAL_EACH, delta=Scalar(0, open_ends="low"))
def huber_loss(td_error: Tensor, delta: float = 1.0) -> Tensor:
    r"""Quadratic for small errors, linear for large ones, so that no single error has more than delta of gradient.

    .. math:: L(\delta) = \tfrac12 \delta^2 \;\text{ for } |\delta| \le \kappa,
        \qquad \kappa \big(|\delta| - \tfrac12 \kappa\big) \;\text{ beyond}

    Source: Huber (1964); Mnih et al. (2015), who clip the error at 1; lecture 05.

    Args:
        td_error: delta [...].
        delta: kappa, where it turns linear, > 0.

    Returns:
        The loss of each element [...].

    Raises:
        ValueError: on bad input.
    """
    size = td_error.abs()
    return torch.where(size <= delta, 0.5 * td_error**2, delta * (size - 0.5 * delta))


def require_support(support: Tensor, **rest: object) -> None:
    """The support of a value distribution is at least two increasing, evenly spaced values."""
    steps = support.diff()
    if len(steps) == 0:
        raise bad_argument("support", "one value", "at least two")
    if not (steps > 0).all():
        i = int((steps <= 0).nonzero()[0])
        raise bad_argument("support", f"{support[i]:g} followed by {support[i + 1]:g}", "increasing values")
    if not torch.allclose(steps, steps.mean(), rtol=1e-3, atol=0):
        raise bad_argument("support", f"steps from {steps.min():g} to {steps.max():g}", "evenly spaced values")


@graded(
    lecture="05",
    problem_set="ps2",
    points=4,
    require=require_support,
    next_probs=Numbers("... N", distribution=True),
    reward=REAL_EACH,
    terminated=Flags(),
    gamma=DISCOUNT,
    support=Numbers("N", finite=True),
)
def categorical_projection(
    next_probs: Tensor, reward: Tensor, terminated: Tensor, gamma: float | Tensor, support: Tensor
) -> Tensor:
    r"""The target distribution of C51: the Bellman update of a value distribution, put back onto the fixed support.

    .. math:: p_i = \sum_{j=0}^{N-1} \big[ 1 - |x_j - i| \big]_0^1 \, p'_j, \qquad
        x_j = \Big[ \frac{r + \gamma (1 - d) z_j - z_0}{\Delta z} \Big]_0^{N-1}

    Here :math:`z_j` are the N atoms of the support, :math:`\Delta z` apart, :math:`x_j` is where an atom comes to lie,
    :math:`p'` and :math:`p` are the probabilities before and after, and :math:`[\cdot]_0^m` clips to 0
    to m.

    Each atom z_j moves to the place x_j, counted in atoms and clamped to the ends of the support; its probability is
    shared between the two atoms beside it, the nearer one getting more. The sum stays 1, and where nothing is clamped
    the mean becomes r + gamma (1 - d) times the old mean.

    Source: Bellemare, Dabney and Munos (2017), equation 7; lecture 05.

    Args:
        next_probs: p', probabilities of the atoms at (s', a') [..., N].
        reward: r [...].
        terminated: d [...].
        gamma: discount in [0, 1], a number or a tensor that broadcasts to [...].
        support: the atoms z [N], increasing and evenly spaced, in units of reward.

    Returns:
        p [..., N], without gradient.

    Raises:
        ValueError: on bad input.
    """
    last = len(support) - 1
    discount = (gamma * (~terminated).to(support.dtype)).unsqueeze(-1)
    moved = reward.unsqueeze(-1) + discount * support
    place = ((moved - support[0]) / (support[-1] - support[0]) * last).clamp(0, last)
    atoms = torch.arange(last + 1, device=support.device).unsqueeze(-1)
    share = (1 - (place.unsqueeze(-2) - atoms).abs()).clamp(min=0)  # [..., i, j]: how much of j's probability i gets
    return (share * next_probs.unsqueeze(-2)).sum(dim=-1).detach()


def require_same_architecture(target: nn.Module, online: nn.Module, **rest: object) -> None:
    """Two modules whose parameters and buffers have the same names and shapes, in the same order."""
    layout = []
    for name, module in (("target", target), ("online", online)):
        if not isinstance(module, nn.Module):
            raise bad_argument(name, type(module).__name__, "a torch.nn.Module")
        tensors = chain(module.named_parameters(), module.named_buffers())
        layout.append([f"{key} {list(x.shape)}" for key, x in tensors])
    for here, there in zip_longest(*layout, fillvalue="nothing"):
        if here != there:
            raise bad_argument("online", there, f"{here}, as in target")


@graded(lecture="04", problem_set="ps2", require=require_same_architecture, tau=Scalar(0, 1))
def polyak_update(target: nn.Module, online: nn.Module, tau: float) -> None:
    r"""Move a target network a little towards the online one, in place; tau = 1 copies it.

    .. math:: \theta^- \leftarrow \tau_{\text{copy}} \, \theta + (1 - \tau_{\text{copy}}) \, \theta^-

    Buffers (running means, say) move as the parameters do; those of whole numbers (a count) cannot, and are copied.

    Source: Lillicrap et al. (2016), section 3; an average of past weights that fades exponentially; lecture 04.

    Args:
        target: the module that follows.
        online: the module that learns, of the same architecture.
        tau: how far to move, in [0, 1]; 0 leaves the target as it is.

    Raises:
        ValueError: on bad input.
    """
    with torch.no_grad():
        followed = chain(online.parameters(), online.buffers())
        for slow, fast in zip(chain(target.parameters(), target.buffers()), followed, strict=True):
            if slow.is_floating_point():
                slow.lerp_(fast, tau)
            elif tau > 0:
                slow.copy_(fast)
