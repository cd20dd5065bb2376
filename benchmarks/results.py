"""The recorded runs under results/ as a table: `.venv/bin/python benchmarks/results.py`.

One row a configuration: the greedy policy's return at the end, interquartile mean over seeds with its 95 % bootstrap
interval, the worst and the best seed, and the CPU seconds of all seeds together. The commands stand below.
"""

import json
import re
from pathlib import Path

import numpy as np

from rlcourse.records.stats import bootstrap_interval, interquartile_mean

RESULTS = Path(__file__).parents[1] / "results"
TRICKS = {"double": True, "dueling": True, "prioritized": True, "distributional": True, "noisy": True}


def variant(config: dict, command: str) -> str:
    """Which tricks a configuration of DQN has; of Rainbow, which it lacks; of other agents, what was set."""
    if config["agent"] not in ("dqn", "rainbow"):
        return ", ".join(re.findall(r"--set '?([^\s']+)", command)) or "defaults"
    tricks = [name for name in TRICKS if config.get(name)] + (["n-step"] if config.get("n_steps", 1) > 1 else [])
    if config["agent"] != "rainbow":
        return ", ".join(tricks) or "plain"
    lacks = [name for name in (*TRICKS, "n-step") if name not in tricks]
    return f"without {', '.join(lacks)}" if lacks else "all tricks"


def main() -> None:
    rows, commands = [], []
    for record in sorted(RESULTS.glob("*/config.json")):
        said, files = json.loads(record.read_text()), sorted(record.parent.glob("seed-*.csv"))
        config = said["config"]
        if "agent" not in config or not files:
            continue  # not from `rlcourse run`
        tables = [np.loadtxt(file, delimiter=",", skiprows=1, ndmin=2) for file in files]
        final = np.array([table[-1, 1] for table in tables])
        low, high = bootstrap_interval(final)
        cpu = np.loadtxt(record.with_name("cpu.csv"), delimiter=",", ndmin=2)[:, 2].sum()
        rows.append(
            f"| {config['env']} | {config['agent']} | {variant(config, said['command'])} | {len(final)} "
            f"| {tables[0][-1, 0]:,.0f} | {interquartile_mean(final):.1f} [{low:.1f}, {high:.1f}] "
            f"| {final.min():.1f} to {final.max():.1f} | {cpu:,.0f} |"
        )
        commands.append(said["command"])
    print("| world | agent | tricks | seeds | steps | return at the end | worst to best | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    print("\n".join(sorted(rows)), end="\n\n")
    print("\n".join(sorted(commands)))


if __name__ == "__main__":
    main()
