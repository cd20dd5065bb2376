"""The judges of problem set 5: policies against hand-made ones, how far updates went, policies by playing."""

from typing import Any

from rlcourse.staff.judges.common import judge


def judge_trust_region_probes(outcome: Any) -> None:
    """Pass where the learned policies are the best ones, and no update of TRPO went further than it may."""
    judge("solve_trust_region_probes", outcome)


def judge_cart_pole_by_ppo(outcome: Any) -> None:
    """Pass where 5 of the 8 policies balance the pole for good."""
    judge("learn_cart_pole_by_ppo", outcome)
