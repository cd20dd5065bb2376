"""What on-policy agents learn from: T steps of all environments, and then nothing of them."""

from collections import deque
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from rlcourse.parts.seeds import Stream
from rlcourse.worlds.envs import Step


class Rollout(SimpleNamespace):
    """Tensors [T, N, ...] of T steps of N environments, seed 0's first: obs, action, rewards, next_obs, terminated,
    truncated, and whatever the agent noted when it acted (log_prob, say)."""

    def minibatches(self, parts: int, chance: Stream, **more: Tensor) -> Iterator[SimpleNamespace]:
        """Every step once, in so many parts, each seed's in an order of its own: tensors [K * M, ...]."""
        K, N = len(chance), self.rewards.shape[1]
        seeds = torch.arange(K).unsqueeze(1)
        by_seed = {
            name: x.unflatten(1, (K, N // K)).transpose(0, 1).flatten(1, 2)
            for name, x in {**vars(self), **more}.items()
        }
        for rows in torch.from_numpy(chance.orders(self.rewards.numel() // K)).chunk(parts, dim=1):
            yield SimpleNamespace(**{name: x[seeds, rows].flatten(0, 1) for name, x in by_seed.items()})


class Rollouts:
    """Collects `rollout_length` steps; `note` beforehand what the step will not say."""

    def __init__(self, rollout_length: int) -> None:
        self.rollout_length = rollout_length
        self.forget()

    def forget(self) -> None:
        """Drop what is half collected: what follows comes from other episodes."""
        self.steps: list[dict[str, Any]] = []
        self.noted: dict[str, Tensor] = {}

    def note(self, **tensors: Tensor) -> None:
        """Remember tensors [N, ...] with the step that is taken next."""
        self.noted = tensors

    def add(self, step: Step) -> Rollout | None:
        """Remember a step; the rollout, where it is whole now."""
        self.steps.append(step._asdict() | self.noted)
        if len(self.steps) < self.rollout_length:
            return None
        steps, self.steps = self.steps, []
        columns = {name: torch.stack([torch.as_tensor(one[name]) for one in steps]) for name in steps[0]}
        return Rollout(rewards=columns.pop("reward").float(), **columns)


class RolloutMemory:
    """The last `capacity` rollouts, to learn from once more."""

    def __init__(self, capacity: int) -> None:
        self.rollouts: deque[Rollout] = deque(maxlen=capacity)

    def __len__(self) -> int:
        return len(self.rollouts)

    def add(self, rollout: Rollout) -> None:
        self.rollouts.append(rollout)

    def recall(self, chance: Stream) -> Rollout:
        """A rollout in which each seed's part is one of its own, drawn by itself."""
        drawn = [self.rollouts[int(k)] for k in chance.integers(len(self.rollouts), 1)[:, 0]]

        def of_each_seed(name: str) -> Tensor:
            return torch.cat([getattr(one, name).chunk(len(chance), dim=1)[k] for k, one in enumerate(drawn)], dim=1)

        return Rollout(**{name: of_each_seed(name) for name in vars(drawn[0])})


def side_by_side(rollouts: Sequence[Rollout], n_seeds: int) -> Rollout:
    """Some rollouts [T, N, ...] as one [T, n * N, ...], seed 0's parts first."""

    def joined(name: str) -> Tensor:
        return torch.cat([getattr(one, name).unflatten(1, (n_seeds, -1)) for one in rollouts], dim=2).flatten(1, 2)

    return Rollout(**{name: joined(name) for name in vars(rollouts[0])})
