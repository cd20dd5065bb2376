"""The one training loop, and evaluation apart from it.

An agent has n_seeds, act(obs [K, B, ...]) -> actions that explore, greedy(obs) -> its best ones, and observe(Step).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.contracts.inputs import wrong
from rlcourse.training.progress import progress
from rlcourse.worlds.envs import EnvMaker, Envs, Step

EVALUATION_SEED = 1_000_000  # evaluation never sees a training environment's seed


class Agent(Protocol):
    """What the loop needs of an agent."""

    n_seeds: int
    policy: nn.Module  # what greedy acts by; the weights of K seeds stacked

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

    Raises:
        Diverged: where a loss is NaN or infinite. Each seed's best policy so far is then back in the agent.
    """
    if steps < per_seed:
        raise wrong("steps", f"{steps}", f"at least {per_seed}, one step of each environment")
    torch.set_flush_denormal(True)  # where gradients vanish, Adam's means fade into numbers that are 20 times as slow
    envs = Envs(env, agent.n_seeds, per_seed, seed)
    ticks = steps // per_seed
    marks = np.unique(np.linspace(0, ticks, evaluations + 1).astype(int)[1:]) if evaluations else np.array([], int)
    returns, best = [], Best(agent)
    try:
        for tick in progress(range(1, ticks + 1), label):
            agent.observe(envs.step(agent.act(envs.observation)))
            if tick in marks:
                returns.append(evaluate(agent, env, episodes, seed))
                best.keep(returns[-1])
                if after:
                    after(tick * per_seed)
    except FloatingPointError as error:
        stopped = Diverged(f"{error}; {best.restored()}")
        stopped.kept = bool(best.weights)
        raise stopped from error
    finally:
        torch.set_flush_denormal(False)
        envs.close()
    curve = np.array(returns).T if returns else np.zeros((agent.n_seeds, 0))
    return Run(marks * per_seed, curve, envs.finished)


class Diverged(FloatingPointError):
    """A loss became NaN or infinite. `kept` says whether each seed's best policy so far is back in the agent."""

    kept = False


class Best:
    """Each seed's weights when its policy did best, for the day that a loss becomes NaN."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.returns = np.full(agent.n_seeds, -np.inf)
        self.weights: dict[str, Tensor] = {}

    def keep(self, returns: ndarray) -> None:
        """Copy the weights of the seeds that did better than ever before."""
        better = torch.from_numpy(returns > self.returns)
        self.returns = np.maximum(returns, self.returns)
        for name, now in self.agent.policy.state_dict().items():
            if name not in self.weights or len(better) == 1 and better:  # a net of one seed may have no axis of seeds
                self.weights[name] = now.clone()
            elif len(better) > 1:
                self.weights[name][better] = now[better]

    def restored(self) -> str:
        """Put them back into the agent, and say so."""
        if not self.weights:
            return "it had not been evaluated yet, so there is no best policy to keep"
        self.agent.policy.load_state_dict(self.weights)
        return f"the agent holds the best policies before it (return {', '.join(f'{r:.1f}' for r in self.returns)})"


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
