"""The variance of REINFORCE's gradient on CartPole-v1 with each baseline, while it learns; about two minutes.

    .venv/bin/python benchmarks/gradient_variance.py

REINFORCE with V(s) learns as in `rlcourse run reinforce --env CartPole-v1 --seeds 10`. At each checkpoint its policy
plays EPISODES episodes of its own, from which it does not learn. The gradient of one episode is
sum_t grad log pi(a_t | s_t) (G_t - b), with the same returns G_t for every baseline b: 0, the average of G over the
other episodes, or the critic's V(s_t); none has seen the episode. The variance is that over episodes, summed over the
policy's parameters. Where an episode is truncated, gamma V of its last state stands for the rest, in all three.
"""

import csv
import json
import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import gymnasium
import numpy as np
import torch
from matplotlib import pyplot as plt

from rlcourse import __version__
from rlcourse.agents.reinforce import Config, Reinforce
from rlcourse.functional.returns import discounted_returns
from rlcourse.pictures.curves import plot_curves
from rlcourse.records.stats import bootstrap_interval, interquartile_mean
from rlcourse.training.loop import EVALUATION_SEED, train
from rlcourse.worlds.envs import Envs

ENV, SEEDS, EPISODES, CHECKPOINTS = "CartPole-v1", 10, 50, 15
FOLDER = Path(__file__).parents[1] / "results" / "gradient_variance"
NAMES = {"none": "no baseline", "average": "average return", "value": "V(s)"}


@torch.no_grad()
def play(agent: Reinforce) -> dict[str, torch.Tensor]:
    """Whole episodes of the policy as it is, [K, T, EPISODES, ...]: what was seen and done, and the returns."""
    envs = Envs(ENV, agent.n_seeds, EPISODES, EVALUATION_SEED)
    explorers = [np.random.default_rng([EVALUATION_SEED + k, agent.steps]) for k in range(agent.n_seeds)]
    running, seen = np.ones(envs.shape, bool), []
    while running.any():
        obs = torch.as_tensor(envs.observation, dtype=torch.float32)
        actions = agent.actor.sample(agent.actor(obs), explorers)
        step = envs.step(actions.numpy())
        beyond = agent.critic(torch.as_tensor(step.next_obs, dtype=torch.float32)).squeeze(-1)
        rewards = torch.as_tensor(step.reward) + agent.config.gamma * beyond * torch.as_tensor(step.truncated)
        seen.append((obs, actions, rewards * torch.as_tensor(running), torch.as_tensor(running)))
        running = running & ~(step.terminated | step.truncated)
    envs.close()
    obs, actions, rewards, running = (torch.stack(part) for part in zip(*seen, strict=True))  # [T, K, EPISODES, ...]
    to_go = discounted_returns(rewards.flatten(1), agent.config.gamma).view(rewards.shape)
    parts = {"obs": obs, "actions": actions, "to_go": to_go, "running": running}
    return {name: part.transpose(0, 1) for name, part in parts.items()}  # [K, T, EPISODES, ...]


def variances(agent: Reinforce) -> dict[str, np.ndarray]:
    """Of each baseline, the variance of one episode's gradient, for each seed [K]."""
    played = play(agent)
    to_go, running = played["to_go"], played["running"]
    with torch.no_grad():
        values = agent.critic(played["obs"].flatten(1, 2)).view(to_go.shape)
    total, count = (to_go * running).sum(dim=1), running.sum(dim=1)  # [K, EPISODES]
    others = (total.sum(dim=1, keepdim=True) - total) / (count.sum(dim=1, keepdim=True) - count)
    baselines = {"none": torch.zeros(1), "average": others.unsqueeze(1), "value": values}
    parameters, result = list(agent.actor.parameters()), {}
    for name, baseline in baselines.items():
        weight, gradients = ((to_go - baseline) * running).float(), []
        for e in range(EPISODES):
            log_prob = agent.actor.log_prob(agent.actor(played["obs"][:, :, e]), played["actions"][:, :, e])
            gradient = torch.autograd.grad((log_prob * weight[:, :, e]).sum(), parameters)  # each seed gets its own
            gradients.append(torch.cat([part.flatten(1) for part in gradient], dim=1))
        result[name] = torch.stack(gradients).var(dim=0).sum(dim=1).numpy()
    return result


def main() -> None:
    torch.set_num_threads(1)  # the nets are small
    config = Config()
    agent = Reinforce(gymnasium.make(ENV), SEEDS, 0, config)
    steps, measured = [], {name: [] for name in NAMES}

    def measure(step: int) -> None:
        steps.append(step)
        for name, values in variances(agent).items():
            measured[name].append(values)

    train(agent, ENV, config.total_steps, evaluations=CHECKPOINTS, episodes=20, after=measure, label="REINFORCE")
    curves = {name: np.array(values).T for name, values in measured.items()}  # [K, C]

    FOLDER.mkdir(parents=True, exist_ok=True)
    with open(FOLDER / "variance.csv", "w", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["baseline", "seed", "step", "variance"])
        for name, curve in curves.items():
            for seed, row in enumerate(curve):
                table.writerows([name, seed, *pair] for pair in zip(steps, row.round(2).tolist(), strict=True))
    versions = {"rlcourse": __version__, "python": platform.python_version()}
    record = {
        "command": "python benchmarks/gradient_variance.py",
        "config": {"env": ENV, "episodes": EPISODES, **asdict(config)},
        "seeds": list(range(SEEDS)),
        "versions": versions | {package: version(package) for package in ("torch", "gymnasium", "numpy")},
    }
    (FOLDER / "config.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")

    ax = plot_curves(steps, {NAMES[name]: curve for name, curve in curves.items()}, ylabel="variance of the gradient")
    ax.set_yscale("log")
    ax.figure.savefig(FOLDER / "curve.png", dpi=100, bbox_inches="tight")
    plt.close("all")
    for name in ("average", "value"):
        ratio = np.exp(np.log(curves[name] / curves["none"]).mean(axis=1))  # of each seed, over training
        low, high = bootstrap_interval(ratio)
        print(
            f"{NAMES[name]:13} {interquartile_mean(ratio):.3f} [{low:.3f}, {high:.3f}] times the variance without one, "
            f"smaller at {(curves[name] < curves['none']).sum()} of {curves[name].size} checkpoints"
        )


if __name__ == "__main__":
    main()
