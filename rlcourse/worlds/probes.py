"""Worlds so small that an agent which fails in them is broken, and one can tell where; and a task for a memory."""

from typing import Any

import gymnasium
import numpy as np
from numpy import ndarray

from rlcourse.contracts.inputs import Number, bad_argument


class Probe(gymnasium.Env):
    """A world so small that an agent which does not solve it in seconds is broken, and one can tell where.

    `kind` is one of KINDS; the observation is one number or two, there are two actions.
    """

    KINDS = ("constant reward", "reward by observation", "two steps", "action matters", "both matter")

    def __init__(self, kind: str, truncates: bool = False) -> None:
        if kind not in self.KINDS:
            raise bad_argument("kind", f"{kind!r}", f"one of {', '.join(self.KINDS)}")
        self.kind, self.truncates = kind, truncates
        self.observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(2)

    def _observe(self) -> ndarray:
        return np.array([self._sign], np.float32)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[ndarray, dict]:
        super().reset(seed=seed)
        seen = self.kind in ("reward by observation", "both matter")
        self._sign = float(self.np_random.choice([-1, 1])) if seen else 0.0
        return self._observe(), {}

    def step(self, action: int) -> tuple[ndarray, float, bool, bool, dict[str, Any]]:
        reward, over = 1.0, True
        if self.kind == "reward by observation":
            reward = self._sign
        elif self.kind == "two steps":  # reward 1, one step late
            over = self._sign == 1
            reward = float(over)
            self._sign = 1.0
        elif self.kind == "action matters":
            reward = 1.0 if action == 1 else -1.0
        elif self.kind == "both matter":
            reward = 1.0 if (action == 1) == (self._sign > 0) else -1.0
        return self._observe(), reward, over and not self.truncates, over and self.truncates, {}


class Begins(gymnasium.ObservationWrapper):
    """One number more in the observation: 1 at the first of an episode, 0 after it.

    So a network with a memory can see for itself when to forget, and no loop has to tell it.
    """

    def __init__(self, env: gymnasium.Env) -> None:
        super().__init__(env)
        space = env.observation_space
        low, high = np.append(space.low, 0), np.append(space.high, 1)
        self.observation_space = gymnasium.spaces.Box(low.astype(np.float32), high.astype(np.float32))

    def reset(self, **settings: Any) -> tuple[ndarray, dict]:
        obs, info = self.env.reset(**settings)
        return np.append(obs, 1).astype(np.float32), info

    def observation(self, obs: ndarray) -> ndarray:
        return np.append(obs, 0).astype(np.float32)


class Recall(gymnasium.Env):
    """A cue at the first step, -1 or 1, then nothing to see, and at the last of `length` steps: which was it?

    The observation is (cue, whether the question is asked). The last action pays 1 if it is right, -1 if it is not; the
    others pay nothing. Whoever sees only the question earns 0 on average.
    """

    def __init__(self, length: int = 6) -> None:
        Number(2).check("length", length, {})
        self.length = length
        self.observation_space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(2)

    def _observe(self) -> ndarray:
        return np.array([self._cue if self._t == 0 else 0, self._t == self.length - 1], np.float32)

    def reset(self, *, seed: int | None = None, options: dict | None = None) -> tuple[ndarray, dict]:
        super().reset(seed=seed)
        self._cue, self._t = float(self.np_random.choice([-1, 1])), 0
        return self._observe(), {}

    def step(self, action: int) -> tuple[ndarray, float, bool, bool, dict]:
        asked = self._t == self.length - 1
        reward = (1.0 if (action == 1) == (self._cue > 0) else -1.0) if asked else 0.0
        self._t += 1
        return self._observe(), reward, asked, False, {}


def recall(length: int = 6) -> gymnasium.Env:
    """The memory task, with the flag that says where an episode begins."""
    return Begins(Recall(length))
