"""Acting on action values: probabilities from a rule, and an action drawn from them. NumPy alone."""

from collections.abc import Callable

import numpy as np
from numpy import ndarray

from rlcourse.contracts.graded import equation, ours


def each_state(rule: Callable, q: ndarray, parameter: float) -> ndarray:
    """Probabilities [..., A] from action values [..., A]; a student's function sees one state at a time."""
    if ours(rule):
        return equation(rule)(q, parameter)
    rows = [np.asarray(equation(rule)(row, parameter), float) for row in q.reshape(-1, q.shape[-1])]
    return np.array(rows).reshape(q.shape)


def falling(first: float, last: float, part: float) -> float:
    """Linearly from first to last while part goes from 0 to 1; then it stays."""
    return first + (last - first) * min(1.0, part)


def draw(probabilities: ndarray, uniform: ndarray) -> ndarray:
    """Actions [N] from probabilities [N, A] and uniform numbers [N]."""
    cumulative = probabilities.cumsum(axis=-1)
    return (cumulative > uniform[:, None] * cumulative[:, -1:]).argmax(axis=-1)
