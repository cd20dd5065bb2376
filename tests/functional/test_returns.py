"""Discounted, n-step and lambda-returns, against numbers published with rlax and sums written out step by step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcourse.functional.returns import discounted_returns, lambda_returns, n_step_returns
from rlcourse.functional.targets import td_target

quick = settings(derandomize=True, deadline=None, max_examples=60)
close = torch.testing.assert_close


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def nowhere(rewards):
    return torch.zeros_like(rewards, dtype=torch.bool)


def step_by_step(rewards, next_values, terminated, truncated, gamma, n):
    """The definition, one window at a time: walk forward, stop at n steps, at an ending or at the rollout's end."""
    T, B = rewards.shape
    returns = torch.zeros(T, B, dtype=torch.float64)
    for b in range(B):
        for start in range(T):
            total, discount, t = 0.0, 1.0, start
            while True:
                total += discount * float(rewards[t, b])
                discount *= float(gamma[t, b])
                if terminated[t, b]:
                    break
                if truncated[t, b] or t == T - 1 or t == start + n - 1:
                    total += discount * float(next_values[t, b])
                    break
                t += 1
            returns[start, b] = total
    return returns


# rlax, multistep_test.py, where time is the last axis
REWARDS = tensor([[1.0, 0.0, -1.0, 0.0, 1.0], [0.5, 0.8, -0.7, 0.0, 2.1]]).T
GAMMA = tensor([[0.5, 0.9, 1.0, 0.5, 0.8], [0.9, 0.5, 0.3, 0.8, 0.7]]).T
NEXT_VALUES = tensor([[3.0, 1.0, 5.0, -5.0, 3.0], [-1.7, 1.2, 2.3, 2.2, 2.7]]).T
PUBLISHED = [
    (n_step_returns, 3, [[2.8, -3.15, 0.7, 1.7, 3.4], [1.2155, 0.714, 0.2576, 3.192, 3.99]]),
    (n_step_returns, 5, [[1.315, 0.63, 0.7, 1.7, 3.4], [1.33592, 0.9288, 0.2576, 3.192, 3.99]]),
    (n_step_returns, 7, [[1.315, 0.63, 0.7, 1.7, 3.4], [1.33592, 0.9288, 0.2576, 3.192, 3.99]]),
    (
        lambda_returns,
        0.75,
        [[1.6460547, 0.72281253, 0.7375001, 0.6500001, 3.4], [0.7866317, 0.9913063, 0.1101501, 2.834, 3.99]],
    ),
]


@pytest.mark.parametrize("function, parameter, expected", PUBLISHED, ids=["n3", "n5", "n7", "lambda"])
def test_numbers_published_with_rlax(function, parameter, expected):
    no = nowhere(REWARDS)
    close(function(REWARDS, NEXT_VALUES, no, no, GAMMA, parameter), tensor(expected).T, rtol=1e-5, atol=0)
    # an episode that ends is, for rlax, one with a discount of 0
    zeroed = torch.where(torch.arange(10).reshape(5, 2) % 3 == 1, 0, GAMMA)
    close(
        function(REWARDS, NEXT_VALUES, zeroed == 0, no, GAMMA, parameter),
        function(REWARDS, NEXT_VALUES, no, no, zeroed, parameter),
    )


def test_discounted_returns_published_with_rlax():
    """There the last value is added to the last reward, which is one reward more."""
    expected = tensor([[1.315, 0.63, 0.7, 1.7, 3.4], [1.33592, 0.9288, 0.2576, 3.192, 3.99]]).T
    rewards = torch.cat([REWARDS, NEXT_VALUES[-1:]])
    close(discounted_returns(rewards, torch.cat([GAMMA, torch.ones(1, 2)]))[:-1], expected)


def test_an_episode_by_hand():
    rewards, values = tensor([[1], [2], [4], [8], [16]]), tensor([[10], [20], [40], [80], [160]])
    ended = {"terminated": tensor([[0], [1], [0], [0], [0]]), "truncated": tensor([[0], [0], [0], [1], [0]])}
    result = n_step_returns(rewards, values, **ended, gamma=0.5, n=3)
    # 1 + 2/2, nothing after the end; 2; 4 + 8/2 + 80/4 at the cut; 8 + 80/2; 16 + 160/2 where the rollout stops
    assert result.flatten().tolist() == [2, 2, 28, 48, 96]
    two = n_step_returns(rewards, values, nowhere(rewards), nowhere(rewards), gamma=0.5, n=2)
    assert two.flatten().tolist() == [1 + 1 + 5, 2 + 2 + 10, 4 + 4 + 20, 8 + 8 + 40, 16 + 80]


