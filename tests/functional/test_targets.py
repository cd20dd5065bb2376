"""The targets, each against a closed form, numbers published elsewhere, or its definition in plain Python loops."""

import math
import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rlcourse.functional.targets import (
    categorical_projection,
    double_q_target,
    dueling_q,
    huber_loss,
    polyak_update,
    q_target,
    td_target,
)

quick = settings(derandomize=True, deadline=None, max_examples=50)
close = torch.testing.assert_close
seeds = st.integers(0, 10**6)
discounts = st.sampled_from([0.0, 0.5, 0.99, 1.0])


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def transitions(seed, B=6, A=4):
    """reward [B], terminated [B] and two tables of action values [B, A], random."""
    draw = torch.Generator().manual_seed(seed)
    reward = torch.randn(B, generator=draw, dtype=torch.float64)
    terminated = torch.rand(B, generator=draw) < 0.4
    return reward, terminated, *torch.randn(2, B, A, generator=draw, dtype=torch.float64)


# td_target, q_target, double_q_target


def test_targets_by_hand():
    reward, terminated = tensor(1, 1, -2), torch.tensor([False, True, False])
    assert td_target(reward, terminated, tensor(10, 10, 0), 0.5).tolist() == [6, 1, -2]
    next_q = torch.stack([tensor(4, 1, 9), tensor(4, 1, 9), tensor(-4, -1, -9)])
    assert q_target(reward, terminated, next_q, 0.5).tolist() == [1 + 4.5, 1, -2 - 0.5]
    # the online network takes the first action where the target network alone would take another
    online = torch.stack([tensor(7, 2, 5)] * 3)
    assert double_q_target(reward, terminated, next_q, online, 0.5).tolist() == [1 + 2, 1, -2 - 2]


def test_numbers_published_with_rlax():
    """rlax, value_learning_test.py: a TD error plus the value that it was taken from."""
    v_t = tensor(0, 0, 0, 1, 1, 1, 2, 2, 2)
    discount = tensor(0, 0.5, 1, 0, 0.5, 1, 0, 0.5, 1)
    td_error = tensor(-2, -2, -2, -2, -1.5, -1, -2, -1, 0)
    never = torch.zeros(9, dtype=torch.bool)
    close(td_target(torch.full_like(v_t, -1), never, v_t, discount) - 1, td_error)
    q_t = torch.stack([tensor(0, 1, 0), tensor(1, 2, 0)])
    close(q_target(torch.ones(2), never[:2], q_t, tensor(0, 1)) - tensor(1, 2), tensor(0, 1))
    value = torch.stack([tensor(99, 1, 98), tensor(91, 2, 66)])
    selector = torch.stack([tensor(2, 10, 1), tensor(11, 20, 1)])
    close(double_q_target(torch.ones(2), never[:2], value, selector, tensor(0, 1)) - tensor(1, 2), tensor(0, 1))


@quick
@given(seeds, discounts)
def test_targets_equal_the_equations_one_transition_at_a_time(seed, gamma):
    reward, terminated, next_q, online = transitions(seed)
    plain, double = [], []
    for r, d, q, other in zip(*(x.tolist() for x in (reward, terminated, next_q, online)), strict=True):
        plain.append(r if d else r + gamma * max(q))
        double.append(r if d else r + gamma * q[other.index(max(other))])
    close(q_target(reward, terminated, next_q, gamma), tensor(*plain))
    close(double_q_target(reward, terminated, next_q, online, gamma), tensor(*double))


@quick
@given(seeds, discounts)
def test_double_is_at_most_the_maximum_and_equals_it_where_the_networks_agree(seed, gamma):
    reward, terminated, next_q, online = transitions(seed)
    plain = q_target(reward, terminated, next_q, gamma)
    assert (double_q_target(reward, terminated, next_q, online, gamma) <= plain).all()
    close(double_q_target(reward, terminated, next_q, 3 * next_q + 1, gamma), plain)
    close(td_target(reward, terminated, next_q.max(1).values, gamma), plain)


