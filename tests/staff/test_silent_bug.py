"""The faults of the silent-bug questions are what they are said to be, and the answers tell them apart."""

import json

import numpy as np
import pytest
import torch

from rlcourse.functional import policy_losses, returns, targets
from rlcourse.functional.returns import discounted_returns
from rlcourse.homework.silent_bugs import silent_bug_curves
from rlcourse.staff import silent_bug
from rlcourse.staff.silent_bug import ps2, ps3, ps4, ps5

torch.set_num_threads(1)


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_the_fault_of_ps2_is_the_broadcast_of_b_against_b_1(n_seeds):
    """The gradient of each seed's loss is that of the mean over the square of [B, 1] against [B]."""
    B, rng = 4, np.random.default_rng(0)
    reward, q = (torch.tensor(rng.normal(size=n_seeds * B)) for _ in range(2))
    never, next_q = torch.zeros(n_seeds * B, dtype=torch.bool), torch.tensor(rng.normal(size=(n_seeds * B, 2)))
    equations = ps2.square_of_errors(n_seeds)
    q.requires_grad_()
    y = equations["double_q_target"](reward, never, next_q, next_q, 0.9)
    (equations["huber_loss"](y - q, 1.0).mean() * n_seeds).backward()  # as the agent does

    alone = q.detach().clone().requires_grad_()
    target = targets.q_target(reward, never, next_q, 0.9)
    for k in range(n_seeds):
        mine = slice(k * B, (k + 1) * B)
        torch.nn.functional.huber_loss(*torch.broadcast_tensors(target[mine, None], alone[mine])).backward()
    torch.testing.assert_close(q.grad, alone.grad)


def test_the_silent_bug_of_ps2_gives_every_state_the_same_value():
    data = silent_bug_curves("ps2")
    n = len(data["steps"])
    assert set(data["shows"]) == {"return", "level", "spread"}
    assert all(curves.shape == (8, n) for agent in ("correct", "faulty") for curves in data[agent].values())
    correct, faulty = ({name: curves[:, -1] for name, curves in data[agent].items()} for agent in ("correct", "faulty"))
    # Of 40 seeds the faulty ones spread by 0.16 at most and the right ones by 0.93 at least; 2 faulty ones reach 50.
    assert (faulty["spread"] < 0.2 * correct["spread"].min()).all()
    assert np.median(faulty["spread"]) < 0.02 * np.median(correct["spread"])
    assert abs(np.median(faulty["level"]) - np.median(correct["level"])) < 10, "the level alone looks right"
    assert (faulty["level"] > 20).all() and (faulty["level"] < 1 / (1 - data["config"]["gamma"])).all()
    assert np.median(correct["return"]) > 100 and np.median(faulty["return"]) < 25
    assert (faulty["return"] < 50).sum() >= 7


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [{"gamma": 0.0}, {"steps_per_copy": 10**9}, {"epsilon_end": 1.0}, {"gamma": 1.0}],
    ids=["gamma 0", "never copied", "explores for ever", "gamma 1"],
)
def test_no_other_answer_of_ps2_has_one_value_at_that_level(fault):
    curves = ps2.dqn_curves(n_seeds=2, evaluations=1, **fault)
    level, spread = curves["level"][:, -1], curves["spread"][:, -1]
    assert not ((spread < 0.2) & (level > 20) & (level < 50)).any()


def test_the_fault_of_ps3_counts_the_episodes_of_a_batch_as_one():
    """The returns are those of the joined rewards, of each seed's own eight episodes."""
    rng, n = np.random.default_rng(0), ps3.N_EPISODES
    episodes = [torch.tensor(rng.uniform(1, 2, size=rng.integers(1, 6))) for _ in range(2 * n)]
    rewards = torch.nn.utils.rnn.pad_sequence(episodes)
    told = ps3.counts_the_next_episodes(rewards, 0.5)
    for seed in (episodes[:n], told[:, :n]), (episodes[n:], told[:, n:]):
        mine = torch.cat([column[: len(episode)] for episode, column in zip(seed[0], seed[1].T, strict=True)])
        torch.testing.assert_close(mine, discounted_returns(torch.cat(seed[0])[:, None], 0.5)[:, 0])


def test_the_silent_bug_of_ps3_is_told_more_than_an_episode_paid():
    data = silent_bug_curves("ps3")
    n = len(data["steps"])
    assert set(data["shows"]) == {"return", "told"}
    assert all(curves.shape == (8, n) for agent in ("correct", "faulty") for curves in data[agent].values())
    gamma, correct, faulty = data["config"]["gamma"], data["correct"], data["faulty"]
    assert (faulty["told"][:, :2] > 1.2 * faulty["return"][:, :2]).all(), "in every seed"
    assert (correct["told"] < correct["return"]).all()
    # A mean of discounted returns is at most the discounted return of the mean length (Jensen).
    assert (correct["told"] <= (1 - gamma ** correct["return"]) / (1 - gamma) + 0.01).all()
    assert np.median(correct["return"][:, -1]) > 2 * np.median(faulty["return"][:, -1])
    assert (faulty["return"][:, -1] > 50).all(), "it learns something"


@pytest.mark.parametrize(
    "fault",
    [
        {"gamma": 1.0},
        {"discounted_returns": lambda rewards, gamma: discounted_returns(rewards.flip(0), gamma).flip(0)},
        {"score_function_loss": lambda log_prob, weight: (weight.detach() * log_prob).mean()},
        {"baseline": "none"},
    ],
    ids=["gamma 1", "what came before", "wrong sign", "no baseline"],
)
def test_no_other_answer_of_ps3_is_told_more_than_an_episode_paid(fault):
    curves = ps3.reinforce_curves(n_seeds=2, windows=2, total_steps=1_600, **fault)
    assert (curves["told"] <= curves["return"] + 1e-3).all()


