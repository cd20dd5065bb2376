"""The student's instant feedback: `check(my_function)` says correct, incorrect and why, or not attempted.

It reads check_data/ alone, which holds public cases, what is expected on each, and what known misconceptions answer
instead. Nothing that a student's function does (raise, print, return nonsense) makes a check fail itself.
"""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from rlcourse.homework.asking import PRINTED, Answer, ask, message_of, shorten
from rlcourse.homework.compare import as_numbers, close, compare
from rlcourse.homework.naming import name_misconception
from rlcourse.homework.wire import decode


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
        cases = [case for case in entry["cases"] if part in (None, case["part"])]
        answers = [_ask(function, case) for case in cases]
        outcome = _outcome(name, entry, cases, answers)
        if outcome.state == "incorrect":
            others = [case for case in entry["cases"] if case not in cases]  # on some cases alone mistakes look alike
            outcome = _named(outcome, entry, cases + others, answers + [_ask(function, case) for case in others])
        if printed := next((answer.printed for answer in answers if answer.printed), ""):
            print(f"(printed by {name}: {printed.strip()}{' ...' if len(printed) == PRINTED else ''})")
    print(outcome)
    if outcome.state == "incorrect":
        _show_picture(name, cases, answers)
    return outcome


def _ask(function: Callable, case: dict) -> Answer:
    # Decoded for each call: a function that changes its arguments changes nobody else's.
    return ask(function, tuple(decode(case["arguments"])), case.get("scenario", ""))


def _outcome(name: str, entry: dict, cases: list[dict], answers: list[Answer]) -> Outcome:
    if all(isinstance(answer.error, NotImplementedError) for answer in answers):
        return Outcome(name, "not attempted", message_of(answers[0].error))
    reasons = [_complaint(answer, case, entry["call"]) for answer, case in zip(answers, cases, strict=True)]
    if not any(reasons):
        return Outcome(name, "correct", f"on all of {len(cases)} {_parts(cases)}")
    return Outcome(name, "incorrect", next(filter(None, reasons)))


def _named(outcome: Outcome, entry: dict, cases: list[dict], answers: list[Answer]) -> Outcome:
    """The outcome with the hint of the misconception that explains all of the answers, where there is one."""
    expected, wrong = ([decode(case[key]) for case in cases] for key in ("expected", "wrong"))
    mistake = name_misconception(answers, expected, wrong, ["otherwise" in case for case in cases])
    return replace(outcome, hint=entry["hints"].get(mistake, ""), misconception=mistake)


def _parts(cases: list[dict]) -> str:
    """What these cases are called: all of them, or those of one part."""
    parts = {case["part"] for case in cases}
    return "cases" if len(parts) > 1 else f"cases ({parts.pop()})"


def _complaint(answer: Answer, case: dict, call: str) -> str:
    """Why an answer is wrong, beginning with the case; "" where it is right."""
    if answer.error is not None:
        how = f"; it is called as {call}" if "TypeError" in shorten(answer.error) else ""
        return f"{case['about']}: raised {shorten(answer.error)}{how}"
    difference = compare(answer.value, decode(case["expected"]))
    return f"{case['about']}: {case.get('otherwise', difference)}" if difference else ""


def _show_picture(name: str, cases: list[dict], answers: list[Answer]) -> None:
    """The first table with more than one wrong entry as a picture, where a notebook's kernel can show it."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if getattr(shell, "kernel", None) is None:
        return
    for answer, case in zip(answers, cases, strict=True):
        try:
            got, expected = as_numbers(answer.value), as_numbers(decode(case["expected"]))
            if expected.ndim != 2 or got.shape != expected.shape or (~close(got, expected)).sum() < 2:
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
