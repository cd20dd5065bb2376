"""Rollouts: what is noted stays with its step, minibatches visit every step once, and seeds stay apart."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcourse.functional.policy_losses import entropy
from rlcourse.parts.policies import Categorical, Gaussian
from rlcourse.parts.rollouts import Rollout, RolloutMemory, Rollouts, as_it_was, look_back, normalised, side_by_side
from rlcourse.parts.seeds import Seeds
from rlcourse.worlds.envs import Step


def a_step(t: int, N: int) -> Step:
    """Environment i's number at time t is 100 t + i; everything else follows from it."""
    number = 100.0 * t + np.arange(N)
    obs = np.stack([number, -number], axis=1)
    return Step(obs, number.astype(int), number, obs + 1, number % 3 == 0, number % 3 == 1)


def a_rollout(T: int, N: int, first: int = 0) -> Rollout:
    rollouts = Rollouts(T)
    return [rollouts.add(a_step(first + t, N)) for t in range(T)][-1]


def test_a_rollout_is_its_steps_in_their_order():
    rollouts, N = Rollouts(3), 4
    for first in (0, 3):
        for t in range(first, first + 3):
            rollouts.note(log_prob=torch.full((N,), float(-t)), extra=torch.ones(N, 2))
            rollout = rollouts.add(a_step(t, N))
            assert (rollout is None) == (t < first + 2)
        numbers = 100.0 * torch.arange(first, first + 3).unsqueeze(1) + torch.arange(N)
        assert torch.equal(rollout.rewards, numbers) and rollout.rewards.dtype == torch.float32
        assert torch.equal(rollout.action, numbers.long()) and torch.equal(rollout.obs[..., 1], -numbers.double())
        assert torch.equal(rollout.next_obs, rollout.obs + 1)
        assert torch.equal(rollout.terminated, numbers % 3 == 0) and torch.equal(rollout.truncated, numbers % 3 == 1)
        assert rollout.terminated.dtype == torch.bool
        assert torch.equal(rollout.log_prob, -torch.arange(first, first + 3.0).unsqueeze(1).expand(3, N))
        assert rollout.extra.shape == (3, N, 2)


def test_what_is_half_collected_can_be_dropped():
    rollouts = Rollouts(3)
    for t in range(2):
        rollouts.note(log_prob=torch.zeros(2))
        rollouts.add(a_step(t, 2))
    rollouts.forget()
    assert [rollouts.add(a_step(t, 2)) is None for t in (5, 6, 7)] == [True, True, False]
    rollouts.forget()
    for t in (8, 9, 10):
        rollout = rollouts.add(a_step(t, 2))
    assert rollout.rewards[:, 0].tolist() == [800, 900, 1000] and not hasattr(rollout, "log_prob")


numbers = settings(derandomize=True, deadline=None, max_examples=80)
sizes = {"T": st.integers(1, 6), "K": st.integers(1, 4), "B": st.integers(1, 3)}


@numbers
@given(parts=st.integers(1, 8), **sizes)
def test_minibatches_visit_every_step_of_every_seed_once(T, K, B, parts):
    rollout, seen = a_rollout(T, K * B), [[] for _ in range(K)]
    advantage = 2 * rollout.rewards
    for batch in rollout.minibatches(parts, Seeds(0, K)("minibatches"), advantage=advantage):
        M = len(batch.rewards) // K
        assert batch.obs.shape == (K * M, 2) and M >= 1
        assert torch.equal(batch.advantage, 2 * batch.rewards), "what comes along stays with its step"
        assert torch.equal(batch.obs[:, 0].float(), batch.rewards)
        for k, mine in enumerate(batch.rewards.view(K, M).tolist()):
            seen[k] += mine
    for k in range(K):
        assert sorted(seen[k]) == sorted(rollout.rewards[:, k * B : (k + 1) * B].flatten().tolist())


