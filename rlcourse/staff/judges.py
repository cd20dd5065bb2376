"""The judges of what a student's functions trained: policies, values and weights, each by what it is worth.

A failure is an AssertionError with an author's words. Torch is imported only where weights are judged.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from rlcourse.agents.tabular.planning import q_iteration
from rlcourse.functional import tabular
from rlcourse.homework.checks import as_numbers
from rlcourse.homework.scenarios import ps1
from rlcourse.worlds.mdp import MDP


def _numbers(value: Any, what: str) -> ndarray:
    """What came, as numbers. Raises AssertionError in plain words."""
    try:
        return as_numbers(value)
    except ValueError as complaint:
        raise AssertionError(f"{what}: {complaint}") from None


def _policy(policy: Any, mdp: MDP, what: str) -> ndarray:
    """A policy table that is one. Raises AssertionError in plain words."""
    pi = _numbers(policy, what)
    if pi.shape != mdp.R.shape:
        raise AssertionError(f"{what} has the shape {list(pi.shape)}, expected [S, A] = {list(mdp.R.shape)}")
    if not np.isfinite(pi).all():
        raise AssertionError(f"{what} holds NaN or infinity")
    if (pi < -1e-6).any() or not np.allclose(pi.sum(axis=1), 1, atol=1e-4):
        raise AssertionError(f"{what} is not a policy: each row must hold probabilities that sum to 1")
    pi = pi.clip(0)
    return pi / pi.sum(axis=1, keepdims=True)


def _share_of_optimal(policy: Any, mdp: MDP, gamma: float, what: str) -> float:
    """The exact value of a policy at the start, as a share of the best that any policy reaches."""
    value = mdp.rho0 @ tabular.policy_evaluation(mdp.P, mdp.R, _policy(policy, mdp, what), gamma)
    return value / (mdp.rho0 @ q_iteration(mdp, gamma).V)


def judge_frozen_lake(policy: Any, share: float = 0.99) -> None:
    """Pass where a policy's exact value on FrozenLake 8x8 is at least this share of the optimal one."""
    reached = _share_of_optimal(policy, ps1.frozen_lake(), ps1.FROZEN_LAKE_GAMMA, "the policy")
    if reached < share:
        raise AssertionError(f"the policy is worth {reached:.0%} of the best one from the start, expected {share:.0%}")


def judge_slippery_grid(policies: Any, share: float = 0.95, at_least: int = 7) -> None:
    """Pass where at least 7 of the 8 learned policies are worth at least 95 % of the optimal one, exactly."""
    mdp = ps1.slippery_grid()
    tables = _numbers(policies, "the policies")
    if tables.shape != (8, *mdp.R.shape):
        raise AssertionError(f"the policies have the shape {list(tables.shape)}, expected {[8, *mdp.R.shape]}")
    reached = [
        _share_of_optimal(table, mdp, ps1.SLIPPERY_GRID_GAMMA, f"the policy of seed {seed}")
        for seed, table in enumerate(tables)
    ]
    good = sum(value >= share for value in reached)
    if good < at_least:
        raise AssertionError(
            f"{good} of 8 seeds reach {share:.0%} of the best policy's value, expected at least {at_least}; "
            f"the middle one reaches {np.median(reached):.0%}"
        )


PROBE_VALUES = {  # by hand, gamma is 1/2: observation -1, 0 or 1, and what the two actions are worth there
    "plain": {-1: (-1, -1), 1: (1, 1)},
    "double": {0: (0.5, 0.5), 1: (1, 1)},
    "three steps": {0: (0.5, 0.5), 1: (1, 1)},
    "cut off": {0: (2, 2)},  # 1 + 1/2 + 1/4 + ..: being cut off is no end
    "dueling": {-1: (1, -1), 1: (-1, 1)},
    "prioritised": {-1: (1, -1), 1: (-1, 1)},
}


