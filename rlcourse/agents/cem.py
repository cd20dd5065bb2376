"""The cross-entropy method over a policy's parameters (lecture 06).

Source: Rubinstein (1999); for policies Szita and Lőrincz (2006), Mannor, Rubinstein and Gat (2003).
"""

from collections.abc import Callable
from dataclasses import dataclass

import gymnasium
import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.contracts.graded import equation
from rlcourse.contracts.inputs import Number, Scalar, bad_argument
from rlcourse.functional import search
from rlcourse.parts.nets import generators_for, mlp
from rlcourse.parts.policies import within
from rlcourse.worlds.envs import Step

IDLE = -1  # in place of a candidate's number: what this environment plays is not counted


@dataclass(frozen=True)
class Config:
    """What one may turn."""

    population: int = 50  # candidates of a generation
    fraction: float = 0.1  # of them that are the elite
    n_sessions: int = 1  # sessions that each candidate plays; its score is their mean
    std: float = 1.0  # of the first generation
    min_std: float = 0.3  # the least of a parameter, at first; it falls linearly to 0 at `total_steps`
    total_steps: int = 50_000
    hidden: tuple[int, ...] = ()  # no hidden layer: a linear policy
    n_envs: int = 8  # environments of each seed


class CEM:
    """K searches side by side, each for the parameters of a deterministic policy.

    A generation's candidates are drawn from a normal distribution and play in whichever environment is free; the best
    ones make the next distribution. What is still being played when a generation is complete is not counted.

    Args:
        env: an environment (for its spaces).
        n_seeds: how many seeds search, seed, seed + 1, ...
        seed: the first of them.
        config: see Config.
        cem_refit: the equation, a student's or the library's.

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
        cem_refit: Callable[..., tuple[Tensor, Tensor]] = search.cem_refit,
    ) -> None:
        self.config, self.n_seeds, self.cem_refit = config or Config(), n_seeds, equation(cem_refit)
        self.n_elite = check(self.config)
        self.action_space = env.action_space
        sizes = (*env.observation_space.shape, *self.config.hidden, outputs(env))
        self.mean_policy = mlp(sizes, generators_for(n_seeds, seed), activation=nn.Tanh).requires_grad_(False)
        crowd = generators_for(n_seeds * self.config.n_envs, seed)  # a policy of its own for each environment
        self.players = mlp(sizes, crowd, activation=nn.Tanh).requires_grad_(False)

        n_parameters = sum(p[0].numel() for p in self.players.parameters())
        self.draws = generators_for(n_seeds, seed)
        self.mean = torch.zeros(n_seeds, n_parameters)
        self.std = torch.full_like(self.mean, self.config.std)
        self.samples = torch.zeros(n_seeds, self.config.population, n_parameters)
        self.scores = torch.zeros(n_seeds, self.config.population)
        self.handed_out, self.came_back = np.zeros((2, n_seeds), int)  # sessions of this generation
        self.playing = np.full((n_seeds, self.config.n_envs), IDLE)
        self.running = np.zeros(self.playing.shape)
        self.generations: list[list[Tensor]] = [[] for _ in range(n_seeds)]  # the scores of those that are complete
        self.steps = 0  # of each seed
        for k in range(n_seeds):
            put(self.mean_policy, k, self.mean[k])
            self.draw(k)
            for b in range(self.config.n_envs):
                self.hand_out(k, b)

    @property
    def policy(self) -> nn.Module:
        """The policy that `greedy` acts by: that of the mean parameters."""
        return self.mean_policy

    def act(self, obs: ndarray) -> ndarray:
        """Actions [K, B, ...], each environment's by its own candidate."""
        K, B = obs.shape[:2]
        out = self.players(torch.as_tensor(obs.reshape(K * B, 1, -1), dtype=torch.float32))
        return self.actions(out.view(K, B, -1))

    def greedy(self, obs: ndarray) -> ndarray:
        """Actions [K, B, ...] of the mean parameters."""
        return self.actions(self.mean_policy(torch.as_tensor(obs, dtype=torch.float32)))

    def actions(self, out: Tensor) -> ndarray:
        """Of discrete actions the one with the largest output; continuous ones are the output, clipped."""
        discrete = isinstance(self.action_space, gymnasium.spaces.Discrete)
        return out.argmax(dim=-1).numpy() if discrete else within(self.action_space, out.numpy())

    def observe(self, step: Step) -> None:
        """Count the rewards; a session that ends is noted, and a generation whose sessions are all back is refitted."""
        self.steps += step.reward.shape[1]
        self.running += step.reward
        for k, b in np.argwhere(step.terminated | step.truncated):
            if self.playing[k, b] != IDLE:
                self.scores[k, self.playing[k, b]] += self.running[k, b] / self.config.n_sessions
                self.came_back[k] += 1
            if self.came_back[k] == self.config.population * self.config.n_sessions:
                self.refit(k)
            self.running[k, b] = 0
            self.hand_out(k, b)

    def refit(self, k: int) -> None:
        """Seed k's next generation."""
        if self.scores[k].isnan().any():
            raise FloatingPointError(f"a session's return is NaN at step {self.steps}: look at the rewards")
        self.generations[k].append(self.scores[k].clone())
        min_std = self.config.min_std * max(0.0, 1 - self.steps / self.config.total_steps)
        mean, std = self.cem_refit(self.samples[k], self.scores[k], self.n_elite, min_std)
        if mean.shape != self.mean[k].shape or std.shape != mean.shape:
            came = f"shapes {tuple(mean.shape)} and {tuple(std.shape)} back from it"
            raise bad_argument(
                "cem_refit", came, f"{tuple(self.mean[k].shape)}, a mean and a standard deviation a parameter"
            )
        self.mean[k], self.std[k] = mean, std
        put(self.mean_policy, k, mean)
        self.draw(k)

    def draw(self, k: int) -> None:
        """New candidates for seed k, none of them played yet."""
        noise = torch.randn(self.samples.shape[1:], generator=self.draws[k])
        self.samples[k] = self.mean[k] + self.std[k] * noise
        self.scores[k] = 0
        self.handed_out[k] = self.came_back[k] = 0
        self.playing[k] = IDLE

    def hand_out(self, k: int, b: int) -> None:
        """Give environment b of seed k the next candidate, if one is left."""
        self.playing[k, b] = IDLE
        if self.handed_out[k] < self.config.population * self.config.n_sessions:
            self.playing[k, b] = self.handed_out[k] % self.config.population
            self.handed_out[k] += 1
            put(self.players, k * self.config.n_envs + b, self.samples[k, self.playing[k, b]])


