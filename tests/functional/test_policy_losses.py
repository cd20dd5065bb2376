"""The losses of policies, against closed forms, exact expectations on a bandit, and finite differences."""

import itertools
import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcourse.functional.policy_losses import (
    a2c_loss,
    adaptive_kl_coef,
    entropy,
    kl_penalty_loss,
    off_policy_weights,
    optimal_baseline,
    ppo_clip_loss,
    score_function_loss,
    surrogate_loss,
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


# off_policy_weights


def test_weights_are_products_of_ratios_up_to_their_step():
    pi, mu = tensor([0.5, 0.1], [0.2, 0.9], [1, 0.3]), tensor([0.25, 0.2], [0.4, 0.9], [0.1, 0.6])
    close(off_policy_weights(pi.log(), mu.log()), tensor([2, 0.5], [1, 0.5], [10, 0.25]))


@quick
@given(seeds, st.integers(1, 5))
def test_weighted_rewards_of_one_policy_are_those_of_the_other(seed, T):
    """Exactly: every sequence of actions of a two-armed bandit, played T times, stands for itself."""
    pi, mu, reward = draws(seed, T, 2).softmax(-1), draws(seed + 1, T, 2).softmax(-1), draws(seed + 2, T, 2)
    rows = torch.tensor(list(itertools.product((0, 1), repeat=T))).T  # [T, 2^T], a sequence a column
    chosen = lambda table: table.gather(1, rows)  # noqa: E731
    weights = off_policy_weights(chosen(pi).log(), chosen(mu).log())
    chance = chosen(mu).prod(dim=0)
    close(chance @ weights.T, torch.ones(T, dtype=torch.float64))
    close(torch.stack([chance @ (w * r) for w, r in zip(weights, chosen(reward), strict=True)]), (pi * reward).sum(1))


def test_weights_have_the_gradient_of_the_learned_policy_alone():
    log_prob, behaviour = draws(0, 3, 2).requires_grad_(), draws(1, 3, 2).requires_grad_()
    weights = off_policy_weights(log_prob, behaviour)
    weights[1].sum().backward()
    close(log_prob.grad, torch.stack([weights[1], weights[1], torch.zeros(2)]).detach().double())
    assert behaviour.grad is None


# surrogate_loss


def test_a_surrogate_by_hand_and_its_gradients():
    ratio, advantage = tensor(1, 2, 0.5).requires_grad_(), tensor(3, -1, 2).requires_grad_()
    loss = surrogate_loss(ratio, advantage)
    assert loss.item() == pytest.approx(-(3 - 2 + 1) / 3)
    loss.backward()
    close(ratio.grad, -advantage.detach() / 3)
    assert advantage.grad is None


@quick
@given(seeds)
def test_where_nothing_has_moved_its_gradient_is_the_policy_gradient(seed):
    logits, action, advantage = draws(seed, 6, 4).requires_grad_(), torch.arange(6) % 4, draws(seed + 1, 6)
    log_prob = logits.log_softmax(-1)[torch.arange(6), action]
    (ours,) = torch.autograd.grad(surrogate_loss((log_prob - log_prob.detach()).exp(), advantage), logits)
    log_prob = logits.log_softmax(-1)[torch.arange(6), action]
    (plain,) = torch.autograd.grad(score_function_loss(log_prob, advantage), logits)
    close(ours, plain)


@quick
@given(seeds)
def test_in_one_state_a_surrogate_is_exact(seed):
    """The expected advantage under the new policy, from the old one's actions: no state comes after this one."""
    old, new, advantage = draws(seed, 5).softmax(-1), draws(seed + 1, 5).softmax(-1), draws(seed + 2, 5)
    loss = surrogate_loss(new / old, 5 * old * advantage)
    close(-loss, new @ advantage)


# ppo_clip_loss


def clipped_by_cases(ratio, advantage, eps):
    """As the figure of the paper is drawn: a line that goes flat on the side on which there is something to win."""
    total = 0.0
    for rho, A in zip(ratio.tolist(), advantage.tolist(), strict=True):
        if A > 0:
            total += A * (1 + eps if rho > 1 + eps else rho)
        else:
            total += A * (1 - eps if rho < 1 - eps else rho)
    return -total / len(ratio)


@quick
@given(seeds, st.floats(0, 0.9))
def test_the_clipped_loss_is_that_of_its_cases(seed, eps):
    ratio, advantage = draws(seed, 30).exp(), draws(seed + 1, 30)
    assert ppo_clip_loss(ratio, advantage, eps).item() == pytest.approx(clipped_by_cases(ratio, advantage, eps))
    assert ppo_clip_loss(ratio, advantage, eps) >= surrogate_loss(ratio, advantage) - 1e-12, "a bound, never better"


@pytest.mark.parametrize(
    ("ratio", "advantage", "slope"),
    [
        (1.0, 2.0, 2.0),
        (1.1, 2.0, 2.0),
        (1.5, 2.0, 0.0),  # far enough in the direction that A asks for
        (0.5, 2.0, 2.0),  # too far in the other one: it is called back
        (1.0, -2.0, -2.0),
        (0.5, -2.0, 0.0),
        (1.5, -2.0, -2.0),  # as printed, min(rho, clip(rho)) A: nothing would call it back
        (1.5, 0.0, 0.0),
    ],
)
def test_where_the_gradient_of_the_clipped_loss_ends(ratio, advantage, slope):
    rho, A = tensor(ratio).requires_grad_(), tensor(advantage).requires_grad_()
    ppo_clip_loss(rho, A, 0.2).backward()
    assert rho.grad.item() == -slope and A.grad is None


def test_with_a_wide_clip_it_is_the_surrogate_and_with_none_nothing_is_won():
    ratio, advantage = draws(0, 8).exp(), draws(1, 8)
    close(ppo_clip_loss(ratio, advantage, 1e6), surrogate_loss(ratio, advantage))
    assert ppo_clip_loss(tensor(3), tensor(1), 0.0).item() == -1
    assert ppo_clip_loss(tensor(0), tensor(-1), 0.0).item() == 1


# kl_penalty_loss


def test_a_penalty_by_hand_and_its_gradients():
    ratio, advantage, kl = (x.requires_grad_() for x in (tensor(1, 2), tensor(3, -1), tensor(0.5, 1)))
    loss = kl_penalty_loss(ratio, advantage, kl, 0.4)
    assert loss.item() == pytest.approx(-(3 - 2) / 2 + 0.4 * 0.75)
    loss.backward()
    close(ratio.grad, tensor(-1.5, 0.5))
    close(kl.grad, tensor(0.2, 0.2))
    assert advantage.grad is None
    assert kl_penalty_loss(ratio, advantage, kl, 0.0) == surrogate_loss(ratio, advantage)


def test_a_price_finds_the_policy_that_a_bound_would():
    """In one state Lagrange's condition can be read off: A(a) + beta old(a) / new(a) is the same for every action."""
    old, advantage, beta = tensor(0.5, 0.3, 0.2), tensor(1, 0, -1), 0.7
    logits = old.log().clone().requires_grad_()
    optimiser = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        new = logits.softmax(-1)
        kl = (old * (old.log() - new.log())).sum().expand(3)
        value = kl_penalty_loss(new / old, 3 * old * advantage, kl, beta)
        value.backward()
        return value

    optimiser.step(loss)
    new = logits.detach().softmax(-1)
    level = advantage + beta * old / new
    close(level, level.mean().expand(3), rtol=1e-5, atol=1e-6)


# adaptive_kl_coef


@pytest.mark.parametrize(
    ("kl", "factor"),
    [
        (0.0, 0.5),
        (0.0199, 0.5),
        (0.0201, 1),
        (0.03, 1),
        (0.0449, 1),
        (0.0451, 2),
        (10.0, 2),
        (-1e-6, 0.5),
    ],
)
def test_the_price_halves_below_two_thirds_of_the_target_and_doubles_above_one_and_a_half(kl, factor):
    assert adaptive_kl_coef(0.4, kl, 0.03) == 0.4 * factor
    assert adaptive_kl_coef(torch.tensor(0.5), torch.tensor(kl), np.float64(0.03)) == 0.5 * factor


def test_at_the_ends_of_the_middle_the_price_stays():
    assert adaptive_kl_coef(1.0, 2.0, 3.0) == 1.0 and adaptive_kl_coef(1.0, 4.5, 3.0) == 1.0


@pytest.mark.parametrize("name", ["beta", "kl", "target_kl"])
@pytest.mark.parametrize("value", [math.nan, math.inf, torch.ones(2), "a", None])
def test_a_price_that_makes_no_sense_is_named(name, value):
    with pytest.raises(ValueError, match=f"^{name}: got .*, expected"):
        adaptive_kl_coef(**{"beta": 1.0, "kl": 0.1, "target_kl": 0.1, name: value})
    if name != "kl":
        for low in (0, -1.0):
            with pytest.raises(ValueError, match=f"^{name}: got .*, expected numbers in"):
                adaptive_kl_coef(**{"beta": 1.0, "kl": 0.1, "target_kl": 0.1, name: low})
