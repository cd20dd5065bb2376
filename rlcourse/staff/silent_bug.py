"""Records the curves of ps1's silent-bug question: `python -m rlcourse.staff.silent_bug`.

Two agents learn the slippery grid by Q-learning, eight seeds each. One is right; the other, where an episode has ended,
goes on as if the next episode's first state followed: it bootstraps from the observation that a reset returned. What
it believes then climbs past 1, the most that an episode can return, while its policy looks fine. Students get the
curves; this file, which names the fault, stays with the staff.
"""

import json
import platform
import sys

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


def record() -> dict:
    """The data of the question."""
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


def main() -> int:
    data = record()
    lines = []
    for key, value in data.items():
        if key in ("correct", "faulty"):  # a seed a line
            curves = [
                f'  "{name}": [\n' + ",\n".join(f"   {seed}" for seed in seeds) + "\n  ]"
                for name, seeds in value.items()
            ]
            lines.append(f' "{key}": {{\n' + ",\n".join(curves) + "\n }")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    json.loads(text)
    (FOLDER / "ps1_silent_bug.json").write_text(text, encoding="utf-8")
    print(f"ps1_silent_bug.json: {len(text) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
