"""DQN on CartPole-v1 beside Stable-Baselines3's at the settings of RL Zoo: final return and CPU seconds, in one run.

    .venv/bin/python -m pip install -c constraints.txt -e '.[bench]'
    .venv/bin/python benchmarks/cartpole.py

Both get 50,000 steps a seed, one thread, and are judged by the greedy policy's mean return over 20 episodes at the end,
in environments of their own. Ours is `rlcourse run` (the command is printed); seeds of either that are recorded under
results/ are not run again.
"""

import csv
import json
import platform
import shlex
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import gymnasium
import numpy as np
import torch

from rlcourse.stats import bootstrap_interval, interquartile_mean

SEEDS, STEPS, EPISODES = 10, 50_000, 20
RESULTS = Path(__file__).parents[1] / "results"
OURS = (
    f"rlcourse run dqn --env CartPole-v1 --seeds {SEEDS} --steps {STEPS} --evaluations 10 --set double=True "
    "--set prioritized=True --set n_steps=3 --set tau=0.01 --set anneal=True --set batch_size=128 --set every=2 "
    '--set "hidden=(64,64)"'
)
ZOO = {  # RL Zoo, hyperparams/dqn.yml, CartPole-v1
    "learning_rate": 2.3e-3,
    "batch_size": 64,
    "buffer_size": 100_000,
    "learning_starts": 1000,
    "gamma": 0.99,
    "target_update_interval": 10,
    "train_freq": 256,
    "gradient_steps": 128,
    "exploration_fraction": 0.16,
    "exploration_final_eps": 0.04,
    "policy_kwargs": {"net_arch": [256, 256]},
}


def train_peer(seed: int) -> tuple[float, float]:
    """Stable-Baselines3's DQN: the final return, and the CPU seconds of training."""
    from stable_baselines3 import DQN
    from stable_baselines3.common.evaluation import evaluate_policy

    began = time.process_time()
    model = DQN("MlpPolicy", gymnasium.make("CartPole-v1"), seed=seed, device="cpu", **ZOO)
    model.learn(STEPS)
    cpu = time.process_time() - began
    env = gymnasium.make("CartPole-v1")
    env.reset(seed=1_000_000 + seed)
    return float(evaluate_policy(model, env, EPISODES, deterministic=True, warn=False)[0]), cpu


def run_peer() -> tuple[np.ndarray, float]:
    """All seeds of the peer, each written down as it ends; their final returns, and the CPU seconds of all."""
    folder = RESULTS / "sb3-dqn-CartPole-v1"
    folder.mkdir(parents=True, exist_ok=True)
    versions = {name: version(name) for name in ("stable-baselines3", "torch", "gymnasium", "numpy")}
    record = {
        "command": "python benchmarks/cartpole.py",
        "config": {"steps": STEPS, "episodes": EPISODES, **ZOO},
        "seeds": list(range(SEEDS)),
        "versions": {"python": platform.python_version(), **versions},
    }
    (folder / "config.json").write_text(json.dumps(record, indent=1) + "\n")
    rows = []
    for seed in range(SEEDS):
        path = folder / f"seed-{seed:04}.csv"
        if not path.exists():
            final, cpu = train_peer(seed)
            path.write_text(f"step,return,cpu_seconds\n{STEPS},{final:.4f},{cpu:.1f}\n")
        with open(path) as file:
            rows.append(next(csv.DictReader(file)))
        print(f"Stable-Baselines3, seed {seed}: {float(rows[-1]['return']):.1f}", flush=True)
    return np.array([float(row["return"]) for row in rows]), sum(float(row["cpu_seconds"]) for row in rows)


def run_ours() -> tuple[np.ndarray, float]:
    """All seeds of ours side by side; their final returns, and the CPU seconds of all, evaluations included."""
    print(OURS, flush=True)
    command = [sys.executable, "-m", "rlcourse.cli", *shlex.split(OURS)[1:]]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=RESULTS.parent).stdout
    folder = RESULTS.parent / printed.splitlines()[-1].split(": config.json")[0]
    tables = [np.loadtxt(folder / f"seed-{seed:04}.csv", delimiter=",", skiprows=1) for seed in range(SEEDS)]
    cpu = np.loadtxt(folder / "cpu.csv", delimiter=",", ndmin=2)[:, 2].sum()
    return np.array([table[-1, 1] for table in tables]), float(cpu)


def main() -> None:
    torch.set_num_threads(1)
    for name, (final, cpu) in {"rlcourse": run_ours(), "Stable-Baselines3": run_peer()}.items():
        low, high = bootstrap_interval(final)
        print(
            f"{name:18} interquartile mean {interquartile_mean(final):.0f} [{low:.0f}, {high:.0f}], "
            f"{(final >= 475).sum()} of {len(final)} seeds at 475, all {np.sort(final).round().astype(int).tolist()}, "
            f"{cpu:.0f} CPU s"
        )


if __name__ == "__main__":
    main()
