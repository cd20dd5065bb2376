"""The pictures, asked what they show: numbers, directions, seeds, outlined cells, frames."""

import os
import re
import subprocess
import sys
from io import BytesIO

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from rlcourse.functional import tabular
from rlcourse.homework.catalogue import catalogue
from rlcourse.pictures import curves, episodes, equations, grids, style
from rlcourse.worlds.grids import cliff_walk, grid_world, two_state_world


@pytest.fixture(autouse=True)
def closed():
    matplotlib.use("Agg")
    yield
    plt.close("all")


def words(ax):
    return [text.get_text() for text in ax.texts if text.get_text()]


def arrows(ax):
    """Where each arrow points, as (cell column, cell row, right, down)."""
    drawn = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    heads = [np.array(arrow.xy) for arrow in drawn]
    moves = [head - arrow.xyann for head, arrow in zip(heads, drawn, strict=True)]
    return {(int(h[0]), int(h[1]), *np.sign(np.round(m, 6)).astype(int)) for h, m in zip(heads, moves, strict=True)}


def test_values_stand_in_their_cells_and_arrows_point_where_the_policy_goes():
    mdp = grid_world("S.\n#G")
    pi = np.array([[0, 1, 0, 0], [0.5, 0, 0.5, 0], [0.25] * 4, [0.25] * 4])
    ax = grids.plot_values(mdp, np.array([0.25, -0.5, 7, 9]), pi, title="a grid")
    assert words(ax) == ["0.25", "-0.50", "G"]  # neither a wall nor a goal has a value
    assert arrows(ax) == {(0, 0, 1, 0), (1, 0, 0, -1), (1, 0, 0, 1)}
    assert ax.get_title() == "a grid"


def test_a_tie_is_two_arrows_of_one_length_and_rare_actions_are_short():
    mdp = grid_world("..G")
    pi = np.array([[0.4, 0.4, 0.2, 0], [0.9, 0.02, 0.04, 0.04], [0.25] * 4])
    ax = grids.plot_values(mdp, np.zeros(3), pi)
    drawn = [text for text in ax.texts if getattr(text, "arrow_patch", None)]
    lengths = [np.hypot(*(np.array(arrow.xy) - arrow.xyann)) for arrow in drawn]
    assert len(drawn) == 4
    assert lengths[0] == pytest.approx(lengths[1]) == pytest.approx(2 * lengths[2])


def test_colours_run_between_vmin_and_vmax_and_leave_out_cells_without_a_value():
    viridis = plt.get_cmap("viridis")
    mdp = grid_world("..#G")

    def faces(ax):
        return [patch.get_facecolor() for patch in ax.patches if isinstance(patch, Rectangle)]

    assert faces(grids.plot_values(mdp, np.array([0.0, 2, 500, -500])))[:2] == [viridis(0.0), viridis(1.0)]
    assert faces(grids.plot_values(mdp, np.array([0.0, 2, 0, 0]), vmin=-2, vmax=2))[0] == viridis(0.5)


def test_an_mdp_without_a_grid_is_a_row_of_states_with_action_numbers():
    pi = np.array([[0, 1], [0.5, 0.5], [0.5, 0.5]])
    assert words(grids.plot_values(two_state_world(), np.array([2.0, 7, 0]), pi)) == [
        *("2.00", "1"),
        *("7.00", "0/1"),
        "0.00",
    ]


def test_a_large_grid_has_no_numbers_and_a_given_axes_is_used():
    mdp = grid_world("\n".join(["." * 40] * 10))
    assert words(grids.plot_values(mdp, np.arange(400.0))) == []
    figure, axes = plt.subplots(1, 2, figsize=(20, 4))
    assert grids.plot_values(cliff_walk(), np.arange(48.0), ax=axes[1]) is axes[1]
    assert len(words(axes[1])) == 48 - 10


@pytest.mark.parametrize(
    ("V", "pi", "name"), [(np.zeros(3), None, "V"), ([0, np.nan], None, "V"), (np.zeros(2), np.zeros((2, 4)), "pi")]
)
def test_bad_values_are_named(V, pi, name):
    with pytest.raises(ValueError, match=f"^{name}: got "):
        grids.plot_values(grid_world(".G"), V, pi)


def test_a_curve_is_the_middle_half_of_the_seeds_and_the_legend_counts_them():
    x = np.array([0, 10, 20])
    curve = np.array([[1.0, 0, 0], [2, 0, 0], [3, 0, 0], [100, 0, 8]])
    ax = curves.plot_curves(x, {"a": curve, "b": curve + 1}, ylabel="return")
    a, b = (line for line in ax.lines if not line.get_label().startswith("_"))
    np.testing.assert_allclose(a.get_ydata(), [2.5, 0, 0])
    assert a.get_linestyle() != b.get_linestyle()  # told apart without colours, too
    thin = [line.get_ydata().tolist() for line in ax.lines if line.get_color() == a.get_color() and line is not a]
    assert thin == curve.tolist()
    band = ax.collections[0].get_paths()[0].vertices
    assert band[:, 1].min() >= 0 and band[:, 1].max() <= 100 and np.ptp(band[:, 1]) > 0
    assert ax.get_legend().get_title().get_text() == "4 seeds"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["a", "b"]


