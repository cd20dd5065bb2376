"""Grid worlds from a map, and other small worlds that the lectures keep coming back to."""

from collections.abc import Mapping

import numpy as np
from scipy.sparse import csr_array

from rlcourse.contracts.inputs import bad_argument
from rlcourse.worlds.mdp import MDP, from_triples

MOVES = {"up": (-1, 0), "right": (0, 1), "down": (1, 0), "left": (0, -1)}


def grid_world(
    text: str,
    slip: float = 0.0,
    step_reward: float = 0.0,
    rewards: Mapping[str, float] | None = None,
    name: str = "grid world",
) -> MDP:
    """A grid world from a map.

    `#` is a wall, `S` a first cell (where there is none, every free cell is one). `G` a goal, `g` a smaller one and `X`
    a pit end the episode; from `C`, a cliff, one goes back to the first `S`; anything else is floor. Moving into a wall
    or off the map leaves one in place.

    Args:
        text: the map, a line a row.
        slip: probability of moving at a right angle to the action, half to each side.
        step_reward: reward of entering a cell that `rewards` does not name.
        rewards: reward of entering a cell, by its character; default G 1, g 0.2, X -1.
        name: what pictures call it.
    """
    grid = tuple(line.strip() for line in text.strip().splitlines())
    if not grid or len({len(line) for line in grid}) != 1 or not grid[0]:
        raise bad_argument("text", f"lines of lengths {[len(line) for line in grid]}", "a rectangular map")
    if not 0 <= slip <= 1:
        raise bad_argument("slip", f"{slip}", "a probability in [0, 1]")
    rewards = {"G": 1.0, "g": 0.2, "X": -1.0} if rewards is None else rewards
    rows, columns = len(grid), len(grid[0])
    cells = "".join(grid)
    starts = np.array([cell == "S" for cell in cells])
    if not starts.any():
        starts = np.array([cell not in "#GgXC" for cell in cells])
    if not starts.any():
        raise bad_argument("text", "a map without a free cell", "an S or some floor")

    moves = list(MOVES.values())
    triples = []
    for s, cell in enumerate(cells):
        for a in range(4):
            if cell in "#GgX":
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
    P, transition_rewards = from_triples(triples, len(cells), 4)
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
        raise bad_argument("n", f"{n}", "at least one cell")
    if not 0 <= slip <= 1:
        raise bad_argument("slip", f"{slip}", "a probability in [0, 1]")
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
        raise bad_argument("n_states, n_actions, branching", came, "at least 1 each, branching at most n_states")
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
