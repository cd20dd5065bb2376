"""Finite Markov decision processes, small enough to know everything about them.

An MDP holds its transition probabilities P (an array [S, A, S], or SciPy CSR [S*A, S] where that would be large), its
rewards and its first states. `mdp.env()` runs it as a Gymnasium environment, rlcourse.walks runs many in lock-step.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import gymnasium
import numpy as np
from numpy import ndarray
from scipy.sparse import coo_array, csr_array

from rlcourse.functional.tabular import ended_states
from rlcourse.inputs import Array, Transitions, is_sparse, wrong

DENSE_LIMIT = 4_000_000  # entries of P, 32 MB: above it P stays sparse
MOVES = {"up": (-1, 0), "right": (0, 1), "down": (1, 0), "left": (0, -1)}


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
            raise wrong("rewards", f"shape {rewards.shape}", f"[S, A] = [{S}, {A}], or the shape of P {P.shape}")
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
        from rlcourse.walks import TabularEnv  # walks is built on this file

        if max_steps is not None and max_steps < 1:
            raise wrong("max_steps", f"{max_steps}", "at least 1, or None for no limit")
        env = TabularEnv(self, render_mode)
        return gymnasium.wrappers.TimeLimit(env, max_steps) if max_steps else env


def _from_triples(triples: list[tuple[int, int, float, float]], S: int, A: int) -> tuple:
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


def grid_world(
    text: str,
    slip: float = 0.0,
    step_reward: float = 0.0,
    rewards: Mapping[str, float] | None = None,
    name: str = "grid world",
) -> MDP:
    """A grid world from a map.

    `#` is a wall, `S` a first cell (where there is none, every free cell is one), `G` a goal and `X` a pit, which end
    the episode, `C` a cliff, from which one goes back to the first `S`; any other character is floor. Moving into a
    wall or off the map leaves one in place.

    Args:
        text: the map, a line a row.
        slip: probability of moving at a right angle to the action, half to each side.
        step_reward: reward of entering a cell that `rewards` does not name.
        rewards: reward of entering a cell, by its character; default G 1, X -1.
        name: what pictures call it.
    """
    grid = tuple(line.strip() for line in text.strip().splitlines())
    if not grid or len({len(line) for line in grid}) != 1 or not grid[0]:
        raise wrong("text", f"lines of lengths {[len(line) for line in grid]}", "a rectangular map")
    if not 0 <= slip <= 1:
        raise wrong("slip", f"{slip}", "a probability in [0, 1]")
    rewards = {"G": 1.0, "X": -1.0} if rewards is None else rewards
    rows, columns = len(grid), len(grid[0])
    cells = "".join(grid)
    starts = np.array([cell == "S" for cell in cells])
    if not starts.any():
        starts = np.array([cell not in "#GXC" for cell in cells])
    if not starts.any():
        raise wrong("text", "a map without a free cell", "an S or some floor")

    moves = list(MOVES.values())
    triples = []
    for s, cell in enumerate(cells):
        for a in range(4):
            if cell in "#GX":
                triples.append((s * 4 + a, s, 1.0, 0.0))
                continue
            for turn, probability in ((0, 1 - slip), (1, slip / 2), (-1, slip / 2)):
                down, right = moves[(a + turn) % 4]
                row, column = s // columns + down, s % columns + right
                inside = 0 <= row < rows and 0 <= column < columns and grid[row][column] != "#"
                successor = row * columns + column if inside else s
                entered = cells[successor] if inside else ""
                reward = rewards.get(entered, step_reward)
                triples.append((s * 4 + a, int(starts.argmax()) if entered == "C" else successor, probability, reward))
    P, transition_rewards = _from_triples(triples, len(cells), 4)
    return MDP(P, transition_rewards, starts / starts.sum(), name, grid, tuple(MOVES))


def cliff_walk(rows: int = 4, columns: int = 12) -> MDP:
    """The cliff of Sutton and Barto (2018), example 6.6: -1 a step, -100 and back to the start for falling."""
    floor = "\n".join("." * columns for _ in range(rows - 1))
    cliff = "S" + "C" * (columns - 2) + "G"
    return grid_world(f"{floor}\n{cliff}", 0.0, -1.0, {"C": -100.0, "G": -1.0}, "cliff walk")


def two_state_world() -> MDP:
    """Lecture 06's world: in state 0 the actions pay 1 and 2, in state 1 they pay 3 and 100; every action ends it."""
    P = np.zeros((3, 2, 3))
    P[:, :, 2] = 1
    return MDP(P, np.array([[1.0, 2.0], [3.0, 100.0], [0.0, 0.0]]), np.array([0.5, 0.5, 0.0]), "two-state world")


