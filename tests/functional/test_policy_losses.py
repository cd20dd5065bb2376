"""The losses of policies, against closed forms, exact expectations on a bandit, and finite differences."""

import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcourse.functional.policy_losses import (
    a2c_loss,
    entropy,
    optimal_baseline,
    score_function_loss,
    trajectory_optimal_baseline,
)

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


# score_function_loss


def test_a_loss_by_hand_and_its_gradients():
    log_prob = tensor(-1, -2, -4).requires_grad_()
    weight = tensor(3, -1, 0.5).requires_grad_()
    loss = score_function_loss(log_prob, weight)
    assert loss.item() == (3 - 2 + 2) / 3
    loss.backward()
    close(log_prob.grad, -tensor(3, -1, 0.5) / 3)
    assert weight.grad is None


@quick
@given(seeds)
def test_its_gradient_is_minus_that_of_the_expected_reward(seed):
    """On a bandit, exactly: each action stands for itself with its own probability as part of the weight."""
    logits, reward = draws(seed, 5).requires_grad_(), draws(seed + 1, 5)
    weight = 5 * logits.softmax(-1) * reward  # has a gradient of its own, which must not count
    score_function_loss(logits.log_softmax(-1), weight).backward()
    close(-logits.grad, slopes(lambda x: x.softmax(-1) @ reward, logits.detach()), rtol=1e-6, atol=1e-8)


def test_time_and_environments_are_one_batch():
    log_prob, weight = draws(0, 4, 3), draws(1, 4, 3)
    close(score_function_loss(log_prob, weight), score_function_loss(log_prob.flatten(), weight.flatten()))


# optimal_baseline


def bandit():
    """Three actions, drawn 1, 2 and 5 times in 8: means over the rows are exact expectations of that policy."""
    p = tensor(1, 2, 5) / 8
    action = torch.tensor([0, 1, 1, 2, 2, 2, 2, 2])
    score = torch.eye(3, dtype=torch.float64)[action] - p  # of log softmax with respect to the logits
    return score, tensor(4, -1, 2)[action].unsqueeze(-1).expand(8, 3)


def variance(score, returns, baseline):
    estimate = score * (returns - baseline)
    return ((estimate - estimate.mean(0)) ** 2).mean(0)


def test_no_other_baseline_has_less_variance():
    score, returns = bandit()
    best = optimal_baseline(score**2, returns)
    assert best.shape == (3,)
    for b in torch.linspace(-6, 6, 601, dtype=torch.float64):
        assert (variance(score, returns, b) >= variance(score, returns, best) - 1e-12).all()
    step = 1e-3
    up, down = variance(score, returns, best + step), variance(score, returns, best - step)
    close(up, down, rtol=1e-9, atol=1e-12)  # the bottom of a parabola
    assert (up > variance(score, returns, best)).all()
    assert (variance(score, returns, returns.mean(0)) > variance(score, returns, best) + 1e-3).all()  # not the mean


def test_one_baseline_for_all_parameters_has_the_least_variance_in_all():
    score, returns = bandit()
    best = optimal_baseline((score**2).sum(-1), returns[:, 0])
    assert best.shape == ()
    for b in torch.linspace(-6, 6, 601, dtype=torch.float64):
        assert variance(score, returns, b).sum() >= variance(score, returns, best).sum() - 1e-12


def test_the_mean_of_the_gradient_does_not_depend_on_the_baseline():
    score, returns = bandit()
    without, baselined = (score * returns).mean(0), (score * (returns - optimal_baseline(score**2, returns))).mean(0)
    close(without, baselined)


def test_a_baseline_by_hand():
    score_sq, returns = tensor([1, 0, 2], [3, 0, 0]), tensor([8, 5, 7], [4, 1, 3])
    # (8 + 3 * 4) / 4; no score at all: the mean return, 3; only the first counts: 7
    assert optimal_baseline(score_sq, returns).tolist() == [5, 3, 7]
    assert optimal_baseline(tensor(1e-310), tensor(-3)).item() == pytest.approx(-3)


# trajectory_optimal_baseline


def two_steps():
    """Every episode of two steps with two actions each, repeated as often as it comes in 64.

    Both steps have the same logits, and what the second one pays depends on both actions. Scores [64, 2, 2], returns
    to go [64, 2].
    """
    p, rewards = tensor(1, 7) / 8, tensor([3, 1], [-2, 5])
    rows = [(a, b) for a in (0, 1) for b in (0, 1) for _ in range(int(64 * p[a] * p[b]))]
    actions = torch.tensor(rows)
    second = rewards[actions[:, 0], actions[:, 1]]
    first = tensor(2, 4)[actions[:, 0]]
    return torch.eye(2, dtype=torch.float64)[actions] - p, torch.stack([first + second, second], dim=1)


def variance_of_sums(score, returns, baseline):
    estimate = (score * (returns.unsqueeze(-1) - baseline)).sum(1)
    return ((estimate - estimate.mean(0)) ** 2).mean(0)


def test_over_whole_episodes_no_constant_has_less_variance():
    score, returns = two_steps()
    best = trajectory_optimal_baseline(score, returns)
    assert best.shape == (2,)
    lowest = variance_of_sums(score, returns, best)
    for b in torch.linspace(-6, 16, 601, dtype=torch.float64):
        assert (variance_of_sums(score, returns, b) >= lowest - 1e-12).all()
    step = 1e-3
    up, down = variance_of_sums(score, returns, best + step), variance_of_sums(score, returns, best - step)
    close(up, down, rtol=1e-9, atol=1e-12)  # the bottom of a parabola
    # that of single steps leaves out how the two vary together: both steps have the same parameters here
    single = optimal_baseline(score.flatten(0, 1) ** 2, returns.flatten().unsqueeze(-1).expand(-1, 2))
    assert (variance_of_sums(score, returns, single) > 1.001 * lowest).all()


