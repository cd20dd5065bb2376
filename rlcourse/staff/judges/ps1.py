"""The judges of problem set 1: policies by their exact value."""

from typing import Any

import numpy as np

from rlcourse.homework.scenarios import ps1
from rlcourse.staff.judges.common import numbers_of, share_of_optimal


def judge_frozen_lake(policy: Any, share: float = 0.99) -> None:
    """Pass where a policy's exact value on FrozenLake 8x8 is at least this share of the optimal one."""
    reached = share_of_optimal(policy, ps1.frozen_lake(), ps1.FROZEN_LAKE_GAMMA, "the policy")
    if reached < share:
        raise AssertionError(f"the policy is worth {reached:.0%} of the best one from the start, expected {share:.0%}")


def judge_slippery_grid(policies: Any, share: float = 0.95, at_least: int = 7) -> None:
    """Pass where at least 7 of the 8 learned policies are worth at least 95 % of the optimal one, exactly."""
    mdp = ps1.slippery_grid()
    tables = numbers_of(policies, "the policies")
    if tables.shape != (8, *mdp.R.shape):
        raise AssertionError(f"the policies have the shape {list(tables.shape)}, expected {[8, *mdp.R.shape]}")
    reached = [
        share_of_optimal(table, mdp, ps1.SLIPPERY_GRID_GAMMA, f"the policy of seed {seed}")
        for seed, table in enumerate(tables)
    ]
    good = sum(value >= share for value in reached)
    if good < at_least:
        raise AssertionError(
            f"{good} of 8 seeds reach {share:.0%} of the best policy's value, expected at least {at_least}; "
            f"the middle one reaches {np.median(reached):.0%}"
        )
