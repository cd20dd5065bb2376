r"""Returns: what the rewards after a step add up to, bootstrapped where an episode or rollout was cut (lectures 05-09).

Tensors are time-major [T, B]: T steps of B environments side by side. `terminated` and `truncated` are bool and apart:
both end an episode, but a truncated one would have gone on, so its future is bootstrapped. `next_values[t]` is V of the
state really reached after step t, the last observation of an episode where it ended there. Returns are in units of
reward and carry no gradient. Every function raises ValueError, naming the argument, on shapes that would broadcast, a
number out of its range, or NaN.
"""

import torch
from torch import Tensor

from rlcourse.contracts.graded import graded
from rlcourse.contracts.inputs import Flags, Scalar, TensorNumber
from rlcourse.contracts.inputs import Tensor as Numbers

ROLLOUT = {
    "rewards": Numbers("T B", finite=True),
    "values": Numbers("T B", finite=True),
    "next_values": Numbers("T B"),
    "terminated": Flags("T B"),
    "truncated": Flags("T B"),
    "gamma": TensorNumber(0, 1, axes="T B"),
}
WITHOUT_VALUES = {name: check for name, check in ROLLOUT.items() if name != "values"}
LAMBDA = Scalar(0, 1)


@graded(lecture="07", problem_set="ps3", points=2, rewards=ROLLOUT["rewards"], gamma=ROLLOUT["gamma"])
def discounted_returns(rewards: Tensor, gamma: float | Tensor) -> Tensor:
    r"""The return of each step of a whole episode: all that followed, discounted.

    .. math:: G_t = \sum_{k \ge t} \gamma^{k-t} r_k = r_t + \gamma G_{t+1}

    Source: Sutton and Barto (2018), section 3.3; lecture 07.

    Args:
        rewards: r_t [T, B], one whole episode a column; a shorter one is filled up with zeros.
        gamma: discount in [0, 1], a number or a tensor that broadcasts to [T, B], as in n_step_returns.

    Returns:
        G [T, B], without gradient.

    Raises:
        ValueError: on bad input.
    """
    gamma = torch.as_tensor(gamma, dtype=rewards.dtype, device=rewards.device).expand(rewards.shape)
    returns = rewards.detach().clone()
    for t in reversed(range(len(rewards) - 1)):
        returns[t] += gamma[t] * returns[t + 1]
    return returns


@graded(lecture="05", problem_set="ps2", points=3, n=Scalar(1, whole=True), **WITHOUT_VALUES)
def n_step_returns(
    rewards: Tensor, next_values: Tensor, terminated: Tensor, truncated: Tensor, gamma: float | Tensor, n: int
) -> Tensor:
    r"""The return of n steps: n rewards as they came, then the value of the state that they led to.

    .. math:: G_t^{(n)} = \sum_{k=0}^{m-1} \gamma^k r_{t+k} + \gamma^m (1 - d_{t+m-1}) V(s_{t+m})

    The window has m = n steps, fewer where an episode or the rollout ends before: it never looks across an ending. A
    terminated step (d = 1) has no future, a truncated one and the rollout's last one bootstrap from their next_values.
    One step more is one step backwards: G_t of n steps is r_t + gamma times G_{t+1} of n - 1 steps.

    Source: Sutton and Barto (2018), section 7.1; in DQN, Hessel et al. (2018); lecture 05.

    Args:
        rewards: r_t [T, B].
        next_values: V(s_{t+1}) [T, B]; any number where terminated.
        terminated: d_t [T, B].
        truncated: [T, B], where the episode was cut off; where both are set, terminated counts.
        gamma: discount in [0, 1], a number or a tensor that broadcasts to [T, B]: gamma_t is what a reward of
            step t + 1 counts at step t, and gamma^k becomes the product of gamma_t .. gamma_{t+k-1}.
        n: steps, >= 1.

    Returns:
        G [T, B], without gradient.

    Raises:
        ValueError: on bad input.
    """
    ends = terminated | truncated
    ends[-1] = True
    bootstrap = torch.where(terminated, 0.0, next_values)
    following = bootstrap
    for _ in range(min(n, len(rewards))):
        returns = rewards + gamma * following
        following = torch.where(ends, bootstrap, returns.roll(-1, dims=0))
    return returns.detach()


@graded(lecture="08", problem_set="ps4", points=3, lam=LAMBDA, **WITHOUT_VALUES)
def lambda_returns(
    rewards: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    gamma: float | Tensor,
    lam: float,
) -> Tensor:
    r"""The lambda-return: a mean of the returns of 1, 2, 3, ... steps, weighted (1 - lambda) lambda^(n-1).

    .. math:: G_t^\lambda = r_t + \gamma (1 - d_t)
        \big[ (1 - \lambda) V(s_{t+1}) + \lambda G_{t+1}^\lambda \big]

    Where an episode or the rollout ends, V(s_{t+1}) stands in place of the bracket: all longer returns are that one.
    lambda = 0 is the one-step target, lambda = 1 the return up to the ending.

    Source: Sutton and Barto (2018), section 12.1; lecture 08.

    Args:
        rewards: r_t [T, B].
        next_values: V(s_{t+1}) [T, B], of the state really reached; any number where terminated.
        terminated: d_t [T, B].
        truncated: [T, B], where the episode was cut off.
        gamma: discount in [0, 1], as in n_step_returns.
        lam: lambda in [0, 1].

    Returns:
        G^lambda [T, B], without gradient.

    Raises:
        ValueError: on bad input.
    """
    gamma = torch.as_tensor(gamma, dtype=rewards.dtype, device=rewards.device).expand(rewards.shape)
    ends = terminated | truncated
    bootstrap = torch.where(terminated, 0.0, next_values)
    returns, following = torch.zeros_like(rewards), bootstrap[-1]
    for t in reversed(range(len(rewards))):
        ahead = torch.where(ends[t], bootstrap[t], (1 - lam) * bootstrap[t] + lam * following)
        following = returns[t] = rewards[t] + gamma[t] * ahead
    return returns.detach()


