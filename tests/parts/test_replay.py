"""Replay: windows of n steps against a reading of the history step by step."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcourse.agents import rainbow
from rlcourse.parts.replay import PrioritizedReplay, ReplayBuffer, replay_memory
from rlcourse.parts.seeds import Seeds
from rlcourse.worlds.envs import Step


def fill(buffer: ReplayBuffer, n: int, n_envs: int = 1, ends=None, rng=None) -> list[Step]:
    """n steps of each environment; observation (seed, environment, number of the step)."""
    rng = rng or np.random.default_rng(0)
    K, steps = buffer.n_seeds, []
    for t in range(n):
        k, b = (x.ravel() for x in np.meshgrid(np.arange(K), np.arange(n_envs), indexing="ij"))
        obs = np.stack([k, b, np.full_like(k, t)], axis=-1).astype(np.float32)
        over = rng.random((2, len(k))) < 0.2 if ends is None else np.array([ends(t)] * len(k)).T
        step = Step(obs, k * 0 + t % 2, obs[..., 2] * 10.0 + k, obs + [0, 0, 0.5], over[0], over[1])
        buffer.add(step)
        steps.append(step)
    return steps


def read(steps: list[Step], kept: int, i: int, t: int, n: int) -> tuple:
    """What a window must hold, read off the history of environment i of all seeds': rewards, the last observation,
    whether it ended, its length."""
    rewards = []
    for u in range(t, min(t + n, kept)):
        rewards.append(steps[u].reward[i])
        if steps[u].terminated[i] or steps[u].truncated[i]:
            break
    return rewards, steps[u].next_obs[i], bool(steps[u].terminated[i]), len(rewards)


@settings(max_examples=40, deadline=None)
@given(
    capacity=st.integers(1, 13), n_envs=st.integers(1, 3), count=st.integers(1, 20), n=st.integers(1, 5),
    seed=st.integers(0, 100),
)  # fmt: skip
def test_windows_are_what_the_history_says(capacity, n_envs, count, n, seed):
    buffer = ReplayBuffer(capacity, Seeds(0, 2))
    steps = fill(buffer, count, n_envs, rng=np.random.default_rng(seed))
    size = min(len(buffer), 4)
    batch = buffer.sample(size, n)
    for row, k in enumerate(np.repeat([0, 1], size)):
        seed_, b, t = (int(x) for x in batch.obs[row])
        assert seed_ == k and t >= count - buffer.capacity // n_envs  # its own seed's, and not forgotten yet
        rewards, last, terminated, length = read(steps, count, k * n_envs + b, t, n)
        assert batch.rewards[:length, row].tolist() == rewards and not batch.rewards[length:, row].any()
        assert np.array_equal(batch.next_obs[row].numpy(), last.astype(np.float32))
        assert bool(batch.terminated[:, row].any()) == terminated and int(batch.length[row]) == length
        assert bool(batch.truncated[length - 1, row]) or terminated or length == n


def test_both_endings_at_once_are_a_termination():
    buffer = ReplayBuffer(10, Seeds())
    fill(buffer, 4, ends=lambda t: (t == 1, t == 1))
    batch = buffer.windows(np.array([[0]]), 3)
    assert batch.terminated[:, 0].tolist() == [False, True, False] and int(batch.length) == 2


def test_draws_are_uniform_and_a_seed_draws_alone_what_it_draws_among_others():
    many, alone = ReplayBuffer(50, Seeds(0, 4)), ReplayBuffer(50, Seeds(2, 1))
    fill(many, 50)
    fill(alone, 50)
    drawn = np.concatenate([many.sample(50).index for _ in range(100)], axis=1)
    counts = np.stack([np.bincount(row, minlength=50) for row in drawn])
    assert abs(counts - 100).max() < 5 * np.sqrt(100)  # 5 standard deviations of a binomial
    again = np.concatenate([alone.sample(50).index for _ in range(100)], axis=1)
    assert np.array_equal(again[0], drawn[2])


def test_what_was_cut_off_is_no_part_of_what_follows():
    """`cut` marks the newest steps: a window of three that begins at the last one has length 1, and bootstraps."""
    buffer = ReplayBuffer(10, Seeds(0, 2))
    fill(buffer, 4, n_envs=2, ends=lambda t: (False, False))
    assert buffer.windows(np.array([[2, 3]] * 2), 3).length.tolist() == [3, 3, 3, 3]
    buffer.cut()
    fill(buffer, 1, n_envs=2, ends=lambda t: (True, False))
    batch = buffer.windows(np.array([[6, 7]] * 2), 3)
    assert batch.length.tolist() == [1, 1, 1, 1]
    assert batch.truncated[0].all() and not batch.terminated.any()
    buffer.cut()
    assert not buffer.windows(np.array([[8, 9]] * 2), 3).truncated.any(), "an end is no cut"


def test_a_step_of_other_environments_is_said():
    buffer = ReplayBuffer(10, Seeds())
    fill(buffer, 1, n_envs=4)
    with pytest.raises(ValueError, match="step: got 1 environments, expected 4, as before"):
        fill(buffer, 1)


def test_uniform_draws_weigh_the_same_and_learn_nothing_from_errors():
    buffer = ReplayBuffer(10, Seeds(0, 2))
    fill(buffer, 4)
    batch = buffer.sample(3, beta=0.7)
    assert batch.weights.tolist() == [1.0] * 6
    buffer.update(batch.index, torch.full((6,), torch.nan))


@pytest.mark.parametrize("size, n, says", [(5, 1, "size: got 5, expected 1 to 4"), (0, 1, "size"), (2, 0, "n: got 0")])
def test_what_cannot_be_drawn_is_said(size, n, says):
    buffer = ReplayBuffer(10, Seeds())
    fill(buffer, 4)
    with pytest.raises(ValueError, match=says):
        buffer.sample(size, n)


def test_an_empty_buffer_and_no_room_are_said():
    with pytest.raises(ValueError, match="size: got 1, expected 1 to 0"):
        ReplayBuffer(10, Seeds()).sample(1)
    with pytest.raises(ValueError, match="capacity: got 0"):
        ReplayBuffer(0, Seeds())


def test_priorities_draw_in_proportion_and_weights_make_up_for_it():
    """A weight is 1 / (N P) where beta = 1, over the largest one of its own seed's batch."""
    buffer = PrioritizedReplay(8, Seeds(0, 2), alpha=1.0, eps=0.0)
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
    buffer = PrioritizedReplay(10, Seeds(), alpha=1.0, eps=0.0)
    fill(buffer, 3)
    buffer.update(np.array([[0, 1]]), torch.tensor([5.0, 0.5]))
    fill(buffer, 1)
    assert buffer.tree.get(np.array([[0, 1, 2, 3]])).tolist() == [[5, 0.5, 1, 5]]
    buffer.priority = lambda error, alpha, eps: error * torch.nan
    with pytest.raises(ValueError, match="priority: got NaN"):
        buffer.update(np.array([[0]]), torch.tensor([1.0]))
    buffer.priority = lambda error, alpha, eps: -error
    with pytest.raises(ValueError, match="priority: got NaN, infinite or negative"):
        buffer.update(np.array([[0]]), torch.tensor([1.0]))
    buffer.priority = lambda error, alpha, eps: error.abs()
    buffer.update(np.array([[0, 1, 2, 3]]), torch.zeros(4))
    with pytest.raises(ValueError, match="all priorities are zero"):
        buffer.sample(2)
    with pytest.raises(ValueError, match="alpha: got -1"):
        PrioritizedReplay(10, Seeds(), alpha=-1)


