"""Replay: the last steps of K seeds, each seed's drawn by itself; a batch has them side by side, [K * M, ...]."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.contracts.inputs import Number, Scalar, bad_argument
from rlcourse.functional import replay
from rlcourse.parts.agent import in_tensors, never_called
from rlcourse.parts.seeds import Seeds
from rlcourse.parts.sumtree import SumTree
from rlcourse.worlds.envs import Step


@dataclass(frozen=True)
class Batch:
    """M windows of up to n steps for each of K seeds: the batch axis is K * M, seed 0's first."""

    obs: Tensor  # [K*M, ...]
    action: Tensor  # [K*M, ...]
    rewards: Tensor  # [n, K*M]
    next_obs: Tensor  # [K*M, ...] reached at the end of the window
    terminated: Tensor  # [n, K*M]
    truncated: Tensor  # [n, K*M]; the newest step of the buffer counts as cut, for what follows it is not known yet
    length: Tensor  # [K*M] steps in the window
    index: ndarray  # [K, M] where they lie in the buffer
    weights: Tensor  # [K*M] what makes up for drawing some more often; 1 where drawn uniformly


class ReplayBuffer:
    """The last `capacity` steps of each seed, in arrays made beforehand, drawn uniformly. Rewards in single precision.

    Steps of one environment lie n_envs rows apart, so that a window of n steps can be read from any row: it ends with
    its episode, or with the newest step.
    """

    def __init__(self, capacity: int, seeds: Seeds) -> None:
        Scalar(1, whole=True).check("capacity", capacity, {})
        self.capacity, self.n_seeds, self.chance = capacity, len(seeds), seeds("minibatches")
        self.added = 0  # steps added to each seed so far
        self.columns: dict[str, ndarray] = {}  # [K, capacity, ...]
        self.n_envs = 0

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(self, step: Step) -> ndarray:
        """Remember a step of N environments; returns the rows it went to [N / K].

        Raises:
            ValueError: where they are not as many as before.
        """
        if not self.columns:
            self._prepare(step)
        if len(step.reward) != self.n_seeds * self.n_envs:
            came, expected = f"{len(step.reward)} environments", f"{self.n_seeds * self.n_envs}, as before"
            raise bad_argument("step", came, expected)
        rows = (self.added + np.arange(self.n_envs)) % self.capacity
        for name, value in step._asdict().items():
            self.columns[name][:, rows] = value.reshape(self.n_seeds, self.n_envs, *value.shape[1:])
        self.added += self.n_envs
        return rows

    def _prepare(self, step: Step) -> None:
        self.n_envs = len(step.reward) // self.n_seeds
        self.capacity += -self.capacity % self.n_envs  # whole rows of environments
        for name, value in step._asdict().items():
            dtype = np.float32 if value.dtype == np.float64 else value.dtype
            self.columns[name] = np.zeros((self.n_seeds, self.capacity, *value.shape[1:]), dtype)

    def cut(self) -> None:
        """What follows comes from other episodes: the newest steps count as cut off, unless they terminated."""
        if self.added:
            newest = (self.added - 1 - np.arange(self.n_envs)) % self.capacity
            self.columns["truncated"][:, newest] = ~self.columns["terminated"][:, newest]

    def sample(self, size: int, n: int = 1, beta: float = 0.0) -> Batch:
        """`size` windows of up to n steps for each seed, drawn uniformly: there is nothing that beta makes up for.

        Raises:
            ValueError: where fewer than `size` steps are there, or n < 1.
        """
        self._check(size, n)
        return self.windows(self.chance.integers(len(self), size), n)

    def update(self, index: ndarray, td_error: Tensor) -> None:
        """Errors say nothing to a buffer that draws uniformly."""

    def _check(self, size: int, n: int) -> None:
        if size < 1 or len(self) < size:
            raise bad_argument("size", f"{size}", f"1 to {len(self)}, the steps in the buffer")
        Scalar(1, whole=True).check("n", n, {})

    def windows(self, index: ndarray, n: int = 1) -> Batch:
        """The windows that begin at the rows index [K, M]."""
        newest = (self.added - self.n_envs) % self.capacity // self.n_envs  # the newest row of environments
        behind = (newest - index // self.n_envs) % (self.capacity // self.n_envs)  # steps that follow in the buffer
        last, length, open_ = index, np.zeros(index.shape, int), np.ones(index.shape, bool)
        flags: dict[str, list[ndarray]] = {"reward": [], "terminated": [], "truncated": []}
        for t in range(n):
            here = (index + t * self.n_envs) % self.capacity
            last, length = np.where(open_, here, last), length + open_
            for name, values in flags.items():
                values.append(np.where(open_, self._at(name, here), 0))
            cut = open_ & (behind <= t) & (flags["terminated"][-1] == 0)
            flags["truncated"][-1] = flags["truncated"][-1].astype(bool) | cut
            open_ = open_ & ~(flags["terminated"][-1].astype(bool) | flags["truncated"][-1])
        stacked = {name: torch.stack([_flat(value) for value in values]) for name, values in flags.items()}
        return Batch(
            obs=_flat(self._at("obs", index)),
            action=_flat(self._at("action", index)),
            rewards=stacked["reward"].float(),
            next_obs=_flat(self._at("next_obs", last)),
            terminated=stacked["terminated"].bool(),
            truncated=stacked["truncated"].bool(),
            length=_flat(length),
            index=index,
            weights=torch.ones(index.size),
        )

    def _at(self, name: str, rows: ndarray) -> ndarray:
        """A column at the rows [K, M], each seed's in its own part: faster than columns[name][seeds, rows]."""
        column = self.columns[name]
        first = np.arange(0, self.n_seeds * self.capacity, self.capacity)[:, None]
        return column.reshape(-1, *column.shape[2:]).take(first + rows, axis=0)


def _flat(x: ndarray) -> Tensor:
    """[K, M, ...] -> [K * M, ...]"""
    return torch.from_numpy(np.ascontiguousarray(x)).flatten(0, 1)


class PrioritizedReplay(ReplayBuffer):
    """A replay buffer that draws in proportion to priorities, by a sum tree a seed (Schaul et al., 2016).

    A new step gets the largest priority seen so far, so that it is drawn soon. A batch is stratified: one draw from
    each of `size` equal slices of the total. Its weights are normalised by the batch's own maximum, seed by seed.

    Args:
        capacity, seeds: as ReplayBuffer.
        alpha: how much priority counts; 0 draws uniformly.
        eps: added to the error, in units of the error.
        priority, importance_weights: the equations.
    """

    def __init__(
        self,
        capacity: int,
        seeds: Seeds,
        alpha: float = 0.6,
        eps: float = 1e-3,
        priority: Callable[..., Tensor] = replay.priority,
        importance_weights: Callable[..., Tensor] = replay.importance_weights,
    ) -> None:
        super().__init__(capacity, seeds)
        Number(0).check("alpha", alpha, {})
        Number(0).check("eps", eps, {})
        self.alpha, self.eps = alpha, eps
        self.priority, self.importance_weights = in_tensors(priority), in_tensors(importance_weights)
        self.largest = np.ones(len(seeds))
        self.tree: SumTree | None = None

    def add(self, step: Step) -> ndarray:
        rows = super().add(step)
        if self.tree is None:
            self.tree = SumTree(self.capacity, self.n_seeds)
        index = np.broadcast_to(rows, (self.n_seeds, len(rows)))
        self.tree.set(index, np.broadcast_to(self.largest[:, None], index.shape))
        return rows

    def sample(self, size: int, n: int = 1, beta: float = 0.4) -> Batch:
        """As ReplayBuffer.sample, by priority; beta says how much of the bias the weights make up for."""
        self._check(size, n)
        index = self.tree.sample(self.tree.stratified(size, self.chance.generators))
        probabilities = torch.from_numpy(self.tree.get(index) / self.tree.total[:, None])
        weights = [self.importance_weights(of_seed, len(self), beta) for of_seed in probabilities]  # a maximum a seed
        return replace(self.windows(index, n), weights=torch.cat(weights).float())

    def update(self, index: ndarray, td_error: Tensor) -> None:
        """New priorities for the steps drawn [K, M], from their errors [K*M]. A seed whose errors are not finite has
        diverged: its priorities stay.

        Raises:
            ValueError: where finite errors get priorities that are not finite numbers >= 0.
        """
        finite = td_error.isfinite()
        priorities = self.priority(td_error.where(finite, 0.0), self.alpha, self.eps).double()
        if not priorities.isfinite().all() or (priorities < 0).any():
            raise bad_argument("priority", "NaN, infinite or negative priorities", "finite numbers >= 0")
        kept = np.where(
            finite.numpy().reshape(index.shape), priorities.numpy().reshape(index.shape), self.tree.get(index)
        )
        self.tree.set(index, kept)
        self.largest = np.maximum(self.largest, kept.max(axis=1))


def replay_memory(
    seeds: Seeds, config: Any, priority: Callable[..., Tensor], importance_weights: Callable[..., Tensor]
) -> ReplayBuffer:
    """A buffer of config's `capacity`, that draws by priority (`alpha`) where it is `prioritized`, and else uniformly.

    Raises:
        ValueError: where an equation of one's own is given that would never be called.
    """
    never_called(not config.prioritized, priority=priority, importance_weights=importance_weights)
    if not config.prioritized:
        return ReplayBuffer(config.capacity, seeds)
    return PrioritizedReplay(
        config.capacity, seeds, config.alpha, priority=priority, importance_weights=importance_weights
    )
