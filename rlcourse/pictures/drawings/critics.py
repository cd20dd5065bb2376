"""Actor and critic, what an advantage looks at, a rollout as a tape, and the worlds of lecture 08."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from rlcourse.pictures.drawings.ink import BLUE, DARK, GREEN, GREY, ORANGE, SKY, Point, arrow, box, say, sheet, state


def actor_critic() -> Axes:
    """The world answers the actor's action; the critic turns the answer into a TD error, from which both learn."""
    ax = sheet(15, 5.2)
    box(ax, (2.6, 2.6), "world", 3, 1.5, DARK)
    box(ax, (8.2, 4.2), "actor\n$\\pi_\\theta(a \\mid s)$", 3.4, 1.5, BLUE)
    box(ax, (8.2, 1.0), "critic\n$V_\\theta(s)$", 3.4, 1.5, ORANGE)
    arrow(ax, (6.5, 4.5), (2.6, 3.35), "action $a$", bend=0.12, beside=(-0.6, 0.45))
    arrow(ax, (2.6, 1.85), (6.5, 0.8), "$r,\\ s'$", bend=0.12, beside=(-0.4, -0.6))
    arrow(ax, (4.1, 2.9), (6.5, 3.9), "$s$", beside=(0.1, -0.45))
    box(ax, (12.6, 1.0), "$\\delta = r + \\gamma V(s') - V(s)$", 4.4, 1.0, GREY)
    arrow(ax, (9.9, 1.25), (10.4, 1.25))
    arrow(ax, (10.4, 0.75), (9.9, 0.75), colour=ORANGE)
    arrow(ax, (12.6, 1.5), (9.9, 4.2), "how much better\nthan expected?", bend=-0.25, colour=BLUE, beside=(1.5, 0.2))
    return ax


def reach() -> Axes:
    """What stands in place of the return: rewards that were seen (filled) and one guess of the critic (hatched)."""
    ax = sheet(26, 6.6)
    for column, (name, steps) in enumerate(
        {"one step (TD)": 1, "two steps": 2, "four steps": 4, "Monte Carlo": 5}.items()
    ):
        x = 2.0 + 4.2 * column
        say(ax, (x, 6.2), name, 14)
        _backup(ax, (x, 5.0), steps)
    say(ax, (21.6, 6.2), "λ-return: a mean of all", 14)
    for n, (steps, weight) in enumerate(((1, "1 - λ"), (2, "(1 - λ) λ"), (3, "(1 - λ) λ²"), (5, "the rest"))):
        say(ax, (18.4 + 2.15 * n, 5.55), weight, 11, GREY)
        _backup(ax, (18.4 + 2.15 * n, 5.0), steps)
    say(
        ax,
        (0.3, 0.25),
        "hatched: the critic's guess stands for all that follows;  square: the episode's end",
        13,
        align="left",
    )
    return ax


def _backup(ax: Axes, top: Point, steps: int, last: int = 5) -> None:
    """A chain of so many steps; below it a guess, or the end of the episode."""
    x, y = top
    for n in range(steps):
        ax.plot([x, x], [y - 0.9 * n, y - 0.9 * (n + 1)], color=DARK, linewidth=2, zorder=1)
        state(ax, (x, y - 0.9 * n - 0.45), radius=0.1, filled=True)
        state(ax, (x, y - 0.9 * n), radius=0.19, colour=BLUE)
    end = y - 0.9 * steps
    if steps == last:
        ax.add_patch(Rectangle((x - 0.19, end - 0.19), 0.38, 0.38, color=DARK, zorder=2))
    else:
        state(ax, (x, end), radius=0.24, colour=ORANGE)
        ax.add_patch(
            Rectangle((x - 0.17, end - 0.17), 0.34, 0.34, fill=False, hatch="////", edgecolor=ORANGE, lw=0, zorder=3)
        )


def two_views() -> Axes:
    """Forward: a state looks at all later TD errors. Backward: a TD error is handed to all earlier states."""
    ax = sheet(19, 6.2)
    for height, title, centre in (
        (4.0, "forward: one state, all later TD errors", 1),
        (0.9, "backward: one TD error, all earlier states", 5),
    ):
        say(ax, (0.4, height + 1.75), title, 14, align="left")
        for n in range(7):
            x = 1.5 + 2.6 * n
            state(ax, (x, height), f"$s_{n}$", 0.45, ORANGE if n == centre else DARK)
            if n < 6:
                ax.plot([x + 0.45, x + 2.15], [height, height], color=GREY, linewidth=1.5, zorder=1)
        others = range(centre + 1, 7) if centre == 1 else range(centre)
        for n in others:
            fade = 0.75 ** (abs(n - centre) - (centre == 1))
            start, end = 1.5 + 2.6 * centre, 1.5 + 2.6 * n
            colour = tuple(1 - fade * (1 - np.array((0.84, 0.37, 0.0))))
            arrow(ax, (start, height + 0.45), (end, height + 0.45), bend=0.16 * np.sign(end - start), colour=colour)
    return ax


