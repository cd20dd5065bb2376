"""Prediction: the value of a policy from episodes alone, by Monte Carlo and by TD(0) (lecture 02)."""

from dataclasses import dataclass

import numpy as np
from numpy import ndarray

from rlcourse.contracts.inputs import Array, Number, bad_argument
from rlcourse.parts.seeds import Seeds
from rlcourse.training.progress import progress
from rlcourse.worlds.mdp import MDP
from rlcourse.worlds.walks import Walks


@dataclass(frozen=True)
class Episode:
    """One episode: states [T+1] (the last one is where it ended), rewards [T], and whether it really terminated."""

    states: ndarray
    rewards: ndarray
    terminated: bool


def sample_episodes(
    mdp: MDP, pi: ndarray, n_episodes: int, n_seeds: int = 8, seed: int = 0, max_episode_steps: int | None = None
) -> list[list[Episode]]:
    """n_episodes of each seed under the policy pi [S, A]; an episode cut at max_episode_steps has not terminated."""
    pi = Array("S A", distribution=True).check("pi", pi, {"S": mdp.n_states, "A": mdp.n_actions})
    if n_episodes < 1:
        raise bad_argument("n_episodes", f"{n_episodes}", "at least 1")
    if max_episode_steps is None and not mdp.terminal.any():
        raise bad_argument("max_episode_steps", "None", "a limit, since no state of this MDP ends the episode")
    walks = Walks(mdp, Seeds(seed, n_seeds)("walks"), max_episode_steps)
    episodes: list[list[Episode]] = [[] for _ in range(n_seeds)]
    states: list[list[int]] = [[int(s)] for s in walks.state]
    rewards: list[list[float]] = [[] for _ in range(n_seeds)]
    while min(map(len, episodes)) < n_episodes:
        step = walks.step(walks.choose(pi[walks.state]))
        for k in range(n_seeds):
            states[k].append(int(step.s_next[k]))
            rewards[k].append(float(step.r[k]))
            if step.terminated[k] or step.truncated[k]:
                episodes[k].append(Episode(np.array(states[k]), np.array(rewards[k]), bool(step.terminated[k])))
                states[k], rewards[k] = [int(walks.state[k])], []
    return [of_seed[:n_episodes] for of_seed in episodes]


def monte_carlo_prediction(
    mdp: MDP,
    pi: ndarray,
    gamma: float,
    n_episodes: int,
    *,
    alpha: float | None = None,
    V0: float = 0.0,
    n_seeds: int = 8,
    seed: int = 0,
    max_episode_steps: int | None = None,
) -> ndarray:
    """Every-visit Monte Carlo: V(s) moves towards the return G that followed each visit of s.

    An episode that was truncated has no return; it is left out.

    Args:
        mdp: sampled, never looked into.
        pi: the policy to value [S, A].
        gamma: discount in [0, 1].
        n_episodes: episodes of each seed.
        alpha: step size in (0, 1]; None: 1 / number of visits, which makes V the average return.
        V0: first value of every state that has not ended.
        n_seeds, seed: seeds seed, seed + 1, ...
        max_episode_steps: where episodes are cut.

    Returns:
        V [K, n_episodes + 1, S], before the first and after each episode.
    """
    history = _start(mdp, gamma, alpha, n_episodes, V0, n_seeds)
    sampled = sample_episodes(mdp, pi, n_episodes, n_seeds, seed, max_episode_steps)
    for k, episodes in enumerate(progress(sampled, "Monte Carlo")):
        V, visits = history[k, 0].copy(), np.zeros(mdp.n_states)
        for n, episode in enumerate(episodes):
            G = 0.0
            for s, r in zip(episode.states[-2::-1], episode.rewards[::-1], strict=True):
                G = r + gamma * G
                if episode.terminated:
                    visits[s] += 1
                    V[s] += (alpha or 1 / visits[s]) * (G - V[s])
            history[k, n + 1] = V
    return history


def td0_prediction(
    mdp: MDP,
    pi: ndarray,
    gamma: float,
    n_episodes: int,
    *,
    alpha: float = 0.1,
    V0: float = 0.0,
    n_seeds: int = 8,
    seed: int = 0,
    max_episode_steps: int | None = None,
) -> ndarray:
    """TD(0): V(s) moves towards r + gamma V(s') after every step; arguments and result as monte_carlo_prediction.

    On the same seed both see the same episodes.
    """
    history = _start(mdp, gamma, alpha, n_episodes, V0, n_seeds)
    sampled = sample_episodes(mdp, pi, n_episodes, n_seeds, seed, max_episode_steps)
    for k, episodes in enumerate(progress(sampled, "TD(0)")):
        V = history[k, 0].copy()
        for n, episode in enumerate(episodes):
            last = len(episode.rewards) - 1
            for t, r in enumerate(episode.rewards):
                s, s_next = episode.states[t], episode.states[t + 1]
                ended = episode.terminated and t == last
                V[s] += alpha * (r + gamma * (1 - ended) * V[s_next] - V[s])
            history[k, n + 1] = V
    return history


def _start(mdp: MDP, gamma: float, alpha: float | None, n_episodes: int, V0: float, n_seeds: int) -> ndarray:
    for name, value in {"n_episodes": n_episodes, "n_seeds": n_seeds}.items():
        Number(1).check(name, value, {})
    Number().check("V0", V0, {})
    Number(0, 1).check("gamma", gamma, {})
    Number(0, 1, open_ends="low").check("alpha", 1 if alpha is None else alpha, {})
    history = np.zeros((n_seeds, n_episodes + 1, mdp.n_states))
    history[:, 0, ~mdp.terminal] = V0
    return history
