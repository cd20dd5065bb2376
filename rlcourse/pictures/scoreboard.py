"""How many steps each agent takes until it balances the pole: the course's scoreboard."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy import ndarray

from rlcourse.pictures.style import COLOURS, axes_for, style
from rlcourse.records.record import Record

SOLVED = 475.0  # CartPole-v1 counts as solved from this mean return on


def first_solved(steps: ndarray, returns: ndarray, solved: float = SOLVED) -> ndarray:
    """After how many steps each seed [K] was first found to reach that return; infinity where it never was.

    Args:
        steps: of the evaluations [K, C].
        returns: at each of them [K, C], of the greedy policy.
        solved: the return that counts.
    """
    return np.where(np.asarray(returns) >= solved, steps, np.inf).min(axis=1)


def scoreboard(records: Mapping[str, str | Path], ax: Axes | None = None, solved: float = SOLVED) -> Axes:
    """A row an agent, a dot a seed: steps until its greedy policy first balanced. On the right, how it ended.

    A hollow triangle at the budget's end is a seed that did not get there.

    Args:
        records: a folder of results/ by the agent's name; the first stands at the top.
        ax: where to draw; default a new figure.
        solved: the return that counts.
    """
    with style():
        ax = axes_for(ax, f"CartPole: steps until a seed first scores {solved:g}", (10, 1.2 + 0.55 * len(records)))
        for row, folder in enumerate(records.values()):
            record, colour = Record(folder), COLOURS[row % len(COLOURS)]
            steps, returns = record["step"], record["return"]
            first, last = first_solved(steps, returns, solved), returns[:, -1]
            there = np.isfinite(first)
            place = row + np.linspace(-0.22, 0.22, len(first))
            ax.plot(first[there], place[there], "o", color=colour, markersize=7)
            ax.plot(steps[~there, -1], place[~there], ">", color=colour, fillstyle="none", markersize=9)
            said = f"{(last >= solved).sum()} of {len(last)} seeds end there"
            ax.text(1.02, row, said, transform=ax.get_yaxis_transform(), va="center", fontsize=12)
        ax.set(xscale="log", xlabel="steps", yticks=range(len(records)), yticklabels=list(records))
        marks = np.array([1, 2, 5]) * 10.0 ** np.arange(2, 8)[:, None]
        within = [mark for mark in marks.ravel() if ax.get_xlim()[0] <= mark <= ax.get_xlim()[1]]
        ax.set_xticks(within, [f"{mark:,.0f}" for mark in within])
        ax.minorticks_off()
        ax.set_ylim(len(records) - 0.5, -0.5)
        ax.grid(axis="x", alpha=0.25, which="both")
    return ax
