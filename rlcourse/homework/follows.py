"""What no task asks for, but follows from one that does: value iteration runs with a student's `q_backup` too.

Each function takes `mine` first, which gives the student's functions. They are not how one would write these equations:
the library does, and its versions come with the answers.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

if TYPE_CHECKING:
    from torch import Tensor

Mine = Callable[[str], Callable]


def value_backup(mine: Mine, P: ndarray, R: ndarray, V: ndarray, gamma: float) -> ndarray:
    """Every action of the next state is worth V there."""
    return mine("q_backup")(P, R, np.tile(V[:, None], R.shape[1]), gamma).max(axis=1)


def policy_backup(mine: Mine, P: ndarray, R: ndarray, Q: ndarray, pi: ndarray, gamma: float) -> ndarray:
    """Every action of the next state is worth what the policy's are on average."""
    return mine("q_backup")(P, R, np.tile(np.sum(pi * Q, axis=1)[:, None], R.shape[1]), gamma)


def bellman_residual(mine: Mine, P: ndarray, R: ndarray, Q: ndarray, gamma: float) -> float:
    """How far one backup moves Q."""
    return float(np.linalg.norm((Q - mine("q_backup")(P, R, Q, gamma)).ravel(), np.inf))


def sarsa_update(
    mine: Mine,
    Q: ndarray,
    s: int,
    a: int,
    r: float,
    s_next: int,
    a_next: int,
    terminated: bool,
    alpha: float,
    gamma: float,
) -> ndarray:
    """Q-learning, where the next state is one whose every action is worth Q(s', a')."""
    one_more = np.vstack([Q, np.full(Q.shape[1], Q[s_next, a_next])])
    return mine("q_learning_update")(one_more, s, a, r, len(Q), terminated, alpha, gamma)[:-1]


def epsilon_soft(mine: Mine, q: ndarray, epsilon: float) -> ndarray:
    """Epsilon-greedy that explores so much more often that the best action loses epsilon in all."""
    return mine("epsilon_greedy")(q, epsilon * len(q) / (len(q) - 1))


def kl_penalty_loss(mine: Mine, ratio: "Tensor", advantage: "Tensor", kl: "Tensor", beta: float) -> "Tensor":
    """The surrogate's loss, and what was paid for the divergence."""
    return mine("surrogate_loss")(ratio, advantage) + beta * kl.mean()


def kfac_step_size(mine: Mine, step: "Tensor", fisher_step: "Tensor", max_kl: float, max_step: float) -> "Tensor":
    """How long the natural step along this one is, in its own length: F step is to it what a gradient is."""
    flat, square = step.flatten(), (step * step).sum()
    allowed = (mine("natural_step")(fisher_step.flatten(), flat, max_kl) * flat).sum()
    return (allowed / (square + (square == 0)) + max_step * (square == 0)).clamp(max=max_step)


OF_PS1 = (value_backup, policy_backup, bellman_residual, sarsa_update, epsilon_soft)
FOLLOWS = {f.__name__: f for f in (*OF_PS1, kl_penalty_loss, kfac_step_size)}
