"""A2C on CartPole; in the faulty one no gradient reaches the critic."""

from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy import ndarray

from rlcourse.agents.a2c import A2C, Config
from rlcourse.functional import policy_losses
from rlcourse.homework.scenarios.ps4 import CART_POLE
from rlcourse.parts.rollouts import Rollout
from rlcourse.staff.silent_bug.common import about, rounded
from rlcourse.training.loop import train


def teaches_the_critic_nothing(log_prob: Any, advantage: Any, value: Any, *others: Any) -> Any:
    """A2C's loss with the fault: V was detached in place of its target, so that no gradient reaches the critic.

    V stays near the 0 that it began with, every advantage is a sum of rewards, and so every action was a good one.
    """
    return policy_losses.a2c_loss.body(log_prob, advantage, value.detach(), *others)


def a2c_curves(n_seeds: int = 8, evaluations: int = 16, **changes: Any) -> dict[str, ndarray]:
    """What A2C does on CartPole, its entropy and its mean advantage; changes: of its config or its equations."""
    config = a2c_config(**{name: value for name, value in changes.items() if not callable(value)})
    equations = {name: value for name, value in changes.items() if callable(value)}
    agent = A2C("CartPole-v1", n_seeds, 0, config, **equations)
    learn, reports, curves = agent.learn, [], []

    def learn_and_report(rollout: Rollout) -> None:
        learn(rollout)
        reports.append(agent.report)

    def look(steps: int) -> None:
        curves.append([np.mean([one[name] for one in reports[-100:]], axis=0) for name in ("entropy", "advantage")])

    agent.learn = learn_and_report
    run = train(agent, evaluations=evaluations, episodes=4, after=look)
    entropy, advantage = np.array(curves).transpose(1, 2, 0)
    return {"steps": run.steps, "return": run.returns, "entropy": entropy, "advantage": advantage}


def a2c_config(**changes: Any) -> Config:
    return replace(CART_POLE, **changes)


def record() -> dict[str, Any]:
    """A2C on CartPole. In the faulty one no gradient reaches the critic: the mean advantage stays far above 0."""
    shows = {
        "return": "return of the greedy policy",
        "entropy": "entropy of the policy: mean of 100 updates",
        "advantage": "advantage: mean of 100 updates",
    }
    return about("ps4", {"world": "CartPole-v1", **asdict(a2c_config())}, shows) | rounded(
        a2c_curves(), a2c_curves(a2c_loss=teaches_the_critic_nothing)
    )
