"""The judges of problem set 2: values against hand-made ones, networks by playing."""

from typing import Any

from rlcourse.staff.judges.common import judge


def judge_probes(outcome: Any) -> None:
    """Pass where the learned Q of every probe world is the exact one."""
    judge("solve_probes", outcome)


def judge_cart_pole(outcome: Any) -> None:
    """Pass where 7 of the 8 networks balance the pole long enough."""
    judge("learn_cart_pole", outcome)
