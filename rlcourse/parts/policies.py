"""Policies: a network from observations to a distribution over actions, which one draws from, values and compares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete, Space
from torch import Tensor, nn

from rlcourse.contracts.inputs import bad_argument
from rlcourse.functional import policy_losses
from rlcourse.parts.agent import in_tensors, never_called
from rlcourse.parts.nets import SideBySide, mlp
from rlcourse.parts.seeds import Seeds, Stream

LOG_2_PI = float(np.log(2 * np.pi))


@dataclass(frozen=True)
class Categorical:
    """pi(a | s) = softmax(logits)_a.

    Log-probabilities come from log-softmax: log(softmax) would take the logarithm of a probability rounded to 0.
    """

    logits: Tensor  # [..., A]
    entropy_of: Callable[[Tensor], Tensor]

    def parts(self) -> tuple[Tensor, ...]:
        """What `categorical_kl` takes of either policy."""
        return (self.logits,)

    def sample(self, chance: Stream) -> Tensor:
        """Actions [N]."""
        cumulative = self.logits.softmax(-1).cumsum(-1)
        uniform = torch.from_numpy(chance.uniform(len(self.logits))).unsqueeze(-1)
        return (cumulative > uniform * cumulative[..., -1:]).int().argmax(-1)

    def mode(self) -> Tensor:
        """The likeliest actions."""
        return self.logits.argmax(-1)

    def log_prob(self, action: Tensor) -> Tensor:
        """log pi(a | s) of actions [...]."""
        return self.logits.log_softmax(-1).gather(-1, action.long().unsqueeze(-1)).squeeze(-1)

    def score_sq(self, action: Tensor) -> Tensor:
        """The squared norm of the gradient of log pi(a | s) with respect to the logits."""
        taken = nn.functional.one_hot(action.long(), self.logits.shape[-1])
        return ((taken - self.logits.softmax(-1)) ** 2).sum(-1).detach()

    def entropy(self) -> Tensor:
        """In nats, one number a state."""
        return self.entropy_of(self.logits.flatten(0, -2)).view(self.logits.shape[:-1])  # an equation sees [B, A]


@dataclass(frozen=True)
class Gaussian:
    """Independent normal distributions, one an action dimension."""

    mean: Tensor  # [..., D]
    log_std: Tensor  # [N, D], the same in every state

    def parts(self) -> tuple[Tensor, ...]:
        """What `gaussian_kl` takes of either policy."""
        return self.mean, self.log_std.expand_as(self.mean)

    def sample(self, chance: Stream) -> Tensor:
        """Actions [N, D]."""
        return self.mean + self.log_std.exp() * torch.from_numpy(chance.normal(*self.mean.shape))

    def mode(self) -> Tensor:
        """The likeliest actions."""
        return self.mean

    def log_prob(self, action: Tensor) -> Tensor:
        """Of the density, summed over the action's dimensions."""
        z = (action - self.mean) / self.log_std.exp()
        return -(0.5 * z**2 + self.log_std + 0.5 * LOG_2_PI).sum(-1)

    def score_sq(self, action: Tensor) -> Tensor:
        """The squared norm of the gradient of log pi(a | s) with respect to the mean."""
        return (((action - self.mean) / (2 * self.log_std).exp()) ** 2).sum(-1).detach()

    def entropy(self) -> Tensor:
        """In nats, 1/2 log(2 pi e sigma^2), summed over the action's dimensions."""
        return (self.log_std + 0.5 * (LOG_2_PI + 1)).sum(-1).expand(self.mean.shape[:-1])


class Policy(nn.Module):
    """pi(. | s): observations [..., N, n] to a distribution, categorical for Discrete actions, Gaussian for a Box.

    Args:
        observation_space, action_space: what it sees and does.
        hidden: widths of its hidden layers.
        seeds: of whom.
        entropy: the equation, for discrete actions.

    Raises:
        ValueError: where observations are no vector, actions are neither Discrete nor a Box [n], or an entropy is given
            that would never be called.
    """

    def __init__(
        self,
        observation_space: Space,
        action_space: Space,
        hidden: Sequence[int],
        seeds: Seeds,
        entropy: Callable[[Tensor], Tensor] = policy_losses.entropy,
    ) -> None:
        super().__init__()
        n_in, n_out = vector(observation_space), n_outputs(action_space)
        net = mlp((n_in, *hidden, n_out), seeds("policy"), activation=nn.Tanh)
        small_last_layer(net)
        self.net, self.entropy = SideBySide(net, len(seeds), observation_space), in_tensors(entropy)
        self.discrete = isinstance(action_space, Discrete)
        if not self.discrete:
            if entropy is not policy_losses.entropy:
                raise bad_argument("entropy", "a function", "none: that of a Gaussian policy has a formula of its own")
            self.log_std = nn.Parameter(torch.zeros(len(seeds), n_out))

    def forward(self, obs: Any, only: Sequence[int] | None = None) -> Categorical | Gaussian:
        """What to do; `only`: these seeds, whose observations alone are then in obs."""
        out = self.net(obs, only)
        if self.discrete:
            return Categorical(out, self.entropy)
        log_std = self.log_std if only is None else self.log_std[list(only)]
        return Gaussian(out, log_std.repeat_interleave(out.shape[-2] // len(log_std), dim=0))


def kl_between(
    action_space: Space, categorical_kl: Callable[..., Tensor], gaussian_kl: Callable[..., Tensor], called: bool = True
) -> Callable[..., Tensor]:
    """The divergence of the policies for these actions: takes the parts of one, then of the other.

    Raises:
        ValueError: where a divergence of one's own is given that would never be called.
    """
    discrete = isinstance(action_space, Discrete)
    never_called(not (called and discrete), categorical_kl=categorical_kl)
    never_called(not called or discrete, gaussian_kl=gaussian_kl)
    return in_tensors(categorical_kl if discrete else gaussian_kl)


class Critic(SideBySide):
    """V(s): observations [..., N, n] to values [..., N]."""

    def __init__(self, observation_space: Space, hidden: Sequence[int], seeds: Seeds) -> None:
        sizes = (vector(observation_space), *hidden, 1)
        super().__init__(mlp(sizes, seeds("critic"), activation=nn.Tanh), len(seeds), observation_space)

    def forward(self, obs: Any, only: Sequence[int] | None = None) -> Tensor:
        return super().forward(obs, only).squeeze(-1)


def vector(observation_space: Space) -> int:
    """How many numbers an observation has."""
    if not isinstance(observation_space, Box) or len(observation_space.shape) != 1:
        raise bad_argument("observation_space", f"{observation_space}", "a Box of numbers [n]")
    return observation_space.shape[0]


def n_outputs(action_space: Space) -> int:
    """How many numbers a policy gives: one a discrete action, or one an action dimension."""
    if isinstance(action_space, Discrete):
        return int(action_space.n)
    if isinstance(action_space, Box) and len(action_space.shape) == 1:
        return action_space.shape[0]
    raise bad_argument("action_space", f"{action_space}", "Discrete actions or a Box of numbers [n]")


def small_last_layer(net: nn.Sequential, factor: float = 0.01) -> None:
    """Start near the same policy in every state: nearly uniform, or around 0 (Andrychowicz et al., 2021)."""
    with torch.no_grad():
        for parameter in net[-1].parameters():
            parameter.mul_(factor)
