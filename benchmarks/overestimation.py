"""How far the values of DQN and double DQN lie above the truth, measured while they learn; lecture 05 reads the record.

    python benchmarks/overestimation.py                                       CartPole-v1, about ten minutes
    python benchmarks/overestimation.py --env LunarLander-v3 --steps 40000 --every 2 --out results/overestimation-lander

At each checkpoint the greedy policy plays episodes of its own. In their first STATES steps we compare what the online
network believes, max_a Q(s, a), with the discounted return that really followed. Training cuts an episode after 500
steps and bootstraps there, so its values are those of a pole that goes on. The evaluation therefore plays LIMIT steps;
what it misses behind its own cut is less than 0.99**(LIMIT - STATES) / (1 - 0.99) = 0.004. All seeds of an agent learn
side by side. With --noise every training reward gets a normal error of that size and mean 0, which changes no true
value; the returns are measured without it.
"""

import argparse
import csv
import json
import platform
import sys
import time
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import gymnasium
import numpy as np
import torch
from numpy import ndarray

from rlcourse import __version__
from rlcourse.agents.dqn import DQN, Config
from rlcourse.training.loop import EVALUATION_SEED, train
from rlcourse.worlds.envs import Envs

STATES, LIMIT = 200, 1_200  # states that are compared, steps that are played
AGENTS = {"DQN": False, "double DQN": True}


class NoisyReward(gymnasium.Wrapper):
    """The same world, each reward with a normal error of its own."""

    def __init__(self, env: gymnasium.Env, scale: float) -> None:
        super().__init__(env)
        self.scale = scale

    def step(self, action: int) -> tuple:
        obs, reward, *rest = self.env.step(action)
        return obs, reward + self.scale * self.env.unwrapped.np_random.normal(), *rest


def compare(agent: DQN, env: str, episodes: int, seed: int) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """For each seed [K]: belief and truth at the start, belief and truth at the states visited."""
    envs = Envs(lambda: gymnasium.make(env, max_episode_steps=LIMIT), agent.n_seeds, episodes, EVALUATION_SEED + seed)
    running, rewards, alive, belief = np.ones(envs.shape, bool), [], [], []
    while running.any() and len(rewards) < LIMIT:
        with torch.no_grad():
            q = agent.q(agent.online, envs.observation).numpy()
        step = envs.step(q.argmax(axis=-1))
        belief.append(q.max(axis=-1))
        alive.append(running)
        rewards.append(step.reward * running)
        running = running & ~(step.terminated | step.truncated)
    envs.close()
    truth, following = [], np.zeros(envs.shape)
    for reward in reversed(rewards):
        following = reward + agent.config.gamma * following
        truth.append(following)
    truth = np.array(truth[::-1])  # [T, K, episodes]
    seen = np.array(alive)[:STATES]
    count = seen.sum(axis=(0, 2))
    visited = [(np.array(x)[:STATES] * seen).sum(axis=(0, 2)) / count for x in (belief, truth)]
    return belief[0].mean(axis=1), truth[0].mean(axis=1), *visited


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--env", default="CartPole-v1", help="a Gymnasium id (default CartPole-v1)")
    parser.add_argument("--every", type=int, default=1, help="steps between updates (default 1)")
    parser.add_argument("--steps", type=int, default=20_000, help="of each seed (default 20,000)")
    parser.add_argument("--seeds", type=int, default=10, help="side by side (default 10)")
    parser.add_argument("--noise", type=float, default=0.0, help="of each training reward (default 0)")
    parser.add_argument("--episodes", type=int, default=10, help="at each checkpoint, for each seed (default 10)")
    parser.add_argument("--checkpoints", type=int, default=20, help="evenly spread (default 20)")
    parser.add_argument("--out", type=Path, default=Path("results/overestimation"), help="folder of the record")
    args = parser.parse_args()
    for name in ("steps", "seeds", "episodes", "checkpoints"):
        if getattr(args, name) < 1:
            parser.error(f"--{name}: got {getattr(args, name)}, expected at least 1")
    torch.set_num_threads(1)  # the nets are small

    def world() -> gymnasium.Env:
        env = gymnasium.make(args.env)
        return NoisyReward(env, args.noise) if args.noise else env

    rows, configs, seconds = [], {}, {}
    for name, double in AGENTS.items():
        config = Config(total_steps=args.steps, hidden=(64, 64), target_every=100, every=args.every, double=double)
        agent = DQN(gymnasium.make(args.env), args.seeds, 0, config)
        began = time.process_time()

        def measure(step: int, agent: DQN = agent, name: str = name) -> None:
            measured = np.array(compare(agent, args.env, args.episodes, seed=0)).T
            rows.extend([name, seed, step, *row.round(3)] for seed, row in enumerate(measured))
            start, start_true, visited, true = measured.mean(axis=0)
            print(f"{name:11} {step:7,}: start {start:6.1f} ({start_true:5.1f}), visited {visited:6.1f} ({true:5.1f})")

        train(agent, world, args.steps, evaluations=args.checkpoints, episodes=1, after=measure, label=name)
        configs[name], seconds[name] = asdict(config), round(time.process_time() - began, 1)

    args.out.mkdir(parents=True, exist_ok=True)
    with open(args.out / "estimates.csv", "w", newline="") as file:
        columns = ["agent", "seed", "step", "start", "start_true", "visited", "visited_true"]
        csv.writer(file, lineterminator="\n").writerows([columns, *rows])
    versions = {"rlcourse": __version__, "python": platform.python_version()}
    versions |= {package: version(package) for package in ("torch", "gymnasium", "numpy")}
    record = {
        "command": " ".join(["python", "benchmarks/overestimation.py", *sys.argv[1:]]),
        "config": {key: value for key, value in vars(args).items() if key != "out"} | {"agents": configs},
        "seeds": list(range(args.seeds)),
        "cpu_seconds": seconds,
        "versions": versions,
    }
    (args.out / "config.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
