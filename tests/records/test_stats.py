"""The interquartile mean and its interval, held to plain sorting, to every resample there is, and to normal theory."""

from itertools import product

import numpy as np
import pytest

from rlcourse.records.stats import bootstrap_interval, interquartile_mean


def middle_half(x):
    """The interquartile mean by sorting."""
    cut = len(x) // 4
    return np.mean(np.sort(x)[cut : len(x) - cut])


@pytest.mark.parametrize(("x", "answer"), [([1, 2, 3, 100], 2.5), ([5], 5), ([1, 2, 9], 4), (range(8), 3.5)])
def test_interquartile_mean_by_hand(x, answer):
    assert interquartile_mean(list(x)) == answer


def test_each_column_is_taken_alone():
    x = np.random.default_rng(0).normal(size=(11, 3, 2))
    answer = [[middle_half(x[:, i, j]) for j in range(2)] for i in range(3)]
    np.testing.assert_allclose(interquartile_mean(x), answer)


def test_an_outlier_does_not_move_it():
    assert interquartile_mean([1, 1, 1, 1, 1, 1, 1, 1e9]) == 1


def test_interval_of_few_seeds_is_that_of_all_resamples():
    x = np.array([0.0, 1.0, 3.0, 7.0, 8.0])
    every = [middle_half(x[list(drawn)]) for drawn in product(range(5), repeat=5)]
    low, high = bootstrap_interval(x, level=0.8, n=20_000)
    assert low == pytest.approx(np.quantile(every, 0.1), abs=0.1)
    assert high == pytest.approx(np.quantile(every, 0.9), abs=0.1)


def test_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    low, high = bootstrap_interval(rng.normal(size=(40, 400)), n=500)  # 400 experiments of 40 seeds, true answer 0
    assert 0.88 <= ((low <= 0) & (high >= 0)).mean() <= 0.98


def test_shapes_one_seed_and_repeatability():
    x = np.random.default_rng(2).normal(size=(8, 300, 2))  # more columns than are resampled at once
    low, high = bootstrap_interval(x, n=50)
    assert low.shape == high.shape == (300, 2)
    assert (low <= high).all()
    np.testing.assert_array_equal(bootstrap_interval(x, n=50), (low, high))
    np.testing.assert_allclose(bootstrap_interval(x[:, 290:291, 1], n=50)[0], low[290:291, 1])
    one = x[:1]
    np.testing.assert_array_equal(bootstrap_interval(one, n=10), (one[0], one[0]))


@pytest.mark.parametrize("x", [[], np.zeros((0, 3)), np.zeros((3, 0)), [1, np.nan], 3.0])
@pytest.mark.parametrize("function", [interquartile_mean, bootstrap_interval])
def test_bad_data_is_named(function, x):
    with pytest.raises(ValueError, match="^x: got .*expected"):
        function(x)


@pytest.mark.parametrize(("keyword", "value"), [("level", 1.0), ("level", 95), ("n", 0)])
def test_bad_settings_are_named(keyword, value):
    with pytest.raises(ValueError, match=f"^{keyword}: got "):
        bootstrap_interval([1.0, 2.0], **{keyword: value})
