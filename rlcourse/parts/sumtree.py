"""A sum tree: draws items in proportion to their priorities, in as many steps as the log of their number."""

from itertools import pairwise

import numpy as np
from numpy import ndarray

from rlcourse.contracts.inputs import Array, Index, bad_argument

TOP = 10  # NumPy pays by the call: bisecting 2**10 sums is one, ten levels of pairs would be many


class SumTree:
    """The sum trees of K seeds side by side: leaves hold priorities, every other node the sum of its two children.

    A tree's priorities are intervals laid end to end, from 0 to their total; `sample` finds the one a point lies in. So
    points uniform in [0, total) draw item i with probability p_i / sum_j p_j (Schaul et al., 2016, appendix B.2.1).
    A batch goes down or up all trees at once, by levels; the top 2**TOP nodes are bisected by their cumulative sums. A
    sum is always formed anew from what is below it, never corrected by a difference: rounding does not pile up.

    Args:
        capacity: number of items, the leaves of each tree; any whole number >= 1. All priorities start at 0.
        n_trees: K, the seeds of a run, >= 1.

    Raises:
        ValueError: on bad input.
    """

    def __init__(self, capacity: int, n_trees: int = 1):
        self.capacity, self.n_trees = _count("capacity", capacity), _count("n_trees", n_trees)
        depth = (self.capacity - 1).bit_length()  # 2**depth leaves a tree; those past the capacity stay 0
        top = min(TOP, depth)
        # From the top to the leaves, the nodes of all trees in a row: node i has its children at 2 i and 2 i + 1.
        self._levels = [np.zeros(self.n_trees * 2**d) for d in range(top, depth + 1)]
        self._edges = np.zeros((self.n_trees, 2**top + 1))  # 0 and the cumulative sums of a tree's top nodes
        self._trees = np.arange(self.n_trees)[:, None]
        self._first_top, self._first_leaf = self._trees * 2**top, self._trees * 2**depth

    @property
    def total(self) -> ndarray:
        """The sum of all priorities of each tree [K]."""
        return self._edges[:, -1].copy()

    def get(self, indices: ndarray) -> ndarray:
        """The priorities [K, M] of items [K, M]; a ValueError where these are not whole numbers in 0..capacity-1."""
        return self._levels[-1][self._leaves(indices)]

    def set(self, indices: ndarray, values: ndarray) -> None:
        """Give items new priorities, and all nodes above them new sums.

        Args:
            indices: items [K, M]. Where one comes twice in a row, its last value counts.
            values: priorities [K, M] >= 0, at most the largest float / (2 capacity), so that their sum is finite.

        Raises:
            ValueError: on bad input; the trees are then as they were.
        """
        nodes = self._leaves(indices).reshape(-1)
        check = Array("K M", low=0, high=np.finfo(float).max / (2 * self.capacity))
        values = check.check("values", np.asarray(values, float), {"K": self.n_trees, "M": len(nodes) // self.n_trees})
        self._levels[-1][nodes] = values.reshape(-1)
        for children, parents in pairwise(reversed(self._levels)):
            nodes = nodes // 2
            parents[nodes] = children[2 * nodes] + children[2 * nodes + 1]
        self._levels[0].reshape(self.n_trees, -1).cumsum(axis=1, out=self._edges[:, 1:])

    def sample(self, uniforms: ndarray) -> ndarray:
        """The items [K, M] whose intervals hold the points [K, M]; never an item of priority 0.

        Args:
            uniforms: points in [0, total] of their tree, see `stratified`; the total counts as just below itself.

        Raises:
            ValueError: where all priorities of a tree are zero, or points lie outside or are not [K, M].
        """
        total = self._edges[:, -1:]
        if not total.all():
            raise bad_argument(
                "uniforms", f"a draw from tree {total.argmin()}", "a priority > 0: all priorities are zero"
            )
        points = Array("K M", low=0).check("uniforms", np.asarray(uniforms, float), {"K": self.n_trees})
        if (points > total).any():
            raise bad_argument("uniforms", f"{points[points > total][0]:g}", "points in [0, total] of their tree")
        rest = np.minimum(points, np.nextafter(total, 0))  # where a point lies, seen from the left end of its node
        top = [np.searchsorted(*row, side="right") - 1 for row in zip(self._edges, rest, strict=True)]
        rest -= self._edges[self._trees, top]
        nodes = top + self._first_top
        for children in self._levels[1:]:
            nodes *= 2
            left, right = children[nodes], children[nodes + 1]
            # Rounding may put a point on the end of its node. Where right is 0 it stays left, which is not 0 then.
            goes_right = (rest >= left) & (right > 0)
            rest -= left * goes_right
            nodes += goes_right
        return nodes - self._first_leaf

    def stratified(self, n: int, generators: list[np.random.Generator]) -> ndarray:
        """Points [K, n] for `sample`, one in each of n equal slices of [0, total): draws that spread evenly.

        Args:
            n: size of the batch, >= 1.
            generators: each tree's own [K], so that what a seed draws does not depend on the seeds beside it.

        Raises:
            ValueError: where n is no whole number >= 1, or there are not K generators.
        """
        if len(generators) != self.n_trees:
            raise bad_argument("generators", f"{len(generators)}", f"{self.n_trees}, one a tree")
        return (np.arange(_count("n", n)) + [g.random(n) for g in generators]) / n * self.total[:, None]

    def _leaves(self, indices: ndarray) -> ndarray:
        indices = np.asarray(Index("capacity").check("indices", indices, {"capacity": self.capacity}), int)
        if indices.ndim != 2 or len(indices) != self.n_trees:
            raise bad_argument("indices", f"shape {indices.shape}", f"[K, M] with K = {self.n_trees}")
        return indices + self._first_leaf


def _count(name: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise bad_argument(name, f"{value!r}", "a whole number >= 1")
    return int(value)
