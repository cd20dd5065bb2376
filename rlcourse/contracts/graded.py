"""The @graded marker: it puts an equation into the catalogue of exercises and wraps it in its input checks.

    @graded(lecture="01", problem_set="ps1", points=3, P=Transitions(), V=Array("S"), gamma=DISCOUNT)
    def value_backup(P, V, gamma): ...

A call of `value_backup` checks its arguments; `value_backup.body` is the bare equation, for loops that checked once.
"""

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar


class Check(Protocol):
    """What stands behind an argument's name in @graded; see rlcourse/contracts/inputs.py."""

    def check(self, name: str, value: Any, sizes: dict[str, Any]) -> Any: ...


@dataclass(frozen=True)
class Exercise:
    """One graded function: its name, where the course teaches it, and what it is worth."""

    name: str
    lecture: str
    problem_set: str
    points: int  # 0: belongs to the problem set (its body is not given away) without being asked for
    function: Callable


PROBLEM_SETS = {
    "ps1": "ps1_q_iteration",
    "ps2": "ps2_dqn",
    "ps3": "ps3_reinforce",
    "ps4": "ps4_actor_critic",
    "ps5": "ps5_trust_region",
    "ps6": "ps6_continuous_control",
    "ps7": "ps7_pgql",
}
CATALOGUE: dict[str, Exercise] = {}  # what has been imported so far: see rlcourse/homework/catalogue.py

F = TypeVar("F", bound=Callable)


def graded(
    *, lecture: str, problem_set: str, points: int = 0, require: Callable[..., None] | None = None, **checks: Check
) -> Callable[[F], F]:
    """Mark a function as graded and check its arguments by name, in the order of the signature.

    `require`, where given, then sees all arguments: for what no argument shows alone.
    """

    def decorate(body: F) -> F:
        signature = inspect.signature(body)
        unknown = set(checks) - set(signature.parameters)
        if unknown or problem_set not in PROBLEM_SETS or body.__name__ in CATALOGUE:
            raise TypeError(
                f"@graded {body.__name__}: unknown arguments {unknown}, unknown {problem_set}, or a name twice"
            )

        @functools.wraps(body)
        def checked(*args: Any, **kwargs: Any) -> Any:
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            sizes: dict[str, Any] = {}
            for name in signature.parameters:
                if name in checks:
                    bound.arguments[name] = checks[name].check(name, bound.arguments[name], sizes)
            if require:
                require(**bound.arguments)
            return body(*bound.args, **bound.kwargs)

        checked.body = body
        body.__qualname__ = f"{body.__name__}.body"  # where it is found, so that an agent can be pickled
        checked.exercise = CATALOGUE[body.__name__] = Exercise(body.__name__, lecture, problem_set, points, checked)
        return checked

    return decorate


def ours(function: Callable) -> bool:
    """Whether this is an equation of the library's: it takes leading axes and a sparse P too. A student's need not."""
    return hasattr(function, "body") and not hasattr(function.body, "students")


def equation(function: Callable) -> Callable:
    """The equation without its input checks, for a loop that checked once; a student's function is itself."""
    return getattr(function, "body", function)