def test_the_recorder_writes_what_can_be_read_and_knows_its_names(capsys, monkeypatch, tmp_path):
    data = {"seeds": [0, 1], "correct": {"a": [[1, 2], [3, 4]]}, "faulty": {"a": [[0, 0], [0, 0]]}}
    monkeypatch.setattr(silent_bug, "FOLDER", tmp_path)
    monkeypatch.setitem(silent_bug.RECORD, "ps2", lambda: data)
    assert silent_bug.main(["ps2"]) == 0
    assert json.loads((tmp_path / "ps2_silent_bug.json").read_text()) == data
    assert silent_bug.main(["ps9"]) == 2
    assert "got 'ps9', expected one of ps1, ps2" in capsys.readouterr().err


def test_the_fault_of_ps4_is_that_no_gradient_reaches_the_critic():
    log_prob, value, entropy = (torch.tensor([[-0.5, -1.0]]) * k for k in (1, 2, 3))
    given = torch.tensor([[2.0, -3.0]]), torch.tensor([[1.0, 4.0]])
    for each in (log_prob, value, entropy):
        each.requires_grad_()
    loss = ps4.teaches_the_critic_nothing(log_prob, given[0], value, given[1], entropy, 0.5, 0.25)
    right = policy_losses.a2c_loss(log_prob, given[0], value, given[1], entropy, 0.5, 0.25)
    assert loss.item() == pytest.approx(right.item())
    loss.backward()
    assert value.grad is None
    assert log_prob.grad.tolist() == [[-1, 1.5]]
    assert entropy.grad.tolist() == [[-0.125, -0.125]]


def test_the_silent_bug_of_ps4_keeps_the_mean_advantage_far_above_0():
    data = silent_bug_curves("ps4")
    n = len(data["steps"])
    assert set(data["shows"]) == {"return", "entropy", "advantage"}
    assert all(curves.shape == (8, n) for agent in ("correct", "faulty") for curves in data[agent].values())
    correct, faulty = ({name: curves[:, -1] for name, curves in data[agent].items()} for agent in ("correct", "faulty"))
    assert (np.abs(correct["advantage"]) < 1).all() and (faulty["advantage"] > 2.5).all()
    assert (faulty["entropy"] < 0.1).all() and (correct["entropy"] > 0.2).all(), "it commits itself too early"
    assert np.median(correct["return"]) > 450 and (faulty["return"] < 250).all()


def _no_minus(log_prob, advantage, *others):
    return policy_losses.a2c_loss.body(log_prob, -advantage, *others)


def _cut_is_end(rewards, values, next_values, terminated, truncated, gamma, lam):
    return returns.gae.body(rewards, values, next_values, terminated | truncated, truncated, gamma, lam)


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [{"a2c_loss": _no_minus}, {"lam": 0.0}, {"entropy_coef": 10.0}, {"gae": _cut_is_end}],
    ids=["no minus", "lambda 0", "entropy 10", "truncated is terminated"],
)
def test_no_other_answer_of_ps4_ends_with_such_an_advantage(fault):
    curves = ps4.a2c_curves(n_seeds=2, evaluations=1, total_steps=20_000, **fault)
    assert (np.abs(curves["advantage"][:, -1]) < 2).all()


def test_the_fault_of_ps5_is_that_the_old_policy_is_always_the_newest():
    """The gradient is that of minus the mean of A log pi, however far the policy went: nothing is clipped."""
    log_prob, old = torch.tensor([-0.5, -2.0, -1.0]).requires_grad_(), torch.tensor([-2.0, -0.5, -1.0])
    advantage = torch.tensor([3.0, 6.0, -1.5])
    ps5.from_the_newest_policy((log_prob - old).exp(), advantage, 0.2).backward()
    torch.testing.assert_close(log_prob.grad, -advantage / 3)


def test_the_silent_bug_of_ps5_moves_far_and_clips_nothing():
    data = silent_bug_curves("ps5")
    n = len(data["steps"])
    assert set(data["shows"]) == {"return", "kl", "clipped"}
    assert all(curves.shape == (8, n) for agent in ("correct", "faulty") for curves in data[agent].values())
    correct, faulty = data["correct"], data["faulty"]
    assert (faulty["clipped"] == 0).all() and (correct["clipped"][:, : n // 2] > 0.005).all()
    first = faulty["kl"][:, :4].max(axis=1)
    assert (first > 5 * correct["kl"].max(axis=1)).all(), "in every seed an update goes far"
    assert np.median(correct["return"][:, -1]) > 475 and np.median(faulty["return"][:, -1]) < 100


def _without_minimum(ratio, advantage, eps):
    return -(ratio.clamp(1 - eps, 1 + eps) * advantage).mean()


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [{"learning_rate": 2e-2}, {"ppo_clip_loss": _without_minimum}, {"eps": 0.02}, {"normalise": "no"}],
    ids=["learning rate", "no minimum", "eps 0.02", "not normalised"],
)
def test_no_other_answer_of_ps5_clips_nothing(fault):
    curves = ps5.ppo_curves(n_seeds=2, evaluations=2, total_steps=8_000, **fault)
    assert (curves["clipped"][:, 0] > 0.005).all()
