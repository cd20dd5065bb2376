"""A3C with 1, 2 and 4 workers beside A2C on CartPole-v1: sample curves and wall clock; about 20 minutes on two cores.

    .venv/bin/python benchmarks/a3c.py

Every run is of one seed, 200,000 steps of all its workers together; the greedy policy is judged ten times over 20
episodes, the last time at the end. The four kinds take turns, seed by seed: a busy machine is as busy for each. Seconds
count from the moment that all workers are there, evaluations included. With more than one worker the order of updates
is up to the machine: a rerun gives other curves. Each run is written as it ends, and a rerun skips what is there.
"""

import csv
import json
import os
import platform
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import gymnasium
import numpy as np
import torch
from matplotlib import pyplot as plt

from rlcourse import __version__
from rlcourse.agents import a2c, a3c
from rlcourse.pictures.curves import plot_curves
from rlcourse.records.stats import bootstrap_interval, interquartile_mean
from rlcourse.training import loop

ENV, STEPS, EVALUATIONS, EPISODES, SEEDS = "CartPole-v1", 200_000, 10, 20, 10
FOLDER = Path(__file__).parents[1] / "results" / "a3c"
SAME = {"total_steps": STEPS, "n_steps": 8, "lam": 0.95, "learning_rate": 3e-3}
KINDS = {f"A3C, {n} worker{'s' * (n > 1)}": a3c.Config(n_workers=n, n_envs=4, **SAME) for n in (1, 2, 4)} | {
    "A2C, 8 environments": a2c.Config(n_envs=8, **SAME)
}


def run(config: a2c.Config, seed: int) -> tuple[loop.Run, float, str]:
    """Train one seed: the run, wall-clock seconds, and how stale the workers' parameters were."""
    how = {"evaluations": EVALUATIONS, "episodes": EPISODES}
    if isinstance(config, a3c.Config):
        result = a3c.train(ENV, config, seed, **how)
        return result, result.seconds, f"{result.behind:.2f}"
    agent = a2c.A2C(gymnasium.make(ENV), 1, seed, config)
    began = time.perf_counter()
    result = loop.train(agent, ENV, STEPS, per_seed=config.n_envs, seed=seed, label=f"A2C, seed {seed}", **how)
    return result, time.perf_counter() - began, "0"


def main() -> None:
    torch.set_num_threads(1)  # the nets are small; workers share the cores
    FOLDER.mkdir(parents=True, exist_ok=True)
    versions = {"rlcourse": __version__, "python": platform.python_version()}
    record = {
        "command": "python benchmarks/a3c.py",
        "config": {"env": ENV, "episodes": EPISODES, "kinds": {name: asdict(config) for name, config in KINDS.items()}},
        "seeds": list(range(SEEDS)),
        "cores": os.cpu_count(),
        "versions": versions | {package: version(package) for package in ("torch", "gymnasium", "numpy")},
    }
    (FOLDER / "config.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    curves, seconds = ({name: [] for name in KINDS} for _ in range(2))
    for seed in range(SEEDS):
        for name, config in KINDS.items():
            path = FOLDER / f"{name.replace(', ', '-').replace(' ', '-')}-seed-{seed:04}.csv"
            if not path.exists():
                result, took, behind = run(config, seed)
                rows = [("step", "return", "seconds", "updates_behind")]
                rows += [
                    (step, round(value, 4), round(took, 1), behind)
                    for step, value in zip(result.steps.tolist(), result.returns[0].tolist(), strict=True)
                ]
                with open(path, "w", newline="") as file:
                    csv.writer(file, lineterminator="\n").writerows(rows)
            table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
            curves[name].append(table[:, :2])
            seconds[name].append(table[0, 2])
    grid = np.linspace(0, STEPS, EVALUATIONS + 1)[1:]  # a worker's evaluation comes a little after its mark
    drawn = {name: np.array([np.interp(grid, *table.T) for table in tables]) for name, tables in curves.items()}
    plot_curves(grid, drawn).figure.savefig(FOLDER / "curve.png", dpi=100, bbox_inches="tight")
    plt.close("all")
    for name, tables in curves.items():
        final = np.array([table[-1, 1] for table in tables])
        low, high = bootstrap_interval(final)
        print(
            f"{name:20} interquartile mean {interquartile_mean(final):.0f} [{low:.0f}, {high:.0f}], "
            f"{(final >= 475).sum()} of {len(final)} seeds at 475, median {np.median(seconds[name]):.1f} s by the clock"
        )


if __name__ == "__main__":
    main()
