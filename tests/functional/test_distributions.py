"""Kullback-Leibler divergences, against torch.distributions, SciPy, integrals, and what every divergence does."""

import math

import pytest
import scipy.integrate
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.autograd.functional import hessian
from torch.distributions import Categorical, Independent, Normal, kl_divergence

from rlcourse.functional.distributions import categorical_kl, gaussian_kl

torch.set_num_threads(1)
quick = settings(derandomize=True, deadline=None, max_examples=60)
close = torch.testing.assert_close
seeds = st.integers(0, 10**6)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def draws(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def slopes(f, x, eps=1e-5):
    """Central differences, one number of x at a time."""
    steps = eps * torch.eye(x.numel(), dtype=x.dtype).reshape(-1, *x.shape)
    return torch.stack([(f(x + step) - f(x - step)) / (2 * eps) for step in steps]).reshape(x.shape)


# categorical_kl


@quick
@given(seeds, st.integers(1, 6))
def test_categorical_divergences_agree_with_torch_and_scipy(seed, A):
    p, q = 2 * draws(seed, 2, 4, 3, A)
    result = categorical_kl(p, q)
    close(result, kl_divergence(Categorical(logits=p), Categorical(logits=q)))
    close(result, torch.from_numpy(scipy.stats.entropy(p.exp().numpy(), q.exp().numpy(), axis=-1)))
    close(categorical_kl(p + 30, q - 30), result)
    assert (result >= 0).all()


def test_a_categorical_divergence_by_hand_and_the_other_way_round():
    p, q = tensor(1, 3).log(), tensor(2, 2).log()
    assert categorical_kl(p, q).item() == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5))
    assert categorical_kl(q, p).item() == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))


@quick
@given(seeds)
def test_the_gradients_of_a_categorical_divergence(seed):
    p, q = (x.clone().requires_grad_() for x in draws(seed, 2, 5))
    categorical_kl(p, q).backward()
    fixed_p, fixed_q = p.detach(), q.detach()
    close(p.grad, slopes(lambda x: categorical_kl(x, fixed_q), fixed_p), rtol=1e-6, atol=1e-8)
    close(q.grad, slopes(lambda x: categorical_kl(fixed_p, x), fixed_q), rtol=1e-6, atol=1e-8)
    close(q.grad, fixed_q.softmax(-1) - fixed_p.softmax(-1))


@quick
@given(seeds)
def test_at_itself_value_and_gradient_vanish_and_the_second_derivative_is_the_fisher_matrix(seed):
    logits = draws(seed, 4)
    assert categorical_kl(logits, logits).item() == 0
    moving = logits.clone().requires_grad_()
    categorical_kl(logits, moving).backward()
    close(moving.grad, torch.zeros_like(logits))
    probs = logits.softmax(-1)
    close(hessian(lambda x: categorical_kl(logits, x), logits), probs.diag() - probs.outer(probs))


def test_actions_masked_in_both_policies_count_for_nothing():
    p = tensor(0.3, -torch.inf, 1, -torch.inf).requires_grad_()
    q = tensor(-0.2, -torch.inf, 0.5, 3).requires_grad_()
    result = categorical_kl(p, q)
    close(result, kl_divergence(Categorical(logits=tensor(0.3, -1e3, 1, -1e3)), Categorical(logits=q.detach())))
    result.backward()
    without_p, without_q = tensor(0.3, 1).requires_grad_(), tensor(-0.2, 0.5, 3)
    categorical_kl(torch.cat([without_p, tensor(-1e3)]), without_q).backward()
    close(p.grad, tensor(without_p.grad[0], 0, without_p.grad[1], 0))
    close(q.grad, q.detach().softmax(-1) - p.detach().softmax(-1))
    # the second derivative too, which a Fisher-vector product takes
    assert hessian(lambda x: categorical_kl(p.detach(), x), p.detach()).isfinite().all()


def test_a_divergence_is_infinite_where_q_never_does_what_p_does():
    assert categorical_kl([0.0, 0.0], [0.0, -torch.inf]).item() == torch.inf
    assert categorical_kl([0.0, -torch.inf], [0.0, 0.0]).item() == pytest.approx(math.log(2))
    assert categorical_kl([0.0, -1e4], [0.0, -torch.inf]).item() == 0  # its probability rounds to 0


