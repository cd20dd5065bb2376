"""The cross-entropy method over a table of action probabilities (lecture 06).

Source: Mannor, Rubinstein and Gat (2003).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.contracts.graded import equation
from rlcourse.contracts.inputs import Scalar, bad_argument
from rlcourse.functional import search
from rlcourse.parts.seeds import Seeds
from rlcourse.worlds.mdp import MDP, Outcomes
from rlcourse.worlds.walks import pick


@dataclass(frozen=True)
class TabularSearch:
    """What a search over a table found: the last policy, those of all generations, and their episodes' returns."""

    pi: ndarray  # [S, A]
    policies: ndarray  # [G + 1, S, A], the first one is uniform
    returns: ndarray  # [G, N]


def tabular_cem(
    mdp: MDP,
    generations: int,
    *,
    gamma: float = 1.0,
    n_episodes: int = 200,
    fraction: float = 0.2,
    smoothing: float = 0.1,
    step_size: float = 0.7,
    max_steps: int = 100,
    per_state: bool = False,
    seed: int = 0,
    elite_mask: Callable[[Tensor, float], Tensor] = search.elite_mask,
) -> TabularSearch:
    r"""The cross-entropy method over episodes: do more often what was done in the best ones.

    .. math:: \pi(a \mid s) \leftarrow (1 - \alpha) \pi(a \mid s)
        + \alpha \frac{n(s, a) + \epsilon}{n(s) + \epsilon |A|}

    n counts the steps of the elite; a state without one stays as it is.

    Args:
        mdp: where to play.
        generations: how many.
        gamma: discount of an episode's return.
        n_episodes: episodes of a generation.
        fraction: of them that are the elite.
        smoothing: epsilon, so that no action dies out.
        step_size: alpha.
        max_steps: after which an episode is cut.
        per_state: choose the elite among the visits of each state, by what came after them, not among whole episodes.
        seed: of everything random.
        elite_mask: the equation, a student's or the library's.

    Raises:
        ValueError: where a number makes no sense.
    """
    for name, value in {"generations": generations, "n_episodes": n_episodes, "max_steps": max_steps}.items():
        Scalar(1, whole=True).check(name, value, {})
    for name, value in {"gamma": gamma, "fraction": fraction, "step_size": step_size}.items():
        Scalar(0, 1).check(name, value, {})
    Scalar(0).check("smoothing", smoothing, {})
    [rng], outcomes, elite_mask = Seeds(seed)("episodes"), Outcomes.of(mdp), equation(elite_mask)
    pi = np.full(mdp.R.shape, 1 / mdp.n_actions)
    policies, returns = [pi], []
    for _ in range(generations):
        s, a, to_go, played = play(mdp, outcomes, pi, n_episodes, gamma, max_steps, rng)
        if per_state:
            best = np.zeros(played.shape, bool)
            for state in np.unique(s[played]):
                here = played & (s == state)
                best[here] = best_of(elite_mask, to_go[here], fraction)
        else:
            best = played & best_of(elite_mask, to_go[0], fraction)
        counts = np.zeros(pi.shape)
        np.add.at(counts, (s[best], a[best]), 1)
        seen = counts.any(axis=1)
        counts[seen] += smoothing
        pi = pi.copy()
        pi[seen] += step_size * (counts[seen] / counts[seen].sum(axis=1, keepdims=True) - pi[seen])
        policies.append(pi)
        returns.append(to_go[0])
    return TabularSearch(pi, np.array(policies), np.array(returns))


def best_of(elite_mask: Callable[[Tensor, float], Tensor], scores: ndarray, fraction: float) -> ndarray:
    """elite_mask of NumPy arrays, and whether what comes back can be used."""
    mask = np.asarray(elite_mask(torch.from_numpy(scores), fraction))
    if mask.shape != scores.shape or mask.dtype != bool:
        raise bad_argument("elite_mask", f"{mask.dtype} {mask.shape} back from it", f"True or False {scores.shape}")
    return mask


def play(
    mdp: MDP, outcomes: Outcomes, pi: ndarray, n: int, gamma: float, max_steps: int, rng: np.random.Generator
) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """n episodes in lock-step: states, actions, returns from there on, and whether a step was played; [T, n] each."""
    s = rng.choice(mdp.n_states, size=n, p=mdp.rho0)
    states, actions, rewards = [], [], []
    while len(states) < max_steps and not mdp.terminal[s].all():
        a = pick(pi[s].cumsum(axis=1), rng.random(n) * pi[s].sum(axis=1))
        pair = s * mdp.n_actions + a
        column = pick(outcomes.cumulative[pair], rng.random(n))
        states.append(s), actions.append(a), rewards.append(outcomes.reward[pair, column])
        s = outcomes.successor[pair, column]
    s, to_go = np.array(states), np.array(rewards)
    for t in range(len(to_go) - 2, -1, -1):
        to_go[t] += gamma * to_go[t + 1]
    return s, np.array(actions), to_go, ~mdp.terminal[s]
