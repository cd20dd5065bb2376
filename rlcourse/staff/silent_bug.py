"""Records the curves of the silent-bug questions: `python -m rlcourse.staff.silent_bug [ps1 ps2 ..]`.

Two agents learn, eight seeds each: one is right, the other has one fault. Students get the curves; this file, which
names the faults, stays with the staff.
"""

import json
import platform
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy import ndarray

from rlcourse import __version__, scenarios
from rlcourse.agents.planning import q_iteration
from rlcourse.agents.tabular import q_learning
from rlcourse.functional import tabular
from rlcourse.staff.check_data import FOLDER

GAMMA = scenarios.SLIPPERY_GRID_GAMMA
CONFIG = {"steps": 30_000, "alpha": 0.1, "epsilon": 0.3, "max_episode_steps": 100, "checkpoints": 40}


def bootstraps_past_the_end(
    Q: ndarray, s: int, a: int, r: float, s_next: int, terminated: bool, alpha: float, gamma: float
) -> ndarray:
    """Q-learning with the fault: after the end comes state 0, where the next episode starts, as if nothing ended."""
    return tabular.q_learning_update.body(Q, s, a, r, 0 if terminated else s_next, False, alpha, gamma)


def record_ps1() -> dict[str, Any]:
    """Q-learning on the slippery grid. The faulty one bootstraps, where an episode ended, from what a reset returned.

    What it believes then climbs past 1, the most that an episode can return, while its policy looks fine.
    """
    mdp = scenarios.slippery_grid()

    def value(Q: ndarray) -> float:
        return mdp.rho0 @ tabular.policy_evaluation(mdp.P, mdp.R, tabular.greedy_policy(Q), GAMMA)

    def belief(Q: ndarray) -> float:
        return mdp.rho0 @ Q.max(axis=1)

    recorded = {
        "command": "python -m rlcourse.staff.silent_bug",
        "config": {"world": "slippery grid", "gamma": GAMMA, **CONFIG},
        "seeds": list(range(8)),
        "versions": {"rlcourse": __version__, "numpy": np.__version__, "python": platform.python_version()},
        "shows": {
            "value": "exact value of the greedy policy, from the start",
            "belief": "max_a Q(start, a): what the agent believes it will get",
        },
        "best_value": round(float(mdp.rho0 @ q_iteration(mdp, GAMMA).V), 4),
        "largest_return": float(np.max(mdp.rewards)),
    }
    for agent, update in {"correct": tabular.q_learning_update, "faulty": bootstraps_past_the_end}.items():
        recorded[agent] = {}
        for name, measure in {"value": value, "belief": belief}.items():
            learned = q_learning(mdp, GAMMA, measure=measure, q_learning_update=update, seed=0, n_seeds=8, **CONFIG)
            recorded[agent][name] = learned.curve.round(4).tolist()
            recorded["steps"] = learned.steps.tolist()
    return recorded


def square_of_errors(n_seeds: int) -> dict[str, Callable]:
    """DQN's equations with the fault: targets [B, 1] minus predictions [B] make a square [B, B] of errors.

    Every prediction is pulled towards every target of its batch, so all of them end in the targets' middle. The agent
    hands over y - q and refuses other shapes, so the target is remembered, and q taken back out of the error.
    """
    from rlcourse.functional import targets

    seen = {}

    def double_q_target(*arguments: Any) -> Any:
        seen["y"] = targets.double_q_target.body(*arguments)
        return seen["y"]

    def huber_loss(error: Any, delta: float) -> Any:
        y = seen["y"].view(n_seeds, -1, 1)
        q = (seen["y"] - error).view(n_seeds, 1, -1)
        return targets.huber_loss.body(y - q, delta).mean(dim=1).flatten()

    return {"double_q_target": double_q_target, "huber_loss": huber_loss}


def dqn_curves(n_seeds: int = 8, evaluations: int = 16, **changes: Any) -> dict[str, ndarray]:
    """What DQN does on CartPole, and what it believes; changes: of its config or its equations."""
    import gymnasium
    import torch

    from rlcourse.agents.dqn import DQN
    from rlcourse.loop import train

    config = dqn_config(**{name: value for name, value in changes.items() if not callable(value)})
    equations = {name: value for name, value in changes.items() if callable(value)}
    agent = DQN(gymnasium.make("CartPole-v1"), n_seeds, 0, config, **equations)
    level, spread = [], []

    @torch.no_grad()
    def look(steps: int) -> None:
        newest = (agent.buffer.added - 1 - np.arange(500)) % agent.buffer.capacity
        best = agent.q(agent.online, agent.buffer.columns["obs"][:, newest]).amax(-1)
        level.append(best.mean(1).numpy())
        spread.append(best.std(1).numpy())

    run = train(
        agent, "CartPole-v1", config.total_steps, per_seed=8, evaluations=evaluations, episodes=4, after=look, seed=0
    )
    curves = {"return": run.returns, "level": np.array(level).T, "spread": np.array(spread).T}
    return {"steps": run.steps} | curves


