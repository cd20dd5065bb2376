"""A3C with 1, 2 and 4 workers beside A2C on CartPole-v1: sample curves and wall clock; about 20 minutes on two cores.

    .venv/bin/python recordings/a3c.py

Every run is of one seed, 200,000 steps of all its workers together, 32 samples an update in each kind; the greedy
policy is judged ten times over 20 episodes, the last time at the end. The four kinds take turns, seed by seed: a busy
machine is as busy for each. The column `clock` has the run's seconds by the clock from the moment that all workers are
there, without evaluations (A3C's weights are evaluated afterwards; A2C, which can be repeated, runs a second time for
the clock); `updates_behind` how stale a worker's weights were. With more than one worker the order of updates is up to
the machine: a rerun gives other curves, measured at slightly other steps. Lecture 09 reads it.
"""

import os
import time
from dataclasses import asdict

import numpy as np
from common import asked, command
from matplotlib import pyplot as plt

from rlcourse.agents import a2c, a3c
from rlcourse.pictures.curves import plot_curves
from rlcourse.records.record import Record
from rlcourse.records.stats import bootstrap_interval, interquartile_mean
from rlcourse.training.asynchronous import train_asynchronously
from rlcourse.training.loop import Run, train

ENV = "CartPole-v1"
WORKERS = {"workers_1": 1, "workers_2": 2, "workers_4": 4}
SAME = {"rollout_length": 8, "lam": 0.95, "learning_rate": 3e-3}


def configs(steps: int) -> dict[str, a2c.Config | a3c.Config]:
    """What is run, by the name of its record."""
    workers = {name: a3c.Config(total_steps=steps, n_workers=n, n_envs=4, **SAME) for name, n in WORKERS.items()}
    return workers | {"a2c": a2c.Config(total_steps=steps, n_envs=4, **SAME)}


def run(config: a2c.Config | a3c.Config, seed: int, evaluations: int, episodes: int) -> tuple[Run, float, float]:
    """Train one seed: the run, seconds by the clock, and how stale the workers' weights were."""
    if isinstance(config, a3c.Config):
        agent = a3c.A3C(ENV, 1, seed, config)
        result = train_asynchronously(agent, evaluations=evaluations, episodes=episodes)
        return result, result.seconds, result.behind
    again, began = a2c.A2C(ENV, 1, seed, config), time.perf_counter()
    train(again, evaluations=0, strict=False, label=f"A2C, seed {seed}, for the clock")
    clock, agent = time.perf_counter() - began, a2c.A2C(ENV, 1, seed, config)
    result = train(agent, evaluations=evaluations, episodes=episodes, strict=False, label=f"A2C, seed {seed}")
    return result, clock, 0.0


def main() -> None:
    options = asked(__doc__, seeds=10, steps=200_000, evaluations=10, episodes=20)
    folder, records = options.out / "a3c_cartpole", {}
    how = {"evaluations": options.evaluations, "episodes": options.episodes}
    for name, config in configs(options.steps).items():
        said = {"agent": "a2c" if name == "a2c" else "a3c", "env": ENV, **how}
        records[name] = config, Record.open(folder / name, said | asdict(config), options.mix)
    for seed in range(options.seeds):
        for config, record in records.values():
            if record.missing([seed]):
                print(f"{record.folder}: seed {seed}", flush=True)
                began = sum(os.times()[:4])  # CPU seconds of this process and of workers that have ended
                result, clock, behind = run(config, seed, **how)
                ones = np.ones(len(result.steps))
                table = {"step": result.steps, "return": result.returns[0]}
                table |= {"clock": clock * ones, "updates_behind": behind * ones}
                share, diverged = sum(os.times()[:4]) - began, result.diverged.get(0)
                record.write(seed, table, command=command(), seconds=share, diverged=diverged, cores=os.cpu_count())
    grid = np.linspace(0, options.steps, options.evaluations + 1)[1:]  # a worker's evaluation comes a little late
    curves = {}
    for name, (_, record) in records.items():
        tables = [record.table(seed) for seed in record.seeds]
        curves[name] = np.array([np.interp(grid, table["step"], table["return"]) for table in tables])
        final, clock = (np.array([table[column][-1] for table in tables]) for column in ("return", "clock"))
        low, high = bootstrap_interval(final)
        print(
            f"{name:10} interquartile mean {interquartile_mean(final):.0f} [{low:.0f}, {high:.0f}], "
            f"{(final >= 475).sum()} of {len(final)} seeds at 475, median {np.median(clock):.1f} s by the clock"
        )
    plot_curves(grid, curves).figure.savefig(folder / "curve.png", dpi=100, bbox_inches="tight")
    plt.close("all")


if __name__ == "__main__":  # workers import this file
    main()