def chain(n: int = 5, slip: float = 0.0) -> MDP:
    """The random walk of Sutton and Barto (2018), example 6.2: n cells between two ends, the right one pays 1.

    The states are the left end, the n cells, the right end; one starts in the middle. Under the uniform policy and
    gamma = 1 cell i (from 1) is worth i / (n + 1).
    """
    if n < 1:
        raise wrong("n", f"{n}", "at least one cell")
    if not 0 <= slip <= 1:
        raise wrong("slip", f"{slip}", "a probability in [0, 1]")
    P = np.zeros((n + 2, 2, n + 2))
    rewards = np.zeros_like(P)
    cells = np.arange(1, n + 1)
    for action, step in enumerate((-1, 1)):
        P[cells, action, cells + step] += 1 - slip
        P[cells, action, cells - step] += slip
    P[0, :, 0] = P[-1, :, -1] = 1
    rewards[n, :, n + 1] = 1
    grid = ("X" + "." * n + "G",)
    return MDP(P, rewards, np.eye(n + 2)[(n + 1) // 2], "chain", grid, ("left", "right"))


def random_mdp(n_states: int, n_actions: int, branching: int | None = None, seed: int = 0) -> MDP:
    """A continuing MDP with random successors and rewards (Archibald et al., 1995, call it Garnet).

    Args:
        n_states: number of states.
        n_actions: number of actions.
        branching: successors of each pair; None: all states, uniformly random probabilities.
        seed: of the generator.
    """
    if n_states < 1 or n_actions < 1 or not (branching is None or 1 <= branching <= n_states):
        came = f"{n_states}, {n_actions}, {branching}"
        raise wrong("n_states, n_actions, branching", came, "at least 1 each, branching at most n_states")
    rng = np.random.default_rng(seed)
    rewards = rng.normal(size=(n_states, n_actions))
    weights = rng.random((n_states * n_actions, branching or n_states)) + 1e-9
    weights /= weights.sum(axis=1, keepdims=True)
    if branching is None:
        P = weights.reshape(n_states, n_actions, n_states)
    else:
        successors = np.argsort(rng.random((n_states * n_actions, n_states)), axis=1)[:, :branching]
        starts = np.arange(0, weights.size + 1, branching)
        P = csr_array((weights.ravel(), successors.ravel(), starts), shape=(n_states * n_actions, n_states))
        P.sort_indices()
    return MDP(P, rewards, np.full(n_states, 1 / n_states), f"random MDP {n_states}x{n_actions}")


def from_gymnasium(env: gymnasium.Env) -> MDP:
    """The MDP behind a Gymnasium toy-text environment, from its table `P[s][a] = [(p, s', r, done), ..]`.

    The table says of a transition that it ends the episode; an MDP knows only states that have ended. Where a state is
    entered by ending transitions alone (the goal and the holes of FrozenLake) that state becomes absorbing; where it is
    also passed through (Taxi) the ending transitions lead to one more state, the last one. Read naively, as if the
    episode went on, Taxi's start is worth over 800 instead of about 6.

    Raises:
        ValueError: where the environment has no such table.
    """
    table, start = getattr(env.unwrapped, "P", None), getattr(env.unwrapped, "initial_state_distrib", None)
    if table is None or start is None:
        raise wrong("env", f"{env}", "a toy-text environment with a table P (FrozenLake, Taxi, CliffWalking)")
    S, A = env.observation_space.n, env.action_space.n
    outcomes = [
        (s, a, p, s_next, float(r), done)
        for s in range(S)
        for a in range(A)
        for p, s_next, r, done in table[s][a]
        if p > 0
    ]
    ends_at = {s_next for *_, s_next, _, done in outcomes if done}
    passed = {s_next for s, _, _, s_next, _, done in outcomes if not done and s_next != s}
    passed.update(np.flatnonzero(start).tolist())
    absorbing = ends_at - passed
    extra = bool(ends_at & passed)
    n = S + extra
    triples = [(s * A + a, s, 1.0, 0.0) for s in [*absorbing, *([S] if extra else [])] for a in range(A)]
    for s, a, p, s_next, r, done in outcomes:
        if s not in absorbing:
            triples.append((s * A + a, S if done and s_next not in absorbing else int(s_next), p, r))
    P, rewards = _from_triples(triples, n, A)
    rho0 = np.zeros(n)
    rho0[:S] = start
    map_ = getattr(env.unwrapped, "desc", None)
    grid, actions = (), ()
    if map_ is not None and S == np.size(map_):  # FrozenLake, whose H is our X
        grid = tuple("".join(cell.decode() for cell in row).replace("H", "X") for row in map_)
        actions = ("left", "down", "right", "up")
    elif hasattr(env.unwrapped, "shape") and S == np.prod(env.unwrapped.shape):  # CliffWalking
        rows, columns = env.unwrapped.shape
        grid = ("." * columns,) * (rows - 1) + ("S" + "C" * (columns - 2) + "G",)
        actions = ("up", "right", "down", "left")
    return MDP(P, rewards, rho0, env.spec.id if env.spec else type(env.unwrapped).__name__, grid, actions)
