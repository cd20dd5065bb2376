"""The scenarios of problem set 1: planning and Q-learning with a student's functions. They need NumPy alone."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from rlcourse.homework.at_work import Result, in_shape, share_of_best
from rlcourse.homework.scenarios import results_of, scenario

if TYPE_CHECKING:
    from rlcourse.worlds.mdp import MDP

GRID = """
S....
.....
..X..
.....
....G
"""
MAZE = """
S..##
.#..X
....G
"""
FROZEN_LAKE_GAMMA = 0.99
SLIPPERY_GRID_GAMMA = SLIPPERY_MAZE_GAMMA = 0.95
FROZEN_LAKE_BEST, SLIPPERY_MAZE_BEST = 0.414640, 0.698580  # what the best policy is worth at the start
SHARE = "share of the best value"


def frozen_lake() -> "MDP":
    """The slippery FrozenLake 8x8 of Gymnasium."""
    import gymnasium

    from rlcourse.worlds.toy_text import from_gymnasium  # here, so that a check of one equation needs NumPy alone

    return from_gymnasium(gymnasium.make("FrozenLake-v1", map_name="8x8", is_slippery=True))


@scenario
def solve_frozen_lake(q_backup: Callable, greedy_policy: Callable) -> ndarray:
    """Q-iteration on FrozenLake 8x8 with gamma = 0.99: the policy [64, 4] that is greedy at its end."""
    from rlcourse.agents.tabular.planning import q_iteration

    def table(*arguments: Any) -> ndarray:
        return np.asarray(q_backup(*arguments), float)

    # With this eps it takes 164 sweeps, and its policy is the same as that of many more.
    plan = q_iteration(frozen_lake(), FROZEN_LAKE_GAMMA, 0.05, q_backup=table, greedy_policy=greedy_policy)
    return np.asarray(plan.pi, float)


@results_of("solve_frozen_lake")
def frozen_lake_results(policy: Any) -> list[Result]:
    """The share of the best value that the policy is worth."""
    share = share_of_best(policy, frozen_lake(), FROZEN_LAKE_GAMMA, FROZEN_LAKE_BEST, "the policy")
    return [Result("FrozenLake 8x8", (share,), 0.99, SHARE)]


def slippery_grid() -> "MDP":
    """A grid of 5 x 5 cells with a pit in the middle, in which one move in five slips to a side."""
    from rlcourse.worlds.grids import grid_world

    return grid_world(GRID, slip=0.2, name="slippery grid")


def slippery_maze() -> "MDP":
    """A maze of 3 x 5 cells, three of them walls, with a pit beside the goal; one move in five slips to a side."""
    from rlcourse.worlds.grids import grid_world

    return grid_world(MAZE, slip=0.2, name="slippery maze")


@scenario
def learn_slippery_maze(q_learning_update: Callable, epsilon_greedy: Callable, seed: int = 0) -> ndarray:
    """Q-learning in the slippery maze, four seeds side by side: their greedy policies [4, 15, 4].

    Epsilon is 0.3 while it learns; the policy returned is epsilon-greedy at epsilon = 0. The step size falls with the
    number n of updates that the pair (s, a) has had, as 10 / (9 + n).
    """
    from rlcourse.agents.tabular.control import q_learning

    learned = q_learning(
        slippery_maze(),
        SLIPPERY_MAZE_GAMMA,
        steps=2_000,
        n_seeds=4,
        alpha=lambda n: 10 / (9 + n),
        epsilon=0.3,
        max_episode_steps=50,
        seed=seed,
        checkpoints=0,
        q_learning_update=q_learning_update,
        epsilon_greedy=epsilon_greedy,
    )
    return np.array([[np.asarray(epsilon_greedy(q, 0.0), float) for q in Q] for Q in learned.Q])


@results_of("learn_slippery_maze")
def slippery_maze_results(policies: Any) -> list[Result]:
    """The share of the best value that the policy of each seed is worth."""
    mdp = slippery_maze()
    shares = [
        share_of_best(table, mdp, SLIPPERY_MAZE_GAMMA, SLIPPERY_MAZE_BEST, f"the policy of seed {seed}")
        for seed, table in enumerate(in_shape(policies, (4, *mdp.R.shape), "the policies"))
    ]
    return [Result("slippery maze", tuple(shares), 0.9, SHARE, at_least=3)]
