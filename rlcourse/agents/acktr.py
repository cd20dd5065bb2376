"""Actor-critic with Kronecker-factored trust regions: natural steps for little more than plain ones (lecture 11).

Source: Wu et al. (2017). One seed a program: the Fisher matrix and the step's length belong to one network.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.contracts.settings import AtLeast0, Count, Fraction, Positive, Settings, Widths
from rlcourse.functional import policy_losses, returns, trust_region
from rlcourse.parts.agent import Agent, in_tensors, same_shape
from rlcourse.parts.kfac import KFAC
from rlcourse.parts.policies import Critic, Policy
from rlcourse.parts.rollouts import Rollout, Rollouts, as_it_was, look_back, normalised
from rlcourse.worlds.envs import EnvMaker, Step


@dataclass(frozen=True)
class Config(Settings):
    """The settings of ACKTR."""

    total_steps: Count = 100_000
    n_envs: Count = 8
    rollout_length: Count = 20  # steps of each environment between updates
    gamma: Fraction = 0.98
    lam: Fraction = 0.8  # of the advantages: 1 sums all rewards of the rollout, 0 looks one step ahead
    normalise: bool = True  # advantages to mean 0 and deviation 1, within the rollout
    entropy_coef: AtLeast0 = 0.0
    max_kl: Positive = 0.002  # nats by which an update may move the policy, as K-FAC has it; `report` says what it did
    max_value_kl: Positive = 0.1  # the same for the critic, a Gaussian of width 1 around V(s)
    max_step: Positive = 0.25  # of both natural gradients, however little they move
    anneal: bool = True  # max_step falls linearly to 0 at total_steps
    damping: AtLeast0 = 0.01  # added to the Fisher matrix's diagonal
    decay: Fraction = 0.95  # of the running factors, an update; with 0 they are of this rollout alone, and rough
    hidden: Widths = (64, 64)


class ACKTR(Agent):
    """Actor-critic with K-FAC; env, seed and config as in Agent, n_seeds 1.

    Args:
        gae, entropy, a2c_loss, kfac_precondition, kfac_step_size: the equations, a student's or the library's.
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
        kfac_precondition: Callable[..., Tensor] = trust_region.kfac_precondition,
        kfac_step_size: Callable[..., Tensor] = trust_region.kfac_step_size,
    ) -> None:
        super().__init__(env, n_seeds, seed, config)
        self.gae, self.a2c_loss = in_tensors(gae), in_tensors(a2c_loss)
        self.policy = Policy(self.observation_space, self.action_space, config.hidden, self.seeds, entropy)
        self.critic = Critic(self.observation_space, config.hidden, self.seeds)
        self.greedy_network, self.rollouts = self.policy, Rollouts(config.rollout_length)
        kfac = config.decay, in_tensors(kfac_precondition), in_tensors(kfac_step_size)
        widths = [] if self.policy.discrete else [self.policy.log_std]  # their block of the Fisher matrix is 2 I
        known = [(log_std, 2 * torch.eye(log_std.shape[-1])) for log_std in widths]
        self.policy_kfac, self.critic_kfac = KFAC(self.policy, *kfac, known), KFAC(self.critic, *kfac)
        self.exploration, self.drawing = self.seeds("exploration"), self.seeds("outputs for the Fisher matrix")
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
        """One update: the Fisher matrices by outputs drawn from the networks, then a step by what was done."""
        config = self.config
        rollout = as_it_was(self.policy, self.critic, rollout)
        before, ends = (rollout.values, rollout.next_values), (rollout.terminated, rollout.truncated)
        advantages = self.gae(rollout.rewards, *before, *ends, config.gamma, config.lam)
        same_shape(values=rollout.values, gae=advantages)
        rollout.target = advantages + rollout.values
        rollout.advantage = normalised(advantages, 1) if config.normalise else advantages
        (batch,) = rollout.minibatches(1, self.shuffling)  # all of it [M]
        pi, values = self.policy(batch.obs), self.critic(batch.obs)
        entropy, noise = pi.entropy(), torch.from_numpy(self.drawing.normal(len(values)))
        self.policy_kfac.measure(pi.log_prob(pi.sample(self.drawing).detach()))
        self.critic_kfac.measure(-0.5 * (values - (values.detach() + noise)) ** 2)  # log N(V + noise; V, 1)
        log_prob = pi.log_prob(batch.action)
        loss = self.a2c_loss(log_prob, batch.advantage, values, batch.target, entropy, 0.5, config.entropy_coef)
        if not loss.isfinite():
            self.seeds.diverged.setdefault(0, self.steps)
        if self.seeds.diverged:
            return
        most = config.max_step * (1 - (self.steps - len(values)) / config.total_steps if config.anneal else 1)
        size = self.policy_kfac.step(loss, config.damping, config.max_kl, most)
        self.critic_kfac.step(loss, config.damping, config.max_value_kl, most)
        self.reports = look_back(self.policy, self.critic, rollout, loss=loss, step=size)
