"""PPO on CartPole; in the faulty one the old log-probabilities are computed anew in each epoch."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy import ndarray
from torch import Tensor

from rlcourse.agents.ppo import PPO, Config
from rlcourse.functional import policy_losses
from rlcourse.parts.rollouts import Rollout
from rlcourse.staff.silent_bug.common import about, rounded
from rlcourse.training.loop import train


def from_the_newest_policy(ratio: Tensor, advantage: Tensor, eps: float) -> Tensor:
    """PPO's loss with the fault: log mu is that of the policy as it is in this epoch, not as it was when it acted.

    Every ratio is 1 then, in every epoch, and its gradient that of log pi: nothing is ever clipped.
    """
    return policy_losses.ppo_clip_loss.body(ratio / ratio.detach(), advantage, eps)


def ppo_curves(n_seeds: int = 8, evaluations: int = 16, **changes: Any) -> dict[str, ndarray]:
    """What PPO does on CartPole, how far its updates move the policy, and the share of ratios that its loss clips.

    Args:
        n_seeds: how many seeds.
        evaluations: over how many equal stretches of training the reports are averaged.
        changes: of its config or its equations.
    """
    config = ppo_config(**{name: value for name, value in changes.items() if not callable(value)})
    loss_of: Callable = changes.get("ppo_clip_loss", policy_losses.ppo_clip_loss.body)
    reports: list[dict[str, ndarray]] = []
    shares: list[ndarray] = []

    def ppo_clip_loss(ratio: Tensor, advantage: Tensor, eps: float) -> Tensor:
        seen = ratio / ratio.detach() if loss_of is from_the_newest_policy else ratio
        shares.append(((seen.detach() - 1).abs() > eps).float().view(n_seeds, -1).mean(1).numpy())
        return loss_of(ratio, advantage, eps)

    agent = PPO("CartPole-v1", n_seeds, 0, config, ppo_clip_loss=ppo_clip_loss)
    learn, curves = agent.learn, []

    def learn_and_report(rollout: Rollout) -> None:
        learn(rollout)
        reports.append({"kl": agent.report["kl"], "clipped": np.mean(shares, axis=0)})
        shares.clear()

    def look(steps: int) -> None:
        curves.append([np.mean([one[name] for one in reports], axis=0) for name in ("kl", "clipped")])
        reports.clear()

    agent.learn = learn_and_report
    run = train(agent, evaluations=evaluations, episodes=4, after=look)
    kl, clipped = np.array(curves).transpose(1, 2, 0)
    return {"steps": run.steps, "return": run.returns, "kl": kl, "clipped": clipped}


def ppo_config(**changes: Any) -> Config:
    return Config(**{"total_steps": 48_000, "epochs": 10, "learning_rate": 2e-3} | changes)


def record() -> dict[str, Any]:
    """PPO on CartPole. In the faulty one every ratio is 1 in each epoch: nothing is clipped, and it moves far."""
    shows = {
        "return": "return of the greedy policy",
        "kl": "KL by which an update moved the policy",
        "clipped": "share of the ratios that the loss clipped",
    }
    return about("ps5", {"world": "CartPole-v1", **asdict(ppo_config())}, shows) | rounded(
        ppo_curves(), ppo_curves(ppo_clip_loss=from_the_newest_policy), digits=4
    )
