"""Wrong answers as people write them: each is rejected, most are named, and none is blamed for another's mistake."""

from importlib import import_module
from pathlib import Path

import pytest
import torch

from rlcourse.homework.checks import check
from rlcourse.staff.hidden import hidden

torch.set_num_threads(1)

MODULES = [import_module(path.stem) for path in sorted(Path(__file__).parent.glob("wrong_answers_*.py"))]
WRONG = [one for module in MODULES for one in module.WRONG]


@pytest.mark.parametrize(("name", "ids", "function"), WRONG, ids=[f"{name}-{ids}" for name, ids, _ in WRONG])
def test_a_wrong_answer_is_rejected_and_not_misnamed(name, ids, function):
    outcome = check(function, name)
    assert outcome.state == "incorrect"
    assert outcome.misconception in ("", *ids), str(outcome)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "ids", "function"), WRONG, ids=[f"{name}-{ids}" for name, ids, _ in WRONG])
def test_a_wrong_answer_fails_the_hidden_cases(name, ids, function):
    with pytest.raises(AssertionError):
        hidden(function, name=name)


@pytest.mark.slow
def test_seven_of_ten_are_named():
    named = [name for name, _, function in WRONG if check(function, name).misconception]
    assert len(named) >= 0.7 * len(WRONG)


def test_an_exception_that_many_run_into_comes_with_what_to_do():
    _, _, function = next(one for one in WRONG if "max-of-a-number-and-a-tensor" in one[1])
    outcome = check(function, "cem_refit")
    assert "is ambiguous" in outcome.reason
    assert "with where or clamp" in outcome.hint


def test_a_minus_before_a_bool_tensor_comes_with_what_to_do():
    def td_target(reward, terminated, next_value, gamma):
        return reward + gamma * (1 - terminated) * next_value

    outcome = check(td_target)
    assert "raised RuntimeError" in outcome.reason
    assert outcome.hint.startswith("a bool tensor has no minus")
