"""Planning with a known MDP: value iteration, Q-iteration, policy iteration (lecture 01).

Each returns a policy whose loss is guaranteed: max over states of V*(s) - V^pi(s) is at most eps. With delta the change
of the last sweep, the policy that is greedy with respect to it loses at most

    gamma / (1 - gamma) * (max delta - min delta)                    (Puterman, 1994, theorem 6.6.6)

so one may stop by the span of delta, or, as max - min <= 2 max |delta|, by its sup norm: safe too, and often much later.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from rlcourse.functional import tabular
from rlcourse.graded import bare
from rlcourse.inputs import Number, wrong
from rlcourse.mdps import MDP
from rlcourse.progress import progress


@dataclass(frozen=True)
class Plan:
    """What planning found: V [S] and Q [S, A] near the optimal ones, the policy pi [S, A], and the work it took.

    `loss_bound` is how much pi may fall short of the optimal value, in any state; V is within half of that (by the
    span) or all of it (by the sup norm, and in policy iteration).
    """

    V: ndarray
    Q: ndarray
    pi: ndarray
    sweeps: int
    loss_bound: float


def _check(gamma: float, eps: float, stop: str = "span") -> None:
    Number(0, 1, open_ends="high").check("gamma", gamma, {})
    Number(0, open_ends="low").check("eps", eps, {})
    if stop not in ("span", "sup"):
        raise wrong("stop", f"{stop!r}", "'span' or 'sup'")


def _sweep(
    mdp: MDP,
    gamma: float,
    eps: float,
    stop: str,
    x: ndarray,
    backup: Callable[..., ndarray],
    max_sweeps: int,
    history: list[ndarray] | None,
    label: str,
) -> tuple[ndarray, int, float]:
    """Apply a backup to x (V or Q) until the stop rule holds; returns the last x, the sweeps, the bound on the loss."""
    P = mdp.rows if hasattr(backup, "body") else mdp.dense  # ours takes the flat, maybe sparse P; anyone's, [S, A, S]
    backup = bare(backup)
    if history is not None:
        history.append(x)
    loss = np.inf
    for sweep in progress(range(1, max_sweeps + 1), label):
        new = backup(P, mdp.R, x, gamma)
        delta, x = new - x, new
        if history is not None:
            history.append(x)
        width = np.ptp(delta) if stop == "span" else 2 * np.abs(delta).max()
        loss = gamma / (1 - gamma) * width
        if loss <= eps:
            if stop == "span":  # V* lies between x + gamma / (1 - gamma) * min delta and the same with max delta
                x = x + gamma / (1 - gamma) * (delta.max() + delta.min()) / 2
                x[mdp.terminal] = 0
            return x, sweep, loss
    raise RuntimeError(f"{label}: after {max_sweeps} sweeps the loss may still be {loss:g}, more than eps = {eps:g}")


def value_iteration(
    mdp: MDP,
    gamma: float,
    eps: float = 1e-6,
    stop: str = "span",
    *,
    V0: ndarray | None = None,
    max_sweeps: int = 100_000,
    history: list[ndarray] | None = None,
    value_backup: Callable[..., ndarray] = tabular.value_backup,
) -> Plan:
    """Value iteration: V <- max_a (R + gamma P V) until the greedy policy is within eps of optimal.

    Args:
        mdp: the MDP.
        gamma: discount in [0, 1).
        eps: the loss that the returned policy may have, in units of reward.
        stop: "span" or "sup", the norm of the last change that is compared.
        V0: where to start [S]; default 0.
        max_sweeps: RuntimeError past it.
        history: a list to which V before the first and after each sweep is appended.
        value_backup: the equation of one sweep.
    """
    _check(gamma, eps, stop)
    V = np.zeros(mdp.n_states) if V0 is None else V0
    V, sweeps, loss = _sweep(mdp, gamma, eps, stop, V, value_backup, max_sweeps, history, "value iteration")
    Q = mdp.R + gamma * (mdp.rows @ V).reshape(mdp.R.shape)
    return Plan(V, Q, tabular.greedy_policy(Q), sweeps, loss)


def q_iteration(
    mdp: MDP,
    gamma: float,
    eps: float = 1e-6,
    stop: str = "span",
    *,
    Q0: ndarray | None = None,
    max_sweeps: int = 100_000,
    history: list[ndarray] | None = None,
    q_backup: Callable[..., ndarray] = tabular.q_backup,
    greedy_policy: Callable[[ndarray], ndarray] = tabular.greedy_policy,
) -> Plan:
    """Q-iteration: Q <- R + gamma P max_a Q, otherwise as value_iteration."""
    _check(gamma, eps, stop)
    Q = np.zeros(mdp.R.shape) if Q0 is None else Q0
    Q, sweeps, loss = _sweep(mdp, gamma, eps, stop, Q, q_backup, max_sweeps, history, "Q-iteration")
    return Plan(Q.max(axis=1), Q, greedy_policy(Q), sweeps, loss)


def policy_iteration(
    mdp: MDP,
    gamma: float,
    eps: float = 1e-6,
    *,
    pi0: ndarray | None = None,
    max_sweeps: int = 1_000,
    history: list[ndarray] | None = None,
    policy_evaluation: Callable[..., ndarray] = tabular.policy_evaluation,
    greedy_policy: Callable[[ndarray], ndarray] = tabular.greedy_policy,
) -> Plan:
    """Policy iteration: evaluate exactly, act greedily on it, until that changes the value by no more than rounding.

    A sweep is one evaluation. The loss of pi is at most max_s (max_a Q^pi(s, a) - V^pi(s)) / (1 - gamma).

    Args:
        mdp: the MDP.
        gamma: discount in [0, 1).
        eps: the loss that the returned policy may have, in units of reward.
        pi0: where to start [S, A]; default the uniform policy.
        max_sweeps: RuntimeError past it.
        history: a list to which V of each policy is appended.
        policy_evaluation, greedy_policy: the equations of the two halves.
    """
    _check(gamma, eps)
    P = mdp.P if hasattr(policy_evaluation, "body") else mdp.dense
    pi = np.full(mdp.R.shape, 1 / mdp.n_actions) if pi0 is None else pi0
    loss = np.inf
    for sweep in progress(range(1, max_sweeps + 1), "policy iteration"):
        V = bare(policy_evaluation)(P, mdp.R, pi, gamma)
        if history is not None:
            history.append(V)
        Q = mdp.R + gamma * (mdp.rows @ V).reshape(mdp.R.shape)
        loss = (Q.max(axis=1) - V).max() / (1 - gamma)
        if loss <= eps:
            return Plan(V, Q, pi, sweep, loss)
        pi = bare(greedy_policy)(Q)
    raise RuntimeError(f"policy iteration: after {max_sweeps} sweeps the loss may be {loss:g}, more than eps = {eps:g}")
