"""What a policy gradient does to a policy, and a road that pays first and costs later (lecture 07)."""

import numpy as np
from matplotlib.axes import Axes

from rlcourse.pictures.drawings.ink import BLUE, DARK, GREEN, GREY, ORANGE, arrow, say, sheet, state


def pushes() -> Axes:
    """Three actions' probabilities, before and after one step: the action taken is pushed up, the others make room."""
    ax = sheet(17, 5.6)
    before = np.array([0.5, 0.3, 0.2])
    for left, weight, title in (
        (0.6, 0, "before"),
        (6.4, 1, "action 2 returned more\nthan expected"),
        (12.2, -1, "less than expected"),
    ):
        logits = np.log(before) + 0.9 * weight * (np.eye(3)[1] - before)
        after = np.exp(logits) / np.exp(logits).sum()
        for n, share in enumerate(after):
            x = left + 1.3 * n
            colour = GREY if not weight or n != 1 else GREEN if weight > 0 else ORANGE
            ax.bar(x + 0.5, 5.2 * share, width=0.9, bottom=0.9, color=colour)
            say(ax, (x + 0.5, 0.45), f"$a_{n + 1}$")
            if weight:
                step = 5.2 * (share - before[n])
                top = 0.9 + 5.2 * before[n]
                arrow(ax, (x + 0.5, top), (x + 0.5, top + step), colour=DARK)
        say(ax, (left + 1.8, 4.9), title)
    return ax


def road() -> Axes:
    """Eleven steps in a row: going right pays 1 at first and costs 0.2 at each step after it."""
    ax = sheet(18, 2.8)
    for n in range(6):
        x = 1.2 + 3.0 * n
        if n < 5:
            arrow(
                ax, (x, 1.3), (x + 3.0, 1.3), "+1" if n == 0 else "$-$0.2", gap=0.6, colour=GREEN if n == 0 else ORANGE
            )
        state(ax, (x, 1.3), ("$s_0$", "$s_1$", "$s_2$", "...", "$s_{10}$", "end")[n], 0.55, BLUE)
    return ax
