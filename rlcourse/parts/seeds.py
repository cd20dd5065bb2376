"""Chance with names: every purpose of every seed has a stream of random numbers of its own."""

from collections.abc import Iterator
from zlib import crc32

import numpy as np
from numpy import ndarray

from rlcourse.contracts.inputs import Scalar


class Seeds:
    """The seeds first, first + 1, ..., n of them; `seeds("exploration")` is a stream that no other purpose shares.

    Seed 3 of 8 draws as that seed alone. Streams are told apart by a hash of their name (numpy.random.SeedSequence's
    spawn_key), not by arithmetic: default_rng([0, 0]) is default_rng(0), and so one stream would be another one's copy.

    Raises:
        ValueError: where first is no whole number >= 0, or n none >= 1.
    """

    def __init__(self, first: int = 0, n: int = 1) -> None:
        self.first = int(Scalar(0, whole=True).check("seed", first, {}))
        self.n = int(Scalar(1, whole=True).check("n_seeds", n, {}))
        self.diverged: dict[int, int] = {}  # which of them, counted from 0, and after how many steps

    def __len__(self) -> int:
        return self.n

    def __call__(self, purpose: str) -> "Stream":
        return Stream([np.random.default_rng(sequence) for sequence in self._sequences(purpose)])

    def numbers(self, purpose: str, per_seed: int) -> list[int]:
        """per_seed whole numbers a seed, seed 0's first: what environments are seeded with."""
        drawn = [sequence.generate_state(per_seed, np.uint64) for sequence in self._sequences(purpose)]
        return [int(number) >> 1 for numbers in drawn for number in numbers]

    def _sequences(self, purpose: str) -> list[np.random.SeedSequence]:
        key = (crc32(purpose.encode()),)
        return [np.random.SeedSequence(self.first + k, spawn_key=key) for k in range(self.n)]


class Stream:
    """One generator a seed. What they draw lies in one batch [N, ...], seed 0's first."""

    def __init__(self, generators: list[np.random.Generator]) -> None:
        self.generators = generators

    def __len__(self) -> int:
        return len(self.generators)

    def __iter__(self) -> Iterator[np.random.Generator]:
        return iter(self.generators)

    def uniform(self, *shape: int) -> ndarray:
        """Numbers in [0, 1), [N, ...]."""
        return np.concatenate([one.random(self._share(shape)) for one in self])

    def normal(self, *shape: int) -> ndarray:
        """Standard normal numbers in single precision, [N, ...]."""
        return np.concatenate([one.standard_normal(self._share(shape), np.float32) for one in self])

    def integers(self, high: int, n: int) -> ndarray:
        """n numbers in 0..high - 1 for each seed, [K, n]."""
        return np.stack([one.integers(high, size=n) for one in self])

    def orders(self, n: int) -> ndarray:
        """The numbers 0..n - 1 in an order of its own for each seed, [K, n]."""
        return np.stack([one.permutation(n) for one in self])

    def _share(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        return (shape[0] // len(self), *shape[1:])
