"""Our agents beside others': steps a CPU second at equal steps and updates, and what each has learned, in one run.

    make peers                               # Stable-Baselines3, sb3-contrib and rejax, in environments of their own
    .venv/bin/python benchmarks/agents.py    # PPO and TRPO on CartPole: twenty minutes; or name rows: ppo trpo ..

Every row runs each contender once a round, three rounds, so that a busy machine slows all of them; medians are printed.
CPU seconds are those of training, imports and evaluation left out, on one thread. Returns are means over 20 episodes of
the final policy: of the greedy one, by rejax of the one that samples.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PYTHON = {
    "rlcourse": Path(sys.executable),
    "stable-baselines3": ROOT / "build" / "peers" / "bin" / "python",
    "sb3-contrib": ROOT / "build" / "peers" / "bin" / "python",
    "rejax": ROOT / "build" / "rejax" / "bin" / "python",
}
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "TQDM_DISABLE": "1",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
}

OURS = """
import json, time, torch
from rlcourse.agents import ppo, trpo
from rlcourse.training.loop import evaluate, train
torch.set_num_threads(1)
module = {agent}
kind = {{ppo: "PPO", trpo: "TRPO"}}[module]
agent = getattr(module, kind)("CartPole-v1", {seeds}, {first}, module.Config(total_steps={steps}, **{settings}))
cpu, wall = time.process_time(), time.perf_counter()
train(agent, evaluations=0)
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
print(json.dumps({{"cpu": cpu, "wall": wall, "returns": [float(x) for x in evaluate(agent, episodes=20)]}}))
"""

THEIRS = """
import json, time, torch
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.evaluation import evaluate_policy
from {package} import {kind}
torch.set_num_threads(1)
env = make_vec_env("CartPole-v1", n_envs=8, seed={first})
agent = {kind}("MlpPolicy", env, seed={first}, device="cpu", **{settings})
cpu, wall = time.process_time(), time.perf_counter()
agent.learn({steps})
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
returns = [evaluate_policy(agent, make_vec_env("CartPole-v1", seed=1000), 20)[0]]
print(json.dumps({{"cpu": cpu, "wall": wall, "returns": [float(x) for x in returns]}}))
"""

REJAX = """
import json, time, jax
from rejax import PPO
lengths = {{"total_timesteps": {steps}, "eval_freq": {steps}, "skip_initial_evaluation": True}}
agent = PPO.create(env="CartPole-v1", **lengths, **{settings})
seeds = jax.random.split(jax.random.PRNGKey({first}), {seeds})
cpu = time.process_time()
train = jax.jit(jax.vmap(PPO.train, in_axes=(None, 0))).lower(agent, seeds).compile()
compiled = time.process_time() - cpu
cpu, wall = time.process_time(), time.perf_counter()
_, (_, returns) = jax.block_until_ready(train(agent, seeds))
cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
final = [float(x) for x in returns.mean(-1)[:, -1]]
print(json.dumps({{"cpu": cpu, "wall": wall, "compiled": compiled, "returns": final}}))
"""

# 8 environments x 32 steps, 20 epochs of the whole batch; everything else as RL Zoo has it for CartPole
PPO_OURS = {
    "gamma": 0.98,
    "lam": 0.8,
    "learning_rate": 1e-3,
    "eps": 0.2,
    "epochs": 20,
    "rollout_length": 32,
    "n_envs": 8,
}
PPO_SB3 = {"n_steps": 32, "batch_size": 256, "n_epochs": 20, "gamma": 0.98, "gae_lambda": 0.8, "ent_coef": 0.0}
PPO_SB3 |= {"learning_rate": 1e-3, "clip_range": 0.2}
PPO_REJAX = {
    "num_envs": 8,
    "num_steps": 32,
    "num_epochs": 20,
    "num_minibatches": 1,
    "learning_rate": 1e-3,
    "gamma": 0.98,
}
PPO_REJAX |= {"gae_lambda": 0.8, "clip_eps": 0.2, "ent_coef": 0.0, "max_grad_norm": 0.5}
PPO_REJAX |= {"agent_kwargs": {"activation": "tanh"}}
# sb3-contrib's defaults are those of its paper: 2,048 steps an update, 15 products, 10 critic epochs of 128
TRPO_OURS = {"n_envs": 8, "rollout_length": 128}
TRPO_SB3 = {
    "n_steps": 128,
    "batch_size": 128,
    "cg_max_steps": 10,
    "n_critic_updates": 10,
    "gamma": 0.98,
    "gae_lambda": 0.95,
}


class Contender(NamedTuple):
    """A program that trains and prints what it took; `parts` of it run at a time, each with seeds of its own."""

    name: str
    program: str
    fields: dict
    steps: int
    seeds: int = 1
    parts: int = 1


class Row(NamedTuple):
    """What is compared: the first contender is ours, `ratio` how many times better it is, and should be: `target`."""

    title: str
    contenders: tuple[Contender, ...]
    ratio: Callable[[list[dict]], float]
    says: str
    target: float


def speed(outcomes: list[dict]) -> float:
    return outcomes[1]["cpu"] / outcomes[0]["cpu"]


def ours(agent: str, settings: dict, steps: int, seeds: int = 1, parts: int = 1) -> Contender:
    return Contender("rlcourse", OURS, {"agent": agent, "settings": settings}, steps, seeds, parts)


PPO_THEIRS = Contender(
    "stable-baselines3", THEIRS, {"package": "stable_baselines3", "kind": "PPO", "settings": PPO_SB3}, 100_000
)
ROWS = {
    "ppo": Row(
        "PPO, CartPole, one seed, 100,000 steps",
        (ours("ppo", PPO_OURS, 100_000), PPO_THEIRS),
        speed,
        "steps a CPU second, ours / theirs",
        2.5,
    ),
    "ten": Row(
        "PPO, CartPole, 100,000 steps: ten seeds of ours on two cores, one of theirs",
        (ours("ppo", PPO_OURS, 100_000, 10, 2), PPO_THEIRS),
        lambda outcomes: outcomes[1]["wall"] / outcomes[0]["wall"],
        "wall time, theirs of one seed / ours of ten",
        1.0,
    ),
    "rejax": Row(
        "PPO, CartPole, ten seeds, 50,000 steps",
        (
            ours("ppo", PPO_OURS, 50_000, 10),
            Contender("rejax", REJAX, {"settings": PPO_REJAX}, 50_176, 10),
        ),
        speed,
        "CPU seconds without compilation, theirs / ours",
        1 / 1.2,
    ),
    "trpo": Row(
        "TRPO, CartPole, one seed, 50,000 steps",
        (
            ours("trpo", TRPO_OURS, 50_000),
            Contender("sb3-contrib", THEIRS, {"package": "sb3_contrib", "kind": "TRPO", "settings": TRPO_SB3}, 50_000),
        ),
        speed,
        "steps a CPU second, ours / theirs",
        2.0,
    ),
}


def run(contender: Contender, first: int) -> dict:
    """One run: CPU seconds of all parts together, wall time of the slowest, every seed's return."""
    each = contender.seeds // contender.parts
    began, started = time.perf_counter(), []
    for part in range(contender.parts):
        fields = {"steps": contender.steps, "seeds": each, "first": first + part * each} | contender.fields
        program = contender.program.format(**fields)
        command = [PYTHON[contender.name], "-c", program]
        started.append(
            subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=os.environ | ONE_THREAD, text=True)
        )
    outcomes = []
    for process in started:
        out, _ = process.communicate()
        if process.returncode:
            raise SystemExit(
                f"{contender.name} failed after {time.perf_counter() - began:.0f} s; make peers installs it"
            )
        outcomes.append(json.loads(out.splitlines()[-1]))
    together = {
        "cpu": sum(one["cpu"] for one in outcomes),
        "wall": max(one["wall"] for one in outcomes),
        "compiled": outcomes[0].get("compiled", 0.0),
    }
    return together | {"returns": [x for one in outcomes for x in one["returns"]]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", choices=[[], *ROWS], default=[], help="which (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for name in options.rows or ROWS:
        row, ratios = ROWS[name], []
        seen: dict[str, list[dict]] = {contender.name: [] for contender in row.contenders}
        for turn in range(options.rounds):
            outcomes = [run(contender, 100 * turn) for contender in row.contenders]
            ratios.append(row.ratio(outcomes))
            for contender, outcome in zip(row.contenders, outcomes, strict=True):
                seen[contender.name].append(outcome)
        print(f"\n{row.title}")
        print(f"{'':20}{'CPU s':>8}{'wall s':>8}{'steps / CPU s':>15}{'to compile':>12}   mean return by round")
        for contender in row.contenders:
            cpu, wall, compiled = (
                statistics.median(x[k] for x in seen[contender.name]) for k in ("cpu", "wall", "compiled")
            )
            rate = contender.steps * contender.seeds / cpu
            means = [f"{statistics.mean(x['returns']):.0f}" for x in seen[contender.name]]
            print(f"{contender.name:20}{cpu:8.1f}{wall:8.1f}{rate:15,.0f}{compiled:12.1f}   {', '.join(means)}")
        middle = statistics.median(ratios)
        print(
            f"  {row.says}: {middle:.2f}  (target {row.target:.2f}: {'met' if middle >= row.target else 'MISSED'})",
            flush=True,
        )


if __name__ == "__main__":
    main()
