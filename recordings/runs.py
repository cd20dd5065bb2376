"""Everything under results/, how it is made, and what of it is missing.

    make record                                  # list what there is, then record what is missing
    make record ONLY=a2c_cartpole                # that one
    .venv/bin/python recordings/runs.py --list
    .venv/bin/python recordings/runs.py a2c_cartpole --again      # drop what is there and record it anew
    .venv/bin/python recordings/runs.py a2c_cartpole -- --seeds 2 --steps 2000 --out /tmp/tried

Most are one `rlcourse run` each, the others scripts in this folder. All can be stopped and started again. What follows
`--` is added to the command. MinAtar, LunarLander and Stable-Baselines3 need the extra `bench`, InvertedPendulum the
extra `mujoco`: .venv/bin/python -m pip install -c constraints.txt -e '.[bench,mujoco]'.
"""

import argparse
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from rlcourse.records.record import Record

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"


@dataclass(frozen=True)
class Recording:
    """What makes a record, or a folder of them."""

    minutes: int  # of one core, about
    command: str
    seeds: int
    variants: tuple[str, ...] = ("",)  # the records in the folder


def run(name: str, minutes: int, agent: str, options: str, settings: str = "", seeds: int = 10) -> dict[str, Recording]:
    """A record of `rlcourse run`."""
    changes = "".join(f" --set {shlex.quote(setting)}" for setting in settings.split())
    command = f"rlcourse run {agent} {options} --seeds {seeds}{changes} --name {name}"
    return {name: Recording(minutes, command, seeds)}


CARTPOLE, PENDULUM = "--env CartPole-v1", "--env InvertedPendulum-v5 --steps 200000 --evaluations 10"
LANDER = "--env LunarLander-v3 --steps 200000 --evaluations 10"
BREAKOUT = "--env MinAtar/Breakout-v1 --steps 100000 --evaluations 10"
IMPALA, REPLAY = f"{CARTPOLE} --steps 150000 --evaluations 10", f"{CARTPOLE} --steps 50000 --evaluations 10"
EXPECTED = "distributional=False noisy=False"  # DQN with tricks: an expected value a Q, epsilon-greedy

RUNS = (
    run(
        "dqn_cartpole",
        4,
        "rainbow",
        f"{CARTPOLE} --steps 50000 --evaluations 10",
        f"double=True dueling=False prioritized=True n_step=3 {EXPECTED} tau=0.01 anneal=True batch_size=128 "
        "steps_per_update=2 hidden=(64,64)",
    )
    | run(
        "dqn_lunarlander",
        20,
        "rainbow",
        LANDER,
        f"double=True dueling=True prioritized=True n_step=3 {EXPECTED} huber=10 max_grad_norm=100 tau=0.01 "
        "anneal=True learning_rate=7e-4 batch_size=128 steps_per_update=2 hidden=(128,128) capacity=200000 "
        "exploration=0.12",
        seeds=5,
    )
    | run(  # this one and the next two fell short
        "dqn_lunarlander_double",
        5,
        "rainbow",
        LANDER,
        f"double=True dueling=False prioritized=False n_step=1 {EXPECTED} huber=1e6 max_grad_norm=100 tau=0.002 "
        "anneal=True learning_rate=5e-4 batch_size=64 steps_per_update=4 hidden=(64,64) capacity=200000",
        seeds=5,
    )
    | run(
        "dqn_lunarlander_prioritized",
        9,
        "rainbow",
        LANDER,
        f"double=True dueling=False prioritized=True n_step=3 {EXPECTED} tau=0.01 anneal=True batch_size=128 "
        "steps_per_update=4 hidden=(128,128) capacity=200000",
        seeds=5,
    )
    | run(
        "dqn_lunarlander_dueling",
        10,
        "rainbow",
        LANDER,
        f"double=True dueling=True prioritized=False n_step=3 {EXPECTED} tau=0.005 anneal=True learning_rate=6e-4 "
        "batch_size=128 steps_per_update=4 hidden=(128,128) capacity=200000 epsilon_end=0.1 exploration=0.12",
        seeds=5,
    )
    | run(  # the settings of the MinAtar paper (Young and Tian, 2019)
        "dqn_minatar",
        17,
        "dqn",
        BREAKOUT,
        "batch_size=32 learning_rate=2.5e-4 steps_per_copy=1000 capacity=100000 warm_up=5000 epsilon_end=0.1 "
        "exploration=1.0",
        seeds=5,
    )
    | run("cem_cartpole", 2, "cem", f"{CARTPOLE} --steps 75000")
    | run("reinforce_cartpole", 2, "reinforce", f"{CARTPOLE} --steps 75000")
    | run("a2c_cartpole", 1, "a2c", f"{CARTPOLE} --steps 200000 --evaluations 10")
    | run("a2c_cartpole_short", 1, "a2c", f"{CARTPOLE} --steps 75000", "gamma=0.98 learning_rate=5e-3")
    | run("a2c_inverted_pendulum", 4, "a2c", PENDULUM, "entropy_coef=0 max_grad_norm=None")
    | run("ppo_cartpole", 1, "ppo", f"{CARTPOLE} --steps 100000 --evaluations 25")
    | run("trpo_cartpole", 2, "trpo", f"{CARTPOLE} --steps 100000 --evaluations 25")
    | run("acktr_cartpole", 1, "acktr", f"{CARTPOLE} --steps 100000 --evaluations 25")
    | run("impala_cartpole/on_policy", 1, "impala", IMPALA, "learning_rate=2e-3 lag=0")
    | run("impala_cartpole/uncorrected", 1, "impala", IMPALA, "learning_rate=2e-3 corrected=False")
    | run("impala_cartpole/vtrace", 1, "impala", IMPALA, "learning_rate=2e-3")
    | run("impala_cartpole_3e-3/on_policy", 1, "impala", IMPALA, "learning_rate=3e-3 lag=0")
    | run("impala_cartpole_3e-3/uncorrected", 1, "impala", IMPALA, "learning_rate=3e-3 corrected=False")
    | run("impala_cartpole_3e-3/vtrace", 1, "impala", IMPALA, "learning_rate=3e-3")
    | run("impala_replay/fresh", 1, "impala", REPLAY, "lag=0")
    | run("impala_replay/vtrace", 1, "impala", REPLAY, "lag=0 replay=1")
    | run("impala_replay/uncorrected", 1, "impala", REPLAY, "lag=0 replay=1 corrected=False")
    | run("impala_replay/small", 1, "impala", REPLAY, "lag=0 replay=1 replay_capacity=4")
)

