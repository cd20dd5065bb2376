"""The student's instant feedback: `check(my_function)` says correct, incorrect and why, or not attempted.

It reads check_data/ alone, which holds public cases, what is expected on each, and what known misconceptions answer
instead. Nothing that a student's function does (raise, print, return nonsense) makes a check fail itself.
"""

import io
import json
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np

from rlcourse.homework import scenarios
from rlcourse.homework.wire import decode

RELATIVE, ABSOLUTE = 1e-4, 1e-6  # tolerance: single precision and another order of a sum must pass
OF_THE_LARGEST = 1e-5  # ... and a small entry of a table is no more precise than its large ones
PRINTED = 400  # characters of a function's own output that a check shows


@dataclass(frozen=True)
class Outcome:
    """What a check found. `str(outcome)` is the text that it printed."""

    name: str
    state: str  # "correct", "incorrect" or "not attempted"
    reason: str = ""
    hint: str = ""
    misconception: str = ""  # its id, where the hint is a known misconception's

    def __str__(self) -> str:
        known_as = f" ({self.misconception.replace('-', ' ')})" if self.misconception else ""
        hint = f"Hint{known_as}: {self.hint}" if self.hint else ""
        return "\n  ".join(filter(None, (f"{self.name}: {self.state}", self.reason, hint)))

    def _ipython_display_(self) -> None:
        """The check has printed it: at the end of a cell it does not appear once more."""


@dataclass(frozen=True)
class Answer:
    """What a function made of one case: a value, or an exception; and what it printed meanwhile."""

    value: Any = None
    error: Exception | None = None
    printed: str = ""


class _Head(io.StringIO):
    """A stream that keeps the first characters, however many come."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, PRINTED - self.tell())])
        return len(text)


def ask(function: Callable, arguments: tuple, scenario: str = "") -> Answer:
    """Call a student's function, or run a scenario with it, whatever it does; its warnings are not shown."""
    printed = _Head()
    with warnings.catch_warnings(), np.errstate(all="ignore"), redirect_stdout(printed), redirect_stderr(printed):
        warnings.simplefilter("ignore")  # on stderr they would cost the points of a stock nbgrader cell
        try:
            value = scenarios.run(scenario, function, *arguments) if scenario else function(*arguments)
        except Exception as error:
            return Answer(error=error, printed=printed.getvalue())
    return Answer(value, printed=printed.getvalue())


def as_numbers(value: Any) -> np.ndarray:
    """A list, tuple, number, array or tensor as an array of real numbers. Raises ValueError in plain words."""
    if value is None:
        raise ValueError("returned None (did you forget return?)")
    try:
        if hasattr(value, "detach"):
            value = value.detach().cpu().double().numpy()
        numbers = np.asarray(value.toarray() if hasattr(value, "toarray") else value)
    except Exception:  # rows of different lengths, or an object that refuses
        raise ValueError(f"returned a {type(value).__name__} that is not a rectangular array of numbers") from None
    if numbers.dtype.kind not in "buif":
        raise ValueError(f"returned a {type(value).__name__} that does not hold real numbers only")
    return numbers.astype(float)


