"""DQN, and what becomes of it without each of its parts: what lecture 04 reads.

    .venv/bin/python recordings/dqn_ablation.py

On CartPole-v1, ten seeds side by side. VARIANTS are changes of PLAIN, which has what one begins with: about a minute
each. REFERENCE ends at 500, with the settings of dqn_cartpole and three refinements of lecture 05; once more without
these. Two minutes each.

Besides the return a record holds

    value    what the agent promises itself: the mean of max_a Q(s, a) over 100 first observations; no policy is worth
             more than 1 / (1 - gamma) = 100 there
and of the long runs, too,

    gap      the mean of |Q(s, left) - Q(s, right)| over 1,000 states that a random policy visits
    changed  the share of these states in which another action is the best one than at the evaluation before

For a film, the weights of the first seed of the reference that ends at 500 stand beside it.
"""

import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import torch
from common import asked, command, missing
from torch import Tensor

from rlcourse.agents import rainbow
from rlcourse.agents.dqn import DQN, Config
from rlcourse.parts.batches import collect
from rlcourse.parts.seeds import Seeds
from rlcourse.records.record import Record
from rlcourse.training.loop import train
from rlcourse.worlds.envs import Envs

ENV, FIRST, VISITED = "CartPole-v1", 100, 1_000  # observations, the same for every seed
PLAIN = Config(total_steps=25_000, hidden=(64, 64))  # copies every 500 steps, Huber's loss
NO_REPLAY = {"capacity": 1, "batch_size": 1}  # each step is used once, at once
NO_TARGET = {"tau": 1.0}  # copied at each update
SQUARED = {"huber": 1e6}  # no error is as large: half of the squared error
VARIANTS = {
    "both": {},
    "no_replay": NO_REPLAY,
    "batch_of_one": {"batch_size": 1},  # from the large buffer
    "small_buffer": {"capacity": 64},  # a batch is drawn from the last 64 steps
    "no_target_network": NO_TARGET,
    "neither": NO_REPLAY | NO_TARGET,
    "soft": {"tau": 2 / 501},  # of the same mean age as a hard copy every 500 updates
    "annealed": {"anneal": True},
    "squared_both": SQUARED,
    "squared_no_target_network": SQUARED | NO_TARGET,
}
LONG = {"hidden": (64, 64), "batch_size": 128, "steps_per_update": 2, "tau": 0.01, "anneal": True}  # 50,000 steps
REFINED = {"prioritized": True, "n_step": 3, "dueling": False, "distributional": False, "noisy": False}  # and double


class Looks:
    """What is asked of an agent at each evaluation, besides its return; by column, a list of [K]."""

    def __init__(self, agent: DQN | rainbow.Rainbow, columns: tuple[str, ...]) -> None:
        self.agent, self.n_seeds = agent, len(agent.seeds)
        self.seen: dict[str, list[np.ndarray]] = {name: [] for name in columns}
        self.first = np.tile(Envs(ENV, Seeds(0, 1).numbers("first observations", FIRST)).observation, (self.n_seeds, 1))
        self.visited = np.tile(collect(ENV, VISITED, purpose="visited").obs, (self.n_seeds, 1))
        self.best = self.q(self.visited).argmax(-1)

    @torch.no_grad()
    def q(self, observed: np.ndarray) -> Tensor:
        """Values of these observations by each seed [K, n, A]."""
        return self.agent.online(observed).unflatten(0, (self.n_seeds, -1))

    def __call__(self, step: int) -> None:
        q, before = self.q(self.visited), self.best
        self.best = q.argmax(-1)
        columns = {
            "value": self.q(self.first).max(-1).values.mean(1),
            "gap": (q.max(-1).values - q.min(-1).values).mean(1),
            "changed": (self.best != before).float().mean(1),
        }
        for name, seen in self.seen.items():
            seen.append(columns[name].numpy())


def record(
    name: str, kind: type[DQN | rainbow.Rainbow], config: Config, options: Any, episodes: int, *columns: str
) -> None:
    """Train one variant, its seeds side by side, and write it down."""
    how = {"evaluations": options.evaluations, "episodes": episodes}
    said = {"agent": kind.__name__.lower(), "env": ENV} | how | asdict(config)
    made = Record.open(options.out / "dqn_ablation" / name, said, options.mix)
    for seeds in missing(made, options.seeds):
        began = time.thread_time()
        agent = kind(ENV, len(seeds), seeds[0], config)
        looks = Looks(agent, columns)
        run = train(agent, strict=False, label=name, after=looks, **how)
        solved = np.flatnonzero(run.returns[:, -1] == 500)
        if kind is rainbow.Rainbow and seeds[0] == 0 and len(solved):
            weights = torch.cat([p[solved[0]].detach().flatten() for p in agent.online.parameters()]).numpy()
            np.savetxt(made.folder / f"seed-{solved[0]:04}-weights.csv", weights, "%.6g")
        for k, seed in enumerate(seeds):
            asked_for = {column: np.array(seen)[:, k] for column, seen in looks.seen.items()}
            table = {"step": run.steps, "return": run.returns[k], **asked_for}
            share, diverged = (time.thread_time() - began) / len(seeds), run.diverged.get(k)
            made.write(seed, table, command=command(), seconds=share, group=seeds, diverged=diverged)


if __name__ == "__main__":
    options = asked(__doc__, seeds=10, evaluations=25)
    everything = ("value", "gap", "changed")
    record("reference", rainbow.Rainbow, rainbow.Config(**LONG, **REFINED), options, 5, *everything)
    record("unrefined", DQN, Config(**LONG), options, 5, *everything)
    for name, changes in VARIANTS.items():
        record(name, DQN, replace(PLAIN, **changes), options, 10, "value")
