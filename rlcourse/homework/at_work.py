"""Whether what a student's functions trained passes: for each world a number and the bar that it has to reach.

The notebook prints it and the grader goes by it, so that they cannot disagree. No graded function is needed.
"""

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy import ndarray

from rlcourse.homework.compare import as_numbers

if TYPE_CHECKING:
    from rlcourse.worlds.mdp import MDP


@dataclass(frozen=True)
class Result:
    """What one world says of what was trained for it."""

    world: str
    reached: tuple[float, ...]  # by each seed
    bar: float
    what: str  # is measured
    at_least: int = 0  # so many seeds have to reach the bar; 0: all
    at_most: bool = False  # the bar is the most that is allowed

    @property
    def good(self) -> int:
        """How many seeds reach the bar; NaN never does."""
        return sum(value <= self.bar if self.at_most else value >= self.bar for value in self.reached)

    @property
    def passed(self) -> bool:
        return self.good >= (self.at_least or len(self.reached))

    def __str__(self) -> str:
        number = "{:.1%}" if self.what.startswith("share") else "{:.3g}"
        bar = f"at {'most' if self.at_most else 'least'} {number.format(self.bar)}"
        if self.at_least:
            words = f"{self.good} of {len(self.reached)} seeds reach a {self.what} of {bar} (needed: {self.at_least})"
            return f"{self.world}: {words}; the middle one has {number.format(np.median(self.reached))}: {self.verdict}"
        worst = max(self.reached) if self.at_most else min(self.reached)
        return f"{self.world}: {self.what} {number.format(worst)} (needed: {bar}): {self.verdict}"

    @property
    def verdict(self) -> str:
        return "passed" if self.passed else "not passed"


def numbers_of(value: Any, what: str) -> ndarray:
    """What came, as finite numbers. Raises ValueError in plain words."""
    try:
        numbers = as_numbers(value)
    except ValueError as complaint:
        raise ValueError(f"{what}: {complaint}") from None
    if not np.isfinite(numbers).all():
        raise ValueError(f"{what}: holds NaN or infinity")
    return numbers


def in_shape(value: Any, shape: Sequence[int], what: str) -> ndarray:
    """What came, as finite numbers of a shape. Raises ValueError in plain words."""
    numbers = numbers_of(value, what)
    if numbers.shape != tuple(shape):
        raise ValueError(f"{what}: got the shape {list(numbers.shape)}, expected {list(shape)}")
    return numbers


def by_name(value: Any, names: Sequence[str], what: str) -> dict[str, Any]:
    """What came, if it has just these names. Raises ValueError in plain words."""
    if not isinstance(value, dict) or set(value) != set(names):
        raise ValueError(f"{what}: expected a dict of {', '.join(names)}")
    return value


def share_of_best(policy: Any, mdp: "MDP", gamma: float, best: float, what: str) -> float:
    """What a policy is worth at the start, as a share of the best that any policy is worth.

    The chances of all states are followed step by step until what is left counts for nothing.
    """
    pi = in_shape(policy, mdp.R.shape, what)
    if (pi < -1e-6).any() or not np.allclose(pi.sum(axis=1), 1, atol=1e-4):
        raise ValueError(f"{what}: is not a policy, for each row must hold probabilities that sum to 1")
    pi = pi.clip(0) / pi.clip(0).sum(axis=1, keepdims=True)
    where, worth = mdp.rho0, 0.0
    for t in range(math.ceil(math.log(1e-9) / math.log(gamma))):
        both = where[:, None] * pi
        worth += gamma**t * float((both * mdp.R).sum())
        where = np.einsum("sa,sap->p", both, mdp.dense)
    return worth / best


def cart_pole(weights: Any, returns_of: Callable[[dict], ndarray], bar: float, at_least: int, world: str) -> Result:
    """How many of eight policies with these weights balance the pole, each in episodes of its own."""
    if not isinstance(weights, dict):
        raise ValueError(f"{world}: expected the weights of the networks by name")
    arrays = {name: numbers_of(weight, "the weights") for name, weight in weights.items()}
    try:
        reached = returns_of(arrays)
    except RuntimeError:
        raise ValueError("the weights are not those of eight networks as the agent has them") from None
    return Result(world, tuple(map(float, reached)), bar, "mean return", at_least)


def show(results: list[Result]) -> None:
    """Print each result and draw them, where a notebook's kernel can show it."""
    print(*results, sep="\n")
    if len(results) > 1:
        failed = sum(not result.passed for result in results)
        print(f"not passed: {failed} of {len(results)}" if failed else f"passed: all {len(results)}")
    try:
        _draw(results)
    except Exception:  # the text has said it all: a picture that fails costs nothing
        pass


def _draw(results: list[Result]) -> None:
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if getattr(shell, "kernel", None) is None:
        return
    from IPython.display import display  # only where a kernel runs
    from matplotlib import pyplot

    from rlcourse.pictures.seeds import plot_seeds
    from rlcourse.pictures.style import style

    with style():
        widths = [len(result.reached) + 2 for result in results]
        size = min(sum(widths), 18), 3.6
        figure, axes = pyplot.subplots(1, len(results), figsize=size, width_ratios=widths, squeeze=False)
    for ax, result in zip(axes.flat, results, strict=True):
        plot_seeds(result.reached, result.bar, ax, result.world, result.what, result.at_most)
    display(figure)
    pyplot.close(figure)