# Rainbow, Rainbow without each of its six tricks, and without all of them, which is DQN
WITHOUT = {
    "all": "",
    "dqn": f"double=False dueling=False prioritized=False n_step=1 {EXPECTED}",
    "without_double": "double=False",
    "without_dueling": "dueling=False",
    "without_priorities": "prioritized=False",
    "without_n_step": "n_step=1",
    "without_distributions": "distributional=False",
    "without_noise": "noisy=False",
}
RAINBOWS = {
    "minatar": (
        9,
        5,
        BREAKOUT,
        "batch_size=32 learning_rate=5e-4 steps_per_update=4 steps_per_copy=1000 capacity=100000 support=(0,20)",
    ),
    "cartpole": (
        6,
        10,
        f"{CARTPOLE} --steps 20000 --evaluations 10",
        "hidden=(64,64) steps_per_update=2 tau=0.01 capacity=20000 support=(0,100)",
    ),
}
for world, (minutes, seeds, options, settings) in RAINBOWS.items():
    for variant, change in WITHOUT.items():
        RUNS |= run(f"rainbow_{world}/{variant}", minutes, "rainbow", options, f"{settings} {change}", seeds)

# PPO's little choices: each one taken back, or as others have it
CHOICES = {
    "reference": "",
    "one_epoch": "epochs=1",
    "four_epochs": "epochs=4",
    "minibatches": "minibatches=4",
    "no_clip": "eps=1e6",
    "eps_01": "eps=0.1",
    "adaptive_kl": "objective=adaptive_kl",
    "not_normalised": "normalise=no",
    "normalised_by_batch": "normalise=batch minibatches=4",
    "constant_rate": "anneal=False",
    "long_gradients": "max_grad_norm=None",
    "entropy": "entropy_coef=0.01",
    "lam_095": "lam=0.95",
    "gamma_099": "gamma=0.99",
    "long_rollouts": "rollout_length=128",
}
for choice, change in CHOICES.items():
    RUNS |= run(f"ppo_choices/{choice}", 1, "ppo", f"{CARTPOLE} --steps 50000 --evaluations 10", change)

