"""Which data, and what to learn from it: sum tree, blind cliff walk, n steps on a tape, C51's atoms (lecture 05b)."""

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from rlcourse.pictures.drawings.ink import (
    BLUE,
    DARK,
    GREEN,
    GREY,
    ORANGE,
    PAPER,
    Point,
    arrow,
    box,
    say,
    sheet,
    state,
)


def sum_tree() -> Axes:
    """A sum tree of four priorities, 3, 1, 4, 2; the point 6.5 finds its leaf on the way down."""
    ax = sheet(15, 8.6)
    places = {"10": (6.5, 7.6), "4": (3.3, 5.4), "6": (9.7, 5.4)}
    leaves = {1.7: 3, 4.9: 1, 8.1: 4, 11.3: 2}
    links = [("10", "4"), ("10", "6")]
    for above, below in links:
        _line(ax, places[above], places[below], ORANGE if below == "6" else GREY)
    for n, x in enumerate(leaves):
        _line(ax, places["4" if n < 2 else "6"], (x, 3.2), ORANGE if n == 2 else GREY)
    for text, at in places.items():
        state(ax, at, text, 0.6, DARK if text == "4" else ORANGE)
    for n, (x, p) in enumerate(leaves.items()):
        state(ax, (x, 3.2), f"{p}", 0.6, ORANGE if n == 2 else DARK)
        say(ax, (x, 2.2), f"$p_{n + 1}$", 13, DARK)
    say(ax, (7.4, 7.75), "point 6.5: the left child has 4, so go right with 6.5 $-$ 4 = 2.5", 12, ORANGE, "left")
    say(ax, (10.6, 5.55), "2.5 < 4: go left", 12, ORANGE, "left")
    left = 1.0
    for n, p in enumerate(leaves.values()):  # the intervals, 1.15 units of paper a unit of priority
        ax.add_patch(Rectangle((left, 0.7), 1.15 * p, 0.7, facecolor=PAPER, edgecolor=DARK, linewidth=2))
        say(ax, (left + 1.15 * p / 2, 1.05), f"$p_{n + 1}$", 13)
        left += 1.15 * p
    for mark in (0, 3, 4, 8, 10):
        say(ax, (1.0 + 1.15 * mark, 0.35), f"{mark}", 12, DARK)
    arrow(ax, (1.0 + 1.15 * 6.5, 2.0), (1.0 + 1.15 * 6.5, 1.4), colour=ORANGE)
    say(ax, (13.0, 1.05), "end to end", 12, DARK, "left")
    return ax


def cliff_walk() -> Axes:
    """The blind cliff walk: one action leads on, the other ends the episode; only the last step pays."""
    ax = sheet(15.5, 5)
    spots = [(1.2 + 3.0 * n, 3.4) for n in range(4)]
    for n, (spot, text) in enumerate(zip(spots, ("$1$", "$2$", "$\\cdots$", "$n$"), strict=True)):
        arrow(ax, (spot[0], spot[1] - 0.5), (spot[0], 1.2), colour=ORANGE)
        _end(ax, (spot[0], 0.9))
        say(ax, (spot[0] + 0.25, 1.9), "0", 13, ORANGE, "left")
        if n < 3:
            arrow(ax, (spot[0] + 0.5, spot[1]), (spots[n + 1][0] - 0.5, spot[1]), "0", colour=BLUE)
        state(ax, spot, text, 0.5)
    arrow(ax, (spots[3][0] + 0.5, 3.4), (13.3, 3.4), "reward 1", colour=BLUE, beside=(0, 0.45))
    _end(ax, (13.6, 3.4))
    say(ax, (1.2, 4.5), "start", 12, DARK)
    say(ax, (12.2, 1.9), "the wrong action\nends the episode", 12, ORANGE, "left")
    return ax


def tape() -> Axes:
    """Three windows of n = 3 steps on a tape: a whole one, one that an ending shortens, one at the newest step."""
    ax = sheet(19, 6.6)
    x = [1.3 + 2.05 * n for n in range(9)]
    for n, here in enumerate(x):
        if n == 5:
            _end(ax, (here, 5.4))
            say(ax, (here, 6.2), "terminated", 12, DARK)
        else:
            box(ax, (here, 5.4), f"$s_{n if n < 5 else n - 1}$", 1.0, 1.0, DARK)
        if n not in (5, 8):
            reward, end = n if n < 5 else n - 1, x[n + 1] - (0.3 if n == 4 else 0.52)
            arrow(ax, (here + 0.52, 5.4), (end, 5.4), f"$r_{reward}$", beside=(0, 0.4))
    say(ax, (x[8], 6.3), "newest", 12, DARK)
    _window(ax, x, 0, 3, 4.0, BLUE)
    say(ax, (x[3] + 0.35, 4.0), "$m = 3$:   $r_0 + \\gamma r_1 + \\gamma^2 r_2 + \\gamma^3 V(s_3)$", 13, BLUE, "left")
    _window(ax, x, 3, 5, 2.5, GREEN)
    say(ax, (x[5] + 0.35, 2.5), "$m = 2$:   $r_3 + \\gamma r_4$, and nothing after it", 13, GREEN, "left")
    _window(ax, x, 7, 8, 1.0, ORANGE)
    say(ax, (x[7] - 0.35, 1.0), "$m = 1$:   $r_6 + \\gamma V(s_7)$, for no more is known yet", 13, ORANGE, "right")
    return ax


