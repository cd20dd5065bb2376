"""Batches of transitions, collected by any policy, joined, picked from: [K * M, ...], seed 0's first."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from gymnasium.spaces import Discrete
from numpy import ndarray

from rlcourse.contracts.inputs import Scalar, bad_argument
from rlcourse.parts.seeds import Seeds
from rlcourse.worlds.envs import EnvMaker, Envs, Step


def collect(
    env: EnvMaker,
    steps: int,
    n_seeds: int = 1,
    seed: int = 0,
    act: Callable[[ndarray], Any] | None = None,
    purpose: str = "collect",
) -> Step:
    """The transitions of `steps` steps of each seed in an environment of its own: [K * steps, ...], seed 0's first.

    Args:
        env: a Gymnasium id, or a function that makes one environment.
        steps: of each seed.
        n_seeds, seed: seeds seed, seed + 1, ...
        act: observations [K, ...] to actions [K]; None: every action alike.
        purpose: names the chance that is used; collect under another name, and other episodes come.

    Raises:
        ValueError: where steps or seeds are none, or actions are not Discrete.
    """
    steps, seeds = int(Scalar(1, whole=True).check("steps", steps, {})), Seeds(seed, n_seeds)
    envs, chance = Envs(env, seeds.numbers(f"{purpose}: environments", 1)), seeds(f"{purpose}: actions")
    if not isinstance(envs.action_space, Discrete):
        raise bad_argument("action_space", f"{envs.action_space}", "Discrete actions")
    taken = []
    for _ in range(steps):
        action = chance.integers(int(envs.action_space.n), 1)[:, 0] if act is None else act(envs.observation)
        taken.append(envs.step(action))
    envs.close()
    return join(taken, n_seeds)


def join(batches: Sequence[Step], n_seeds: int) -> Step:
    """Batches of the same seeds as one: each seed's transitions end to end."""

    def joined(*parts: ndarray) -> ndarray:
        return np.concatenate([_by_seed(part, n_seeds) for part in parts], axis=1).reshape(-1, *parts[0].shape[1:])

    return Step(*map(joined, *batches))


def pick(batch: Step, rows: slice | ndarray, n_seeds: int) -> Step:
    """The same rows of each seed's transitions: a slice, or numbers [M], or numbers of each seed's own [K, M]."""
    seeds = np.arange(n_seeds)[:, None]

    def picked(column: ndarray) -> ndarray:
        mine = _by_seed(column, n_seeds)
        mine = mine[:, rows] if isinstance(rows, slice) else mine[seeds, rows]
        return mine.reshape(-1, *column.shape[1:])

    return Step(*map(picked, batch))


def _by_seed(column: ndarray, n_seeds: int) -> ndarray:
    return column.reshape(n_seeds, -1, *column.shape[1:])
