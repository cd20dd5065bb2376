"""DQN: Q-learning with a network, from a replay buffer, towards a target network (lecture 04).

Source: Mnih et al. (2015). Its tricks are in rainbow.py. A batch holds all seeds side by side; it reads as for one.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.contracts.graded import equation
from rlcourse.contracts.inputs import bad_argument
from rlcourse.contracts.settings import Count, Fraction, Natural, Positive, Settings, Widths
from rlcourse.functional import tabular, targets
from rlcourse.parts.adam import Adam
from rlcourse.parts.agent import Agent, in_tensors, never_called, same_shape
from rlcourse.parts.exploration import draw, each_state
from rlcourse.parts.nets import q_network
from rlcourse.parts.replay import ReplayBuffer
from rlcourse.worlds.envs import EnvMaker, Step


@dataclass(frozen=True)
class Config(Settings):
    """The settings of DQN."""

    total_steps: Count = 50_000  # of each seed
    n_envs: Count = 1  # environments of each seed
    gamma: Fraction = 0.99
    learning_rate: Positive = 1e-3
    anneal: bool = False  # the learning rate falls linearly to 0 at total_steps
    hidden: Widths = (128, 128)
    batch_size: Count = 64
    capacity: Count = 50_000  # steps in the replay buffer, of each seed
    warm_up: Natural = 1_000  # steps before it learns
    steps_per_update: Count = 1
    steps_per_copy: Count = 500  # between hard copies of the online network to the target network
    tau: Fraction | None = None  # soft copies at each update in place of hard ones
    epsilon_start: Fraction = 1.0
    epsilon_end: Fraction = 0.05
    exploration: Fraction = 0.2  # the part of total_steps after which epsilon is at its end
    huber: Positive = 1.0  # the error from which on the loss is linear
    max_grad_norm: Positive | None = 10.0  # longer gradients of a seed are shortened

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.capacity < self.batch_size:
            raise bad_argument("capacity", f"{self.capacity}", f"at least batch_size = {self.batch_size}")


class DQN(Agent):
    """Deep Q-learning; env, n_seeds, seed and config as in Agent.

    Args:
        q_target, huber_loss, polyak_update, epsilon_greedy: the equations, a student's or the library's.
    """

    def __init__(
        self,
        env: EnvMaker,
        n_seeds: int = 1,
        seed: int = 0,
        config: Config = Config(),
        *,
        q_target: Callable[..., Tensor] = targets.q_target,
        huber_loss: Callable[..., Tensor] = targets.huber_loss,
        polyak_update: Callable[..., None] = targets.polyak_update,
        epsilon_greedy: Callable[..., ndarray] = tabular.epsilon_greedy,
    ) -> None:
        super().__init__(env, n_seeds, seed, config)
        never_called(config.tau is None, polyak_update=polyak_update)
        self.q_target, self.huber_loss = in_tensors(q_target), in_tensors(huber_loss)
        self.polyak_update, self.epsilon_greedy = equation(polyak_update), epsilon_greedy
        self.online = q_network(self.observation_space, self.action_space, config.hidden, self.seeds)
        self.target = deepcopy(self.online).requires_grad_(False)
        self.greedy_network = self.online
        self.adam = Adam(self.online, seeds=self.seeds, config=config)
        self.buffer, self.exploration = ReplayBuffer(config.capacity, self.seeds), self.seeds("exploration")

    def begin(self) -> None:
        self.buffer.cut()

    @property
    def epsilon(self) -> float:
        """How often it explores now: falls linearly, then stays."""
        start, end, last = self.config.epsilon_start, self.config.epsilon_end, self.config.total_steps
        return start + (end - start) * min(1.0, self.steps / max(1.0, self.config.exploration * last))

    @torch.no_grad()
    def act(self, obs: ndarray) -> ndarray:
        """Actions [N], epsilon-greedy."""
        probabilities = each_state(self.epsilon_greedy, self.online(obs).double().numpy(), self.epsilon)
        return draw(probabilities, self.exploration.uniform(len(obs)))

    @torch.no_grad()
    def greedy(self, obs: ndarray) -> Tensor:
        """The best actions [N]."""
        return self.online(obs).argmax(-1)

    def observe(self, step: Step) -> None:
        """Remember a step; learn and copy as often as the steps just taken ask for."""
        self.buffer.add(step)
        if self.steps < max(self.config.warm_up, self.config.batch_size):
            return
        for _ in range(self.due(self.config.steps_per_update)):
            self.learn()
        if self.config.tau is None and self.due(self.config.steps_per_copy):
            self.target.load_state_dict(self.online.state_dict())

    def learn(self) -> None:
        """One update."""
        config, batch = self.config, self.buffer.sample(self.config.batch_size)
        with torch.no_grad():
            y = self.q_target(batch.rewards[0], batch.terminated[0], self.target(batch.next_obs), config.gamma)
        q = self.online(batch.obs).gather(-1, batch.action.long().unsqueeze(-1)).squeeze(-1)
        same_shape(q=q, q_target=y)
        loss = self.huber_loss(y - q, config.huber).mean()
        self.adam.step(loss, self.steps)
        if config.tau is not None:
            self.polyak_update(self.target, self.online, config.tau)
        self.reports = {"q": q, "td_error": y - q, "loss": loss, "gradient": self.adam.norms}
