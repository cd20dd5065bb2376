"""Running an MDP: many walks in lock-step, or one as a Gymnasium environment."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import gymnasium
import numpy as np
from numpy import ndarray
from PIL import Image, ImageDraw
from scipy.sparse import csr_array

from rlcourse.inputs import wrong
from rlcourse.mdps import MDP

BLOCK = 1024  # steps for which each walk draws its random numbers at once


@dataclass(frozen=True)
class Outcomes:
    """What may follow each pair s * A + a, in columns: [S*A, N], N the most successors that any pair has."""

    successor: ndarray
    reward: ndarray
    cumulative: ndarray  # probability of this or an earlier column; infinite from the last one on

    @classmethod
    def of(cls, mdp: MDP) -> "Outcomes":
        P = csr_array(mdp.rows)
        counts = np.diff(P.indptr)
        row = np.repeat(np.arange(len(counts)), counts)
        column = np.arange(P.nnz) - np.repeat(P.indptr[:-1], counts)
        shape = (len(counts), counts.max())
        successor, reward, probability = np.zeros(shape, int), np.zeros(shape), np.zeros(shape)
        successor[row, column] = P.indices
        probability[row, column] = P.data
        if np.shape(mdp.rewards) == mdp.R.shape:
            reward[:] = mdp.R.reshape(-1, 1)
        else:
            reward[row, column] = np.asarray(csr_array(mdp.rewards.reshape(P.shape))[row, P.indices]).ravel()
        cumulative = probability.cumsum(axis=1)
        cumulative[np.arange(shape[1]) >= counts[:, None] - 1] = np.inf  # rounding must not leave a gap at the end
        return cls(successor, reward, cumulative)


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
    """K walks through one MDP in lock-step; walk k draws from its own generator, seeded with seed + k.

    So walk 3 of 8 is the same as that seed alone. An episode that ends starts anew at once: `state` is where each walk
    stands now, which after an ending is a first state and not the `s_next` of the transition.
    """

    def __init__(self, mdp: MDP, n_seeds: int, seed: int = 0, max_episode_steps: int | None = None) -> None:
        if n_seeds < 1:
            raise wrong("n_seeds", f"{n_seeds}", "at least 1")
        if max_episode_steps is not None and max_episode_steps < 1:
            raise wrong("max_episode_steps", f"{max_episode_steps}", "at least 1, or None for no limit")
        self.mdp, self.max_episode_steps = mdp, max_episode_steps or np.inf
        self._outcomes = Outcomes.of(mdp)
        self._terminal = mdp.terminal
        self._first = mdp.rho0.cumsum()
        self._first[np.flatnonzero(mdp.rho0)[-1] :] = np.inf
        self._generators = [np.random.default_rng(seed + k) for k in range(n_seeds)]
        self._tick = BLOCK
        self.age = np.zeros(n_seeds, int)
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


class TabularEnv(gymnasium.Env):
    """An MDP as a Gymnasium environment; it terminates on reaching a state that has ended and never truncates."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}
    colours = {"#": (64, 64, 72), "G": (74, 163, 84), "X": (200, 70, 60), "C": (200, 120, 60)}
    cell = 48  # pixels

    def __init__(self, mdp: MDP, render_mode: str | None = None) -> None:
        if render_mode not in (None, "rgb_array"):
            raise wrong("render_mode", f"{render_mode!r}", "None or 'rgb_array'")
        self.mdp, self.render_mode = mdp, render_mode
        self.observation_space = gymnasium.spaces.Discrete(mdp.n_states)
        self.action_space = gymnasium.spaces.Discrete(mdp.n_actions)
        self._outcomes = Outcomes.of(mdp)
        self._state: int | None = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[int, dict]:
        super().reset(seed=seed)
        self._state = int(self.np_random.choice(self.mdp.n_states, p=self.mdp.rho0))
        return self._state, {}

    def step(self, action: int) -> tuple[int, float, bool, bool, dict]:
        if not self.action_space.contains(action):
            raise wrong("action", f"{action!r}", f"a number in 0..{self.mdp.n_actions - 1}")
        if self._state is None:
            raise RuntimeError("step before reset: call env.reset() first")
        pair = self._state * self.mdp.n_actions + int(action)
        column = int((self.np_random.random() >= self._outcomes.cumulative[pair]).sum())
        self._state = int(self._outcomes.successor[pair, column])
        return self._state, float(self._outcomes.reward[pair, column]), bool(self.mdp.terminal[self._state]), False, {}

    def render(self) -> ndarray | None:
        """The grid, or the states in a row, with the agent as a disc: RGB [height, width, 3]."""
        if self.render_mode is None:
            return None
        grid = self.mdp.grid or ("." * self.mdp.n_states,)
        size, columns = self.cell, len(grid[0])
        picture = Image.new("RGB", (columns * size, len(grid) * size), "white")
        draw = ImageDraw.Draw(picture)
        for s in range(self.mdp.n_states):
            row, column = divmod(s, columns)
            box = (column * size, row * size, (column + 1) * size - 1, (row + 1) * size - 1)
            draw.rectangle(box, self.colours.get(grid[row][column], (245, 245, 240)), (190, 190, 190))
            if s == self._state:
                draw.ellipse((box[0] + 9, box[1] + 9, box[2] - 9, box[3] - 9), (50, 90, 170), "white", 2)
        return np.asarray(picture)