def dqn_config(**changes: Any) -> Any:
    from rlcourse.agents.dqn import Config

    plain = {
        "total_steps": 32_000,
        "warm_up": 1_000,
        "hidden": (64, 64),
        "learning_rate": 2e-3,
        "anneal": True,
        "gamma": 0.98,
        "capacity": 32_000,
        "every": 16,
        "target_every": 160,
        "n_steps": 3,
        "double": True,
        "dueling": True,
    }
    return Config(**plain | changes)


def record_ps2() -> dict[str, Any]:
    """DQN on CartPole. The faulty one forms its loss from [B, 1] and [B]: every state ends with the same value.

    The Huber loss makes that value nearly the targets' median, which looks right: most steps do not end the episode.
    """
    import torch

    torch.set_num_threads(1)
    recorded = {
        "command": "python -m rlcourse.staff.silent_bug ps2",
        "config": {"world": "CartPole-v1", "per_seed": 8, **asdict(dqn_config())},
        "seeds": list(range(8)),
        "versions": {
            "rlcourse": __version__,
            "numpy": np.__version__,
            "torch": torch.__version__.partition("+")[0],
            "python": platform.python_version(),
        },
        "shows": {
            "return": "return of the greedy policy",
            "level": "max_a Q: mean over 500 states",
            "spread": "max_a Q: standard deviation over them",
        },
    }
    for agent, equations in {"correct": {}, "faulty": square_of_errors(8)}.items():
        curves = dqn_curves(**equations)
        recorded["steps"] = curves.pop("steps").tolist()
        recorded[agent] = {name: curve.astype(float).round(3).tolist() for name, curve in curves.items()}
    return recorded


def as_one_episode(episodes: list[tuple], gamma: float) -> list[tuple]:
    """REINFORCE's episodes with the fault: their returns are those of a single long episode.

    The return of a step then contains what the next episodes of the batch paid, as if nothing ended between them.
    """
    joined, following = [], 0.0
    for obs, actions, to_go, t in reversed(episodes):
        longer = to_go + gamma ** (len(t) - t) * following
        joined.insert(0, (obs, actions, longer, t))
        following = longer[0]
    return joined


def reinforce_curves(joins: bool = False, n_seeds: int = 8, windows: int = 12, **changes: Any) -> dict[str, ndarray]:
    """What REINFORCE earns on CartPole, and what its updates are told that episodes are worth at their first step.

    Args:
        joins: whether it has the fault.
        n_seeds: how many seeds.
        windows: over how many equal stretches of training the episodes are averaged.
        changes: of its config or its equations.
    """
    import gymnasium

    from rlcourse.agents.reinforce import Reinforce
    from rlcourse.loop import train

    config = reinforce_config(**{name: value for name, value in changes.items() if not callable(value)})
    equations = {name: value for name, value in changes.items() if callable(value)}
    agent = Reinforce(gymnasium.make("CartPole-v1"), n_seeds, 0, config, **equations)
    learn, seen = agent.learn, [[[] for _ in range(windows)] for _ in range(n_seeds)]

    def look_and_learn(ready: list[int]) -> None:
        window = (agent.steps - 1) * windows // config.total_steps
        for k in ready:
            if joins:
                agent.ended[k] = as_one_episode(agent.ended[k], config.gamma)
            seen[k][window] += [(len(t), float(to_go[0])) for _, _, to_go, t in agent.ended[k]]
        learn(ready)

    agent.learn = look_and_learn
    train(agent, "CartPole-v1", config.total_steps, evaluations=0, seed=0)
    means = np.array([[np.mean(episodes, axis=0) for episodes in of_seed] for of_seed in seen])
    steps = (np.arange(windows) + 1) * config.total_steps // windows
    return {"steps": steps, "return": means[..., 0], "told": means[..., 1]}


def reinforce_config(**changes: Any) -> Any:
    from rlcourse.agents.reinforce import Config

    return Config(**{"baseline": "average", "n_episodes": 8, "learning_rate": 1e-2, "total_steps": 48_000} | changes)


def record_ps3() -> dict[str, Any]:
    """REINFORCE on CartPole. The faulty one does not stop its returns where an episode ends.

    Its first steps are told more than their episodes paid in all, and a pole that falls costs them next to nothing.
    """
    import torch

    torch.set_num_threads(1)
    recorded = {
        "command": "python -m rlcourse.staff.silent_bug ps3",
        "config": {"world": "CartPole-v1", **asdict(reinforce_config())},
        "seeds": list(range(8)),
        "versions": {
            "rlcourse": __version__,
            "numpy": np.__version__,
            "torch": torch.__version__.partition("+")[0],
            "python": platform.python_version(),
        },
        "shows": {
            "return": "what an episode paid in all",
            "told": "G of its first step, as learned from",
        },
    }
    for agent, joins in {"correct": False, "faulty": True}.items():
        curves = reinforce_curves(joins)
        recorded["steps"] = curves.pop("steps").tolist()
        recorded[agent] = {name: curve.astype(float).round(2).tolist() for name, curve in curves.items()}
    return recorded


