"""A2C with a memory, K seeds side by side: a GRU before the actor and the critic (lecture 09).

Source: Mnih et al. (2016), section 5, with a GRU in place of their LSTM. It is A2C (agents/a2c.py), whose actor and
critic see the memory in place of the observation. Environments say where an episode begins (recurrent.Begins).
"""

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace

import gymnasium
import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.agents import a2c
from rlcourse.contracts.inputs import Number, bad_argument
from rlcourse.parts.gru import GRU
from rlcourse.parts.nets import generators_for
from rlcourse.parts.policies import within
from rlcourse.parts.rollouts import Rollout

APART = 1_000_000  # the GRU's first weights are not those of the layers after it


@dataclass(frozen=True)
class Config(a2c.Config):
    """A2C's, and the width of the memory. Gradients flow back to the beginning of a rollout, not beyond."""

    hidden: tuple[int, ...] = (32,)
    memory: int = 32


class RecurrentA2C(a2c.A2C):
    """K agents side by side; as A2C.

    Args:
        env: an environment wrapped in recurrent.Begins (for its spaces).
        n_seeds, seed, equations: as A2C.
        config: see Config.

    Raises:
        ValueError: where the observation does not say where an episode begins, or as A2C.
    """

    def __init__(
        self,
        env: gymnasium.Env,
        n_seeds: int = 1,
        seed: int = 0,
        config: Config | None = None,
        **equations: Callable[..., Tensor],
    ) -> None:
        config = config or Config()
        Number(1).check("memory", config.memory, {})
        space = env.observation_space
        if (
            not isinstance(space, gymnasium.spaces.Box)
            or len(space.shape) != 1
            or (space.low[-1], space.high[-1]) != (0, 1)
        ):
            raise bad_argument(
                "observation_space", f"{space}", "a Box [n] whose last number says 0 or 1: recurrent.Begins(env)"
            )
        remembered = gymnasium.spaces.Box(-1, 1, (config.memory,), np.float32)
        super().__init__(
            SimpleNamespace(observation_space=remembered, action_space=env.action_space),
            n_seeds,
            seed,
            config,
            **equations,
        )
        self.core = GRU(space.shape[0], config.memory, generators_for(n_seeds, APART + seed))
        self.both = nn.ModuleList([self.core, self.actor, self.critic])
        self.optimizer = torch.optim.Adam(self.both.parameters(), config.learning_rate, eps=1e-5, fused=True)
        self.memory = self.at_start = self.in_evaluation = torch.zeros(n_seeds, 0, config.memory)

    @property
    def policy(self) -> nn.Module:
        """The networks that `greedy` acts by."""
        return self.both

    def remembering(self, obs: ndarray, memory: Tensor) -> Tensor:
        """The memories after these observations [K, B, n]; others than before start from nothing."""
        if memory.shape[1] != obs.shape[1]:
            memory = torch.zeros(self.n_seeds, obs.shape[1], self.config.memory)
        return self.core(torch.as_tensor(obs, dtype=torch.float32), memory)

    @torch.no_grad()
    def act(self, obs: ndarray) -> ndarray:
        """Actions [K, B, ...] drawn from the policy."""
        if not self.taken:
            self.at_start = self.memory
        self.memory = self.remembering(obs, self.memory)
        self.drawn = self.actor.sample(self.actor(self.memory), self.explorers).numpy()
        return within(self.action_space, self.drawn)

    @torch.no_grad()
    def greedy(self, obs: ndarray) -> ndarray:
        """The likeliest actions [K, B, ...]; evaluation has memories of its own."""
        self.in_evaluation = self.remembering(obs, self.in_evaluation)
        return within(self.action_space, self.actor.mode(self.actor(self.in_evaluation)).numpy())

    def learn(self, taken: Rollout) -> None:
        """One update of every seed: as A2C, from the memories in place of the observations."""
        T, B = len(taken.rewards), taken.rewards.shape[1] // self.n_seeds
        start = self.at_start if self.at_start.shape[1] else self.memory.new_zeros(self.n_seeds, B, self.config.memory)
        obs, next_obs = (x.unflatten(1, (self.n_seeds, B)) for x in (taken.obs, taken.next_obs))
        memories = self.core.unroll(obs.float(), start)  # [T, K, B, H]
        with torch.no_grad():
            reached = self.core(self.seeded(taken.next_obs), self.seeded(memories.flatten(1, 2)))
        next_memories = self.unseeded(reached, T)
        super().learn(taken._replace(obs=memories.flatten(1, 2), next_obs=next_memories))
