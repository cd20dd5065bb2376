"""Search without gradients, against NumPy on sorted samples, autograd, and counting by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcourse.functional.search import cem_refit, elite_mask, finite_difference_gradient

torch.set_num_threads(1)
quick = settings(derandomize=True, deadline=None, max_examples=60)
close = torch.testing.assert_close
some_scores = st.lists(st.integers(-3, 3), min_size=1, max_size=40)  # few values: many ties


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def best_first(scores):
    return sorted(range(len(scores)), key=lambda i: (-scores[i], i))


# elite_mask


@quick
@given(some_scores, st.floats(0, 1))
def test_the_elite_are_the_best_and_of_equal_ones_the_earlier(scores, fraction):
    mask = elite_mask(scores, fraction)
    assert mask.dtype == torch.bool
    assert set(mask.nonzero().flatten().tolist()) == set(best_first(scores)[: round(fraction * len(scores))])


def test_elites_by_hand():
    assert elite_mask([1, 3, 2, 3], 0.25).tolist() == [False, True, False, False]
    assert elite_mask([1, 3, 2, 3], 0.5).tolist() == [False, True, False, True]
    assert elite_mask([5, 5, 5, 5], 0.5).tolist() == [True, True, False, False]
    assert elite_mask([-math.inf, 0, math.inf], 1 / 3).tolist() == [False, False, True]
    assert [elite_mask([2, 1], fraction).tolist() for fraction in (0, 1)] == [[False, False], [True, True]]


def test_so_many_and_no_more_even_where_all_are_equal():
    """A threshold at the quantile would keep all of them."""
    assert elite_mask(np.zeros(1000), 0.1).sum() == 100
    assert [int(elite_mask(np.zeros(n), 0.5).sum()) for n in (1, 2, 3, 5)] == [0, 1, 2, 2]  # halves: to the even number


# cem_refit


@quick
@given(some_scores, st.integers(1, 40), st.sampled_from([0.0, 0.5]), st.integers(0, 10**6))
def test_a_refit_is_numpys_mean_and_standard_deviation_of_the_best(scores, n_elite, min_std, seed):
    samples = np.random.default_rng(seed).normal(size=(len(scores), 3))
    n_elite = min(n_elite, len(scores))
    elite = samples[best_first(scores)[:n_elite]]
    mean, std = cem_refit(samples, scores, n_elite, min_std)
    close(mean, torch.from_numpy(elite.mean(axis=0)))
    close(std, torch.from_numpy(np.maximum(elite.std(axis=0), min_std)))


def test_a_refit_by_hand():
    samples = tensor([0, 100], [2, 5], [6, 5], [9, 100])
    mean, std = cem_refit(samples, [0.1, 3, 2, -7], 2, 0.25)
    assert (mean.tolist(), std.tolist()) == ([4, 5], [2, 0.25])  # divided by 2, not by 1
    mean, std = cem_refit(samples, [0.1, 3, 2, -7], 1, 0)
    assert (mean.tolist(), std.tolist()) == ([2, 5], [0, 0])
    close(cem_refit(samples, [0, 0, 0, 0], 4, 0), (samples.mean(0), samples.std(0, correction=0)))


def test_the_best_scores_are_the_largest_and_only_their_order_counts():
    samples, scores = tensor([1], [2], [3], [4]), tensor(0.5, 3, -2, 4)
    close(cem_refit(samples, scores, 2, 0.0), cem_refit(samples, scores.exp(), 2, 0.0))
    assert cem_refit(samples, scores, 2, 0.0)[0].item() == 3
    shuffled = torch.tensor([2, 0, 3, 1])
    close(cem_refit(samples[shuffled], scores[shuffled], 2, 0.0), cem_refit(samples, scores, 2, 0.0))


def test_generations_close_in_on_the_top_of_a_hill():
    draw = torch.Generator().manual_seed(0)
    mean, std = torch.zeros(2), torch.full((2,), 3.0)
    for _ in range(30):
        samples = mean + std * torch.randn(64, 2, generator=draw)
        mean, std = cem_refit(samples, -((samples - torch.tensor([2.0, -1.0])) ** 2).sum(-1), 8, 1e-3)
    close(mean, torch.tensor([2.0, -1.0]), atol=1e-2, rtol=0)


def test_there_are_no_more_elites_than_samples():
    with pytest.raises(ValueError, match="^n_elite: got 5, expected at most 4, the number of samples"):
        cem_refit(torch.zeros(4, 2), torch.zeros(4), 5, 0.0)


# finite_difference_gradient


def bumpy(theta):
    return (theta.sin() * theta.flatten()[0].exp() + theta**3).sum()


@pytest.mark.parametrize("shape", [(), (1,), (4,), (2, 3)])
def test_smooth_functions_agree_with_autograd(shape):
    theta = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    for at in (theta, theta.mT if len(shape) == 2 else theta):  # a transposed one lies differently in memory
        asks = at.clone().requires_grad_()
        (expected,) = torch.autograd.grad(bumpy(asks), asks)
        result = finite_difference_gradient(bumpy, asks, 1e-5)
        close(result, expected, rtol=1e-8, atol=1e-8)
        assert not result.requires_grad


def test_a_parabola_has_no_error_and_elsewhere_it_falls_with_the_square_of_eps():
    A = tensor([2, 1], [0, -3])
    theta = tensor(0.5, -2)
    close(finite_difference_gradient(lambda x: x @ A @ x, theta, 1.0), (A + A.T) @ theta)
    true = theta.exp()
    errors = [finite_difference_gradient(lambda x: x.exp().sum(), theta, eps) - true for eps in (0.02, 0.01)]
    close(errors[0] / errors[1], tensor(4, 4), rtol=1e-3, atol=0)
    close(errors[1], 0.01**2 / 6 * true, rtol=1e-3, atol=0)  # eps^2 / 6 times the third derivative


def test_noise_is_divided_by_two_eps():
    noise = iter([0.3, -0.1, 0.2, 0.6])
    result = finite_difference_gradient(lambda x: float(x.sum()) + next(noise), tensor(1, 1), 0.01)
    close(result, tensor(1 + 0.4 / 0.02, 1 - 0.4 / 0.02))


def test_the_function_is_measured_twice_a_parameter_one_of_which_is_moved():
    theta, asked = tensor([1, 2], [3, 4]), []
    finite_difference_gradient(lambda x: asked.append(x.clone()) or 0.0, theta, 0.5)
    moved = [(x - theta).flatten().tolist() for x in asked]
    assert sorted(moved) == sorted((sign * 0.5 * np.eye(4)[i]).tolist() for i in range(4) for sign in (1, -1))
    assert theta.tolist() == [[1, 2], [3, 4]]


def test_a_function_that_holds_a_network_is_measured_without_gradients():
    """With them torch warns of each number that it makes of a tensor."""
    layer, measured = torch.nn.Linear(3, 1).double(), []

    def f(theta):
        measured.append(layer(theta))
        return measured[-1]

    close(finite_difference_gradient(f, tensor(1, 2, 3), 1e-4), layer.weight[0].detach(), rtol=1e-6, atol=1e-8)
    assert len(measured) == 6 and not any(x.requires_grad for x in measured)


@pytest.mark.parametrize(
    "name, wrong", [("eps", 0), ("eps", -0.1), ("eps", math.nan), ("theta", [1, math.inf]), ("theta", [math.nan])]
)
def test_a_step_of_no_length_and_parameters_that_are_no_numbers_are_errors(name, wrong):
    with pytest.raises(ValueError, match=f"^{name}: got"):
        finite_difference_gradient(**{"f": torch.sum, "theta": [1.0], "eps": 0.1, name: wrong})


@pytest.mark.parametrize(
    "name, wrong",
    [("scores", [1, math.nan]), ("scores", [[1, 2]]), ("scores", []), ("fraction", -0.1), ("fraction", 1.1)],
)
def test_what_an_elite_cannot_be_taken_of(name, wrong):
    with pytest.raises(ValueError, match=f"^{name}: got"):
        elite_mask(**{"scores": [1.0, 2.0], "fraction": 0.5, name: wrong})
