"""What on-policy agents learn from: T steps of all environments, and then nothing of them."""

from collections import deque
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from rlcourse.contracts.inputs import bad_argument
from rlcourse.parts.seeds import Stream
from rlcourse.worlds.envs import Step

AFTERWARDS = "next_obs", "next_values", "terminated", "truncated"


class Rollout(SimpleNamespace):
    """Tensors [T, N, ...] of T steps of N environments, seed 0's first: obs, action, rewards, next_obs, terminated,
    truncated, and whatever the agent noted when it acted (log_prob, say)."""

    def minibatches(self, parts: int, chance: Stream, epochs: int = 1, **more: Tensor) -> Iterator["Rollout"]:
        """Every step once an epoch, in so many parts, each seed's in an order of its own: tensors [K * M, ...].

        What came after a step, such as next_obs, stays behind: returns have been made of it before.
        """
        K, N = len(chance), self.rewards.shape[1]
        seeds = torch.arange(K).unsqueeze(1)
        by_seed = {
            name: x.unflatten(1, (K, N // K)).transpose(0, 1).flatten(1, 2)
            for name, x in {**vars(self), **more}.items()
            if name not in AFTERWARDS
        }
        for _ in range(epochs):
            for rows in torch.from_numpy(chance.orders(self.rewards.numel() // K)).chunk(parts, dim=1):
                yield Rollout(**{name: x[seeds, rows].flatten(0, 1) for name, x in by_seed.items()})

    def by_seed(self, n_seeds: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
        """Seed by seed, the numbers in tensors [T, N] that stand where a step was `played`: [M] of each."""
        for played, *parts in zip(*(x.chunk(n_seeds, dim=1) for x in (self.played, *tensors)), strict=True):
            yield tuple(part[played] for part in parts)


def normalised(advantages: Tensor, n_seeds: int) -> Tensor:
    """Each seed's part of a batch [..., N] with mean 0 and standard deviation 1; where all are equal, 0."""
    by_seed = advantages.unflatten(-1, (n_seeds, -1))
    axes = [axis for axis in range(by_seed.ndim) if axis != by_seed.ndim - 2]
    std, mean = torch.std_mean(by_seed, dim=axes, correction=0, keepdim=True)
    return ((by_seed - mean) / (std + 1e-8)).flatten(-2)


@torch.no_grad()
def as_it_was(policy: nn.Module, critic: nn.Module, rollout: Rollout) -> Rollout:
    """The rollout with what both networks say of it before they change: values, next_values, log_prob of its actions,
    and `old`, the parts of the policy side by side along the last axis."""
    pi = policy(rollout.obs)
    values, next_values, log_prob = critic(rollout.obs), critic(rollout.next_obs), pi.log_prob(rollout.action)
    old = torch.cat(pi.parts(), dim=-1)
    return Rollout(**vars(rollout), values=values, next_values=next_values, log_prob=log_prob, old=old)


@torch.no_grad()
def look_back(
    policy: nn.Module, critic: nn.Module, rollout: Rollout, eps: float = 0.2, **more: Tensor
) -> dict[str, Tensor]:
    """What an update did, on the rollout that it learned from, whose `log_prob` and `target` are from before it.

    kl is (rho - 1) - log rho, whose mean estimates KL(old, new) and is never below 0, as that of -log rho may be
    (Schulman, 2020). clip_fraction is the share of ratios further than eps from 1, value_error the squared distance of
    values from their targets. `more` stands beside them, or in their place.
    """
    pi = policy(rollout.obs)
    log_ratio = pi.log_prob(rollout.action) - rollout.log_prob
    ratio = log_ratio.exp()
    return {
        "kl": (log_ratio.expm1() - log_ratio).clamp(min=0),  # but for rounding
        "clip_fraction": ((ratio - 1).abs() > eps).float(),
        "entropy": pi.entropy(),
        "value_error": (rollout.target - critic(rollout.obs)) ** 2,
        **more,
    }


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


LONGEST = 100_000  # steps: an episode that has not ended by then will not end


class Episodes:
    """Collects n_episodes whole episodes of each seed: those that began first since its last batch.

    They are the policy's own, begun and ended under it. The first ones to *end* would be the short ones. What a seed's
    other environments play meanwhile, and what is half done when its batch is whole, is in no batch.
    """

    def __init__(self, n_episodes: int, n_envs: int, n_seeds: int) -> None:
        self.n_episodes, self.n_envs, self.n_seeds = n_episodes, n_envs, n_seeds
        self.forget()

    def forget(self) -> None:
        """Drop what is collected: fresh environments follow."""
        self.begun = [0] * self.n_seeds
        self.ended: list[list[list[Step]]] = [[] for _ in range(self.n_seeds)]
        self.playing = [self._begin(i // self.n_envs) for i in range(self.n_seeds * self.n_envs)]

    def _begin(self, k: int) -> list[Step] | None:
        """An episode of seed k that is to be learned from; None where there are enough."""
        self.begun[k] += 1
        return [] if self.begun[k] <= self.n_episodes else None

    def add(self, step: Step) -> list[tuple[list[int], Rollout]]:
        """Remember a step. Where the last episode of seeds ended with it: these seeds, and their batch.

        The batch is tensors [T, n_episodes a seed, ...], an episode a column. A shorter one is filled up with zeros;
        `played` [T, N] says which steps are its own.

        Raises:
            ValueError: where an episode does not end.
        """
        for i, episode in enumerate(self.playing):
            if episode is not None:
                episode.append(Step(*(column[i] for column in step)))
                if len(episode) > LONGEST:
                    came = f"an episode that has not ended after {LONGEST:,} steps"
                    raise bad_argument("env", came, "one with a time limit (gymnasium.wrappers.TimeLimit)")
        ends = [int(i) for i in (step.terminated | step.truncated).nonzero()[0]]
        for i in ends:
            if self.playing[i] is not None:
                self.ended[i // self.n_envs].append(self.playing[i])
        ready = [k for k, episodes in enumerate(self.ended) if len(episodes) == self.n_episodes]
        batches = [(ready, self._batch([episode for k in ready for episode in self.ended[k]]))] if ready else []
        for k in ready:
            self.begun[k], self.ended[k] = 0, []
        for i in ends:
            self.playing[i] = self._begin(i // self.n_envs)
        return batches

    def _batch(self, episodes: list[list[Step]]) -> Rollout:
        columns = [[torch.from_numpy(np.array(column)) for column in zip(*steps, strict=True)] for steps in episodes]
        fields = dict(zip(Step._fields, map(pad_sequence, zip(*columns, strict=True)), strict=True))
        played = pad_sequence([torch.ones(len(steps), dtype=torch.bool) for steps in episodes])
        return Rollout(rewards=fields.pop("reward").float(), played=played, **fields)


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
