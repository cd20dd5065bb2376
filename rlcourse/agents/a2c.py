"""Advantage actor-critic, K seeds side by side (lecture 08; with many environments a seed, lecture 09).

Source: Mnih et al. (2016), in the synchronous form, with the advantages of Schulman et al. (2016): lambda = 1 gives
n-step ones. Discrete and continuous actions. Equations see rollouts [T, K * B], never K.
"""

from collections.abc import Callable
from dataclasses import dataclass

import gymnasium
import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.contracts.graded import bare
from rlcourse.contracts.inputs import Number, wrong
from rlcourse.functional import policy_losses, returns
from rlcourse.parts.adam import clip_gradients
from rlcourse.parts.nets import generators_for, mlp
from rlcourse.parts.policies import policy_for, within
from rlcourse.parts.rollouts import Rollout, rollout
from rlcourse.worlds.envs import Step


@dataclass(frozen=True)
class Config:
    """What one may turn."""

    gamma: float = 0.99
    lam: float = 0.95  # of the advantages: 1 sums all rewards of the rollout, 0 looks one step ahead
    n_steps: int = 16  # steps between updates, of each environment
    n_envs: int = 8  # environments of each seed
    learning_rate: float = 1e-3
    anneal: bool = True  # the learning rate falls linearly to 0 at `total_steps`
    total_steps: int = 100_000
    hidden: tuple[int, ...] = (64, 64)
    value_coef: float = 0.5
    entropy_coef: float = 0.01
    clip: float | None = 0.5  # largest norm of each seed's gradient


class A2C:
    """K agents side by side.

    Args:
        env: an environment (for its spaces).
        n_seeds: how many seeds learn, seed, seed + 1, ...
        seed: the first of them.
        config: see Config.
        gae, entropy, a2c_loss: the equations, a student's or the library's.

    Raises:
        ValueError: where the spaces are not what it can serve, or a number makes no sense.
    """

    def __init__(
        self,
        env: gymnasium.Env,
        n_seeds: int = 1,
        seed: int = 0,
        config: Config | None = None,
        *,
        gae: Callable[..., Tensor] = returns.gae,
        entropy: Callable[..., Tensor] = policy_losses.entropy,
        a2c_loss: Callable[..., Tensor] = policy_losses.a2c_loss,
    ) -> None:
        self.config, self.n_seeds, self.seed = config or Config(), n_seeds, seed
        check(self.config)
        self.gae, self.a2c_loss = bare(gae), bare(a2c_loss)
        generators = generators_for(n_seeds, seed)
        self.actor = policy_for(env, self.config.hidden, generators, entropy)
        self.critic = mlp((*env.observation_space.shape, *self.config.hidden, 1), generators, activation=nn.Tanh)
        self.both = nn.ModuleList([self.actor, self.critic])
        self.optimizer = torch.optim.Adam(self.both.parameters(), self.config.learning_rate, eps=1e-5, fused=True)
        self.explorers = [np.random.default_rng([seed + k, 0]) for k in range(n_seeds)]
        self.action_space = env.action_space
        self.steps = 0  # of each seed
        self.taken: list[Step] = []

    @property
    def policy(self) -> nn.Module:
        """The network that `greedy` acts by."""
        return self.actor

    @torch.no_grad()
    def act(self, obs: ndarray) -> ndarray:
        """Actions [K, B, ...] drawn from the policy."""
        drawn = self.actor.sample(self.actor(torch.as_tensor(obs, dtype=torch.float32)), self.explorers)
        self.drawn = drawn.numpy()  # the policy drew this one, whatever the environment's bounds make of it
        return within(self.action_space, self.drawn)

    @torch.no_grad()
    def greedy(self, obs: ndarray) -> ndarray:
        """The likeliest actions [K, B, ...]."""
        mode = self.actor.mode(self.actor(torch.as_tensor(obs, dtype=torch.float32)))
        return within(self.action_space, mode.numpy())

    def observe(self, step: Step) -> None:
        """Remember a step, and learn from the last n_steps when they are there."""
        self.taken.append(step._replace(action=self.drawn))
        self.steps += step.reward.shape[1]
        if len(self.taken) == self.config.n_steps:
            self.learn(rollout(self.taken))
            self.taken = []

    def values(self, obs: Tensor) -> Tensor:
        """V [T, K*B] of observations [T, K*B, n]."""
        return self.unseeded(self.critic(self.seeded(obs)), len(obs)).squeeze(-1)

    def seeded(self, x: Tensor) -> Tensor:
        """[T, K*B, ...] -> [K, T*B, ...], as the networks want it."""
        return x.unflatten(1, (self.n_seeds, -1)).transpose(0, 1).flatten(1, 2)

    def unseeded(self, x: Tensor, T: int) -> Tensor:
        """[K, T*B, ...] -> [T, K*B, ...], as the equations want it."""
        return x.unflatten(1, (T, -1)).transpose(0, 1).flatten(1, 2)

    def learn(self, taken: Rollout) -> None:
        """One update of every seed."""
        config, T = self.config, len(taken.rewards)
        parameters = self.actor(self.seeded(taken.obs))
        log_prob = self.unseeded(self.actor.log_prob(parameters, self.seeded(taken.action)), T)
        entropy = self.unseeded(self.actor.entropy(parameters), T)
        values = self.values(taken.obs)
        with torch.no_grad():
            next_values = self.values(taken.next_obs)
        ends = taken.terminated, taken.truncated
        advantages = self.gae(taken.rewards, values.detach(), next_values, *ends, config.gamma, config.lam)
        if advantages.shape != values.shape:
            raise wrong("gae", f"shape {tuple(advantages.shape)} back from it", f"{tuple(values.shape)}")
        targets = advantages + values.detach()
        coefficients = config.value_coef, config.entropy_coef
        loss = self.a2c_loss(log_prob, advantages, values, targets, entropy, *coefficients)
        self.descend(loss)

    def descend(self, loss: Tensor) -> None:
        """One step of every seed down the gradient of its own mean loss."""
        config = self.config
        if not torch.isfinite(loss):
            raise FloatingPointError(
                f"the loss is NaN or infinite at step {self.steps}: look at the rewards, the learning rate "
                f"({config.learning_rate:g}) and how probable the actions taken were"
            )
        self.optimizer.zero_grad()
        (loss * self.n_seeds).backward()  # each seed gets the gradient of its own mean
        clip_gradients(self.both, self.n_seeds, config.clip)
        if config.anneal:
            for group in self.optimizer.param_groups:
                group["lr"] = config.learning_rate * max(0.0, 1 - self.steps / config.total_steps)
        self.optimizer.step()


def check(config: Config) -> None:
    """Whether the numbers make sense."""
    for name in ("gamma", "lam"):
        Number(0, 1).check(name, getattr(config, name), {})
    for name in ("n_steps", "n_envs", "total_steps"):
        Number(1).check(name, getattr(config, name), {})
    Number(0, open_ends="low").check("learning_rate", config.learning_rate, {})
    for name in ("value_coef", "entropy_coef"):
        Number(0).check(name, getattr(config, name), {})
