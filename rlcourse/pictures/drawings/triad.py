"""The worlds in which function approximation breaks, and the cycle of data (lecture 03)."""

from matplotlib.axes import Axes

from rlcourse.pictures.drawings.ink import BLUE, DARK, GREY, ORANGE, Point, arrow, box, say, sheet, state


def baird_star() -> Axes:
    """Baird's star: dashed leads to one of six outer states, solid to the centre; each state's value below its name."""
    ax = sheet(15, 9.4)
    centre = (7.5, 2.2)
    outer = [(1.6 + 2.36 * n, 7.6 - 0.35 * abs(n - 2.5)) for n in range(6)]
    for n, at in enumerate(outer):
        arrow(ax, at, centre, gap=1.2, colour=BLUE)
        state(ax, at, f"$2 w_{n + 1} + w_8$", 1.02)
    arrow(ax, (8.7, 1.9), (13.6, 5.7), bend=-0.25, dashed=True, colour=ORANGE)
    state(ax, centre, "$w_7 + 2 w_8$", 1.15, BLUE)
    arrow(ax, (6.9, 1.25), (8.1, 1.25), bend=-1.1, colour=BLUE)
    say(ax, (1.0, 3.6), "solid: to the centre", 13, BLUE, "left")
    say(ax, (9.6, 1.2), "dashed: to any of the six,\neach with probability 1/6", 13, ORANGE, "left")
    return ax


def doubling() -> Axes:
    """Two states in a row with the values w and 2w: the target is always twice the estimate."""
    ax = sheet(12, 3)
    state(ax, (2, 1.4), "$V = w$", 0.95, BLUE)
    state(ax, (8, 1.4), "$V = 2w$", 0.95, ORANGE)
    arrow(ax, (2, 1.4), (8, 1.4), "reward 0", gap=1.0)
    return ax


def coin_chain() -> Axes:
    """A, then B or C by the toss of a coin; B pays 1, C pays 0, and both end."""
    ax = sheet(13, 4.8)
    places: dict[str, Point] = {"A": (1.6, 2.4), "B": (6.2, 3.8), "C": (6.2, 1.0)}
    for name, (x, y) in places.items():
        if name != "A":
            arrow(ax, places["A"], (x, y), "1/2", gap=0.65, beside=(-0.1, 0.35 if name == "B" else -0.35))
            arrow(ax, (x, y), (11, y), f"reward {'1' if name == 'B' else '0'}", gap=0.65)
            box(ax, (11.2, y), "end", 1.2, 0.9, GREY)
    for name, at in places.items():
        state(ax, at, name, 0.6)
    return ax


def data_cycle() -> Axes:
    """The policy decides what data come, the data decide the values, the values decide the policy."""
    ax = sheet(12.5, 6)
    top, right, left = (6.25, 5.1), (10.2, 1.1), (2.3, 1.1)
    box(ax, top, "policy", 3.2, 1.2, BLUE)
    box(ax, right, "data", 3.2, 1.2, ORANGE)
    box(ax, left, "values", 3.2, 1.2, DARK)
    arrow(ax, (7.6, 4.4), (9.8, 1.8), "what is met", bend=0.15, beside=(1.35, 0.1))
    arrow(ax, (8.5, 1.1), (4.0, 1.1), "what is learned", beside=(0, 0.35))
    arrow(ax, (2.7, 1.8), (4.9, 4.4), "what looks best", bend=0.15, beside=(-1.6, 0.1))
    return ax