def test_a_seed_whose_errors_are_nan_keeps_its_priorities_and_its_neighbour_gets_new_ones():
    buffer = PrioritizedReplay(4, Seeds(0, 2), alpha=1.0, eps=0.0)
    fill(buffer, 3)
    index = np.array([[0, 1], [0, 1]])
    buffer.update(index, torch.tensor([2.0, 3.0, 4.0, 5.0]))
    buffer.update(index, torch.tensor([np.nan, np.inf, 0.5, 0.25]))
    assert buffer.tree.get(index).tolist() == [[2, 3], [0.5, 0.25]]
    assert buffer.largest.tolist() == [3, 5]


def test_the_settings_choose_the_memory_and_refuse_what_they_never_call():
    off = rainbow.Config(distributional=False, prioritized=False, capacity=70)
    on = rainbow.Config(distributional=False, capacity=70, alpha=0.3)

    def ones(error, alpha, eps):
        return error * 0 + 1

    library = rainbow.replay.priority, rainbow.replay.importance_weights
    assert type(replay_memory(Seeds(), off, *library)) is ReplayBuffer
    memory = replay_memory(Seeds(), on, ones, library[1])
    assert (type(memory), memory.capacity, memory.alpha) == (PrioritizedReplay, 70, 0.3)
    for name, equations in (("priority", (ones, library[1])), ("importance_weights", (library[0], ones))):
        with pytest.raises(ValueError, match=f"^{name}: got a function that these settings never call"):
            replay_memory(Seeds(), off, *equations)
