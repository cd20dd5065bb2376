"""DQN on the board: its network, its memory, its two networks, and its three processes (lecture 04)."""

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from rlcourse.pictures.drawings.ink import BLUE, DARK, GREEN, GREY, ORANGE, PAPER, PINK, arrow, box, say, sheet, state


def one_output_per_action() -> Axes:
    """Two ways to give Q(s, a) a network: the action as an input, or an output for each action."""
    ax = sheet(22, 7.2)
    for x, title in ((5.2, "one pass per action"), (16.6, "one pass for all actions: DQN")):
        say(ax, (x, 6.8), title, 14)
    _layers(ax, 1.9, [["$x$", "$\\dot x$", "$\\varphi$", "$\\dot\\varphi$", "$a$"], [""] * 4, ["$Q$"]], ORANGE)
    say(ax, (9.05, 3.3), "$Q_\\theta(s, a)$", align="left")
    _layers(ax, 13.3, [["$x$", "$\\dot x$", "$\\varphi$", "$\\dot\\varphi$"], [""] * 4, ["", ""]], BLUE)
    say(ax, (20.45, 4.0), "$Q_\\theta(s, $left$)$", align="left")
    say(ax, (20.45, 2.6), "$Q_\\theta(s, $right$)$", align="left")
    say(ax, (12.6, 3.3), "$s$", 16, align="right")
    say(ax, (1.2, 3.9), "$s$", 16, align="right")
    ax.set_xlim(0, 23.4)
    return ax


def _layers(ax: Axes, x: float, layers: list[list[str]], last: str) -> None:
    """Columns of units, each joined to all of the next."""
    places = [
        [(x + 3.2 * n, 3.3 + 1.25 * ((len(layer) - 1) / 2 - k) * (1.12 if n == 2 else 1)) for k in range(len(layer))]
        for n, layer in enumerate(layers)
    ]
    for before, after in zip(places, places[1:], strict=False):
        for start in before:
            for end in after:
                ax.plot(*zip(start, end, strict=True), color=GREY, linewidth=0.8, zorder=1)
    for n, (column, words) in enumerate(zip(places, layers, strict=True)):
        for at, word in zip(column, words, strict=True):
            state(ax, at, word, 0.45, last if n == 2 or word == "$a$" else DARK)


def atari_network() -> Axes:
    """From a screen to a value per button: what is done to the frames, and the network of 2015."""
    ax = sheet(27, 5.4)
    stages = (
        ("screen\n210 × 160\ncolours", GREY, ""),
        ("4 frames\n84 × 84\ngrey", GREY, "grey, shrink,\nstack 4"),
        ("32 maps\n20 × 20", BLUE, "8 × 8,\nstride 4"),
        ("64 maps\n9 × 9", BLUE, "4 × 4,\nstride 2"),
        ("64 maps\n7 × 7", BLUE, "3 × 3,\nstride 1"),
        ("512\nunits", BLUE, "all to all"),
        ("a value\nper button\n(4 to 18)", ORANGE, "all to all"),
    )
    for n, (words, colour, step) in enumerate(stages):
        x = 1.7 + 3.93 * n
        box(ax, (x, 2.2), words, 2.5, 2.4, colour)
        if n:
            arrow(ax, (x - 2.68, 2.2), (x - 1.25, 2.2))
            say(ax, (x - 1.96, 4.3), step, 12)
    say(ax, (5.63, 0.5), "preprocessing", 13, GREY)
    say(ax, (13.5, 0.5), "convolutions, each followed by max(0, x)", 13, BLUE)
    return ax


def replay_tape() -> Axes:
    """The replay buffer as a tape: the newest step overwrites the oldest, and a batch comes from anywhere."""
    ax = sheet(22, 7.4)
    chosen = (1, 4, 8, 13)
    for n in range(16):
        x = 1.0 + 1.25 * n
        look = {"facecolor": "#cfe3f1" if n in chosen else PAPER, "edgecolor": BLUE if n in chosen else DARK}
        ax.add_patch(Rectangle((x, 3.2), 1.25, 1.2, linewidth=1.8, **look))
        if n in chosen:
            arrow(ax, (x + 0.62, 3.15), (6.8 + 1.9 * chosen.index(n), 1.75), colour=BLUE)
    for n, word in ((0, "$N{-}1$"), (1, "$N$"), (2, "1"), (3, "2"), (4, "3")):
        say(ax, (1.62 + 1.25 * (n + 6), 3.8), word, 11, DARK)
    box(ax, (9.65, 1.1), "batch: $M$ steps $(s, a, r, s', d)$, drawn uniformly", 10.5, 1.2, BLUE)
    say(ax, (9.0, 6.85), "newest step in", 13, GREEN, "right")
    arrow(ax, (9.2, 6.6), (10.3, 4.5), colour=GREEN)
    say(ax, (11.9, 6.85), "oldest step: the next to be overwritten", 13, ORANGE, "left")
    arrow(ax, (12.7, 6.6), (11.7, 4.5), colour=ORANGE)
    say(ax, (1.0, 4.95), "a ring of $N$ steps", 13, DARK, "left")
    return ax


