"""How fast the sum tree is at a million items, side by side with the sum trees that prioritised replay usually has.

    python benchmarks/sumtree.py

One round draws a batch of 256 items, stratified, and gives them new priorities. Seconds are CPU seconds of this
process, the median of a few repeats in which the contenders take turns. The peers are binary trees in pure Python,
the way that most implementations of prioritised DQN have them: an item at a time, a recursion up and one down, the
sums corrected by differences. One holds its nodes in a NumPy array, as is usual; the other is the same made fast: a
Python list, and loops in place of the recursions. All contenders get the same uniforms and new priorities.
"""

import argparse
import platform
import time
from statistics import median

import numpy as np
from numpy import ndarray

from rlcourse.parts.sumtree import SumTree

ITEMS, BATCH, TARGET = 2**20, 256, 8  # a power of two, so that the leaves of the peers stand in order


class UsualTree:
    """Node i has the children 2 i + 1 and 2 i + 2; the leaves come last."""

    def __init__(self, priorities: list[float]):
        self.capacity = len(priorities)
        nodes = [0.0] * (self.capacity - 1) + priorities
        for i in reversed(range(self.capacity - 1)):
            nodes[i] = nodes[2 * i + 1] + nodes[2 * i + 2]
        self.tree = self.keep(nodes)

    def keep(self, nodes: list[float]):
        return np.array(nodes)

    def propagate(self, i: int, change: float) -> None:
        parent = (i - 1) // 2
        self.tree[parent] += change
        if parent != 0:
            self.propagate(parent, change)

    def retrieve(self, i: int, point: float) -> int:
        left = 2 * i + 1
        if left >= len(self.tree):
            return i
        if point <= self.tree[left]:
            return self.retrieve(left, point)
        return self.retrieve(left + 1, point - self.tree[left])

    def total(self) -> float:
        return self.tree[0]

    def update(self, i: int, priority: float) -> None:
        change = priority - self.tree[i]
        self.tree[i] = priority
        self.propagate(i, change)

    def round(self, uniforms: list[float], priorities: list[float]) -> list[int]:
        """Draw and update; the items drawn."""
        slice_length = self.total() / len(uniforms)
        leaves = []
        for i, uniform in enumerate(uniforms):
            leaves.append(self.retrieve(0, (i + uniform) * slice_length))
        for leaf, priority in zip(leaves, priorities, strict=True):
            self.update(leaf, priority)
        return [leaf - (self.capacity - 1) for leaf in leaves]


class FastTree(UsualTree):
    def keep(self, nodes: list[float]):
        return nodes

    def propagate(self, i: int, change: float) -> None:
        tree = self.tree
        while i != 0:
            i = (i - 1) // 2
            tree[i] += change

    def retrieve(self, i: int, point: float) -> int:
        tree, last = self.tree, len(self.tree)
        while (left := 2 * i + 1) < last:
            if point <= tree[left]:
                i = left
            else:
                point -= tree[left]
                i = left + 1
        return i


class Given:
    """Stands in for a generator: the uniforms that the peers get."""

    def __init__(self, uniforms: ndarray):
        self.uniforms = uniforms

    def random(self, n: int) -> ndarray:
        return self.uniforms


def ours(tree: SumTree, uniforms: ndarray, priorities: ndarray) -> ndarray:
    items = tree.sample(tree.stratified(BATCH, [Given(row) for row in uniforms]))
    tree.set(items, priorities)
    return items


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=9, help="turns of each contender (default 9)")
    parser.add_argument("--rounds", type=int, default=50, help="rounds a turn (default 50)")
    args = parser.parse_args()
    for name in ("repeats", "rounds"):
        if getattr(args, name) < 1:
            parser.error(f"--{name}: got {getattr(args, name)}, expected at least 1")

    rng = np.random.default_rng(0)
    start = rng.random(ITEMS)
    trees = {K: SumTree(ITEMS, K) for K in (1, 8)}
    for K, tree in trees.items():
        tree.set(np.tile(np.arange(ITEMS), (K, 1)), np.tile(start, (K, 1)))
    # A contender: its round, what it takes uniforms and priorities as, and how many trees it serves.
    contenders = {
        "pure Python, NumPy array": (UsualTree(start.tolist()).round, lambda x: x[0].tolist(), 1),
        "pure Python, list, loops": (FastTree(start.tolist()).round, lambda x: x[0].tolist(), 1),
        "rlcourse, 1 tree": (lambda *given: ours(trees[1], *given), lambda x: x[:1], 1),
        "rlcourse, 8 trees": (lambda *given: ours(trees[8], *given), lambda x: x, 8),
    }
    seconds = {name: [] for name in contenders}
    agree = drawn = 0
    for _ in range(args.repeats):
        given = rng.random((args.rounds, 2, 8, BATCH))  # uniforms and new priorities of every round
        items = {}
        for name, (play, form, K) in contenders.items():
            turn = [(form(uniforms), form(priorities)) for uniforms, priorities in given]
            begin = time.process_time()
            items[name] = [play(*one) for one in turn]
            seconds[name].append((time.process_time() - begin) / args.rounds / K)
        of_list, of_ours = (np.array(items[name]) for name in ("pure Python, list, loops", "rlcourse, 1 tree"))
        agree += (of_list == of_ours[:, 0]).sum()
        drawn += of_list.size

    print(f"Python {platform.python_version()}, NumPy {np.__version__}, {ITEMS:,} items, batch {BATCH}, ", end="")
    print(f"median of {args.repeats} turns of {args.rounds} rounds")
    print(f"  {'':26}{'CPU s a round and tree':>24}{'items a CPU s':>16}{'ratio':>10}")
    usual = median(seconds["pure Python, NumPy array"])
    for name, of_name in seconds.items():
        once = median(of_name)
        print(f"  {name:26}{once:22.6f} s{BATCH / once:16,.0f}{usual / once:8.1f} x")
    ratio = usual / median(seconds["rlcourse, 1 tree"])
    print(
        f"  1 tree beside the usual one: {ratio:.1f} times  (target {TARGET}: {'met' if ratio >= TARGET else 'MISSED'})"
    )
    faster = median(seconds["pure Python, list, loops"]) / median(seconds["rlcourse, 1 tree"])
    print(f"  1 tree beside the list with loops: {faster:.1f} times")
    print(f"  items drawn that are the list's: {agree:,} of {drawn:,} (the peers' sums drift by rounding)")


if __name__ == "__main__":
    main()
