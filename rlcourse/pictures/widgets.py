"""Widgets to click through: value iteration on a grid that one edits, and the ways to explore.

A widget needs a running kernel. The picture of the same thing, for a page without one, is a function beside it:
`value_iteration_picture` and `exploration_picture`. A lecture shows the picture first.
"""

from collections.abc import Callable, Sequence
from functools import partial

import ipywidgets as widgets
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from numpy import ndarray

from rlcourse.contracts.inputs import Array, bad_argument
from rlcourse.functional import tabular
from rlcourse.pictures.grids import plot_values
from rlcourse.pictures.style import COLOURS, SPECIAL, style, to_png
from rlcourse.worlds.grids import grid_world
from rlcourse.worlds.mdp import MDP

MAP = """
.....G
.##.#X
......
.#.X#.
S.....
"""
NEXT = {".": "#", "#": "G", "G": "X", "X": "."}  # what a click makes of a cell; anything else counts as floor
WORDS = {"#": "wall", "G": "goal +1", "X": "pit −1"}
ARROWS = "↑→↓←"  # in the order of the grid's actions
LOSS = 1e-3  # "to the end" stops where the greedy policy loses no more than this
PATIENCE = 2_000  # sweeps after which "to the end" gives up

Backup = Callable[[ndarray, ndarray, ndarray, float], ndarray]
Explore = Callable[[ndarray, float], ndarray]


class ValueIterationExplorer(widgets.VBox):
    """What value_iteration_explorer returns. Tests drive `cells`, the sliders and the buttons, and read `status`."""

    def __init__(self, text: str, value_backup: Backup) -> None:
        self.rows = [list(line.strip()) for line in text.strip().splitlines()]
        if len({len(row) for row in self.rows}) != 1 or not self.rows[0]:
            raise bad_argument("text", f"lines of lengths {[len(row) for row in self.rows]}", "a rectangular map")
        self.value_backup = value_backup
        self.world: MDP | None = None
        self.V = np.zeros(len(self.rows) * len(self.rows[0]))
        self.sweeps, self.change = 0, None

        slider = partial(widgets.FloatSlider, continuous_update=False, step=0.01)
        self.gamma = slider(value=0.9, min=0, max=1, description="gamma")
        self.slip = slider(value=0.2, min=0, max=1, description="slip")
        self.step_reward = slider(value=0, min=-1, max=0.5, description="step reward", step=0.05)
        self.one, self.ten, self.end, self.reset = (
            widgets.Button(description=text) for text in ("one sweep", "10 sweeps", "to the end", "reset")
        )
        self.status = widgets.Label()
        look = {"layout": {"width": "auto", "height": "auto"}, "style": {"font_size": "16px"}}
        self.cells = [widgets.Button(tooltip="click: floor, wall, goal, pit", **look) for _ in self.V]
        n_rows, n_columns = len(self.rows), len(self.rows[0])
        grid = widgets.GridspecLayout(n_rows, n_columns, width=f"{92 * n_columns}px", height=f"{56 * n_rows}px")
        for s, cell in enumerate(self.cells):
            grid[divmod(s, n_columns)] = cell
            cell.on_click(partial(self._edit, s))
        for parameter in (self.gamma, self.slip, self.step_reward):
            parameter.observe(self._rebuild, "value")
        self.one.on_click(lambda _: self._sweep(1))
        self.ten.on_click(lambda _: self._sweep(10))
        self.end.on_click(lambda _: self._sweep(PATIENCE, until=LOSS))
        self.reset.on_click(self._reset)
        self._rebuild()
        sliders = widgets.HBox([self.gamma, self.slip, self.step_reward])
        super().__init__([sliders, widgets.HBox([self.one, self.ten, self.end, self.reset]), self.status, grid])

    def _edit(self, s: int, _: widgets.Button) -> None:
        """Turn a cell into the next kind of cell."""
        row, column = divmod(s, len(self.rows[0]))
        self.rows[row][column] = NEXT.get(self.rows[row][column], "#")
        self._rebuild()

    def _rebuild(self, _: object = None) -> None:
        """Another world, the same values: value iteration converges from any start, so one may go on from here."""
        text = "\n".join("".join(row) for row in self.rows)
        self.sweeps, self.change = 0, None
        try:
            self.world = grid_world(text, self.slip.value, self.step_reward.value)
            self.V = np.where(self.world.terminal, 0, self.V)  # a wall or an end is worth nothing
        except ValueError:
            self.world = None
        self._show()

    def _reset(self, _: widgets.Button) -> None:
        self.V = np.zeros_like(self.V)
        self._rebuild()

    @property
    def loss_bound(self) -> float:
        """How much the greedy policy may lose, by the span of the last change (see agents/tabular/planning.py)."""
        if self.change is None or self.gamma.value == 1:
            return np.inf
        return self.gamma.value / (1 - self.gamma.value) * np.ptp(self.change)

    def _sweep(self, n: int, until: float = -np.inf) -> None:
        for _ in range(n):
            try:
                new = self.value_backup(self.world.P, self.world.R, self.V.copy(), self.gamma.value)
                new = Array("S", finite=True).check("value_backup", new, {"S": len(self.V)})
            except Exception as error:  # a student's own equation: the message belongs where he looks
                self.status.value = _said(error)
                return
            self.change, self.V, self.sweeps = new - self.V, new, self.sweeps + 1
            if self.loss_bound <= until or not np.any(self.change):
                break
        self._show()

    def _show(self) -> None:
        """Bring the buttons and the message up to date."""
        for button in (self.one, self.ten, self.end):
            button.disabled = self.world is None
        low, high = min(self.V.min(), 0), max(self.V.max(), 1)  # the colours keep their meaning from sweep to sweep
        best = None if self.world is None else best_actions(self.world, self.V, self.gamma.value)
        for s, (cell, kind) in enumerate(zip(self.cells, sum(self.rows, []), strict=True)):
            if kind in WORDS:
                colour, ink, text = SPECIAL[kind][0], "white", WORDS[kind]
            else:
                colour = plt.get_cmap("viridis")((self.V[s] - low) / (high - low))
                ink = "white" if np.dot(colour[:3], (0.3, 0.59, 0.11)) < 0.5 else "black"
                arrows = [] if best is None else [ARROWS[a] for a in np.flatnonzero(best[s])]
                text = f"{self.V[s]:.2f} {''.join(arrows) if len(arrows) < 4 else ''}"
            cell.description = text
            cell.style.button_color, cell.style.text_color = to_hex(colour), ink
        self.status.value = self._message()

    def _message(self) -> str:
        if self.world is None:
            return "✗ There is no floor left to stand on: click a wall until it is floor."
        if self.change is None:
            return "sweep 0"
        bound = "no bound at gamma = 1" if self.gamma.value == 1 else f"at most {self.loss_bound:.3g}"
        return (
            f"sweep {self.sweeps} · largest change {np.abs(self.change).max():.3g} · "
            f"loss of the greedy policy (arrows): {bound}"
        )