def test_with_one_step_an_episode_or_no_shared_parameter_both_baselines_agree():
    score, returns = bandit()
    close(trajectory_optimal_baseline(score.unsqueeze(1), returns[:, :1]), optimal_baseline(score**2, returns))

    score, returns = two_steps()
    apart = torch.zeros(len(score), 2, 2, 2, dtype=torch.float64)  # each step has its own row of parameters
    apart[:, 0, 0], apart[:, 1, 1] = score[:, 0], score[:, 1]
    each = torch.stack([optimal_baseline(score[:, t] ** 2, returns[:, t, None].expand(-1, 2)) for t in (0, 1)])
    close(trajectory_optimal_baseline(apart, returns), each)


def test_without_any_score_the_baseline_of_episodes_is_0_and_shapes_must_fit():
    assert trajectory_optimal_baseline(torch.zeros(3, 2, 4), torch.ones(3, 2)).tolist() == [0] * 4
    with pytest.raises(ValueError, match=r"returns: got shape \(3,\), expected \(3, 2\), that of the steps"):
        trajectory_optimal_baseline(torch.zeros(3, 2, 4), torch.ones(3))


# entropy


@quick
@given(seeds, st.integers(1, 6))
def test_entropies_agree_with_scipy(seed, A):
    logits = 3 * draws(seed, 2, 4, A)
    close(entropy(logits), torch.from_numpy(scipy.stats.entropy(np.exp(logits.numpy()), axis=-1)))
    close(entropy(logits + 50), entropy(logits))


@quick
@given(seeds)
def test_the_gradient_of_an_entropy(seed):
    logits = draws(seed, 5).requires_grad_()
    entropy(logits).backward()
    close(logits.grad, slopes(entropy, logits.detach()), rtol=1e-6, atol=1e-8)
    p = logits.detach().softmax(-1)
    close(logits.grad, -p * (p.log() + entropy(logits.detach())))


def test_entropies_at_the_ends_of_their_range():
    close(entropy(torch.full((7,), -3.0)), torch.tensor(math.log(7)))
    assert entropy(tensor(2.0)).item() == 0
    for logits in (tensor(1e4, 0, -1e4), tensor(0, -torch.inf, -torch.inf)):
        logits.requires_grad_()
        assert entropy(logits).item() == 0
        entropy(logits).backward()
        assert logits.grad.tolist() == [0, 0, 0]


def test_a_masked_action_is_as_good_as_none():
    masked = tensor([0.3, -torch.inf, 1, -0.5], [-torch.inf, -torch.inf, 2, 1]).requires_grad_()
    without = tensor(0.3, 1, -0.5).requires_grad_()
    close(entropy(masked)[0], entropy(without))
    entropy(masked).sum().backward()
    entropy(without).backward()
    close(masked.grad[0], tensor(without.grad[0], 0, without.grad[1], without.grad[2]))
    assert masked.grad.isfinite().all()


# a2c_loss


def test_an_actor_critic_loss_by_hand():
    parts = {
        "log_prob": tensor(-1, -3),
        "advantage": tensor(2, -1),
        "value": tensor(5, 1),
        "value_target": tensor(2, 2),
    }
    of_coefficients = [((0, 0), -0.5), ((1, 0), -0.5 + 5), ((0, 1), -0.5 - 0.75), ((0.5, 0.1), -0.5 + 2.5 - 0.075)]
    for (value_coef, entropy_coef), expected in of_coefficients:
        loss = a2c_loss(**parts, entropy=tensor(0.5, 1), value_coef=value_coef, entropy_coef=entropy_coef)
        assert loss.item() == pytest.approx(expected)


@quick
@given(seeds)
def test_gradients_reach_the_policy_the_value_and_the_entropy_but_not_what_counts_as_given(seed):
    log_prob, advantage, value, value_target, bonus = (x.clone().requires_grad_() for x in draws(seed, 5, 3, 2))
    a2c_loss(log_prob, advantage, value, value_target, bonus, value_coef=0.5, entropy_coef=0.01).backward()
    close(log_prob.grad, -advantage.detach() / 6)
    close(value.grad, 2 * 0.5 * (value - value_target).detach() / 6)
    close(bonus.grad, torch.full_like(bonus, -0.01 / 6))
    assert advantage.grad is None and value_target.grad is None


def test_more_entropy_is_less_loss_and_a_step_down_raises_the_chance_of_a_good_action():
    logits = tensor(2, 0, 0).requires_grad_()
    nothing = torch.zeros(1, dtype=torch.float64)

    def loss(advantage, entropy_coef):
        log_prob = logits.log_softmax(-1)[:1]
        return a2c_loss(log_prob, tensor(advantage), nothing, nothing, entropy(logits)[None], 1.0, entropy_coef)

    for advantage, entropy_coef, sign in [(1.0, 0.0, 1), (-1.0, 0.0, -1), (0.0, 1.0, -1)]:
        (gradient,) = torch.autograd.grad(loss(advantage, entropy_coef), logits)
        assert torch.sign(-gradient[0]) == sign
