"""The faults of the silent-bug questions are what they are said to be, and the answers tell them apart."""

import json

import numpy as np
import pytest
import torch

from rlcourse.functional import targets
from rlcourse.scenarios import silent_bug_curves
from rlcourse.staff import silent_bug

torch.set_num_threads(1)


@pytest.mark.parametrize("n_seeds", [1, 3])
def test_the_fault_of_ps2_is_the_broadcast_of_b_against_b_1(n_seeds):
    """The gradient of each seed's loss is that of the mean over the square of [B, 1] against [B]."""
    B, rng = 4, np.random.default_rng(0)
    reward, q = (torch.tensor(rng.normal(size=n_seeds * B)) for _ in range(2))
    never, next_q = torch.zeros(n_seeds * B, dtype=torch.bool), torch.tensor(rng.normal(size=(n_seeds * B, 2)))
    equations = silent_bug.square_of_errors(n_seeds)
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
    assert (faulty["spread"] < 0.05 * correct["spread"].min()).all()
    assert abs(np.median(faulty["level"]) - np.median(correct["level"])) < 10, "the level alone looks right"
    assert (faulty["level"] > 20).all() and (faulty["level"] < 1 / (1 - data["config"]["gamma"])).all()
    assert np.median(correct["return"]) > 100 and (faulty["return"] < 50).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    "fault",
    [{"gamma": 0.0}, {"target_every": 10**9}, {"epsilon": (1.0, 1.0)}, {"gamma": 1.0}],
    ids=["gamma 0", "never copied", "explores for ever", "gamma 1"],
)
def test_no_other_answer_of_ps2_has_one_value_at_that_level(fault):
    curves = silent_bug.dqn_curves(n_seeds=2, evaluations=1, **fault)
    level, spread = curves["level"][:, -1], curves["spread"][:, -1]
    assert not ((spread < 0.1) & (level > 20) & (level < 50)).any()


def test_the_recorder_writes_what_can_be_read_and_knows_its_names(capsys, monkeypatch, tmp_path):
    data = {"seeds": [0, 1], "correct": {"a": [[1, 2], [3, 4]]}, "faulty": {"a": [[0, 0], [0, 0]]}}
    monkeypatch.setattr(silent_bug, "FOLDER", tmp_path)
    monkeypatch.setitem(silent_bug.RECORD, "ps2", lambda: data)
    assert silent_bug.main(["ps2"]) == 0
    assert json.loads((tmp_path / "ps2_silent_bug.json").read_text()) == data
    assert silent_bug.main(["ps9"]) == 2
    assert "got 'ps9', expected one of ps1, ps2" in capsys.readouterr().err
