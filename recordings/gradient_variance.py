"""The variance of REINFORCE's gradient on CartPole-v1 with each baseline, while it learns; about two minutes.

    .venv/bin/python recordings/gradient_variance.py

REINFORCE with V(s) learns as in `rlcourse run reinforce --env CartPole-v1 --seeds 10`. At each checkpoint its policy
plays EPISODES episodes of its own, from which it does not learn. The gradient of one episode is
sum_t grad log pi(a_t | s_t) (G_t - b), with the same returns G_t for every baseline b: 0, the average of G over the
other episodes, or the critic's V(s_t); none has seen the episode. The variance is that over episodes, summed over the
policy's parameters: the columns none, average, value. Where an episode is truncated, gamma V of its last state stands
for the rest, in all three.
"""

import time
from dataclasses import asdict

import numpy as np
import torch
from common import asked, command, missing
from matplotlib import pyplot as plt

from rlcourse.agents.reinforce import Config, Reinforce
from rlcourse.functional.returns import discounted_returns
from rlcourse.pictures.curves import plot_curves
from rlcourse.records.record import Record
from rlcourse.records.stats import bootstrap_interval, interquartile_mean
from rlcourse.training.loop import train
from rlcourse.worlds.envs import Envs

ENV, EPISODES = "CartPole-v1", 50
NAMES = {"none": "no baseline", "average": "average return", "value": "V(s)"}


@torch.no_grad()
def play(agent: Reinforce) -> tuple[torch.Tensor, ...]:
    """EPISODES whole ones a seed of the policy as it is, [T, N, ...]: obs, action, return to go, whether played."""
    envs = Envs(ENV, agent.seeds.numbers("variance", EPISODES))
    chance = agent.seeds(f"variance at step {agent.steps}")
    running, seen = np.ones(len(envs.observation), bool), []
    while running.any():
        step = envs.step(agent.policy(envs.observation).sample(chance))
        beyond = agent.config.gamma * agent.critic(step.next_obs).numpy() * step.truncated
        seen.append((step.obs, step.action, (step.reward + beyond) * running, running))
        running = running & ~(step.terminated | step.truncated)
    envs.close()
    obs, action, rewards, played = (torch.from_numpy(np.stack(part)) for part in zip(*seen, strict=True))
    return obs, action, discounted_returns(rewards, agent.config.gamma), played


def variances(agent: Reinforce) -> dict[str, np.ndarray]:
    """Of each baseline, the variance of one episode's gradient, for each seed [K]."""
    obs, action, to_go, played = play(agent)
    with torch.no_grad():
        values = agent.critic(obs)
    K = len(agent.seeds)
    total, count = ((x * played).sum(0).view(K, EPISODES) for x in (to_go, torch.ones_like(to_go)))
    others = (total.sum(1, keepdim=True) - total) / (count.sum(1, keepdim=True) - count)
    baselines = {"none": torch.zeros(1), "average": others.flatten(), "value": values}
    parameters, result = list(agent.policy.parameters()), {}
    for name, baseline in baselines.items():
        weight, gradients = ((to_go - baseline) * played).float(), []
        for e in range(EPISODES):
            own = torch.arange(K) * EPISODES + e  # this episode of every seed
            log_prob = agent.policy(obs[:, own]).log_prob(action[:, own])
            gradient = torch.autograd.grad((log_prob * weight[:, own]).sum(), parameters)  # each seed gets its own
            gradients.append(torch.cat([part.flatten(1) for part in gradient], dim=1))
        result[name] = torch.stack(gradients).var(dim=0).sum(dim=1).numpy()
    return result


def main() -> None:
    options = asked(__doc__, seeds=10, steps=75_000, evaluations=15)
    config = Config(total_steps=options.steps)
    said = {"agent": "reinforce", "env": ENV, "evaluations": options.evaluations, "episodes": EPISODES}
    record = Record.open(options.out / "gradient_variance", said | asdict(config), options.mix)
    for seeds in missing(record, options.seeds):
        began, measured = time.thread_time(), []
        agent = Reinforce(ENV, len(seeds), seeds[0], config)

        def measure(step: int, agent=agent, measured=measured) -> None:
            measured.append(variances(agent))

        how = {"evaluations": options.evaluations, "episodes": 20, "after": measure}
        run = train(agent, strict=False, label="REINFORCE", **how)
        for k, seed in enumerate(seeds):
            table = {"step": run.steps, "return": run.returns[k]}
            table |= {name: np.array([one[name][k] for one in measured]) for name in NAMES}
            share, diverged = (time.thread_time() - began) / len(seeds), run.diverged.get(k)
            record.write(seed, table, command=command(), seconds=share, group=seeds, diverged=diverged)

    curves = {NAMES[name]: record[name] for name in NAMES}
    ax = plot_curves(record.steps, curves, ylabel="variance of the gradient")
    ax.set_yscale("log")
    ax.figure.savefig(record.folder / "curve.png", dpi=100, bbox_inches="tight")
    plt.close("all")
    for name in ("average", "value"):
        ratio = np.exp(np.log(record[name] / record["none"]).mean(axis=1))  # of each seed, over training
        low, high = bootstrap_interval(ratio)
        smaller = record[name] < record["none"]
        print(
            f"{NAMES[name]:14} {interquartile_mean(ratio):.3f} [{low:.3f}, {high:.3f}] times the variance without one, "
            f"smaller at {smaller.sum()} of {smaller.size} checkpoints"
        )


if __name__ == "__main__":
    main()
