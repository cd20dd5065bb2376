"""Replay: windows of n steps against a reading of the history step by step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcourse.parts.replay import ReplayBuffer, fold, unfold
from rlcourse.worlds.envs import Step


def fill(buffer: ReplayBuffer, n: int, per_seed: int = 1, ends=None, rng=None) -> list[Step]:
    """n steps of each environment; observation (seed, environment, number of the step)."""
    rng = rng or np.random.default_rng(0)
    K, steps = buffer.n_seeds, []
    for t in range(n):
        k, b = np.meshgrid(np.arange(K), np.arange(per_seed), indexing="ij")
        obs = np.stack([k, b, np.full_like(k, t)], axis=-1).astype(np.float32)
        over = (
            rng.random((2, K, per_seed)) < 0.2
            if ends is None
            else np.array([ends(t)] * K * per_seed).T.reshape(2, K, -1)
        )
        step = Step(obs, k * 0 + t % 2, obs[..., 2] * 10.0 + k, obs + [0, 0, 0.5], over[0], over[1])
        buffer.add(step)
        steps.append(step)
    return steps


def read(steps: list[Step], kept: int, k: int, b: int, t: int, n: int) -> tuple:
    """What a window must hold, read off the history: rewards, the last observation, whether it ended, its length."""
    rewards = []
    for u in range(t, min(t + n, kept)):
        rewards.append(steps[u].reward[k, b])
        if steps[u].terminated[k, b] or steps[u].truncated[k, b]:
            break
    return rewards, steps[u].next_obs[k, b], bool(steps[u].terminated[k, b]), len(rewards)


@settings(max_examples=40, deadline=None)
@given(
    capacity=st.integers(1, 13), per_seed=st.integers(1, 3), count=st.integers(1, 20), n=st.integers(1, 5),
    seed=st.integers(0, 100),
)  # fmt: skip
def test_windows_are_what_the_history_says(capacity, per_seed, count, n, seed):
    buffer = ReplayBuffer(capacity, 2)
    steps = fill(buffer, count, per_seed, rng=np.random.default_rng(seed))
    size = min(len(buffer), 4)
    batch = buffer.sample(size, n)
    for row, k in enumerate(np.repeat([0, 1], size)):
        seed_, b, t = (int(x) for x in batch.obs[row])
        assert seed_ == k and t >= count - buffer.capacity // per_seed  # its own seed's, and not forgotten yet
        rewards, last, terminated, length = read(steps, count, k, b, t, n)
        assert batch.rewards[:length, row].tolist() == rewards and not batch.rewards[length:, row].any()
        assert np.array_equal(batch.next_obs[row].numpy(), last.astype(np.float32))
        assert bool(batch.terminated[:, row].any()) == terminated and int(batch.length[row]) == length
        assert bool(batch.truncated[length - 1, row]) or terminated or length == n


def test_both_endings_at_once_are_a_termination():
    buffer = ReplayBuffer(10, 1)
    fill(buffer, 4, ends=lambda t: (t == 1, t == 1))
    batch = buffer.windows(np.array([[0]]), 3)
    assert batch.terminated[:, 0].tolist() == [False, True, False] and int(batch.length) == 2


def test_draws_are_uniform_and_a_seed_draws_alone_what_it_draws_among_others():
    many, alone = ReplayBuffer(50, 4), ReplayBuffer(50, 1, seed=2)
    fill(many, 50)
    fill(alone, 50)
    drawn = np.concatenate([many.sample(50).index for _ in range(100)], axis=1)
    counts = np.stack([np.bincount(row, minlength=50) for row in drawn])
    assert abs(counts - 100).max() < 5 * np.sqrt(100)  # 5 standard deviations of a binomial
    again = np.concatenate([alone.sample(50).index for _ in range(100)], axis=1)
    assert np.array_equal(again[0], drawn[2])


def test_folding_puts_seed_0_first_and_unfolding_undoes_it():
    import torch

    x = torch.arange(24).view(2, 3, 4)
    assert torch.equal(fold(x)[:3], x[0]) and torch.equal(unfold(fold(x), 2), x)


@pytest.mark.parametrize("size, n, says", [(5, 1, "size: got 5, expected 1 to 4"), (0, 1, "size"), (2, 0, "n: got 0")])
def test_what_cannot_be_drawn_is_said(size, n, says):
    buffer = ReplayBuffer(10, 1)
    fill(buffer, 4)
    with pytest.raises(ValueError, match=says):
        buffer.sample(size, n)


def test_an_empty_buffer_and_no_room_are_said():
    with pytest.raises(ValueError, match="size: got 1, expected 1 to 0"):
        ReplayBuffer(10, 1).sample(1)
    with pytest.raises(ValueError, match="capacity: got 0, expected at least 1"):
        ReplayBuffer(0, 1)


def test_priorities_draw_in_proportion_and_weights_make_up_for_it():
    """A weight is 1 / (N P) where beta = 1, over the largest one of its own seed's batch."""
    import torch

    from rlcourse.parts.replay import PrioritizedReplay

    buffer = PrioritizedReplay(8, 2, alpha=1.0, eps=0.0)
    fill(buffer, 8, ends=lambda t: (True, False))
    errors = np.array([[1, 2, 3, 4, 5, 6, 7, 8], [8, 1, 1, 1, 1, 1, 1, 1]], float)
    buffer.update(np.tile(np.arange(8), (2, 1)), torch.from_numpy(errors.ravel()))
    drawn = [buffer.sample(8, beta=1.0) for _ in range(500)]
    counts = np.stack([np.bincount(np.concatenate([b.index[k] for b in drawn]), minlength=8) for k in range(2)])
    share = errors / errors.sum(axis=1, keepdims=True)
    assert abs(counts / 4000 - share).max() < 5 * np.sqrt(0.25 / 4000)
    for k in range(2):  # a weight is 1 / (N P), over the largest of its own seed's batch
        raw = 1 / (8 * share[k][drawn[0].index[k]])
        np.testing.assert_allclose(drawn[0].weights[8 * k : 8 * k + 8].numpy(), raw / raw.max(), rtol=1e-5)


def test_a_new_step_gets_the_largest_priority_and_bad_ones_are_said():
    import torch

    from rlcourse.parts.replay import PrioritizedReplay

    buffer = PrioritizedReplay(10, 1, alpha=1.0, eps=0.0)
    fill(buffer, 3)
    buffer.update(np.array([[0, 1]]), torch.tensor([5.0, 0.5]))
    fill(buffer, 1)
    assert buffer.tree.get(np.array([[0, 1, 2, 3]])).tolist() == [[5, 0.5, 1, 5]]
    with pytest.raises(ValueError, match="priority: got NaN"):
        buffer.update(np.array([[0]]), torch.tensor([np.nan]))
    buffer.update(np.array([[0, 1, 2, 3]]), torch.zeros(4))
    with pytest.raises(ValueError, match="all priorities are zero"):
        buffer.sample(2)
    with pytest.raises(ValueError, match="alpha: got -1"):
        PrioritizedReplay(10, 1, alpha=-1)
