"""DQN and its tricks, each one switch (lectures 04 and 05).

Source: Mnih et al. (2015); tricks: van Hasselt et al. (2016), Wang et al. (2016), Schaul et al. (2016), Sutton (1988).
K seeds learn side by side as one program. Equations see batches [K * M], never K.
"""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import gymnasium
import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.contracts.graded import bare, each_state
from rlcourse.contracts.inputs import Number, wrong
from rlcourse.functional import replay, returns, tabular, targets
from rlcourse.parts.adam import clip_gradients
from rlcourse.parts.nets import Dueling, MinAtarFeatures, generators_for, mlp
from rlcourse.parts.replay import Batch, PrioritizedReplay, ReplayBuffer, fold, unfold
from rlcourse.worlds.envs import Step


@dataclass(frozen=True)
class Config:
    """What one may turn. Defaults are plain DQN; the tricks are off."""

    gamma: float = 0.99
    learning_rate: float = 1e-3
    anneal: bool = False  # the learning rate falls linearly to 0 at `total_steps`
    total_steps: int = 50_000  # over which exploration and annealing are spread
    hidden: tuple[int, ...] = (128, 128)
    batch_size: int = 64
    capacity: int = 50_000
    warm_up: int = 1_000  # steps before it learns
    every: int = 1  # steps between updates
    target_every: int = 500  # steps between hard copies of the target network
    tau: float | None = None  # soft copies at each update in place of hard ones
    epsilon: tuple[float, float] = (1.0, 0.05)  # from, to
    explore: float = 0.2  # of total_steps, until epsilon is at its end
    temperature: float | None = None  # Boltzmann exploration in place of epsilon-greedy
    n_steps: int = 1
    double: bool = False
    dueling: bool = False
    prioritized: bool = False
    alpha: float = 0.6  # how much priority counts in drawing
    beta: float = 0.4  # how much of that the weights make up for at first; 1 at total_steps
    huber: float | None = 1.0  # delta; None: squared error
    clip: float | None = 10.0  # largest norm of each seed's gradient


