"""What a notebook sets for all of NumPy and PyTorch changes no check, and is as it was afterwards."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rlcourse.functional import tabular
from rlcourse.functional.policy_losses import a2c_loss, entropy
from rlcourse.functional.returns import gae, lambda_returns
from rlcourse.homework import scenarios
from rlcourse.homework.checks import check
from rlcourse.homework.scenarios import ps4
from rlcourse.homework.settings import call, standard_settings


@pytest.fixture
def awkward():
    """A notebook that has set everything there is."""
    before = np.geterr(), torch.get_default_dtype(), torch.get_num_threads()
    np.seterr(all="raise")
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(2)
    torch.set_grad_enabled(False)
    torch.autograd.set_detect_anomaly(True)
    yield
    np.seterr(**before[0])
    torch.set_default_dtype(before[1])
    torch.set_num_threads(before[2])
    torch.set_grad_enabled(True)
    torch.autograd.set_detect_anomaly(False)


def settings() -> tuple:
    return (
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        torch.is_anomaly_enabled(),
        np.geterr()["under"],
    )


def test_the_library_runs_with_its_own_and_the_student_in_his_dtype(awkward):
    before = settings()
    with standard_settings() as theirs:
        assert settings() == (torch.float32, 1, True, False, "ignore")
        assert theirs(settings)() == (torch.float64, 1, True, False, "ignore")
        assert theirs(3) == 3
        assert settings()[0] == torch.float32
    assert settings() == before == (torch.float64, 2, False, True, "raise")
    with pytest.raises(ZeroDivisionError):
        call(lambda: 1 / 0)
    assert settings() == before
    assert call(torch.zeros, 2).dtype == torch.float64


def test_where_nothing_is_set_a_function_is_handed_on_as_it_is():
    with standard_settings() as theirs:
        assert theirs(gae) is gae


def test_checks_are_what_they_would_be(awkward):
    boltzmann = lambda q, temperature: np.exp((q - q.max()) / temperature) / np.exp((q - q.max()) / temperature).sum()  # noqa: E731
    assert check(boltzmann).state == "correct"
    for function in (entropy, a2c_loss, gae, lambda_returns, tabular.q_backup):
        assert check(function).state == "correct"
    score_function_loss = lambda log_prob, weight: -(weight.detach() * log_prob).mean()  # noqa: E731
    assert check(score_function_loss).state == "correct"
    policy_losses = check(lambda log_prob, weight: -(weight * log_prob).mean(), "score_function_loss")
    assert policy_losses.misconception == "weight-with-gradient"


@pytest.fixture
def short(monkeypatch):
    """The probes of problem set 4, one of them, in a second."""
    monkeypatch.setattr(ps4, "PROBES", {"cut off": ("constant reward", True, {})})
    monkeypatch.setattr(ps4, "_PROBE", replace(ps4._PROBE, total_steps=80))


def my_gae(*arguments):
    """One who makes tensors of his own, in his own default dtype."""
    return gae(*arguments) * torch.ones(arguments[0].shape)


def test_an_agent_learns_the_same_in_any_settings(short, request):
    usual = scenarios.run("solve_actor_critic_probes", my_gae, entropy, a2c_loss, lambda_returns)["cut off"]
    request.getfixturevalue("awkward")
    assert torch.ones(1).dtype == torch.float64
    again = scenarios.run("solve_actor_critic_probes", my_gae, entropy, a2c_loss, lambda_returns)["cut off"]
    for kind, values in usual.items():
        assert again[kind].dtype == values.dtype == np.float32
        np.testing.assert_allclose(again[kind], values, rtol=1e-4, atol=1e-5)
