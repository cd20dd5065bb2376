"""Which known misconception a student's answers come from. Better no name than a wrong one."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from rlcourse.homework.asking import Answer
from rlcourse.homework.compare import as_array, close, parts_of
from rlcourse.homework.student_code import shorten


def name_misconception(
    answers: Sequence[Answer],
    expected: Sequence[Any],
    wrong: Sequence[dict[str, Any]],
    self_evident: Sequence[bool] = (),
) -> str:
    """The id of the known misconception whose outputs these are, or "".

    The answers must be the misconception's on every case: as wrong where it is wrong, and right where it is right. So
    all that failed is explained. Where two are possible, none is named.

    Args:
        answers: what the function made of the cases. Give it all of its cases: on some, mistakes look alike.
        expected: what is right.
        wrong: for each case the outputs of those misconceptions that are wrong on it.
        self_evident: for each case whether a failure says itself what is wrong (an argument was changed), whatever
            other mistake there is; then no misconception has to explain it.
    """
    explained: dict[str, int] = {}  # of those that are possible: how many cases
    right = [answer.is_right(value) for answer, value in zip(answers, expected, strict=True)]
    evident = [
        plain and not answer.error
        for answer, plain in zip(answers, self_evident or [False] * len(answers), strict=True)
    ]
    for mistake in dict.fromkeys(identifier for outputs in wrong for identifier in outputs):
        agrees = [
            _repeats(answer, outputs[mistake], value) if mistake in outputs else fine
            for answer, outputs, value, fine in zip(answers, wrong, expected, right, strict=True)
        ]
        whole = all(same or plain for same, plain in zip(agrees, evident, strict=True))
        if whole and any(same and not fine for same, fine in zip(agrees, right, strict=True)):
            explained[mistake] = sum(agrees)
    most = [mistake for mistake, count in explained.items() if count == max(explained.values())]
    return most[0] if len(most) == 1 else ""


def _repeats(answer: Answer, wrong: Any, right: Any) -> bool:
    """Whether an answer is a known mistake's.

    Where NumPy answers inf or NaN, the same mistake written in plain Python raises.
    """
    several = isinstance(right, tuple) and isinstance(wrong, tuple) and len(wrong) == len(right)
    wrongs, rights = (wrong, right) if several else ((wrong,), (right,))
    if answer.error is not None:
        raised = shorten(answer.error).startswith(("OverflowError", "ZeroDivisionError"))
        return raised and not all(np.isfinite(as_array(known)).all() for known in wrongs)
    parts = parts_of(answer.value, len(right)) if several else [answer.value]
    return parts is not None and all(map(_same, parts, wrongs, rights))


def _same(came: Any, known: Any, right: Any) -> bool:
    """Whether what came is a known wrong value; of places where values are expected, one stands for all.

    So one action in place of the actions' probabilities is known, whichever was drawn.
    """
    try:
        came, known, right = as_array(came), as_array(known), as_array(right)
    except ValueError:
        return False
    if came.shape != known.shape:
        return False
    if known.shape != right.shape and came.dtype.kind in "iu" and known.dtype.kind in "iu":
        return True
    return bool(close(came.astype(float), known.astype(float)).all())
