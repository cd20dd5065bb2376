"""A hint is given only where it explains all that the function answered: better none than a wrong one."""

import numpy as np
import pytest
import torch

from rlcourse.functional.tabular import boltzmann, epsilon_greedy, q_backup
from rlcourse.homework.asking import Answer
from rlcourse.homework.checks import check, check_data
from rlcourse.homework.naming import name_misconception
from rlcourse.homework.wire import decode
from rlcourse.staff.bank import bank

KNOWN = [
    (name, mistake)
    for key in ("ps1", "ps2", "ps3", "ps4", "ps5")
    for name, of in bank(key).items()
    for mistake in of.misconceptions
]


def answers(*values):
    return [value if isinstance(value, Answer) else Answer(value) for value in values]


def test_every_case_on_which_a_misconception_is_wrong_must_be_answered_as_it_answers():
    right, wrong = [0.0, 0.0, 0.0], [{"near": 1.0, "far": 1.0}, {"far": 2.0}, {}]
    assert name_misconception(answers(1.0, 0.0, 0.0), right, wrong) == "near"
    assert name_misconception(answers(1.0, 2.0, 0.0), right, wrong) == "far"
    assert name_misconception(answers(0.0, 2.0, 0.0), right, wrong) == ""


def test_every_case_that_fails_must_be_explained():
    right, wrong = [0.0, 0.0], [{"known": 1.0}, {}]
    assert name_misconception(answers(1.0, 0.0), right, wrong) == "known"
    assert name_misconception(answers(1.0, 3.0), right, wrong) == ""
    assert name_misconception(answers(1.0, Answer(error=IndexError("out of range"))), right, wrong) == ""


def test_an_exception_is_no_known_number_unless_that_is_infinite():
    right, wrong = [0.0, 0.0], [{"known": 1.0}, {"known": np.inf}]
    overflow = Answer(error=OverflowError("math range error"))
    assert name_misconception(answers(1.0, overflow), right, wrong) == "known"
    assert name_misconception(answers(overflow, np.inf), right, wrong) == ""
    assert name_misconception(answers(1.0, Answer(error=TypeError("no"))), right, wrong) == ""


def test_two_that_fit_equally_are_both_left_unsaid():
    assert name_misconception(answers(1.0), [0.0], [{"one": 1.0, "other": 1.0}]) == ""


def test_what_says_itself_what_is_wrong_needs_no_other_explanation():
    """Arguments that are changed, beside a known mistake: the hint is the mistake's."""
    right, wrong = [0.0, True], [{"known": 1.0}, {}]
    assert name_misconception(answers(1.0, False), right, wrong) == ""
    assert name_misconception(answers(1.0, False), right, wrong, [False, True]) == "known"
    assert name_misconception(answers(1.0, Answer(error=TypeError("no"))), right, wrong, [False, True]) == ""
    assert name_misconception(answers(0.0, False), right, wrong, [False, True]) == ""


def test_a_wrong_shape_alone_names_nobody():
    """Places may be any: one action in place of its probabilities. Numbers must be the known ones."""
    right = [np.zeros(4)]
    assert name_misconception(answers(3), right, [{"an action": 1}]) == "an action"
    assert name_misconception(answers(torch.tensor([3, 2])), right, [{"places": torch.tensor([0, 1])}]) == "places"
    assert name_misconception(answers([5.0, 9.0]), right, [{"places": torch.tensor([0, 1])}]) == ""
    assert name_misconception(answers(2.0), right, [{"one number": 1.0}]) == ""
    assert name_misconception(answers(1.0), right, [{"one number": 1.0}]) == "one number"


def test_a_part_is_named_by_all_of_the_cases():
    """On the plain cases alone it looks like a known mistake; on the awkward ones it is another one."""
    edges = [decode(case["arguments"]) for case in check_data()["q_backup"]["cases"] if case["part"] == "edges"]

    def no_discount(P, R, Q, gamma):
        return R + P @ Q.max(1)

    def on_plain_cases_alone(P, R, Q, gamma):
        awkward = any(np.array_equal(Q, asked[2]) and gamma == asked[3] for asked in edges)
        return R + P @ Q.min(1) if awkward else no_discount(P, R, Q, gamma)

    assert check(no_discount, "q_backup", "values").misconception == "no-discount"
    assert check(on_plain_cases_alone, "q_backup", "values").misconception == ""
    assert check(on_plain_cases_alone, "q_backup", "values").state == "incorrect"


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("q_backup", lambda P, R, Q, gamma: -q_backup(P, R, Q, gamma)),
        ("q_backup", lambda P, R, Q, gamma: R + gamma * gamma * P @ Q.max(1)),
        ("q_backup", lambda P, R, Q, gamma: R + P @ Q.max(0).max() if gamma else R),
        ("epsilon_greedy", lambda q, epsilon: epsilon_greedy(q, epsilon / 2)),
        ("boltzmann", lambda q, temperature: boltzmann(q, temperature) ** 2),
    ],
)
def test_unknown_mistakes_get_no_name(name, function):
    for part in ("values", "edges", None):
        assert check(function, name, part).misconception == ""


@pytest.mark.parametrize(("name", "mistake"), KNOWN, ids=[f"{name}-{mistake.id}" for name, mistake in KNOWN])
def test_a_known_mistake_with_another_one_is_not_called_by_a_third_name(name, mistake):
    """On every second case it is the known mistake, on the others an offset: at most its own name is right."""
    calls = []

    def two_mistakes(*arguments):
        calls.append(0)
        value = mistake.function(*arguments)
        if len(calls) % 2:
            return value
        return tuple(part + 0.37 for part in value) if isinstance(value, tuple) else value + 0.37

    assert check(two_mistakes, name).misconception in ("", mistake.id)