def replay_and_target() -> Axes:
    """One step of DQN: who gives what to whom; the numbers are the four lines of the algorithm."""
    ax = sheet(24, 8.2)
    box(ax, (2.6, 6.2), "world", 3.4, 1.5, DARK)
    box(ax, (2.6, 1.9), "replay buffer", 3.8, 1.5, GREEN)
    box(ax, (11.6, 6.2), "online network  $Q_\\theta$", 5.6, 1.5, BLUE)
    box(ax, (11.6, 1.9), "target network  $Q_{\\theta^-}$", 5.6, 1.5, ORANGE)
    box(ax, (20.6, 4.05), "loss\n$L(y - Q_\\theta(s, a))$", 5.2, 1.8, PINK)
    arrow(ax, (4.35, 5.9), (8.75, 5.9), "state $s$", beside=(0, -0.4))
    arrow(ax, (8.75, 6.55), (4.35, 6.55), "1  action $a$", beside=(0, 0.45))
    arrow(ax, (2.6, 5.4), (2.6, 2.7))
    say(ax, (2.9, 4.05), "2  $(s, a, r, s', d)$", align="left")
    arrow(ax, (4.55, 1.9), (8.75, 1.9), "3  $r, s', d$", beside=(0, 0.45))
    arrow(ax, (4.55, 2.4), (9.6, 5.4), "3  $s, a$", beside=(-0.2, 0.75))
    arrow(ax, (14.45, 6.2), (18.6, 5.0), "$Q_\\theta(s, a)$", beside=(0.9, 0.4))
    arrow(
        ax, (14.45, 1.9), (18.6, 3.1), "$y = r + \\gamma(1 - d)\\,\\max Q_{\\theta^-}(s', \\cdot)$", beside=(2.9, -0.75)
    )
    arrow(ax, (18.9, 5.0), (12.6, 7.0), "gradient: changes $\\theta$ only", bend=-0.35, colour=PINK, beside=(1.9, 0.55))
    arrow(ax, (11.6, 5.4), (11.6, 2.7), dashed=True, colour=ORANGE)
    say(ax, (11.9, 4.05), "4  copy $\\theta$ to $\\theta^-$", colour=ORANGE, align="left")
    return ax


def three_processes() -> Axes:
    """The general view: three processes that share a buffer and two sets of weights, each at a rate of its own."""
    ax = sheet(24, 8.4)
    for x, words, colour in (
        (3.2, "1  collect\nact $\\epsilon$-greedily", GREEN),
        (12.0, "3  update\nbatch, target, step", BLUE),
        (20.8, "4  copy\n$\\theta^- \\leftarrow \\theta$", ORANGE),
    ):
        box(ax, (x, 6.6), words, 5.4, 1.9, colour)
    for x, words in ((4.6, "replay buffer"), (12.0, "weights $\\theta$"), (19.4, "weights $\\theta^-$")):
        ax.add_patch(Rectangle((x - 2.3, 1.4), 4.6, 1.3, facecolor="#f0f0ea", edgecolor=DARK, linewidth=1.6))
        say(ax, (x, 2.05), words)
    arrow(ax, (3.2, 5.6), (3.9, 2.75), "2  steps", colour=GREEN, beside=(-1.15, 0))
    arrow(ax, (5.6, 2.75), (10.3, 5.6), "batch", colour=BLUE, beside=(-1.0, 0.35))
    arrow(ax, (11.6, 5.6), (11.6, 2.75), colour=BLUE)
    arrow(ax, (12.4, 2.75), (12.4, 5.6), colour=BLUE)
    arrow(ax, (18.4, 2.75), (13.7, 5.6), "target $y$", colour=BLUE, beside=(1.2, 0.35))
    arrow(ax, (20.8, 5.6), (20.1, 2.75), colour=ORANGE)
    ax.plot([12.8, 12.8, 23.2, 23.2], [1.35, 0.6, 0.6, 5.2], color=ORANGE, linewidth=2, zorder=1)
    arrow(ax, (23.2, 5.0), (23.2, 5.62), colour=ORANGE)
    ax.plot([11.2, 11.2, 0.8, 0.8], [1.35, 0.6, 0.6, 5.2], color=GREEN, linewidth=2, zorder=1)
    arrow(ax, (0.8, 5.0), (0.8, 5.62), colour=GREEN)
    say(ax, (6.0, 0.95), "the policy that acts", 12, GREEN)
    return ax


def three_rates() -> Axes:
    """When online Q-learning, DQN and fitted Q-iteration collect, update and copy; time runs to the right."""
    ax = sheet(26, 10.0)
    rows = {"online Q-learning": (24, 24, 24), "DQN": (24, 24, 3), "fitted Q-iteration": (0, 24, 3)}
    for row, (name, rates) in enumerate(rows.items()):
        say(ax, (5.9, 8.5 - 3.1 * row), name, 16, align="right")
        for line, (what, times, colour) in enumerate(
            zip(("collect", "update", "copy"), rates, (GREEN, BLUE, ORANGE), strict=True)
        ):
            y = 9.35 - 3.1 * row - 0.85 * line
            say(ax, (6.4, y), what, 15, colour, "left")
            if not times:  # everything before the first update
                ax.add_patch(Rectangle((9, y - 0.3), 5.0, 0.6, facecolor=colour))
                say(ax, (11.5, y), "all of it, once", 11, PAPER)
            begin = 14.4 if name.startswith("fitted") else 9.0
            width = (25.5 - begin) / 24
            every = 24 // times if times else 1
            for n in range(24 if times else 0):
                if (n + 1) % every == 0:
                    place = begin + width * (n + 0.7 if what == "copy" else n)
                    ax.add_patch(Rectangle((place, y - 0.3), 0.3 * width, 0.6, facecolor=colour))
    arrow(ax, (9, 0.5), (25.5, 0.5), "time", beside=(-9.3, 0))
    return ax
