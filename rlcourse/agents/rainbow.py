"""Rainbow: DQN with every trick of lecture 05, each of them a switch. Without any it is DQN, draw for draw.

Source: Hessel et al. (2018). Double: van Hasselt et al. (2016); dueling: Wang et al. (2016); priorities: Schaul et al.
(2016); n-step returns: Sutton (1988); C51: Bellemare et al. (2017); noisy nets: Fortunato et al. (2018).
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.agents import dqn
from rlcourse.contracts.graded import equation
from rlcourse.contracts.inputs import bad_argument
from rlcourse.contracts.settings import AtLeast0, Count, Fraction, Interval, Several
from rlcourse.functional import replay, returns, tabular, targets
from rlcourse.parts.adam import Adam
from rlcourse.parts.agent import Agent, never_called
from rlcourse.parts.exploration import draw, each_state, falling
from rlcourse.parts.nets import rainbow_network, resample
from rlcourse.parts.q_losses import q_losses
from rlcourse.parts.replay import replay_memory
from rlcourse.worlds.envs import EnvMaker, Step


@dataclass(frozen=True)
class Config(dqn.Config):
    """The settings of DQN, and a switch for each trick. `support` has no default: every world has its own returns."""

    double: bool = True
    dueling: bool = True
    prioritized: bool = True
    alpha: AtLeast0 = 0.6  # how much priority counts in drawing
    beta: Fraction = 0.4  # how much of that the weights make up for at first; all at total_steps
    n_step: Count = 3  # rewards that a target sums before it asks the target network
    distributional: bool = True
    support: Interval | None = None  # the least and the largest discounted return that there is
    n_atoms: Several = 51
    noisy: bool = True  # noise explores in place of epsilon
    sigma: AtLeast0 = 0.5  # how large the noise is at first

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.distributional and self.support is None:
            raise bad_argument("support", "None", "the least and the largest discounted return, (0.0, 100.0) say")


class Rainbow(Agent):
    """DQN with tricks; env, n_seeds, seed and config as in Agent; the rest are equations, a student's or the library's.

    Raises:
        ValueError: as Agent; or where a function is given that the switches would never call.
    """

    def __init__(
        self,
        env: EnvMaker,
        n_seeds: int = 1,
        seed: int = 0,
        config: Config | None = None,
        *,
        q_target: Callable[..., Tensor] = targets.q_target,
        double_q_target: Callable[..., Tensor] = targets.double_q_target,
        n_step_returns: Callable[..., Tensor] = returns.n_step_returns,
        huber_loss: Callable[..., Tensor] = targets.huber_loss,
        dueling_q: Callable[..., Tensor] = targets.dueling_q,
        priority: Callable[..., Tensor] = replay.priority,
        importance_weights: Callable[..., Tensor] = replay.importance_weights,
        categorical_projection: Callable[..., Tensor] = targets.categorical_projection,
        epsilon_greedy: Callable[..., ndarray] = tabular.epsilon_greedy,
        polyak_update: Callable[..., None] = targets.polyak_update,
    ) -> None:
        config = config or Config()
        super().__init__(env, n_seeds, seed, config)
        never_called(config.tau is None, polyak_update=polyak_update)
        self.losses = q_losses(config, q_target, double_q_target, n_step_returns, huber_loss, categorical_projection)
        self.epsilon_greedy, self.polyak_update = epsilon_greedy, equation(polyak_update)
        self.online = rainbow_network(self.observation_space, self.action_space, self.seeds, config, dueling_q)
        self.greedy_network, self.target = self.online, deepcopy(self.online).requires_grad_(False)
        self.adam = Adam(self.online, seeds=self.seeds, config=config)
        self.buffer = replay_memory(self.seeds, config, priority, importance_weights)
        self.exploration = self.seeds("exploration")
        self.noise, self.target_noise = self.seeds("noise"), self.seeds("target noise")

    def begin(self) -> None:
        self.buffer.cut()

    @property
    def epsilon(self) -> float:
        """How often it explores now: falls linearly, then stays; 0 with noisy nets."""
        config, part = self.config, self.steps / max(1.0, self.config.exploration * self.config.total_steps)
        return 0.0 if config.noisy else falling(config.epsilon_start, config.epsilon_end, part)

    @torch.no_grad()
    def act(self, obs: ndarray) -> ndarray:
        """Actions [N], epsilon-greedy under fresh noise."""
        resample(self.online, self.noise)
        probabilities = each_state(self.epsilon_greedy, self.online(obs).double().numpy(), self.epsilon)
        return draw(probabilities, self.exploration.uniform(len(obs)))

    @torch.no_grad()
    def greedy(self, obs: ndarray) -> Tensor:
        """The best actions [N], without noise."""
        return self.online.eval()(obs).argmax(-1)

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
        config, beta = self.config, falling(self.config.beta, 1.0, self.steps / self.config.total_steps)
        batch = self.buffer.sample(config.batch_size, config.n_step, beta)
        resample(self.online, self.noise)
        resample(self.target, self.target_noise)
        losses, errors, reports = self.losses(self.online, self.target, batch)
        self.adam.step((batch.weights * losses).mean(), self.steps)
        self.buffer.update(batch.index, errors)
        if config.tau is not None:
            self.polyak_update(self.target, self.online, config.tau)
        self.reports = reports | {"loss": losses, "gradient": self.adam.norms}
