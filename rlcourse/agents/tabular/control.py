"""Tabular control: Q-learning, SARSA, expected SARSA, double Q-learning (lecture 02).

K seeds walk through the MDP in lock-step. Their tables lie under one another, row k * S + s, so that one call of the
equation updates them all; a function that is not the library's own is called once a seed, with that seed's [S, A].
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypedDict, Unpack

import numpy as np
from numpy import ndarray

from rlcourse.contracts.graded import equation, ours
from rlcourse.contracts.inputs import Number, bad_argument, is_sparse
from rlcourse.functional import tabular
from rlcourse.parts.exploration import each_state
from rlcourse.parts.seeds import Seeds
from rlcourse.training.progress import progress
from rlcourse.worlds.mdp import MDP
from rlcourse.worlds.walks import Transition, Walks


class Settings(TypedDict, total=False):
    """What the four algorithms share."""

    alpha: float | Callable[[ndarray], ndarray]  # step size, or a function of how often (s, a) was updated [K]
    epsilon: float  # how often to explore (default 0.1); 1 is a random walk
    temperature: float | None  # Boltzmann exploration in place of epsilon-greedy
    initial_q: float  # first value of every action in a state that has not ended
    max_episode_steps: int | None  # where an episode is truncated
    n_seeds: int  # seeds seed, seed + 1, ... (default 8)
    seed: int
    checkpoints: int  # how many times, evenly spread, `measure` is taken (default 50)
    measure: (
        Callable[[ndarray], float] | None
    )  # of one Q [S, A]; default: exact value of the greedy policy, at the start (NaN for gamma = 1 without an end)
    epsilon_greedy: Callable[[ndarray, float], ndarray]
    boltzmann: Callable[[ndarray, float], ndarray]
    greedy_policy: Callable[[ndarray], ndarray]  # this and the next: for the default of `measure`
    policy_evaluation: Callable[..., ndarray]


@dataclass(frozen=True)
class Learned:
    """What K seeds learned: Q [K, S, A], `measure` at the checkpoints, and the return of each training episode."""

    Q: ndarray
    steps: ndarray  # [C] after how many steps
    curve: ndarray  # [K, C]
    episodes: list[ndarray]  # K arrays [n, 2]: step at which the episode ended, its undiscounted return


Explore = Callable[[ndarray], ndarray]  # action values [K, A] to probabilities [K, A]
Learn = Callable[[ndarray, Transition, ndarray | float, Explore, Walks], tuple[ndarray, ndarray | None]]


def q_learning(
    mdp: MDP,
    gamma: float,
    steps: int,
    *,
    q_learning_update: Callable[..., ndarray] = tabular.q_learning_update,
    **settings: Unpack[Settings],
) -> Learned:
    """Q-learning (Watkins, 1989): off-policy, it learns Q* whatever explores."""

    def learn(Q, step, alpha, explore, walks):
        return _update(q_learning_update, Q, step, (), alpha, gamma), None

    return _control(mdp, gamma, steps, learn, **settings)


def sarsa(
    mdp: MDP,
    gamma: float,
    steps: int,
    *,
    sarsa_update: Callable[..., ndarray] = tabular.sarsa_update,
    **settings: Unpack[Settings],
) -> Learned:
    """SARSA (Rummery and Niranjan, 1994): on-policy, it learns the value of the policy that explores."""

    def learn(Q, step, alpha, explore, walks):
        a_next = walks.choose(explore(Q[np.arange(len(Q)), step.s_next]))
        Q = _update(sarsa_update, Q, step, (a_next,), alpha, gamma)
        over = step.terminated | step.truncated
        if over.any():  # a new episode begins with an action of its own
            a_next = np.where(over, walks.choose(explore(Q[np.arange(len(Q)), walks.state]), again=True), a_next)
        return Q, a_next

    return _control(mdp, gamma, steps, learn, **settings)


def expected_sarsa(mdp: MDP, gamma: float, steps: int, **settings: Unpack[Settings]) -> Learned:
    """Expected SARSA (van Seijen et al., 2009): the target is the mean over the next action, not one draw of it."""

    def learn(Q, step, alpha, explore, walks):
        seeds = np.arange(len(Q))
        next_q = Q[seeds, step.s_next]
        target = step.r + gamma * (1 - step.terminated) * (explore(next_q) * next_q).sum(axis=1)
        Q[seeds, step.s, step.a] += alpha * (target - Q[seeds, step.s, step.a])
        return Q, None

    return _control(mdp, gamma, steps, learn, **settings)


def double_q_learning(mdp: MDP, gamma: float, steps: int, **settings: Unpack[Settings]) -> Learned:
    """Double Q-learning (van Hasselt, 2010): one table picks the next action, the other one values it.

    A coin says which table learns. It explores, and returns, the mean of the two.
    """
    tables: list[ndarray] = []

    def learn(Q, step, alpha, explore, walks):
        if not tables:
            tables.extend((Q.copy(), Q.copy()))
        both, seeds = np.stack([table[np.arange(len(Q)), step.s_next] for table in tables]), np.arange(len(Q))
        coin = (walks.spare_uniform() < 0.5).astype(int)
        best = both[coin, seeds].argmax(axis=1)
        target = step.r + gamma * (1 - step.terminated) * both[1 - coin, seeds, best]
        for which, table in enumerate(tables):
            error = (coin == which) * (target - table[seeds, step.s, step.a])
            table[seeds, step.s, step.a] += alpha * error
        Q[seeds, step.s, step.a] = sum(table[seeds, step.s, step.a] for table in tables) / 2
        return Q, None

    return _control(mdp, gamma, steps, learn, **settings)


def _update(
    function: Callable[..., ndarray],
    Q: ndarray,
    step: Transition,
    a_next: tuple[ndarray, ...],
    alpha: ndarray | float,
    gamma: float,
) -> ndarray:
    """The new tables [K, S, A] after one transition of each seed."""
    K, S, A = Q.shape
    if ours(function):
        first = np.arange(K) * S
        s, s_next = first + step.s, first + step.s_next
        flat = Q.reshape(K * S, A)
        return function.body(flat, s, step.a, step.r, s_next, *a_next, step.terminated, alpha, gamma).reshape(Q.shape)
    columns = (step.s, step.a, step.r, step.s_next, *a_next, step.terminated, alpha + np.zeros(K))
    of_seed = zip(Q, *(column.tolist() for column in columns), strict=True)
    return np.array([np.asarray(equation(function)(*arguments, gamma), float) for arguments in of_seed])


def _value_without_discount(mdp: MDP, pi: ndarray, policy_evaluation: Callable[..., ndarray]) -> float:
    """The exact value of pi at the start for gamma = 1; NaN where pi may go on for ever.

    A loop in a place that pi never comes to is no matter: only the states that it meets from the start are looked at,
    as an MDP with one action.
    """
    P_pi, R_pi = tabular.policy_model(mdp.P, mdp.R, pi)
    P_pi = P_pi.toarray() if is_sparse(P_pi) else P_pi
    met, before = mdp.rho0 > 0, np.zeros(mdp.n_states, bool)
    while (met != before).any():
        before, met = met, met | (P_pi[met] > 0).any(axis=0)
    P, R = P_pi[np.ix_(met, met)][:, None, :], R_pi[met][:, None]
    try:
        tabular.require_an_end(P, R, np.ones_like(R), 1)
    except ValueError:
        return np.nan
    goes_on = ~tabular.ended_states(P, R)  # without the ended states, worth 0, the equations have one solution
    P, R = P[np.ix_(goes_on, [True], goes_on)], R[goes_on]
    return mdp.rho0[met][goes_on] @ equation(policy_evaluation)(P, R, np.ones_like(R), 1)


def _control(
    mdp: MDP,
    gamma: float,
    steps: int,
    learn: Learn,
    *,
    alpha: float | Callable[[ndarray], ndarray] = 0.1,
    epsilon: float = 0.1,
    temperature: float | None = None,
    initial_q: float = 0.0,
    max_episode_steps: int | None = None,
    n_seeds: int = 8,
    seed: int = 0,
    checkpoints: int = 50,
    measure: Callable[[ndarray], float] | None = None,
    epsilon_greedy: Callable[[ndarray, float], ndarray] = tabular.epsilon_greedy,
    boltzmann: Callable[[ndarray, float], ndarray] = tabular.boltzmann,
    greedy_policy: Callable[[ndarray], ndarray] = tabular.greedy_policy,
    policy_evaluation: Callable[..., ndarray] = tabular.policy_evaluation,
) -> Learned:
    """The loop of all four: choose, step, learn."""
    Number(0, 1).check("gamma", gamma, {})
    Number(0, 1).check("epsilon", epsilon, {})
    Number(0, 1, open_ends="low").check("alpha", 1 if callable(alpha) else alpha, {})
    Number().check("initial_q", initial_q, {})
    if temperature is not None:
        Number(0, open_ends="low").check("temperature", temperature, {})
    if steps < 1:
        raise bad_argument("steps", f"{steps}", "at least 1")
    never_called = {
        "epsilon_greedy": temperature is not None and epsilon_greedy is not tabular.epsilon_greedy,
        "boltzmann": temperature is None and boltzmann is not tabular.boltzmann,
        "greedy_policy": measure is not None and greedy_policy is not tabular.greedy_policy,
        "policy_evaluation": measure is not None and policy_evaluation is not tabular.policy_evaluation,
    }
    for name in (name for name, unused in never_called.items() if unused):
        raise bad_argument(name, "a function that these settings never call", "none, or other settings")
    if measure is None:

        def measure(Q):
            pi = np.asarray(greedy_policy(Q))
            if gamma == 1:
                return _value_without_discount(mdp, pi, policy_evaluation)
            P = mdp.P if ours(policy_evaluation) else mdp.dense
            return mdp.rho0 @ policy_evaluation(P, mdp.R, pi, gamma)

    def explore(q: ndarray) -> ndarray:
        return (
            each_state(boltzmann, q, temperature) if temperature is not None else each_state(epsilon_greedy, q, epsilon)
        )

    walks = Walks(mdp, Seeds(seed, n_seeds)("walks"), max_episode_steps)
    seeds = np.arange(n_seeds)
    Q = np.full((n_seeds, mdp.n_states, mdp.n_actions), float(initial_q))
    Q[:, mdp.terminal] = 0
    visits = np.zeros(Q.shape, int) if callable(alpha) else None
    marks = np.unique(np.linspace(0, steps, checkpoints + 1).astype(int)) if checkpoints else np.array([], int)
    curve = np.zeros((n_seeds, len(marks)))
    returns, episodes = np.zeros(n_seeds), [[] for _ in range(n_seeds)]
    a = None
    for t in progress(range(steps + 1), "learning"):
        if len(marks) and t == marks[mark := np.searchsorted(marks, t)]:
            curve[:, mark] = [measure(table) for table in Q]
        if t == steps:
            break
        if a is None:
            a = walks.choose(explore(Q[seeds, walks.state]))
        step = walks.step(a)
        if visits is not None:
            visits[seeds, step.s, step.a] += 1
        rate = alpha(visits[seeds, step.s, step.a]) if visits is not None else alpha
        Q, a = learn(Q, step, rate, explore, walks)
        returns += step.r
        for k in np.flatnonzero(step.terminated | step.truncated):
            episodes[k].append((t + 1, returns[k]))
            returns[k] = 0
    return Learned(Q, marks, curve, [np.array(of_seed).reshape(-1, 2) for of_seed in episodes])
