"""Q-learning with a function in place of a table, from each transition as it comes (lecture 03).

Source: Watkins (1989). A batch holds all seeds side by side; it reads as for one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from gymnasium.spaces import Discrete
from numpy import ndarray
from torch import Tensor

from rlcourse.agents.fitted.fitted_q import target_of
from rlcourse.agents.fitted.models import Model
from rlcourse.contracts.inputs import bad_argument
from rlcourse.contracts.settings import Count, Fraction, Settings
from rlcourse.functional import tabular, targets
from rlcourse.parts.agent import Agent
from rlcourse.parts.exploration import draw, each_state
from rlcourse.worlds.envs import EnvMaker, Step


@dataclass(frozen=True)
class Config(Settings):
    """The settings of online Q-learning; the step size is the model's."""

    total_steps: Count = 10_000  # of each seed
    n_envs: Count = 1  # environments of each seed
    gamma: Fraction = 0.99
    epsilon: Fraction = 0.1  # how often to explore


class OnlineQ(Agent):
    """Q-learning with a model: a gradient step for each transition as it comes, then it is forgotten.

    Args:
        env: a Gymnasium id, or a function that makes one environment.
        model: what learns, changed in place; the seeds are the model's.
        config: the settings.
        q_target, epsilon_greedy: the equations, a student's or the library's.
    """

    def __init__(
        self,
        env: EnvMaker,
        model: Model,
        config: Config = Config(),
        *,
        q_target: Callable[..., Tensor] = targets.q_target,
        epsilon_greedy: Callable[..., ndarray] = tabular.epsilon_greedy,
    ) -> None:
        super().__init__(env, len(model.seeds), model.seeds.first, config)
        if not isinstance(self.action_space, Discrete) or self.action_space.n != model.n_actions:
            raise bad_argument("action_space", f"{self.action_space}", f"Discrete({model.n_actions}), as the model's")
        self.model = self.greedy_network = model
        self.seeds = model.seeds
        self.q_target, self.epsilon_greedy = q_target, epsilon_greedy
        self.exploration = self.seeds("exploration")

    @torch.no_grad()
    def act(self, obs: ndarray) -> ndarray:
        """Actions [N], epsilon-greedy."""
        probabilities = each_state(self.epsilon_greedy, self.model.q(obs).double().numpy(), self.config.epsilon)
        return draw(probabilities, self.exploration.uniform(len(obs)))

    @torch.no_grad()
    def greedy(self, obs: ndarray) -> Tensor:
        """The best actions [N]."""
        return self.model.q(obs).argmax(-1)

    def observe(self, step: Step) -> None:
        """One gradient step towards the target of this transition, then forget it."""
        y = target_of(self.q_target, self.model, step, self.config.gamma)
        self.model.step(step.obs, step.action, y, self.steps)
