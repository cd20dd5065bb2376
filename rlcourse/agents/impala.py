"""IMPALA: actors that act by an older policy than the one that learns, and V-trace to make up for it (lecture 09).

Source: Espeholt et al. (2018). Here actors and learner take turns in one process: rollouts wait in a queue until the
learner is `lag` updates further. That is what actors on other machines amount to, but it can be repeated. A batch holds
the environments of all seeds side by side, N of them; it reads as for one seed.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.contracts.settings import AtLeast0, Count, Fraction, Natural, Positive, Settings, Widths
from rlcourse.functional import policy_losses, returns
from rlcourse.parts.adam import Adam
from rlcourse.parts.agent import Agent, in_tensors, same_shape
from rlcourse.parts.policies import Critic, Policy
from rlcourse.parts.rollouts import Rollout, RolloutMemory, Rollouts, side_by_side
from rlcourse.worlds.envs import EnvMaker, Step


@dataclass(frozen=True)
class Config(Settings):
    """The settings of IMPALA."""

    total_steps: Count = 100_000  # of each seed
    n_envs: Count = 8  # environments of each seed
    rollout_length: Count = 8  # steps of each environment between updates
    lag: Natural = (
        10  # updates that the learner is ahead of the actors; the run's last `lag` rollouts are never learned from
    )
    corrected: bool = True  # V-trace; False: old data taken for new, every ratio 1
    rho_bar: Positive = 1.0  # ratios above it are cut: it decides whose value is learned
    c_bar: AtLeast0 = 1.0  # traces above it are cut: it decides how fast; 0 looks one step ahead
    replay: Natural = 0  # old rollouts that each update learns from as well
    replay_capacity: Count = 50  # rollouts from which those are drawn
    gamma: Fraction = 0.99
    value_coef: AtLeast0 = 0.5
    entropy_coef: AtLeast0 = 0.01
    learning_rate: Positive = 3e-3
    anneal: bool = True  # the learning rate falls linearly to 0 at total_steps
    max_grad_norm: Positive | None = 0.5  # longer gradients of a seed are shortened
    hidden: Widths = (64, 64)


class Impala(Agent):
    """IMPALA; env, n_seeds, seed and config as in Agent.

    Args:
        vtrace, entropy, a2c_loss: the equations, a student's or the library's.
    """

    def __init__(
        self,
        env: EnvMaker,
        n_seeds: int = 1,
        seed: int = 0,
        config: Config = Config(),
        *,
        vtrace: Callable[..., tuple[Tensor, Tensor]] = returns.vtrace,
        entropy: Callable[..., Tensor] = policy_losses.entropy,
        a2c_loss: Callable[..., Tensor] = policy_losses.a2c_loss,
    ) -> None:
        super().__init__(env, n_seeds, seed, config)
        self.vtrace, self.a2c_loss = in_tensors(vtrace), in_tensors(a2c_loss)
        self.policy = Policy(self.observation_space, self.action_space, config.hidden, self.seeds, entropy)
        self.critic = Critic(self.observation_space, config.hidden, self.seeds)
        self.greedy_network = self.policy
        self.adam = Adam(self.policy, self.critic, seeds=self.seeds, config=config)
        self.exploration, self.replaying = self.seeds("exploration"), self.seeds("replay")
        self.rollouts, self.memory = Rollouts(config.rollout_length), RolloutMemory(config.replay_capacity)
        self.queue: deque[Rollout] = deque()

    def begin(self) -> None:
        self.rollouts.forget()

    @torch.no_grad()
    def act(self, obs: ndarray) -> Tensor:
        """Actions [N, ...] drawn from the policy, and how likely they were: it will have moved on when it learns."""
        pi = self.policy(obs)
        action = pi.sample(self.exploration)
        self.rollouts.note(log_prob=pi.log_prob(action))
        return action

    @torch.no_grad()
    def greedy(self, obs: ndarray) -> Tensor:
        """The likeliest actions [N, ...]."""
        return self.policy(obs).mode()

    def observe(self, step: Step) -> None:
        """Remember a step; a whole rollout joins the queue, and the learner takes the one that is `lag` updates old."""
        rollout = self.rollouts.add(step)
        if rollout:
            self.queue.append(rollout)
        if len(self.queue) > self.config.lag:
            waited = self.queue.popleft()
            replayed = [self.memory.recall(self.replaying) for _ in range(self.config.replay if self.memory else 0)]
            self.memory.add(waited)
            self.learn(side_by_side([waited, *replayed], len(self.seeds)))

    def learn(self, rollout: Rollout) -> None:
        """One update."""
        config = self.config
        pi, values = self.policy(rollout.obs), self.critic(rollout.obs)
        log_prob, entropy = pi.log_prob(rollout.action), pi.entropy()
        with torch.no_grad():
            next_values = self.critic(rollout.next_obs)
            ratios = (log_prob - rollout.log_prob).exp() if config.corrected else torch.ones_like(values)
        ends, bars = (rollout.terminated, rollout.truncated), (config.rho_bar, config.c_bar)
        vs, advantages = self.vtrace(rollout.rewards, values.detach(), next_values, *ends, ratios, config.gamma, *bars)
        same_shape(values=values, log_prob=log_prob, entropy=entropy, vtrace=vs)
        same_shape(values=values, vtrace=advantages)
        coefficients = config.value_coef, config.entropy_coef
        loss = self.a2c_loss(log_prob, advantages, values, vs, entropy, *coefficients)
        self.adam.step(loss, self.steps)
        self.reports = {"entropy": entropy, "advantage": advantages, "value": values, "ratio": ratios}
        self.reports["gradient"] = self.adam.norms
