"""What a handful of seeds can say: the interquartile mean and its bootstrap interval (Agarwal et al., NeurIPS 2021)."""

import numpy as np
from numpy import ndarray
from scipy.stats import trim_mean

from rlcourse.contracts.inputs import Number, bad_argument

COLUMNS = 256  # how many columns are resampled at once: n * K * COLUMNS numbers in memory


def interquartile_mean(x: ndarray) -> ndarray:
    """The mean of the middle half of the seeds: steadier than the mean, less wasteful than the median.

    A quarter of the seeds, rounded down, is left out at each end; up to three seeds give the plain mean.

    Args:
        x: one result a seed, [K, ...].

    Returns:
        [...], the first axis gone.

    Raises:
        ValueError: where x is empty or holds NaN.
    """
    return np.asarray(trim_mean(_of_seeds(x), 0.25, axis=0))


def bootstrap_interval(x: ndarray, level: float = 0.95, n: int = 2000, seed: int = 0) -> tuple[ndarray, ndarray]:
    """How far the interquartile mean would scatter with other seeds: the percentile bootstrap.

    Whole seeds are drawn with replacement, the same ones in every column, since a seed's learning curve is one draw.
    Of few seeds a 95 % interval covers less than it says: with normal results 75 % with 3 seeds, 90 % with 5, 93 % with
    10, in 2,000 experiments each.

    Args:
        x: one result a seed, [K, ...].
        level: the share of resamples inside the interval, in (0, 1).
        n: number of resamples.
        seed: of the resampling, so that the same data give the same interval.

    Returns:
        low, high: [...] each; with one seed both are that seed, for it says nothing about scatter.

    Raises:
        ValueError: where x is empty or holds NaN, level is not in (0, 1), n < 1.
    """
    x = _of_seeds(x)
    Number(0, 1, open_ends="low high").check("level", level, {})
    if n < 1:
        raise bad_argument("n", f"{n}", "at least 1")
    drawn = np.random.default_rng(seed).integers(len(x), size=(n, len(x)))
    columns = x.reshape(len(x), -1)
    tails = [(1 - level) / 2, (1 + level) / 2]
    ends = [
        np.quantile(trim_mean(columns[:, at : at + COLUMNS][drawn], 0.25, axis=1), tails, axis=0)
        for at in range(0, columns.shape[1], COLUMNS)
    ]
    low, high = np.concatenate(ends, axis=1).reshape(2, *x.shape[1:])
    return low, high


def _of_seeds(x: ndarray) -> ndarray:
    x = np.asarray(x, float)
    if x.ndim == 0 or x.size == 0:
        raise bad_argument("x", f"shape {x.shape}", "[K, ...], at least one seed")
    if np.isnan(x).any():
        raise bad_argument("x", "NaN", "numbers")
    return x
