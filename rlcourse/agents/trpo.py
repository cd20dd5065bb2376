"""Trust region policy optimisation: the natural step that the divergence allows, tried before it is taken (lecture 10).

Source: Schulman et al. (2015). One seed a program: Fisher matrix, step and line search belong to one policy.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from numpy import ndarray
from torch import Tensor
from torch.nn.utils import parameters_to_vector, vector_to_parameters

from rlcourse.contracts.settings import AtLeast0, Count, Fraction, Positive, ProperFraction, Settings, Widths
from rlcourse.functional import distributions, policy_losses, returns, trust_region
from rlcourse.parts.adam import Adam
from rlcourse.parts.agent import Agent, in_tensors, same_shape
from rlcourse.parts.policies import Critic, Policy, kl_between
from rlcourse.parts.rollouts import Rollout, Rollouts, as_it_was, look_back, normalised
from rlcourse.worlds.envs import EnvMaker, Step


@dataclass(frozen=True)
class Config(Settings):
    """The settings of TRPO."""

    total_steps: Count = 100_000
    n_envs: Count = 8
    rollout_length: Count = 64  # steps of each environment between updates
    gamma: Fraction = 0.98
    lam: Fraction = 0.8  # of the advantages: 1 sums all rewards of the rollout, 0 looks one step ahead
    max_kl: Positive = 0.01  # nats by which an update may move the policy, on average over states
    damping: AtLeast0 = 0.01  # added to the Fisher matrix's diagonal
    iterations: Count = 10  # products with the Fisher matrix, an update
    tol: AtLeast0 = 1e-5  # conjugate gradients stop where so little is left, in proportion
    shrink: ProperFraction = 0.8  # a step that did not do is tried again so much shorter ..
    max_tries: Count = 10  # .. and so often at most
    critic_steps: Count = 20  # an update, each on all of the rollout
    learning_rate: Positive = 5e-3  # of the critic
    anneal: bool = True  # max_kl and the learning rate fall linearly to 0 at total_steps
    max_grad_norm: Positive | None = None  # longer gradients of the critic are shortened
    hidden: Widths = (64, 64)


class TRPO(Agent):
    """Trust region policy optimisation; env, seed and config as in Agent, n_seeds 1.

    Args:
        gae, surrogate_loss, ..: the equations, a student's or the library's; of the divergences, the policy's.
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
        surrogate_loss: Callable[..., Tensor] = policy_losses.surrogate_loss,
        conjugate_gradient: Callable[..., Tensor] = trust_region.conjugate_gradient,
        fisher_vector_product: Callable[..., Tensor] = trust_region.fisher_vector_product,
        natural_step: Callable[..., Tensor] = trust_region.natural_step,
        backtracking_line_search: Callable[..., Tensor] = trust_region.backtracking_line_search,
        categorical_kl: Callable[..., Tensor] = distributions.categorical_kl,
        gaussian_kl: Callable[..., Tensor] = distributions.gaussian_kl,
    ) -> None:
        super().__init__(env, n_seeds, seed, config)
        self.gae, self.surrogate_loss, self.natural_step = map(in_tensors, (gae, surrogate_loss, natural_step))
        self.conjugate_gradient, self.line_search = map(in_tensors, (conjugate_gradient, backtracking_line_search))
        self.fisher_vector_product = in_tensors(fisher_vector_product)
        self.policy = self.greedy_network = Policy(self.observation_space, self.action_space, config.hidden, self.seeds)
        self.kl = kl_between(self.action_space, categorical_kl, gaussian_kl)
        self.critic = Critic(self.observation_space, config.hidden, self.seeds)
        self.adam, self.rollouts = Adam(self.critic, seeds=self.seeds, config=config), Rollouts(config.rollout_length)
        self.exploration, self.shuffling = self.seeds("exploration"), self.seeds("minibatches")

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
        """One update: some steps of the critic, then one of the policy."""
        config, parameters = self.config, list(self.policy.parameters())
        rollout = as_it_was(self.policy, self.critic, rollout)
        values, ends = (rollout.values, rollout.next_values), (rollout.terminated, rollout.truncated)
        advantages = self.gae(rollout.rewards, *values, *ends, config.gamma, config.lam)
        same_shape(values=rollout.values, gae=advantages)
        rollout.target, rollout.advantage = advantages + rollout.values, normalised(advantages, 1)
        (batch,) = rollout.minibatches(1, self.shuffling)  # all of it [M]
        for _ in range(config.critic_steps):
            self.adam.step(((batch.target - self.critic(batch.obs)) ** 2).mean(), self.steps)
        if self.seeds.diverged:
            return

        def surrogate(theta: Tensor) -> Tensor:
            vector_to_parameters(theta, parameters)
            ratio = (self.policy(batch.obs).log_prob(batch.action) - batch.log_prob).exp()
            return -self.surrogate_loss(ratio, batch.advantage)

        def kl(theta: Tensor) -> Tensor:
            vector_to_parameters(theta, parameters)
            parts = self.policy(batch.obs).parts()
            return self.kl(*batch.old.chunk(len(parts), dim=-1), *parts).mean()

        start = parameters_to_vector(parameters).detach()
        gradient = torch.cat([slope.flatten() for slope in torch.autograd.grad(surrogate(start), parameters)])
        fisher = partial(self.fisher_vector_product, partial(kl, start), parameters, damping=config.damping)
        natural = self.conjugate_gradient(fisher, gradient, config.iterations, config.tol)
        max_kl = config.max_kl * (1 - (self.steps - len(batch.obs)) / config.total_steps if config.anneal else 1)
        step = self.natural_step(gradient, natural, max_kl)
        found = self.line_search(surrogate, kl, start, step, max_kl, config.shrink, config.max_tries)
        self.reports = look_back(self.policy, self.critic, rollout, kl=kl(found), gradient=gradient.norm())