def test_one_seed_is_called_one():
    curve = np.zeros((1, 3))
    alone = curves.plot_curves(np.arange(3), {"a": curve}).get_legend()
    assert "1 seed" in alone.get_title().get_text()
    mixed = curves.plot_curves(np.arange(3), {"a": np.zeros((8, 3)), "b": curve}).get_legend()
    assert [text.get_text() for text in mixed.get_texts()] == ["a (8 seeds)", "b (1 seed, no interval)"]


@pytest.mark.parametrize("bad", [{}, {"a": np.zeros((8, 4))}, {"a": np.zeros(3)}])
def test_bad_curves_are_named(bad):
    with pytest.raises(ValueError, match="^curves.*: got "):
        curves.plot_curves(np.arange(3), bad)


def test_differences_are_outlined_and_say_what_was_expected():
    got, expected = np.array([[1.0, 2], [3, np.nan]]), np.array([[1.0, 2 + 1e-9], [4, 5]])
    ax = grids.plot_differences(got, expected)
    assert words(ax) == ["1", "2", "3", "not 4", "nan", "not 5"]
    outlined = [patch.get_xy() for patch in ax.patches if patch.get_edgecolor() != (1, 1, 1, 1)]
    np.testing.assert_allclose(outlined, [(0.03, 1.05), (1.03, 1.05)])


def test_of_a_long_table_the_differing_rows_are_shown():
    got = np.zeros(40)
    got[[20, 39]] = 1
    ax = grids.plot_differences(got, np.zeros(40), title="V")
    assert ax.get_title() == "V (16 of 40 rows)"
    assert [label.get_text() for label in ax.get_yticklabels()][-2:] == ["20", "39"]
    assert words(grids.plot_differences(3.0, 4.0)) == ["3", "not 4"]
    with pytest.raises(ValueError, match=r"^got: got shape \(2,\), expected the shape \(3,\)"):
        grids.plot_differences(np.zeros(2), np.zeros(3))


def test_an_episode_is_one_frame_a_step(tmp_path):
    env = grid_world("S...G").env(max_steps=50, render_mode="rgb_array")
    film = episodes.episode_gif(env, lambda obs: 1, tmp_path / "a.gif")
    assert (tmp_path / "a.gif").read_bytes() == film
    picture = Image.open(BytesIO(film))
    assert (picture.format, picture.n_frames) == ("GIF", 5)
    blue = [np.asarray(picture.seek(n) or picture.convert("RGB"))[24, 24:-1:48] for n in range(5)]
    assert [int(np.argmin(frame[:, 0])) for frame in blue] == [0, 1, 2, 3, 4]  # the disc walks to the right
    to_and_fro = episodes.episode_gif(env, lambda obs: 1 if obs == 0 else 3, max_steps=7)
    assert Image.open(BytesIO(to_and_fro)).n_frames == 8
    with pytest.raises(ValueError, match="^env: got render_mode None, expected .*rgb_array"):
        episodes.episode_gif(grid_world("S.G").env(), lambda obs: 1)


def test_a_figure_becomes_a_png_and_is_closed():
    ax = curves.plot_curves(np.arange(2), {"a": np.zeros((3, 2))})
    assert Image.open(BytesIO(style.to_png(ax.figure))).format == "PNG"
    assert plt.get_fignums() == []


def test_show_has_name_equation_and_source_and_never_the_body():
    shown = equations.show(tabular.q_learning_update).data
    assert "`q_learning_update(Q, s, a, r, s_next, terminated, alpha, gamma)`" in shown
    assert r"$$" + "\n" + r"Q(s, a) \leftarrow Q(s, a) + \alpha" in shown
    assert "Source: Watkins (1989)" in shown
    assert "Args" not in shown
    for exercise in catalogue().values():
        shown = equations.show(exercise.function).data
        assert exercise.name in shown and not re.search(r"^\s*return ", shown, re.MULTILINE)


def test_show_takes_any_function():
    def plain(a, b=2):
        return a + b

    assert equations.show(plain).data.startswith("**`plain(a, b=2)`**")


def test_pictures_leave_the_settings_of_others_alone():
    code = "import matplotlib, numpy as np; before = dict(matplotlib.rcParams);"
    code += "from rlcourse.pictures import curves, style;"
    code += "style.to_png(curves.plot_curves(np.arange(2), {'a': np.zeros((3, 2))}).figure);"
    code += "changed = {k for k in before if before[k] != matplotlib.rcParams[k]}; print(sorted(changed))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "MPLBACKEND": "agg"}, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
