"""Proximal policy optimisation: several epochs on each rollout, and a loss that keeps the policy near (lecture 11).

Source: Schulman et al. (2017). A batch holds the environments of all seeds side by side; but for K it reads as for one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.contracts.settings import AtLeast0, Count, Fraction, Positive, Settings, Widths
from rlcourse.functional import distributions, policy_losses, returns
from rlcourse.parts.adam import Adam
from rlcourse.parts.agent import Agent, in_tensors, never_called, same_shape
from rlcourse.parts.policies import Categorical, Critic, Gaussian, Policy, kl_between
from rlcourse.parts.rollouts import Rollout, Rollouts, as_it_was, look_back, normalised
from rlcourse.worlds.envs import EnvMaker, Step


@dataclass(frozen=True)
class Config(Settings):
    """The settings of PPO."""

    total_steps: Count = 100_000  # of each seed
    n_envs: Count = 8  # environments of each seed
    rollout_length: Count = 32  # steps of each environment between updates
    epochs: Count = 20  # how often an update goes through the rollout ..
    minibatches: Count = 1  # .. and in how many parts each time
    gamma: Fraction = 0.98
    lam: Fraction = 0.8  # of the advantages: 1 sums all rewards of the rollout, 0 looks one step ahead
    normalise: Literal["batch", "minibatch", "no"] = "minibatch"  # advantages to mean 0, deviation 1: within what
    objective: Literal["clip", "fixed_kl", "adaptive_kl"] = "clip"  # or a price on the divergence
    eps: Positive = 0.2  # how far from 1 a ratio may go until it is clipped
    beta: Positive = 1.0  # the price of a nat, at first where it adapts
    target_kl: Positive = 0.01  # nats an update, where the price adapts
    value_coef: AtLeast0 = 0.5
    entropy_coef: AtLeast0 = 0.0
    learning_rate: Positive = 1e-3
    anneal: bool = True  # the learning rate falls linearly to 0 at total_steps
    max_grad_norm: Positive | None = 0.5  # longer gradients of a seed are shortened
    hidden: Widths = (64, 64)


class PPO(Agent):
    """Proximal policy optimisation; env, n_seeds, seed and config as in Agent.

    Args:
        gae, entropy, ..: the equations, a student's or the library's. Settings say which of the others are called.
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
        ppo_clip_loss: Callable[..., Tensor] = policy_losses.ppo_clip_loss,
        kl_penalty_loss: Callable[..., Tensor] = policy_losses.kl_penalty_loss,
        adaptive_kl_coef: Callable[..., float] = policy_losses.adaptive_kl_coef,
        categorical_kl: Callable[..., Tensor] = distributions.categorical_kl,
        gaussian_kl: Callable[..., Tensor] = distributions.gaussian_kl,
    ) -> None:
        super().__init__(env, n_seeds, seed, config)
        never_called(config.objective != "clip", ppo_clip_loss=ppo_clip_loss)
        never_called(config.objective == "clip", kl_penalty_loss=kl_penalty_loss)
        never_called(config.objective != "adaptive_kl", adaptive_kl_coef=adaptive_kl_coef)
        self.gae, self.ppo_clip_loss, self.kl_penalty_loss = map(in_tensors, (gae, ppo_clip_loss, kl_penalty_loss))
        self.adaptive_kl_coef, self.beta = in_tensors(adaptive_kl_coef), [config.beta] * n_seeds
        self.policy = Policy(self.observation_space, self.action_space, config.hidden, self.seeds, entropy)
        self.kl = kl_between(self.action_space, categorical_kl, gaussian_kl, config.objective != "clip")
        self.critic, self.greedy_network = Critic(self.observation_space, config.hidden, self.seeds), self.policy
        self.adam = Adam(self.policy, self.critic, seeds=self.seeds, config=config)
        self.exploration, self.rollouts = self.seeds("exploration"), Rollouts(config.rollout_length)
        self.shuffling = self.seeds("minibatches")

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
        if rollout := self.rollouts.add(step):
            self.learn(rollout)

    def learn(self, rollout: Rollout) -> None:
        """One update. The old policy, advantages and targets are taken once, before the first epoch."""
        config, K = self.config, len(self.seeds)
        rollout = as_it_was(self.policy, self.critic, rollout)
        values, ends = (rollout.values, rollout.next_values), (rollout.terminated, rollout.truncated)
        advantages = self.gae(rollout.rewards, *values, *ends, config.gamma, config.lam)
        same_shape(values=rollout.values, gae=advantages)
        rollout.target = advantages + rollout.values
        rollout.advantage = normalised(advantages, K) if config.normalise == "batch" else advantages
        for batch in rollout.minibatches(config.minibatches, self.shuffling, config.epochs):
            pi, value_error = self.policy(batch.obs), (batch.target - self.critic(batch.obs)) ** 2
            bonus = config.entropy_coef * pi.entropy().mean() if config.entropy_coef else 0.0
            loss = self.policy_loss(pi, batch) + config.value_coef * value_error.mean() - bonus
            self.adam.step(loss, self.steps)
        self.reports = look_back(self.policy, self.critic, rollout, config.eps, loss=loss, gradient=self.adam.norms)
        for k, moved in enumerate(self.report["kl"].tolist() if config.objective == "adaptive_kl" else []):
            self.beta[k] = float(self.adaptive_kl_coef(self.beta[k], moved, config.target_kl))

    def policy_loss(self, pi: Categorical | Gaussian, batch: Rollout) -> Tensor:
        """What keeps the policy near: the clip, or the price."""
        config, K = self.config, len(self.seeds)
        ratio = (pi.log_prob(batch.action) - batch.log_prob).exp()
        advantage = normalised(batch.advantage, K) if config.normalise == "minibatch" else batch.advantage
        if config.objective == "clip":
            return self.ppo_clip_loss(ratio, advantage, config.eps)
        kl = self.kl(*batch.old.chunk(len(pi.parts()), dim=-1), *pi.parts())
        same_shape(ratio=ratio, kl=kl)
        by_seed = zip(*(x.chunk(K) for x in (ratio, advantage, kl)), self.beta, strict=True)
        return sum(self.kl_penalty_loss(*own) for own in by_seed) / K
