r"""Returns: what the rewards after a step add up to, bootstrapped where a rollout or an episode was cut (lecture 05).

Tensors are time-major [T, B]: T steps of B environments side by side. `terminated` and `truncated` are bool and apart:
both end an episode, but a truncated one would have gone on, so its future is bootstrapped. `next_values[t]` is V of the
state really reached after step t, the last observation of an episode where it ended there. Returns are in units of
reward and carry no gradient. Every function raises ValueError, naming the argument, on shapes that would broadcast, a
number out of its range, or NaN.
"""

import torch
from torch import Tensor

from rlcourse.graded import graded
from rlcourse.inputs import Flags, Scalar, TensorNumber
from rlcourse.inputs import Tensor as Numbers

ROLLOUT = {
    "rewards": Numbers("T B", finite=True),
    "next_values": Numbers("T B"),
    "terminated": Flags("T B"),
    "truncated": Flags("T B"),
    "gamma": TensorNumber(0, 1, axes="T B"),
}


@graded(lecture="05", problem_set="ps2", points=3, n=Scalar(1, whole=True), **ROLLOUT)
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
