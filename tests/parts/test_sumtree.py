"""The sum tree against plain cumulative sums, exact fractions and binomial bounds."""

from fractions import Fraction
from itertools import accumulate
from math import fsum

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rlcourse.parts import sumtree
from rlcourse.parts.sumtree import SumTree

LARGEST = np.finfo(float).max
TINIEST = np.nextafter(0, 1)
rows = [st.lists(st.integers(0, 50), min_size=n, max_size=n) for n in (1, 2, 3, 16, 17, 300)]
ULP = 2.0**-52  # between the floats of [1, 2]
whole = st.one_of(rows).filter(any)  # sums of whole numbers are exact in any order
wild = st.floats(0, 1e300) | st.just(0.0) | st.floats(0, 1e-300) | st.floats(0.1, 10)


@pytest.fixture(scope="module", params=[0, 3, sumtree.TOP], autouse=True)
def top(request):
    """Everything with pairs alone, too, and with both kinds of levels in small trees."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sumtree, "TOP", request.param)
        yield


def tree_of(*priorities):
    """One tree a row, each leaf set."""
    values = np.array(priorities, float)
    tree = SumTree(values.shape[1], len(values))
    tree.set(np.arange(values.shape[1]) + np.zeros_like(values, int), values)
    return tree


def same(tree, other):
    nodes = zip([*tree._levels, tree.total], [*other._levels, other.total], strict=True)
    return all(np.array_equal(mine, its) for mine, its in nodes)


@given(whole)
def test_sample_is_the_first_cumulative_sum_beyond_the_point(priorities):
    tree = tree_of(priorities)
    ends = list(accumulate(priorities))
    points = [x for end in {0, *ends} for x in (end, end + 0.5) if x < ends[-1]]  # left ends and points inside
    expected = [next(i for i, end in enumerate(ends) if end > x) for x in points]
    assert tree.total.tolist() == [ends[-1]]
    assert tree.sample([points]).tolist() == [expected]


@given(st.lists(wild, min_size=1, max_size=300).filter(any), st.lists(st.floats(0, 1), min_size=1, max_size=20))
@example([0.1] * 10 + [0.0], [1.0])
@example([1.5 * ULP, 0.0, 1 + 2 * ULP] + [0.0] * 13, [1.0])  # 1 + 3 ULP less 1.5 ULP rounds to 1 + 2 ULP: at its end
@example([TINIEST, 0.0], [0.5, 1.0])
@example([LARGEST / 80] * 20 + [0.0] * 20, [1.0])
@example([0.0, 1e-300, 1e300, 1e-300, 0.0], [0.0, 1.0])
def test_rounding_never_leads_to_an_item_of_priority_0(priorities, shares):
    """At both ends, at every edge and one float to either side of it; and the interval found is the right one."""
    tree = tree_of(priorities)
    total = tree.total[0]
    ends = np.cumsum(priorities)
    near = np.concatenate(
        [ends, np.nextafter(ends, 0), np.nextafter(ends, np.inf), [0, total], total * np.array(shares)]
    )
    points = near[near <= total]
    items = tree.sample(points[None])
    assert (tree.get(items) > 0).all()
    exact = [Fraction(0), *accumulate(map(Fraction, priorities))]
    slack = exact[-1] * len(priorities) * 4 / 2**53 + Fraction(TINIEST)
    for point, i in zip(points.tolist(), items[0], strict=True):
        assert exact[i] - slack <= Fraction(point) <= exact[i + 1] + slack


def test_rounding_does_lead_past_the_edges():
    """The test above has teeth: on these priorities the plain search ends on a 0, or nowhere, and the tree does not."""
    rng = np.random.default_rng(0)
    past = 0
    for _ in range(200):
        priorities = np.append(rng.random(40), np.zeros(30))
        tree = tree_of(priorities)
        past += np.searchsorted(np.cumsum(priorities), tree.total[0], side="right") >= 40
        assert tree.sample(tree.total[:, None]).item() == 39
    assert past > 100


@given(st.data())
def test_updates_leave_no_stale_sum(data):
    """After any calls, with repeated items, every sum is that of a tree built at once from the last values."""
    capacity = data.draw(st.sampled_from([1, 2, 3, 16, 17, 300, 5000]))
    tree, last = SumTree(capacity, 2), np.zeros((2, capacity))
    for _ in range(data.draw(st.integers(1, 6))):
        m = data.draw(st.integers(1, 8))
        some = st.integers(0, capacity - 1) | st.integers(0, min(2, capacity - 1))  # the latter repeat
        indices = [data.draw(st.lists(some, min_size=m, max_size=m)) for _ in range(2)]
        values = [data.draw(st.lists(st.floats(0, 100), min_size=m, max_size=m)) for _ in range(2)]
        tree.set(indices, values)
        for k in range(2):
            for i, value in zip(indices[k], values[k], strict=True):
                last[k, i] = value
    assert np.array_equal(tree.get([range(capacity)] * 2), last)
    assert same(tree, tree_of(*last))
    np.testing.assert_allclose(tree.total, [fsum(row) for row in last], rtol=1e-14)


def test_repeated_items_keep_the_last_value():
    tree = SumTree(100)
    tree.set([[7, 7, 3, 7]], [[1, 2, 3, 4]])
    assert tree.get([[7, 3]]).tolist() == [[4, 3]]
    assert tree.total == 7


def test_what_comes_out_is_the_callers_own():
    tree = tree_of([1, 2])
    for mine in (tree.total, tree.get([[0, 1]])):
        mine[:] = 9
    assert same(tree, tree_of([1, 2]))


@pytest.mark.parametrize("capacity", [1, 3, 50])
def test_the_largest_priorities_have_a_finite_sum(capacity):
    assert np.isfinite(tree_of([LARGEST / (2 * capacity)] * capacity).total)


def test_sums_do_not_drift():
    """Huge priorities come and go; corrected by differences, the small ones would be lost beside them."""
    rng = np.random.default_rng(1)
    tree, last, corrected = SumTree(1000), np.zeros(1000), 0.0
    for step in range(3000):
        indices, values = rng.integers(1000, size=32), rng.random(32) * 10.0 ** rng.integers(-12, 12, size=32)
        if step >= 2900:  # every item again, small
            indices, values = np.arange(1000).reshape(100, 10)[step - 2900], rng.random(10) * 1e-6
        tree.set(indices[None], values[None])
        for i, value in zip(indices, values, strict=True):
            corrected += value - last[i]
            last[i] = value
    exact = fsum(last)
    assert abs(tree.total[0] - exact) <= 1e-14 * exact
    assert abs(corrected - exact) > 0.01 * exact
    assert same(tree, tree_of(last))


def test_items_are_drawn_in_proportion_to_their_priorities():
    rng = np.random.default_rng(2)
    priorities = np.where(rng.random(50) < 0.2, 0, rng.random(50))
    p, n = priorities / priorities.sum(), 200_000
    tree = tree_of(priorities)
    counts = np.bincount(tree.sample(rng.random((1, n)) * tree.total)[0], minlength=50)
    assert (np.abs(counts - n * p) <= 5 * np.sqrt(n * p * (1 - p))).all()  # five deviations; 0 where p = 0


def test_stratified_draws_one_point_in_each_slice():
    tree = tree_of([1, 2, 3], [0, 10, 0])
    points = tree.stratified(12, [np.random.default_rng(k) for k in range(2)])
    assert points.shape == (2, 12)
    assert (points // np.array([[0.5], [10 / 12]]) == np.arange(12)).all()
    counts = [np.bincount(row, minlength=3).tolist() for row in tree.sample(points)]
    assert counts == [[2, 4, 6], [0, 12, 0]]  # slices of half a unit: the counts are the priorities, exactly
    again = np.concatenate([tree.stratified(12, [np.random.default_rng(k)] * 2)[:1] for k in range(2000)]) * 2 % 1
    np.testing.assert_allclose(again.mean(0), 0.5, atol=5 * np.sqrt(1 / 12 / 2000))  # uniform inside a slice
    np.testing.assert_allclose(again.var(0), 1 / 12, atol=5 * np.sqrt(1 / 180 / 2000))


class EndOfRange:
    """A generator that draws the largest number below 1, where i + u rounds up to i + 1."""

    def random(self, n):
        return np.full(n, np.nextafter(1, 0))


@pytest.mark.parametrize("n", [1, 3, 7, 49, 256])
def test_the_largest_uniform_stays_inside_the_total(n):
    for total in np.random.default_rng(3).random(100) + TINIEST:
        tree = tree_of([total, 0])
        assert (tree.sample(tree.stratified(n, [EndOfRange()])) == 0).all()


def test_tree_3_of_8_equals_tree_3_alone():
    rng = np.random.default_rng(4)
    side_by_side, alone = SumTree(5000, 8), SumTree(5000)
    own, its = [np.random.default_rng(k) for k in range(8)], [np.random.default_rng(3)]
    for m in (1, 700, 1, 32, 32, 5000, 32, 1):
        indices, values = rng.integers(5000, size=(8, m)), rng.random((8, m))
        side_by_side.set(indices, values)
        alone.set(indices[3:4], values[3:4])
        drawn, drawn_alone = (
            side_by_side.sample(side_by_side.stratified(32, own)),
            alone.sample(alone.stratified(32, its)),
        )
        assert np.array_equal(drawn[3:4], drawn_alone)
        assert np.array_equal(side_by_side.get(drawn)[3:4], alone.get(drawn_alone))
        assert side_by_side.total[3] == alone.total[0]


@pytest.mark.parametrize("dtype", ["uint64", "int32", "uint8"])
def test_any_whole_numbers_and_floats_serve(dtype):
    tree = SumTree(20)
    tree.set(np.array([[3, 19]], dtype), np.array([[0.5, 1]], np.float32))
    assert tree.sample(np.array([[0, 0.5]], np.float32)).tolist() == [[3, 19]]


@pytest.mark.parametrize("name", ["capacity", "n_trees"])
@pytest.mark.parametrize("value", [0, -1, 2.5, True, None, "4"])
def test_sizes_are_whole_and_positive(name, value):
    with pytest.raises(ValueError, match=f"{name}: got {value!r}, expected a whole number >= 1"):
        SumTree(**{"capacity": 5, name: value})


BAD_SETS = {
    "below 0": ([[-1], [0]], [[1], [1]], "indices: got -1, expected a number in 0..4"),
    "past the capacity": ([[0], [5]], [[1], [1]], "indices: got 5, expected a number in 0..4"),
    "not whole": ([[0.0], [1.0]], [[1], [1]], "indices: .* whole numbers"),
    "one row of indices": ([0, 1], [[1], [1]], r"indices: got shape \(2,\), expected \[K, M\] with K = 2"),
    "too many trees": ([[0]] * 3, [[1]] * 3, r"indices: got shape \(3, 1\), expected \[K, M\] with K = 2"),
    "negative": ([[0], [1]], [[1], [-0.5]], "values: got -0.5, expected numbers in"),
    "NaN": ([[0], [1]], [[1], [np.nan]], "values: got NaN"),
    "infinite": ([[0], [1]], [[1], [np.inf]], "values: got inf, expected numbers in"),
    "sum overflows": ([[0], [1]], [[1], [LARGEST / 4]], "values: got 4.49423e"),
    "fewer values": ([[0, 1], [1, 2]], [[1], [1]], r"values: got shape \(2, 1\), expected \[K, M\] with K = 2, M = 2"),
}


@pytest.mark.parametrize("indices, values, message", BAD_SETS.values(), ids=BAD_SETS)
def test_bad_updates_say_so_and_change_nothing(indices, values, message):
    tree = tree_of(range(5), range(5))
    with pytest.raises(ValueError, match=message):
        tree.set(indices, values)
    assert same(tree, tree_of(range(5), range(5)))


def test_bad_reads_and_draws_say_so():
    tree = tree_of([1, 2], [3, 4])
    generators = [np.random.default_rng(k) for k in range(2)]
    with pytest.raises(ValueError, match="indices: got 2, expected a number in 0..1"):
        tree.get([[0], [2]])
    for uniforms in ([[3.1], [1]], [[1], [7.5]]):  # each beside its own total: 3 and 7
        with pytest.raises(ValueError, match=r"uniforms: got (3.1|7.5), expected points in \[0, total\]"):
            tree.sample(uniforms)
    for value, came in ((-0.1, "-0.1"), (np.nan, "NaN")):
        with pytest.raises(ValueError, match=f"uniforms: got {came}"):
            tree.sample([[0], [value]])
    with pytest.raises(ValueError, match=r"uniforms: got shape \(1, 2\), expected \[K, M\] with K = 2"):
        tree.sample([[1, 2]])
    for n in (0, -3, 2.5):
        with pytest.raises(ValueError, match=f"n: got {n}, expected a whole number >= 1"):
            tree.stratified(n, generators)
    with pytest.raises(ValueError, match="generators: got 1, expected 2, one a tree"):
        tree.stratified(4, generators[:1])


def test_nothing_is_drawn_where_all_priorities_are_zero():
    with pytest.raises(ValueError, match="tree 1, .*all priorities are zero"):
        tree_of([1, 2], [0, 0], [0, 1]).sample(np.zeros((3, 1)))