def best_actions(mdp: MDP, V: ndarray, gamma: float) -> ndarray:
    """Which actions [S, A] are greedy after V; those that rounding alone tells apart are tied."""
    Q = mdp.R + gamma * (mdp.rows @ V).reshape(mdp.R.shape)
    return Q > Q.max(axis=1, keepdims=True) - 1e-9


def value_iteration_explorer(text: str = MAP, *, value_backup: Backup = tabular.value_backup) -> ValueIterationExplorer:
    """Value iteration, a sweep at a time, on a grid that one edits: the cells are buttons.

    A click makes floor a wall, then a goal, a pit, and floor again. The values stay where they are when the world
    changes, for value iteration converges from anywhere; "reset" starts from zero.

    Args:
        text: the map to start from, as for grid_world.
        value_backup: the equation of a sweep, so that one's own can drive the widget.
    """
    return ValueIterationExplorer(text, value_backup)


def value_iteration_picture(
    text: str = MAP, sweeps: Sequence[int] = (1, 3, 7, 40), gamma: float = 0.9, slip: float = 0.2
) -> Figure:
    """What the explorer shows after so many sweeps, two beside each other: the values spread from the goal."""
    mdp = grid_world(text, slip)
    V = [np.zeros(mdp.n_states)]
    for _ in range(max(sweeps)):
        V.append(tabular.value_backup(mdp.P, mdp.R, V[-1], gamma))
    rows, columns = len(mdp.grid), len(mdp.grid[0])
    with style():
        n = 2 if len(sweeps) > 1 else 1  # two beside each other: numbers are to be read at half a page
        below = -(-len(sweeps) // n)
        figure, axes = plt.subplots(below, n, figsize=(5.2 * n, (5.2 * rows / columns + 0.6) * below), squeeze=False)
    for ax in axes.flat[len(sweeps) :]:
        ax.axis("off")
    for ax, k in zip(axes.flat, sweeps, strict=False):
        pi = tabular.greedy_policy(best_actions(mdp, V[k], gamma).astype(float))
        plot_values(mdp, V[k], pi, ax, f"{k} sweep{'s' if k != 1 else ''}", vmin=0, vmax=1)
    return figure


def exploration_picture(
    q: Sequence[float] = (1.0, 1.5, 0.2, 1.4),
    epsilon: float = 0.2,
    temperature: float = 0.5,
    *,
    epsilon_greedy: Explore = tabular.epsilon_greedy,
    boltzmann: Explore = tabular.boltzmann,
) -> Figure:
    """How often each action is taken, epsilon-greedily and by Boltzmann's rule, side by side."""
    q = np.asarray(q, float)
    rules = {
        f"epsilon-greedy, ε = {epsilon:.2f}": ("epsilon_greedy", epsilon_greedy(q, epsilon)),
        f"Boltzmann, temperature = {temperature:.2f}": ("boltzmann", boltzmann(q, temperature)),
    }
    for name, probabilities in rules.values():  # perhaps a student's
        Array("A", distribution=True).check(name, probabilities, {"A": len(q)})
    with style():
        figure, axes = plt.subplots(1, 2, figsize=(11, 3.6), sharey=True)
        for ax, (title, (_, probabilities)), colour in zip(axes, rules.items(), COLOURS, strict=False):
            bars = ax.bar(range(len(q)), probabilities, color=colour)
            ax.bar_label(bars, fmt="%.2f", padding=2)
            ax.set(title=title, xlabel="action value q(a)", ylim=(0, 1.12))
            ax.set_xticks(range(len(q)), [f"{value:.2f}" for value in q])
    axes[0].set_ylabel("probability", fontsize=14)
    return figure


def exploration_explorer(
    q: Sequence[float] = (1.0, 1.5, 0.2, 1.4),
    *,
    epsilon_greedy: Explore = tabular.epsilon_greedy,
    boltzmann: Explore = tabular.boltzmann,
) -> widgets.VBox:
    """Sliders for epsilon, the temperature, the unit of reward and the action values; below them exploration_picture.

    Args:
        q: the action values to start from.
        epsilon_greedy, boltzmann: the two rules, so that one's own can drive the widget.
    """

    def draw(epsilon: float, temperature: float, scale: float, **q: float) -> Figure:
        rules = {"epsilon_greedy": epsilon_greedy, "boltzmann": boltzmann}
        return exploration_picture([scale * value for value in q.values()], epsilon, temperature, **rules)

    slider = partial(widgets.FloatSlider, continuous_update=False)
    epsilon = slider(value=0.2, min=0, max=1, step=0.01, description="epsilon")
    scale = {"min": -2, "max": 2, "step": 0.05, "readout_format": ".2f"}  # powers of ten, so 0.01 to 100
    temperature = widgets.FloatLogSlider(value=0.5, description="temperature", continuous_update=False, **scale)
    values = {f"q{a}": slider(value=v, min=-2, max=2, step=0.05, description=f"q({a})") for a, v in enumerate(q)}
    unit = slider(value=1, min=1, max=10, step=1, description="scale")  # rewards in another unit
    return explorer(draw, {"epsilon": epsilon, "temperature": temperature, "scale": unit}, values)


def explorer(draw: Callable[..., Figure], *columns: dict[str, widgets.ValueWidget], width: int = 880) -> widgets.VBox:
    """Controls, and below them the picture that `draw` makes of their values; each change redraws it.

    Args:
        draw: called with the value of each control by name. What it raises is shown in place of the picture's news.
        columns: the controls by name, one column each. Give sliders continuous_update=False, or they redraw on the way.
        width: of the picture, in pixels.
    """
    controls = {name: control for column in columns for name, control in column.items()}
    picture, problem = widgets.Image(format="png", width=width), widgets.Label()

    def redraw(_: object = None) -> None:
        try:
            figure = draw(**{name: control.value for name, control in controls.items()})
        except Exception as error:  # a student's own equation: the message belongs where he looks
            problem.value = _said(error)
        else:
            picture.value, problem.value = to_png(figure), ""

    for control in controls.values():
        control.style.description_width = "90px"
        control.observe(redraw, "value")
    redraw()
    return widgets.VBox([widgets.HBox([widgets.VBox(list(column.values())) for column in columns]), problem, picture])


def _said(error: Exception) -> str:
    """An error as a widget shows it; an exercise that is not written yet is none, and says itself what it waits for."""
    return str(error) if isinstance(error, NotImplementedError) else f"✗ {type(error).__name__}: {error}"
