"""What the judges share. A failure is an AssertionError with an author's words. NumPy alone: ps1 needs no torch."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from rlcourse.agents.tabular.planning import q_iteration
from rlcourse.functional import tabular
from rlcourse.homework.compare import as_numbers
from rlcourse.worlds.mdp import MDP


def numbers_of(value: Any, what: str) -> ndarray:
    """What came, as numbers. Raises AssertionError in plain words."""
    try:
        return as_numbers(value)
    except ValueError as complaint:
        raise AssertionError(f"{what}: {complaint}") from None


def _policy(policy: Any, mdp: MDP, what: str) -> ndarray:
    """A policy table that is one. Raises AssertionError in plain words."""
    pi = numbers_of(policy, what)
    if pi.shape != mdp.R.shape:
        raise AssertionError(f"{what} has the shape {list(pi.shape)}, expected [S, A] = {list(mdp.R.shape)}")
    if not np.isfinite(pi).all():
        raise AssertionError(f"{what} holds NaN or infinity")
    if (pi < -1e-6).any() or not np.allclose(pi.sum(axis=1), 1, atol=1e-4):
        raise AssertionError(f"{what} is not a policy: each row must hold probabilities that sum to 1")
    pi = pi.clip(0)
    return pi / pi.sum(axis=1, keepdims=True)


def share_of_optimal(policy: Any, mdp: MDP, gamma: float, what: str) -> float:
    """The exact value of a policy at the start, as a share of the best that any policy reaches."""
    value = mdp.rho0 @ tabular.policy_evaluation(mdp.P, mdp.R, _policy(policy, mdp, what), gamma)
    return value / (mdp.rho0 @ q_iteration(mdp, gamma).V)


def weights_reach(weights: Any, returns_of: Callable[[dict], ndarray], goal: float, at_least: int) -> None:
    """Pass where so many of the 8 networks with these weights reach a return, in environments of the grader's."""
    if not isinstance(weights, dict):
        raise AssertionError("expected the weights of the networks by name")
    arrays = {name: numbers_of(weight, "the weights") for name, weight in weights.items()}
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
