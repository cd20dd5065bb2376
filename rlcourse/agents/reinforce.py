"""REINFORCE with the baselines of lecture 07, K seeds side by side; a seed learns whenever its episodes have ended.

Source: Williams (1992). Seeds end their episodes at different times, so each update is of the seeds that are ready.
"""

from collections.abc import Callable
from dataclasses import dataclass

import gymnasium
import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.contracts.graded import equation
from rlcourse.contracts.inputs import Number, bad_argument
from rlcourse.functional import policy_losses, returns
from rlcourse.parts.adam import SeedAdam, clip_gradients
from rlcourse.parts.nets import generators_for, mlp
from rlcourse.parts.policies import policy_for, within
from rlcourse.worlds.envs import Step

MEMORY = 10_000  # steps over which the average of returns reaches back
BASELINES = ("none", "average", "value", "optimal")


@dataclass(frozen=True)
class Config:
    """What one may turn."""

    gamma: float = 0.99
    baseline: str = "value"  # one of BASELINES
    reward_to_go: bool = True  # an action answers for what came after it, not for the whole episode
    discount_gradient: bool = False  # weigh step t by gamma^t, as the theorem for discounted returns has it
    n_episodes: int = 2  # episodes an update
    learning_rate: float = 3e-3
    value_learning_rate: float = 1e-2
    anneal: bool = True  # both fall linearly to 0 at `total_steps`
    total_steps: int = 75_000
    hidden: tuple[int, ...] = (64,)
    entropy_coef: float = 0.0
    clip: float | None = None  # largest norm of each seed's gradient
    n_envs: int = 1  # environments of each seed


