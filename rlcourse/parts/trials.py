"""Who plays, and what it was worth: a population of candidates, scored by whole episodes."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from rlcourse.worlds.envs import Step


class Trials:
    """Each candidate of a seed plays n_episodes in whichever environment is free; its score is their mean return.

    `playing` [N] says whose turn it is in each environment, candidate c of seed k as number k * population + c. What an
    environment plays while no candidate waits is not counted.
    """

    def __init__(self, population: int, n_episodes: int, n_envs: int, n_seeds: int) -> None:
        self.population, self.n_episodes, self.n_envs, self.n_seeds = population, n_episodes, n_envs, n_seeds
        self.forget()

    def forget(self) -> None:
        """All candidates play anew: fresh environments follow."""
        N = self.n_seeds * self.n_envs
        self.scores = torch.zeros(self.n_seeds * self.population)
        self.waiting: list[list[int]] = [[] for _ in range(self.n_seeds)]
        self.missing = [0] * self.n_seeds  # episodes that have not ended
        self.playing, self.counts, self.returns = np.zeros(N, int), np.zeros(N, bool), np.zeros(N)
        for k in range(self.n_seeds):
            self._begin(k)
        for i in range(N):
            self._hand_out(i)

    def add(self, step: Step) -> Iterator[tuple[int, Tensor]]:
        """Add up rewards. The seeds whose episodes have all ended with this step, and their scores [population]."""
        self.returns += step.reward
        for i in (step.terminated | step.truncated).nonzero()[0]:
            k = int(i) // self.n_envs
            if self.counts[i]:
                self.scores[self.playing[i]] += self.returns[i] / self.n_episodes
                self.missing[k] -= 1
            if not self.missing[k]:
                yield k, self.scores[self._candidates(k)].clone()
                self._begin(k)
            self.returns[i] = 0
            self._hand_out(i)

    def _candidates(self, k: int) -> slice:
        return slice(k * self.population, (k + 1) * self.population)

    def _begin(self, k: int) -> None:
        """All candidates of seed k wait; what is being played is not theirs."""
        self.scores[self._candidates(k)] = 0
        self.waiting[k] = list(range(k * self.population, (k + 1) * self.population)) * self.n_episodes
        self.missing[k] = len(self.waiting[k])
        self.counts[k * self.n_envs : (k + 1) * self.n_envs] = False

    def _hand_out(self, i: int) -> None:
        """The next candidate in environment i, if one waits."""
        waiting = self.waiting[i // self.n_envs]
        self.counts[i] = bool(waiting)
        self.playing[i] = waiting.pop(0) if waiting else i // self.n_envs * self.population