def test_minibatches_are_of_equal_size_where_the_parts_divide_the_steps():
    sizes = [len(batch.rewards) for batch in a_rollout(8, 6).minibatches(4, Seeds(0, 3)("minibatches"))]
    assert sizes == [3 * 4] * 4


def test_each_seeds_minibatches_are_those_it_has_alone():
    rollout = a_rollout(6, 8 * 2)
    alone = Rollout(**{name: column[:, 6:8] for name, column in vars(rollout).items()})
    many = rollout.minibatches(3, Seeds(0, 8)("minibatches"))
    one = alone.minibatches(3, Seeds(3, 1)("minibatches"))
    orders = []
    for batch, expected in zip(many, one, strict=True):
        for name, column in vars(expected).items():
            assert torch.equal(getattr(batch, name).unflatten(0, (8, -1))[3], column)
        orders.append(batch.rewards.view(8, -1) % 100 - 2 * torch.arange(8).unsqueeze(1))
    assert (torch.cat(orders, dim=1)[0] != torch.cat(orders, dim=1)[3]).any(), "each seed has an order of its own"


def test_another_epoch_has_another_order():
    rollout, chance = a_rollout(8, 2), Seeds()("minibatches")
    first, second = ([batch.rewards for batch in rollout.minibatches(2, chance)] for _ in range(2))
    assert (torch.cat(first) != torch.cat(second)).any()


def test_epochs_follow_one_another_as_they_would_one_by_one():
    rollout, chance = a_rollout(4, 2), Seeds()("minibatches")
    apart = [batch.rewards for _ in range(3) for batch in rollout.minibatches(2, chance)]
    together = [batch.rewards for batch in rollout.minibatches(2, Seeds()("minibatches"), 3)]
    assert torch.equal(torch.stack(apart), torch.stack(together))


def test_what_came_after_a_step_stays_behind():
    (batch,) = a_rollout(4, 2).minibatches(1, Seeds()("minibatches"))
    assert set(vars(batch)) == {"obs", "action", "rewards"}


# What is made of them


@numbers
@given(**sizes)
def test_each_seeds_advantages_are_normalised_by_themselves(T, K, B):
    x = torch.randn(T, K * B, generator=torch.Generator().manual_seed(T * K * B)) * torch.arange(1.0, K * B + 1) + 5
    whole = normalised(x, K).numpy()
    for k in range(K):
        own = x[:, k * B : (k + 1) * B].numpy()
        spread = own.std()
        expected = (own - own.mean()) / spread if spread else 0 * own
        np.testing.assert_allclose(whole[:, k * B : (k + 1) * B], expected, rtol=1e-3, atol=1e-4)
    flat = x.unflatten(1, (K, B)).transpose(0, 1).flatten()  # as a minibatch has them
    np.testing.assert_allclose(normalised(flat, K).view(K, T, B), whole.reshape(T, K, B).swapaxes(0, 1), atol=1e-5)


def test_what_networks_say_before_they_change_comes_along_without_gradients():
    rollout, weight = a_rollout(3, 2), torch.ones(1, requires_grad=True)
    rollout.action = rollout.action.unsqueeze(-1)
    told = as_it_was(
        lambda obs: Gaussian(weight * obs[..., :1].float(), torch.zeros(2, 1)),
        lambda obs: weight * obs[..., 1],
        rollout,
    )
    assert set(vars(told)) == {*vars(rollout), "values", "next_values", "log_prob", "old"}
    assert torch.equal(told.values, rollout.obs[..., 1]) and torch.equal(told.next_values, rollout.next_obs[..., 1])
    torch.testing.assert_close(told.log_prob, torch.full((3, 2), -0.5 * np.log(2 * np.pi)))  # each took the mean
    assert told.old.shape == (3, 2, 2) and torch.equal(told.old[..., 0], rollout.obs[..., 0].float())
    assert not any(x.requires_grad for x in vars(told).values()) and not hasattr(rollout, "old")


