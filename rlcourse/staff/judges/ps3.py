"""The judges of problem set 3: policies by their exact value, or by playing."""

from typing import Any

from rlcourse.homework.scenarios.ps1 import SLIPPERY_GRID_GAMMA
from rlcourse.homework.scenarios.ps3 import CART_POLE_RETURN, nine_cells, policy_returns, sure_grid
from rlcourse.staff.judges.common import numbers_of, share_of_optimal, weights_reach


def judge_small_worlds(policies: Any) -> None:
    """Pass where the policies of elite episodes and of finite differences are worth nearly as much as the best."""
    if not isinstance(policies, dict) or set(policies) != {"elite", "differences"}:
        raise AssertionError("expected the policies of the elite and of differences")
    tables = numbers_of(policies["elite"], "the policies of the elite")
    if tables.ndim != 3 or len(tables) != 3:
        raise AssertionError(f"the policies of the elite have the shape {list(tables.shape)}, expected [3, 25, 4]")
    named = {f"the policy of the elite, seed {seed}": (table, sure_grid(), 0.85) for seed, table in enumerate(tables)}
    named["the policy of differences"] = policies["differences"], nine_cells(), 0.95
    for what, (policy, mdp, share) in named.items():
        reached = share_of_optimal(policy, mdp, SLIPPERY_GRID_GAMMA, what)
        if reached < share:
            raise AssertionError(f"{what} is worth {reached:.0%} of the best one, expected {share:.0%}")


def judge_balance(weights: Any, at_least: int = 5) -> None:
    """Pass where 5 of the 8 policies balance the pole for good (problem set 3)."""
    weights_reach(weights, policy_returns, CART_POLE_RETURN, at_least)