# gaussian_kl


def gaussians(seed, *shape):
    p_mean, p_log_std, q_mean, q_log_std = draws(seed, 4, *shape)
    return {"p_mean": p_mean, "p_log_std": p_log_std, "q_mean": q_mean, "q_log_std": q_log_std}


@quick
@given(seeds, st.integers(1, 4))
def test_gaussian_divergences_agree_with_torch_and_add_up_over_dimensions(seed, D):
    arguments = gaussians(seed, 2, 3, D)
    p_mean, p_log_std, q_mean, q_log_std = arguments.values()
    p, q = (Independent(Normal(mean, s.exp()), 1) for mean, s in ((p_mean, p_log_std), (q_mean, q_log_std)))
    result = gaussian_kl(**arguments)
    close(result, kl_divergence(p, q))
    assert (result >= 0).all()
    each = [gaussian_kl(**{name: x[..., i : i + 1] for name, x in arguments.items()}) for i in range(D)]
    close(result, sum(each))


@pytest.mark.parametrize("seed", range(5))
def test_a_gaussian_divergence_is_its_integral(seed):
    arguments = gaussians(seed, 1)
    p_mean, p_log_std, q_mean, q_log_std = (x.item() for x in arguments.values())
    p, q = scipy.stats.norm(p_mean, math.exp(p_log_std)), scipy.stats.norm(q_mean, math.exp(q_log_std))
    ends = p.ppf([1e-15, 1 - 1e-15])
    integral, _ = scipy.integrate.quad(lambda x: p.pdf(x) * (p.logpdf(x) - q.logpdf(x)), *ends)
    assert gaussian_kl(**arguments).item() == pytest.approx(integral, rel=1e-6)


def test_gaussian_divergences_by_hand():
    zero, one = tensor(0), tensor(1)
    assert gaussian_kl(zero, zero, one, zero).item() == 0.5  # a mean one standard deviation off
    double = tensor(math.log(2))
    assert gaussian_kl(zero, double, zero, zero).item() == pytest.approx(-math.log(2) + 2 - 0.5)
    assert gaussian_kl(zero, zero, zero, double).item() == pytest.approx(math.log(2) + 1 / 8 - 0.5)
    assert gaussian_kl(tensor(3), double, one, double).item() == pytest.approx(0.5)


@quick
@given(seeds)
def test_the_gradients_of_a_gaussian_divergence(seed):
    arguments = gaussians(seed, 3)
    asks = {name: x.clone().requires_grad_() for name, x in arguments.items()}
    gaussian_kl(**asks).backward()
    for name, x in asks.items():
        difference = slopes(lambda value, name=name: gaussian_kl(**{**arguments, name: value}), arguments[name])
        close(x.grad, difference, rtol=1e-5, atol=1e-7)


def test_at_itself_a_gaussian_divergence_vanishes_and_its_second_derivative_is_the_fisher_matrix():
    mean, log_std = tensor(0.5, -1), tensor(0.2, -0.7)
    both = torch.cat([mean, log_std]).requires_grad_()
    divergence = gaussian_kl(mean, log_std, both[:2], both[2:])
    divergence.backward()
    assert (divergence.item(), both.grad.tolist()) == (0, [0, 0, 0, 0])
    second = hessian(lambda x: gaussian_kl(mean, log_std, x[:2], x[2:]), both.detach())
    close(second, torch.cat([(-2 * log_std).exp(), tensor(2, 2)]).diag())


@pytest.mark.parametrize("log_std", [-80.0, -40.0, 40.0, 80.0])
def test_the_narrowest_and_the_widest_gaussians_are_at_no_distance_from_themselves(log_std):
    """In float32 exp(-40)^2 is 0: a quotient of variances formed one by one would be NaN."""
    mean, log_std = torch.zeros(2), torch.full((2,), log_std)
    asks = log_std.clone().requires_grad_()
    divergence = gaussian_kl(mean, log_std, mean, asks)
    divergence.backward()
    assert (divergence.item(), asks.grad.tolist()) == (0, [0, 0])
