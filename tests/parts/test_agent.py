"""What every agent has: a student's results as tensors, shapes that never broadcast, reports by seed."""

import pickle

import numpy as np
import pytest
import torch

from rlcourse.agents.a2c import A2C, Config
from rlcourse.functional.returns import gae
from rlcourse.functional.targets import q_target
from rlcourse.parts.agent import in_tensors, same_shape
from rlcourse.training.loop import train
from rlcourse.worlds.probes import Probe


def test_the_librarys_own_equation_is_called_without_its_checks():
    assert in_tensors(q_target) is q_target.body
    assert pickle.loads(pickle.dumps(q_target.body)) is q_target.body


@pytest.mark.parametrize(
    "returned",
    [[[1, 2], [3, 4]], np.array([[1.0, 2], [3, 4]]), torch.tensor([[1, 2], [3, 4]]), [np.array([1, 2]), [3, 4]]],
)
def test_lists_arrays_and_whole_numbers_become_tensors(returned):
    back = in_tensors(lambda: returned)()
    assert back.dtype == torch.float32 and back.tolist() == [[1, 2], [3, 4]]
    one, other = in_tensors(lambda: (returned, 5))()
    assert one.tolist() == [[1, 2], [3, 4]] and other == 5


def test_a_list_of_tensors_keeps_its_gradients():
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    in_tensors(lambda: [x[0] * 2, [x[1] * 3, x[1]]])
    in_tensors(lambda: [x[0] * 2, x[1] * 3])().sum().backward()
    assert x.grad.tolist() == [2, 3]


def test_nothing_broadcasts_into_a_loss():
    same_shape(q=torch.zeros(3), q_target=torch.ones(3))
    with pytest.raises(ValueError, match=r"^q_target: got shape \(3, 1\) back from it, expected \(3,\), that of q"):
        same_shape(q=torch.zeros(3), q_target=torch.ones(3, 1))


def test_a_students_function_of_another_shape_is_named():
    agent = A2C(lambda: Probe("two steps"), config=Config(total_steps=100), gae=lambda *a: gae.body(*a).unsqueeze(-1))
    with pytest.raises(ValueError, match="^gae: got shape"):
        train(agent, evaluations=0)


def test_reports_are_means_by_seed():
    agent = A2C(lambda: Probe("two steps"), 2)
    agent.reports = {"a": torch.tensor([[1.0, 2, 3, 4], [5, 6, 7, 8]]), "b": torch.tensor(3.0), "c": torch.arange(2.0)}
    report = agent.report
    assert report["a"].tolist() == [(1 + 2 + 5 + 6) / 4, (3 + 4 + 7 + 8) / 4]
    assert report["b"].tolist() == [3, 3] and report["c"].tolist() == [0, 1]