class DQN:
    """K agents side by side.

    Args:
        env: an environment (for its spaces).
        n_seeds: how many seeds learn, seed, seed + 1, ...
        seed: the first of them.
        config: see Config.
        q_target, double_q_target, n_step_returns, huber_loss, dueling_q, priority, importance_weights, epsilon_greedy,
            boltzmann, polyak_update: the equations, a student's or the library's.

    Raises:
        ValueError: where the spaces are not what it can serve.
    """

    def __init__(
        self,
        env: gymnasium.Env,
        n_seeds: int = 1,
        seed: int = 0,
        config: Config | None = None,
        *,
        q_target: Callable[..., Tensor] = targets.q_target,
        double_q_target: Callable[..., Tensor] = targets.double_q_target,
        n_step_returns: Callable[..., Tensor] = returns.n_step_returns,
        huber_loss: Callable[..., Tensor] = targets.huber_loss,
        dueling_q: Callable[..., Tensor] = targets.dueling_q,
        priority: Callable[..., Tensor] = replay.priority,
        importance_weights: Callable[..., Tensor] = replay.importance_weights,
        epsilon_greedy: Callable[..., ndarray] = tabular.epsilon_greedy,
        boltzmann: Callable[..., ndarray] = tabular.boltzmann,
        polyak_update: Callable[..., None] = targets.polyak_update,
    ) -> None:
        self.config, self.n_seeds, self.seed = config or Config(), n_seeds, seed
        check(self.config, env)
        self.q_target, self.double_q_target = bare(q_target), bare(double_q_target)
        self.n_step_returns, self.huber_loss = bare(n_step_returns), bare(huber_loss)
        self.polyak_update = bare(polyak_update)
        self.epsilon_greedy, self.boltzmann = epsilon_greedy, boltzmann

        self.n_actions = int(env.action_space.n)
        generators = generators_for(n_seeds, seed)
        self.online = self.network(env.observation_space.shape, generators, bare(dueling_q))
        self.target = deepcopy(self.online).requires_grad_(False)
        self.optimizer = torch.optim.Adam(self.online.parameters(), self.config.learning_rate, eps=1e-5, fused=True)
        if self.config.prioritized:
            equations = {"priority": priority, "importance_weights": importance_weights}
            self.buffer = PrioritizedReplay(self.config.capacity, n_seeds, seed, self.config.alpha, **equations)
        else:
            self.buffer = ReplayBuffer(self.config.capacity, n_seeds, seed)
        self.explorers = [np.random.default_rng([seed + k, 0]) for k in range(n_seeds)]
        self.steps = 0

    def network(self, shape: tuple[int, ...], generators: list, dueling_q: Callable) -> nn.Module:
        """Q for every action: observations [K, N, ...] to [K, N, A]."""
        if len(shape) == 3:
            features, width = MinAtarFeatures(shape, generators), 128
        else:
            *hidden, width = self.config.hidden
            features = nn.Sequential(nn.Flatten(2), mlp((int(np.prod(shape)), *hidden, width), generators), nn.ReLU())
        return nn.Sequential(features, self.head(width, generators, dueling_q))

    def head(self, width: int, generators: list, dueling_q: Callable) -> nn.Module:
        """Features [K, N, width] to Q [K, N, A]."""
        if self.config.dueling:
            return Dueling(width, self.n_actions, generators, dueling_q)
        return mlp((width, self.n_actions), generators)

    def q(self, network: nn.Module, obs: ndarray | Tensor) -> Tensor:
        """Q [K, N, A] of observations [K, N, ...]."""
        return network(torch.as_tensor(obs, dtype=torch.float32))

    @property
    def policy(self) -> nn.Module:
        """The network that `greedy` acts by."""
        return self.online

    @property
    def epsilon(self) -> float:
        start, end = self.config.epsilon
        return start + (end - start) * min(1.0, self.steps / (self.config.explore * self.config.total_steps))

    @torch.no_grad()
    def act(self, obs: ndarray) -> ndarray:
        """Actions [K, B] that explore."""
        q = self.q(self.online, obs).double().numpy()
        if self.config.temperature is not None:
            probabilities = each_state(self.boltzmann, q, self.config.temperature)
        else:
            probabilities = each_state(self.epsilon_greedy, q, self.epsilon)
        uniform = np.stack([explorer.random(q.shape[1]) for explorer in self.explorers])
        return (probabilities.cumsum(-1) > uniform[..., None] * probabilities.sum(-1, keepdims=True)).argmax(-1)

    @torch.no_grad()
    def greedy(self, obs: ndarray) -> ndarray:
        """The best actions [K, B]."""
        return self.q(self.online, obs).argmax(-1).numpy()

    def observe(self, step: Step) -> None:
        """Remember a step, and learn when it is time."""
        self.buffer.add(step)
        self.steps += step.reward.shape[1]
        if self.steps >= max(self.config.warm_up, self.config.batch_size) and self.steps % self.config.every == 0:
            self.learn()
        if self.config.tau is None and self.steps % self.config.target_every == 0:
            self.polyak_update(self.target, self.online, 1.0)

    def learn(self) -> None:
        """One update of every seed."""
        config, K = self.config, self.n_seeds
        batch = self.draw()
        loss, error = self.losses(batch)
        if not torch.isfinite(loss).all():
            bad = (self.seed + np.flatnonzero(~torch.isfinite(unfold(loss, K)).all(dim=1))).tolist()
            raise FloatingPointError(
                f"the loss of seed {', '.join(map(str, bad))} is NaN or infinite at step {self.steps}: look at the "
                f"rewards, the learning rate ({config.learning_rate:g}) and whether targets are masked where an "
                "episode terminated"
            )
        if config.prioritized:
            self.buffer.update(batch.index, error)
            loss = loss * batch.weights
        self.optimizer.zero_grad()
        (loss.mean() * K).backward()  # each seed gets the gradient of its own mean
        clip_gradients(self.online, K, config.clip)
        if config.anneal:
            for group in self.optimizer.param_groups:
                group["lr"] = config.learning_rate * max(0.0, 1 - self.steps / config.total_steps)
        self.optimizer.step()
        if config.tau is not None:
            self.polyak_update(self.target, self.online, config.tau)

    def losses(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss of each transition [K*M], and its error [K*M], by which it is prioritised."""
        y = self.targets(batch)
        q = fold(self.q(self.online, unfold(batch.obs, self.n_seeds)))
        q = q.gather(1, batch.action.long().unsqueeze(1)).squeeze(1)
        if q.shape != y.shape:
            came = f"shape {tuple(y.shape)} back from it"
            raise wrong("q_target", came, f"{tuple(q.shape)}, one target a transition")
        error = y - q
        loss = error**2 if self.config.huber is None else self.huber_loss(error, self.config.huber)
        return loss, error.detach()

    def draw(self) -> Batch:
        """A batch for every seed."""
        config = self.config
        if not config.prioritized:
            return self.buffer.sample(config.batch_size, config.n_steps)
        beta = config.beta + (1 - config.beta) * min(1.0, self.steps / config.total_steps)
        return self.buffer.sample(config.batch_size, config.n_steps, beta)

    @torch.no_grad()
    def targets(self, batch: Batch) -> Tensor:
        """What Q should be [K*M], from the target network."""
        config, K = self.config, self.n_seeds
        collected, ended, discount = self.window(batch)
        next_q = fold(self.q(self.target, unfold(batch.next_obs, K)))
        if not config.double:
            return self.q_target(collected, ended, next_q, discount)
        chosen_by = fold(self.q(self.online, unfold(batch.next_obs, K)))
        return self.double_q_target(collected, ended, next_q, chosen_by, discount)

    def window(self, batch: Batch) -> tuple[Tensor, Tensor, float | Tensor]:
        """What a window collected, whether it ended for good, and what its last state's value counts; [K*M] each."""
        gamma, n = self.config.gamma, self.config.n_steps
        if n == 1:
            return batch.rewards[0], batch.terminated[0], gamma
        nothing = torch.zeros_like(batch.rewards)  # the value at the window's end is added by the target
        collected = self.n_step_returns(batch.rewards, nothing, batch.terminated, batch.truncated, gamma, n)[0]
        return collected, batch.terminated.any(dim=0), gamma ** batch.length.float()


def check(config: Config, env: gymnasium.Env) -> None:
    """Whether DQN can serve this environment, and the numbers make sense."""
    if not isinstance(env.action_space, gymnasium.spaces.Discrete):
        raise wrong(
            "action_space", f"{env.action_space}", "Discrete actions; for continuous ones take ddpg, td3 or sac"
        )
    if not isinstance(env.observation_space, gymnasium.spaces.Box) or len(env.observation_space.shape) not in (1, 3):
        came = f"{env.observation_space}"
        raise wrong("observation_space", came, "a Box of numbers [n] or an image [H, W, C]; tables: agents.tabular")
    Number(0, 1).check("gamma", config.gamma, {})
    Number(0, open_ends="low").check("learning_rate", config.learning_rate, {})
    for name in ("batch_size", "capacity", "every", "target_every", "n_steps", "total_steps"):
        Number(1).check(name, getattr(config, name), {})
    for epsilon in config.epsilon:
        Number(0, 1).check("epsilon", epsilon, {})
    if config.capacity < config.batch_size:
        raise wrong("capacity", f"{config.capacity}", f"at least batch_size = {config.batch_size}")
