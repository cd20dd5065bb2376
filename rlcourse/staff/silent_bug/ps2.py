"""DQN on CartPole; the faulty one forms its loss from [B, 1] and [B]."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy import ndarray

from rlcourse.agents.rainbow import Config, Rainbow
from rlcourse.functional import targets
from rlcourse.staff.silent_bug.common import about, rounded
from rlcourse.training.loop import train


def square_of_errors(n_seeds: int) -> dict[str, Callable]:
    """DQN's equations with the fault: targets [B, 1] minus predictions [B] make a square [B, B] of errors.

    Every prediction is pulled towards every target of its batch, so all of them end in the targets' middle. The agent
    hands over y - q and refuses other shapes, so the target is remembered, and q taken back out of the error.
    """
    seen = {}

    def double_q_target(*arguments: Any) -> Any:
        seen["y"] = targets.double_q_target.body(*arguments)
        return seen["y"]

    def huber_loss(error: Any, delta: float) -> Any:
        y = seen["y"].view(n_seeds, -1, 1)
        q = (seen["y"] - error).view(n_seeds, 1, -1)
        return targets.huber_loss.body(y - q, delta).mean(dim=1).flatten()

    return {"double_q_target": double_q_target, "huber_loss": huber_loss}


def dqn_curves(n_seeds: int = 8, evaluations: int = 16, **changes: Any) -> dict[str, ndarray]:
    """What DQN does on CartPole, and what it believes; changes: of its config or its equations."""
    config = dqn_config(**{name: value for name, value in changes.items() if not callable(value)})
    equations = {name: value for name, value in changes.items() if callable(value)}
    agent = Rainbow("CartPole-v1", n_seeds, 0, config, **equations)
    level, spread = [], []

    @torch.no_grad()
    def look(steps: int) -> None:
        newest = (agent.buffer.added - 1 - np.arange(500)) % agent.buffer.capacity
        seen = agent.buffer.columns["obs"][:, newest]  # [K, 500, 4]
        best = agent.online(seen.reshape(-1, 4)).amax(-1).view(n_seeds, -1)
        level.append(best.mean(1).numpy())
        spread.append(best.std(1).numpy())

    run = train(agent, evaluations=evaluations, episodes=4, after=look)
    curves = {"return": run.returns, "level": np.array(level).T, "spread": np.array(spread).T}
    return {"steps": run.steps} | curves


def dqn_config(**changes: Any) -> Config:
    plain = {
        "total_steps": 32_000,
        "n_envs": 8,
        "warm_up": 1_000,
        "hidden": (64, 64),
        "learning_rate": 2e-3,
        "anneal": True,
        "gamma": 0.98,
        "capacity": 32_000,
        "steps_per_update": 16,
        "steps_per_copy": 160,
        "prioritized": False,
        "distributional": False,
        "noisy": False,
    }
    return Config(**plain | changes)


def record() -> dict[str, Any]:
    """DQN on CartPole. The faulty one forms its loss from [B, 1] and [B]: every state ends with the same value.

    The Huber loss makes that value nearly the targets' median, which looks right: most steps do not end the episode.
    """
    shows = {
        "return": "return of the greedy policy",
        "level": "max_a Q: mean over 500 states",
        "spread": "max_a Q: standard deviation over them",
    }
    return about("ps2", {"world": "CartPole-v1", **asdict(dqn_config())}, shows) | rounded(
        dqn_curves(), dqn_curves(**square_of_errors(8))
    )
