"""Values and policies on a grid, and tables whose differences show."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy import ndarray

from rlcourse.contracts.inputs import Array, bad_argument
from rlcourse.pictures.style import LIGHT, ORANGE, SPECIAL, axes_for, style
from rlcourse.worlds.grids import MOVES
from rlcourse.worlds.mdp import MDP


def plot_values(
    mdp: MDP,
    V: ndarray,
    pi: ndarray | None = None,
    ax: Axes | None = None,
    title: str = "",
    vmin: float | None = None,
    vmax: float | None = None,
) -> Axes:
    """The values of a grid world's cells as colours and numbers, and a policy as arrows.

    An arrow is as long as its action is likely, so that tied actions are arrows of one length. An MDP without a grid
    is drawn as a row of states, with the names (or numbers) of the policy's actions below.

    Args:
        mdp: whose states these are.
        V: values [S].
        pi: policy [S, A].
        ax: where to draw; default a new figure, as large as the grid needs.
        title: above the picture.
        vmin, vmax: the values at the ends of the colours, to make two pictures comparable.

    Raises:
        ValueError: where V or pi does not fit the MDP, or holds NaN.
    """
    sizes = {"S": mdp.n_states, "A": mdp.n_actions}
    V = Array("S", finite=True).check("V", V, sizes)
    pi = None if pi is None else Array("S A", distribution=True).check("pi", pi, sizes)
    grid = mdp.grid or ("." * mdp.n_states,)
    rows, columns = len(grid), len(grid[0])
    cells = "".join(grid)
    plain = np.array([cell not in SPECIAL for cell in cells])
    shown = V[: len(cells)][plain] if plain.any() else V
    low, high = shown.min() if vmin is None else vmin, shown.max() if vmax is None else vmax
    colour_of = plt.get_cmap("viridis")
    cell_inches = min(0.95, max(0.3, 12 / columns))
    with style():
        ax = axes_for(ax, title, (max(columns * cell_inches, 3) + 0.1, rows * cell_inches + (0.55 if title else 0.1)))
        ax.set(xlim=(0, columns), ylim=(rows, 0), aspect="equal", xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.apply_aspect()
        box = ax.get_window_extent()
        points = min(box.width / columns, box.height / rows) * 72 / ax.figure.dpi  # a cell, as fonts are measured
        numbers = points >= 26
        digits = 0 if np.abs(shown).max() >= 100 else 1 if np.abs(shown).max() >= 10 else 2
        for s, cell in enumerate(cells):
            row, column = divmod(s, columns)
            face, letter = SPECIAL.get(cell, (colour_of((V[s] - low) / (high - low or 1)), ""))
            ax.add_patch(Rectangle((column, row), 1, 1, facecolor=face, edgecolor="white", linewidth=1.5))
            if cell == "C":
                ax.add_patch(Rectangle((column, row), 1, 1, fill=False, hatch="//", edgecolor="white", linewidth=1.5))
            centre = {"ha": "center", "va": "center", "color": "white"}
            ax.text(column + 0.5, row + 0.52, letter, fontsize=points * 0.4, weight="bold", **centre)
            if not plain[s]:
                continue
            ink = "white" if np.dot(face[:3], (0.3, 0.59, 0.11)) < 0.42 else "black"
            if cell == "S":
                ax.add_patch(Rectangle((column + 0.06, row + 0.06), 0.88, 0.88, fill=False, edgecolor=ink, linewidth=2))
            if numbers:
                y = row + (0.5 if pi is None else 0.26)
                size = points * (0.28 if pi is None else 0.23)
                ax.text(column + 0.5, y, f"{V[s] + 0.0:.{digits}f}", fontsize=size, ha="center", va="center", color=ink)
            if pi is not None and not mdp.terminal[s]:
                _draw_policy(ax, column + 0.5, row + (0.66 if numbers else 0.5), pi[s], mdp.actions, points, ink)
    return ax


def _draw_policy(
    ax: Axes, x: float, y: float, probabilities: ndarray, names: tuple[str, ...], points: float, ink: str
) -> None:
    """One state's policy around (x, y): an arrow for each action that has a direction, else the actions' names."""
    likely = [a for a, p in enumerate(probabilities / probabilities.max()) if p > 0.05]
    if not set(names) <= set(MOVES) or not names:
        label = "/".join(names[a] if names else str(a) for a in likely)
        ax.text(x, y, label, fontsize=points * 0.2, ha="center", va="center", color=ink, weight="bold")
        return
    for a in likely:
        down, right = MOVES[names[a]]
        length = 0.23 * probabilities[a] / probabilities.max()
        start = (x, y) if len(likely) > 1 else (x - right * length, y - down * length)
        arrow = {"arrowstyle": "-|>", "color": ink, "linewidth": points / 26, "mutation_scale": points / 4.5}
        arrow |= {"shrinkA": 0, "shrinkB": 0}
        ax.annotate("", (x + right * length, y + down * length), start, arrowprops=arrow)


def plot_differences(got: ndarray, expected: ndarray, ax: Axes | None = None, title: str = "") -> Axes:
    """A table of what came; cells that differ from the expected ones are outlined and say what was expected.

    Of a table with more than 16 rows, rows with a difference come first.

    Args:
        got, expected: tables of one shape; the last axis lies across, the others down.
        ax, title: where to draw, and what to call it.

    Raises:
        ValueError: where the shapes differ.
    """
    got, expected = np.asarray(got, float), np.asarray(expected, float)
    if got.shape != expected.shape or got.size == 0:
        raise bad_argument("got", f"shape {got.shape}", f"the shape {expected.shape} of a table that is not empty")
    lead = got.shape[:-1] if got.ndim > 1 else got.shape  # a vector stands upright
    got, expected = got.reshape(int(np.prod(lead)), -1), expected.reshape(int(np.prod(lead)), -1)
    differs = ~np.isclose(got, expected, equal_nan=True)
    rows = np.sort(np.argsort(~differs.any(axis=1), kind="stable")[:16])
    left_out = f" ({len(rows)} of {len(got)} rows)" if len(rows) < len(got) else ""
    with style():
        ax = axes_for(ax, title + left_out, (max(1.5 * got.shape[1] + 0.8, 4), 0.62 * len(rows) + 0.7))
        names = [",".join(map(str, np.unravel_index(row, lead))) for row in rows] if lead else [""]
        ax.set(xlim=(0, got.shape[1]), ylim=(len(rows), 0), yticks=np.arange(len(rows)) + 0.5, yticklabels=names)
        ax.set(xticks=np.arange(got.shape[1]) + 0.5, xticklabels=range(got.shape[1]))
        ax.tick_params(length=0, labeltop=got.shape[1] > 1, labelbottom=False)
        ax.spines[:].set_visible(False)
        for y, row in enumerate(rows):
            for column in range(got.shape[1]):
                wrong_here = differs[row, column]
                face, edge = ("#fbe3d3", ORANGE) if wrong_here else (LIGHT, "white")
                box = Rectangle((column + 0.03, y + 0.05), 0.94, 0.9, facecolor=face, edgecolor=edge, linewidth=2.5)
                ax.add_patch(box)
                text = {"ha": "center", "va": "center", "color": "black"}
                weight = "bold" if wrong_here else "normal"
                middle = y + (0.34 if wrong_here else 0.5)
                ax.text(column + 0.5, middle, f"{got[row, column]:.4g}", weight=weight, fontsize=14, **text)
                if wrong_here:
                    ax.text(column + 0.5, y + 0.72, f"not {expected[row, column]:.4g}", fontsize=11, **text)
    return ax
