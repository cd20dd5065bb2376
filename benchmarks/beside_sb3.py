"""Our agents beside Stable-Baselines3's at the settings of RL Zoo: final return and CPU seconds, in one run.

    .venv/bin/python -m pip install -c constraints.txt -e '.[bench,mujoco]'
    .venv/bin/python benchmarks/beside_sb3.py dqn    # CartPole-v1, 50,000 steps: a quarter of an hour
    .venv/bin/python benchmarks/beside_sb3.py a2c    # InvertedPendulum-v5, a Gaussian policy, 200,000 steps: longer

Both get the same steps a seed, one thread, and are judged by the greedy policy's mean return over 20 episodes at the
end, in environments of their own. Ours is `rlcourse run` (the command is printed); seeds of either that are recorded
under results/ are not run again.
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
from typing import NamedTuple

import numpy as np
import torch

from rlcourse.records.stats import bootstrap_interval, interquartile_mean

SEEDS, EPISODES = 10, 20
RESULTS = Path(__file__).parents[1] / "results"


class Pair(NamedTuple):
    """A world, how `rlcourse run` learns it, and the settings of RL Zoo's hyperparams/*.yml."""

    env: str
    steps: int
    ours: str
    zoo: dict
    normalize: bool = False  # of the peer: observations and rewards scaled by their running moments


PAIRS = {
    "dqn": Pair(
        "CartPole-v1",
        50_000,
        "--set double=True --set prioritized=True --set n_steps=3 --set tau=0.01 --set anneal=True "
        '--set batch_size=128 --set every=2 --set "hidden=(64,64)"',
        {
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
        },
    ),
    "a2c": Pair(  # RL Zoo's settings of MuJoCo's worlds are Stable-Baselines3's defaults, on scaled numbers
        "InvertedPendulum-v5",
        200_000,
        "--set n_steps=8 --set learning_rate=3e-3 --set entropy_coef=0.0 --set clip=None",
        {"gamma": 0.99},
        normalize=True,
    ),
}


def train_peer(name: str, seed: int) -> tuple[float, float]:
    """Stable-Baselines3's agent: the final return, and the CPU seconds of training."""
    import stable_baselines3
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.vec_env import VecNormalize

    pair, began = PAIRS[name], time.process_time()
    env, judged = make_vec_env(pair.env, 1, seed), make_vec_env(pair.env, 1, 1_000_000 + seed)
    if pair.normalize:
        env = VecNormalize(env, gamma=pair.zoo["gamma"])
        judged = VecNormalize(judged, training=False, norm_reward=False)
        judged.obs_rms = env.obs_rms
    kind = getattr(stable_baselines3, name.upper())
    model = kind("MlpPolicy", env, seed=seed, device="cpu", **pair.zoo)
    model.learn(pair.steps)
    cpu = time.process_time() - began
    return float(evaluate_policy(model, judged, EPISODES, deterministic=True, warn=False)[0]), cpu


def run_peer(name: str) -> tuple[np.ndarray, float]:
    """All seeds of the peer, each written down as it ends; their final returns, and the CPU seconds of all."""
    pair = PAIRS[name]
    folder = RESULTS / f"sb3-{name}-{pair.env}"
    folder.mkdir(parents=True, exist_ok=True)
    versions = {package: version(package) for package in ("stable-baselines3", "torch", "gymnasium", "numpy")}
    how = {"steps": pair.steps, "episodes": EPISODES, "normalize": pair.normalize}
    record = {
        "command": f"python benchmarks/beside_sb3.py {name}",
        "config": how | pair.zoo,
        "seeds": list(range(SEEDS)),
        "versions": {"python": platform.python_version(), **versions},
    }
    (folder / "config.json").write_text(json.dumps(record, indent=1) + "\n")
    rows = []
    for seed in range(SEEDS):
        path = folder / f"seed-{seed:04}.csv"
        if not path.exists():
            final, cpu = train_peer(name, seed)
            path.write_text(f"step,return,cpu_seconds\n{pair.steps},{final:.4f},{cpu:.1f}\n")
        with open(path) as file:
            rows.append(next(csv.DictReader(file)))
        print(f"Stable-Baselines3, seed {seed}: {float(rows[-1]['return']):.1f}", flush=True)
    return np.array([float(row["return"]) for row in rows]), sum(float(row["cpu_seconds"]) for row in rows)


def run_ours(name: str) -> tuple[np.ndarray, float]:
    """All seeds of ours side by side; their final returns, and the CPU seconds of all, evaluations included."""
    pair = PAIRS[name]
    ours = f"rlcourse run {name} --env {pair.env} --seeds {SEEDS} --steps {pair.steps} --evaluations 10 {pair.ours}"
    print(ours, flush=True)
    command = [sys.executable, "-m", "rlcourse.cli", *shlex.split(ours)[1:]]
    printed = subprocess.run(command, check=True, capture_output=True, text=True, cwd=RESULTS.parent).stdout
    folder = RESULTS.parent / printed.splitlines()[-1].split(": config.json")[0]
    tables = [np.loadtxt(folder / f"seed-{seed:04}.csv", delimiter=",", skiprows=1) for seed in range(SEEDS)]
    cpu = np.loadtxt(folder / "cpu.csv", delimiter=",", ndmin=2)[:, 2].sum()
    return np.array([table[-1, 1] for table in tables]), float(cpu)


def main() -> None:
    if sys.argv[1:] not in [[name] for name in PAIRS]:
        raise SystemExit(f"got {' '.join(sys.argv[1:]) or 'nothing'}, expected one of {', '.join(PAIRS)}")
    torch.set_num_threads(1)
    for name, (final, cpu) in {
        "rlcourse": run_ours(sys.argv[1]),
        "Stable-Baselines3": run_peer(sys.argv[1]),
    }.items():
        low, high = bootstrap_interval(final)
        reached = f"{(final >= 475).sum()} of {len(final)} seeds at 475, " if sys.argv[1] == "dqn" else ""
        print(
            f"{name:18} interquartile mean {interquartile_mean(final):.0f} [{low:.0f}, {high:.0f}], {reached}"
            f"all {np.sort(final).round().astype(int).tolist()}, {cpu:.0f} CPU s"
        )


if __name__ == "__main__":
    main()