@pytest.mark.parametrize("actions, expected", [(2, 1 / math.sqrt(math.pi)), (3, 1.5 / math.sqrt(math.pi))])
def test_noise_makes_the_maximum_too_large_by_the_known_mean_and_double_not_at_all(actions, expected):
    """All actions are worth 0; the mean of the largest of two or three standard normals is known."""
    samples = 200_000
    noise = torch.randn(2, samples, actions, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    zero = torch.zeros(samples, dtype=torch.float64)
    five_errors = 5 / math.sqrt(samples)  # of the mean: a standard deviation is at most 1
    assert q_target(zero, zero, noise[0], 1).mean().item() == pytest.approx(expected, abs=five_errors)
    assert double_q_target(zero, zero, *noise, 1).mean().item() == pytest.approx(0, abs=five_errors)


def test_repeated_targets_on_a_chain_settle_at_the_geometric_sum():
    """A walk of five steps that pays 1 each: V = (1 - gamma^k) / (1 - gamma) with k steps to go."""
    gamma, V = 0.9, torch.zeros(6, dtype=torch.float64)
    terminated = torch.tensor([False] * 4 + [True])
    for _ in range(5):
        V = torch.cat([td_target(torch.ones(5, dtype=torch.float64), terminated, V[1:], gamma), tensor(123)])
    close(V[:5], tensor(*((1 - gamma**k) / (1 - gamma) for k in (5, 4, 3, 2, 1))))


def test_masked_actions_are_never_taken():
    masked = torch.stack([tensor(-math.inf, 2, -math.inf)])
    assert q_target([1.0], [False], masked, 0.5).tolist() == [2]
    assert double_q_target([1.0], [False], masked, masked, 0.5).tolist() == [2]


# dueling_q


def test_dueling_by_hand():
    assert dueling_q(tensor(10), tensor(1, 2, 6)).tolist() == [8, 9, 13]
    assert dueling_q(tensor(10), tensor(5)).tolist() == [10]


@quick
@given(seeds, st.floats(-100, 100))
def test_the_mean_of_q_is_the_value_and_a_constant_in_the_advantages_is_nothing(seed, constant):
    value, _, advantage, _ = transitions(seed)
    q = dueling_q(value[:, None], advantage)
    close(q.mean(-1), value)
    close(dueling_q(value[:, None], advantage + constant), q)
    close(q - q[:, :1], advantage - advantage[:, :1])  # differences between actions are those of the advantages


def test_each_action_moves_the_value_of_all():
    """dQ(a) / dA(b) is 1 - 1/|A| for b = a and -1/|A| for another; dQ(a) / dV is 1."""
    by_value, by_advantage = torch.autograd.functional.jacobian(dueling_q, (tensor(3.0), tensor(1, 5, 2, 0)))
    close(by_advantage, torch.eye(4, dtype=torch.float64) - 0.25)
    close(by_value, torch.ones(4, 1, dtype=torch.float64))


# huber_loss


def test_huber_by_hand():
    assert huber_loss(tensor(0, 0.5, -1, 2, -3)).tolist() == [0, 0.125, 0.5, 1.5, 2.5]
    assert huber_loss(tensor(3, -1), delta=2.0).tolist() == [4, 0.5]


@quick
@given(st.lists(st.floats(-30, 30), min_size=1, max_size=5), st.sampled_from([0.1, 1.0, 7.0]))
def test_huber_is_the_area_under_the_clipped_error(td_error, delta):
    """L(x) is the integral of clip(u, -delta, delta) from 0 to x, here a sum of thin strips."""
    for x, loss in zip(td_error, huber_loss(tensor(*td_error), delta).tolist(), strict=True):
        middles = (np.arange(20_000) + 0.5) / 20_000 * x
        assert loss == pytest.approx(np.clip(middles, -delta, delta).mean() * x, abs=1e-5)


@pytest.mark.parametrize("delta", [0.3, 1.0, 4.0])
def test_the_slope_of_huber_is_that_of_finite_differences_and_the_error_clipped(delta):
    x = torch.linspace(-6, 6, 49, dtype=torch.float64).requires_grad_()
    (slope,) = torch.autograd.grad(huber_loss(x, delta).sum(), x)
    h = 1e-6
    with torch.no_grad():
        close(slope, (huber_loss(x + h, delta) - huber_loss(x - h, delta)) / (2 * h), atol=1e-6, rtol=0)
        close(slope, x.clamp(-delta, delta))


def test_huber_equals_torch_and_its_slope_stays_finite_where_the_square_overflows():
    x = torch.linspace(-5, 5, 101)
    for delta in (0.5, 1.0, 3.0):
        close(huber_loss(x, delta), nn.functional.huber_loss(x, torch.zeros(101), reduction="none", delta=delta))
    far = torch.tensor([1e30, -1e30], requires_grad=True)
    huber_loss(far).sum().backward()
    assert far.grad.tolist() == [1, -1] and torch.isfinite(huber_loss(far)).all()


# categorical_projection


def c51_by_loops(next_probs, reward, terminated, gamma, support):
    """Algorithm 1 of Bellemare, Dabney and Munos (2017) for one transition, with the case l = u that its text leaves
    out: there the two shares (u - b) and (b - l) are both 0, and the mass would vanish."""
    low, high, last = support[0], support[-1], len(support) - 1
    spacing = (high - low) / last
    m = [0.0] * len(support)
    for p, z in zip(next_probs, support, strict=True):
        moved = min(max(reward + (0.0 if terminated else gamma) * z, low), high)
        b = min(max((moved - low) / spacing, 0.0), float(last))
        lower, upper = math.floor(b), math.ceil(b)
        if lower == upper:
            m[lower] += p
        else:
            m[lower] += p * (upper - b)
            m[upper] += p * (b - lower)
    return m


def a_distribution(seed, B=6, N=9, width=3.0):
    draw = torch.Generator().manual_seed(seed)
    next_probs = (2 * torch.randn(B, N, generator=draw, dtype=torch.float64)).softmax(-1)
    reward = 2 * torch.randn(B, generator=draw, dtype=torch.float64)
    return (
        next_probs,
        reward,
        torch.rand(B, generator=draw) < 0.3,
        torch.linspace(-width, width, N, dtype=torch.float64),
    )


@quick
@given(seeds, discounts, st.sampled_from([2, 3, 9, 51]))
def test_projection_equals_the_loops_of_the_paper(seed, gamma, N):
    next_probs, reward, terminated, support = a_distribution(seed, N=N)
    rows = zip(next_probs.tolist(), reward.tolist(), terminated.tolist(), strict=True)
    expected = tensor(*(c51_by_loops(p, r, d, gamma, support.tolist()) for p, r, d in rows))
    close(categorical_projection(next_probs, reward, terminated, gamma, support), expected, atol=1e-12, rtol=0)


@pytest.mark.parametrize(
    "weights, reward, gamma, support, expected",
    [
        ([0.1, 0.2, 0.1, 0.3, 0.3], 0, 1, [0, 1, 2, 3, 4], [0.1, 0.2, 0.1, 0.3, 0.3]),
        ([0.1, 0.2, 0.1, 0.3, 0.3], -3, 1, [3, 4, 5, 6, 7], [0.7, 0.3, 0, 0, 0]),
        ([0.1, 0.2, 0.2, 0.2, 0.3], 0, 0.5, [0, 4, 8, 12, 16], [0.2, 0.4, 0.4, 0, 0]),
    ],
)
def test_projections_published_with_dopamine(weights, reward, gamma, support, expected):
    """Dopamine, rainbow_agent_test.py: the cases whose moved atoms are reward + gamma * support."""
    result = categorical_projection(tensor(*weights), reward, False, gamma, tensor(*support))
    close(result, tensor(*expected))


def test_projections_by_hand():
    support, p = tensor(-1, 0, 1), tensor(0.25, 0.5, 0.25)
    # atoms go to -0.5, 0.5 and, clamped, 1
    close(categorical_projection(p, 0.5, False, 1, support), tensor(0.125, 0.375, 0.5))
    close(categorical_projection(p, 0.3, True, 1, support), tensor(0, 0.7, 0.3))  # the end is worth the reward alone
    close(categorical_projection(p, 99, True, 1, support), tensor(0, 0, 1))
    close(categorical_projection(p, -99, False, 1, support), tensor(1, 0, 0))
    close(categorical_projection(p[:2] + 0.125, 0.25, False, 0.5, tensor(0, 1)), tensor(0.4375, 0.5625))


@quick
@given(seeds, discounts)
def test_mass_is_kept_and_so_is_the_mean_where_nothing_is_clamped(seed, gamma):
    for dtype, off in ((torch.float64, 1e-12), (torch.float32, 2e-5)):
        next_probs, reward, terminated, support = a_distribution(seed, N=51, width=40.0)
        next_probs, reward, support = next_probs.to(dtype), reward.to(dtype), support.to(dtype)
        next_probs[:, :10] = next_probs[:, -10:] = 0  # nothing near the ends: rewards are a few units at most
        next_probs /= next_probs.sum(-1, keepdim=True)
        projected = categorical_projection(next_probs, reward, terminated, gamma, support)
        assert (projected >= 0).all()
        close(projected.sum(-1), torch.ones(6, dtype=dtype), atol=off, rtol=0)
        mean = reward + gamma * torch.where(terminated, 0, next_probs @ support)
        close(projected @ support, mean, atol=40 * off, rtol=0)


@quick
@given(seeds, st.sampled_from([2, 5, 51, 601]), st.floats(1, 1000), st.integers(-3, 3))
def test_atoms_that_land_on_atoms_keep_their_mass_whatever_the_rounding(seed, N, width, shift):
    """A reward of whole steps moves the probabilities by as many atoms; what passes an end gathers there."""
    support = torch.linspace(-width, width, N)
    next_probs = torch.randn(N, generator=torch.Generator().manual_seed(seed)).softmax(-1)
    projected = categorical_projection(next_probs, shift * 2 * width / (N - 1), False, 1, support)
    expected = torch.zeros(N)
    for j, p in enumerate(next_probs.tolist()):
        expected[min(max(j + shift, 0), N - 1)] += p
    close(projected, expected, atol=1e-4, rtol=0)
    close(projected.sum(), torch.tensor(1.0), atol=2e-5, rtol=0)


def test_a_discount_for_each_transition():
    next_probs, reward, terminated, support = a_distribution(0, B=3)
    gamma = tensor(0, 0.5, 1)
    result = categorical_projection(next_probs, reward, terminated, gamma, support)
    for b in range(3):
        alone = categorical_projection(next_probs[b], reward[b], terminated[b], gamma[b].item(), support)
        close(result[b], alone)


# polyak_update


class Small(nn.Module):
    """A linear layer and batch statistics: buffers of floats and one that counts."""

    def __init__(self, value: float, count: int):
        super().__init__()
        self.linear, self.norm = nn.Linear(2, 3), nn.BatchNorm1d(3)
        with torch.no_grad():
            for x in [*self.parameters(), self.norm.running_mean, self.norm.running_var]:
                x.fill_(value)
            self.norm.num_batches_tracked.fill_(count)


@pytest.mark.parametrize("tau, expected, count", [(0, 2, 5), (1, 10, 9), (0.5, 6, 9), (0.25, 4, 9)])
def test_a_target_moves_its_share_of_the_way(tau, expected, count):
    target, online = Small(2.0, count=5), Small(10.0, count=9)
    assert polyak_update(target, online, tau) is None
    for name, x in target.state_dict().items():
        assert (x == (count if name == "norm.num_batches_tracked" else expected)).all(), name
    assert all((x == 10).all() for x in online.parameters())
    assert all(x.requires_grad and x.grad is None for x in target.parameters())


def test_many_small_steps_close_in_geometrically_and_two_equal_modules_stay():
    target, online = Small(0.0, 0), Small(1.0, 0)
    for _ in range(100):
        polyak_update(target, online, 0.05)
    close(target.linear.weight, torch.full((3, 2), 1 - 0.95**100))
    copy = Small(0.1, 0)
    polyak_update(copy, Small(0.1, 0), 0.3)
    assert (copy.linear.weight == torch.tensor(0.1)).all()  # to the last bit


def test_a_copy_shares_no_memory_with_its_model():
    target, online = Small(0.0, 0), Small(1.0, 0)
    polyak_update(target, online, 1)
    with torch.no_grad():
        online.linear.weight.fill_(7)
    assert (target.linear.weight == 1).all()


@pytest.mark.parametrize(
    "name, value, message",
    [
        ("target", None, "target: got NoneType, expected a torch.nn.Module"),
        ("online", torch.ones(3), "online: got Tensor, expected a torch.nn.Module"),
        ("online", nn.Linear(2, 3), "online: got weight [3, 2], expected weight [1, 2], as in target"),
        ("online", nn.Linear(2, 1, bias=False), "online: got nothing, expected bias [1], as in target"),
        ("online", nn.BatchNorm1d(1), "online: got weight [1], expected weight [1, 2], as in target"),
        ("tau", 1.5, "tau: got 1.5, expected numbers in [0, 1]"),
        ("tau", -0.1, "tau: got -0.1, expected numbers in [0, 1]"),
        ("tau", math.nan, "tau: got NaN, expected numbers"),
        ("tau", [0.1, 0.2], "tau: got shape (2,), expected a single number"),
    ],
)
def test_modules_that_do_not_match_are_refused_before_anything_moves(name, value, message):
    arguments = {"target": nn.Linear(2, 1), "online": nn.Linear(2, 1), "tau": 0.5}
    before = arguments["target"].weight.clone()
    with pytest.raises(ValueError, match=re.escape(message)):
        polyak_update(**{**arguments, name: value})
    assert torch.equal(arguments["target"].weight, before)
