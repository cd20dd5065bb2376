"""Numbers for the cases of problem sets on tensors: quarters in single precision, so that sums are exact.

What every draw mixes in, so that what is right for the usual batch alone does not pass: axes of length 1 and of up to
200 (`lengths`), small and large numbers (`SMALL`, `LARGE`: powers of two, by which quarters stay exact), episodes whose
last step has either flag or both (`endings`), and infinity where a number does not count (`ignored_where`).
"""

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor

from rlcourse.staff.bank import Case


def numbers(*values: object) -> Tensor:
    """A tensor in single precision."""
    return torch.tensor(values, dtype=torch.float32)


def quarters(rng: Generator, *shape: int, low: float = -3, high: float = 3) -> Tensor:
    """Random quarters, none of them 0."""
    drawn = rng.integers(int(4 * low), int(4 * high), shape) / 4
    return torch.tensor(np.where(drawn >= 0, drawn + 0.25, drawn), dtype=torch.float32)


def discount(rng: Generator) -> float:
    """A gamma of two digits."""
    return round(rng.uniform(0.5, 0.9), 2)


SMALL, LARGE = 2.0**-12, 2.0**20  # below 0.001; beyond int16 and float16


def lengths(rng: Generator) -> tuple[int, int, int]:
    """Lengths of an axis: 1, one beyond the usual 8 or 10, and one beyond 64."""
    return 1, int(rng.integers(11, 40)), int(rng.integers(65, 201))


def endings(rng: Generator, T: int, B: int) -> tuple[Tensor, Tensor]:
    """Flags terminated and truncated [T, B]; of about a third of the steps one is set, or both.

    Where there are steps enough, each kind is there, and the last step of the rollout is none of them in one column.
    """
    kinds = rng.permutation(np.resize([1, 2, 3, 0, 0, 0, 0, 0, 0], T * B)).reshape(T, B)
    kinds[-1, 0] = 0
    return torch.tensor(kinds % 2 == 1), torch.tensor(kinds >= 2)


IGNORED = "what stands behind an end does not count, not even infinity: choose with torch.where, for 0 * inf is NaN"


def behind_an_end(*arguments: object) -> Case:
    """The case that values are infinite where nothing follows; see ignored_where."""
    return Case("infinite values behind the ends", arguments, "edges", "", IGNORED)


def ignored_where(flags: Tensor, values: Tensor) -> Tensor:
    """Values with infinity, of either sign, where they do not count: 0 times it is NaN."""
    signs = torch.where(torch.arange(flags.numel()).reshape(flags.shape) % 2 == 0, 1.0, -1.0)
    return torch.where(flags, signs * torch.inf, values)


def by_n_minus_1(numbers: Tensor) -> Tensor:
    """The standard deviation over the first axis as torch has it by default, without its warning for one row."""
    n = len(numbers)
    return numbers.std(0, correction=0) * ((n / (n - 1)) ** 0.5 if n > 1 else torch.nan)