def judge_probes(values: Any, tolerance: float = 0.15) -> None:
    """Pass where the learned Q of every probe world is the exact one."""
    if not isinstance(values, dict) or set(values) != set(PROBE_VALUES):
        raise AssertionError(f"expected the learned values of {', '.join(PROBE_VALUES)}")
    for probe, expected in PROBE_VALUES.items():
        learned = _numbers(values[probe], probe)
        if learned.shape != (3, 3, 2):
            raise AssertionError(f"{probe}: the values have the shape {list(learned.shape)}, expected [3, 3, 2]")
        for observation, exact in expected.items():
            off = np.abs(learned[:, observation + 1] - exact).max()
            if not off <= tolerance:
                raise AssertionError(f"{probe}: Q is off by {off:.2g}, expected at most {tolerance:g}")


def _weights_reach(weights: Any, returns_of: Callable[[dict], ndarray], goal: float, at_least: int) -> None:
    """Pass where so many of the 8 networks with these weights reach a return, in environments of the grader's."""
    if not isinstance(weights, dict):
        raise AssertionError("expected the weights of the networks by name")
    arrays = {name: _numbers(weight, "the weights") for name, weight in weights.items()}
    if not all(np.isfinite(array).all() for array in arrays.values()):
        raise AssertionError("the weights hold NaN or infinity")
    try:
        reached = returns_of(arrays)
    except RuntimeError:
        raise AssertionError("the weights are not those of eight networks as the agent has them") from None
    good = int((reached >= goal).sum())
    if good < at_least:
        raise AssertionError(
            f"{good} of 8 seeds reach a return of {goal:g}, expected at least {at_least}; "
            f"the middle one reaches {np.median(reached):.0f}"
        )


def judge_cart_pole(weights: Any, at_least: int = 7) -> None:
    """Pass where 7 of the 8 networks balance the pole long enough (problem set 2)."""
    from rlcourse.functional.targets import dueling_q  # here, so that ps1 is judged without torch
    from rlcourse.homework.scenarios.ps2 import CART_POLE_RETURN, cart_pole_returns

    _weights_reach(weights, lambda arrays: cart_pole_returns(arrays, dueling_q), CART_POLE_RETURN, at_least)


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
        value, policy = (_numbers(learned[probe][kind], f"{probe}: the {kind}") for kind in ("value", "policy"))
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
    from rlcourse.homework.scenarios.ps4 import CART_POLE_RETURN, policy_returns

    _weights_reach(weights, policy_returns, CART_POLE_RETURN, at_least)


def judge_small_worlds(policies: Any) -> None:
    """Pass where the policies of elite episodes and of finite differences are worth nearly as much as the best."""
    from rlcourse.homework.scenarios.ps3 import nine_cells, sure_grid  # here, so that ps1 is judged without torch

    if not isinstance(policies, dict) or set(policies) != {"elite", "differences"}:
        raise AssertionError("expected the policies of the elite and of differences")
    tables = _numbers(policies["elite"], "the policies of the elite")
    if tables.ndim != 3 or len(tables) != 3:
        raise AssertionError(f"the policies of the elite have the shape {list(tables.shape)}, expected [3, 25, 4]")
    named = {f"the policy of the elite, seed {seed}": (table, sure_grid(), 0.85) for seed, table in enumerate(tables)}
    named["the policy of differences"] = policies["differences"], nine_cells(), 0.95
    for what, (policy, mdp, share) in named.items():
        reached = _share_of_optimal(policy, mdp, ps1.SLIPPERY_GRID_GAMMA, what)
        if reached < share:
            raise AssertionError(f"{what} is worth {reached:.0%} of the best one, expected {share:.0%}")


def judge_balance(weights: Any, at_least: int = 5) -> None:
    """Pass where 5 of the 8 policies balance the pole for good (problem set 3)."""
    from rlcourse.homework.scenarios.ps3 import CART_POLE_RETURN, policy_returns

    _weights_reach(weights, policy_returns, CART_POLE_RETURN, at_least)