def tape() -> Axes:
    """Ten steps: one episode terminates, the next is cut by its time limit, the last by the end of the rollout."""
    ax = sheet(21, 5.6)
    episodes = (
        (range(0, 4), BLUE, "terminated"),
        (range(4, 8), GREEN, "truncated"),
        (range(8, 10), SKY, "rollout ends"),
    )
    for steps, colour, ending in episodes:
        for t in steps:
            ax.add_patch(Rectangle((1.4 + 1.8 * t, 2.4), 1.7, 1.2, facecolor="white", edgecolor=colour, linewidth=2.5))
            say(ax, (2.25 + 1.8 * t, 3.0), f"$s_{t},\\ r_{t}$")
        last = steps[-1]
        right = 1.4 + 1.8 * last + 1.7
        say(ax, (right - 0.85, 4.35), ending, 13, colour)
        future = "0" if ending == "terminated" else "$\\gamma V(s')$"
        arrow(ax, (right - 0.85, 2.3), (right - 0.85, 1.25), colour=ORANGE)
        say(ax, (right - 0.85, 0.75), future, 15, ORANGE)
        ax.plot([right + 0.05] * 2, [2.1, 3.9], color=DARK, linewidth=3.5)
    say(ax, (0.2, 0.75), "what follows:", 13, ORANGE, "left")
    arrow(ax, (3.4, 5.1), (1.5, 5.1), colour=GREY)
    say(ax, (3.6, 5.1), "the sum runs backwards, and stops at each bar: no trace crosses it", 13, GREY, "left")
    return ax


def trunks() -> Axes:
    """Two networks, or one trunk with two heads."""
    ax = sheet(18, 4.8)
    say(ax, (4.4, 4.4), "two networks", 14)
    for y, colour, out in ((3.1, BLUE, "logits"), (1.2, ORANGE, "$V$")):
        say(ax, (0.6, y), "$s$", 15)
        box(ax, (3.6, y), "64, 64", 3.2, 1.1, colour)
        arrow(ax, (0.9, y), (2.0, y))
        arrow(ax, (5.2, y), (6.6, y))
        say(ax, (7.4, y), out, 14, colour)
    say(ax, (13.4, 4.4), "one trunk, two heads", 14)
    say(ax, (9.8, 2.15), "$s$", 15)
    box(ax, (12.4, 2.15), "64, 64", 2.8, 1.3, GREEN)
    arrow(ax, (10.1, 2.15), (11.0, 2.15))
    for y, colour, out in ((3.1, BLUE, "logits"), (1.2, ORANGE, "$V$")):
        arrow(ax, (13.8, 2.15), (15.8, y), colour=colour)
        say(ax, (16.7, y), out, 14, colour)
    return ax


def corridor() -> Axes:
    """Nine cells; 0.3 lies one step to the left of the start, 1 nine steps to the right."""
    ax = sheet(19, 2.6)
    for n in range(11):
        end = n in (0, 10)
        ax.add_patch(
            Rectangle(
                (0.6 + 1.6 * n, 0.6), 1.5, 1.3, facecolor="white", edgecolor=GREEN if end else DARK, linewidth=2.5
            )
        )
        say(ax, (1.35 + 1.6 * n, 1.25), {0: "0.3", 1: "start", 10: "1"}.get(n, ""), 15, GREEN if end else DARK)
    return ax


def halls() -> Axes:
    """From the start, left leads to a hall with four doors, right to one with a single door."""
    ax = sheet(15, 4.6)
    state(ax, (7.5, 3.6), "start", 0.7)
    for x, doors in ((3.6, 4), (11.4, 1)):
        box(ax, (x, 1.7), "hall", 2.2, 1.0, BLUE)
        arrow(ax, (7.5, 3.6), (x, 2.25), "left" if x < 7 else "right", gap=0.7, beside=(-0.5 if x < 7 else 0.5, 0.3))
        for n in range(doors):
            end = x + 1.1 * (n - (doors - 1) / 2)
            arrow(ax, (x + 0.4 * (n - (doors - 1) / 2), 1.2), (end, 0.45), colour=GREEN)
            say(ax, (end, 0.2), "1", 13, GREEN)
    return ax
