"""Scenarios run a student's functions and know no answer; what they return is judged in tests/staff/test_judges.py."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from rlcourse.agents.tabular.control import q_learning
from rlcourse.agents.tabular.planning import q_iteration
from rlcourse.functional import tabular
from rlcourse.homework.scenarios import run
from rlcourse.homework.scenarios.ps1 import slippery_grid
from rlcourse.homework.silent_bugs import silent_bug_curves


def test_an_unknown_scenario_is_an_error_that_names_the_known_ones():
    with pytest.raises(ValueError, match="got 'solve', expected one of .*, differences, .*, solve_frozen_lake, "):
        run("solve", len)


def test_a_stand_in_takes_the_whole_scenario_to_its_process():
    class StandIn:
        def run_scenario(self, scenario, *arguments):
            return scenario, arguments

    stand_in = StandIn()
    assert run("keeps_arguments", stand_in, 3) == ("keeps_arguments", (stand_in, 3))


@pytest.mark.parametrize(
    ("function", "keeps"),
    [(np.sort, True), (lambda x: x.sort(), False), (lambda x: np.multiply(x, 1, out=x), True)],
)
def test_keeps_arguments(function, keeps):
    assert run("keeps_arguments", function, np.array([2.0, np.nan, 1.0])) is keeps


def test_frozen_lake_is_solved_by_the_librarys_functions():
    policy = run("solve_frozen_lake", tabular.q_backup, tabular.greedy_policy)
    assert policy.shape == (64, 4)
    assert policy[0].argmax() == 3  # up: along the wall, the first move of the known optimal policy
    assert np.allclose(policy.sum(1), 1)


def test_the_slippery_maze_gives_a_policy_for_each_seed():
    policies = run("learn_slippery_maze", tabular.q_learning_update, tabular.epsilon_greedy)
    assert policies.shape == (4, 15, 4)
    assert np.allclose(policies.sum(-1), 1)
    assert len({policy.tobytes() for policy in policies}) > 1


def test_the_silent_bug_is_seen_in_what_the_agent_believes_and_hardly_in_what_it_does():
    data = silent_bug_curves()
    assert set(data["shows"]) == set(data["correct"]) == set(data["faulty"]) == {"value", "belief"}
    n = len(data["steps"])
    assert all(curves.shape == (8, n) for agent in ("correct", "faulty") for curves in data[agent].values())
    best = data["best_value"]
    assert abs(data["correct"]["belief"][:, -1] - best).max() < 0.05
    assert (data["faulty"]["belief"][:, -1] > 1.2 * data["largest_return"]).all()
    assert np.median(data["faulty"]["value"][:, -1]) > 0.95 * best


def test_the_recorded_numbers_are_those_of_the_world_they_name():
    data, mdp = silent_bug_curves(), slippery_grid()
    assert data["best_value"] == pytest.approx(mdp.rho0 @ q_iteration(mdp, data["config"]["gamma"]).V, abs=1e-4)
    assert data["seeds"] == list(range(8))
    assert set(data["versions"]) == {"rlcourse", "numpy", "torch", "python"}


def _wrong_maximum(Q, s, a, r, s_next, terminated, alpha, gamma):
    return tabular.q_learning_update.body(Q, s, a, r, s_next if terminated else s, terminated, alpha, gamma)


def _no_gamma(Q, s, a, r, s_next, terminated, alpha, gamma):
    return tabular.q_learning_update.body(Q, s, a, r, s_next, terminated, alpha, 1.0)


@pytest.mark.parametrize(
    "fault",
    [
        {"epsilon": 1.0},
        {"alpha": 1.0},
        {"q_learning_update": _wrong_maximum},
        {"q_learning_update": _no_gamma},
    ],
    ids=["explores for ever", "alpha 1", "maximum of this state", "no gamma"],
)
def test_no_other_answer_to_the_silent_bug_believes_in_more_than_an_episode_can_return(fault):
    settings = {"alpha": 0.1, "epsilon": 0.3, "max_episode_steps": 100, "n_seeds": 2, "checkpoints": 0}
    mdp = slippery_grid()
    assert q_learning(mdp, 0.95, 2_000, **settings | fault).Q.max() <= 1


def test_what_needs_torch_is_loaded_when_it_is_asked_for():
    code = (
        "import sys; from rlcourse.homework.scenarios import SCENARIOS, run; import numpy as np;"
        "run('keeps_arguments', np.sum, np.ones(2)); print('torch' in sys.modules, 'gradient' in SCENARIOS);"
        "import torch; run('gradient', torch.exp, 0, torch.zeros(2)); print('gradient' in SCENARIOS)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False", "True"]


@pytest.mark.parametrize(
    ("function", "which", "expected"),
    [
        (lambda x, y: x**2 * y, 0, [1 * 2 * 3 * 5, 2 * 2 * 4 * 7]),  # weights 1 and 2, then 2 x y
        (lambda x, y: x**2 * y, 1, [1 * 9, 2 * 16]),
        (lambda x, y: (x**2 * y).detach(), 0, [0, 0]),
        (lambda x, y: x.detach().numpy(), 0, [0, 0]),
        (lambda x, y: 2 * y.requires_grad_(), 0, [0, 0]),
        (lambda x, y: x.sum(), 0, [1, 1]),
    ],
    ids=["of x", "of y", "detached", "an array", "of the other alone", "of one number"],
)
def test_the_gradient_that_arrives_at_an_argument(function, which, expected):
    x, y = torch.tensor([3.0, 4.0]), torch.tensor([5.0, 7.0])
    assert run("gradient", function, which, x, y).tolist() == expected
    assert not x.requires_grad


def test_differences_are_of_the_polynomial_and_see_whether_theta_is_kept():
    theta, A, b, c = torch.tensor([1.0, -2.0]), torch.tensor([[2.0, 1.0], [1.0, 4.0]]), torch.ones(2), torch.ones(2)

    def read(f, theta, eps):
        return [float(f(theta)), float(f(0 * theta)), eps]

    # 1 - 8, half of theta' A theta = 2 - 4 + 16, and 1 - 2
    assert run("differences", read, theta, 0.5, A, b, c) == [-7 + 7 - 1, 0, 0.5]
    assert run("differences_keep_theta", read, theta, 0.5, A, b, c) is True
    assert run("differences_keep_theta", lambda f, theta, eps: f(theta.add_(eps)), theta, 0.5, A, b, c) is False