def _close(got: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Which entries are equal; NaN equals NaN, and infinities are equal where they have one sign."""
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    with np.errstate(all="ignore"):  # 1e308 - (-1e308) is wrong, not worth a warning
        return np.isclose(got, expected, RELATIVE, ABSOLUTE + OF_THE_LARGEST * largest, equal_nan=True)


def compare(got: Any, expected: Any) -> str:
    """Whether a value is the expected one: "" where it is, else one plain line. Any container of numbers passes.

    `expected` holds plain numbers, arrays or tensors, or a tuple of such values.
    """
    if isinstance(expected, tuple):
        if not isinstance(got, tuple | list) or len(got) != len(expected):
            came = f"{len(got)} values" if isinstance(got, tuple | list) else f"a {type(got).__name__}"
            return f"returned {came}, expected {len(expected)} values"
        for place, (part, right) in enumerate(zip(got, expected, strict=True), 1):
            if difference := compare(part, right):
                return f"value {place} of {len(expected)}: {difference}"
        return ""
    right = as_numbers(expected)
    try:
        numbers = as_numbers(got)
    except ValueError as complaint:
        return str(complaint)
    if numbers.shape != right.shape:
        return _shape_difference(numbers.shape, right.shape)
    equal = _close(numbers, right)
    if equal.all():
        return ""
    first = tuple(int(i) for i in np.argwhere(~equal)[0])
    entry = f"entry {list(first)} is" if first else "returned"
    came, wanted = (f"{array[first]:.6g}".replace("nan", "NaN") for array in (numbers, right))
    others = f"; {(~equal).sum()} of {right.size} entries differ" if (~equal).sum() > 1 else ""
    return f"{entry} {came}, expected {wanted}{others}"


def _shape_difference(came: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    words = f"returned shape {list(came)}, expected {list(wanted)}"
    if [n for n in came if n != 1] == [n for n in wanted if n != 1]:
        return f"{words}: the numbers may be right, but an axis of length 1 is " + (
            "too many" if len(came) > len(wanted) else "missing" if len(came) < len(wanted) else "in the wrong place"
        )
    if came == wanted[::-1]:
        return f"{words}: are the axes swapped?"
    if came == () and wanted:
        return f"returned one number, expected an array of shape {list(wanted)}"
    return words


def _repeats(answer: Answer, wrong: Any, right: Any) -> bool:
    """Whether an answer is a known mistake's; one with a wrong shape is known by the shape.

    Where NumPy answers inf or NaN, the same mistake written in plain Python raises.
    """
    if isinstance(right, tuple):
        if answer.error is None and not (isinstance(answer.value, tuple | list) and len(answer.value) == len(right)):
            return False
        parts = answer.value if answer.error is None else (None,) * len(right)
        return all(_repeats(Answer(part, answer.error), *pair) for part, *pair in zip(parts, wrong, right, strict=True))
    known = as_numbers(wrong)
    if answer.error is not None:
        raised = _shorten(answer.error).startswith(("OverflowError", "ZeroDivisionError"))
        return raised and not np.isfinite(known).all()
    try:
        came = as_numbers(answer.value)
    except ValueError:
        return False
    if known.shape != as_numbers(right).shape:
        return came.shape == known.shape
    return came.shape == known.shape and bool(_close(came, known).all())


def name_misconception(answers: list[Answer], expected: list, wrong: list[dict[str, Any]]) -> str:
    """The id of the known misconception whose outputs these are, or "".

    wrong: for each case the outputs of those misconceptions that are wrong on it. The answers must agree with the
    misconception's wherever it is wrong; of several such, the one that agrees on most cases is named.
    """
    named, most = "", 0
    for mistake in dict.fromkeys(identifier for outputs in wrong for identifier in outputs):
        agrees = [
            _repeats(answer, outputs.get(mistake, right), right)
            for answer, right, outputs in zip(answers, expected, wrong, strict=True)
        ]
        if all(same for same, outputs in zip(agrees, wrong, strict=True) if mistake in outputs) and sum(agrees) > most:
            named, most = mistake, sum(agrees)
    return named


@cache
def check_data() -> dict[str, Any]:
    """All committed check data by function: cases, expected and wrong outputs (encoded), hints."""
    folder = files("rlcourse.homework") / "check_data"
    texts = {file.name: file.read_text("utf-8") for file in folder.iterdir() if file.name.endswith(".json")}
    return {
        name: entry for file in sorted(texts) for name, entry in json.loads(texts[file]).get("functions", {}).items()
    }


def check(function: Callable, name: str | None = None, part: str | None = None) -> Outcome:
    """Run a function on the public cases, print what came of it, and return it.

    Args:
        function: your function.
        name: which exercise it is, where that is not the function's own name.
        part: only the cases of one part, "values" or "edges" (the awkward ones); None: all.
    """
    known = check_data()
    name = str(name or getattr(function, "__name__", "") or type(function).__name__)
    if not callable(function):
        outcome = Outcome(
            name, "not attempted", f"got a {type(function).__name__}, expected a function: check(q_backup)"
        )
    elif name not in known:
        reason = f'no exercise has this name. Say which one it is, check(f, "NAME"), of: {", ".join(known)}'
        outcome = Outcome(name, "not attempted", reason)
    elif part not in (None, *(case["part"] for case in known[name]["cases"])):
        parts = dict.fromkeys(case["part"] for case in known[name]["cases"])
        outcome = Outcome(name, "not attempted", f"part: got {part!r}, expected one of {', '.join(parts)}, or None")
    else:
        entry = known[name]
        chosen = [case for case in entry["cases"] if part in (None, case["part"])]
        cases = [case | {key: decode(case[key]) for key in ("expected", "wrong")} for case in chosen]
        # Decoded for each call: a function that changes its arguments changes nobody else's.
        answers = [ask(function, tuple(decode(case["arguments"])), case.get("scenario", "")) for case in cases]
        outcome = _outcome(name, entry, cases, answers)
        if printed := next((answer.printed for answer in answers if answer.printed), ""):
            print(f"(printed by {name}: {printed.strip()}{' ...' if len(printed) == PRINTED else ''})")
    print(outcome)
    if outcome.state == "incorrect":
        _show_picture(name, cases, answers)
    return outcome


def _outcome(name: str, entry: dict, cases: list[dict], answers: list[Answer]) -> Outcome:
    if all(isinstance(answer.error, NotImplementedError) for answer in answers):
        return Outcome(name, "not attempted", _message(answers[0].error))
    reasons = [_complaint(answer, case, entry["call"]) for answer, case in zip(answers, cases, strict=True)]
    if not any(reasons):
        return Outcome(name, "correct", f"on all of {len(cases)} {_parts(cases)}")
    mistake = name_misconception(answers, [case["expected"] for case in cases], [case["wrong"] for case in cases])
    return Outcome(name, "incorrect", next(filter(None, reasons)), entry["hints"].get(mistake, ""), mistake)


def _parts(cases: list[dict]) -> str:
    """What these cases are called: all of them, or those of one part."""
    parts = {case["part"] for case in cases}
    return "cases" if len(parts) > 1 else f"cases ({parts.pop()})"


def _complaint(answer: Answer, case: dict, call: str) -> str:
    """Why an answer is wrong, beginning with the case; "" where it is right."""
    if answer.error is not None:
        how = f"; it is called as {call}" if "TypeError" in _shorten(answer.error) else ""
        return f"{case['about']}: raised {_shorten(answer.error)}{how}"
    difference = compare(answer.value, case["expected"])
    return f"{case['about']}: {case.get('otherwise', difference)}" if difference else ""


def _message(error: Exception) -> str:
    """What an exception says, in one line that is not too long."""
    try:
        return " ".join(str(error).split())[:200]
    except Exception:  # even its message may be broken
        return ""


def _shorten(error: Exception) -> str:
    """An exception in one line: its type and message. One from another process, StudentError, names its type itself."""
    message = _message(error)
    return message if type(error).__name__ == "StudentError" else f"{type(error).__name__}: {message}".rstrip(": ")


def _show_picture(name: str, cases: list[dict], answers: list[Answer]) -> None:
    """The first table with more than one wrong entry as a picture, where a notebook's kernel can show it."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if getattr(shell, "kernel", None) is None:
        return
    for answer, case in zip(answers, cases, strict=True):
        try:
            got, expected = as_numbers(answer.value), as_numbers(case["expected"])
            if expected.ndim != 2 or got.shape != expected.shape or (~_close(got, expected)).sum() < 2:
                continue
            from IPython.display import display  # only where a kernel runs
            from matplotlib import pyplot

            from rlcourse.pictures.grids import plot_differences

            figure = plot_differences(got, expected, title=f"{name}: {case['about']}").figure
            display(figure)
            pyplot.close(figure)
            return
        except Exception:  # the text has said it all: a picture that fails costs nothing
            continue
