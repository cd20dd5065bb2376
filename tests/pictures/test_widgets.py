"""The widgets, driven as a reader would: buttons clicked, sliders moved, what they show read back. No browser."""

from io import BytesIO

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from PIL import Image

from rlcourse.functional import tabular
from rlcourse.pictures import widgets

CORRIDOR = "S...G"


def shown(explorer) -> list[str]:
    return [cell.description.strip() for cell in explorer.cells]


def corridor(**settings) -> widgets.ValueIterationExplorer:
    """Without slipping, the cell at distance d from the goal is worth gamma^(d-1) from sweep d on, and 0 before."""
    explorer = widgets.value_iteration_explorer(CORRIDOR, **settings)
    explorer.slip.value = 0
    explorer.gamma.value = 0.5
    return explorer


def test_values_spread_one_cell_a_sweep():
    explorer = corridor()
    assert shown(explorer) == ["0.00", "0.00", "0.00", "0.00 →", "goal +1"]
    explorer.one.click()
    assert shown(explorer) == ["0.00", "0.00", "0.00 →", "1.00 →", "goal +1"]
    assert "sweep 1 · largest change 1 " in explorer.status.value
    explorer.one.click()
    assert shown(explorer) == ["0.00", "0.00 →", "0.50 →", "1.00 →", "goal +1"]
    explorer.ten.click()
    assert shown(explorer) == ["0.12 →", "0.25 →", "0.50 →", "1.00 →", "goal +1"]
    assert "sweep 5 · largest change 0 " in explorer.status.value  # nothing changed any more


def test_reset_starts_from_zero():
    explorer = corridor()
    explorer.end.click()
    explorer.reset.click()
    assert explorer.status.value == "sweep 0"
    np.testing.assert_array_equal(explorer.V, 0)


def test_loss_bound_is_gamma_over_one_minus_gamma_times_the_span():
    explorer = corridor()
    explorer.gamma.value = 0.9
    explorer.one.click()  # changes: 0 0 0 1 0, so their span is 1
    assert explorer.loss_bound == pytest.approx(9)
    assert explorer.status.value.endswith("at most 9")


def test_to_the_end_keeps_its_promise():
    explorer = widgets.value_iteration_explorer()
    explorer.end.click()
    mdp, gamma = explorer.world, explorer.gamma.value
    pi = tabular.greedy_policy(widgets.best_actions(mdp, explorer.V, gamma).astype(float))
    V_pi = tabular.policy_evaluation(mdp.P, mdp.R, pi, gamma)
    assert tabular.bellman_residual(mdp.P, mdp.R, mdp.R + gamma * mdp.P @ V_pi, gamma) / (1 - gamma) <= widgets.LOSS
    assert explorer.loss_bound <= widgets.LOSS


def test_a_click_cycles_through_floor_wall_goal_pit():
    explorer = corridor()
    explorer.end.click()
    for text, kind in (("wall", "#"), ("goal +1", "G"), ("pit −1", "X")):
        explorer.cells[1].click()
        assert shown(explorer)[1] == text
        assert explorer.cells[1].style.button_color == to_hex(widgets.SPECIAL[kind][0])
    explorer.cells[1].click()
    assert shown(explorer)[1] == "0.00 →"
    assert shown(explorer)[2] == "0.50 →"  # the others keep their values


def test_a_new_goal_changes_the_policy():
    explorer = corridor()
    for _ in range(2):
        explorer.cells[0].click()  # floor, wall, goal
    explorer.end.click()
    assert shown(explorer) == ["goal +1", "1.00 ←", "0.50 →←", "1.00 →", "goal +1"]


def test_sliders_change_the_world():
    explorer = corridor()
    explorer.step_reward.value = -0.5
    explorer.end.click()
    np.testing.assert_allclose(explorer.V, [-0.75, -0.5, 0, 1, 0])  # -0.5 + 0.5 * the next cell
    explorer.step_reward.value = 0
    explorer.slip.value = 0.5
    explorer.reset.click()
    explorer.one.click()
    assert explorer.V[3] == pytest.approx(0.5)


