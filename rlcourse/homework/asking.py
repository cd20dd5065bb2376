"""Asks a student's function one question, whatever it does: raise, print, return nonsense."""

import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any

from rlcourse.homework import scenarios
from rlcourse.homework.compare import compare
from rlcourse.homework.settings import call

PRINTED = 400  # characters of a function's own output that a check shows


@dataclass(frozen=True)
class Answer:
    """What a function made of one case: a value, or an exception; and what it printed meanwhile."""

    value: Any = None
    error: Exception | None = None
    printed: str = ""

    def is_right(self, expected: Any) -> bool:
        """Whether it is what was expected."""
        return self.error is None and not compare(self.value, expected)


class _Head(io.StringIO):
    """A stream that keeps the first characters, however many come."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, PRINTED - self.tell())])
        return len(text)


def ask(function: Callable, arguments: tuple, scenario: str = "") -> Answer:
    """Call a student's function, or run a scenario with it, whatever it does; its warnings are not shown."""
    printed = _Head()
    with warnings.catch_warnings(), redirect_stdout(printed), redirect_stderr(printed):
        warnings.simplefilter("ignore")  # on stderr they would cost the points of a stock nbgrader cell
        try:
            value = scenarios.run(scenario, function, *arguments) if scenario else call(function, *arguments)
        except Exception as error:
            return Answer(error=error, printed=printed.getvalue())
    return Answer(value, printed=printed.getvalue())
