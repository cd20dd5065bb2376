"""Environments side by side, K seeds of B each, with the end of an episode handled once and for all.

Gymnasium's vector environments reset themselves. In SAME_STEP mode the step that ends an episode already returns the
next episode's first observation, and hides the last one in `info`. Here it is put back: `Step.next_obs` is the
observation really reached, `observation` the one to act on. So nothing is ever learned from a step across a reset.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from numpy import ndarray

from rlcourse.contracts.inputs import wrong

EnvMaker = str | Callable[[], gymnasium.Env]
ON_DEMAND = {"MinAtar/": "minatar.gym"}  # ids that begin so: the module that registers them


def make_env(env: str, **settings: Any) -> gymnasium.Env:
    """An environment by its Gymnasium id.

    Raises:
        ValueError: where there is none of this name, with the package that it needs.
    """
    needs = next((package for prefix, package in ON_DEMAND.items() if env.startswith(prefix)), None)
    if needs and env not in gymnasium.registry:
        try:
            import_module(needs).register_envs()  # since Gymnasium 1.0 a package no longer registers by itself
        except ImportError as error:
            raise wrong("env", repr(env), f"the package {needs.split('.')[0]} installed: {error}") from None
    if ":" not in env and env not in gymnasium.registry:
        raise wrong("env", repr(env), "a registered Gymnasium id such as CartPole-v1")
    try:
        return gymnasium.make(env, disable_env_checker=True, **settings)
    except gymnasium.error.DependencyNotInstalled as error:
        raise wrong("env", repr(env), f"what it needs installed: {error}") from None


class Step(NamedTuple):
    """One step of K x B environments; next_obs is the observation really reached, also where an episode ended."""

    obs: ndarray  # [K, B, ...]
    action: ndarray  # [K, B, ...]
    reward: ndarray  # [K, B]
    next_obs: ndarray  # [K, B, ...]
    terminated: ndarray  # [K, B] bool
    truncated: ndarray  # [K, B] bool


class Envs:
    """K x B copies of an environment; copy b of seed k is seeded with (seed + k) * 1000 + b.

    `observation` [K, B, ...] is what the agent sees now. `step(action [K, B, ...])` returns the Step and moves on.
    """

    def __init__(self, env: EnvMaker, n_seeds: int, per_seed: int = 1, seed: int = 0) -> None:
        if n_seeds < 1 or per_seed < 1:
            raise wrong("n_seeds, per_seed", f"{n_seeds}, {per_seed}", "at least 1 each")
        make = (lambda: make_env(env)) if isinstance(env, str) else env
        self.shape = (n_seeds, per_seed)
        self._envs = SyncVectorEnv([make] * (n_seeds * per_seed), autoreset_mode=AutoresetMode.SAME_STEP)
        self.observation_space = self._envs.single_observation_space
        self.action_space = self._envs.single_action_space
        seeds = [(seed + k) * 1000 + b for k in range(n_seeds) for b in range(per_seed)]
        for space_seed, one in zip(seeds, self._envs.envs, strict=True):
            one.action_space.seed(space_seed)
        self.observation = self._fold(self._envs.reset(seed=seeds)[0].copy())
        self._returns = np.zeros(self.shape)
        self.finished: list[list[float]] = [[] for _ in range(n_seeds)]  # returns of the episodes that ended

    def _fold(self, x: ndarray) -> ndarray:
        return x.reshape(*self.shape, *x.shape[1:])

    def step(self, action: ndarray) -> Step:
        """Take a step in every environment."""
        observation = self.observation
        flat = np.asarray(action).reshape(-1, *np.shape(action)[2:])
        seen, reward, terminated, truncated, info = self._envs.step(flat)
        reached = seen.copy()
        for i in np.flatnonzero(info.get("_final_obs", [])):
            reached[i] = info["final_obs"][i]
        self.observation = self._fold(seen.copy())
        step = Step(observation, action, *map(self._fold, (reward, reached, terminated, truncated)))
        self._returns += step.reward
        for k, b in np.argwhere(step.terminated | step.truncated):
            self.finished[k].append(float(self._returns[k, b]))
            self._returns[k, b] = 0
        return step

    def close(self) -> None:
        self._envs.close()
