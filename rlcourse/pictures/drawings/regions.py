"""What a trust region is for: whose states, whose actions, and the way of one update (lecture 10)."""

from matplotlib.axes import Axes

from rlcourse.pictures.drawings.ink import BLUE, DARK, GREEN, GREY, ORANGE, arrow, box, say, sheet


def whose() -> Axes:
    """Three expectations: states and actions of the new policy, and what the surrogate makes of them."""
    ax = sheet(21, 5.2)
    columns = (
        ("what we want", "new", "new", "$\\sum d^{\\tilde\\pi} \\, \\tilde\\pi \\, A^\\pi$"),
        ("the surrogate", "old", "new", "$\\sum d^{\\pi} \\, \\tilde\\pi \\, A^\\pi$"),
        ("what the data are", "old", "old", "$\\sum d^{\\pi} \\, \\pi \\, A^\\pi = 0$"),
    )
    for n, (title, states, actions, formula) in enumerate(columns):
        x = 3.5 + 7 * n
        say(ax, (x, 4.75), title, 15)
        for y, who, what in ((3.5, states, "states of the"), (2.2, actions, "actions of the")):
            box(ax, (x, y), f"{what} {who} policy", 5.4, 0.95, GREEN if who == "new" else ORANGE)
        say(ax, (x, 0.9), formula, 17)
    for x, text in ((7.0, "swap the states:\nan approximation"), (14.0, "weigh actions by\na ratio: exact")):
        arrow(ax, (x + 0.75, 1.45), (x - 0.75, 1.45), colour=GREY)
        say(ax, (x, 0.15), text, 11, GREY)
    return ax


def update() -> Axes:
    """The way of one update of TRPO."""
    ax = sheet(25, 4.0)
    steps = (
        ("play", "$T \\times B$ steps\nwith $\\pi_\\theta$", DARK),
        ("gradient", "$g = \\nabla$ surrogate", BLUE),
        ("direction", "$F x = g$ by conjugate\ngradients", BLUE),
        ("length", "KL $\\approx \\frac{1}{2}\\Delta^T F \\Delta \\leq \\delta_{KL}$", BLUE),
        ("try it", "surrogate up?\nKL really within?", GREEN),
    )
    for n, (title, text, colour) in enumerate(steps):
        x = 2.3 + 5.0 * n
        box(ax, (x, 2.2), text, 4.1, 1.5, colour)
        say(ax, (x, 3.4), title, 14, colour)
        if n < 4:
            arrow(ax, (x + 2.05, 2.2), (x + 2.95, 2.2))
    arrow(ax, (22.3, 1.45), (2.3, 1.45), bend=0.07, colour=GREEN)
    say(ax, (12.3, 0.12), "yes: the new policy;   no: half the step, and try again", 13, GREEN)
    return ax


def ridge() -> Axes:
    """Where data come from: a policy that was ruined by one step collects the data of the next."""
    ax = sheet(17, 3.4)
    for n, (text, colour) in enumerate((("policy", BLUE), ("data", DARK), ("gradient", DARK), ("next policy", BLUE))):
        box(ax, (2.2 + 4.2 * n, 2.1), text, 3.0, 1.1, colour)
        if n < 3:
            arrow(ax, (3.7 + 4.2 * n, 2.1), (4.9 + 4.2 * n, 2.1))
    arrow(ax, (14.8, 1.55), (2.2, 1.55), bend=0.09, colour=ORANGE)
    say(ax, (8.5, 0.35), "a bad policy collects bad data", 13, ORANGE)
    return ax
