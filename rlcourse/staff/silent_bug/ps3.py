"""REINFORCE on CartPole; the faulty one does not stop its returns where an episode ends."""

from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.agents.reinforce import Config, Reinforce
from rlcourse.functional import returns
from rlcourse.parts.rollouts import Rollout
from rlcourse.staff.silent_bug.common import about, rounded
from rlcourse.training.loop import train

N_EPISODES = 8  # of an update


def counts_the_next_episodes(rewards: Tensor, gamma: float) -> Tensor:
    """Discounted returns [T, N] with the fault: those of a batch's eight episodes are those of a single long one.

    The return of a step then contains what the next episodes of the batch paid, as if nothing ended between them. Each
    step pays, so an episode is as long as its column is not 0.
    """
    to_go, length = returns.discounted_returns.body(rewards, gamma), (rewards != 0).sum(dim=0)
    left = (length - torch.arange(len(rewards)).unsqueeze(1)).clamp(min=0)  # until the episode ends
    for j in reversed(range(N_EPISODES - 1)):
        to_go[:, j::N_EPISODES] += gamma ** left[:, j::N_EPISODES] * to_go[0, j + 1 :: N_EPISODES]
    return to_go


def reinforce_curves(n_seeds: int = 8, windows: int = 12, **changes: Any) -> dict[str, ndarray]:
    """What REINFORCE earns on CartPole, and what its updates are told that episodes are worth at their first step.

    Args:
        n_seeds: how many seeds.
        windows: over how many equal stretches of training the episodes are averaged.
        changes: of its config or its equations.
    """
    config = reinforce_config(**{name: value for name, value in changes.items() if not callable(value)})
    equations = {name: value for name, value in changes.items() if callable(value)}
    agent = Reinforce("CartPole-v1", n_seeds, 0, config, **equations)
    learn, seen = agent.learn, [[[] for _ in range(windows)] for _ in range(n_seeds)]

    def learn_and_report(ready: list[int], episodes: Rollout) -> None:
        learn(ready, episodes)
        window, report = (agent.steps - 1) * windows // config.total_steps, agent.report
        for k in ready:
            seen[k][window].append((report["paid"][k], report["told"][k]))

    agent.learn = learn_and_report
    train(agent, evaluations=0)
    means = np.array([[np.mean(updates, axis=0) for updates in of_seed] for of_seed in seen])
    steps = (np.arange(windows) + 1) * config.total_steps // windows
    return {"steps": steps, "return": means[..., 0], "told": means[..., 1]}


def reinforce_config(**changes: Any) -> Config:
    plain = {"baseline": "average", "n_episodes": N_EPISODES, "learning_rate": 5e-3, "total_steps": 48_000}
    return Config(**plain | changes)


def record() -> dict[str, Any]:
    """REINFORCE on CartPole. The faulty one does not stop its returns where an episode ends.

    Its first steps are told more than their episodes paid in all, and a pole that falls costs them next to nothing.
    """
    shows = {
        "return": "what an episode paid in all",
        "told": "G of its first step, as learned from",
    }
    return about("ps3", {"world": "CartPole-v1", **asdict(reinforce_config())}, shows) | rounded(
        reinforce_curves(), reinforce_curves(discounted_returns=counts_the_next_episodes), digits=2
    )
