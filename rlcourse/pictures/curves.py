"""Learning curves with their intervals."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy import ndarray

from rlcourse.contracts.inputs import bad_argument
from rlcourse.pictures.style import COLOURS, LINES, TICKS, axes_for, style
from rlcourse.records.stats import bootstrap_interval, interquartile_mean


def plot_curves(
    x: ndarray,
    curves: Mapping[str, ndarray],
    ax: Axes | None = None,
    xlabel: str = "steps",
    ylabel: str = "",
    title: str = "",
) -> Axes:
    """Learning curves: the interquartile mean over the seeds, its 95 % bootstrap interval, and thin, every seed.

    Args:
        x: what the curves are drawn over, [C].
        curves: by name, [K, C] each, K the seeds; the legend says how many, and one seed is called one.
        ax, xlabel, ylabel, title: where to draw, and what to call it.

    Raises:
        ValueError: where a curve does not fit x, holds NaN, or there is none.
    """
    x = np.asarray(x)
    if not curves or x.ndim != 1:
        raise bad_argument("curves", f"{len(curves)} over x of shape {x.shape}", "at least one, over x [C]")
    for name, curve in curves.items():
        if np.ndim(curve) != 2 or np.shape(curve)[1] != len(x):
            raise bad_argument(f"curves[{name!r}]", f"shape {np.shape(curve)}", f"[K, C] with C = {len(x)}")
    counts = {
        name: f"{len(curve)} seeds" if len(curve) > 1 else "1 seed, no interval" for name, curve in curves.items()
    }
    together = len(set(counts.values())) == 1
    with style():
        ax = axes_for(ax, title, (8, 4.5))
        for n, (name, curve) in enumerate(curves.items()):
            colour, label = COLOURS[n % len(COLOURS)], name if together else f"{name} ({counts[name]})"
            ax.plot(x, np.transpose(curve), color=colour, linewidth=0.7, alpha=min(0.35, 5 / len(curve)))
            ax.fill_between(x, *bootstrap_interval(curve), color=colour, alpha=0.15, linewidth=0)
            line = LINES[n % len(LINES)]
            ax.plot(x, interquartile_mean(curve), color=colour, linestyle=line, label=label, linewidth=2.5)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        ax.grid(alpha=0.25)
        ax.legend(title=next(iter(counts.values())) if together else None, title_fontsize=TICKS, handlelength=2.8)
    return ax
