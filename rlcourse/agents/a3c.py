"""Asynchronous advantage actor-critic: workers in processes of their own, one set of parameters, no locks (lecture 09).

Source: Mnih et al. (2016); updates without locks: Recht et al. (2011), "Hogwild". A worker is an actor-critic (a2c.py)
with an environment of its own, whose optimiser steps the shared parameters and copies them back. One seed a run.
"""

import os
import pickle
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any

import numpy as np
import torch
import torch.multiprocessing
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from rlcourse.agents import a2c
from rlcourse.agents.recurrent_a2c import RecurrentA2C
from rlcourse.contracts.inputs import Number, bad_argument
from rlcourse.training.loop import Run, evaluate
from rlcourse.worlds.envs import EnvMaker, Envs

APART = 1_000  # worker w of seed s explores, and seeds its environments, as seed s + 1000 w would
GRACE = 10.0  # seconds that the last workers have once the first one is through


@dataclass(frozen=True)
class Config(a2c.Config):
    """A2C's, with rewards summed to the end of the rollout, one environment a worker, and:"""

    lam: float = 1.0
    n_envs: int = 1  # environments of each worker
    n_workers: int = 2
    memory: int = 0  # width of a GRU (recurrent_a2c.py); 0: none


@dataclass(frozen=True)
class AsyncRun(Run):
    """What training gave; `steps` are those that were really done when the parameters were looked at."""

    agent: a2c.A2C  # holds the final parameters: evaluate(run.agent, env)
    seconds: float  # from the moment that all workers were there
    updates: np.ndarray  # of each worker [W]
    behind: float  # updates of others, on average, between a worker's copy of the parameters and its own update
    died: dict[int, str]  # of the workers that did: why


class Shared:
    """What all workers write to, in shared memory: parameters, Adam's moments [n], and counters, one a worker [W]."""

    def __init__(self, parameters: Tensor, n_workers: int) -> None:
        self.theta = parameters.detach().clone().share_memory_()
        self.mean, self.square = (torch.zeros_like(self.theta).share_memory_() for _ in range(2))
        counters = (torch.zeros(n_workers, dtype=torch.int64).share_memory_() for _ in range(3))
        self.updates, self.steps, self.behind = counters
        self.go = torch.zeros(1, dtype=torch.bool).share_memory_()


@dataclass
class HogwildAdam:
    """Adam on the shared parameters, by one worker's gradients; used as its agent's optimiser.

    Nobody waits for anybody: while one worker is between two of these lines, another one may be there as well. An
    update may be lost or half-seen now and then; as steps are small, that is noise like other noise.
    """

    shared: Shared
    agent: a2c.A2C
    worker: int
    config: Config
    param_groups: tuple = ()  # a2c.py would set learning rates here; this one sets its own
    copied_at: int = 0  # updates that there had been when the worker last copied the parameters

    def zero_grad(self) -> None:
        self.agent.both.zero_grad()

    @torch.no_grad()
    def step(self) -> None:
        shared, config = self.shared, self.config
        gradient = parameters_to_vector([p.grad for p in self.agent.both.parameters()])
        shared.steps[self.worker] = self.agent.steps
        shared.behind[self.worker] += shared.updates.sum() - self.copied_at
        shared.updates[self.worker] += 1
        count = shared.updates.sum().item()
        rate = config.learning_rate
        if config.anneal:
            rate *= max(0.0, 1 - shared.steps.sum().item() / config.total_steps)
        shared.mean.lerp_(gradient, 0.1)
        shared.square.lerp_(gradient**2, 0.001)
        mean, square = shared.mean / (1 - 0.9**count), shared.square / (1 - 0.999**count)
        shared.theta.sub_(rate * mean / (square.sqrt() + 1e-5))
        self.copied_at = shared.updates.sum().item()
        copy_parameters(shared.theta, self.agent.both)  # with what the others did meanwhile


def copy_parameters(theta: Tensor, network: nn.Module) -> None:
    """Fill a network from the shared vector."""
    vector_to_parameters(theta.clone(), network.parameters())


def learner(env: Any, config: Config, seed: int, equations: dict[str, Callable]) -> a2c.A2C:
    """An actor-critic, with a memory where the config asks for one."""
    kind = RecurrentA2C if config.memory else a2c.A2C
    return kind(env, 1, seed, config, **equations)


