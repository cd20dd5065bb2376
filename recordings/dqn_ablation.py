"""DQN with replay and target network, and without either: what lecture 04 reads.

    .venv/bin/python recordings/dqn_ablation.py

Four variants on CartPole-v1 with the Huber loss, two of them with the squared error, too: about eight minutes. Besides
the return a record holds the value that the agent promises itself: the mean of max_a Q(s, a) over 100 first
observations. No policy is worth more than 1 / (1 - gamma) = 100 there.
"""

import time
from dataclasses import asdict

import numpy as np
import torch
from common import asked, command, missing

from rlcourse.agents.dqn import DQN, Config
from rlcourse.parts.seeds import Seeds
from rlcourse.records.record import Record
from rlcourse.training.loop import train
from rlcourse.worlds.envs import Envs

ENV, FIRST = "CartPole-v1", 100  # first observations, the same for every seed
WITHOUT = {
    "both": {},
    "no_replay": {"capacity": 64},  # a batch is drawn from the last 64 steps
    "no_target_network": {"tau": 1.0},  # copied at each update
    "neither": {"capacity": 64, "tau": 1.0},
}
SQUARED = {"huber": 1e6}  # no error is as large: half of the squared error
VARIANTS = WITHOUT | {f"squared_{name}": WITHOUT[name] | SQUARED for name in ("both", "no_target_network")}


def record(name: str, config: Config, options) -> None:
    """Train one variant, its seeds side by side, and write it down."""
    said = {"agent": "dqn", "env": ENV, "evaluations": options.evaluations, "episodes": options.episodes}
    made = Record.open(options.out / "dqn_ablation" / name, said | asdict(config), options.mix)
    first = Envs(ENV, Seeds(0, 1).numbers("first observations", FIRST)).observation
    for seeds in missing(made, options.seeds):
        began, promised = time.thread_time(), []
        agent = DQN(ENV, len(seeds), seeds[0], config)
        observed = np.tile(first, (len(seeds), 1))

        @torch.no_grad()
        def look(step: int, agent=agent, observed=observed, promised=promised) -> None:
            promised.append(agent.online(observed).max(-1).values.view(len(agent.seeds), FIRST).mean(1).numpy())

        how = {"evaluations": options.evaluations, "episodes": options.episodes, "after": look}
        run = train(agent, strict=False, label=name, **how)
        for k, seed in enumerate(seeds):
            table = {"step": run.steps, "return": run.returns[k], "value": np.array(promised)[:, k]}
            share, diverged = (time.thread_time() - began) / len(seeds), run.diverged.get(k)
            made.write(seed, table, command=command(), seconds=share, group=seeds, diverged=diverged)


if __name__ == "__main__":
    options = asked(__doc__, seeds=10, steps=25_000, evaluations=25, episodes=10)
    for name, changes in VARIANTS.items():
        record(name, Config(total_steps=options.steps, hidden=(64, 64), **changes), options)
