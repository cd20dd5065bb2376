"""Numbers for the cases of problem sets on tensors: quarters in single precision, so that sums are exact."""

import numpy as np
import torch
from numpy.random import Generator
from torch import Tensor


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
