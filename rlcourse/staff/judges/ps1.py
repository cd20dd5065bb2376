"""The judges of problem set 1: policies by their exact value."""

from typing import Any

from rlcourse.staff.judges.common import judge


def judge_frozen_lake(outcome: Any) -> None:
    """Pass where the policy is worth 99 % of the best one."""
    judge("solve_frozen_lake", outcome)


def judge_slippery_maze(outcome: Any) -> None:
    """Pass where 3 of the 4 learned policies are worth 90 % of the best one."""
    judge("learn_slippery_maze", outcome)
