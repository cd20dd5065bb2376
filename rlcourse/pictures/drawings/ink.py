"""The strokes of every drawing: a blank sheet, boxes, circles, arrows, words. One unit is about a centimetre."""

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from rlcourse.pictures.style import COLOURS, DARK, style

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, BLACK = COLOURS
PAPER, GREY = "white", "#8a8a92"
Point = tuple[float, float]


def sheet(width: float, height: float, title: str = "", ax: Axes | None = None) -> Axes:
    """A blank sheet from (0, 0) at the bottom left to (width, height), without axes, the same scale both ways."""
    with style():
        if ax is None:
            ax = plt.subplots(figsize=(width / 1.6, (height + (0.8 if title else 0)) / 1.6))[1]
        ax.set(xlim=(0, width), ylim=(0, height), aspect="equal")
        ax.axis("off")
        if title:
            ax.set_title(title)
    return ax


def box(ax: Axes, centre: Point, text: str = "", width: float = 3.0, height: float = 1.2, colour: str = BLUE) -> None:
    """A box with rounded corners: a thing that computes or stores. Its words may have several lines."""
    x, y = centre[0] - width / 2, centre[1] - height / 2
    look = {"facecolor": PAPER, "edgecolor": colour, "linewidth": 2.2}
    ax.add_patch(FancyBboxPatch((x, y), width, height, boxstyle="round,pad=0,rounding_size=0.15", **look))
    say(ax, centre, text)


def state(
    ax: Axes, centre: Point, text: str = "", radius: float = 0.42, colour: str = DARK, filled: bool = False
) -> None:
    """A circle: a state, or a unit of a network. A small filled one is an action, as in backup diagrams."""
    ax.add_patch(
        Circle(centre, radius, facecolor=colour if filled else PAPER, edgecolor=colour, linewidth=2.2, zorder=2)
    )
    say(ax, centre, text, colour=PAPER if filled else BLACK)


def arrow(
    ax: Axes,
    start: Point,
    end: Point,
    text: str = "",
    bend: float = 0.0,
    colour: str = DARK,
    dashed: bool = False,
    gap: float = 0.0,
    beside: Point = (0.0, 0.25),
    both: bool = False,
) -> None:
    """An arrow from point to point: bent to the left of its way by `bend`, ending `gap` before either point.

    `text` stands at its middle, moved by `beside`; `both` puts a head on either end.
    """
    kind = "<|-|>" if both else "-|>"
    look = {"arrowstyle": kind, "mutation_scale": 16, "linewidth": 2, "color": colour, "zorder": 1.5}
    curve, line = f"arc3,rad={-bend}", "--" if dashed else "-"
    shrink = gap * 45  # a unit is 1 / 1.6 inches, and an inch has 72 points
    ax.add_patch(
        FancyArrowPatch(start, end, connectionstyle=curve, linestyle=line, shrinkA=shrink, shrinkB=shrink, **look)
    )
    if text:
        (x0, y0), (x1, y1) = start, end
        middle = (x0 + x1) / 2 - bend * (y1 - y0) / 2, (y0 + y1) / 2 + bend * (x1 - x0) / 2
        say(ax, (middle[0] + beside[0], middle[1] + beside[1]), text, colour=colour)


def say(ax: Axes, at: Point, text: str, size: float = 13, colour: str = BLACK, align: str = "center") -> None:
    """Words, or mathematics between dollar signs, around a point, or with their left or right end there."""
    ax.text(*at, text, fontsize=size, color=colour, ha=align, va="center", zorder=3)
