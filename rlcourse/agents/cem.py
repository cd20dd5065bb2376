"""The cross-entropy method over a policy's parameters (lecture 06).

Source: Rubinstein (1999); for policies Szita and Lőrincz (2006), Mannor, Rubinstein and Gat (2003).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from gymnasium.spaces import Discrete
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.contracts.inputs import bad_argument
from rlcourse.contracts.settings import AtLeast0, Count, Fraction, Positive, Settings, Widths
from rlcourse.functional import search
from rlcourse.parts.agent import Agent, in_tensors, same_shape
from rlcourse.parts.nets import SideBySide, mlp
from rlcourse.parts.policies import n_outputs, vector
from rlcourse.parts.seeds import Seeds
from rlcourse.parts.trials import Trials
from rlcourse.worlds.envs import EnvMaker, Step


@dataclass(frozen=True)
class Config(Settings):
    """The settings of the cross-entropy method."""

    total_steps: Count = 50_000  # of each seed
    n_envs: Count = 8  # environments of each seed
    population: Count = 50  # candidates of a generation
    fraction: Fraction = 0.1  # of them that are the elite
    n_episodes: Count = 1  # that each candidate plays; its score is their mean return
    std: Positive = 1.0  # of the first generation
    min_std: AtLeast0 = 0.3  # the least of a parameter, at first; it falls linearly to 0 at total_steps
    hidden: Widths = ()  # no hidden layer: a linear policy

    def __post_init__(self) -> None:
        super().__post_init__()
        if round(self.fraction * self.population) < 1:
            came = f"{self.fraction:g} of {self.population}"
            raise bad_argument("fraction", came, "at least one candidate in the elite")


class CEM(Agent):
    """The cross-entropy method for a deterministic policy's parameters; env, n_seeds, seed and config as in Agent.

    A generation's candidates are drawn from a normal distribution and play in whichever environment is free; the best
    ones make the next distribution.

    Args:
        cem_refit: the equation, a student's or the library's.
    """

    def __init__(
        self,
        env: EnvMaker,
        n_seeds: int = 1,
        seed: int = 0,
        config: Config = Config(),
        *,
        cem_refit: Callable[..., tuple[Tensor, Tensor]] = search.cem_refit,
    ) -> None:
        super().__init__(env, n_seeds, seed, config)
        self.cem_refit, self.chance = in_tensors(cem_refit), list(self.seeds("candidates"))
        sizes = (vector(self.observation_space), *config.hidden, n_outputs(self.action_space))
        self.greedy_network = SideBySide(mlp(sizes, self.seeds("policy"), activation=nn.Tanh), n_seeds)
        each = Seeds(0, n_seeds * config.n_envs)  # a policy of its own for each environment
        self.players = SideBySide(mlp(sizes, each("policy"), activation=nn.Tanh), len(each))
        D = sum(p[0].numel() for p in self.players.parameters())
        self.mean, self.std = torch.zeros(n_seeds, D), torch.full((n_seeds, D), config.std)
        self.samples, self.generation = torch.zeros(n_seeds, config.population, D), torch.zeros(n_seeds)
        for k in range(n_seeds):
            self.draw(k)
        self.trials = Trials(config.population, config.n_episodes, config.n_envs, n_seeds)

    def begin(self) -> None:
        self.trials.forget()

    @torch.no_grad()
    def act(self, obs: ndarray) -> Tensor:
        """Actions [N, ...], each environment's by the candidate whose turn it is."""
        self.players.write(slice(None), self.samples.flatten(0, 1)[self.trials.playing])
        return self.best(self.players(obs))

    @torch.no_grad()
    def greedy(self, obs: ndarray) -> Tensor:
        """Actions [N, ...] of the mean parameters."""
        return self.best(self.greedy_network(obs))

    def best(self, out: Tensor) -> Tensor:
        """The discrete action with the largest output; continuous ones are the outputs."""
        return out.argmax(-1) if isinstance(self.action_space, Discrete) else out

    def observe(self, step: Step) -> None:
        """Count rewards; a seed whose candidates have all been scored learns from them."""
        for k, scores in self.trials.add(step):
            self.learn(k, scores)

    def learn(self, k: int, scores: Tensor) -> None:
        """Seed k's next generation."""
        config = self.config
        if scores.isnan().any():  # it has diverged, and stays as it is
            self.seeds.diverged.setdefault(k, self.steps)
        if k not in self.seeds.diverged:
            min_std = config.min_std * max(0.0, 1 - self.steps / config.total_steps)
            mean, std = self.cem_refit(self.samples[k], scores, round(config.fraction * config.population), min_std)
            same_shape(parameters=self.mean[k], cem_refit=mean, std_of_cem_refit=std)
            self.mean[k], self.std[k] = mean, std
            self.generation[k] += 1
            self.note([k], score=scores, std=std, generation=self.generation[[k]])
            self.draw(k)

    def draw(self, k: int) -> None:
        """Draw candidates around the mean."""
        noise = torch.from_numpy(self.chance[k].standard_normal(self.samples.shape[1:], np.float32))
        self.samples[k] = self.mean[k] + self.std[k] * noise
        self.greedy_network.write(k, self.mean[k])