def test_where_both_are_set_the_episode_terminated():
    one = torch.ones(1, 1)
    assert n_step_returns(one, 9 * one, one, one, 0.5, 1).item() == 1


rollouts = st.tuples(st.integers(1, 7), st.integers(1, 3), st.integers(0, 10**6), st.sampled_from([0.0, 0.2, 0.6]))


def a_rollout(T, B, seed, endings):
    draw = torch.Generator().manual_seed(seed)
    rewards, next_values = torch.randn(2, T, B, generator=draw, dtype=torch.float64)
    terminated, truncated = torch.rand(2, T, B, generator=draw) < endings
    return {"rewards": rewards, "next_values": next_values, "terminated": terminated, "truncated": truncated}, draw


@quick
@given(rollouts, st.integers(1, 9))
def test_any_rollout_equals_its_sums_step_by_step(rollout, n):
    arguments, draw = a_rollout(*rollout)
    gamma = torch.rand(arguments["rewards"].shape, generator=draw, dtype=torch.float64)
    close(n_step_returns(**arguments, gamma=gamma, n=n), step_by_step(**arguments, gamma=gamma, n=n))
    number = torch.full_like(gamma, 0.9)
    close(n_step_returns(**arguments, gamma=0.9, n=n), step_by_step(**arguments, gamma=number, n=n))


@quick
@given(rollouts)
def test_one_step_is_the_td_target(rollout):
    arguments, _ = a_rollout(*rollout)
    expected = td_target(arguments["rewards"], arguments["terminated"], arguments["next_values"], 0.9)
    close(n_step_returns(**arguments, gamma=0.9, n=1), expected)


@pytest.mark.parametrize("n", [6, 7, 10**9])
def test_all_steps_without_an_ending_are_the_discounted_sum_plus_the_last_value(n):
    arguments, _ = a_rollout(6, 2, 0, 0.0)
    powers = 0.9 ** torch.arange(7, dtype=torch.float64)
    ahead = torch.cat([arguments["rewards"], arguments["next_values"][-1:]])
    expected = torch.stack([powers[: 7 - t] @ ahead[t:] for t in range(6)])
    close(n_step_returns(**arguments, gamma=0.9, n=n), expected)


@quick
@given(rollouts, st.integers(1, 9), st.integers(0, 6))
@pytest.mark.parametrize("function", [n_step_returns, lambda_returns])
def test_nothing_after_an_ending_and_no_other_column_is_looked_at(function, rollout, n, at):
    arguments, draw = a_rollout(*rollout)
    parameters = {"gamma": 0.9, "n": n} if function is n_step_returns else {"gamma": 0.9, "lam": n / 9}
    T, B = arguments["rewards"].shape
    at = at % T
    for ending in ("terminated", "truncated"):
        ended = {**arguments, ending: arguments[ending].index_fill(0, torch.tensor(at), True)}
        changed = {name: x.clone() for name, x in ended.items()}
        for name, x in a_rollout(T, B, 12345, 0.5)[0].items():
            changed[name][at + 1 :] = x[at + 1 :]
        before, after = function(**ended, **parameters), function(**changed, **parameters)
        assert torch.equal(before[: at + 1], after[: at + 1])
        column = {name: x[:, :1] for name, x in ended.items()}
        close(function(**column, **parameters), before[:, :1])


@quick
@given(rollouts, st.integers(1, 9))
def test_true_values_are_a_fixed_point_for_every_n(rollout, n):
    """Where next_values are the true discounted sums of what follows, n does not matter."""
    arguments, _ = a_rollout(*rollout)
    T, B = arguments["rewards"].shape
    forever = torch.full((T, B), 0.9, dtype=torch.float64)
    true = step_by_step(**arguments, gamma=forever, n=T)  # bootstraps at cuts and at the end only
    follows = ~(arguments["terminated"] | arguments["truncated"])
    follows[-1] = False
    consistent = torch.where(follows, torch.cat([true[1:], true[:1]]), arguments["next_values"])
    close(n_step_returns(**{**arguments, "next_values": consistent}, gamma=0.9, n=n), true)


