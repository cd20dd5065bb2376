"""Asynchronous advantage actor-critic: workers in processes of their own, one set of weights, no locks (lecture 09).

Source: Mnih et al. (2016); updates without locks: Recht et al. (2011), "Hogwild". A worker is an A2C (a2c.py, or
recurrent_a2c.py) in environments of its own, whose Adam steps the shared weights and copies them back. One seed a run.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.agents import a2c, recurrent_a2c
from rlcourse.contracts.settings import AtLeast0, Count, Fraction, Positive, Settings, Widths
from rlcourse.functional import policy_losses, returns
from rlcourse.parts.agent import Agent
from rlcourse.training.asynchronous import Shared, fill
from rlcourse.training.processes import Link, check_travels
from rlcourse.worlds.envs import EnvMaker, Envs


@dataclass(frozen=True)
class Config(Settings):
    """The settings of A3C."""

    total_steps: Count = 100_000  # of all workers together
    n_workers: Count = 2
    n_envs: Count = 1  # environments of each worker
    rollout_length: Count = 8  # steps of each environment between updates
    gamma: Fraction = 0.99
    lam: Fraction = 1.0  # of the advantages: 1 sums all rewards of the rollout, 0 looks one step ahead
    value_coef: AtLeast0 = 0.5
    entropy_coef: AtLeast0 = 0.01
    learning_rate: Positive = 3e-3
    anneal: bool = True  # the learning rate falls linearly to 0 at total_steps
    max_grad_norm: Positive | None = 0.5  # longer gradients are shortened
    gru_width: Count | None = None  # of a memory; None: there is none
    hidden: Widths = (64, 64)


class SharedAdam:
    """Adam on the shared weights by one worker's gradients, in place of that worker's own (parts/adam.py).

    Nobody waits for anybody: while one worker is between two of these lines, another may be there as well. An update
    may be lost or half seen now and then; as steps are small, that is noise like other noise.
    """

    def __init__(self, parameters: list[Tensor], shared: Shared, worker: int, config: Config) -> None:
        self.parameters, self.shared, self.worker, self.config = parameters, shared, worker, config
        self.copy()

    def copy(self) -> None:
        """The shared weights, with what the others did meanwhile, become the worker's."""
        self.seen = self.shared.updates.sum()
        fill(self.parameters, self.shared.weights)

    def step(self, loss: Tensor, done: int) -> None:
        shared, config = self.shared, self.config
        gradients = torch.autograd.grad(loss, self.parameters, allow_unused=True, materialize_grads=True)
        gradient = torch.cat([one.flatten() for one in gradients])
        self.norms = gradient.norm().unsqueeze(0)  # a worker reports as any agent does
        if not self.norms.isfinite():
            raise FloatingPointError(f"the gradient is NaN or infinite after {done} steps: look at the rewards")
        if config.max_grad_norm is not None:
            gradient *= (config.max_grad_norm / (self.norms + 1e-6)).clamp(max=1)
        left = max(0.0, 1 - shared.steps.sum().item() / config.total_steps) if config.anneal else 1.0
        shared.steps[self.worker] = done
        shared.behind[self.worker] += shared.updates.sum() - self.seen
        shared.updates[self.worker] += 1
        count = shared.updates.sum().item()
        shared.mean.lerp_(gradient, 0.1)
        shared.square.lerp_(gradient**2, 0.001)
        mean, square = shared.mean / (1 - 0.9**count), shared.square / (1 - 0.999**count)
        shared.weights.sub_(left * config.learning_rate * mean / (square.sqrt() + 1e-5))
        self.copy()


def work(worker: int, link: Link, make: Callable[[], Agent], config: Config, shared: Shared) -> None:
    """A worker's life: play a rollout with its own copy, step the shared weights, copy them, again."""
    agent = make()
    agent.adam = SharedAdam(agent.adam.parameters, shared, worker, config)
    agent.exploration = agent.seeds(f"exploration of worker {worker}")
    envs = Envs(agent.env, agent.seeds.numbers(f"environments of worker {worker}", config.n_envs))
    link.ready()
    while shared.steps.sum() < config.total_steps:
        for _ in range(config.rollout_length):
            step = envs.step(agent.act(envs.observation))
            agent.steps += config.n_envs
            agent.observe(step)  # at the rollout's last step it learns
        if envs.finished:
            link.say([total for _, total in envs.finished])
            envs.finished.clear()


class A3C(Agent):
    """A3C; env, seed and config as in Agent, n_seeds 1. `train_asynchronously(agent)` trains it.

    Args:
        gae, entropy, a2c_loss: the equations, a student's or the library's. Like env, they come from a module.
    """

    side_by_side = False

    def __init__(
        self,
        env: EnvMaker,
        n_seeds: int = 1,
        seed: int = 0,
        config: Config = Config(),
        *,
        gae: Callable[..., Tensor] = returns.gae,
        entropy: Callable[..., Tensor] = policy_losses.entropy,
        a2c_loss: Callable[..., Tensor] = policy_losses.a2c_loss,
    ) -> None:
        super().__init__(env, n_seeds, seed, config)
        equations = {"gae": gae, "entropy": entropy, "a2c_loss": a2c_loss}
        check_travels(env=env, **equations)
        plain, recurrent = (a2c.A2C, a2c.Config), (recurrent_a2c.RecurrentA2C, recurrent_a2c.Config)
        kind, settings = recurrent if config.gru_width else plain
        theirs = settings(**{field.name: getattr(config, field.name) for field in fields(settings)})
        self.make, self.work = partial(kind, env, 1, seed, theirs, **equations), work
        self.learner = self.make()  # the first process's copy of the weights
        self.parameters, self.greedy_network = self.learner.adam.parameters, self.learner.greedy_network

    def greedy(self, obs: ndarray) -> Tensor:
        """The likeliest actions [N, ...]."""
        return self.learner.greedy(obs)
