"""The case that a failing check shows is code that runs, and gives what the check says."""

import json

import numpy as np
import pytest
import torch

from rlcourse.functional.tabular import q_backup
from rlcourse.homework import catalogue
from rlcourse.homework.asking import Answer
from rlcourse.homework.checks import check, check_data
from rlcourse.homework.compare import compare
from rlcourse.homework.paste import MAX_WIDTH, as_code, case_as_code
from rlcourse.homework.wire import decode, encode

CASES = [
    (name, case)
    for name, entry in check_data().items()
    for case in entry["cases"]
    if case.get("scenario") != "keeps_arguments"
]


def result_of(code: str, **names) -> object:
    """The value of the last expression of some lines."""
    lines = [line for line in code.splitlines() if not line.startswith("#")]
    exec("\n".join(lines[:-1]), names)
    return eval(lines[-1], names)


@pytest.mark.parametrize(("name", "case"), CASES, ids=[f"{name}-{case['about']}" for name, case in CASES])
def test_every_case_runs_as_it_is_shown(name, case):
    arguments, expected = decode(case["arguments"]), decode(case["expected"])
    function = catalogue.catalogue()[name].function
    call = check_data()[name]["call"]
    code = case_as_code("mine", call, tuple(arguments), case.get("scenario", ""), Answer(0.0), expected)
    assert all(len(line) <= MAX_WIDTH + 2 for line in code.splitlines() if not line.startswith(("mine(", "run(")))
    if code.startswith(("mine(", "run(")):
        assert code.count("\n") == 0 and " with " in code
    else:
        assert compare(result_of(code, mine=function), expected) == ""


def test_most_cases_are_small_enough_to_be_shown():
    sizes = [len(as_code(tuple(decode(case["arguments"])))) for _, case in CASES]
    assert np.median(sizes) < 400
    scenarios = {case.get("scenario", "") for _, case in CASES}
    assert scenarios > {"", "gradient", "differences"}


@pytest.mark.parametrize(
    "value",
    [
        0.1,
        float("inf"),
        True,
        3,
        None,
        "both",
        (1.0,),
        [1, (2.0, False)],
        np.array([[0.1, np.nan], [-np.inf, 1e-7]]),
        np.array([1, 2]),
        np.zeros((0, 3)),
        np.array([0.1, 1e30], dtype=np.float32),
        torch.tensor([[True, False]]),
        torch.tensor([float("nan"), 0.1]),
        torch.tensor([0.1, 1 / 3], dtype=torch.float64).round(decimals=6),
        torch.tensor(2.5),
        torch.arange(300.0),
    ],
    ids=repr,
)
def test_data_as_code_is_the_same_data(value):
    again = eval(as_code(value), {"np": np, "torch": torch})
    assert json.dumps(encode(again)) == json.dumps(encode(value))


def test_a_case_is_the_call_what_came_and_what_was_expected():
    def greedy_policy(Q):
        return Q > 0

    code = check(greedy_policy).code
    assert code == "\n".join(
        (
            "import numpy as np",
            "Q = np.array([[1., 2.], [0.5, -0.5], [-3., -1.]])",
            "greedy_policy(Q)",
            "# came:     [[True, True], [True, False], [False, False]]",
            "# expected: [[0., 1.], [1., 0.], [0., 1.]]",
        )
    )


def test_a_large_case_is_told_by_its_shapes():
    arguments = np.zeros((30, 2, 30)), np.zeros((30, 2)), np.zeros((30, 2)), 0.5
    code = case_as_code("mine", "q_backup(P, R, Q, gamma)", arguments, "", Answer(1.0), np.zeros((30, 2)))
    assert code == "mine(P, R, Q, gamma) with P [30, 2, 30], R [30, 2], Q [30, 2], gamma = 0.5"


def test_the_student_reads_his_own_name_for_the_function():
    my_backup = lambda P, R, Q, gamma: q_backup(P, R, Q, gamma) + 1  # noqa: E731
    assert "my_backup(P, R, Q, gamma)\n" in check(my_backup, "q_backup").code