def put(net: nn.Module, row: int, parameters: Tensor) -> None:
    """Write parameters [D] into row `row` of stacked ones."""
    for p, part in zip(net.parameters(), parameters.split([p[0].numel() for p in net.parameters()]), strict=True):
        p[row] = part.view(p[row].shape)


def outputs(env: gymnasium.Env) -> int:
    """How many numbers a policy for this environment gives."""
    observations, actions = env.observation_space, env.action_space
    if not isinstance(observations, gymnasium.spaces.Box) or len(observations.shape) != 1:
        raise bad_argument("observation_space", f"{observations}", "a Box of numbers [n]")
    if isinstance(actions, gymnasium.spaces.Discrete):
        return int(actions.n)
    if isinstance(actions, gymnasium.spaces.Box) and len(actions.shape) == 1:
        return actions.shape[0]
    raise bad_argument("action_space", f"{actions}", "Discrete actions or a Box of numbers [n]")


def check(config: Config) -> int:
    """Whether the numbers make sense; how many are the elite."""
    for name in ("population", "n_sessions", "n_envs", "total_steps"):
        Scalar(1, whole=True).check(name, getattr(config, name), {})
    Number(0, 1).check("fraction", config.fraction, {})
    Number(0, open_ends="low").check("std", config.std, {})
    Number(0).check("min_std", config.min_std, {})
    n_elite = round(config.fraction * config.population)
    if n_elite < 1:
        raise bad_argument(
            "fraction", f"{config.fraction:g} of {config.population}", "at least one candidate in the elite"
        )
    return n_elite
