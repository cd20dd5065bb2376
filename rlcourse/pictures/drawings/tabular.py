"""The agent and its world, and what each method looks at to back up a value (lectures 01 and 02)."""

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from rlcourse.pictures.drawings.ink import BLUE, DARK, ORANGE, Point, arrow, box, say, sheet, state


def agent_and_world() -> Axes:
    """The loop of reinforcement learning: the agent acts, the world answers with a reward and the next state."""
    ax = sheet(11, 4.6)
    box(ax, (5.5, 3.7), "agent\npolicy $\\pi(a \\mid s)$", 4, 1.5, BLUE)
    box(ax, (5.5, 0.9), "world\n$P(s' \\mid s, a)$,  $R(s, a)$", 4, 1.5, ORANGE)
    for x, down, text, side in ((8.8, True, "action $a$", 0.25), (2.2, False, "reward $r$, state $s'$", -0.25)):
        inner = 7.5 if down else 3.5
        start, end = (inner, 3.7), (inner, 0.9)
        if not down:
            start, end = end, start
        ax.plot([start[0], x, x], [start[1], start[1], end[1]], color=DARK, linewidth=2, zorder=1)
        arrow(ax, (x, end[1]), end)
        say(ax, (x + side, 2.3), text, align="left" if down else "right")
    return ax


def policy_iteration() -> Axes:
    """Evaluation pulls the values to those of the policy, improvement pulls the policy to the greedy one; both meet."""
    ax = sheet(13.5, 5)
    ax.plot([1.2, 11.5], [4.4, 2.5], color=BLUE, linewidth=3)
    ax.plot([1.2, 11.5], [0.6, 2.5], color=ORANGE, linewidth=3)
    say(ax, (1.1, 4.8), "values are those of the policy: $V = V^\\pi$", 13, BLUE, "left")
    say(ax, (1.1, 0.2), "the policy is greedy on the values", 13, ORANGE, "left")
    point = 1.8, 1.6
    for n in range(5):
        up = n % 2 == 0
        slope = 1.9 / 10.3
        x = point[0] + (11.5 - point[0]) * 0.33
        y = 4.4 - slope * (x - 1.2) if up else 0.6 + slope * (x - 1.2)
        arrow(ax, point, (x, y), ("evaluate" if up else "improve") if n < 2 else "", beside=(0.75, 0), gap=0.02)
        point = x, y
    state(ax, (11.5, 2.5), radius=0.2, filled=True)
    say(ax, (11.85, 2.5), "$V^*$, $\\pi^*$", 15, align="left")
    return ax


def backups() -> Axes:
    """A strip of backup diagrams: open circles are states, filled dots actions, an arc means a maximum."""
    ax = sheet(26, 7.4)
    names = ("value iteration", "Q-iteration", "Monte Carlo", "TD(0)", "SARSA", "expected SARSA", "Q-learning")
    for column, name in enumerate(names):
        x = 2.0 + 3.7 * column
        say(ax, (x, 7.0), name, 14)
        _BACKUPS[name](ax, x)
    return ax


def casino() -> Axes:
    """A hall whose doors lead out, for nothing, or into a room of slot machines that lose a little on average."""
    ax = sheet(17, 4.6)
    state(ax, (2, 2.3), "hall", 0.8)
    state(ax, (8, 3.6), "room", 0.8, ORANGE)
    state(ax, (8, 0.9), "out", 0.8)
    arrow(ax, (2, 2.3), (8, 3.6), "five actions, 0", gap=0.85, beside=(-0.3, 0.4))
    arrow(ax, (2, 2.3), (8, 0.9), "five actions, 0", gap=0.85, beside=(-0.3, -0.45))
    for n in range(5):
        arrow(ax, (8, 3.6), (12.4, 4.2 - 0.35 * n), colour=ORANGE)
    say(ax, (12.7, 3.5), "ten machines, each pays\n+0.9 or $-$1.1 with equal odds:\n$-$0.1 on average", align="left")
    state(ax, (8, 3.6), "room", 0.8, ORANGE)
    return ax


def _down(ax: Axes, start: Point, end: Point) -> None:
    ax.plot(*zip(start, end, strict=True), color=DARK, linewidth=2, zorder=1)


def _dot(ax: Axes, at: Point) -> None:
    state(ax, at, radius=0.16, filled=True)


def _arc(ax: Axes, at: Point) -> None:
    """The maximum over what hangs below a point."""
    ax.plot([at[0] - 0.42, at[0], at[0] + 0.42], [at[1] - 0.78, at[1] - 0.9, at[1] - 0.78], color=ORANGE, linewidth=3)


def _fan(ax: Axes, top: Point, to_states: bool, spread: float = 1.15, branches: int = 3) -> list[Point]:
    """Branches down to states or to actions; where they end."""
    steps = [spread * (2 * n / (branches - 1) - 1) for n in range(branches)]
    ends = [(top[0] + step, top[1] - 1.7) for step in steps]
    for end in ends:
        _down(ax, top, end)
        state(ax, end, radius=0.24) if to_states else _dot(ax, end)
    return ends


def _value_iteration(ax: Axes, x: float) -> None:
    _arc(ax, (x, 6))
    for end in _fan(ax, (x, 6), to_states=False):
        _fan(ax, end, to_states=True, spread=0.3, branches=2)
    state(ax, (x, 6), "$s$")


def _q_iteration(ax: Axes, x: float) -> None:
    for end in _fan(ax, (x, 6), to_states=True):
        _arc(ax, (end[0], end[1] - 0.15))
        _fan(ax, end, to_states=False, spread=0.3, branches=2)
        state(ax, end, radius=0.3)
    state(ax, (x, 6), radius=0.24, filled=True)
    say(ax, (x + 0.55, 6.05), "$s, a$", align="left")


def _chain(ax: Axes, x: float, top: float, *kinds: str) -> float:
    """States and actions one below the other, as they happened; the height of the last."""
    for n, kind in enumerate(kinds):
        y = top - 1.1 * n
        if n + 1 < len(kinds):
            _down(ax, (x, y), (x, y - 1.1))
        state(ax, (x, y), radius=0.3) if kind == "s" else _dot(ax, (x, y))
    return top - 1.1 * (len(kinds) - 1)


def _monte_carlo(ax: Axes, x: float) -> None:
    bottom = _chain(ax, x, 6, "s", "a", "s", "a", "s")
    say(ax, (x, bottom - 0.6), "$\\vdots$", 16)
    ax.add_patch(Rectangle((x - 0.25, 0.1), 0.5, 0.5, color=DARK))  # the end of the episode


def _td(ax: Axes, x: float) -> None:
    _chain(ax, x, 6, "s", "a", "s")


def _sarsa(ax: Axes, x: float) -> None:
    _chain(ax, x, 6, "a", "s", "a")


def _expected_sarsa(ax: Axes, x: float) -> None:
    bottom = _chain(ax, x, 6, "a", "s")
    _fan(ax, (x, bottom), to_states=False)
    state(ax, (x, bottom), radius=0.3)


def _q_learning(ax: Axes, x: float) -> None:
    _expected_sarsa(ax, x)
    _arc(ax, (x, 4.7))


_BACKUPS = {
    "value iteration": _value_iteration,
    "Q-iteration": _q_iteration,
    "Monte Carlo": _monte_carlo,
    "TD(0)": _td,
    "SARSA": _sarsa,
    "expected SARSA": _expected_sarsa,
    "Q-learning": _q_learning,
}
