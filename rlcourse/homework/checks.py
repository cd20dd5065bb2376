"""The student's instant feedback: `check(my_function)` says correct, incorrect and why, or not attempted.

It reads check_data/ alone, which holds public cases, what is expected on each, and what known misconceptions answer
instead. Nothing that a student's function does (raise, print, return nonsense) makes a check fail itself.
"""

import json
import sys
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from rlcourse.homework.asking import PRINTED, Answer, ask
from rlcourse.homework.compare import as_numbers, close, compare
from rlcourse.homework.naming import name_misconception
from rlcourse.homework.paste import case_as_code
from rlcourse.homework.student_code import advice, describe, fits, message_of, name_of, own_line, variables_of
from rlcourse.homework.wire import decode


@dataclass(frozen=True)
class Outcome:
    """What a check found. `str(outcome)` is the text that it printed."""

    name: str
    state: str  # "correct", "incorrect" or "not attempted"
    reason: str = ""
    hint: str = ""
    misconception: str = ""  # its id, where the hint is a known misconception's
    part: str = ""  # the part that was checked and what it is worth, "edges, 1 point"
    code: str = ""  # the case that failed, to paste and run where it is small

    def __str__(self) -> str:
        known_as = f" ({self.misconception.replace('-', ' ')})" if self.misconception else ""
        hint = f"Hint{known_as}: {self.hint}" if self.hint else ""
        head = f"{self.name} ({self.part}): {self.state}" if self.part else f"{self.name}: {self.state}"
        code = textwrap.indent(f"The case:\n{textwrap.indent(self.code, '  ')}", "  ").lstrip() if self.code else ""
        return "\n  ".join(filter(None, (head, self.reason, hint, code)))

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
        name: which exercise it is, where neither its own name nor that of your variable says so.
        part: only the cases of one part, "values" or "edges" (the awkward ones); None: all.
    """
    known = check_data()
    caller = sys._getframe(1)
    name = str(name or name_of(function, caller, known))
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
        cases = [case for case in known[name]["cases"] if part in (None, case["part"])]
        answers = [_ask(function, case) for case in cases]
        variable = next(iter(variables_of(function, caller)), name)
        outcome = _outcome(function, Outcome(name, "correct", part=_worth(known[name], part)), variable, cases, answers)
        if printed := next((answer.printed for answer in answers if answer.printed), ""):
            print(f"(printed by {name}: {printed.strip()}{' ...' if len(printed) == PRINTED else ''})")
    print(outcome)
    if outcome.state == "incorrect":
        _show_picture(name, cases, answers)
    return outcome


def _ask(function: Callable, case: dict) -> Answer:
    # Decoded for each call: a function that changes its arguments changes nobody else's.
    return ask(function, tuple(decode(case["arguments"])), case.get("scenario", ""))


def _worth(entry: dict, part: str | None) -> str:
    """A part and its points in words; "" for all of an exercise whose parts have points of their own."""
    points = entry.get("points", {}).get(part or "all")
    worth = f"{points} point{'s' if points != 1 else ''}" if points else ""
    return ", ".join(filter(None, (part, worth)))


def _outcome(function: Callable, outcome: Outcome, variable: str, cases: list[dict], answers: list[Answer]) -> Outcome:
    """What the answers to some cases come to. `variable`: what the student calls the function."""
    if all(isinstance(answer.error, NotImplementedError) for answer in answers):
        return replace(outcome, state="not attempted", reason=message_of(answers[0].error))
    entry = check_data()[outcome.name]
    complaints = [_complaint(function, entry["call"], *pair) for pair in zip(cases, answers, strict=True)]
    failed = [place for place, complaint in enumerate(complaints) if complaint]
    if not failed:
        return replace(outcome, reason=f"on all of {len(cases)} cases")
    mistake = _mistake(function, entry, cases, answers)
    told = next((place for place in failed if mistake in cases[place]["wrong"]["dict"]), failed[0])
    arguments, expected = (decode(cases[told][key]) for key in ("arguments", "expected"))
    code = case_as_code(
        variable, entry["call"], tuple(arguments), cases[told].get("scenario", ""), answers[told], expected
    )
    hint = entry["hints"].get(mistake, "") or advice(answers[told].error)
    return replace(outcome, state="incorrect", reason=complaints[told], hint=hint, misconception=mistake, code=code)


def _mistake(function: Callable, entry: dict, cases: list[dict], answers: list[Answer]) -> str:
    """The id of the misconception that explains all answers, those to the other part's cases too, or ""."""
    others = [case for case in entry["cases"] if case not in cases]
    cases, answers = cases + others, answers + [_ask(function, case) for case in others]
    expected, wrong = ([decode(case[key]) for case in cases] for key in ("expected", "wrong"))
    return name_misconception(answers, expected, wrong, ["otherwise" in case for case in cases])


def _complaint(function: Callable, call: str, case: dict, answer: Answer) -> str:
    """Why an answer is wrong, beginning with the case; "" where it is right."""
    if answer.error is None:
        difference = compare(answer.value, decode(case["expected"]))
        return f"{case['about']}: {case.get('otherwise', difference)}" if difference else ""
    misfit = isinstance(answer.error, TypeError) and not own_line(answer.error) and not fits(function, call)
    return f"{case['about']}: {describe(answer.error)}" + (f"; it is called as {call}" if misfit else "")


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
