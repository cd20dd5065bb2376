"""Rainbow: DQN with every trick, and two more, a distribution in place of each value and noise in place of epsilon.

Source: Hessel et al. (2018); C51: Bellemare, Dabney and Munos (2017); noisy nets: Fortunato et al. (2018); lecture 05.
It is DQN (agents/dqn.py) but for what stands here. Every trick is a switch, so that each can be taken away.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import gymnasium
import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.agents import dqn
from rlcourse.contracts.graded import equation
from rlcourse.contracts.inputs import Number, bad_argument
from rlcourse.functional import targets
from rlcourse.parts.nets import Dueling, NoisyLinear, StackedLinear, generators_for, mlp
from rlcourse.parts.replay import Batch, fold, unfold


@dataclass(frozen=True)
class Config(dqn.Config):
    """DQN's, with the tricks on."""

    n_steps: int = 3
    double: bool = True
    dueling: bool = True
    prioritized: bool = True
    distributional: bool = True
    n_atoms: int = 51
    support: tuple[float, float] = (0.0, 100.0)  # the least and the largest return, discounted
    noisy: bool = True  # no epsilon then: the noise explores
    sigma: float = 0.5  # how large the noise is at first


class Rainbow(dqn.DQN):
    """K agents side by side; as DQN.

    Args:
        env, n_seeds, seed, config, equations: as DQN.
        categorical_projection: the equation of the distributional target.

    Raises:
        ValueError: where the spaces are not what it can serve, or the support is not increasing.
    """

    def __init__(
        self,
        env: gymnasium.Env,
        n_seeds: int = 1,
        seed: int = 0,
        config: Config | None = None,
        *,
        categorical_projection: Callable[..., Tensor] = targets.categorical_projection,
        **equations: Callable,
    ) -> None:
        config = config or Config()
        check(config)
        self.atoms = torch.linspace(*config.support, config.n_atoms) if config.distributional else None
        self.categorical_projection = equation(categorical_projection)
        super().__init__(env, n_seeds, seed, config, **equations)
        noise = generators_for(n_seeds, seed + 1_000_000)  # the target's own, not a copy of the online network's
        self.noisy = {
            network: [layer for layer in network.modules() if isinstance(layer, NoisyLinear)]
            for network in (self.online, self.target)
        }
        for layer in self.noisy[self.target]:
            layer.generators = noise

    def resample(self, network: nn.Module) -> None:
        """Fresh noise in all noisy layers."""
        for layer in self.noisy[network]:
            layer.resample()

    def head(self, width: int, generators: list, dueling_q: Callable) -> nn.Module:
        """Features [K, N, width] to one number, or n_atoms logits, an action [K, N, A * n_atoms]."""
        n_atoms = self.config.n_atoms if self.config.distributional else 1
        layer = partial(NoisyLinear, sigma=self.config.sigma) if self.config.noisy else StackedLinear
        if self.config.dueling:
            return Dueling(width, self.n_actions, generators, dueling_q, layer, n_atoms=n_atoms)
        return mlp((width, self.n_actions * n_atoms), generators, layer)

    def log_probabilities(self, network: nn.Module, obs: ndarray | Tensor) -> Tensor:
        """Of each atom for each action, [K, N, A, n_atoms]."""
        logits = network(torch.as_tensor(obs, dtype=torch.float32))
        return logits.unflatten(-1, (self.n_actions, -1)).log_softmax(dim=-1)

    def q(self, network: nn.Module, obs: ndarray | Tensor) -> Tensor:
        """Q [K, N, A]: the mean of the distribution."""
        if self.atoms is None:
            return super().q(network, obs)
        return self.log_probabilities(network, obs).exp() @ self.atoms

    @property
    def epsilon(self) -> float:
        """0 with noisy nets."""
        return 0.0 if self.config.noisy else super().epsilon

    def act(self, obs: ndarray) -> ndarray:
        """Actions [K, B] that explore: greedy under fresh noise."""
        self.resample(self.online)
        return super().act(obs)

    def greedy(self, obs: ndarray) -> ndarray:
        """The best actions [K, B], without noise."""
        self.online.eval()
        actions = super().greedy(obs)
        self.online.train()
        return actions

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss of each transition [K*M], and its error, by which it is prioritised: here the loss itself."""
        self.resample(self.online)
        self.resample(self.target)
        if self.atoms is None:
            return super().losses(batch)
        K, each = self.n_seeds, torch.arange(len(batch.action))
        y = self.target_distribution(batch)
        log_p = fold(self.log_probabilities(self.online, unfold(batch.obs, K)))[each, batch.action.long()]
        if log_p.shape != y.shape:
            raise bad_argument(
                "categorical_projection", f"shape {tuple(y.shape)} back from it", f"{tuple(log_p.shape)}"
            )
        loss = -(y * log_p).sum(dim=-1)  # cross-entropy: the Kullback-Leibler divergence up to the target's entropy
        entropy = -torch.special.xlogy(y, y).sum(dim=-1)
        return loss, (loss - entropy).detach()

    @torch.no_grad()
    def target_distribution(self, batch: Batch) -> Tensor:
        """What the distribution of the return should be, [K*M, n_atoms]."""
        next_obs = unfold(batch.next_obs, self.n_seeds)
        next_probs = fold(self.log_probabilities(self.target, next_obs)).exp()
        chosen_by = fold(self.q(self.online, next_obs)) if self.config.double else next_probs @ self.atoms
        best = next_probs[torch.arange(len(next_probs)), chosen_by.argmax(dim=-1)]
        return self.categorical_projection(best, *self.window(batch), self.atoms)


def check(config: Config) -> None:
    """Whether the numbers make sense."""
    low, high = config.support
    if not (np.isfinite([low, high]).all() and low < high):
        raise bad_argument("support", f"({low:g}, {high:g})", "two increasing numbers")
    Number(2).check("n_atoms", config.n_atoms, {})
    Number(0).check("sigma", config.sigma, {})
