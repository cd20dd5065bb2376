"""What every recording says about itself."""

import platform
from typing import Any

import numpy as np
import torch
from numpy import ndarray

from rlcourse import __version__


def about(problem_set: str, config: dict[str, Any], shows: dict[str, str]) -> dict[str, Any]:
    """Command, config, seeds and versions of a recording, and what its curves show."""
    torch.set_num_threads(1)  # the nets are small
    return {
        "command": f"python -m rlcourse.staff.silent_bug {problem_set}",
        "config": config,
        "seeds": list(range(8)),
        "versions": {
            "rlcourse": __version__,
            "numpy": np.__version__,
            "torch": torch.__version__.partition("+")[0],
            "python": platform.python_version(),
        },
        "shows": shows,
    }


def rounded(correct: dict[str, ndarray], faulty: dict[str, ndarray], digits: int = 3) -> dict[str, Any]:
    """The curves of both agents, as JSON has them."""
    recorded: dict[str, Any] = {"steps": correct["steps"].tolist()}
    for agent, curves in {"correct": correct, "faulty": faulty}.items():
        lists = {name: curve.astype(float).round(digits).tolist() for name, curve in curves.items()}
        recorded[agent] = {name: curve for name, curve in lists.items() if name != "steps"}
    return recorded
