"""The hidden half of a test cell: `hidden(q_backup)`, `hidden(q_backup, "edges")`.

A function is compared with the library's own on the public cases and on cases drawn from the grader's seed. A failure
is an AssertionError with an author's words: never an input, an output, or what an exception said. It works on a plain
function (stock nbgrader) as on a stand-in for one in another process.
"""

import copy
import os
import zlib
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from rlcourse.homework.asking import Answer, ask
from rlcourse.homework.compare import compare
from rlcourse.homework.naming import name_misconception
from rlcourse.staff.bank import Case, Entry, Misconception, entry

_seed: int | None = None


def set_seed(seed: int | None) -> None:
    """From which seed hidden cases are drawn; None: from the environment's RLCOURSE_GRADER_SEED, else 0."""
    global _seed
    _seed = seed


def _current_seed() -> int:
    return int(os.environ.get("RLCOURSE_GRADER_SEED") or 0) if _seed is None else _seed


def cases_of(name: str, of: Entry, part: str | None = None) -> list[Case]:
    """The public cases of a function and those drawn from the grader's seed, the same whatever was drawn before."""
    cases = [*of.cases, *of.draw(np.random.default_rng([_current_seed(), zlib.crc32(name.encode())]))]
    chosen = [case for case in cases if part in (None, case.part)]
    if not chosen:
        raise ValueError(f"part: got {part!r}, expected one of {', '.join(sorted({case.part for case in cases}))}")
    return chosen


def hidden(function: Callable, part: str | None = None, name: str | None = None) -> None:
    """Pass where a function is right on all cases, or on those of one part.

    Args:
        function: the student's function, or a stand-in for it.
        part: "values" or "edges"; None: both.
        name: which exercise it is, where that is not the function's own name.

    Raises:
        AssertionError: with the hint for whoever wrote it.
        NotImplementedError: "not attempted".
    """
    name = name or function.__name__
    of = entry(name)
    cases, expected = _asked(name, _current_seed(), part)
    answers = [_ask(function, case) for case in cases]
    if all(isinstance(answer.error, NotImplementedError) for answer in answers):
        raise NotImplementedError("not attempted")
    failed = [case for case, answer, right in zip(cases, answers, expected, strict=True) if not answer.is_right(right)]
    if failed:
        others = [case for case in cases_of(name, of) if part not in (None, case.part)]
        answers += [_ask(function, case) for case in others]  # on some cases alone mistakes look alike
        expected = expected + [case.ask(of.function) for case in others]
        raise AssertionError(_hint(of, cases + others, answers, expected) or f"{name} is wrong on: {_list(failed)}")


@cache
def _asked(name: str, seed: int, part: str | None) -> tuple[list[Case], list[Any]]:
    """The cases of a run, and what is right on them: the same for every student."""
    of = entry(name)
    cases = cases_of(name, of, part)
    return cases, [case.ask(of.function) for case in cases]


def _ask(function: Callable, case: Case) -> Answer:
    return ask(function, copy.deepcopy(case.arguments), case.scenario)


def _hint(of: Entry, cases: list[Case], answers: list[Answer], expected: list) -> str:
    """The hint of the known misconception that gives these answers, or ""."""
    asked = list(zip(cases, answers, expected, strict=True))
    telling = [(c, answer, right) for c, answer, right in asked if answer.error or not c.otherwise]
    telling.sort(key=lambda one: one[1].is_right(one[2]))  # what failed first: it rules out most, and soon
    possible = [mistake for mistake in of.misconceptions if all(_fits(mistake, *one) for one in telling)]
    wrong: list[dict[str, Any]] = []
    for case, right in zip(cases, expected, strict=True):
        outputs = {mistake.id: case.ask(mistake.function) for mistake in possible}
        wrong.append({id: output for id, output in outputs.items() if compare(output, right)})
    named = name_misconception(answers, expected, wrong, [bool(case.otherwise) for case in cases])
    return next((mistake.hint for mistake in possible if mistake.id == named), "")


def _fits(mistake: Misconception, case: Case, answer: Answer, right: Any) -> bool:
    """Whether a misconception answers one case as the function did: right, or as wrong."""
    output = case.ask(mistake.function)
    if not compare(output, right):
        return answer.is_right(right)
    return bool(name_misconception([answer], [right], [{mistake.id: output}]))


def _list(failed: list[Case]) -> str:
    """What is special about the failed cases, each once."""
    return "; ".join(dict.fromkeys(case.otherwise or case.about for case in failed))
