"""Searching for a policy without its gradient, and the corridor in which all cells look alike (lecture 06)."""

from matplotlib.axes import Axes

from rlcourse.pictures.drawings.ink import BLUE, DARK, GREEN, GREY, ORANGE, arrow, box, say, sheet, state


def corridor() -> Axes:
    """Three cells that look alike and a goal; in the middle one the two actions are swapped."""
    ax = sheet(14, 4.2)
    places = [(1.8 + 3.2 * n, 2.1) for n in range(4)]
    for n in range(3):
        swapped = n == 1
        right, left = ("left", "right") if swapped else ("right", "left")
        colour = ORANGE if swapped else BLUE
        arrow(ax, places[n], places[n + 1], right, bend=0.25, gap=0.65, colour=colour, beside=(0, 0.35))
        back = places[max(n - 1, 0)]
        if n:
            arrow(ax, places[n], back, left, bend=0.25, gap=0.65, colour=colour, beside=(0, -0.35))
    arrow(ax, (2.1, 1.55), (1.3, 1.75), bend=-1.9, colour=BLUE)
    say(ax, (1.1, 0.55), "left: stays", colour=BLUE)
    for n, at in enumerate(places):
        state(ax, at, "goal" if n == 3 else "?", 0.6, GREEN if n == 3 else DARK)
    say(ax, (5.0, 3.9), "here the actions are swapped", colour=ORANGE)
    return ax


def cross_entropy() -> Axes:
    """The loop of the cross-entropy method: draw, try, keep the best, fit again."""
    ax = sheet(17, 4.4)
    names = (
        "draw $N$ candidates\n$\\theta_i \\sim \\mathcal{N}(m, \\sigma^2)$",
        "try each:\nits return",
        "keep the elite,\nthe best $f N$",
        "fit $m$, $\\sigma$\nto the elite",
    )
    for n, name in enumerate(names):
        box(ax, (2.0 + 4.3 * n, 2.9), name, 3.5, 1.6, (BLUE, GREY, ORANGE, BLUE)[n])
        if n:
            arrow(ax, (4.3 * n - 0.55, 2.9), (4.3 * n + 0.25, 2.9))
    ax.plot([14.9, 14.9, 2.0], [2.1, 0.7, 0.7], color=DARK, linewidth=2, zorder=1)
    arrow(ax, (2.0, 0.7), (2.0, 2.1))
    say(ax, (8.4, 0.35), "the next generation")
    return ax
