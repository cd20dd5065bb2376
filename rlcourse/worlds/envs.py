"""Environments side by side, one batch axis, with the end of an episode handled once and for all.

Where an episode ends the environment is reset at once. `Step.next_obs` is the observation really reached,
`Envs.observation` the one to act on, which after an ending is the next episode's first: nothing is ever learned from a
step across a reset. What an agent chose reaches the environment in its own numbers, within its bounds.
"""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete, Space
from numpy import ndarray

from rlcourse.contracts.inputs import bad_argument

EnvMaker = str | Callable[[], gymnasium.Env]
ON_DEMAND = {"MinAtar/": "minatar.gym"}  # ids that begin so: the module that registers them


class Step(NamedTuple):
    """One step of N environments; next_obs is the observation really reached, also where an episode ended."""

    obs: ndarray  # [N, ...]
    action: ndarray  # [N, ...] as the agent chose it
    reward: ndarray  # [N]
    next_obs: ndarray  # [N, ...]
    terminated: ndarray  # [N] bool
    truncated: ndarray  # [N] bool; never both: where an environment says both, terminated counts


def make_env(env: EnvMaker, **settings: Any) -> gymnasium.Env:
    """An environment by its Gymnasium id, or by a function that makes one.

    Raises:
        ValueError: where there is none of this name, with the package that it needs; or env makes no environment.
    """
    if not isinstance(env, str):
        made = env() if callable(env) else env
        if not callable(env) or not isinstance(made, gymnasium.Env):
            raise bad_argument("env", f"{made!r}", "a Gymnasium id, or a function that makes one environment")
        return made
    needs = next((package for prefix, package in ON_DEMAND.items() if env.startswith(prefix)), None)
    if needs and env not in gymnasium.registry:
        try:
            import_module(needs).register_envs()  # since Gymnasium 1.0 a package no longer registers by itself
        except ImportError as error:
            raise bad_argument("env", repr(env), f"the package {needs.split('.')[0]} installed: {error}") from None
    if ":" not in env and env not in gymnasium.registry:
        expected = "a registered Gymnasium id such as CartPole-v1; for one of your own say module:Name-v0"
        raise bad_argument("env", repr(env), expected)
    try:
        return gymnasium.make(env, disable_env_checker=True, **settings)
    except gymnasium.error.DependencyNotInstalled as error:
        raise bad_argument("env", repr(env), f"what it needs installed: {error}") from None


def spaces_of(env: EnvMaker) -> tuple[Space, Space]:
    """The spaces of observations and actions."""
    one = make_env(env)
    one.close()
    return one.observation_space, one.action_space


class Envs:
    """N copies of an environment, copy i seeded with seeds[i].

    `observation` [N, ...] is what the agent sees now; `step(action [N, ...])` returns the Step and moves on. `finished`
    lists what ended: the number of the copy, and the episode's return.

    Raises:
        ValueError: where there is no seed, `env` hands out one environment twice, observations are no array, or have
            another shape than their space.
    """

    def __init__(self, env: EnvMaker, seeds: Sequence[int]) -> None:
        if not seeds:
            raise bad_argument("seeds", "none", "at least one environment")
        self._envs = [make_env(env) for _ in seeds]
        if len({id(one.unwrapped) for one in self._envs}) < len(self._envs):
            raise bad_argument("env", "the same environment twice", "a function that makes a new one each time")
        self.observation_space, self.action_space = self._envs[0].observation_space, self._envs[0].action_space
        if not isinstance(self.observation_space, Box | Discrete):
            raise bad_argument("observation_space", f"{self.observation_space}", "a Box or Discrete space")
        first = [_begin(one, seed) for one, seed in zip(self._envs, seeds, strict=True)]
        self.observation = np.array(first, self.observation_space.dtype)
        if self.observation.shape[1:] != self.observation_space.shape:
            came = f"an observation of shape {self.observation.shape[1:]}"
            raise bad_argument("env", came, f"{self.observation_space.shape}, that of its space")
        self._returns = np.zeros(len(first))
        self.finished: list[tuple[int, float]] = []

    def step(self, action: Any) -> Step:
        """Take a step in every environment."""
        action = np.asarray(action)
        obs, reached, seen = self.observation, np.empty_like(self.observation), np.empty_like(self.observation)
        reward, (terminated, truncated) = np.zeros(len(obs)), np.zeros((2, len(obs)), bool)
        for i, (one, sent) in enumerate(zip(self._envs, self._sent(action), strict=True)):
            reached[i], reward[i], terminated[i], truncated[i], _ = one.step(sent)  # copied into the batch: an
            seen[i] = one.reset()[0] if terminated[i] or truncated[i] else reached[i]  # environment may write over it
        self.observation, self._returns = seen, self._returns + reward
        for i in np.flatnonzero(terminated | truncated):
            self.finished.append((int(i), float(self._returns[i])))
            self._returns[i] = 0
        return Step(obs, action, reward, reached, terminated, truncated & ~terminated)

    def _sent(self, action: ndarray) -> ndarray:
        """What the environments get: in the space's own numbers, and inside it."""
        space = self.action_space
        if isinstance(space, Discrete):
            return action + space.start
        if isinstance(space, Box):
            whole = np.issubdtype(space.dtype, np.integer)
            return (np.rint(action) if whole else action).clip(space.low, space.high).astype(space.dtype)
        return action

    def close(self) -> None:
        for one in self._envs:
            one.close()


def _begin(env: gymnasium.Env, seed: int) -> ndarray:
    """The first observation. Worlds on NumPy's older generator, such as MinAtar's, take seeds of 32 bits."""
    try:
        return env.reset(seed=seed)[0]
    except ValueError:
        return env.reset(seed=seed % 2**32)[0]
