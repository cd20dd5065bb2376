"""A check answers whatever comes: right answers in any container, wrong ones with a reason, nonsense too."""

import subprocess
import sys
import types
import warnings
from functools import partial

import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter

from rlcourse.functional.tabular import boltzmann, epsilon_greedy, greedy_policy, q_backup, q_learning_update
from rlcourse.homework import checks
from rlcourse.homework.asking import Answer
from rlcourse.homework.checks import Outcome, check
from rlcourse.homework.compare import compare
from rlcourse.homework.naming import name_misconception
from rlcourse.homework.scenarios import attempt

TABLE = np.array([[1.0, -2.0, 0.5], [3.0, 0.0, 0.25]])


def named(value: object) -> str | None:
    """A test's name must be the same in every process: addresses are not."""
    return value if isinstance(value, str) else None


@pytest.mark.parametrize(
    "same",
    [
        TABLE,
        TABLE.astype(np.float32),
        TABLE.tolist(),
        tuple(map(tuple, TABLE)),
        torch.tensor(TABLE, requires_grad=True),
        torch.tensor(TABLE, dtype=torch.bfloat16),
        [torch.tensor(row) for row in TABLE],
        TABLE + 1e-7,
        np.asfortranarray(TABLE),
    ],
    ids=named,
)
def test_compare_takes_any_container(same):
    assert compare(same, TABLE) == ""


def test_compare_takes_numbers_of_any_kind():
    assert all(compare(2, expected) == "" for expected in (2.0, np.float32(2), np.array(2), torch.tensor(2.0)))
    assert compare(True, True) == "" and compare(np.True_, True) == "" and compare(False, True)
    assert compare([np.nan, -np.inf], np.array([np.nan, -np.inf])) == ""


@pytest.mark.parametrize(
    ("got", "says"),
    [
        (None, "returned None (did you forget return?)"),
        ("abc", "returned a str that does not hold real numbers only"),
        ({"a": 1}, "returned a dict that does not hold real numbers only"),
        (TABLE + 1j, "returned a ndarray that does not hold real numbers only"),
        ([[1, 2], [3]], "returned a list that is not a rectangular array of numbers"),
        ((row for row in TABLE), "returned a generator that does not hold real numbers only"),
        (3.0, "returned one number, expected an array of shape [2, 3]"),
        (TABLE.T, "returned shape [3, 2], expected [2, 3]: are the axes swapped?"),
        (TABLE[0], "returned shape [3], expected [2, 3]"),
        (TABLE[..., None], "too many"),
        (np.full((2, 3), np.nan), "entry [0, 0] is NaN, expected 1; 6 of 6 entries differ"),
        (TABLE * [[1, 1, 1], [1, 1, -1]], "entry [1, 2] is -0.25, expected 0.25"),
        (TABLE * 1e300, "entry [0, 0] is 1e+300, expected 1"),
        (TABLE * 1.001, "entry [0, 0] is 1.001, expected 1"),
    ],
    ids=named,
)
def test_compare_says_what_differs(got, says):
    line = compare(got, TABLE)
    assert says in line
    assert "\n" not in line


def test_compare_says_where_an_axis_of_length_one_is_wrong():
    assert "[2, 1], expected [2]: the numbers may be right, but an axis of length 1 is too many" in compare(
        [[1.0], [2.0]], np.array([1.0, 2.0])
    )
    assert "missing" in compare([1.0, 2.0], np.array([[1.0], [2.0]]))
    assert "in the wrong place" in compare([[1.0, 2.0]], np.array([[1.0], [2.0]]))


def test_compare_of_several_values_names_the_one_that_differs():
    expected = (TABLE, np.zeros(2))
    assert compare([TABLE, [0.0, 0.0]], expected) == ""
    assert compare((TABLE, [0.0, 1.0]), expected) == "value 2 of 2: entry [1] is 1, expected 0"
    assert compare(TABLE[0], expected) == "returned a ndarray, expected 2 values"
    assert compare((TABLE,), expected) == "returned 1 values, expected 2 values"


def test_a_right_answer_is_correct_and_a_check_prints_its_outcome(capsys):
    outcome = check(q_backup)
    assert (outcome.state, outcome.hint, outcome.misconception) == ("correct", "", "")
    n = len(checks.check_data()["q_backup"]["cases"])
    assert capsys.readouterr().out == f"{outcome}\n" == f"q_backup: correct\n  on all of {n} cases\n"


def test_an_outcome_at_the_end_of_a_cell_is_not_shown_again():
    assert DisplayFormatter().format(Outcome("f", "correct")) == ({}, {})


def test_a_stub_is_not_attempted():
    def q_backup(P, R, Q, gamma):
        raise NotImplementedError("write q_backup")

    assert check(q_backup) == Outcome("q_backup", "not attempted", "write q_backup")


def test_a_function_without_return_is_told_so():
    def q_backup(P, R, Q, gamma):
        pass

    outcome = check(q_backup)
    assert outcome.state == "incorrect"
    assert outcome.reason.endswith("returned None (did you forget return?)")


