"""How far the values of DQN and double DQN lie above the truth, measured while they learn; lecture 05 reads the record.

    .venv/bin/python recordings/overestimation.py cartpole       # about five minutes
    .venv/bin/python recordings/overestimation.py lunarlander    # about ten

At each checkpoint the greedy policy plays episodes of its own. In their first STATES steps we compare what the online
network believes, max_a Q(s, a), with the discounted return that really followed: the columns start and start_true of
the first state, visited and visited_true of all. Training cuts an episode after 500 steps and bootstraps there, so its
values are those of a pole that goes on. The evaluation therefore plays LIMIT steps; what it misses behind its own cut
is less than 0.99**(LIMIT - STATES) / (1 - 0.99) = 0.004. All seeds of an agent learn side by side.
"""

import sys
import time
from dataclasses import asdict
from typing import NamedTuple

import gymnasium
import numpy as np
import torch
from common import asked, command, missing
from numpy import ndarray

from rlcourse.agents.rainbow import Config, Rainbow
from rlcourse.records.record import Record
from rlcourse.training.loop import train
from rlcourse.worlds.envs import Envs

STATES, LIMIT = 200, 1_200  # states that are compared, steps that are played
COLUMNS = ("start", "start_true", "visited", "visited_true")
PLAIN = {"dueling": False, "prioritized": False, "n_step": 1, "distributional": False, "noisy": False}  # it is DQN
AGENTS = {"dqn": {"double": False}, "double_dqn": {"double": True}}


class World(NamedTuple):
    env: str
    steps: int
    steps_per_update: int


WORLDS = {"cartpole": World("CartPole-v1", 20_000, 1), "lunarlander": World("LunarLander-v3", 40_000, 2)}


def compare(agent: Rainbow, episodes: int) -> list[ndarray]:
    """For each seed [K]: belief and truth at the start, belief and truth at the states visited."""
    env, K = agent.env, len(agent.seeds)
    envs = Envs(lambda: gymnasium.make(env, max_episode_steps=LIMIT), agent.seeds.numbers("overestimation", episodes))
    running, rewards, alive, belief = np.ones(len(envs.observation), bool), [], [], []
    while running.any() and len(rewards) < LIMIT:
        with torch.no_grad():
            q = agent.online(envs.observation).numpy()
        step = envs.step(q.argmax(axis=-1))
        belief.append(q.max(axis=-1))
        alive.append(running)
        rewards.append(step.reward * running)
        running = running & ~(step.terminated | step.truncated)
    envs.close()
    truth, following = [], np.zeros(len(running))
    for reward in reversed(rewards):
        following = reward + agent.config.gamma * following
        truth.append(following)
    believed, true, seen = (np.array(x).reshape(-1, K, episodes) for x in (belief, truth[::-1], alive))
    count = seen[:STATES].sum(axis=(0, 2))
    visited = [(x[:STATES] * seen[:STATES]).sum(axis=(0, 2)) / count for x in (believed, true)]
    return [believed[0].mean(axis=1), true[0].mean(axis=1), *visited]


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in WORLDS:
        raise SystemExit(f"got {' '.join(sys.argv[1:]) or 'nothing'}, expected one of {', '.join(WORLDS)}")
    said_to_us, world = command(), sys.argv.pop(1)
    env, steps, steps_per_update = WORLDS[world]
    options = asked(__doc__, seeds=10, steps=steps, evaluations=20, episodes=10)
    for name, double in AGENTS.items():
        same = {"total_steps": options.steps, "hidden": (64, 64), "steps_per_copy": 100}
        config = Config(**same, steps_per_update=steps_per_update, **PLAIN, **double)
        said = {"agent": "rainbow", "env": env, "evaluations": options.evaluations, "episodes": options.episodes}
        folder = options.out / f"overestimation_{world}" / name
        record = Record.open(folder, said | asdict(config), options.mix)
        for seeds in missing(record, options.seeds):
            began, measured = time.thread_time(), []
            agent = Rainbow(env, len(seeds), seeds[0], config)

            def measure(step: int, agent=agent, measured=measured) -> None:
                measured.append(compare(agent, options.episodes))

            how = {"evaluations": options.evaluations, "episodes": 1, "after": measure}
            run = train(agent, strict=False, label=name, **how)
            for k, seed in enumerate(seeds):
                of_seed = np.array(measured)[:, :, k].T
                table = {"step": run.steps, **dict(zip(COLUMNS, of_seed, strict=True))}
                share, diverged = (time.thread_time() - began) / len(seeds), run.diverged.get(k)
                record.write(seed, table, command=said_to_us, seconds=share, group=seeds, diverged=diverged)
        above = record["visited"] - record["visited_true"]
        print(f"{name:11} believes {above.mean():+.1f} more than is true, mean over training, states and seeds")


if __name__ == "__main__":
    main()