ABLATION = (
    *("reference", "unrefined", "both", "no_replay", "batch_of_one", "small_buffer", "no_target_network", "neither"),
    *("soft", "annealed", "squared_both", "squared_no_target_network"),
)
BELIEFS = ("dqn", "double_dqn")
RECORDINGS = RUNS | {
    "dqn_ablation": Recording(20, "python recordings/dqn_ablation.py", 10, ABLATION),
    "overestimation_cartpole": Recording(3, "python recordings/overestimation.py cartpole", 10, BELIEFS),
    "overestimation_lunarlander": Recording(8, "python recordings/overestimation.py lunarlander", 10, BELIEFS),
    "gradient_variance": Recording(2, "python recordings/gradient_variance.py", 10),
    "a3c_cartpole": Recording(20, "python recordings/a3c.py", 10, ("workers_1", "workers_2", "workers_4", "a2c")),
    "sb3_dqn_cartpole": Recording(9, "python benchmarks/beside_sb3.py dqn", 10),
    "sb3_ppo_cartpole": Recording(4, "python benchmarks/beside_sb3.py ppo", 10),
    "sb3_trpo_cartpole": Recording(4, "python benchmarks/beside_sb3.py trpo", 10),
    "sb3_a2c_inverted_pendulum": Recording(32, "python benchmarks/beside_sb3.py a2c", 10),
}


def records(name: str) -> list[Record]:
    """The records of a recording that are there."""
    folders = [RESULTS / name / variant for variant in RECORDINGS[name].variants]
    return [Record(folder) for folder in folders if (folder / "config.json").exists()]


def missing(name: str) -> int:
    """How many seeds are missing, over all variants."""
    recording = RECORDINGS[name]
    there = sum(recording.seeds - len(one.missing(range(recording.seeds))) for one in records(name))
    return recording.seeds * len(recording.variants) - there


def drop(name: str) -> None:
    """Delete what is there."""
    for one in records(name):
        for path in [*one.folder.glob("seed-*"), one.folder / "config.json"]:
            path.unlink()


def made_by(name: str) -> str:
    """The versions of the library that made what is there."""
    versions = {one.made(seed)["versions"].get("rlcourse", "") for one in records(name) for seed in one.seeds}
    return ", ".join(sorted(filter(None, versions)))


def show(names: list[str]) -> None:
    """A line for each recording."""
    print(f"{'recording':40}{'minutes':>7}  {'seeds missing':>13}  made by rlcourse")
    for name in names:
        recording, left = RECORDINGS[name], missing(name)
        seeds = f"{left} of {recording.seeds * len(recording.variants)}" if left else "-"
        print(f"{name:40}{recording.minutes:7}  {seeds:>13}  {made_by(name)}".rstrip())
    minutes = sum(RECORDINGS[name].minutes for name in names if missing(name))
    print(f"what is missing takes about {minutes} minutes of one core", flush=True)


def chosen(wanted: list[str]) -> list[str]:
    """Recordings by name, or by the folder that they share."""
    names = [name for name in RECORDINGS if not wanted or {name, name.partition("/")[0]} & set(wanted)]
    known = {part for name in RECORDINGS for part in (name, name.partition("/")[0])}
    if unknown := [name for name in wanted if name not in known]:
        raise SystemExit(f"got {', '.join(unknown)}, expected names of {', '.join(sorted(known))}")
    return names


def main(arguments: list[str]) -> int:
    """Record what is missing; how many recordings failed."""
    before, _, added = " ".join(map(shlex.quote, arguments)).partition(" -- ")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="which (default: all)")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    parser.add_argument("--again", action="store_true", help="drop what is there first; names must be given")
    options = parser.parse_args(shlex.split(before))
    names = chosen(options.names)
    if options.again and not options.names:
        parser.error("--again: got no names, expected those of what may be dropped")
    show(names)
    failed = []
    for name in [] if options.list else names:
        if not options.again and not added and not missing(name):
            continue
        if options.again and not added:
            drop(name)
        words = [*shlex.split(RECORDINGS[name].command), *shlex.split(added)]
        program = ["-m", "rlcourse.cli"] if words[0] == "rlcourse" else []
        print(f"\n{shlex.join(words)}", flush=True)
        try:
            if subprocess.run([sys.executable, *program, *words[1:]], cwd=ROOT).returncode:
                failed.append(name)
        except KeyboardInterrupt:
            print("\nstopped; the same command goes on", file=sys.stderr)
            return 130
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
