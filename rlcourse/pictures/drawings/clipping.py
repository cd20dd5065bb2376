"""PPO's four corners, its epochs, and a layer whose Fisher matrix is a Kronecker product (lecture 11)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from rlcourse.pictures.drawings.ink import BLUE, DARK, GREEN, GREY, ORANGE, arrow, box, say, sheet


def epochs() -> Axes:
    """One rollout, used several times; what is computed once stands on the left."""
    ax = sheet(22, 5.1)
    box(ax, (2.6, 2.4), "play $T \\times B$ steps", 4.4, 1.2, DARK)
    box(ax, (9.2, 2.4), "once: $\\log \\mu(a_t \\mid s_t)$,\nadvantages $A_t$, targets $y_t$", 6.4, 1.6, BLUE)
    arrow(ax, (4.8, 2.4), (6.0, 2.4))
    arrow(ax, (12.4, 2.4), (14.0, 2.4))
    box(ax, (17.6, 2.4), "minibatch: ratio $\\rho$,\nloss, one step of Adam", 6.6, 1.6, GREEN)
    arrow(ax, (19.4, 3.2), (15.8, 3.2), bend=-0.6, colour=GREEN)
    say(ax, (17.6, 4.75), "every minibatch, every epoch", 13, GREEN)
    arrow(ax, (17.6, 1.6), (2.6, 1.8), bend=0.1, colour=ORANGE)
    say(ax, (10.0, 0.25), "the data are thrown away, the new policy plays", 13, ORANGE)
    return ax


def kronecker() -> Axes:
    """The product of two small matrices: every entry of the left one, times the whole of the right one."""
    ax = sheet(20, 5.0)
    small, wide = np.array([[2, 1], [1, 3]]), np.array([[4, 1, 0], [1, 3, 1], [0, 1, 2]])
    for left, matrix, name, size in (
        (0.6, small, "$\\Gamma$: outputs", 0.75),
        (4.6, wide, "$\\Omega$: inputs", 0.75),
        (9.8, np.kron(small, wide), "$\\Gamma \\otimes \\Omega$: all weights of the layer", 0.72),
    ):
        n = len(matrix)
        for i, j in np.ndindex(n, n):
            shade = 1 - 0.75 * matrix[i, j] / matrix.max()
            at = (left + size * j, 2.45 + size * (n / 2 - 1 - i))
            ax.add_patch(Rectangle(at, size, size, facecolor=(shade, shade, 1), edgecolor=GREY, linewidth=0.8))
            say(ax, (at[0] + size / 2, at[1] + size / 2), f"{matrix[i, j]}", 11)
        say(ax, (left + size * n / 2, 0.05), name, 13)
    say(ax, (3.3, 2.45), "$\\otimes$", 22)
    say(ax, (8.3, 2.45), "$=$", 22)
    return ax
