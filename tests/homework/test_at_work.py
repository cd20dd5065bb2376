"""At the end a notebook says whether what was trained passes, by how much, and draws it."""

import numpy as np
import pytest
from matplotlib import pyplot

from rlcourse.agents.tabular.planning import policy_iteration, q_iteration
from rlcourse.functional import tabular
from rlcourse.homework import at_work
from rlcourse.homework.at_work import Result, share_of_best
from rlcourse.homework.scenarios import attempt, ps1, ps2, ps3, results


@pytest.mark.parametrize(
    ("world", "gamma", "best"),
    [
        (ps1.frozen_lake, ps1.FROZEN_LAKE_GAMMA, ps1.FROZEN_LAKE_BEST),
        (ps1.slippery_maze, ps1.SLIPPERY_MAZE_GAMMA, ps1.SLIPPERY_MAZE_BEST),
        (ps3.sure_grid, ps1.SLIPPERY_GRID_GAMMA, ps3.SURE_GRID_BEST),
        (ps3.nine_cells, ps1.SLIPPERY_GRID_GAMMA, ps3.NINE_CELLS_BEST),
    ],
)
def test_the_share_is_the_exact_value_over_the_best(world, gamma, best):
    mdp = world()
    assert best == pytest.approx(mdp.rho0 @ policy_iteration(mdp, gamma, 1e-9).V, rel=2e-6)
    for pi in (q_iteration(mdp, gamma).pi, np.full(mdp.R.shape, 1 / mdp.R.shape[1])):
        exact = mdp.rho0 @ tabular.policy_evaluation(mdp.P, mdp.R, pi, gamma)
        assert share_of_best(pi, mdp, gamma, best, "it") == pytest.approx(exact / best, abs=1e-6)


def test_a_result_in_words():
    lake = Result("lake", (0.994,), 0.99, "share of the best value")
    assert str(lake) == "lake: share of the best value 99.4% (needed: at least 99.0%): passed"
    pole = Result("pole", (20.0, 500.0, 480.0, 475.0), 475, "mean return", at_least=4)
    words = "3 of 4 seeds reach a mean return of at least 475 (needed: 4); the middle one has 478"
    assert str(pole) == f"pole: {words}: not passed"
    probe = Result("plain", (0.01, 0.2), 0.15, "error of Q", at_most=True)
    assert str(probe) == "plain: error of Q 0.2 (needed: at most 0.15): not passed"
    assert not Result("plain", (np.nan,), 0.15, "error of Q", at_most=True).passed
    assert not Result("pole", (np.nan,) * 8, 475, "mean return", at_least=5).passed


def test_an_attempt_says_whether_it_passed(capsys):
    policy = attempt("solve_frozen_lake", tabular.q_backup, tabular.greedy_policy)
    assert policy.shape == (64, 4)
    passed = "FrozenLake 8x8: share of the best value 100.0% (needed: at least 99.0%): passed\n"
    assert capsys.readouterr().out == passed
    attempt("solve_frozen_lake", lambda P, R, Q, gamma: R + gamma * Q * 0, tabular.greedy_policy)
    assert "(needed: at least 99.0%): not passed\n" in capsys.readouterr().out


def test_an_attempt_that_raises_names_the_students_line(capsys):
    def q_backup(P, R, Q, gamma):
        return R[99]

    assert attempt("solve_frozen_lake", q_backup, tabular.greedy_policy) is None
    text = capsys.readouterr().out
    assert text.startswith("not passed: raised IndexError: ") and text.count("\n") == 1
    assert text.endswith("of test_at_work.py: return R[99]\n")
    assert attempt("solve_frozen_lake", tabular.q_backup, lambda Q: Q * 0) is None
    assert capsys.readouterr().out.startswith("not passed: raised ValueError: the policy: is not a policy")


def test_several_worlds_are_counted(capsys):
    at_work.show(results("solve_probes", {probe: np.zeros((3, 3, 2)) for probe in ps2.PROBE_VALUES}))
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and last == "not passed: 6 of 6"
    assert lines[3] == "cut off: error of Q 2 (needed: at most 0.15): not passed"


def test_the_picture_is_drawn_where_a_kernel_runs(monkeypatch):
    import IPython
    import IPython.display

    class Kernel:
        kernel = object()

    shown = []
    pyplot.figure()  # with the back end chosen, pyplot asks the shell for nothing more
    monkeypatch.setattr(IPython, "get_ipython", Kernel)
    monkeypatch.setattr(IPython.display, "display", shown.append)
    attempt("learn_slippery_maze", lambda Q, *rest: Q, tabular.epsilon_greedy)
    [figure] = shown
    [ax] = figure.axes
    assert len(ax.patches) == 4 and ax.get_title() == "slippery maze"


def test_a_grader_asks_for_the_results_itself(capsys):
    class StandIn:
        def run_scenario(self, scenario, *arguments):
            return "outcome"

    assert attempt("solve_frozen_lake", StandIn(), StandIn()) == "outcome"
    assert capsys.readouterr().out == ""