def test_gamma_1_has_no_bound_and_a_reward_for_every_step_no_end():
    explorer = corridor()
    explorer.gamma.value = 1
    explorer.end.click()
    assert shown(explorer)[:4] == ["1.00"] * 4  # no arrow: a detour costs nothing, so every action is as good
    assert "no bound at gamma = 1" in explorer.status.value
    explorer.step_reward.value = 0.5
    explorer.end.click()
    assert explorer.sweeps == widgets.PATIENCE
    assert explorer.V.max() > 900


def test_colours_are_those_of_the_pictures():
    explorer = corridor()
    explorer.end.click()
    assert explorer.cells[3].style.button_color == to_hex(plt.get_cmap("viridis")(1.0))
    assert explorer.cells[3].style.text_color == "black"
    assert explorer.cells[0].style.text_color == "white"


def test_without_floor_there_is_a_message_and_a_way_back():
    explorer = widgets.value_iteration_explorer("#G")
    assert "no floor left" in explorer.status.value
    assert explorer.one.disabled and explorer.ten.disabled and explorer.end.disabled
    for _ in range(3):
        explorer.cells[0].click()
    assert shown(explorer)[0] == "0.00 →"
    assert not explorer.one.disabled


@pytest.mark.parametrize("text", ["", "S.\nS", " \n "])
def test_a_map_that_is_no_rectangle_is_named(text):
    with pytest.raises(ValueError, match="text: got .*, expected a rectangular map"):
        widgets.value_iteration_explorer(text)


def test_ones_own_backup_drives_the_grid():
    explorer = corridor(value_backup=lambda P, R, V, gamma: V + 2)
    explorer.one.click()
    assert shown(explorer)[0].startswith("2.00")


@pytest.mark.parametrize(
    ("backup", "message"),
    [
        (lambda P, R, V, gamma: V[:2], "value_backup: got shape (2,), expected [S] with S = 5"),
        (lambda P, R, V, gamma: None, "value_backup: got values of type object, expected real numbers"),
        (lambda P, R, V, gamma: V * np.nan, "value_backup: got NaN, expected numbers"),
        (lambda P, R, V, gamma: 1 / 0, "ZeroDivisionError: division by zero"),
    ],
)
def test_a_mistake_in_ones_own_backup_is_shown_in_the_widget(backup, message):
    explorer = corridor(value_backup=backup)
    explorer.ten.click()
    assert message in explorer.status.value
    np.testing.assert_array_equal(explorer.V, 0)


def size(png: bytes) -> tuple[int, int]:
    return Image.open(BytesIO(png)).size


def test_exploration_explorer_redraws():
    calls = []

    def mine(q, epsilon):
        calls.append((list(q), epsilon))
        return tabular.epsilon_greedy(q, epsilon)

    explorer = widgets.exploration_explorer((0.5, 1), epsilon_greedy=mine)
    controls, problem, picture = explorer.children
    (epsilon, temperature, scale), values = (box.children for box in controls.children)
    first = picture.value
    assert size(first)[0] > 500
    epsilon.value = 0.5
    values[0].value = -1
    assert calls == [([0.5, 1], 0.2), ([0.5, 1], 0.5), ([-1, 1], 0.5)]
    second = picture.value
    temperature.value = 10
    third = picture.value
    scale.value = 10
    assert calls[-1] == ([-10, 10], 0.5)
    assert len({first, second, third, picture.value}) == 4
    assert problem.value == ""


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (lambda q, temperature: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda q, temperature: q[:2], "boltzmann: got shape (2,), expected [A] with A = 4"),
        (lambda q, temperature: q / temperature, "boltzmann: got probabilities whose sum is off 1"),
    ],
)
def test_a_mistake_in_ones_own_exploration_is_shown_in_the_widget(rule, message):
    explorer = widgets.exploration_explorer(boltzmann=rule)
    assert message in explorer.children[1].value
    assert plt.get_fignums() == []


def test_pictures_need_no_kernel():
    for figure in (widgets.value_iteration_picture(sweeps=(0, 2)), widgets.exploration_picture()):
        assert len(figure.axes) == 2
        plt.close(figure)
    figure = widgets.exploration_picture((0, 0, 1), 0.3)
    np.testing.assert_allclose([bar.get_height() for bar in figure.axes[0].patches], [0.1, 0.1, 0.8])
    plt.close(figure)
