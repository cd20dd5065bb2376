"""What each seed reached, beside what it has to reach."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from rlcourse.pictures.style import COLOURS, axes_for, style


def plot_seeds(
    reached: Sequence[float],
    bar: float,
    ax: Axes | None = None,
    title: str = "",
    label: str = "",
    at_most: bool = False,
) -> Axes:
    """A column for each seed, in blue where it reaches the dashed line, in orange where it does not.

    Args:
        reached: one number for each seed.
        bar: where the dashed line is.
        ax, title: where to draw, and what to call it.
        label: what the numbers are.
        at_most: the line is the most that is allowed, not the least.
    """
    heights = np.nan_to_num(np.asarray(reached, float))
    good = np.asarray(reached) <= bar if at_most else np.asarray(reached) >= bar
    with style():
        ax = axes_for(ax, title, (max(1.0 * len(heights), 3), 3.6))
        ax.bar(range(len(heights)), heights, color=np.where(good, COLOURS[0], COLOURS[1]))
        ax.axhline(bar, color="black", linestyle="--", linewidth=2)
        ax.set(ylabel=label, xticks=range(len(heights)), xlim=(-0.8, len(heights) - 0.2))
        ax.set(xlabel="seed") if len(heights) > 1 else ax.set(xticks=[])
    return ax