class Refuses:
    def __array__(self, *args, **kwargs):
        raise RuntimeError("no")

    def __repr__(self):
        raise RuntimeError("no")


class BrokenError(Exception):
    def __str__(self):
        raise RuntimeError("no")


def _raise(error):
    raise error


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda P, R, Q: R, "it is called as q_backup(P, R, Q, gamma)"),
        (lambda P, R, Q, gamma: 1 / 0, "raised ZeroDivisionError: division by zero"),
        (lambda P, R, Q, gamma: _raise(BrokenError()), "raised BrokenError"),
        (lambda P, R, Q, gamma: _raise(ValueError("x\ny" * 1000)), "raised ValueError: x yx y"),
        (lambda P, R, Q, gamma: "all good", "returned a str"),
        (lambda P, R, Q, gamma: R * np.nan, "is NaN"),
        (lambda P, R, Q, gamma: R[..., None], "an axis of length 1 is too many"),
        (lambda P, R, Q, gamma: R + 1e308 * np.ones(9_000)[:, None, None], "returned shape [9000, "),
        (lambda P, R, Q, gamma: R * np.log(-1.0) / np.float64(0), "is NaN"),
        (lambda P, R, Q, gamma: Refuses(), "returned a Refuses that is not a rectangular array of numbers"),
        (
            lambda P, R, Q, gamma: _raise(NotImplementedError("later")) if gamma < 0.9 else q_backup(P, R, Q, gamma),
            "Not",
        ),
    ],
    ids=named,
)
def test_nonsense_is_incorrect_with_a_reason(function, says, capsys):
    outcome = check(function, "q_backup")
    assert outcome.state == "incorrect"
    assert says in outcome.reason
    assert len(outcome.reason) < 400 and "\n" not in outcome.reason
    assert capsys.readouterr().err == ""


def test_what_is_no_exception_passes_through():
    """A student's Ctrl-C, and the grader's own signal that a time limit is over."""
    with pytest.raises(KeyboardInterrupt):
        check(lambda *arguments: _raise(KeyboardInterrupt()), "q_backup")


def test_prints_are_cut_and_warnings_are_silent(capsys):
    def greedy(Q):
        print("x" * 100, end="")
        print("to stderr", file=sys.stderr)
        warnings.warn("careful", stacklevel=1)
        np.zeros(1) / 0
        return greedy_policy(Q)

    def noisy(Q):
        for _ in range(2_000):
            print("y" * 1_000)
        return greedy(Q)

    assert check(greedy, "greedy_policy").state == check(noisy, "greedy_policy").state == "correct"
    printed = capsys.readouterr()
    assert printed.err == ""
    assert "(printed by greedy_policy: xxx" in printed.out
    assert len(printed.out) < 1_200


def test_a_function_that_changes_its_arguments_spoils_no_other_case():
    def update(Q, *transition):
        new = q_learning_update(Q, *transition)
        Q[:] = np.nan
        return new

    outcome = check(update, "q_learning_update")
    assert outcome.reason == "arguments stay as they are: a call changed its arguments; work on a copy"
    assert outcome.misconception == "changes-the-table-it-was-given"  # all that it answers is what that one answers


@pytest.mark.parametrize(
    ("thing", "name"), [(lambda Q: Q, "<lambda>"), (partial(max), "partial"), (Refuses, "Refuses")]
)
def test_an_unknown_name_is_told_which_names_there_are(thing, name):
    outcome = check(thing)
    assert (outcome.name, outcome.state) == (name, "not attempted")
    assert "q_backup, greedy_policy, q_learning_update, epsilon_greedy, boltzmann, policy_evaluation" in outcome.reason
    assert check(thing, "no_such_exercise").state == "not attempted"


def test_what_is_no_function_is_told_so():
    assert (
        check(TABLE).reason
        == check(TABLE, "q_backup").reason
        == ("got a ndarray, expected a function: check(q_backup)")
    )


def test_partials_and_callable_objects_pass_with_a_name():
    class Backup:
        def __call__(self, P, R, Q, gamma):
            return q_backup(P, R, Q, gamma)

    assert check(Backup(), "q_backup").state == "correct"
    assert check(partial(Backup()), "q_backup").state == "correct"


def test_a_misconception_is_named_in_words():
    outcome = check(lambda P, R, Q, gamma: R + P @ Q.max(1), "q_backup")
    assert outcome.misconception == "no-discount"
    reason = "a chain of two cells between two ends: entry [1, 0] is 0.4, expected 0.36; 4 of 8 entries differ"
    hint = "Hint (no discount): What follows is worth gamma times as much: gamma is missing."
    assert str(outcome).startswith(f"q_backup: incorrect\n  {reason}\n  {hint}\n  The case:\n    import numpy as np\n")


def test_a_random_action_is_known_by_its_shape():
    outcome = check(lambda q, epsilon: np.random.randint(len(q)), "epsilon_greedy")
    assert outcome.misconception == "an-action-instead-of-probabilities"


