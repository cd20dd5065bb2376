"""REINFORCE with the baselines of lecture 07; a batch holds whole episodes of the seeds that are ready, one a column.

Source: Williams (1992).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.contracts.inputs import bad_argument
from rlcourse.contracts.settings import AtLeast0, Count, Fraction, Positive, Settings, Widths
from rlcourse.functional import policy_losses, returns
from rlcourse.parts.adam import Adam
from rlcourse.parts.agent import Agent, in_tensors, never_called, same_shape
from rlcourse.parts.policies import Categorical, Critic, Gaussian, Policy
from rlcourse.parts.rollouts import Episodes, Rollout
from rlcourse.worlds.envs import EnvMaker, Step


@dataclass(frozen=True)
class Config(Settings):
    """The settings of REINFORCE."""

    total_steps: Count = 75_000  # of each seed
    n_envs: Count = 1  # environments of each seed; with several, much of what they play is not learned from
    n_episodes: Count = 2  # episodes an update
    gamma: Fraction = 0.99
    baseline: Literal["none", "average", "value", "optimal"] = "value"
    reward_to_go: bool = True  # an action answers for what came after it, not for the whole episode
    discount_gradient: bool = False  # weigh step t by gamma^t, as the theorem for discounted returns has it
    entropy_coef: AtLeast0 = 0.0
    learning_rate: Positive = 3e-3
    value_learning_rate: Positive = 1e-2
    anneal: bool = True  # both fall linearly to 0 at total_steps
    max_grad_norm: Positive | None = None  # longer gradients of a seed are shortened
    hidden: Widths = (64,)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.discount_gradient and not self.reward_to_go:  # gamma^t twice: rewards of step t count from step 0 on
            raise bad_argument("discount_gradient", "True without reward_to_go", "both, or neither: it would be biased")


class Reinforce(Agent):
    """REINFORCE; env, n_seeds, seed and config as in Agent.

    An update learns from the first n_episodes that its policy began. What a seed's other environments play until these
    have ended, and what is half done by then, is counted only: with 4 of each, half of all steps (on CartPole).

    Args:
        discounted_returns, score_function_loss, optimal_baseline, entropy: the equations, a student's or the library's.
    """

    def __init__(
        self,
        env: EnvMaker,
        n_seeds: int = 1,
        seed: int = 0,
        config: Config = Config(),
        *,
        discounted_returns: Callable[..., Tensor] = returns.discounted_returns,
        score_function_loss: Callable[..., Tensor] = policy_losses.score_function_loss,
        optimal_baseline: Callable[..., Tensor] = policy_losses.optimal_baseline,
        entropy: Callable[..., Tensor] = policy_losses.entropy,
    ) -> None:
        super().__init__(env, n_seeds, seed, config)
        never_called(config.baseline != "optimal", optimal_baseline=optimal_baseline)
        never_called(config.entropy_coef == 0, entropy=entropy)
        self.discounted_returns, self.optimal_baseline = in_tensors(discounted_returns), in_tensors(optimal_baseline)
        self.score_function_loss = in_tensors(score_function_loss)
        self.policy = Policy(self.observation_space, self.action_space, config.hidden, self.seeds, entropy)
        self.greedy_network, self.exploration = self.policy, self.seeds("exploration")
        self.adam = Adam(self.policy, seeds=self.seeds, config=config)
        if config.baseline == "value":
            self.critic, rate = Critic(self.observation_space, config.hidden, self.seeds), config.value_learning_rate
            self.critic_adam = Adam(self.critic, seeds=self.seeds, config=config, learning_rate=rate)
        self.episodes, self.average = Episodes(config.n_episodes, config.n_envs, n_seeds), torch.zeros(n_seeds)

    def begin(self) -> None:
        self.episodes.forget()

    @torch.no_grad()
    def act(self, obs: ndarray) -> Tensor:
        """Actions [N, ...] drawn from the policy."""
        return self.policy(obs).sample(self.exploration)

    @torch.no_grad()
    def greedy(self, obs: ndarray) -> Tensor:
        """The likeliest actions [N, ...]."""
        return self.policy(obs).mode()

    def observe(self, step: Step) -> None:
        """Remember a step; seeds that have n_episodes whole episodes learn from them, then forget them."""
        for ready, episodes in self.episodes.add(step):
            self.learn(ready, episodes)

    def learn(self, ready: list[int], episodes: Rollout) -> None:
        """One update of these seeds; what lies in a column behind its episode's end was not `played`."""
        config, played, rewards = self.config, episodes.played, episodes.rewards
        pi = self.policy(episodes.obs, only=ready)
        log_prob = pi.log_prob(episodes.action)
        if config.baseline == "value":  # a truncated episode would have gone on: V stands for the rest
            values, beyond = self.critic(episodes.obs, only=ready), self.critic(episodes.next_obs, only=ready).detach()
            rewards = rewards + config.gamma * episodes.truncated * beyond
        to_go = self.discounted_returns(rewards, config.gamma)
        same_shape(rewards=rewards, discounted_returns=to_go, log_prob=log_prob)
        G = to_go if config.reward_to_go else to_go[:1].expand_as(to_go)
        weight = G - (values.detach() if config.baseline == "value" else self.constants(ready, episodes, G, pi))
        weight = weight * config.gamma ** torch.arange(len(G)).unsqueeze(1) if config.discount_gradient else weight
        length = played.sum() / played.shape[1]  # the loss is a mean over steps, the theorem sums those of an episode
        bonus = config.entropy_coef * pi.entropy()[played].mean() if config.entropy_coef else 0.0
        loss = self.score_function_loss(log_prob[played], weight[played]) - bonus
        self.adam.step(loss * length, self.steps, only=ready)
        if config.baseline == "value":
            self.critic_adam.step(((to_go - values)[played] ** 2).mean() * length, self.steps, only=ready)
        self.note(ready, paid=episodes.rewards.sum(0), told=to_go[0], gradient=self.adam.norms[ready])

    def constants(self, ready: list[int], episodes: Rollout, G: Tensor, pi: Categorical | Gaussian) -> Tensor:
        """Baselines that are one number for each seed's batch, as [N]."""
        R, b = len(ready), self.average[ready]
        if self.config.baseline == "average":  # of earlier updates, later ones counting more
            self.average[ready] = b.lerp(torch.stack([own.mean() for (own,) in episodes.by_seed(R, G)]), 0.1)
        if self.config.baseline == "optimal":  # it sees the batch's own returns
            b = torch.stack([self.optimal_baseline(*x) for x in episodes.by_seed(R, pi.score_sq(episodes.action), G)])
        same_shape(seeds=torch.tensor(ready), optimal_baseline=b)
        return b.repeat_interleave(self.config.n_episodes)
