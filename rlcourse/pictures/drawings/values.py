"""A maximum over estimates, the two judges of double Q-learning, and a dueling network's streams (lecture 05a)."""

from matplotlib.axes import Axes

from rlcourse.pictures.drawings.ink import BLUE, DARK, GREEN, GREY, ORANGE, Point, arrow, box, say, sheet, state

ONE = (0.5, -0.9, 0.2, 1.4, -0.4, -0.8)  # the errors of six estimates, which cancel
OTHER = (-0.7, 0.3, 0.9, -0.5, 0.6, -0.6)


def noisy_estimates() -> Axes:
    """Six actions that are worth the same, an estimate of each, and the maximum, which is the luckiest error."""
    ax = sheet(15.4, 6)
    xs, level = _estimates(ax, 1.6, 2.9, ONE, BLUE)
    say(ax, (0.75, level), "$V(s)$", align="center")
    top = level + max(ONE)
    best = xs[ONE.index(max(ONE))]
    ax.plot([best, 10.2], [top, top], color=ORANGE, linewidth=2, linestyle=":", zorder=1)
    state(ax, (best, top), radius=0.32, colour=ORANGE)
    state(ax, (best, top), radius=0.16, colour=BLUE, filled=True)
    arrow(ax, (10.2, level), (10.2, top), colour=ORANGE, both=True)
    say(ax, (10.5, top), r"$\max_a \hat Q(s, a)$: what the target takes", align="left", colour=ORANGE)
    say(ax, (10.5, level + 0.65), "overestimation", align="left", colour=ORANGE)
    say(ax, (10.5, level), "what every action is worth", align="left")
    say(ax, (7.0, 5.6), r"each estimate $\hat Q(s, a)$ is off by an error $\xi_a$; the errors cancel", 14)
    return ax


def two_judges() -> Axes:
    """Double Q-learning: one set of estimates chooses the action, another one, with errors of its own, values it."""
    ax = sheet(17.5, 6.6)
    for left, errors, colour, title in (
        (1.3, ONE, BLUE, r"chooses: online network $\theta$"),
        (10.0, OTHER, GREEN, r"values: target network $\theta^-$"),
    ):
        xs, level = _estimates(ax, left, 3.0, errors, colour)
        say(ax, ((xs[0] + xs[-1]) / 2, 6.1), title, 15, colour=colour)
        at = ONE.index(max(ONE))
        point = (xs[at], level + errors[at])
        state(ax, point, radius=0.32, colour=ORANGE)
        state(ax, point, radius=0.16, colour=colour, filled=True)
        if left < 5:
            chosen = point
        else:
            arrow(ax, chosen, point, bend=0.3, colour=ORANGE, gap=0.4)
            say(ax, (9.3, 5.6), "the same action", colour=ORANGE)
            say(ax, (xs[at] + 0.1, 1.55), "its error here: anything", 12, colour=ORANGE)
    return ax


def dueling_streams() -> Axes:
    """A network with one stream and, below it, one with a stream for the value and one for the advantages."""
    ax = sheet(19, 8.4)
    for y in (6.7, 2.4):
        box(ax, (1.7, y), "what is seen\n$s$", 2.6, 1.6, DARK)
        box(ax, (5.4, y), "shared\nlayers", 2.6, 1.6, DARK)
        arrow(ax, (3.0, y), (4.1, y))
        _units(ax, 15.8, y, 4, BLUE)
        say(ax, (16.7, y), "$Q(s, a)$, one\nper action", align="left")
    say(ax, (0.4, 8.05), "one stream", 15, align="left")
    box(ax, (9.6, 6.7), "hidden\nlayer", 2.4, 1.6, BLUE)
    arrow(ax, (6.7, 6.7), (8.4, 6.7))
    arrow(ax, (10.8, 6.7), (15.4, 6.7))
    say(ax, (0.4, 4.6), "two streams: dueling", 15, align="left")
    for y, colour, name, n in ((3.6, ORANGE, "$V(s)$", 1), (1.2, GREEN, "$A(s, a)$", 4)):
        box(ax, (9.6, y), "hidden\nlayer", 2.4, 1.3, colour)
        arrow(ax, (6.7, 2.4 + 0.25 * (y > 2.4) - 0.25 * (y < 2.4)), (8.4, y), colour=colour)
        _units(ax, 11.9, y, n, colour)
        arrow(ax, (10.8, y), (11.5, y), colour=colour)
        say(ax, (11.9, y + (0.65 if n == 1 else -1.15)), name, colour=colour)
        arrow(ax, (12.3, y), (13.15, 2.4 + 0.15 * (y > 2.4) - 0.15 * (y < 2.4)), colour=colour)
    state(ax, (13.6, 2.4), "$+$", radius=0.5)
    say(ax, (13.6, 1.2), "$A$ centred", 12)
    arrow(ax, (14.1, 2.4), (15.4, 2.4))
    return ax


def _estimates(
    ax: Axes, left: float, level: float, errors: tuple[float, ...], colour: str
) -> tuple[list[float], float]:
    """The true value as a level line, a dot for each estimate, its error as a stroke; the dots' places, the level."""
    xs = [left + 1.0 + 1.15 * n for n in range(len(errors))]
    ax.plot([left, xs[-1] + 0.8], [level, level], color=DARK, linewidth=2, linestyle="--", zorder=1)
    for n, (x, error) in enumerate(zip(xs, errors, strict=True)):
        ax.plot([x, x], [level, level + error], color=GREY, linewidth=2, zorder=1)
        state(ax, (x, level + error), radius=0.16, colour=colour, filled=True)
        say(ax, (x, 0.7), f"$a_{n + 1}$")
    say(ax, ((xs[0] + xs[-1]) / 2, 0.15), "actions", 12)
    return xs, level


def _units(ax: Axes, x: float, y: float, n: int, colour: str) -> list[Point]:
    """A column of output units."""
    places = [(x, y + 0.42 * (n - 1 - 2 * i) / 2) for i in range(n)]
    for place in places:
        state(ax, place, radius=0.17, colour=colour)
    return places
