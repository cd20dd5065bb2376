"""Many seeds of one configuration, recorded: `rlcourse run dqn --env CartPole-v1 --seeds 5`.

A folder holds one configuration: config.json (what ran: command, settings, versions), seed-0000.csv, .. (steps, return
of the greedy policy), curve.png. Seeds run side by side in groups, groups over an Executor; each group's files are
written when it ends, and a rerun skips seeds that are there.
"""

import ast
import csv
import dataclasses
import hashlib
import importlib
import json
import os
import platform
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from rlcourse import __version__
from rlcourse.contracts.inputs import bad_argument
from rlcourse.worlds.envs import make_env

AGENTS = {
    "a2c": "A2C",
    "cem": "CEM",
    "dqn": "DQN",
    "impala": "Impala",
    "rainbow": "Rainbow",
    "reinforce": "Reinforce",
}  # module in rlcourse.agents: its class
PACKAGES = ("torch", "gymnasium", "numpy")


class RunError(Exception):
    """A run that cannot start; the message says why."""


def configured(agent: str, settings: Sequence[str], steps: int) -> Any:
    """The agent's Config, with settings such as "double=True" in place of its defaults."""
    if agent not in AGENTS:
        raise bad_argument("agent", repr(agent), f"one of {', '.join(AGENTS)}")
    config = importlib.import_module(f"rlcourse.agents.{agent}").Config(total_steps=steps)
    names = [field.name for field in dataclasses.fields(config)]
    changes = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        if not equals or name not in names:
            raise bad_argument("--set", repr(setting), f"NAME=VALUE with a name of {', '.join(names)}")
        try:
            changes[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            raise bad_argument(name, repr(value), "a number, True, False, None or a tuple") from None
    return dataclasses.replace(config, **changes)


def built(agent: str, env: str, n_seeds: int, seed: int, config: Any) -> Any:
    """The agent, for n_seeds seeds from seed on."""
    module = importlib.import_module(f"rlcourse.agents.{agent}")
    return getattr(module, AGENTS[agent])(make_env(env), n_seeds, seed, config)


def run_group(agent: str, env: str, config: Any, seeds: Sequence[int], evaluations: int, episodes: int) -> dict:
    """Train a group of neighbouring seeds side by side; the curve of each, and CPU seconds.

    Where a loss becomes NaN there is no curve: "stopped" says why, "weights" are those of the best policies, or None.
    """
    import torch

    from rlcourse.training.loop import Diverged, train

    torch.set_num_threads(1)  # the nets are small; groups share the cores
    began = time.process_time()
    learner = built(agent, env, len(seeds), seeds[0], config)
    label = f"{agent}, seeds {seeds[0]} to {seeds[-1]}"
    how = {"seed": seeds[0], "evaluations": evaluations, "episodes": episodes, "label": label}
    try:
        result = train(learner, env, config.total_steps, per_seed=getattr(config, "n_envs", 1), **how)
    except Diverged as error:
        return {"stopped": str(error), "weights": learner.policy.state_dict() if error.kept else None}
    return {"steps": result.steps, "returns": result.returns, "cpu": time.process_time() - began}


def run(
    agent: str,
    env: str,
    n_seeds: int,
    steps: int,
    out: Path,
    settings: Sequence[str] = (),
    evaluations: int = 20,
    episodes: int = 20,
    group: int = 10,
    jobs: int = 1,
    executor: Executor | None = None,
    command: str = "",
) -> tuple[Path, ndarray, ndarray]:
    """Run what is missing and write it down; the folder, steps [C] and returns [K, C] of all seeds.

    Args:
        agent: name of the algorithm.
        env: Gymnasium id.
        n_seeds: seeds 0, 1, ...
        steps: environment steps of each seed.
        out: folder under which the configuration's folder lies.
        settings: "name=value" in place of defaults.
        evaluations, episodes: how often to evaluate, on how many episodes.
        group: seeds side by side in one process.
        jobs: groups at a time, each a process of its own; 1: here, one after the other.
        executor: where groups run in place of that (a Dask client's, say).
        command: how to make it again, for the record.
    """
    for name, value in {
        "n_seeds": n_seeds,
        "steps": steps,
        "group": group,
        "evaluations": evaluations,
        "episodes": episodes,
        "jobs": jobs,
    }.items():
        if value < 1:
            raise bad_argument(name, f"{value}", "at least 1")
    config = configured(agent, settings, steps)
    built(agent, env, 1, 0, config)  # what it cannot serve is said before anything is written
    what = {"agent": agent, "env": env, "evaluations": evaluations, "episodes": episodes, **dataclasses.asdict(config)}
    name = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:8]
    folder = out / f"{agent}-{env.replace('/', '-')}-{name}"
    folder.mkdir(parents=True, exist_ok=True)
    versions = {"rlcourse": __version__, "python": platform.python_version()}
    versions |= {package: version(package) for package in PACKAGES}
    record = {"command": command, "config": what, "seeds": list(range(n_seeds)), "versions": versions}
    _write(folder / "config.json", json.dumps(record, indent=1) + "\n")

    missing = [seed for seed in range(n_seeds) if not (folder / f"seed-{seed:04}.csv").exists()]
    groups = [part for part in _neighbours(missing, group)]
    arguments = [(agent, env, config, part, evaluations, episodes) for part in groups]
    if executor is None and jobs == 1:
        for part, one in zip(groups, arguments, strict=True):
            _record(folder, part, run_group(*one))
    else:
        with executor or ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
            runs = {pool.submit(run_group, *one): part for part, one in zip(groups, arguments, strict=True)}
            for done in as_completed(runs):
                _record(folder, runs[done], done.result())
    tables = [np.loadtxt(folder / f"seed-{seed:04}.csv", delimiter=",", skiprows=1, ndmin=2) for seed in range(n_seeds)]
    return folder, tables[0][:, 0], np.array([table[:, 1] for table in tables])


def _neighbours(seeds: list[int], group: int) -> list[list[int]]:
    """Runs of consecutive seeds, at most `group` long."""
    parts: list[list[int]] = []
    for seed in seeds:
        if parts and parts[-1][-1] == seed - 1 and len(parts[-1]) < group:
            parts[-1].append(seed)
        else:
            parts.append([seed])
    return parts


def _record(folder: Path, seeds: Sequence[int], result: dict) -> None:
    if "stopped" in result:
        if result["weights"] is None:
            raise RunError(result["stopped"])
        import torch

        kept = folder / f"best-{seeds[0]:04}-{seeds[-1]:04}.pt"
        torch.save(result["weights"], kept)
        raise RunError(f"{result['stopped']}; saved as {kept}, for torch.load")
    for seed, returns in zip(seeds, result["returns"], strict=True):
        rows = [("step", "return"), *zip(result["steps"].tolist(), returns.round(4).tolist(), strict=True)]
        path = folder / f"seed-{seed:04}.csv"
        temporary = path.with_suffix(".tmp")
        with open(temporary, "w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        os.replace(temporary, path)
    with open(folder / "cpu.csv", "a") as file:
        file.write(f"{seeds[0]},{seeds[-1]},{result['cpu']:.1f}\n")


def _write(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
