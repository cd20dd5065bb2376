"""Policies of K seeds at once: categorical for discrete actions, Gaussian for continuous ones.

`policy(obs [K, N, ...])` gives parameters that `sample`, `log_prob`, `entropy` and `mode` understand, each [K, N, ...].
"""

from collections.abc import Callable, Sequence

import gymnasium
import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.contracts.graded import bare
from rlcourse.contracts.inputs import wrong
from rlcourse.functional import policy_losses
from rlcourse.parts.nets import Generators, mlp

LOG_2_PI_E = float(np.log(2 * np.pi * np.e))


class Categorical(nn.Module):
    """pi(a | s) = softmax(logits(s)): observations [K, N, n] to logits [K, N, A].

    Log-probabilities come from log-softmax: log(softmax) would take the logarithm of a probability rounded to 0.
    """

    def __init__(
        self,
        n_in: int,
        n_actions: int,
        hidden: Sequence[int],
        generators: Generators,
        entropy: Callable[[Tensor], Tensor] = policy_losses.entropy,
    ) -> None:
        super().__init__()
        self.net = mlp((n_in, *hidden, n_actions), generators, activation=nn.Tanh)
        small_last_layer(self.net)
        self._entropy = bare(entropy)

    def forward(self, obs: Tensor) -> Tensor:
        return self.net(obs)

    def sample(self, logits: Tensor, generators: Sequence[np.random.Generator]) -> Tensor:
        """Actions [K, N], seed k's from its own generator."""
        cumulative = logits.softmax(dim=-1).cumsum(dim=-1)
        uniform = torch.from_numpy(np.stack([g.random(logits.shape[1]) for g in generators]))
        return (cumulative > uniform.unsqueeze(-1) * cumulative[..., -1:]).int().argmax(dim=-1)

    def mode(self, logits: Tensor) -> Tensor:
        return logits.argmax(dim=-1)

    def log_prob(self, logits: Tensor, actions: Tensor) -> Tensor:
        return logits.log_softmax(dim=-1).gather(-1, actions.long().unsqueeze(-1)).squeeze(-1)

    def score_sq(self, logits: Tensor, actions: Tensor) -> Tensor:
        """The squared norm of the gradient of log pi(a | s) with respect to the logits."""
        taken = nn.functional.one_hot(actions.long(), logits.shape[-1])
        return ((taken - logits.softmax(dim=-1)) ** 2).sum(dim=-1).detach()

    def entropy(self, logits: Tensor) -> Tensor:
        return self._entropy(logits.flatten(0, 1)).view(logits.shape[:2])  # an equation never sees K


class Gaussian(nn.Module):
    """Independent normal distributions, one an action dimension: observations [K, N, n] to means [K, N, D].

    The logarithm of the standard deviation is a parameter of its own, the same in every state.
    """

    def __init__(self, n_in: int, n_dims: int, hidden: Sequence[int], generators: Generators, log_std: float = 0.0):
        super().__init__()
        self.net = mlp((n_in, *hidden, n_dims), generators, activation=nn.Tanh)
        small_last_layer(self.net)
        self.log_std = nn.Parameter(torch.full((len(generators), 1, n_dims), log_std))

    def forward(self, obs: Tensor) -> Tensor:
        return self.net(obs)

    def sample(self, mean: Tensor, generators: Sequence[np.random.Generator]) -> Tensor:
        """Actions [K, N, D], seed k's from its own generator."""
        noise = torch.from_numpy(np.stack([g.standard_normal(mean.shape[1:], np.float32) for g in generators]))
        return mean + self.log_std.exp() * noise

    def mode(self, mean: Tensor) -> Tensor:
        return mean

    def log_prob(self, mean: Tensor, actions: Tensor) -> Tensor:
        """Of the density, summed over the action's dimensions [K, N]."""
        scaled = (actions - mean) / self.log_std.exp()
        return -(0.5 * scaled**2 + self.log_std + 0.5 * float(np.log(2 * np.pi))).sum(dim=-1)

    def score_sq(self, mean: Tensor, actions: Tensor) -> Tensor:
        """The squared norm of the gradient of log pi(a | s) with respect to the mean."""
        return (((actions - mean) / (2 * self.log_std).exp()) ** 2).sum(dim=-1).detach()

    def entropy(self, mean: Tensor) -> Tensor:
        """In nats, [K, N]: 1/2 log(2 pi e sigma^2), summed over the action's dimensions."""
        return (self.log_std + 0.5 * LOG_2_PI_E).sum(dim=-1).expand(mean.shape[:2])


def small_last_layer(net: nn.Sequential, factor: float = 0.01) -> None:
    """Start near the same policy in every state: nearly uniform, or around 0 (Andrychowicz et al., 2021)."""
    with torch.no_grad():
        for parameter in net[-1].parameters():
            parameter.mul_(factor)


def policy_for(
    env: gymnasium.Env, hidden: Sequence[int], generators: Generators, entropy: Callable = policy_losses.entropy
) -> Categorical | Gaussian:
    """The policy that suits an environment's spaces.

    Raises:
        ValueError: where observations are no vector, or actions are neither Discrete nor a Box [n].
    """
    observations, actions = env.observation_space, env.action_space
    if not isinstance(observations, gymnasium.spaces.Box) or len(observations.shape) != 1:
        raise wrong("observation_space", f"{observations}", "a Box of numbers [n]")
    if isinstance(actions, gymnasium.spaces.Discrete):
        return Categorical(observations.shape[0], int(actions.n), hidden, generators, entropy)
    if isinstance(actions, gymnasium.spaces.Box) and len(actions.shape) == 1:
        return Gaussian(observations.shape[0], actions.shape[0], hidden, generators)
    raise wrong("action_space", f"{actions}", "Discrete actions or a Box of numbers [n]")


def within(space: gymnasium.Space, actions: ndarray) -> ndarray:
    """Continuous actions clipped to what the environment takes; discrete ones as they are."""
    if isinstance(space, gymnasium.spaces.Box):
        return actions.clip(space.low, space.high)
    return actions
