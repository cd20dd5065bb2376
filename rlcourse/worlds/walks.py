"""Many walks through an MDP in lock-step, for the tabular agents."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy import ndarray

from rlcourse.contracts.inputs import bad_argument
from rlcourse.worlds.mdp import MDP, Outcomes

BLOCK = 1024  # steps for which each walk draws its random numbers at once


class Transition(NamedTuple):
    """One step of every walk, arrays [K]; s_next is the state really reached, before any reset."""

    s: ndarray
    a: ndarray
    r: ndarray
    s_next: ndarray
    terminated: ndarray
    truncated: ndarray


def pick(cumulative: ndarray, uniform: ndarray) -> ndarray:
    """The column of each row at which the cumulative probability passes the row's uniform number."""
    return (uniform[:, None] < cumulative).argmax(axis=1)  # the first one


class Walks:
    """Walks through one MDP in lock-step, one for each of K generators of chance, such as Seeds(seed, K)("walks").

    Walk k draws from generator k alone, so walk 3 of 8 is the same as that seed alone. An episode that ends starts anew
    at once: `state` is where each walk stands now, which after an ending is a first state and not the `s_next` of the
    transition.

    Raises:
        ValueError: where there is no generator, or max_episode_steps is below 1.
    """

    def __init__(
        self, mdp: MDP, generators: Iterable[np.random.Generator], max_episode_steps: int | None = None
    ) -> None:
        self._generators = list(generators)
        if not self._generators:
            raise bad_argument("generators", "none", "at least 1")
        if max_episode_steps is not None and max_episode_steps < 1:
            raise bad_argument("max_episode_steps", f"{max_episode_steps}", "at least 1, or None for no limit")
        self.mdp, self.max_episode_steps = mdp, max_episode_steps or np.inf
        self._outcomes = Outcomes.of(mdp)
        self._terminal = mdp.terminal
        self._first = mdp.rho0.cumsum()
        self._first[np.flatnonzero(mdp.rho0)[-1] :] = np.inf
        self._tick = BLOCK
        self.age = np.zeros(len(self._generators), int)
        self.state = pick(self._first, self._draw()[:, 0])

    def _draw(self) -> ndarray:
        """Four uniform numbers a walk [K, 4], for this step."""
        if self._tick == BLOCK:
            self._block = np.stack([rng.random((BLOCK, 4)) for rng in self._generators], axis=1)
            self._tick = 0
        self._tick += 1
        return self._block[self._tick - 1]

    def choose(self, probabilities: ndarray, again: bool = False) -> ndarray:
        """An action for each walk from probabilities [K, A], once before each step; again: from the same draw."""
        cumulative = probabilities.cumsum(axis=1)
        cumulative[:, -1] = np.inf
        if not again:
            self._uniform = self._draw()
        return pick(cumulative, self._uniform[:, 0])

    def spare_uniform(self) -> ndarray:
        """One more uniform number a walk [K] for this step, where an algorithm tosses a coin."""
        return self._uniform[:, 3]

    def step(self, a: ndarray) -> Transition:
        """Take action a [K] in each walk."""
        s, pair = self.state, self.state * self.mdp.n_actions + a
        column = pick(self._outcomes.cumulative.take(pair, 0), self._uniform[:, 1])  # take: faster than [pair]
        s_next, r = self._outcomes.successor[pair, column], self._outcomes.reward[pair, column]
        self.age += 1
        terminated = self._terminal[s_next]
        truncated = (self.age >= self.max_episode_steps) & ~terminated
        over = terminated | truncated
        self.state = s_next
        if over.any():
            self.state = np.where(over, pick(self._first, self._uniform[:, 2]), s_next)
            self.age[over] = 0
        return Transition(s, a, r, s_next, terminated, truncated)
