"""Planning with a known MDP: value iteration, Q-iteration, policy iteration, and one in between (lecture 01).

Each returns a policy whose loss is guaranteed: max over states of V*(s) - V^pi(s) is at most eps. With delta the change
of the last sweep, the policy that is greedy with respect to it loses at most

    gamma / (1 - gamma) * (max delta - min delta)                    (Puterman, 1994, theorem 6.6.6)

so one may stop by the span of delta, or, as max - min <= 2 max |delta|, by its sup norm: safe too, often much later.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from rlcourse.contracts.graded import equation, ours
from rlcourse.contracts.inputs import Array, Number, bad_argument
from rlcourse.functional import tabular
from rlcourse.training.progress import progress
from rlcourse.worlds.mdp import MDP


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
        raise bad_argument("stop", f"{stop!r}", "'span' or 'sup'")


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
) -> tuple[ndarray, float, int, float]:
    """Apply a backup to x (V or Q) until the stop rule holds.

    Returns the last x, how far the middle of the bounds on V* lies from it, the sweeps, and the bound on the loss.
    """
    P = mdp.rows if ours(backup) else mdp.dense  # ours takes the flat, maybe sparse P; anyone's, [S, A, S]
    backup = equation(backup)
    if history is not None:
        history.append(x)
    loss = np.inf
    for sweep in progress(range(1, max_sweeps + 1), label):
        new = np.asarray(backup(P, mdp.R, x.copy(), gamma), float)  # a copy: a student's sweep may work in place
        if new.shape != x.shape or not np.isfinite(new).all():
            came = "NaN or infinity" if new.shape == x.shape else f"shape {new.shape}"
            name = "value_backup" if x.ndim == 1 else "q_backup"
            raise bad_argument(name, f"{came} back from it", f"finite numbers of shape {x.shape}")
        delta, x = new - x, new
        if history is not None:
            history.append(x)
        width = np.ptp(delta) if stop == "span" else 2 * np.abs(delta).max()
        loss = float(gamma / (1 - gamma) * width)
        if loss <= eps:
            # V* lies between x + gamma / (1 - gamma) * min delta and the same with max delta
            middle = gamma / (1 - gamma) * (delta.max() + delta.min()) / 2 if stop == "span" else 0.0
            return x, float(middle), sweep, loss
    raise RuntimeError(f"{label}: after {max_sweeps} sweeps the loss may still be {loss:g}, more than eps = {eps:g}")


def _shifted(mdp: MDP, x: ndarray, shift: float) -> ndarray:
    """x + shift, but 0 where the episode has ended: that value is known."""
    return np.where(mdp.terminal.reshape(-1, *[1] * (x.ndim - 1)), 0.0, x + shift)


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
    greedy_policy: Callable[[ndarray], ndarray] = tabular.greedy_policy,
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
        value_backup, greedy_policy: the equation of one sweep, and of the policy at the end.
    """
    _check(gamma, eps, stop)
    V = np.zeros(mdp.n_states) if V0 is None else Array("S", finite=True).check("V0", V0, {"S": mdp.n_states})
    V, middle, sweeps, loss = _sweep(mdp, gamma, eps, stop, V, value_backup, max_sweeps, history, "value iteration")
    # The guarantee is for the policy that is greedy on the last sweep's V: shifting V, not of the ended states, first
    # would change which action looks best. Q is one sweep further, so its middle is nearer by gamma.
    Q = mdp.R + gamma * (mdp.rows @ V).reshape(mdp.R.shape)
    pi = np.asarray(greedy_policy(Q), float)
    return Plan(_shifted(mdp, V, middle), _shifted(mdp, Q, gamma * middle), pi, sweeps, loss)


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
    sizes = {"S": mdp.n_states, "A": mdp.n_actions}
    Q = np.zeros(mdp.R.shape) if Q0 is None else Array("S A", finite=True).check("Q0", Q0, sizes)
    Q, middle, sweeps, loss = _sweep(mdp, gamma, eps, stop, Q, q_backup, max_sweeps, history, "Q-iteration")
    pi = np.asarray(greedy_policy(Q), float)
    Q = _shifted(mdp, Q, middle)
    return Plan(Q.max(axis=1), Q, pi, sweeps, loss)


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
    P = mdp.P if ours(policy_evaluation) else mdp.dense
    sizes = {"S": mdp.n_states, "A": mdp.n_actions}
    uniform = np.full(mdp.R.shape, 1 / mdp.n_actions)
    pi = uniform if pi0 is None else Array("S A", distribution=True).check("pi0", pi0, sizes)
    loss = np.inf
    for sweep in progress(range(1, max_sweeps + 1), "policy iteration"):
        V = np.asarray(equation(policy_evaluation)(P, mdp.R, pi, gamma), float)
        if history is not None:
            history.append(V)
        Q = mdp.R + gamma * (mdp.rows @ V).reshape(mdp.R.shape)
        loss = float((Q.max(axis=1) - V).max() / (1 - gamma))
        if loss <= eps:
            return Plan(V, Q, pi, sweep, loss)
        pi = np.asarray(equation(greedy_policy)(Q), float)
    raise RuntimeError(f"policy iteration: after {max_sweeps} sweeps the loss may be {loss:g}, more than eps = {eps:g}")


def modified_policy_iteration(
    mdp: MDP, gamma: float, eps: float = 1e-6, *, evaluations: int = 5, max_sweeps: int = 100_000
) -> Plan:
    """Between value and policy iteration: after each full sweep, some sweeps of the greedy policy alone.

    A sweep of one policy reads a row of P a state, a full one a row an action, so it costs 1 / |A| as much; full sweeps
    are few. It starts from the value with one step to go, which takes no sweep, and stops by the span, as above.

    Source: Puterman and Shin (1978); Puterman (1994), section 6.5.

    Args:
        mdp: the MDP.
        gamma: discount in [0, 1).
        eps: the loss that the returned policy may have, in units of reward.
        evaluations: sweeps of the greedy policy after each full one; 0 is value iteration.
        max_sweeps: RuntimeError past it.
    """
    _check(gamma, eps)
    Number(0).check("evaluations", evaluations, {})
    V, states = mdp.R.max(axis=1), np.arange(mdp.n_states)
    loss = np.inf
    for sweep in progress(range(1, max_sweeps + 1), "modified policy iteration"):
        Q = mdp.R + gamma * (mdp.rows @ V).reshape(mdp.R.shape)
        new = Q.max(axis=1)
        delta, V = new - V, new
        loss = float(gamma / (1 - gamma) * np.ptp(delta))
        if loss <= eps:
            middle = float(gamma / (1 - gamma) * (delta.max() + delta.min()) / 2)
            pi = tabular.greedy_policy(Q)
            return Plan(_shifted(mdp, V, middle), _shifted(mdp, Q, middle), pi, sweep, loss)
        best = Q.argmax(axis=1)
        P_pi, R_pi = mdp.rows[states * mdp.n_actions + best], mdp.R[states, best]
        for _ in range(evaluations):
            V = R_pi + gamma * P_pi @ V
    raise RuntimeError(
        f"modified policy iteration: after {max_sweeps} sweeps the loss may be {loss:g}, more than eps = {eps:g}"
    )
