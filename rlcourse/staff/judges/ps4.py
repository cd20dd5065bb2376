"""The judges of problem set 4: values and policies against hand-made ones, policies by playing."""

from typing import Any

import numpy as np

from rlcourse.homework.scenarios.ps4 import CART_POLE_RETURN, policy_returns
from rlcourse.staff.judges.common import numbers_of, weights_reach

ACTOR_CRITIC_VALUES = {  # by hand, gamma is 1/2: observation -1, 0 or 1, and what it is worth
    "plain": {-1: -1, 1: 1},
    "two steps": {0: 0.5, 1: 1},
    "both matter": {-1: 1, 1: 1},
    "entropy": {0: np.tanh(0.5)},  # the mean reward of the policy below
    "cut off": {0: 2},  # 1 + 1/2 + 1/4 + ..: being cut off is no end
    "lambda": {0: 0.5, 1: 1},
}
ACTOR_CRITIC_POLICIES = {  # the probability of action 1
    "both matter": {-1: 0, 1: 1},
    "entropy": {0: 1 / (1 + np.exp(-1))},  # softmax of the rewards 1 and -1 over the coefficient 2
}


def judge_actor_critic_probes(learned: Any, tolerance: float = 0.1) -> None:
    """Pass where the learned values and policies of every probe world are the exact ones."""
    if not isinstance(learned, dict) or set(learned) != set(ACTOR_CRITIC_VALUES):
        raise AssertionError(f"expected what was learned in {', '.join(ACTOR_CRITIC_VALUES)}")
    for probe, values in ACTOR_CRITIC_VALUES.items():
        if not isinstance(learned[probe], dict) or set(learned[probe]) != {"value", "policy"}:
            raise AssertionError(f"{probe}: expected a value and a policy")
        value, policy = (numbers_of(learned[probe][kind], f"{probe}: the {kind}") for kind in ("value", "policy"))
        if value.shape != (3, 3) or policy.shape != (3, 3, 2):
            came = f"{list(value.shape)} and {list(policy.shape)}"
            raise AssertionError(f"{probe}: value and policy have the shapes {came}, expected [3, 3] and [3, 3, 2]")
        exact = [("V", value, values), ("the policy", policy[..., 1], ACTOR_CRITIC_POLICIES.get(probe, {}))]
        for what, table, expected in exact:
            for observation, right in expected.items():
                off = np.abs(table[:, observation + 1] - right).max()
                if not off <= tolerance:
                    raise AssertionError(f"{probe}: {what} is off by {off:.2g}, expected at most {tolerance:g}")


def judge_cart_pole_on_policy(weights: Any, at_least: int = 4) -> None:
    """Pass where 4 of the 8 policies balance the pole for good (problem set 4)."""
    weights_reach(weights, policy_returns, CART_POLE_RETURN, at_least)
