"""Memory for K seeds at once: a GRU, the flag that says where episodes begin, a task that needs both (lecture 09).

Source: Cho et al. (2014), in the form of torch.nn.GRUCell. A memory belongs to an environment: [K, B, H] for B of them.
"""

from typing import Any

import gymnasium
import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.inputs import Number
from rlcourse.nets import Generators, StackedLinear


class GRU(nn.Module):
    r"""K gated recurrent units side by side: what to remember next, of what is seen and what was remembered.

    .. math:: r, z = \sigma(W x + U h), \quad n = \tanh(W_n x + r \odot U_n h), \quad h' = (1 - z) n + z h

    z says how much of the old memory stays, r how much of it is looked at; biases are left out of the formula. An
    observation's last number is 1 where an episode begins (see Begins): there h counts as 0.
    """

    def __init__(self, n_in: int, n_hidden: int, generators: Generators) -> None:
        super().__init__()
        self.seen = StackedLinear(n_in, 3 * n_hidden, generators)
        self.remembered = StackedLinear(n_hidden, 3 * n_hidden, generators)

    def forward(self, obs: Tensor, memory: Tensor) -> Tensor:
        """Observations [K, N, n_in] and memories [K, N, H] to the next memories [K, N, H]."""
        memory = memory * (1 - obs[..., -1:])
        (r, z, n), (r_h, z_h, n_h) = self.seen(obs).chunk(3, dim=-1), self.remembered(memory).chunk(3, dim=-1)
        r, z = (r + r_h).sigmoid(), (z + z_h).sigmoid()
        return (1 - z) * (n + r * n_h).tanh() + z * memory

    def unroll(self, obs: Tensor, memory: Tensor) -> Tensor:
        """Observations [T, K, B, n_in] from the memories [K, B, H] on: the memories after each of them [T, K, B, H]."""
        memories = []
        for now in obs:
            memory = self(now, memory)
            memories.append(memory)
        return torch.stack(memories)


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
