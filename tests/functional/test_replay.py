"""Priorities and importance weights, against numbers by hand and means over every transition there is."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcourse.functional.replay import importance_weights, priority

quick = settings(derandomize=True, deadline=None, max_examples=30)
errors = st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=8)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


# priority


def test_a_square_root_of_errors_by_hand():
    torch.testing.assert_close(priority(tensor(-4, 0, 8.99, 0.24), 0.5, 0.01), tensor(4.01**0.5, 0.1, 3, 0.5))


@quick
@given(errors, st.sampled_from([0, 0.3, 1, 2]), st.sampled_from([1e-6, 0.1, 1]))
def test_each_priority_is_the_power_of_its_own_error(td_error, alpha, eps):
    expected = [math.exp(alpha * math.log(abs(x) + eps)) for x in td_error]
    torch.testing.assert_close(priority(tensor(*td_error), alpha, eps), tensor(*expected))


def test_alpha_0_is_uniform_even_without_errors_and_alpha_1_is_the_error():
    assert priority(tensor(0, 1, -30), 0, 0).tolist() == [1, 1, 1]
    assert priority(tensor(0, 1, -30), 1, 0.5).tolist() == [0.5, 1.5, 30.5]


def test_without_eps_a_transition_without_error_is_never_drawn_again():
    assert priority(tensor(0, 2), 0.6, 0).tolist() == [0, 2**0.6]


# importance_weights


def test_weights_by_hand():
    # N P = 1, 2, 4; at beta = 1/2 the weights 1, 1/sqrt 2, 1/2: the largest is 1 already
    torch.testing.assert_close(importance_weights(tensor(0.1, 0.2, 0.4), 10, 0.5), tensor(1, 0.5**0.5, 0.5))
    # N P = 2, 4: 1/2 and 1/4, divided by the larger
    torch.testing.assert_close(importance_weights(tensor(0.2, 0.4), 10, 1), tensor(1, 0.5))


probabilities = st.lists(st.floats(2**-20, 1, width=32), min_size=1, max_size=8)


@quick
@given(probabilities, st.integers(1, 10**6), st.floats(0, 1))
def test_the_largest_weight_is_one_and_belongs_to_what_is_drawn_least(drawn, buffer_size, beta):
    weights = importance_weights(torch.tensor(drawn), buffer_size, beta)
    assert weights.max() == 1 == weights[drawn.index(min(drawn))]
    expected = [(min(drawn) / p) ** beta for p in drawn]  # N cancels
    torch.testing.assert_close(weights.double(), tensor(*expected), rtol=1e-4, atol=0)


def test_beta_0_makes_up_for_nothing_and_uniform_drawing_needs_nothing():
    assert importance_weights(tensor(0.001, 0.2, 0.4), 7, 0).tolist() == [1, 1, 1]
    assert importance_weights(tensor(0.125, 0.125), 8, 1).tolist() == [1, 1]
    assert importance_weights(tensor(0.3), 8, 0.7).tolist() == [1]


@pytest.mark.parametrize("alpha", [0, 0.6, 1])
def test_at_beta_1_the_mean_under_prioritised_drawing_is_that_of_uniform_drawing(alpha):
    """Exactly, by summing over every transition of the buffer with the probability of drawing it."""
    td_error, value = tensor(0.1, -2, 5, 0.4, -0.03), tensor(3, -1, 9, -1, 5)
    drawn = priority(td_error, alpha, 0.01)
    drawn = drawn / drawn.sum()
    weights = importance_weights(drawn, 5, 1)
    factor = 5 * drawn.min()  # what dividing by the largest weight took away
    torch.testing.assert_close((drawn * weights * value).sum(), factor * value.mean())
    if alpha:
        biased = (drawn * importance_weights(drawn, 5, 0) * value).sum()
        assert (biased - value.mean()).abs() > 0.1
