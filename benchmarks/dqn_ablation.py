"""DQN with replay and target network, and without either: what lecture 04 reads.

    python benchmarks/dqn_ablation.py

Four variants on CartPole-v1 with the Huber loss, two of them with the squared error, too: about eight CPU minutes. Each
has a folder of its own under results/dqn_ablation/ as `rlcourse run` writes one: config.json and a CSV a seed. The
CSVs have one column more, the value that the agent promises itself: the mean of max_a Q(s, a) over 100 first
observations. No policy is worth more than 1 / (1 - gamma) = 100 there. A variant whose files are there is skipped.
"""

import csv
import dataclasses
import json
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from rlcourse import __version__
from rlcourse.records.run import PACKAGES, built, configured
from rlcourse.training.loop import train
from rlcourse.worlds.envs import Envs

ENV, SEEDS, STEPS, EVALUATIONS, EPISODES = "CartPole-v1", 10, 25_000, 25, 10
BASE = ["hidden=(64,64)"]
WITHOUT = {
    "both": [],
    "no-replay": ["capacity=64"],  # a batch is drawn from the last 64 steps
    "no-target-network": ["tau=1.0"],  # copied at each update
    "neither": ["capacity=64", "tau=1.0"],
}
SQUARED = ("both", "no-target-network")  # these with the squared error, too
VARIANTS = WITHOUT | {f"squared-{name}": [*WITHOUT[name], "huber=None"] for name in SQUARED}


def record(name: str, settings: list[str], out: Path) -> None:
    """Train one variant, its seeds side by side, and write it down."""
    began = time.process_time()
    config = configured("dqn", settings, STEPS)
    agent = built("dqn", ENV, SEEDS, 0, config)
    first = np.repeat(Envs(ENV, 1, 100, seed=2_000_000).observation, SEEDS, axis=0)  # the same for every seed
    promised = []

    @torch.no_grad()
    def look(step: int) -> None:
        promised.append(agent.q(agent.online, first).max(-1).values.mean(-1).numpy())

    run = train(agent, ENV, STEPS, evaluations=EVALUATIONS, episodes=EPISODES, after=look, label=name)
    out.mkdir(parents=True, exist_ok=True)
    for seed in range(SEEDS):
        with open(out / f"seed-{seed:04}.csv", "w", newline="") as file:
            rows = csv.writer(file, lineterminator="\n")
            rows.writerow(["step", "return", "value"])
            for step, earned, values in zip(run.steps, run.returns[seed], promised, strict=True):
                rows.writerow([int(step), round(float(earned), 1), f"{values[seed]:.5g}"])
    flags = " ".join(f"--set '{setting}'" for setting in settings)
    what = {
        "command": "python benchmarks/dqn_ablation.py",
        "the same by hand": f"rlcourse run dqn --env {ENV} --seeds {SEEDS} --steps {STEPS} "
        f"--evaluations {EVALUATIONS} --episodes {EPISODES} {flags}",
        "config": {"env": ENV, "seeds": SEEDS, "evaluations": EVALUATIONS, "episodes": EPISODES}
        | dataclasses.asdict(config),
        "versions": {"rlcourse": __version__, "python": platform.python_version()}
        | {package: version(package) for package in PACKAGES},
        "cpu seconds": round(time.process_time() - began),
    }
    (out / "config.json").write_text(json.dumps(what, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    torch.set_num_threads(1)  # the nets are small
    here = Path(__file__).parents[1] / "results" / "dqn_ablation"
    for name, settings in VARIANTS.items():
        if not (here / name / "config.json").exists():
            record(name, BASE + settings, here / name)