class Reinforce:
    """K agents side by side.

    Args:
        env: an environment (for its spaces).
        n_seeds: how many seeds learn, seed, seed + 1, ...
        seed: the first of them.
        config: see Config.
        discounted_returns, score_function_loss, optimal_baseline, entropy: the equations, a student's or the library's.

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
        discounted_returns: Callable[..., Tensor] = returns.discounted_returns,
        score_function_loss: Callable[..., Tensor] = policy_losses.score_function_loss,
        optimal_baseline: Callable[..., Tensor] = policy_losses.optimal_baseline,
        entropy: Callable[..., Tensor] = policy_losses.entropy,
    ) -> None:
        self.config, self.n_seeds, self.seed = config or Config(), n_seeds, seed
        check(self.config)
        self.discounted_returns, self.score_function_loss = equation(discounted_returns), equation(score_function_loss)
        self.optimal_baseline = equation(optimal_baseline)
        generators = generators_for(n_seeds, seed)
        self.actor = policy_for(env, self.config.hidden, generators, entropy)
        self.critic = mlp((*env.observation_space.shape, *self.config.hidden, 1), generators, activation=nn.Tanh)
        self.actor_optimizer = SeedAdam(self.actor.parameters())
        self.critic_optimizer = SeedAdam(self.critic.parameters())
        self.explorers = [np.random.default_rng([seed + k, 0]) for k in range(n_seeds)]
        self.action_space = env.action_space
        self.steps = 0  # of each seed
        self.average = np.zeros(n_seeds)  # of the returns so far
        self.counted = np.zeros(n_seeds)
        self.running: dict[tuple[int, int], list] = {}  # (seed, environment): the steps of its episode so far
        self.ended: list[list[tuple]] = [[] for _ in range(n_seeds)]  # of each seed, episodes not learned from yet

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
        """Remember a step; a seed with n_episodes whole episodes learns from them."""
        self.steps += step.reward.shape[1]
        for k, b in np.ndindex(step.reward.shape):
            episode = self.running.setdefault((k, b), [])
            episode.append((step.obs[k, b], self.drawn[k, b], step.reward[k, b]))
            if step.terminated[k, b] or step.truncated[k, b]:
                self.ended[k].append(self.whole(self.running.pop((k, b)), step.next_obs[k, b], step.truncated[k, b], k))
        ready = [k for k, episodes in enumerate(self.ended) if len(episodes) >= self.config.n_episodes]
        if ready:
            self.learn(ready)

    def whole(self, episode: list, last_obs: ndarray, truncated: bool, k: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """An episode as tensors: observations, actions, returns, and the number of each step.

        A truncated episode would have gone on: with a critic its value stands for the rest.
        """
        obs, actions, rewards = (torch.from_numpy(np.array(x)) for x in zip(*episode, strict=True))
        rewards = rewards.float()
        if truncated and self.config.baseline == "value":
            beyond = torch.zeros(self.n_seeds, 1, len(last_obs))
            beyond[k, 0] = torch.from_numpy(last_obs)
            with torch.no_grad():
                rewards[-1] += self.config.gamma * self.critic(beyond)[k].item()
        to_go = self.discounted_returns(rewards.unsqueeze(1), self.config.gamma).squeeze(1)
        if to_go.shape != rewards.shape:
            raise bad_argument("discounted_returns", f"{tuple(to_go.shape)} back from it", f"{tuple(rewards.shape)}")
        return obs.float(), actions, to_go, torch.arange(len(rewards))

    def learn(self, ready: list[int]) -> None:
        """One update of these seeds, from the episodes that have ended."""
        config = self.config
        batches = {k: [torch.cat(part) for part in zip(*self.ended[k], strict=True)] for k in ready}
        longest = max(len(batch[0]) for batch in batches.values())
        obs, actions = (  # [K, N, ...]; a seed that is not ready, or has fewer steps, is filled up and left out below
            torch.zeros(self.n_seeds, longest, *part.shape[1:], dtype=part.dtype) for part in batches[ready[0]][:2]
        )
        for k, batch in batches.items():
            obs[k, : len(batch[0])], actions[k, : len(batch[0])] = batch[:2]
            self.ended[k] = []
        parameters, values = self.actor(obs), self.critic(obs).squeeze(-1)
        log_prob = self.actor.log_prob(parameters, actions)
        entropy = self.actor.entropy(parameters) if config.entropy_coef > 0 else torch.zeros_like(log_prob)

        losses, value_losses = [], []
        for k, (_, _, to_go, t) in batches.items():  # an equation never sees K
            n = len(t)
            weight = self.credit(to_go, t) - self.baseline(
                k, to_go, values[k, :n].detach(), self.actor.score_sq(parameters[k, :n], actions[k, :n])
            )
            if config.discount_gradient:
                weight = weight * config.gamma**t
            loss = self.score_function_loss(log_prob[k, :n], weight)
            losses.append(loss - config.entropy_coef * entropy[k, :n].mean())
            value_losses.append(((to_go - values[k, :n]) ** 2).mean())
        self.step(self.actor, self.actor_optimizer, config.learning_rate, losses, ready)
        self.step(self.critic, self.critic_optimizer, config.value_learning_rate, value_losses, ready)

    def credit(self, to_go: Tensor, t: Tensor) -> Tensor:
        """What each action answers for: what came after it, or the return of its whole episode."""
        if self.config.reward_to_go:
            return to_go
        starts = (t == 0).nonzero().squeeze(1)
        return to_go[starts].repeat_interleave(starts.diff(append=torch.tensor([len(t)])))

    def baseline(self, k: int, to_go: Tensor, values: Tensor, score_sq: Tensor) -> Tensor | float:
        """What is taken off the return: something that does not depend on the action."""
        if self.config.baseline == "value":
            return values
        if self.config.baseline == "average":  # of the returns before these
            average = float(self.average[k])
            self.counted[k] += len(to_go)
            self.average[k] += (to_go.mean().item() - self.average[k]) * len(to_go) / min(self.counted[k], MEMORY)
            return average
        if self.config.baseline == "optimal":  # one number for the batch; it sees the batch's own returns
            return self.optimal_baseline(score_sq, to_go)
        return 0.0

    def step(self, net: nn.Module, optimizer: SeedAdam, rate: float, losses: list[Tensor], ready: list[int]) -> None:
        """A step of the seeds that are ready, each by the gradient of its own loss."""
        loss = torch.stack(losses)
        if not torch.isfinite(loss).all():
            raise FloatingPointError(
                f"the loss is NaN or infinite at step {self.steps}: look at the rewards, the learning rate ({rate:g}) "
                "and the log-probabilities"
            )
        net.zero_grad()
        loss.sum().backward()
        clip_gradients(net, self.n_seeds, self.config.clip)
        left = max(0.0, 1 - self.steps / self.config.total_steps) if self.config.anneal else 1.0
        optimizer.step(torch.tensor(ready), rate * left)


def check(config: Config) -> None:
    """Whether the numbers make sense."""
    if config.baseline not in BASELINES:
        raise bad_argument("baseline", repr(config.baseline), f"one of {', '.join(BASELINES)}")
    Number(0, 1).check("gamma", config.gamma, {})
    for name in ("n_episodes", "n_envs", "total_steps"):
        Number(1).check(name, getattr(config, name), {})
    for name in ("learning_rate", "value_learning_rate"):
        Number(0, open_ends="low").check(name, getattr(config, name), {})
    Number(0).check("entropy_coef", config.entropy_coef, {})
