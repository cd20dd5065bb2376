"""Public ways to run a student's functions that arrays alone cannot describe: training runs, and what a call changes.

    policy = run("solve_frozen_lake", q_backup, greedy_policy)

A scenario takes functions and plain data and returns plain data; it knows no expected value. In a notebook `run` simply
calls it. A grader hands in stand-ins for functions that live in another process: such a stand-in has a method
`run_scenario(scenario, *arguments)`, and the whole scenario then runs there, beside the student's functions.
"""

import json
from collections.abc import Callable
from importlib import import_module
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from rlcourse import wire

if TYPE_CHECKING:
    from torch import Tensor

    from rlcourse.mdps import MDP

SCENARIOS: dict[str, Callable] = {}
# Modules with more of them, imported only when one is asked for that is not here.
NEED_TORCH = ("scenarios_actor_critic", "scenarios_dqn", "scenarios_policies")
GRID = """
S....
.....
..X..
.....
....G
"""
FROZEN_LAKE_GAMMA = 0.99
SLIPPERY_GRID_GAMMA = 0.95


def scenario(function: Callable) -> Callable:
    """Put a function into the list from which `run` takes it by name."""
    SCENARIOS[function.__name__] = function
    return function


def run(scenario: str, *arguments: Any) -> Any:
    """Run a scenario by name with a student's functions and plain data."""
    for module in NEED_TORCH if scenario not in SCENARIOS else ():
        import_module(f"rlcourse.{module}")
    if scenario not in SCENARIOS:
        raise ValueError(f"scenario: got {scenario!r}, expected one of {', '.join(SCENARIOS)}")
    for argument in arguments:
        if hasattr(argument, "run_scenario"):
            return argument.run_scenario(scenario, *arguments)
    return SCENARIOS[scenario](*arguments)


def attempt(scenario: str, *arguments: Any) -> Any:
    """`run` for a notebook: where a function is still to be written, say so and return None, without a traceback."""
    try:
        return run(scenario, *arguments)
    except NotImplementedError:
        if any(hasattr(argument, "run_scenario") for argument in arguments):
            raise  # a grader wants to know
        print("not attempted: one of the functions that this needs is still to be written")
        return None


@scenario
def keeps_arguments(function: Callable, *arguments: Any) -> bool:
    """Whether a call leaves its arguments as they were."""
    before = json.dumps(wire.encode(arguments))
    function(*arguments)
    return json.dumps(wire.encode(arguments)) == before


def as_tensor(returned: Any) -> "Tensor":
    """What a student's function returned, a tensor, an array or a list, in single precision and without gradient."""
    import torch  # here, so that ps1 needs NumPy alone

    if isinstance(returned, list | tuple):
        returned = np.array([np.asarray(row, float) for row in returned])
    return torch.as_tensor(returned, dtype=torch.float32).detach()


def in_tensors(function: Callable) -> Callable[..., "Tensor"]:
    """A student's function, as an agent calls it that wants tensors."""
    return lambda *arguments: as_tensor(function(*arguments))


def frozen_lake() -> "MDP":
    """The slippery FrozenLake 8x8 of Gymnasium."""
    import gymnasium

    from rlcourse.mdps import from_gymnasium  # here, so that a check of one equation needs NumPy alone

    return from_gymnasium(gymnasium.make("FrozenLake-v1", map_name="8x8", is_slippery=True))


@scenario
def solve_frozen_lake(q_backup: Callable, greedy_policy: Callable) -> ndarray:
    """Q-iteration on FrozenLake 8x8 with gamma = 0.99: the policy [64, 4] that is greedy at its end."""
    from rlcourse.agents.planning import q_iteration

    def table(*arguments: Any) -> ndarray:
        return np.asarray(q_backup(*arguments), float)

    # With this eps it takes 164 sweeps, and its policy is the same as that of many more.
    plan = q_iteration(frozen_lake(), FROZEN_LAKE_GAMMA, 0.05, q_backup=table, greedy_policy=greedy_policy)
    return np.asarray(plan.pi, float)


def slippery_grid() -> "MDP":
    """A grid of 5 x 5 cells with a pit in the middle, in which one move in five slips to a side."""
    from rlcourse.mdps import grid_world

    return grid_world(GRID, slip=0.2, name="slippery grid")


@scenario
def learn_slippery_grid(q_learning_update: Callable, epsilon_greedy: Callable, seed: int = 0) -> ndarray:
    """Q-learning on the slippery grid, eight seeds side by side: their greedy policies [8, 25, 4].

    Epsilon is 0.3 while it learns; the policy returned is epsilon-greedy at epsilon = 0. The step size falls with the
    number n of updates that the pair (s, a) has had, as 10 / (9 + n).
    """
    from rlcourse.agents.tabular import q_learning

    learned = q_learning(
        slippery_grid(),
        SLIPPERY_GRID_GAMMA,
        steps=10_000,
        alpha=lambda n: 10 / (9 + n),
        epsilon=0.3,
        max_episode_steps=100,
        seed=seed,
        checkpoints=0,
        q_learning_update=q_learning_update,
        epsilon_greedy=epsilon_greedy,
    )
    return np.array([[np.asarray(epsilon_greedy(q, 0.0), float) for q in Q] for Q in learned.Q])


def silent_bug_curves(problem_set: str = "ps1") -> dict[str, Any]:
    """The recorded learning curves of the silent-bug question: a correct agent's, and those of one with a fault.

    "steps" [C]; under "correct" and "faulty" arrays [8 seeds, C] of each quantity that "shows" names; "config",
    "seeds" and "versions" say how they were made.
    """
    recorded = json.loads((files("rlcourse") / "check_data" / f"{problem_set}_silent_bug.json").read_text("utf-8"))
    for agent in ("correct", "faulty"):
        recorded[agent] = {name: np.array(curves) for name, curves in recorded[agent].items()}
    return recorded | {"steps": np.array(recorded["steps"])}
