"""The course's pictures: values and policies on a grid, learning curves, differences, episodes, equations.

Every picture is made to be read from the back of a hall and without telling red from green: the colours are those of
Okabe and Ito, the maps are viridis. Nothing is changed for the pictures that others draw.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from io import BytesIO
from pathlib import Path
from typing import Any

import gymnasium
import matplotlib.pyplot as plt
import numpy as np
from IPython.display import Markdown
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy import ndarray
from PIL import Image

from rlcourse.inputs import Array, wrong
from rlcourse.mdps import MDP, MOVES
from rlcourse.stats import bootstrap_interval, interquartile_mean

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
DARK, LIGHT, ORANGE = "#33333b", "#f4f4ef", "#D55E00"
SPECIAL = {"#": (DARK, ""), "G": ("#009E73", "G"), "X": ("#B2403A", "X"), "C": ("#8A5A44", "")}  # cells without a value
TICKS = 13


def style() -> AbstractContextManager:
    """The course's look, as a context: `with style(): figure, axes = plt.subplots(1, 2)`."""
    return plt.rc_context(
        {
            "font.size": 14,
            "axes.titlesize": 16,
            "axes.titleweight": "bold",
            "axes.labelsize": 14,
            "axes.prop_cycle": plt.cycler(color=COLOURS),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "legend.frameon": False,
            "legend.fontsize": TICKS,
            "lines.linewidth": 2.5,
            "figure.constrained_layout.use": True,
        }
    )


def _axes(ax: Axes | None, title: str, size: tuple[float, float]) -> Axes:
    """An axes of that size in inches, or the given one, with the title on it."""
    if ax is None:
        ax = plt.subplots(figsize=size)[1]
    ax.set_title(title, pad=8)
    ax.tick_params(labelsize=TICKS)  # ticks are made when they are drawn, and style() is over by then
    return ax


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
        ax = _axes(ax, title, (max(columns * cell_inches, 3) + 0.1, rows * cell_inches + (0.55 if title else 0.1)))
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


def plot_curves(
    x: ndarray,
    curves: Mapping[str, ndarray],
    ax: Axes | None = None,
    xlabel: str = "steps",
    ylabel: str = "",
    title: str = "",
) -> Axes:
    """Learning curves: the interquartile mean over the seeds and its 95 % bootstrap interval.

    Args:
        x: what the curves are drawn over, [C].
        curves: by name, [K, C] each, K the seeds; the legend says how many, and one seed is called one.
        ax, xlabel, ylabel, title: where to draw, and what to call it.

    Raises:
        ValueError: where a curve does not fit x, holds NaN, or there is none.
    """
    x = np.asarray(x)
    if not curves or x.ndim != 1:
        raise wrong("curves", f"{len(curves)} over x of shape {x.shape}", "at least one, over x [C]")
    for name, curve in curves.items():
        if np.ndim(curve) != 2 or np.shape(curve)[1] != len(x):
            raise wrong(f"curves[{name!r}]", f"shape {np.shape(curve)}", f"[K, C] with C = {len(x)}")
    counts = {
        name: f"{len(curve)} seeds" if len(curve) > 1 else "1 seed, no interval" for name, curve in curves.items()
    }
    together = len(set(counts.values())) == 1
    with style():
        ax = _axes(ax, title, (8, 4.5))
        for (name, curve), colour in zip(curves.items(), COLOURS * len(curves), strict=False):
            label = name if together else f"{name} ({counts[name]})"
            ax.plot(x, interquartile_mean(curve), color=colour, label=label, linewidth=2.5)
            ax.fill_between(x, *bootstrap_interval(curve), color=colour, alpha=0.2, linewidth=0)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.grid(alpha=0.25)
        ax.legend(title=next(iter(counts.values())) if together else None, title_fontsize=TICKS)
    return ax


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
        raise wrong("got", f"shape {got.shape}", f"the shape {expected.shape} of a table that is not empty")
    lead = got.shape[:-1] if got.ndim > 1 else got.shape  # a vector stands upright
    got, expected = got.reshape(int(np.prod(lead)), -1), expected.reshape(int(np.prod(lead)), -1)
    differs = ~np.isclose(got, expected, equal_nan=True)
    rows = np.sort(np.argsort(~differs.any(axis=1), kind="stable")[:16])
    left_out = f" ({len(rows)} of {len(got)} rows)" if len(rows) < len(got) else ""
    with style():
        ax = _axes(ax, title + left_out, (max(1.5 * got.shape[1] + 0.8, 4), 0.62 * len(rows) + 0.7))
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


def episode_gif(
    env: gymnasium.Env, act: Callable[[Any], Any], path: str | Path | None = None, max_steps: int = 200, seed: int = 0
) -> bytes:
    """One episode as an animated GIF.

    Args:
        env: with render_mode "rgb_array"; it stays open.
        act: the action for an observation.
        path: where to save it too.
        max_steps: after how many steps the film ends, if the episode does not.
        seed: of the episode.

    Raises:
        ValueError: where the environment draws no frames.
    """
    if env.render_mode != "rgb_array":
        raise wrong("env", f"render_mode {env.render_mode!r}", "an environment made with render_mode='rgb_array'")
    obs, _ = env.reset(seed=seed)
    frames = [Image.fromarray(env.render())]
    for _ in range(max_steps):
        obs, _, terminated, truncated, _ = env.step(act(obs))
        frames.append(Image.fromarray(env.render()))
        if terminated or truncated:
            break
    pause = 1000 // env.metadata.get("render_fps", 30)
    pauses = [pause] * (len(frames) - 1) + [max(pause, 1000)]  # time to see how it ended
    file = BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=pauses, loop=0)
    if path is not None:
        Path(path).write_bytes(file.getvalue())
    return file.getvalue()


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG, for widgets.Image; the figure is closed, or the notebook would draw it again."""
    file = BytesIO()
    figure.savefig(file, format="png")
    plt.close(figure)
    return file.getvalue()


def show(f: Callable) -> Markdown:
    """A function as a lecture shows it: name and arguments, what it is, its equation and source. Never its body."""
    paragraphs = re.split(r"\n\s*\n", inspect.getdoc(f) or "")
    equations = [textwrap.dedent(p.split(".. math::", 1)[1]).strip() for p in paragraphs if ".. math::" in p]
    sources = [" ".join(p.split()) for p in paragraphs if p.startswith("Source:")]
    signature = inspect.signature(f)
    names = [name.replace(annotation=inspect.Parameter.empty) for name in signature.parameters.values()]
    bare = signature.replace(parameters=names, return_annotation=inspect.Signature.empty)
    parts = [f"**`{f.__name__}{bare}`**", " ".join(paragraphs[0].split())]
    parts += [f"$$\n{equation}\n$$" for equation in equations] + [f"<small>{source}</small>" for source in sources]
    return Markdown("\n\n".join(parts))
