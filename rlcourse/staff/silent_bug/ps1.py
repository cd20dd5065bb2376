"""Q-learning on the slippery grid; the faulty one bootstraps past the end of an episode."""

from typing import Any

import numpy as np
from numpy import ndarray

from rlcourse.agents.tabular.control import q_learning
from rlcourse.agents.tabular.planning import q_iteration
from rlcourse.functional import tabular
from rlcourse.homework.scenarios import ps1
from rlcourse.staff.silent_bug.common import about

GAMMA = ps1.SLIPPERY_GRID_GAMMA
CONFIG = {"steps": 30_000, "alpha": 0.1, "epsilon": 0.3, "max_episode_steps": 100, "checkpoints": 40}


def bootstraps_past_the_end(
    Q: ndarray, s: int, a: int, r: float, s_next: int, terminated: bool, alpha: float, gamma: float
) -> ndarray:
    """Q-learning with the fault: after the end comes state 0, where the next episode starts, as if nothing ended."""
    return tabular.q_learning_update.body(Q, s, a, r, 0 if terminated else s_next, False, alpha, gamma)


def record() -> dict[str, Any]:
    """Q-learning on the slippery grid. The faulty one bootstraps, where an episode ended, from what a reset returned.

    What it believes then climbs past 1, the most that an episode can return, while its policy looks fine.
    """
    mdp = ps1.slippery_grid()

    def value(Q: ndarray) -> float:
        return mdp.rho0 @ tabular.policy_evaluation(mdp.P, mdp.R, tabular.greedy_policy(Q), GAMMA)

    def belief(Q: ndarray) -> float:
        return mdp.rho0 @ Q.max(axis=1)

    shows = {
        "value": "exact value of the greedy policy, from the start",
        "belief": "max_a Q(start, a): what the agent believes it will get",
    }
    recorded = about("ps1", {"world": "slippery grid", "gamma": GAMMA, **CONFIG}, shows)
    recorded["best_value"] = round(float(mdp.rho0 @ q_iteration(mdp, GAMMA).V), 4)
    recorded["largest_return"] = float(np.max(mdp.rewards))
    for agent, update in {"correct": tabular.q_learning_update, "faulty": bootstraps_past_the_end}.items():
        recorded[agent] = {}
        for name, measure in {"value": value, "belief": belief}.items():
            learned = q_learning(mdp, GAMMA, measure=measure, q_learning_update=update, seed=0, n_seeds=8, **CONFIG)
            recorded[agent][name] = learned.curve.round(4).tolist()
            recorded["steps"] = learned.steps.tolist()
    return recorded