# discounted_returns


def test_a_whole_episode_by_hand_and_a_shorter_one_filled_up_with_zeros():
    rewards = tensor([[1, 4], [2, 8], [4, 0]])
    assert discounted_returns(rewards, 0.5).tolist() == [[3, 8], [4, 8], [4, 0]]
    assert discounted_returns(rewards, 1).tolist() == [[7, 12], [6, 8], [4, 0]]
    assert discounted_returns(rewards, 0).tolist() == rewards.tolist()


@quick
@given(rollouts)
def test_discounted_returns_are_double_sums(rollout):
    arguments, draw = a_rollout(*rollout)
    rewards = arguments["rewards"]
    T, B = rewards.shape
    powers = tensor([[0.9 ** (k - t) if k >= t else 0 for k in range(T)] for t in range(T)])
    close(discounted_returns(rewards, 0.9), powers @ rewards)
    gamma = torch.rand(T, B, generator=draw, dtype=torch.float64)
    products = tensor(
        [[sum(gamma[t:k, b].prod() * rewards[k, b] for k in range(t, T)) for b in range(B)] for t in range(T)]
    )
    close(discounted_returns(rewards, gamma), products)


@quick
@given(rollouts)
def test_discounted_returns_are_those_of_an_episode_that_terminates_at_the_last_step(rollout):
    arguments, _ = a_rollout(*rollout[:3], 0.0)
    arguments["terminated"][-1] = True
    expected = n_step_returns(**arguments, gamma=0.9, n=len(arguments["rewards"]))
    close(discounted_returns(arguments["rewards"], 0.9), expected)


# lambda_returns


def test_a_lambda_return_by_hand():
    rewards, values = tensor([[1], [2], [4], [8]]), tensor([[10], [20], [40], [80]])
    ended = {"terminated": tensor([[0], [1], [0], [0]]), "truncated": tensor([[0], [0], [1], [0]])}
    result = lambda_returns(rewards, values, **ended, gamma=0.5, lam=0.25)
    # the second step ends: 2; the first is 1 + (3/4 * 10 + 1/4 * 2) / 2; the cuts bootstrap whole: 4 + 40/2, 8 + 80/2
    assert result.flatten().tolist() == [5, 2, 24, 48]


@quick
@given(rollouts, st.sampled_from([0.0, 0.3, 0.95, 1.0]))
def test_a_lambda_return_is_the_weighted_mean_of_all_n_step_returns(rollout, lam):
    """Weights (1 - lam) lam^(n-1); the longest return, up to the ending, gets all that is left, lam^(h-1)."""
    arguments, draw = a_rollout(*rollout)
    gamma = torch.rand(arguments["rewards"].shape, generator=draw, dtype=torch.float64)
    T, B = gamma.shape
    of_length = [step_by_step(**arguments, gamma=gamma, n=n) for n in range(1, T + 1)]
    ends = arguments["terminated"] | arguments["truncated"]
    expected = torch.zeros(T, B, dtype=torch.float64)
    for t in range(T):
        for b in range(B):
            horizon = next((k - t + 1 for k in range(t, T) if ends[k, b]), T - t)
            for n in range(1, horizon):
                expected[t, b] += (1 - lam) * lam ** (n - 1) * of_length[n - 1][t, b]
            expected[t, b] += lam ** (horizon - 1) * of_length[horizon - 1][t, b]
    close(lambda_returns(**arguments, gamma=gamma, lam=lam), expected)


@quick
@given(rollouts)
def test_lambda_0_is_the_td_target_and_lambda_1_the_return_up_to_the_ending(rollout):
    arguments, _ = a_rollout(*rollout)
    one_step = td_target(arguments["rewards"], arguments["terminated"], arguments["next_values"], 0.9)
    close(lambda_returns(**arguments, gamma=0.9, lam=0), one_step)
    forever = torch.full_like(one_step, 0.9)
    close(lambda_returns(**arguments, gamma=0.9, lam=1), step_by_step(**arguments, gamma=forever, n=99))
