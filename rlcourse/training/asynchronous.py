"""The training of agents whose workers are processes, one set of weights in shared memory."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from rlcourse.contracts.inputs import Scalar, bad_argument
from rlcourse.training.loop import Learner, Run, evaluate, one_thread
from rlcourse.training.processes import Link, Workers


class Shared:
    """What all workers write to, in shared memory: weights and Adam's moments [P], and counts of each worker [W]."""

    def __init__(self, weights: Tensor, n_workers: int) -> None:
        weights = weights.detach()
        self.weights, self.mean, self.square = (x.share_memory_() for x in (weights.clone(), 0 * weights, 0 * weights))
        counts = (torch.zeros(n_workers, dtype=torch.int64) for _ in range(3))
        self.updates, self.steps, self.behind = (x.share_memory_() for x in counts)


def fill(parameters: Iterable[Tensor], weights: Tensor) -> None:
    """Copy the weights [P], as they are at this moment, into parameters."""
    vector_to_parameters(weights.clone(), parameters)


class AsyncLearner(Learner, Protocol):
    """What is needed of an agent here (agents/a3c.py); its config has n_workers and says the steps of all of them."""

    parameters: list[Tensor]  # filled when the agent is evaluated
    make: Callable[[], Any]  # the agent of one worker
    work: Callable[[int, Link, Callable[[], Any], Any, Shared], None]  # (worker, link, make, config, shared)


@dataclass(frozen=True)
class AsyncRun(Run):
    """What training gave; `steps` are those that were really done when the weights were looked at."""

    seconds: float  # from the moment that all workers were ready
    updates: ndarray  # of each worker [W]
    behind: float  # updates of others, on average, between a worker's copy of the weights and its own update
    died: dict[int, str]  # of the workers that did: why


def train_asynchronously(
    agent: AsyncLearner,
    *,
    evaluations: int = 10,
    episodes: int = 10,
    started: Callable[[list], None] | None = None,
) -> AsyncRun:
    """Train with config.n_workers processes until they have done config.total_steps together.

    With more than one worker the order of updates is up to the machine, and no two runs are the same. A worker that
    dies is named in a warning and in the run's `died`; the others go on. Weights are copied on the way and evaluated
    when all workers have ended: an evaluation takes nobody's time.

    Args:
        agent: who learns; it holds the last weights afterwards.
        evaluations: how often to evaluate the greedy policy, about evenly spread, the last time at the end; 0: never.
        episodes: of an evaluation.
        started: called with the processes once they learn.

    Raises:
        ValueError: where the agent has been trained already.
        RuntimeError: where every worker died.
    """
    config = agent.config
    if agent.steps:
        raise bad_argument("agent", f"one that has done {agent.steps} steps", "a new one: its workers are gone")
    Scalar(0, whole=True).check("evaluations", evaluations, {})
    shared = Shared(parameters_to_vector(agent.parameters).detach(), config.n_workers)
    marks = np.linspace(0, config.total_steps, evaluations + 1)[1:-1]  # the last one comes at the end
    seen, finished = [], []  # (steps, weights); returns of episodes

    with one_thread():
        given = agent.work, agent.make, config, shared
        with Workers(_with_one_thread, config.n_workers, *given, started=started) as workers:
            for said in workers.hear():
                finished += [total for totals in said for total in totals]
                done = int(shared.steps.sum())
                if len(marks) and done >= marks[0]:
                    seen.append((done, shared.weights.clone()))
                    marks = marks[marks > done]
        seen.append((int(shared.steps.sum()), shared.weights))
        returns = []
        for agent.steps, weights in seen:
            fill(agent.parameters, weights)
            if evaluations:
                returns.append(evaluate(agent, episodes=episodes))
    curve, steps = (np.array(returns).T, [done for done, _ in seen]) if returns else (np.zeros((1, 0)), [])
    updates = shared.updates.numpy().copy()
    behind = shared.behind.sum().item() / max(1, updates.sum())
    of_workers = workers.seconds, updates, behind, workers.died
    return AsyncRun(np.array(steps, int), curve, [finished], {}, *of_workers)


def _with_one_thread(worker: int, link: Link, work: Callable[..., None], *given: Any) -> None:
    with one_thread():
        work(worker, link, *given)
