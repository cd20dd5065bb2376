"""The judges of problem set 2: values against hand-made ones, networks by playing."""

from typing import Any

import numpy as np

from rlcourse.functional.targets import dueling_q
from rlcourse.homework.scenarios.ps2 import CART_POLE_RETURN, cart_pole_returns
from rlcourse.staff.judges.common import numbers_of, weights_reach

PROBE_VALUES = {  # by hand, gamma is 1/2: observation -1, 0 or 1, and what the two actions are worth there
    "plain": {-1: (-1, -1), 1: (1, 1)},
    "double": {0: (0.5, 0.5), 1: (1, 1)},
    "three steps": {0: (0.5, 0.5), 1: (1, 1)},
    "cut off": {0: (2, 2)},  # 1 + 1/2 + 1/4 + ..: being cut off is no end
    "dueling": {-1: (1, -1), 1: (-1, 1)},
    "prioritised": {-1: (1, -1), 1: (-1, 1)},
}


def judge_probes(values: Any, tolerance: float = 0.15) -> None:
    """Pass where the learned Q of every probe world is the exact one."""
    if not isinstance(values, dict) or set(values) != set(PROBE_VALUES):
        raise AssertionError(f"expected the learned values of {', '.join(PROBE_VALUES)}")
    for probe, expected in PROBE_VALUES.items():
        learned = numbers_of(values[probe], probe)
        if learned.shape != (3, 3, 2):
            raise AssertionError(f"{probe}: the values have the shape {list(learned.shape)}, expected [3, 3, 2]")
        for observation, exact in expected.items():
            off = np.abs(learned[:, observation + 1] - exact).max()
            if not off <= tolerance:
                raise AssertionError(f"{probe}: Q is off by {off:.2g}, expected at most {tolerance:g}")


def judge_cart_pole(weights: Any, at_least: int = 7) -> None:
    """Pass where 7 of the 8 networks balance the pole long enough (problem set 2)."""
    weights_reach(weights, lambda arrays: cart_pole_returns(arrays, dueling_q), CART_POLE_RETURN, at_least)
