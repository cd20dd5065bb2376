"""REINFORCE on CartPole; the faulty one does not stop its returns where an episode ends."""

from dataclasses import asdict
from typing import Any

import gymnasium
import numpy as np
from numpy import ndarray

from rlcourse.agents.reinforce import Config, Reinforce
from rlcourse.staff.silent_bug.common import about, rounded
from rlcourse.training.loop import train


def as_one_episode(episodes: list[tuple], gamma: float) -> list[tuple]:
    """REINFORCE's episodes with the fault: their returns are those of a single long episode.

    The return of a step then contains what the next episodes of the batch paid, as if nothing ended between them.
    """
    joined, following = [], 0.0
    for obs, actions, to_go, t in reversed(episodes):
        longer = to_go + gamma ** (len(t) - t) * following
        joined.insert(0, (obs, actions, longer, t))
        following = longer[0]
    return joined


def reinforce_curves(joins: bool = False, n_seeds: int = 8, windows: int = 12, **changes: Any) -> dict[str, ndarray]:
    """What REINFORCE earns on CartPole, and what its updates are told that episodes are worth at their first step.

    Args:
        joins: whether it has the fault.
        n_seeds: how many seeds.
        windows: over how many equal stretches of training the episodes are averaged.
        changes: of its config or its equations.
    """
    config = reinforce_config(**{name: value for name, value in changes.items() if not callable(value)})
    equations = {name: value for name, value in changes.items() if callable(value)}
    agent = Reinforce(gymnasium.make("CartPole-v1"), n_seeds, 0, config, **equations)
    learn, seen = agent.learn, [[[] for _ in range(windows)] for _ in range(n_seeds)]

    def look_and_learn(ready: list[int]) -> None:
        window = (agent.steps - 1) * windows // config.total_steps
        for k in ready:
            if joins:
                agent.ended[k] = as_one_episode(agent.ended[k], config.gamma)
            seen[k][window] += [(len(t), float(to_go[0])) for _, _, to_go, t in agent.ended[k]]
        learn(ready)

    agent.learn = look_and_learn
    train(agent, "CartPole-v1", config.total_steps, evaluations=0, seed=0)
    means = np.array([[np.mean(episodes, axis=0) for episodes in of_seed] for of_seed in seen])
    steps = (np.arange(windows) + 1) * config.total_steps // windows
    return {"steps": steps, "return": means[..., 0], "told": means[..., 1]}


def reinforce_config(**changes: Any) -> Config:
    return Config(**{"baseline": "average", "n_episodes": 8, "learning_rate": 1e-2, "total_steps": 48_000} | changes)


def record() -> dict[str, Any]:
    """REINFORCE on CartPole. The faulty one does not stop its returns where an episode ends.

    Its first steps are told more than their episodes paid in all, and a pole that falls costs them next to nothing.
    """
    shows = {
        "return": "what an episode paid in all",
        "told": "G of its first step, as learned from",
    }
    return about("ps3", {"world": "CartPole-v1", **asdict(reinforce_config())}, shows) | rounded(
        reinforce_curves(), reinforce_curves(joins=True), digits=2
    )