def test_an_overflow_in_plain_python_is_the_one_that_numpy_makes():
    def by_hand(q, temperature):
        import math

        weights = [math.exp(x / temperature) for x in q]
        return [w / sum(weights) for w in weights]

    assert check(by_hand, "boltzmann").misconception == "overflows"


def test_a_mistake_that_no_one_knows_gets_a_reason_and_no_hint():
    outcome = check(lambda q, temperature: boltzmann(q, temperature) ** 2, "boltzmann")
    assert (outcome.state, outcome.hint) == ("incorrect", "")


def test_of_several_misconceptions_the_one_that_agrees_most_is_named():
    right, near, far = [0.0, 0.0, 0.0], {"near": 1.0, "far": 1.0}, {"far": 2.0}
    wrong = [near, far, {}]
    answers = [Answer(1.0), Answer(2.0), Answer(0.0)]
    assert name_misconception(answers, right, wrong) == "far"
    assert name_misconception([Answer(1.0), Answer(0.0), Answer(0.0)], right, wrong) == "near"
    assert name_misconception([Answer(3.0)] * 3, right, wrong) == ""


def test_a_mistake_in_one_of_several_values_is_named():
    right, wrong = [(np.zeros(2), 1.0)], [{"second": (np.zeros(2), 2.0), "both": (np.ones(2), 2.0)}]
    for value in ((np.zeros(2), 2.0), [torch.zeros(2), 2]):
        assert name_misconception([Answer(value)], right, wrong) == "second"
    assert name_misconception([Answer(([1, 1], 2.0))], right, wrong) == "both"
    for value in ((np.ones(2), 1.0), (np.zeros(2), 2.0, 0.0), 2.0, None):
        assert name_misconception([Answer(value)], right, wrong) == ""
    assert name_misconception([Answer(error=ZeroDivisionError("division by zero"))], right, wrong) == ""


class Kernel:
    kernel = object()


@pytest.mark.parametrize(
    ("name", "function", "pictures"),
    [
        ("q_backup", lambda P, R, Q, gamma: R, 1),
        ("q_backup", q_backup, 0),
        ("q_backup", lambda P, R, Q, gamma: R[0], 0),
        ("boltzmann", lambda q, temperature: q, 0),
    ],
)
def test_a_table_of_differences_is_drawn_where_a_kernel_runs(monkeypatch, name, function, pictures):
    import IPython
    import IPython.display

    shown = []
    monkeypatch.setattr(IPython, "get_ipython", Kernel)
    monkeypatch.setattr(IPython.display, "display", shown.append)
    check(function, name)
    assert len(shown) == pictures
    assert all(type(figure).__name__ == "Figure" for figure in shown)


def test_a_picture_that_fails_costs_nothing(monkeypatch):
    import IPython

    monkeypatch.setattr(IPython, "get_ipython", Kernel)
    monkeypatch.setitem(sys.modules, "rlcourse.pictures.grids", types.ModuleType("plotting"))
    assert check(lambda P, R, Q, gamma: R, "q_backup").state == "incorrect"


def test_a_check_loads_numpy_alone():
    code = "import sys; from rlcourse.homework.checks import check; check(lambda Q: Q, 'greedy_policy')"
    code += "; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = {name.split(".")[0] for name in run.stdout.splitlines()[-1].split()}
    assert loaded & {"torch", "scipy", "gymnasium", "matplotlib", "IPython", "tqdm"} == set()


def test_a_part_is_checked_alone():
    """A function that is wrong on the plain cases and right on the awkward ones passes those, and only those."""
    cases = checks.check_data()["epsilon_greedy"]["cases"]
    plain = [checks.decode(case["arguments"]) for case in cases if case["part"] == "values"]

    def wrong_on_plain_cases(q, epsilon):
        known = any(np.array_equal(q, asked[0]) and epsilon == asked[1] for asked in plain)
        return np.zeros(len(q)) if known else epsilon_greedy(q, epsilon)

    assert check(wrong_on_plain_cases, "epsilon_greedy").state == "incorrect"
    assert check(wrong_on_plain_cases, "epsilon_greedy", part="values").state == "incorrect"
    edges = check(wrong_on_plain_cases, "epsilon_greedy", part="edges")
    assert str(edges) == f"epsilon_greedy (edges, 1 point): correct\n  on all of {len(cases) - len(plain)} cases"


def test_a_part_that_is_none_is_named():
    outcome = check(epsilon_greedy, part="edgs")
    assert outcome.state == "not attempted" and outcome.reason.startswith("part: got 'edgs', expected one of values")


def test_attempt_says_what_is_missing_and_lets_a_grader_see_it(capsys):
    def stub(*arguments):
        raise NotImplementedError

    class StandIn:
        def run_scenario(self, scenario, *arguments):
            raise NotImplementedError("not attempted")

    assert attempt("keeps_arguments", stub, 1.0) is None
    assert "still to be written" in capsys.readouterr().out
    with pytest.raises(NotImplementedError):
        attempt("keeps_arguments", StandIn(), 1.0)