def test_looking_back_tells_what_changed():
    """Two actions, of which the policy took the first one half of the time and takes it 3 times in 5 now."""
    chances = torch.tensor([0.6, 0.4])
    rollout = Rollout(
        obs=torch.zeros(2, 1, 1),
        action=torch.tensor([[0], [1]]),
        log_prob=torch.full((2, 1), 0.5).log(),
        target=torch.tensor([[3.0], [1.0]]),
    )
    told = look_back(
        lambda obs: Categorical(chances.log().expand(2, 1, 2), entropy),
        lambda obs: torch.ones(2, 1),
        rollout,
        0.2 - 1e-5,
        more=torch.ones(3),
    )
    torch.testing.assert_close(told["kl"].mean(), (0.5 * (0.5 / chances).log()).sum())  # KL(old, new), all of it
    assert told["clip_fraction"].tolist() == [[1], [1]] and told["value_error"].tolist() == [[4], [0]]
    torch.testing.assert_close(told["entropy"], -(chances * chances.log()).sum().expand(2, 1))
    assert told["more"].tolist() == [1, 1, 1]
    assert (look_back(lambda obs: Categorical(torch.zeros(2, 1, 2), entropy), lambda obs: 0, rollout)["kl"] == 0).all()


# Rollouts that are kept


def test_a_memory_holds_the_last_ones():
    memory = RolloutMemory(3)
    for first in range(5):
        assert len(memory) == min(first, 3)
        memory.add(a_rollout(2, 4, first=10 * first))
    drawn = {int(memory.recall(Seeds(seed)("replay")).rewards[0, 0]) // 1000 for seed in range(60)}
    assert drawn == {2, 3, 4}


def test_each_seed_recalls_a_rollout_of_its_own_as_it_does_alone():
    K, B = 8, 2
    memory, alone = RolloutMemory(6), RolloutMemory(6)
    for first in range(6):
        rollout = a_rollout(3, K * B, first=10 * first)
        memory.add(rollout)
        alone.add(Rollout(**{name: column[:, 6:8] for name, column in vars(rollout).items()}))
    many, one = Seeds(0, K)("replay"), Seeds(3, 1)("replay")
    ages = set()
    for _ in range(5):
        recalled, expected = memory.recall(many), alone.recall(one)
        assert recalled.obs.shape == (3, K * B, 2)
        for name, column in vars(expected).items():
            assert torch.equal(getattr(recalled, name)[:, 6:8], column)
        assert torch.equal(recalled.rewards[0] % 100, torch.arange(K * B).float()), "every part is at its own place"
        of_each = (recalled.rewards // 1000).unflatten(1, (K, B))
        assert (of_each == of_each[:1, :, :1]).all(), "of one rollout"
        ages.add(tuple(of_each[0, :, 0].tolist()))
    assert len(ages) > 1 and all(len(set(of_seeds)) > 1 for of_seeds in ages)


@numbers
@given(n=st.integers(1, 4), **sizes)
def test_side_by_side_seed_0s_parts_come_first(T, K, B, n):
    parts = [a_rollout(T, K * B, first=10 * i) for i in range(n)]
    joined = side_by_side(parts, K)
    assert set(vars(joined)) == set(vars(parts[0])) and joined.obs.shape == (T, K * n * B, 2)
    for k in range(K):
        for i, part in enumerate(parts):
            mine = slice(k * n * B + i * B, k * n * B + (i + 1) * B)
            for name, column in vars(part).items():
                assert torch.equal(getattr(joined, name)[:, mine], column[:, k * B : (k + 1) * B])


@pytest.mark.parametrize("dtype", [np.uint8, np.float64, np.int64, bool])
def test_observations_keep_their_type(dtype):
    rollouts = Rollouts(1)
    rollout = rollouts.add(a_step(0, 2)._replace(obs=np.ones((2, 3), dtype)))
    assert rollout.obs.numpy().dtype == dtype
