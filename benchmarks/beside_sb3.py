"""Our agents beside Stable-Baselines3's at the settings of RL Zoo: final return and CPU seconds, in one run.

    .venv/bin/python -m pip install -c constraints.txt -e '.[bench,mujoco]'
    .venv/bin/python benchmarks/beside_sb3.py dqn    # CartPole-v1, 50,000 steps: a quarter of an hour
    .venv/bin/python benchmarks/beside_sb3.py a2c    # InvertedPendulum-v5, a Gaussian policy, 200,000 steps: longer
    .venv/bin/python benchmarks/beside_sb3.py ppo    # CartPole-v1, 100,000 steps: a few minutes; trpo (sb3-contrib) too

Both get the same steps a seed, one thread, and are judged by the greedy policy's mean return over 20 episodes at the
end, in environments of their own. Ours is a recording of recordings/runs.py; seeds of either that are recorded under
results/ are not run again.
"""

import argparse
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from rlcourse.records.record import Record
from rlcourse.records.stats import bootstrap_interval, interquartile_mean

EPISODES = 20
ROOT = Path(__file__).parents[1]


class Pair(NamedTuple):
    """A world, the record of ours, and the peer's settings in RL Zoo's hyperparams/*.yml."""

    env: str
    steps: int
    ours: str
    peer: str
    zoo: dict
    normalize: bool = False  # of the peer: observations and rewards scaled by their running moments
    n_envs: int = 1  # of the peer
    library: str = "stable-baselines3"


PAIRS = {
    "dqn": Pair(
        "CartPole-v1",
        50_000,
        "dqn_cartpole",
        "sb3_dqn_cartpole",
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
        "a2c_inverted_pendulum",
        "sb3_a2c_inverted_pendulum",
        {"gamma": 0.99},
        normalize=True,
    ),
    "ppo": Pair(
        "CartPole-v1",
        100_000,
        "ppo_cartpole",
        "sb3_ppo_cartpole",
        {
            "n_steps": 32,
            "batch_size": 256,
            "gae_lambda": 0.8,
            "gamma": 0.98,
            "n_epochs": 20,
            "ent_coef": 0.0,
            "learning_rate": "lin_0.001",
            "clip_range": "lin_0.2",
        },
        n_envs=8,
    ),
    "trpo": Pair(
        "CartPole-v1",
        100_000,
        "trpo_cartpole",
        "sb3_trpo_cartpole",
        {
            "n_steps": 512,
            "batch_size": 512,
            "cg_damping": 1e-3,
            "gae_lambda": 0.98,
            "gamma": 0.99,
            "learning_rate": 1e-3,
            "n_critic_updates": 20,
        },
        n_envs=2,
        library="sb3-contrib",
    ),
}


def in_effect(setting: Any) -> Any:
    """A setting as the peer takes it: RL Zoo's "lin_0.2" falls linearly from 0.2 to 0."""
    if isinstance(setting, str) and setting.startswith("lin_"):
        return lambda left: float(setting.removeprefix("lin_")) * left
    return setting


def train_peer(name: str, seed: int, steps: int) -> tuple[float, float]:
    """Stable-Baselines3's agent: the final return, and the CPU seconds of training."""
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.vec_env import VecNormalize

    pair, began = PAIRS[name], time.process_time()
    env, judged = make_vec_env(pair.env, pair.n_envs, seed), make_vec_env(pair.env, 1, 1_000_000 + seed)
    if pair.normalize:
        env = VecNormalize(env, gamma=pair.zoo["gamma"])
        judged = VecNormalize(judged, training=False, norm_reward=False)
        judged.obs_rms = env.obs_rms
    kind = getattr(import_module(pair.library.replace("-", "_")), name.upper())
    settings = {key: in_effect(setting) for key, setting in pair.zoo.items()}
    model = kind("MlpPolicy", env, seed=seed, device="cpu", **settings)
    model.learn(steps)
    cpu = time.process_time() - began
    return float(evaluate_policy(model, judged, EPISODES, deterministic=True, warn=False)[0]), cpu


def peer(name: str, options: argparse.Namespace) -> Record:
    """All seeds of the peer, each written down as it ends."""
    pair = PAIRS[name]
    said = {"agent": f"sb3_{name}", "env": pair.env, "normalize": pair.normalize}
    said |= {"steps": options.steps or pair.steps, "episodes": EPISODES, **pair.zoo}
    record = Record.open(options.out / pair.peer, said, library=pair.library)
    for seed in record.missing(range(options.seeds)):
        final, cpu = train_peer(name, seed, said["steps"])
        table = {"step": [said["steps"]], "return": [final]}
        command = f"python benchmarks/beside_sb3.py {name}"
        record.write(seed, table, command=command, seconds=cpu, packages=[pair.library])
        print(f"{pair.library}, seed {seed}: {final:.1f}", flush=True)
    return record


def ours(name: str, options: argparse.Namespace) -> Record:
    """All seeds of ours side by side; the CPU seconds count evaluations, too."""
    added = ["--out", str(options.out.resolve()), "--seeds", str(options.seeds)]
    added += ["--steps", str(options.steps)] if options.steps else []
    command = [sys.executable, "recordings/runs.py", PAIRS[name].ours, "--", *added]
    subprocess.run(command, check=True, cwd=ROOT)
    return Record(options.out / PAIRS[name].ours)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pair", choices=PAIRS)
    parser.add_argument("--out", type=Path, default=ROOT / "results", help="where records lie (default results/)")
    parser.add_argument("--seeds", type=int, default=10, help="default 10")
    parser.add_argument("--steps", type=int, help="default: the pair's")
    options = parser.parse_args()
    torch.set_num_threads(1)
    for who, record in {"rlcourse": ours(options.pair, options), "sb3": peer(options.pair, options)}.items():
        final = record["return"][:, -1]
        low, high = bootstrap_interval(final)
        reached = (
            f"{(final >= 475).sum()} of {len(final)} seeds at 475, " if PAIRS[options.pair].env == "CartPole-v1" else ""
        )
        print(
            f"{who:9} interquartile mean {interquartile_mean(final):.0f} [{low:.0f}, {high:.0f}], {reached}"
            f"all {np.sort(final).round().astype(int).tolist()}, {record.seconds.sum():.0f} CPU s"
        )


if __name__ == "__main__":
    main()
