"""n-step returns, against numbers published with rlax and sums written out step by step."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcourse.functional.returns import n_step_returns
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


@pytest.mark.parametrize("n", [3, 5, 7])
def test_numbers_published_with_rlax(n):
    """rlax, multistep_test.py: NStepBootstrappedReturnsTest; there time is the last axis."""
    rewards = tensor([[1.0, 0.0, -1.0, 0.0, 1.0], [0.5, 0.8, -0.7, 0.0, 2.1]]).T
    gamma = tensor([[0.5, 0.9, 1.0, 0.5, 0.8], [0.9, 0.5, 0.3, 0.8, 0.7]]).T
    values = tensor([[3.0, 1.0, 5.0, -5.0, 3.0], [-1.7, 1.2, 2.3, 2.2, 2.7]]).T
    expected = {
        3: [[2.8, -3.15, 0.7, 1.7, 3.4], [1.2155, 0.714, 0.2576, 3.192, 3.99]],
        5: [[1.315, 0.63, 0.7, 1.7, 3.4], [1.33592, 0.9288, 0.2576, 3.192, 3.99]],
    }
    result = n_step_returns(rewards, values, nowhere(rewards), nowhere(rewards), gamma, n)
    close(result, tensor(expected[min(n, 5)]).T)
    # an episode that ends is, for rlax, one with a discount of 0
    zeroed = torch.where(torch.arange(10).reshape(5, 2) % 3 == 1, 0, gamma)
    close(
        n_step_returns(rewards, values, zeroed == 0, nowhere(rewards), gamma, n),
        n_step_returns(rewards, values, nowhere(rewards), nowhere(rewards), zeroed, n),
    )


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
def test_nothing_after_an_ending_and_no_other_column_is_looked_at(rollout, n, at):
    arguments, draw = a_rollout(*rollout)
    T, B = arguments["rewards"].shape
    at = at % T
    for ending in ("terminated", "truncated"):
        ended = {**arguments, ending: arguments[ending].index_fill(0, torch.tensor(at), True)}
        changed = {name: x.clone() for name, x in ended.items()}
        for name, x in a_rollout(T, B, 12345, 0.5)[0].items():
            changed[name][at + 1 :] = x[at + 1 :]
        before, after = n_step_returns(**ended, gamma=0.9, n=n), n_step_returns(**changed, gamma=0.9, n=n)
        assert torch.equal(before[: at + 1], after[: at + 1])
        column = {name: x[:, :1] for name, x in ended.items()}
        close(n_step_returns(**column, gamma=0.9, n=n), before[:, :1])


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
