"""Batches of transitions: collected as told, joined and picked from seed by seed."""

import numpy as np
import pytest

from rlcourse.parts.batches import collect, join, pick
from rlcourse.worlds.envs import Step


def numbered(n_seeds: int, n: int, start: int = 0) -> Step:
    """Seed k's transition i is 100 k + i."""
    number = (100 * np.arange(n_seeds)[:, None] + np.arange(start, start + n)).ravel()
    no = np.zeros(len(number), bool)
    return Step(number[:, None], number, number.astype(float), number[:, None] + 1, no, no)


def test_collect_acts_as_told_in_one_environment_a_seed():
    right = collect("CartPole-v1", 7, 2, act=lambda obs: np.ones(len(obs), int))
    assert (right.action == 1).all() and right.obs.shape == (14, 4)
    for k in range(2):
        mine = pick(right, slice(7 * k, 7 * k + 7), 1)
        goes_on = ~mine.terminated[:-1]
        np.testing.assert_array_equal(mine.next_obs[:-1][goes_on], mine.obs[1:][goes_on])


def test_seed_3_of_8_collects_what_it_does_alone_and_another_purpose_something_else():
    many, alone, other = (
        collect("CartPole-v1", 20, 8),
        collect("CartPole-v1", 20, 1, 3),
        collect("CartPole-v1", 20, 8, purpose="another"),
    )
    for column, expected in zip(pick(many, slice(60, 80), 1), alone, strict=True):
        np.testing.assert_array_equal(column, expected)
    assert (many.obs[::20] != other.obs[::20]).all() and (many.action != other.action).any()


def test_join_lays_each_seeds_transitions_end_to_end():
    both = join([numbered(2, 3), numbered(2, 2, start=3)], 2)
    assert both.action.tolist() == [0, 1, 2, 3, 4, 100, 101, 102, 103, 104]
    for column, expected in zip(both, numbered(2, 5), strict=True):
        np.testing.assert_array_equal(column, expected)


@pytest.mark.parametrize(
    "rows, expected",
    [
        (slice(1, 3), [1, 2, 101, 102]),
        (np.array([3, 0, 0]), [3, 0, 0, 103, 100, 100]),
        (np.array([[1], [2]]), [1, 102]),
    ],
    ids=["slice", "for all", "each its own"],
)
def test_pick_takes_rows_of_each_seed(rows, expected):
    picked = pick(numbered(2, 4), rows, 2)
    assert picked.action.tolist() == expected and picked.obs[:, 0].tolist() == expected


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: collect("CartPole-v1", 0), "steps: got 0"),
        (lambda: collect("CartPole-v1", 2.5), "steps: got 2.5"),
        (lambda: collect("CartPole-v1", 5, 0), "n_seeds: got 0"),
        (lambda: collect("Pendulum-v1", 5), "action_space: got Box.*expected Discrete"),
    ],
)
def test_what_makes_no_sense_is_said(call, says):
    with pytest.raises(ValueError, match=says):
        call()
