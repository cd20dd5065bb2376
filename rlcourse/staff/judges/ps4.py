"""The judges of problem set 4: values and policies against hand-made ones, policies by playing."""

from typing import Any

from rlcourse.staff.judges.common import judge


def judge_actor_critic_probes(outcome: Any) -> None:
    """Pass where the learned values and policies of every probe world are the exact ones."""
    judge("solve_actor_critic_probes", outcome)


def judge_cart_pole_on_policy(outcome: Any) -> None:
    """Pass where 4 of the 8 policies balance the pole for good."""
    judge("learn_cart_pole_on_policy", outcome)
