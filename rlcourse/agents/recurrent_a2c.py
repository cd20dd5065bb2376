"""A2C with a memory: a GRU before the policy and the critic (lecture 09).

Source: Mnih et al. (2016), section 5, with a GRU in place of their LSTM. Policy and critic see the memory in place of
the observation, which says by itself where an episode begins (worlds/probes.py, Begins). A batch holds the environments
of all seeds side by side, N of them; it reads as for one seed.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from gymnasium.spaces import Box
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.contracts.inputs import bad_argument
from rlcourse.contracts.settings import AtLeast0, Count, Fraction, Positive, Settings, Widths
from rlcourse.functional import policy_losses, returns
from rlcourse.parts.adam import Adam
from rlcourse.parts.agent import Agent, in_tensors, same_shape
from rlcourse.parts.gru import GRU
from rlcourse.parts.policies import Critic, Policy, vector
from rlcourse.parts.rollouts import Rollout, Rollouts
from rlcourse.worlds.envs import EnvMaker, Step


@dataclass(frozen=True)
class Config(Settings):
    """The settings of A2C with a memory."""

    total_steps: Count = 100_000  # of each seed
    n_envs: Count = 8  # environments of each seed
    rollout_length: Count = 8  # steps between updates; gradients flow back to a rollout's beginning, not beyond
    gamma: Fraction = 0.99
    lam: Fraction = 0.95  # of the advantages: 1 sums all rewards of the rollout, 0 looks one step ahead
    value_coef: AtLeast0 = 0.5
    entropy_coef: AtLeast0 = 0.01
    learning_rate: Positive = 3e-3
    anneal: bool = True  # the learning rate falls linearly to 0 at total_steps
    max_grad_norm: Positive | None = 0.5  # longer gradients of a seed are shortened
    gru_width: Count = 32  # numbers that are remembered
    hidden: Widths = (32,)  # of the layers after the memory


class RecurrentA2C(Agent):
    """Advantage actor-critic with a memory; env, n_seeds, seed and config as in Agent.

    Args:
        gae, entropy, a2c_loss: the equations, a student's or the library's.

    Raises:
        ValueError: where the observation does not say where an episode begins, or as Agent.
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
        n_in, space = vector(self.observation_space), self.observation_space
        if (space.low[-1], space.high[-1]) != (0, 1):
            raise bad_argument("observation_space", f"{space}", "one whose last number says 0 or 1: probes.Begins(env)")
        self.gae, self.a2c_loss = in_tensors(gae), in_tensors(a2c_loss)
        remembered = Box(-1, 1, (config.gru_width,))
        self.gru = GRU(n_in, config.gru_width, self.seeds("gru"))
        self.policy = Policy(remembered, self.action_space, config.hidden, self.seeds, entropy)
        self.critic = Critic(remembered, config.hidden, self.seeds)
        self.greedy_network = nn.ModuleList([self.gru, self.policy])
        self.adam = Adam(self.gru, self.policy, self.critic, seeds=self.seeds, config=config)
        self.exploration, self.rollouts = self.seeds("exploration"), Rollouts(config.rollout_length)
        self.memory = torch.zeros(n_seeds * config.n_envs, config.gru_width)
        self.evaluation_memory = self.memory[:0]

    def begin(self) -> None:
        self.rollouts.forget()

    @torch.no_grad()
    def act(self, obs: ndarray) -> Tensor:
        """Actions [N, ...] drawn from the policy; the rollout begins from what was remembered before its first step."""
        self.rollouts.note(memory=self.memory)
        self.memory = self.gru(obs, self.memory)
        return self.policy(self.memory).sample(self.exploration)

    @torch.no_grad()
    def greedy(self, obs: ndarray) -> Tensor:
        """The likeliest actions [N, ...]; evaluation remembers for itself, and from nothing where N is another."""
        if len(self.evaluation_memory) != len(obs):
            self.evaluation_memory = torch.zeros(len(obs), self.config.gru_width)
        self.evaluation_memory = self.gru(obs, self.evaluation_memory)
        return self.policy(self.evaluation_memory).mode()

    def observe(self, step: Step) -> None:
        """Remember a step; learn from a whole rollout, then forget it."""
        rollout = self.rollouts.add(step)
        if rollout:
            self.learn(rollout)

    def learn(self, rollout: Rollout) -> None:
        """One update."""
        config = self.config
        memories = self.gru.unroll(rollout.obs, rollout.memory[0])  # [T, N, H]
        pi, values = self.policy(memories), self.critic(memories)
        with torch.no_grad():
            next_values = self.critic(self.gru(rollout.next_obs, memories))
        ends = rollout.terminated, rollout.truncated
        advantages = self.gae(rollout.rewards, values.detach(), next_values, *ends, config.gamma, config.lam)
        log_prob, entropy = pi.log_prob(rollout.action), pi.entropy()
        same_shape(values=values, log_prob=log_prob, entropy=entropy, gae=advantages)
        targets = advantages + values.detach()
        coefficients = config.value_coef, config.entropy_coef
        loss = self.a2c_loss(log_prob, advantages, values, targets, entropy, *coefficients)
        self.adam.step(loss, self.steps)
        self.reports = {"entropy": entropy, "advantage": advantages, "value": values, "gradient": self.adam.norms}