def work(
    worker: int, env: EnvMaker, config: Config, seed: int, shared: Shared, link: Connection, equations: dict
) -> None:
    """A worker's life: play n_steps with its own copy, step the shared parameters, copy them, again."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the first one sees to the end
    torch.set_num_threads(1)
    parent = os.getppid()
    try:
        seed += APART * worker
        envs = Envs(env, 1, config.n_envs, seed)
        agent = learner(envs, replace(config, anneal=False), seed, equations)
        agent.optimizer = HogwildAdam(shared, agent, worker, config)
        copy_parameters(shared.theta, agent.both)
        link.send(("ready", None))
        while not shared.go and os.getppid() == parent:
            time.sleep(0.001)
        while shared.steps.sum() < config.total_steps and os.getppid() == parent:
            for _ in range(config.n_steps):  # it learns at the last one
                agent.observe(envs.step(agent.act(envs.observation)))
            if envs.finished[0]:
                link.send(("finished", envs.finished[0].copy()))
                envs.finished[0].clear()
    except Exception as error:
        link.send(("died", f"{error!r} ({traceback.extract_tb(error.__traceback__)[-1]})"))
        sys.exit(1)


def train(
    env: EnvMaker,
    config: Config | None = None,
    seed: int = 0,
    *,
    evaluations: int = 10,
    episodes: int = 10,
    started: Callable[[list], None] | None = None,
    **equations: Callable,
) -> AsyncRun:
    """Train with config.n_workers processes until they have done config.total_steps together.

    A worker that dies is named in a warning and in the run's `died`; the others go on.

    Args:
        env: a Gymnasium id, or a function in a module that makes one environment (a worker imports it).
        config: see Config.
        seed: of the initial weights; worker w explores with seed + 1000 w. With more than one worker the order of
            updates is up to the machine, and no two runs are the same.
        evaluations: how often to evaluate the greedy policy, about evenly spread, the last time at the end; 0: never.
        episodes: of an evaluation.
        started: called with the processes once they learn.
        equations: gae, entropy, a2c_loss, as A2C; functions in a module.

    Raises:
        ValueError: where a number makes no sense, or a worker could not import what it is given.
        RuntimeError: where every worker died.
    """
    config = config or Config()
    Number(1).check("n_workers", config.n_workers, {})
    for name, given in {"env": env, **equations}.items():
        check_travels(name, given)
    look = Envs(env, 1, 1, seed)
    agent = learner(look, config, seed, equations)
    look.close()
    shared = Shared(parameters_to_vector(agent.both.parameters()), config.n_workers)
    marks = np.linspace(0, config.total_steps, evaluations + 1)[1:-1].tolist()  # the last one comes at the end
    steps, returns, finished, died, began = [], [], [], {}, None

    def look_at(now: int) -> None:
        copy_parameters(shared.theta, agent.both)
        steps.append(now)
        returns.append(evaluate(agent, env, episodes, seed)[0])

    context = torch.multiprocessing.get_context("spawn")
    processes, links = [], {}
    try:
        for worker in range(config.n_workers):
            ours, theirs = context.Pipe()
            arguments = (worker, env, config, seed, shared, theirs, equations)
            process = context.Process(target=work, args=arguments, daemon=True)
            process.start()
            processes.append(process)
            theirs.close()  # so that ours ends when the worker does
            links[ours] = worker
        ready, deadline = set(), None
        while links:
            for link in wait(list(links), timeout=0.02):
                worker = links[link]
                try:
                    kind, content = link.recv()
                except (EOFError, OSError):  # the worker has ended
                    processes[worker].join()
                    code = processes[worker].exitcode
                    if code == 0:
                        deadline = deadline or time.monotonic() + GRACE
                    else:
                        died.setdefault(worker, f"killed by signal {-code}" if code < 0 else f"exit code {code}")
                        warnings.warn(f"worker {worker} died: {died[worker]}", RuntimeWarning, stacklevel=2)
                    del links[link]
                    ready.add(worker)
                    continue
                if kind == "ready":
                    ready.add(worker)
                elif kind == "finished":
                    finished += content
                else:
                    died[worker] = content
            if began is None and len(ready) == config.n_workers and links:
                began = time.perf_counter()
                shared.go.fill_(True)
                if started:
                    started(processes)
            if marks and (now := shared.steps.sum().item()) >= marks[0]:
                marks = [mark for mark in marks if mark > now]
                look_at(now)
            if deadline and time.monotonic() > deadline:
                for link, worker in list(links.items()):
                    died[worker] = f"still busy {GRACE:g} seconds after the others had ended"
                    warnings.warn(f"worker {worker}: {died[worker]}", RuntimeWarning, stacklevel=2)
                    del links[link]
        seconds = time.perf_counter() - (began or time.perf_counter())
    finally:
        for process in processes:
            process.kill()
            process.join()
    if len(died) == config.n_workers:
        raise RuntimeError("every worker died: " + "; ".join(f"worker {w}: {why}" for w, why in sorted(died.items())))
    if evaluations:
        look_at(shared.steps.sum().item())
    copy_parameters(shared.theta, agent.both)
    agent.steps = shared.steps.sum().item()
    curve = np.array(returns)[None] if returns else np.zeros((1, 0))
    updates = shared.updates.numpy().copy()
    behind = shared.behind.sum().item() / max(1, updates.sum())
    return AsyncRun(np.array(steps, int), curve, [finished], agent, seconds, updates, behind, died)


def check_travels(name: str, given: Any) -> None:
    """A worker is a fresh process: it gets a function by its name, and must find it in a module."""
    typed_in = getattr(given, "__module__", "") == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
    try:
        pickle.dumps(given)
    except (pickle.PicklingError, AttributeError, TypeError):
        typed_in = True
    if typed_in:
        raise bad_argument(
            name, f"{given!r}", "a function in a file that workers can import, not a lambda or a notebook's own"
        )
