"""Advantage actor-critic (lecture 08; with many environments, lecture 09).

Source: Mnih et al. (2016), in the synchronous form, with the advantages of Schulman et al. (2016): lambda = 1 gives
n-step ones. A batch holds the environments of all seeds side by side, N of them; it reads as for one seed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.contracts.settings import AtLeast0, Count, Fraction, Positive, Settings, Widths
from rlcourse.functional import policy_losses, returns
from rlcourse.parts.adam import Adam
from rlcourse.parts.agent import Agent, in_tensors, same_shape
from rlcourse.parts.policies import Critic, Policy
from rlcourse.parts.rollouts import Rollout, Rollouts
from rlcourse.worlds.envs import EnvMaker, Step


@dataclass(frozen=True)
class Config(Settings):
    """The settings of A2C."""

    total_steps: Count = 100_000  # of each seed
    n_envs: Count = 8  # environments of each seed
    rollout_length: Count = 8  # steps of each environment between updates
    gamma: Fraction = 0.99
    lam: Fraction = 0.95  # of the advantages: 1 sums all rewards of the rollout, 0 looks one step ahead
    value_coef: AtLeast0 = 0.5
    entropy_coef: AtLeast0 = 0.01
    learning_rate: Positive = 3e-3
    anneal: bool = True  # the learning rate falls linearly to 0 at total_steps
    max_grad_norm: Positive | None = 0.5  # longer gradients of a seed are shortened
    hidden: Widths = (64, 64)


class A2C(Agent):
    """Advantage actor-critic; env, n_seeds, seed and config as in Agent.

    Args:
        gae, entropy, a2c_loss: the equations, a student's or the library's.
    """

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
        self.gae, self.a2c_loss = in_tensors(gae), in_tensors(a2c_loss)
        self.policy = Policy(self.observation_space, self.action_space, config.hidden, self.seeds, entropy)
        self.critic = Critic(self.observation_space, config.hidden, self.seeds)
        self.greedy_network = self.policy
        self.adam = Adam(self.policy, self.critic, seeds=self.seeds, config=config)
        self.exploration, self.rollouts = self.seeds("exploration"), Rollouts(config.rollout_length)

    def begin(self) -> None:
        self.rollouts.forget()

    @torch.no_grad()
    def act(self, obs: ndarray) -> Tensor:
        """Actions [N, ...] drawn from the policy."""
        return self.policy(obs).sample(self.exploration)

    @torch.no_grad()
    def greedy(self, obs: ndarray) -> Tensor:
        """The likeliest actions [N, ...]."""
        return self.policy(obs).mode()

    def observe(self, step: Step) -> None:
        """Remember a step; learn from a whole rollout, then forget it."""
        rollout = self.rollouts.add(step)
        if rollout:
            self.learn(rollout)

    def learn(self, rollout: Rollout) -> None:
        """One update."""
        config = self.config
        pi, values = self.policy(rollout.obs), self.critic(rollout.obs)
        with torch.no_grad():
            next_values = self.critic(rollout.next_obs)
        ends = rollout.terminated, rollout.truncated
        advantages = self.gae(rollout.rewards, values.detach(), next_values, *ends, config.gamma, config.lam)
        log_prob, entropy = pi.log_prob(rollout.action), pi.entropy()
        same_shape(values=values, log_prob=log_prob, entropy=entropy, gae=advantages)
        targets = advantages + values.detach()
        coefficients = config.value_coef, config.entropy_coef
        loss = self.a2c_loss(log_prob, advantages, values, targets, entropy, *coefficients)
        self.adam.step(loss, self.steps)
        self.reports = {"entropy": entropy, "advantage": advantages, "value": values, "gradient": self.adam.norms}
