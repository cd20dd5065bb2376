"""The one training loop, and evaluation apart from it. What runs, where and how long, is read from the agent."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.contracts.inputs import Scalar, bad_argument
from rlcourse.parts.seeds import Seeds
from rlcourse.training.progress import progress
from rlcourse.worlds.envs import EnvMaker, Envs, Step


class Learner(Protocol):
    """What the loop needs of an agent (parts/agent.py)."""

    env: EnvMaker
    config: Any  # total_steps and n_envs
    seeds: Seeds
    steps: int
    greedy_network: nn.Module  # what greedy acts by; the weights of K seeds stacked

    def begin(self) -> None: ...

    def act(self, obs: ndarray) -> ndarray | Tensor: ...

    def observe(self, step: Step) -> None: ...

    def greedy(self, obs: ndarray) -> ndarray | Tensor: ...


@dataclass(frozen=True)
class Run:
    """What training gave: evaluation returns [K, C] after `steps` [C], and the returns of training episodes."""

    steps: ndarray
    returns: ndarray
    finished: list[list[float]]  # of each seed
    diverged: dict[int, int]  # which seeds, counted from 0, and after how many steps; they are frozen from there on


class Diverged(FloatingPointError):
    """A gradient became NaN or infinite. `kept` says whether each seed's best policy so far is back in the agent."""

    kept = False


def train(
    agent: Learner,
    env: EnvMaker | None = None,
    *,
    steps: int | None = None,
    evaluations: int = 10,
    episodes: int = 10,
    after: Callable[[int], Any] | None = None,
    strict: bool = True,
    label: str = "training",
) -> Run:
    """Train, evaluating the greedy policy on the way and at the end.

    Called once more it goes on, in fresh environments: what was half done, an episode or a rollout, is dropped.

    Args:
        agent: who learns; its config says for how many steps and in how many environments a seed.
        env: in place of the agent's own, such as the same world with noise.
        steps: environment steps of each seed; None: all that are left of the config's total_steps.
        evaluations: how often to evaluate, evenly spread, the last time at the end; 0: never.
        episodes: episodes of an evaluation, for each seed.
        after: called with the number of steps after each evaluation, or at the end where there is none.
        strict: raise where a seed diverges. Otherwise it is frozen there, and its neighbours go on.
        label: of the progress bar.

    Raises:
        ValueError: where steps are more than are left, or no step of each environment.
        Diverged: where a gradient is NaN or infinite. Each seed's best policy so far is then back in the agent.
    """
    n_envs = agent.config.n_envs
    ticks = _ticks(agent, steps)
    evaluations = Scalar(0, whole=True).check("evaluations", evaluations, {})
    marks = np.ceil(np.linspace(0, ticks, min(evaluations, ticks) + 1)[1:]).astype(int)
    due = set((marks if evaluations else np.array([ticks])).tolist())
    first, returns, best = agent.steps, [], Best(agent)
    envs = Envs(agent.env if env is None else env, agent.seeds.numbers(f"environments {first}", n_envs))
    agent.begin()
    try:
        with one_thread():
            for tick in progress(range(1, ticks + 1), label, n_envs, " steps"):
                step = envs.step(agent.act(envs.observation))
                agent.steps += n_envs
                agent.observe(step)
                if strict and agent.seeds.diverged:
                    raise best.diverged()
                if tick in due:
                    if evaluations:
                        returns.append(evaluate(agent, env, episodes))
                        best.keep(returns[-1])
                    if after:
                        after(agent.steps)
    finally:
        envs.close()
    K = len(agent.seeds)
    finished: list[list[float]] = [[] for _ in range(K)]
    for i, total in envs.finished:
        finished[i // n_envs].append(total)
    curve = np.array(returns).T if returns else np.zeros((K, 0))
    return Run(first + marks * n_envs if evaluations else np.zeros(0, int), curve, finished, dict(agent.seeds.diverged))


def _ticks(agent: Learner, steps: int | None) -> int:
    """How many steps each environment takes."""
    config, left = agent.config, agent.config.total_steps - agent.steps
    if steps is not None:
        steps = Scalar(1, whole=True).check("steps", steps, {})
    if (steps or 1) > left:
        came = f"{steps or 'none'} with {agent.steps} done"
        raise bad_argument("steps", came, f"at most {max(left, 0)}: the config's total_steps is {config.total_steps}")
    if (steps or left) < config.n_envs:
        raise bad_argument("steps", f"{steps or left}", f"at least {config.n_envs}, one step of each environment")
    return (steps or left) // config.n_envs


@contextmanager
def one_thread() -> Iterator[None]:
    """PyTorch at one thread, for the nets are small and two get in each other's way; and denormal numbers as 0.

    Where gradients vanish, Adam's means fade into denormals, which are 20 times as slow. Both are set back afterwards.
    """
    threads, flushes = torch.get_num_threads(), (torch.tensor(1e-40) * 1).item() == 0
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(flushes)
        torch.set_num_threads(threads)


class Best:
    """Each seed's weights when its policy did best, for the day that a gradient becomes NaN."""

    def __init__(self, agent: Learner) -> None:
        self.agent = agent
        self.returns = np.full(len(agent.seeds), -math.inf)
        self.weights: dict[str, Tensor] = {}

    def keep(self, returns: ndarray) -> None:
        """Copy the weights of the seeds that did better than ever before."""
        better = torch.from_numpy(returns > self.returns)
        self.returns = np.maximum(returns, self.returns)
        for name, now in self.agent.greedy_network.state_dict().items():
            if name not in self.weights:
                self.weights[name] = now.clone()
            else:
                self.weights[name][better] = now[better]

    def diverged(self) -> Diverged:
        """The error that says who has diverged and when; the best policies are then back in the agent."""
        seeds = self.agent.seeds
        who = ", ".join(str(seeds.first + k) for k in seeds.diverged)
        message = f"the gradient of seed {who} is NaN or infinite at step {max(seeds.diverged.values())}: look at the "
        message += "rewards, the learning rate, and whether targets are masked where an episode terminated; "
        if self.weights:
            self.agent.greedy_network.load_state_dict(self.weights)
            kept = ", ".join(f"{value:.1f}" for value in self.returns)
            message += f"the agent holds the best policies before it (return {kept})"
        else:
            message += "it had not been evaluated yet, so there is no best policy to keep"
        seeds.diverged.clear()  # called once more, training goes on from there
        error = Diverged(message)
        error.kept = bool(self.weights)
        return error


def evaluate(agent: Learner, env: EnvMaker | None = None, episodes: int = 10, max_steps: int = 100_000) -> ndarray:
    """The mean return [K] of the greedy policy over whole episodes, in environments of its own.

    Raises:
        ValueError: where an episode has not ended after max_steps.
    """
    episodes = Scalar(1, whole=True).check("episodes", episodes, {})
    envs = Envs(agent.env if env is None else env, agent.seeds.numbers("evaluation", episodes))
    total, running = np.zeros(len(envs.observation)), np.ones(len(envs.observation), bool)
    for _ in range(max_steps):
        step = envs.step(agent.greedy(envs.observation))
        total += step.reward * running
        running &= ~(step.terminated | step.truncated)
        if not running.any():
            break
    envs.close()
    if running.any():
        came = f"an episode that has not ended after {max_steps} steps"
        raise bad_argument("env", came, "one with a time limit (gymnasium.wrappers.TimeLimit)")
    return total.reshape(len(agent.seeds), -1).mean(axis=1)
