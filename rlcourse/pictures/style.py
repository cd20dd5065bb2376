"""The course's look: to be read from the back of a hall and without telling red from green.

The colours are those of Okabe and Ito, the maps are viridis. Nothing is changed for the pictures that others draw.
"""

from contextlib import AbstractContextManager
from io import BytesIO

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]
LINES = ["-", "--", "-.", ":", (0, (6, 1.5, 1, 1.5, 1, 1.5)), (0, (8, 2)), (0, (1, 2.5))]  # beside the colours
DARK, LIGHT, ORANGE = "#33333b", "#f4f4ef", "#D55E00"
SPECIAL = {
    "#": (DARK, ""),
    "G": ("#009E73", "G"),
    "g": ("#4FB89A", "g"),
    "X": ("#B2403A", "X"),
    "C": ("#8A5A44", ""),
}  # cells without a value
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


def axes_for(ax: Axes | None, title: str, size: tuple[float, float]) -> Axes:
    """An axes of that size in inches, or the given one, with the title on it."""
    if ax is None:
        ax = plt.subplots(figsize=size)[1]
    ax.set_title(title, pad=8)
    ax.tick_params(labelsize=TICKS)  # ticks are made when they are drawn, and style() is over by then
    return ax


def to_png(figure: Figure) -> bytes:
    """The figure as a PNG, for widgets.Image; the figure is closed, or the notebook would draw it again."""
    file = BytesIO()
    figure.savefig(file, format="png")
    plt.close(figure)
    return file.getvalue()
