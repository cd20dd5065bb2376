"""Who acts, who learns, and who sends what to whom (lecture 09)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from rlcourse.pictures.drawings.ink import BLUE, DARK, GREEN, GREY, ORANGE, SKY, arrow, box, say, sheet


def lock_step() -> Axes:
    """A2C: one policy acts in all environments at once; everybody waits, then there is one update."""
    ax = sheet(20, 6.0)
    box(ax, (4.2, 3.4), "policy and critic\n$\\theta$", 4.4, 1.6, BLUE)
    for n in range(4):
        y = 1.6 + 1.2 * n
        box(ax, (11.4, y), f"environment {4 - n}", 3.6, 0.85, DARK)
        arrow(ax, (6.4, 3.55), (9.6, y + 0.12), colour=BLUE)
    say(ax, (7.4, 5.55), "one batch of actions", 13, BLUE)
    box(ax, (17.2, 3.4), "rollout $[T, B]$:\none update", 4.0, 1.6, ORANGE)
    for n in range(4):
        arrow(ax, (13.2, 1.6 + 1.2 * n), (15.2, 3.4), colour=DARK)
    arrow(ax, (17.2, 2.6), (4.2, 2.6), bend=0.3, colour=ORANGE)
    return ax


def workers() -> Axes:
    """A3C: each worker copies the shared parameters, plays, and steps them, whatever the others did meanwhile."""
    ax = sheet(20, 6.4)
    box(ax, (10, 5.3), "shared parameters $\\theta$, no lock", 7.0, 1.3, BLUE)
    for n in range(3):
        x = 3.4 + 6.6 * n
        box(ax, (x, 2.5), f"worker {n + 1}: copy $\\theta'$\nplays $T$ steps", 4.6, 1.4, ORANGE)
        box(ax, (x, 0.6), "its environment", 3.4, 0.9, DARK)
        arrow(ax, (x - 0.3, 1.8), (x - 0.3, 1.05))
        arrow(ax, (x + 0.3, 1.05), (x + 0.3, 1.8))
        arrow(ax, (9.2 + 0.8 * n, 4.65), (x - 0.8, 3.2), colour=BLUE)
        arrow(ax, (x + 0.8, 3.2), (9.8 + 0.8 * n, 4.65), colour=ORANGE)
    say(ax, (3.1, 4.5), "copy $\\theta$", 13, BLUE)
    say(ax, (16.9, 4.5), "gradient at $\\theta'$", 13, ORANGE)
    return ax


def learner() -> Axes:
    """IMPALA: actors send rollouts with the probabilities of what they did; one learner corrects and learns."""
    ax = sheet(22, 5.4)
    for n in range(4):
        y = 0.8 + 1.25 * n
        box(ax, (2.8, y), f"actor {4 - n}: $\\mu$", 3.6, 0.9, ORANGE)
        arrow(ax, (4.6, y), (7.6, 2.65), colour=ORANGE)
    say(ax, (7.0, 4.9), "rollouts, with $\\mu(a_t \\mid s_t)$", 13, ORANGE)
    for n in range(4):
        ax.add_patch(Rectangle((7.7 + 0.75 * n, 2.2), 0.7, 0.9, facecolor="white", edgecolor=DARK, linewidth=2))
    say(ax, (9.2, 1.7), "queue: they wait", 12, GREY)
    arrow(ax, (10.8, 2.65), (13.2, 2.65))
    box(ax, (16.6, 2.65), "learner: $\\pi$, $V$\nratios $\\rho_t = \\pi / \\mu$, V-trace", 6.6, 1.7, BLUE)
    arrow(ax, (16.6, 1.8), (2.8, 0.35), bend=0.12, colour=BLUE)
    say(ax, (17.0, 0.7), "now and then, new parameters", 13, BLUE)
    return ax


def two_bars() -> Axes:
    """Eight ratios of one rollout: as they are, clipped for the error, and what is left of their product."""
    ax = sheet(21, 5.4)
    ratios = np.array([0.7, 1.8, 1.1, 0.4, 2.4, 0.9, 1.5, 1.2])
    for n, ratio in enumerate(ratios):
        x = 1.6 + 1.1 * n
        ax.bar(x, 1.5 * ratio, 0.8, bottom=0.9, color=SKY)
        ax.bar(x, 1.5 * min(1, ratio), 0.8, bottom=0.9, color=BLUE)
        say(ax, (x, 0.45), f"$\\rho_{n}$")
    ax.plot([0.9, 10], [2.4, 2.4], "--", color=ORANGE, linewidth=2)
    say(ax, (5.4, 5.0), "in the error: $\\min(\\bar\\rho, \\rho_t)$", 14)
    say(ax, (10.1, 2.4), "1", 13, ORANGE, "left")
    for left, traces, colour in ((11.6, ratios, SKY), (11.6, np.minimum(ratios, 1), GREEN)):
        for n, product in enumerate(np.cumprod(traces)):
            ax.bar(left + 1.1 * n, 1.5 * product, 0.8, bottom=0.9, color=colour)
    say(ax, (15.6, 5.0), "in the trace: products of $\\min(\\bar c, \\rho)$", 14)
    say(ax, (15.6, 0.4), "light: not clipped", 12, GREY)
    return ax


def gated_unit() -> Axes:
    """A recurrent policy: the memory goes from step to step, and is set to 0 where an episode begins."""
    ax = sheet(19, 5.0)
    for n in range(4):
        x = 2.4 + 4.6 * n
        box(ax, (x, 2.5), "GRU", 1.9, 1.2, BLUE)
        arrow(ax, (x, 0.75), (x, 1.9))
        say(ax, (x, 0.45), f"$s_{n}$", 15)
        arrow(ax, (x, 3.1), (x, 4.1))
        say(ax, (x, 4.5), f"$\\pi(\\cdot \\mid h_{n}),\\ V(h_{n})$", 13)
        if n < 3:
            arrow(ax, (x + 0.95, 2.5), (x + 3.65, 2.5), f"$h_{n}$" if n != 1 else "", colour=GREEN)
    say(ax, (9.3, 2.95), "episode ends: 0", 12, ORANGE)
    ax.plot([9.3, 9.3], [2.1, 2.75], color=ORANGE, linewidth=4)
    return ax
