"""IMPALA: actors that act by an older policy than the one that learns, and V-trace to make up for it (lecture 09).

Source: Espeholt et al. (2018). Here actors and learner take turns in one process: rollouts wait in a queue until the
learner is `lag` updates further. That is what actors on other machines amount to, but it can be repeated. K seeds.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import gymnasium
import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.agents import a2c
from rlcourse.contracts.graded import equation
from rlcourse.contracts.inputs import Number, bad_argument
from rlcourse.functional import returns
from rlcourse.parts.policies import within
from rlcourse.parts.rollouts import Rollout, rollout
from rlcourse.worlds.envs import Step


@dataclass(frozen=True)
class Config(a2c.Config):
    """A2C's (but lam, which V-trace's c_bar replaces), and:"""

    lag: int = 10  # updates that the learner is ahead of the actors
    corrected: bool = True  # V-trace; False: stale data taken for new, every ratio 1
    rho_bar: float = 1.0
    c_bar: float = 1.0
    replay: int = 0  # old rollouts that an update learns from, too
    capacity: int = 50  # rollouts from which those are drawn


class Behaved(NamedTuple):
    """A rollout, and what the policy that acted thought of its actions."""

    taken: Rollout
    log_prob: Tensor  # log mu(a | s) [T, K*B]


class Impala(a2c.A2C):
    """K agents side by side.

    Args:
        env, n_seeds, seed, entropy, a2c_loss: as A2C.
        config: see Config.
        vtrace: the equation, a student's or the library's.

    Raises:
        ValueError: as A2C.
    """

    def __init__(
        self,
        env: gymnasium.Env,
        n_seeds: int = 1,
        seed: int = 0,
        config: Config | None = None,
        *,
        vtrace: Callable[..., tuple[Tensor, Tensor]] = returns.vtrace,
        **equations: Callable[..., Tensor],
    ) -> None:
        super().__init__(env, n_seeds, seed, config or Config(), **equations)
        check(self.config)
        self.vtrace = equation(vtrace)
        self.acted: list[Tensor] = []  # log mu(a | s) [K, B] of the steps taken
        self.queue: deque[Behaved] = deque()
        self.memory: deque[Behaved] = deque(maxlen=self.config.capacity)
        self.drawers = [np.random.default_rng([seed + k, 2]) for k in range(n_seeds)]
        self.updates = 0

    @torch.no_grad()
    def act(self, obs: ndarray) -> ndarray:
        """Actions [K, B, ...] drawn from the policy, which is not yet what it will be when they are learned from."""
        parameters = self.actor(torch.as_tensor(obs, dtype=torch.float32))
        drawn = self.actor.sample(parameters, self.explorers)
        self.drawn, self.drawn_log_prob = drawn.numpy(), self.actor.log_prob(parameters, drawn)
        return within(self.action_space, self.drawn)

    def observe(self, step: Step) -> None:
        """Remember a step; a whole rollout goes to the queue, and the learner takes the one that is `lag` old."""
        self.taken.append(step._replace(action=self.drawn))
        self.acted.append(self.drawn_log_prob)
        self.steps += step.reward.shape[1]
        if len(self.taken) < self.config.n_steps:
            return
        self.queue.append(Behaved(rollout(self.taken), torch.stack(self.acted).flatten(1, 2)))
        self.taken, self.acted = [], []
        if len(self.queue) > self.config.lag:
            newest = self.queue.popleft()
            replayed = [self.remembered() for _ in range(self.config.replay if self.memory else 0)]
            self.learn(self.side_by_side([newest, *replayed]))
            self.memory.append(newest)

    def remembered(self) -> Behaved:
        """An old rollout, each seed's drawn by itself."""
        drawn = [self.memory[generator.integers(len(self.memory))] for generator in self.drawers]

        def of_each_seed(columns: list[Tensor]) -> Tensor:
            return torch.cat([column.chunk(self.n_seeds, dim=1)[k] for k, column in enumerate(columns)], dim=1)

        taken = Rollout(*(of_each_seed(list(columns)) for columns in zip(*(one.taken for one in drawn), strict=True)))
        return Behaved(taken, of_each_seed([one.log_prob for one in drawn]))

    def side_by_side(self, rollouts: list[Behaved]) -> Behaved:
        """Some rollouts [T, K*B, ...] as one [T, K*(some B), ...], seed 0's first."""

        def joined(columns: list[Tensor]) -> Tensor:
            return torch.cat([x.unflatten(1, (self.n_seeds, -1)) for x in columns], dim=2).flatten(1, 2)

        taken = Rollout(*(joined(list(columns)) for columns in zip(*(one.taken for one in rollouts), strict=True)))
        return Behaved(taken, joined([one.log_prob for one in rollouts]))

    def learn(self, behaved: Behaved) -> None:
        """One update of every seed."""
        (taken, behaviour), config, T = behaved, self.config, len(behaved.log_prob)
        parameters = self.actor(self.seeded(taken.obs))
        log_prob = self.unseeded(self.actor.log_prob(parameters, self.seeded(taken.action)), T)
        entropy = self.unseeded(self.actor.entropy(parameters), T)
        values = self.values(taken.obs)
        with torch.no_grad():
            next_values = self.values(taken.next_obs)
            self.ratios = (log_prob - behaviour).exp() if config.corrected else torch.ones_like(behaviour)
        ends = taken.terminated, taken.truncated
        targets, advantages = self.vtrace(
            taken.rewards,
            values.detach(),
            next_values,
            *ends,
            self.ratios,
            config.gamma,
            rho_bar=config.rho_bar,
            c_bar=config.c_bar,
        )
        if targets.shape != values.shape or advantages.shape != values.shape:
            came = f"shapes {tuple(targets.shape)} and {tuple(advantages.shape)} back from it"
            raise bad_argument("vtrace", came, f"{tuple(values.shape)} twice")
        coefficients = config.value_coef, config.entropy_coef
        loss = self.a2c_loss(log_prob, advantages, values, targets, entropy, *coefficients)
        self.descend(loss)
        self.updates += 1


def check(config: Config) -> None:
    """Whether the numbers make sense."""
    for name in ("lag", "replay", "c_bar"):
        Number(0).check(name, getattr(config, name), {})
    Number(0, open_ends="low").check("rho_bar", config.rho_bar, {})
    Number(1).check("capacity", config.capacity, {})
