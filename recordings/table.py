"""The records under results/ as a table, results/README.md, and the part of it that the README quotes: `make table`.

    .venv/bin/python recordings/table.py

One row a record: the greedy policy's return at the end, interquartile mean over seeds with its 95 % bootstrap interval,
worst and best seed, CPU seconds of all seeds together, seeds that diverged. What measures something else, and the
commands, stand below.
"""

from pathlib import Path

import numpy as np

from rlcourse.records.record import Record
from rlcourse.records.stats import bootstrap_interval, interquartile_mean

ROOT = Path(__file__).parents[1]
BEGIN, END = "<!-- from results/README.md, by `make table` -->\n", "<!-- end of table -->\n"
LACKS = ("double", "dueling", "priorities", "n_step", "distributions", "noise")
QUOTED = {  # by the README, in this order; and what the record's name does not say
    "dqn_cartpole": "DQN: double, prioritised, 3 steps, soft targets, annealed",
    "sb3_dqn_cartpole": "Stable-Baselines3's DQN",
    "cem_cartpole": "cross-entropy method, a linear policy",
    "reinforce_cartpole": "V(s) as baseline",
    "a2c_cartpole": "generalised advantages, 8 environments",
    "a3c_cartpole/workers_2": "2 workers, one seed after another",
    "a2c_inverted_pendulum": "a Gaussian policy",
    "sb3_a2c_inverted_pendulum": "Stable-Baselines3's A2C",
    "impala_cartpole/on_policy": "no lag",
    "impala_cartpole/uncorrected": "actors 10 updates behind, uncorrected",
    "impala_cartpole/vtrace": "actors 10 updates behind, V-trace",
    "ppo_cartpole": "clipped, 20 epochs on each rollout",
    "sb3_ppo_cartpole": "Stable-Baselines3's PPO",
    "trpo_cartpole": "0.01 nats an update, falling to 0",
    "sb3_trpo_cartpole": "sb3-contrib's TRPO",
    "acktr_cartpole": "K-FAC, an update every 160 steps",
    "dqn_lunarlander": "DQN: double, dueling, prioritised, 3 steps, soft targets, annealed, Huber loss with delta 10",
    "dqn_minatar": "the settings of the MinAtar paper",
    "rainbow_minatar/dqn": "none of the six tricks",
    "rainbow_minatar/all": "all six tricks",
    **{f"rainbow_minatar/without_{trick}": "" for trick in LACKS},
    "rainbow_cartpole/dqn": "none of the six tricks",
    "rainbow_cartpole/all": "all six tricks",
    "rainbow_cartpole/without_distributions": "",
}
NOTES = QUOTED | {
    "dqn_lunarlander_double": "DQN: double, squared error; fell short",
    "dqn_lunarlander_prioritized": "DQN: double, prioritised, 3 steps; fell short",
    "dqn_lunarlander_dueling": "DQN: double, dueling, 3 steps; fell short",
}
SOLVED = {"CartPole-v1": 475, "LunarLander-v3": 200}  # returns from which on a world counts as solved
HEAD = (
    "| record | world | what | seeds | steps | return at the end | solved | worst to best | CPU s | diverged | by |\n"
    "|---|---|---|---|---|---|---|---|---|---|---|\n"
)
INTRODUCTION = """# What was recorded

A folder a record: `config.json` says what was run, `seed-0003.csv` what seed 3 gave, and `seed-0003.json` beside it
what made that: command, versions of the library and of what it stands on, CPU seconds, the seeds that learned side by
side, and after how many steps it diverged, if it did. `make record` lists them and records what is missing; `make
table` writes this page.

Returns are those of the greedy policy after training, evaluated apart from it: interquartile mean over seeds, 95 %
bootstrap interval, how many reach what counts as solved (CartPole 475, LunarLander 200), worst and best seed. CPU
seconds are those of all seeds together, on two busy cores: compare them with care. A seed that diverged stays in, with
the policy at which its weights stood still.

"""


def all_records(results: Path) -> dict[str, Record]:
    """By name, sorted."""
    folders = sorted(path.parent for path in results.rglob("config.json"))
    records = {folder.relative_to(results).as_posix(): Record(folder) for folder in folders}
    return {name: record for name, record in records.items() if record.seeds}


def row(name: str, record: Record, link: str) -> str:
    """A line of the table."""
    final, steps = record["return"][:, -1], record["step"][:, -1]
    low, high = bootstrap_interval(final)
    seconds, env = record.seconds.sum(), record.config["env"]
    cpu = "" if np.isnan(seconds) else f"{seconds:,.0f}"
    middle, ends = f"{interquartile_mean(final):.1f} [{low:.1f}, {high:.1f}]", f"{final.min():.1f} to {final.max():.1f}"
    solved = f"{(final >= SOLVED[env]).sum()} of {len(final)}" if env in SOLVED else ""
    made_by = ", ".join(dict.fromkeys(said for seed in record.seeds for said in one_version(record.made(seed))))
    diverged = ", ".join(f"seed {seed} at {step:,}" for seed, step in record.diverged.items())
    return (
        f"| [{name}]({link}{name}) | {env} | {NOTES.get(name, '')} | {len(final)} | {steps.mean():,.0f} "
        f"| {middle} | {solved} | {ends} | {cpu} | {diverged} | {made_by} |\n"
    )


def table(records: dict[str, Record], link: str = "") -> str:
    """The rows of records that have returns; `link`: from where the table stands to results/."""
    return HEAD + "".join(row(name, record, link) for name, record in records.items() if "return" in record.columns)


def commands(record: Record) -> str:
    """What made it, and by which versions of the library; more than one only where seeds were added later."""
    made = [record.made(seed) for seed in record.seeds]
    said = {f"`{one['command']}` ({', '.join(one_version(one))})": None for one in made}
    return "; ".join(said)


def one_version(made: dict) -> list[str]:
    """The version of what learned: ours, or a peer's."""
    libraries = ("stable-baselines3", "rlcourse")
    return [f"{name} {made['versions'][name]}" for name in libraries if name in made["versions"]][:1]


def page(results: Path) -> str:
    """results/README.md."""
    records = all_records(results)
    text = INTRODUCTION + table(records)
    others = {name: record for name, record in records.items() if set(record.columns) - {"step", "return"}}
    text += "\nThese hold other columns, too:\n\n| record | seeds | columns |\n|---|---|---|\n"
    for name, record in others.items():
        text += f"| [{name}]({name}) | {len(record.seeds)} | {', '.join(record.columns)} |\n"
    text += "\n## What made them\n\n"
    return text + "".join(f"- {name}: {commands(record)}\n" for name, record in records.items())


def readme(text: str, results: Path) -> str:
    """The README with the table of today between its marks."""
    records = all_records(results)
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    quoted = {name: records[name] for name in QUOTED if name in records}
    return f"{before}{BEGIN}{table(quoted, 'results/')}{END}{after}"


def main() -> None:
    (ROOT / "results" / "README.md").write_text(page(ROOT / "results"), encoding="utf-8")
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (ROOT / "README.md").write_text(readme(text, ROOT / "results"), encoding="utf-8")
    print("results/README.md and the table in README.md are up to date")


if __name__ == "__main__":
    main()
