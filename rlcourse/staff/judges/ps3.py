"""The judges of problem set 3: policies by their exact value, or by playing."""

from typing import Any

from rlcourse.staff.judges.common import judge


def judge_small_worlds(outcome: Any) -> None:
    """Pass where the policies are worth nearly as much as the best ones."""
    judge("search_small_worlds", outcome)


def judge_search(outcome: Any) -> None:
    """Pass where 5 of the 8 policies balance the pole for good."""
    judge("search_cart_pole", outcome)


def judge_reinforce(outcome: Any) -> None:
    """Pass where 5 of the 8 policies balance the pole for good."""
    judge("reinforce_cart_pole", outcome)
