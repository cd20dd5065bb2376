"""Finite Markov decision processes, small enough to know everything about them.

An MDP holds its transition probabilities P (an array [S, A, S], or SciPy CSR [S*A, S] where that would be large), its
rewards and its first states. `mdp.env()` runs it as a Gymnasium environment; walks.py runs many walks in lock-step.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
from numpy import ndarray
from PIL import Image, ImageDraw
from scipy.sparse import coo_array, csr_array

from rlcourse.contracts.inputs import Array, Transitions, bad_argument, is_sparse
from rlcourse.functional.tabular import ended_states

DENSE_LIMIT = 4_000_000  # entries of P, 32 MB: above it P stays sparse


@dataclass(frozen=True, eq=False)
class MDP:
    """A finite MDP.

    Args:
        P: transition probabilities [S, A, S] or CSR [S*A, S].
        rewards: expected reward of each pair [S, A], or the reward of each transition, shaped as P.
        rho0: distribution of the first state [S].
        name: what pictures call it.
        grid: rows of the map where the states are the cells of a grid, for pictures.
        actions: a name for each action; up, right, down, left are drawn as arrows.

    Raises:
        ValueError: where P is not stochastic or the shapes do not fit.
    """

    P: ndarray | csr_array
    rewards: ndarray | csr_array
    rho0: ndarray
    name: str = "MDP"
    grid: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    R: ndarray = field(init=False)

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        P = Transitions().check("P", self.P, sizes)
        S, A = sizes["S"], sizes["A"]
        if is_sparse(self.rewards):
            rewards = csr_array(self.rewards)
        else:
            rewards = Array("... last", finite=True).check("rewards", self.rewards, {})
        if rewards.shape not in ((S, A), P.shape):
            raise bad_argument("rewards", f"shape {rewards.shape}", f"[S, A] = [{S}, {A}], or the shape of P {P.shape}")
        if rewards.shape == (S, A):
            R = rewards.toarray() if is_sparse(rewards) else rewards
        else:
            R = np.asarray((P * rewards).sum(axis=-1)).reshape(S, A)
        for name, value in {
            "P": P,
            "rewards": rewards,
            "R": Array("S A", finite=True).check("rewards", R, sizes),
            "rho0": Array("S", distribution=True).check("rho0", self.rho0, sizes),
        }.items():
            object.__setattr__(self, name, value)

    @property
    def n_states(self) -> int:
        return self.R.shape[0]

    @property
    def n_actions(self) -> int:
        return self.R.shape[1]

    @cached_property
    def dense(self) -> ndarray:
        """P as an array [S, A, S]."""
        return self.P.toarray().reshape(self.n_states, self.n_actions, -1) if is_sparse(self.P) else self.P

    @cached_property
    def rows(self) -> ndarray | csr_array:
        """P as a matrix [S*A, S], sparse where P is: one product a sweep."""
        return self.P if is_sparse(self.P) else self.P.reshape(-1, self.n_states)

    @cached_property
    def terminal(self) -> ndarray:
        """Which states [S] have ended."""
        return ended_states(self.P, self.R)

    def env(self, max_steps: int | None = None, render_mode: str | None = None) -> gymnasium.Env:
        """This MDP as a Gymnasium environment, truncated after max_steps."""
        if max_steps is not None and max_steps < 1:
            raise bad_argument("max_steps", f"{max_steps}", "at least 1, or None for no limit")
        env = TabularEnv(self, render_mode)
        return gymnasium.wrappers.TimeLimit(env, max_steps) if max_steps else env


def from_triples(triples: list[tuple[int, int, float, float]], S: int, A: int) -> tuple:
    """P and the transitions' rewards from (row s * A + a, successor, probability, reward); equal pairs are merged."""
    row, successor, probability, reward = (np.array(column) for column in zip(*triples, strict=True))
    keep = probability > 0
    row, successor, probability, reward = row[keep], successor[keep], probability[keep], reward[keep]
    P = coo_array((probability, (row, successor)), shape=(S * A, S)).tocsr()
    weighted = coo_array((probability * reward, (row, successor)), shape=(S * A, S)).tocsr()
    rewards = csr_array((weighted.data / P.data, P.indices, P.indptr), shape=P.shape)
    if S * A * S > DENSE_LIMIT:
        return P, rewards
    return P.toarray().reshape(S, A, S), rewards.toarray().reshape(S, A, S)


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


class TabularEnv(gymnasium.Env):
    """An MDP as a Gymnasium environment; it terminates on reaching a state that has ended and never truncates."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 4}
    colours = {"#": (64, 64, 72), "G": (74, 163, 84), "X": (200, 70, 60), "C": (200, 120, 60)}
    cell = 48  # pixels

    def __init__(self, mdp: MDP, render_mode: str | None = None) -> None:
        if render_mode not in (None, "rgb_array"):
            raise bad_argument("render_mode", f"{render_mode!r}", "None or 'rgb_array'")
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
            raise bad_argument("action", f"{action!r}", f"a number in 0..{self.mdp.n_actions - 1}")
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
