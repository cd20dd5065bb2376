"""The recorded curves of the silent-bug questions."""

import json
from importlib.resources import files
from typing import Any

import numpy as np


def silent_bug_curves(problem_set: str = "ps1") -> dict[str, Any]:
    """The recorded learning curves of the silent-bug question: a correct agent's, and those of one with a fault.

    "steps" [C]; under "correct" and "faulty" arrays [8 seeds, C] of each quantity that "shows" names; "config",
    "seeds" and "versions" say how they were made.
    """
    recorded = json.loads(
        (files("rlcourse.homework") / "check_data" / f"{problem_set}_silent_bug.json").read_text("utf-8")
    )
    for agent in ("correct", "faulty"):
        recorded[agent] = {name: np.array(curves) for name, curves in recorded[agent].items()}
    return recorded | {"steps": np.array(recorded["steps"])}
