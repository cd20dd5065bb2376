"""What is asked of each graded function: cases, hidden draws, and the wrong versions that people really write.

One module a problem set, ps1 .., beside one with its cases; its `BANK` maps a function's name to its Entry. What is
expected comes from the library's own function. A wrong version goes into its entry by a decorator, with its id and the
hint that it earns:

    @Q_BACKUP.mistake("no-discount", "The next state's value is not discounted: multiply it by gamma.")
    def _(P, R, Q, gamma): ...
"""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.homework import scenarios

CHANGED = "a call changed its arguments; work on a copy"


@dataclass(frozen=True)
class Case:
    """One thing to ask of a function: a call with these arguments, or a scenario with it and them."""

    about: str  # what is special about it; a student reads it, of hidden cases too
    arguments: tuple
    part: str = "values"  # a test cell may ask for one part of the cases
    scenario: str = ""
    otherwise: str = ""  # what a check says instead of comparing the outputs

    def ask(self, function: Callable) -> Any:
        """What a function of ours answers; every call gets arguments of its own."""
        arguments = copy.deepcopy(self.arguments)
        with np.errstate(all="ignore"):
            return scenarios.run(self.scenario, function, *arguments) if self.scenario else function(*arguments)


def keeps_arguments(*arguments: Any) -> Case:
    """The case that a call leaves these arguments as they were."""
    return Case("arguments stay as they are", arguments, "edges", "keeps_arguments", CHANGED)


@dataclass(frozen=True)
class Misconception:
    """A wrong version of a function that people really write, and the hint for those who did."""

    id: str
    hint: str
    function: Callable


@dataclass(frozen=True)
class Entry:
    """One graded function: public cases, hidden ones drawn from a generator, and known wrong versions."""

    function: Callable  # the library's, which is right
    call: str
    cases: tuple[Case, ...]
    draw: Callable[[np.random.Generator], Iterable[Case]]
    misconceptions: list[Misconception] = field(default_factory=list)

    def mistake(self, id: str, hint: str) -> Callable[[Callable], Callable]:
        """Put a wrong version into the bank."""

        def decorate(function: Callable) -> Callable:
            self.misconceptions.append(Misconception(id, hint, function))
            return function

        return decorate


def bank(problem_set: str) -> dict[str, Entry]:
    """The entries of a problem set by function; empty where it has no bank yet."""
    if problem_set not in PROBLEM_SETS:
        raise ValueError(f"problem_set: got {problem_set!r}, expected one of {', '.join(PROBLEM_SETS)}")
    module = f"rlcourse.staff.bank.{problem_set}"
    return import_module(module).BANK if find_spec(module) else {}


def misconceptions(problem_set: str) -> dict[str, list[Misconception]]:
    """The wrong versions that a problem set knows, by function."""
    return {name: entry.misconceptions for name, entry in bank(problem_set).items()}


def entry(name: str) -> Entry:
    """The entry of one graded function, wherever it belongs."""
    for problem_set in PROBLEM_SETS:  # in order, so that ps1 never loads what ps2 needs
        if name in (of_set := bank(problem_set)):
            return of_set[name]
    raise ValueError(f"name: got {name!r}, which no bank knows")
