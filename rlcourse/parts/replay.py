"""What agents remember: one step of all environments, and replay buffers of K seeds side by side.

Here the seeds are folded into the batch and unfolded after it: an equation gets [K * M, ...] and never sees K.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.contracts.graded import bare
from rlcourse.contracts.inputs import Number, wrong
from rlcourse.functional import replay
from rlcourse.parts.sumtree import SumTree
from rlcourse.worlds.envs import Step


@dataclass(frozen=True)
class Batch:
    """M windows of up to n steps for each of K seeds, folded: the first axis is K * M, seed 0's first."""

    obs: Tensor  # [K*M, ...]
    action: Tensor  # [K*M, ...]
    rewards: Tensor  # [n, K*M]
    next_obs: Tensor  # [K*M, ...] reached at the end of the window
    terminated: Tensor  # [n, K*M]
    truncated: Tensor  # [n, K*M]; the newest step of the buffer counts as cut, for what follows it is not known yet
    length: Tensor  # [K*M] steps in the window
    index: ndarray  # [K, M] where they lie in the buffer
    weights: Tensor | None = None  # [K*M] what makes up for drawing some more often; None: drawn uniformly


def fold(x: Tensor) -> Tensor:
    """[K, M, ...] -> [K*M, ...]"""
    return x.flatten(0, 1)


def unfold(x: Tensor, n_seeds: int) -> Tensor:
    """[K*M, ...] -> [K, M, ...]"""
    return x.unflatten(0, (n_seeds, -1))


class ReplayBuffer:
    """The last `capacity` steps of each seed, in arrays made beforehand, drawn uniformly.

    Steps of one environment lie `per_seed` rows apart, so that a window of n steps can be read from any row: it ends
    with its episode, or with the newest step.
    """

    def __init__(self, capacity: int, n_seeds: int, seed: int = 0) -> None:
        if capacity < 1:
            raise wrong("capacity", f"{capacity}", "at least 1")
        self.capacity, self.n_seeds = capacity, n_seeds
        self.generators = [np.random.default_rng([seed + k, 1]) for k in range(n_seeds)]
        self.added = 0  # steps added to each seed so far
        self.columns: dict[str, ndarray] = {}  # [K, capacity, ...]
        self.per_seed = 1

    def __len__(self) -> int:
        return min(self.added, self.capacity)

    def add(self, step: Step) -> ndarray:
        """Remember a step; returns the rows it went to [B]."""
        if not self.columns:
            self.per_seed = step.reward.shape[1]
            if self.capacity % self.per_seed:
                self.capacity += self.per_seed - self.capacity % self.per_seed  # whole rows of environments
            for name, value in step._asdict().items():
                dtype = np.float32 if value.dtype == np.float64 else value.dtype
                self.columns[name] = np.zeros((self.n_seeds, self.capacity, *value.shape[2:]), dtype)
        rows = (self.added + np.arange(self.per_seed)) % self.capacity
        for name, value in step._asdict().items():
            self.columns[name][:, rows] = value
        self.added += self.per_seed
        return rows

    def sample(self, size: int, n: int = 1) -> Batch:
        """`size` windows of up to n steps for each seed, drawn uniformly.

        Raises:
            ValueError: where fewer than `size` steps are there, or n < 1.
        """
        self.check(size, n)
        index = np.stack([generator.integers(len(self), size=size) for generator in self.generators])
        return self.windows(index, n)

    def check(self, size: int, n: int) -> None:
        if size < 1 or len(self) < size:
            raise wrong("size", f"{size}", f"1 to {len(self)}, the steps in the buffer")
        if n < 1:
            raise wrong("n", f"{n}", "at least 1")

    def windows(self, index: ndarray, n: int = 1) -> Batch:
        """The windows that begin at the rows index [K, M]."""
        seeds = np.arange(self.n_seeds)[:, None]
        newest = (self.added - self.per_seed) % self.capacity // self.per_seed  # the newest row of environments
        behind = (newest - index // self.per_seed) % (self.capacity // self.per_seed)  # steps that follow in the buffer
        rows, last = [], index
        length, open_ = np.zeros(index.shape, int), np.ones(index.shape, bool)
        flags: dict[str, list[ndarray]] = {"reward": [], "terminated": [], "truncated": []}
        for t in range(n):
            here = (index + t * self.per_seed) % self.capacity
            rows.append(here)
            last = np.where(open_, here, last)
            length += open_
            for name, values in flags.items():
                values.append(np.where(open_, self.columns[name][seeds, here], 0))
            cut = open_ & (behind <= t) & (flags["terminated"][-1] == 0)
            flags["truncated"][-1] = flags["truncated"][-1].astype(bool) | cut
            open_ = open_ & ~(flags["terminated"][-1].astype(bool) | flags["truncated"][-1])

        def tensor(x: ndarray) -> Tensor:
            return torch.from_numpy(np.ascontiguousarray(x))

        stacked = {name: torch.stack([fold(tensor(value)) for value in values]) for name, values in flags.items()}
        return Batch(
            obs=fold(tensor(self.columns["obs"][seeds, index])),
            action=fold(tensor(self.columns["action"][seeds, index])),
            rewards=stacked["reward"].float(),
            next_obs=fold(tensor(self.columns["next_obs"][seeds, last])),
            terminated=stacked["terminated"].bool(),
            truncated=stacked["truncated"].bool(),
            length=fold(tensor(length)),
            index=index,
        )


class PrioritizedReplay(ReplayBuffer):
    """A replay buffer that draws in proportion to priorities, by a sum tree a seed (Schaul et al., 2016).

    A new step gets the largest priority seen so far, so that it is drawn soon. A batch is stratified: one draw from
    each of `size` equal slices of the total. Its weights are normalised by the batch's own maximum, seed by seed.

    Args:
        capacity, n_seeds, seed: as ReplayBuffer.
        alpha: how much priority counts; 0 draws uniformly.
        eps: added to the error, in units of the error.
        priority, importance_weights: the equations.
    """

    def __init__(
        self,
        capacity: int,
        n_seeds: int,
        seed: int = 0,
        alpha: float = 0.6,
        eps: float = 1e-3,
        priority: Callable[..., Tensor] = replay.priority,
        importance_weights: Callable[..., Tensor] = replay.importance_weights,
    ) -> None:
        super().__init__(capacity, n_seeds, seed)
        Number(0).check("alpha", alpha, {})
        Number(0).check("eps", eps, {})
        self.alpha, self.eps = alpha, eps
        self.priority, self.importance_weights = bare(priority), bare(importance_weights)
        self.largest = np.ones(n_seeds)
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
        self.check(size, n)
        index = self.tree.sample(self.tree.stratified(size, self.generators))
        probabilities = torch.from_numpy(self.tree.get(index) / self.tree.total[:, None])
        weights = [self.importance_weights(of_seed, len(self), beta) for of_seed in probabilities]  # a maximum a seed
        return replace(self.windows(index, n), weights=torch.cat([torch.as_tensor(w) for w in weights]).float())

    def update(self, index: ndarray, td_error: Tensor) -> None:
        """New priorities for the steps drawn [K, M], from their errors [K*M]."""
        priorities = torch.as_tensor(self.priority(td_error, self.alpha, self.eps)).double().numpy()
        priorities = priorities.reshape(index.shape)
        if not np.isfinite(priorities).all() or (priorities < 0).any():
            raise wrong("priority", "NaN, infinite or negative priorities", "finite numbers >= 0")
        self.tree.set(index, priorities)
        self.largest = np.maximum(self.largest, priorities.max(axis=1))
