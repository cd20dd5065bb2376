"""Public ways to run a student's functions that arrays alone cannot describe: training runs, and what a call changes.

    policy = run("solve_frozen_lake", q_backup, greedy_policy)

A scenario takes functions and plain data and returns plain data; it knows no expected value. In a notebook `run` simply
calls it. A grader hands in stand-ins for functions that live in another process: such a stand-in has a method
`run_scenario(scenario, *arguments)`, and the whole scenario then runs there, beside the student's functions.
"""

import json
import warnings
from collections.abc import Callable
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

import numpy as np

from rlcourse.homework import at_work, wire
from rlcourse.homework.settings import standard_settings
from rlcourse.homework.student_code import describe

if TYPE_CHECKING:
    from torch import Tensor

SCENARIOS: dict[str, Callable] = {}
RESULTS: dict[str, Callable[[Any], list[at_work.Result]]] = {}


def scenario(function: Callable) -> Callable:
    """Put a function into the list from which `run` takes it by name."""
    SCENARIOS[function.__name__] = function
    return function


def results_of(scenario: str) -> Callable[[Callable], Callable]:
    """Put a function into the list from which `results` takes it: what comes of a scenario, as a list of Result."""

    def decorate(function: Callable) -> Callable:
        RESULTS[scenario] = function
        return function

    return decorate


def find(scenario: str) -> Callable:
    """The scenario of this name."""
    for module in sorted(module.name for module in iter_modules(__path__)):  # ps1 first: it needs no torch
        if scenario not in SCENARIOS:
            import_module(f"{__name__}.{module}")
    if scenario not in SCENARIOS:
        raise ValueError(f"scenario: got {scenario!r}, expected one of {', '.join(sorted(SCENARIOS))}")
    return SCENARIOS[scenario]


def run(scenario: str, *arguments: Any) -> Any:
    """Run a scenario by name with a student's functions and plain data, whatever the notebook has set."""
    function = find(scenario)
    for argument in arguments:
        if hasattr(argument, "run_scenario"):
            return argument.run_scenario(scenario, *arguments)
    with standard_settings() as theirs:
        return function(*map(theirs, arguments))


def results(scenario: str, outcome: Any) -> list[at_work.Result]:
    """What the worlds of a scenario say of its outcome, wherever that comes from.

    Raises:
        ValueError: in plain words, where it is no outcome of this scenario.
    """
    find(scenario)
    with standard_settings():
        return RESULTS[scenario](outcome)


def attempt(scenario: str, *arguments: Any) -> Any:
    """`run` for a notebook: print whether it passed, by how much, and return what was trained.

    Where a function is still to be written, or raises, it says so and returns None, without a traceback.
    """
    if any(hasattr(argument, "run_scenario") for argument in arguments):
        return run(scenario, *arguments)  # a grader asks for the results itself
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on stderr they would cost the points of a stock nbgrader cell
            outcome = run(scenario, *arguments)
        if scenario in RESULTS:
            at_work.show(results(scenario, outcome))
        return outcome
    except NotImplementedError:
        print("not attempted: one of the functions that this needs is still to be written")
    except Exception as error:
        print(f"not passed: {describe(error)}")
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