@graded(lecture="08", problem_set="ps4", points=4, lam=LAMBDA, **ROLLOUT)
def gae(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    gamma: float | Tensor,
    lam: float,
) -> Tensor:
    r"""Generalised advantage estimation: the temporal-difference errors ahead, discounted by gamma lambda.

    .. math:: \delta_t = r_t + \gamma (1 - d_t) V(s_{t+1}) - V(s_t), \qquad
        A_t = \delta_t + \gamma \lambda \, (1 - \text{ended}_t) A_{t+1}

    The sum stops where the episode ended, terminated or truncated. A_t + V(s_t) is the lambda-return,
    where next_values[t] is values[t + 1] as long as the episode goes on.

    Source: Schulman et al. (2016), equation 16; lecture 08.

    Args:
        rewards: r_t [T, B].
        values: V(s_t) [T, B].
        next_values: V(s_{t+1}) [T, B], of the state really reached; any number where terminated.
        terminated: d_t [T, B].
        truncated: [T, B], where the episode was cut off.
        gamma: discount in [0, 1], as in n_step_returns.
        lam: lambda in [0, 1]: 0 has the least variance, 1 the least bias.

    Returns:
        A [T, B], without gradient.

    Raises:
        ValueError: on bad input.
    """
    gamma = torch.as_tensor(gamma, dtype=rewards.dtype, device=rewards.device).expand(rewards.shape)
    delta = rewards + gamma * torch.where(terminated, 0.0, next_values) - values
    trace = torch.where(terminated | truncated, 0.0, gamma * lam)
    advantages, following = torch.zeros_like(rewards), torch.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        following = advantages[t] = delta[t] + trace[t] * following
    return advantages.detach()


@graded(
    lecture="09",
    problem_set="ps4",
    points=4,
    ratios=Numbers("T B", low=0, open_ends="low", finite=True),
    rho_bar=Scalar(0, open_ends="low", finite=False),
    c_bar=Scalar(0, finite=False),
    **ROLLOUT,
)
def vtrace(
    rewards: Tensor,
    values: Tensor,
    next_values: Tensor,
    terminated: Tensor,
    truncated: Tensor,
    ratios: Tensor,
    gamma: float | Tensor,
    rho_bar: float = 1.0,
    c_bar: float = 1.0,
) -> tuple[Tensor, Tensor]:
    r"""V-trace: values of one policy from the experience of another, and the advantages for its gradient.

    .. math:: \rho_t = \frac{\pi(a_t | s_t)}{\mu(a_t | s_t)}, \qquad
        v_t = V(s_t) + \min(\bar\rho, \rho_t) \, \delta_t
        + \gamma (1 - \text{ended}_t) \min(\bar c, \rho_t) \big( v_{t+1} - V(s_{t+1}) \big)

    .. math:: \delta_t = r_t + \gamma (1 - d_t) V(s_{t+1}) - V(s_t), \qquad
        A_t = \min(\bar\rho, \rho_t) \big( r_t + \gamma (1 - d_t) v_{t+1} - V(s_t) \big)

    Here :math:`v_t` is V-trace's target for the value.

    rho-bar says which policy's values these are, c-bar how fast they are found. After a truncation and at the rollout's
    end there is no v_{t+1}: V(s_{t+1}) from next_values stands in its place in A_t.

    Source: Espeholt et al. (2018), equation 1 and section 4.2; lecture 09.

    Args:
        rewards: r_t [T, B].
        values: V(s_t) [T, B].
        next_values: V(s_{t+1}) [T, B], of the state really reached; any number where terminated.
        terminated: d_t [T, B].
        truncated: [T, B], where the episode was cut off.
        ratios: rho_t = pi(a_t | s_t) / mu(a_t | s_t) [T, B] > 0, of the learned policy and the one that acted.
        gamma: as n_step_returns.
        rho_bar: where ratios are clipped in the error, > 0; infinity clips none.
        c_bar: where ratios are clipped in the trace, >= 0.

    Returns:
        vs [T, B] and advantages [T, B], without gradient.

    Raises:
        ValueError: on bad input.
    """
    gamma = torch.as_tensor(gamma, dtype=rewards.dtype, device=rewards.device).expand(rewards.shape)
    bootstrap = torch.where(terminated, 0.0, next_values)
    rho, c = ratios.clamp(max=rho_bar), ratios.clamp(max=c_bar)
    delta = rho * (rewards + gamma * bootstrap - values)
    ends = terminated | truncated
    ends[-1] = True
    correction, following = torch.zeros_like(rewards), torch.zeros_like(rewards[0])  # v - V
    for t in reversed(range(len(rewards))):
        following = correction[t] = delta[t] + torch.where(ends[t], 0.0, gamma[t] * c[t] * following)
    vs = values + correction
    next_vs = torch.where(ends, bootstrap, vs.roll(-1, dims=0))
    return vs.detach(), (rho * (rewards + gamma * next_vs - values)).detach()