def atoms() -> Axes:
    """C51's projection of one atom: z = 3 goes to 0.7 + 0.5 * 3 = 2.2, and is shared by the atoms at 2 and 3."""
    ax = sheet(13.5, 7)
    x = [1.5 + 2.4 * n for n in range(5)]
    for y, name in ((5.6, "$p'$ at $(s', a')$"), (1.4, "target $p$")):
        _line(ax, (x[0] - 0.4, y), (x[4] + 0.4, y), DARK)
        say(ax, (x[4] + 0.5, y), name, 13, DARK, "left")
        for n, here in enumerate(x):
            _line(ax, (here, y - 0.15), (here, y + 0.15), DARK)
            say(ax, (here, y - 0.5), f"{n}", 13, DARK)
    moved = 1.5 + 2.4 * 2.2
    _bar(ax, (x[3], 5.6), 1.0, GREY)
    arrow(ax, (x[3], 4.8), (moved, 3.8), colour=ORANGE)
    say(ax, (x[3] + 0.2, 4.3), "$r + \\gamma z = 0.7 + 0.5 \\cdot 3 = 2.2$", 13, ORANGE, "left")
    state(ax, (moved, 3.65), radius=0.14, colour=ORANGE, filled=True)
    _bar(ax, (x[2], 1.4), 0.8, BLUE)
    _bar(ax, (x[3], 1.4), 0.2, BLUE)
    arrow(ax, (moved - 0.1, 3.5), (x[2], 2.3), "0.8", colour=BLUE, beside=(-0.55, 0.1))
    arrow(ax, (moved + 0.15, 3.5), (x[3], 1.75), "0.2", colour=BLUE, beside=(0.45, 0.1))
    return ax


def rainbow_net() -> Axes:
    """Rainbow's network: two noisy streams, joined atom by atom; each action gets a distribution."""
    ax = sheet(21, 6.4)
    box(ax, (1.9, 3.2), "observation\n$s$", 2.8, 1.6, DARK)
    box(ax, (5.8, 3.2), "features", 2.6, 1.6, DARK)
    box(ax, (10.4, 5.0), "noisy layers:\nvalue, $N$ atoms", 3.8, 1.6, BLUE)
    box(ax, (10.4, 1.4), "noisy layers: advantages,\n$|A|$ times $N$ atoms", 4.8, 1.6, ORANGE)
    box(ax, (15.3, 3.2), "add, centred,\natom by atom;\nsoftmax", 3.2, 2.1, GREEN)
    arrow(ax, (3.3, 3.2), (4.5, 3.2))
    for y, right in ((5.0, 12.3), (1.4, 12.8)):
        arrow(ax, (7.1, 3.2), (8.4 if y > 3 else 7.95, y))
        arrow(ax, (right, y), (13.7, 3.2 + (0.4 if y > 3 else -0.4)))
    for y, text in ((4.6, "$p(s, 1)$"), (1.8, "$p(s, 2)$")):
        arrow(ax, (16.9, 3.2 + (0.4 if y > 3 else -0.4)), (18.0, y))
        for n, height in enumerate((0.2, 0.5, 0.9, 0.6, 0.3) if y > 3 else (0.8, 0.5, 0.2, 0.4, 0.7)):
            ax.add_patch(Rectangle((18.2 + 0.4 * n, y - 0.5), 0.3, height, color=GREEN))
        say(ax, (19.2, y - 0.85), text, 13)
    return ax


def _line(ax: Axes, start: Point, end: Point, colour: str) -> None:
    ax.plot(*zip(start, end, strict=True), color=colour, linewidth=2.2, zorder=1)


def _end(ax: Axes, at: Point) -> None:
    """The end of an episode, as in backup diagrams: a filled square."""
    ax.add_patch(Rectangle((at[0] - 0.28, at[1] - 0.28), 0.56, 0.56, color=DARK))


def _bar(ax: Axes, foot: Point, height: float, colour: str) -> None:
    ax.add_patch(Rectangle((foot[0] - 0.3, foot[1]), 0.6, height, color=colour, zorder=1.4))


def _window(ax: Axes, x: list[float], first: int, last: int, y: float, colour: str) -> None:
    """A bracket from place `first` to place `last`."""
    ax.plot([x[first], x[first], x[last], x[last]], [y + 0.35, y, y, y + 0.35], color=colour, linewidth=2.5)
