"""The one training loop, and evaluation apart from it.

An agent has n_seeds, act(obs [K, B, ...]) -> actions that explore, greedy(obs) -> its best ones, and observe(Step).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy import ndarray

from rlcourse.data import Step
from rlcourse.envs import EnvMaker, Envs
from rlcourse.inputs import wrong
from rlcourse.progress import progress

EVALUATION_SEED = 1_000_000  # evaluation never sees a training environment's seed


class Agent(Protocol):
    """What the loop needs of an agent."""

    n_seeds: int

    def act(self, obs: ndarray) -> ndarray: ...

    def observe(self, step: Step) -> None: ...

    def greedy(self, obs: ndarray) -> ndarray: ...


@dataclass(frozen=True)
class Run:
    """What training gave: evaluation returns [K, C] after `steps` [C], and the returns of training episodes."""

    steps: ndarray
    returns: ndarray
    finished: list[list[float]]


def train(
    agent: Agent,
    env: EnvMaker,
    steps: int,
    *,
    per_seed: int = 1,
    seed: int = 0,
    evaluations: int = 10,
    episodes: int = 10,
    after: Callable[[int], Any] | None = None,
    label: str = "training",
) -> Run:
    """Train for so many steps of each seed, evaluating the greedy policy on the way and at the end.

    Args:
        agent: who learns.
        env: a Gymnasium id, or a function that makes one environment.
        steps: environment steps of each seed.
        per_seed: environments of each seed, side by side.
        seed: seeds seed, seed + 1, ...
        evaluations: how often to evaluate, evenly spread, the last time at the end; 0: never.
        episodes: episodes of an evaluation, for each seed.
        after: called with the number of steps after each evaluation.
        label: of the progress bar.
    """
    if steps < per_seed:
        raise wrong("steps", f"{steps}", f"at least {per_seed}, one step of each environment")
    torch.set_flush_denormal(True)  # where gradients vanish, Adam's means fade into numbers that are 20 times as slow
    envs = Envs(env, agent.n_seeds, per_seed, seed)
    ticks = steps // per_seed
    marks = np.unique(np.linspace(0, ticks, evaluations + 1).astype(int)[1:]) if evaluations else np.array([], int)
    returns = []
    try:
        for tick in progress(range(1, ticks + 1), label):
            agent.observe(envs.step(agent.act(envs.observation)))
            if tick in marks:
                returns.append(evaluate(agent, env, episodes, seed))
                if after:
                    after(tick * per_seed)
    finally:
        torch.set_flush_denormal(False)
        envs.close()
    curve = np.array(returns).T if returns else np.zeros((agent.n_seeds, 0))
    return Run(marks * per_seed, curve, envs.finished)


def evaluate(agent: Agent, env: EnvMaker, episodes: int = 10, seed: int = 0, max_steps: int = 100_000) -> ndarray:
    """The mean return [K] of the greedy policy over whole episodes, in environments of its own."""
    if episodes < 1:
        raise wrong("episodes", f"{episodes}", "at least 1")
    envs = Envs(env, agent.n_seeds, episodes, EVALUATION_SEED + seed)
    total, running = np.zeros(envs.shape), np.ones(envs.shape, bool)
    for _ in range(max_steps):
        step = envs.step(agent.greedy(envs.observation))
        total += step.reward * running
        running &= ~(step.terminated | step.truncated)
        if not running.any():
            break
    envs.close()
    return total.mean(axis=1)