def teaches_the_critic_nothing(log_prob: Any, advantage: Any, value: Any, *others: Any) -> Any:
    """A2C's loss with the fault: V was detached in place of its target, so that no gradient reaches the critic.

    V stays near the 0 that it began with, every advantage is a sum of rewards, and so every action was a good one.
    """
    from rlcourse.functional import policy_losses

    constant = value.detach() + 0 * value  # a gradient of zeros, for the agent clips what there is
    return policy_losses.a2c_loss.body(log_prob, advantage, constant, *others)


def a2c_curves(n_seeds: int = 8, evaluations: int = 16, **changes: Any) -> dict[str, ndarray]:
    """What A2C does on CartPole, its entropy and its mean advantage; changes: of its config or its equations."""
    import gymnasium
    import torch

    from rlcourse.agents.a2c import A2C
    from rlcourse.functional import policy_losses
    from rlcourse.loop import train

    config = a2c_config(**{name: value for name, value in changes.items() if not callable(value)})
    equations = {name: value for name, value in changes.items() if callable(value)}
    a2c_loss = equations.pop("a2c_loss", policy_losses.a2c_loss.body)
    advantages, entropies, curves = [], [], []

    def loss(log_prob: Any, advantage: Any, value: Any, target: Any, entropy: Any, *coefficients: float) -> Any:
        for seen, quantity in ((advantages, advantage), (entropies, entropy)):
            seen.append(quantity.detach().unflatten(1, (n_seeds, -1)).mean(dim=(0, 2)))
        return a2c_loss(log_prob, advantage, value, target, entropy, *coefficients)

    def look(steps: int) -> None:
        curves.append([torch.stack(seen[-100:]).mean(dim=0).numpy() for seen in (entropies, advantages)])

    agent = A2C(gymnasium.make("CartPole-v1"), n_seeds, 0, config, a2c_loss=loss, **equations)
    settings = {"per_seed": config.n_envs, "evaluations": evaluations, "episodes": 4, "after": look, "seed": 0}
    run = train(agent, "CartPole-v1", config.total_steps, **settings)
    entropy, advantage = np.array(curves).transpose(1, 2, 0)
    return {"steps": run.steps, "return": run.returns, "entropy": entropy, "advantage": advantage}


def a2c_config(**changes: Any) -> Any:
    from rlcourse.scenarios_actor_critic import CART_POLE

    return replace(CART_POLE, **changes)


def record_ps4() -> dict[str, Any]:
    """A2C on CartPole. In the faulty one no gradient reaches the critic: the mean advantage stays far above 0."""
    import torch

    torch.set_num_threads(1)
    recorded = {
        "command": "python -m rlcourse.staff.silent_bug ps4",
        "config": {"world": "CartPole-v1", **asdict(a2c_config())},
        "seeds": list(range(8)),
        "versions": {
            "rlcourse": __version__,
            "numpy": np.__version__,
            "torch": torch.__version__.partition("+")[0],
            "python": platform.python_version(),
        },
        "shows": {
            "return": "return of the greedy policy",
            "entropy": "entropy of the policy: mean of 100 updates",
            "advantage": "advantage: mean of 100 updates",
        },
    }
    for agent, equations in {"correct": {}, "faulty": {"a2c_loss": teaches_the_critic_nothing}}.items():
        curves = a2c_curves(**equations)
        recorded["steps"] = curves.pop("steps").tolist()
        recorded[agent] = {name: curve.astype(float).round(3).tolist() for name, curve in curves.items()}
    return recorded


RECORD = {"ps1": record_ps1, "ps2": record_ps2, "ps3": record_ps3, "ps4": record_ps4}


def main(arguments: list[str]) -> int:
    for problem_set in arguments or RECORD:
        if problem_set not in RECORD:
            print(f"problem set: got {problem_set!r}, expected one of {', '.join(RECORD)}", file=sys.stderr)
            return 2
        text = written(RECORD[problem_set]())
        (FOLDER / f"{problem_set}_silent_bug.json").write_text(text, encoding="utf-8")
        print(f"{problem_set}_silent_bug.json: {len(text) / 1000:.0f} kB")
    return 0


def written(data: dict[str, Any]) -> str:
    """The recorded data as JSON, a seed a line."""
    lines = []
    for key, value in data.items():
        if key in ("correct", "faulty"):
            curves = [
                f'  "{name}": [\n' + ",\n".join(f"   {seed}" for seed in seeds) + "\n  ]"
                for name, seeds in value.items()
            ]
            lines.append(f' "{key}": {{\n' + ",\n".join(curves) + "\n }")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    json.loads(text)
    return text


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
