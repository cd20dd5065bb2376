"""Worlds for the tests of agents: each shows one thing, and one step is enough to see it."""

from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, Space

SEEN, TWO = Box(-1, 1, (1,), np.float32), Discrete(2)


class World(gymnasium.Env):
    """Nothing to see; each step pays `reward`; an episode terminates after `length` steps (None: never)."""

    def __init__(
        self, reward: float = 1.0, length: int | None = 5, observed: Space = SEEN, actions: Space = TWO
    ) -> None:
        self.observation_space, self.action_space = observed, actions
        self.reward, self.length, self.t = reward, length, 0

    def seen(self) -> Any:
        return np.zeros(self.observation_space.shape, self.observation_space.dtype)

    def paid(self, action: Any) -> float:
        return self.reward

    def ends(self) -> tuple[bool, bool]:
        return self.t == self.length, False

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[Any, dict]:
        super().reset(seed=seed)
        self.t = 0
        return self.seen(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict]:
        self.t += 1
        return self.seen(), self.paid(action), *self.ends(), {}


class Flags(World):
    """Every step pays 1 and ends as it is told: (terminated, truncated)."""

    def __init__(self, terminated: bool, truncated: bool) -> None:
        super().__init__()
        self.flags = terminated, truncated

    def ends(self) -> tuple[bool, bool]:
        return self.flags


class Strict(World):
    """Refuses an action that is not in its space; observations are any numbers of its space."""

    def seen(self) -> Any:
        return self.observation_space.sample()

    def paid(self, action: Any) -> float:
        assert self.action_space.contains(action), f"{action!r} is not in {self.action_space}"
        return 1.0


class Target(World):
    """The nearer each action is to 0.5 and -0.5, the better; an episode is one step."""

    def __init__(self) -> None:
        super().__init__(length=1, actions=Box(-1, 1, (2,), np.float32))

    def paid(self, action: Any) -> float:
        return -float(((action - [0.5, -0.5]) ** 2).sum())


class Noise(World):
    """Every reward is chance, whatever one does."""

    def paid(self, action: Any) -> float:
        return self.np_random.random() - 0.5


class Poison(World):
    """The better action is 1; where it is poisoned, rewards are NaN from step 60 on."""

    def __init__(self, poisoned: bool = False) -> None:
        super().__init__(length=5)
        self.poisoned, self.taken = poisoned, 0

    def paid(self, action: Any) -> float:
        self.taken += 1
        return np.nan if self.poisoned and self.taken > 60 else float(action)
