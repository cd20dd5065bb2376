"""Input checks, one at a time: what passes, what comes back, and what the error says."""

import re

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array, csr_matrix

from rlcourse.inputs import DISCOUNT, Array, Flag, Index, Number, Transitions, is_sparse, wrong

P = np.full((3, 2, 3), 1 / 3)


def test_the_error_names_argument_what_came_and_what_was_expected():
    error = wrong("gamma", "2", "a number in [0, 1]")
    assert isinstance(error, ValueError) and str(error) == "gamma: got 2, expected a number in [0, 1]"


def test_integers_become_floats_and_floats_stay_themselves():
    x = np.ones((2, 2), np.float32)
    assert Array("S A").check("Q", x, {}) is x
    assert Array("S A").check("Q", [[1, 2], [3, 4]], {}).dtype == float
    assert Array("S A").check("Q", np.ones((2, 2), bool), {}).dtype == float
    tensor = torch.ones(2, 2, requires_grad=True)
    assert Array("S A").check("Q", tensor, {}) is tensor


def test_axes_of_one_call_must_agree():
    sizes = {}
    Transitions().check("P", P, sizes)
    assert sizes == {"S": 3, "A": 2}
    Array("S A").check("R", np.zeros((3, 2)), sizes)
    with pytest.raises(ValueError, match=re.escape("R: got shape (2, 3), expected [S, A] with S = 3, A = 2")):
        Array("S A").check("R", np.zeros((2, 3)), sizes)


def test_leading_axes_are_free_where_the_check_says_so():
    for shape in ((4,), (3, 4), (2, 3, 4)):
        assert Array("... A").check("q", np.zeros(shape), {"A": 4}).shape == shape
    with pytest.raises(ValueError, match=r"q: got shape \(4, 3\)"):
        Array("... A").check("q", np.zeros((4, 3)), {"A": 4})


@pytest.mark.parametrize(
    "kind", [np.asarray, lambda x: csr_array(x.reshape(6, 3)), lambda x: csr_matrix(x.reshape(6, 3))]
)
def test_transitions_come_dense_or_sparse(kind):
    sizes = {}
    checked = Transitions().check("P", kind(P), sizes)
    assert sizes == {"S": 3, "A": 2}
    assert isinstance(checked, csr_array | np.ndarray), "a SciPy matrix would multiply where an array works elementwise"
    np.testing.assert_array_equal(checked.toarray() if is_sparse(checked) else checked.reshape(6, 3), P.reshape(6, 3))


def test_rows_of_float32_may_be_off_one_by_rounding():
    weights = np.random.default_rng(0).random((20, 3, 20), np.float32)
    rows = weights / weights.sum(axis=-1, keepdims=True)
    assert Transitions().check("P", rows, {}) is rows


@pytest.mark.parametrize(
    "check, value, came, expected",
    [
        (Array("S A"), [[1, 2], [3]], "rows of different lengths", "rectangular"),
        (Array("S"), ["a", "b"], "values of type", "real numbers"),
        (Array("S"), [None], "values of type object", "real numbers"),
        (Array("S"), [1j], "values of type complex", "real numbers"),
        (Array("S"), [1, np.nan], "NaN", "numbers"),
        (Array("S", finite=True), [1, np.inf], "infinity", "finite numbers"),
        (Array("S", low=0), [1, -2], "-2", "[0, inf]"),
        (Array("S A"), 3.0, "shape ()", "[S, A]"),
        (Array("S A"), np.zeros((0, 2)), "shape (0, 2)", "at least 1"),
        (Array("... A", least=2), [1.0], "shape (1,)", "at least 2"),
        (Array("S", distribution=True), [0.5, 0.6], "off 1 by 0.1", "sum to 1"),
        (Array("S", distribution=True), [0.5, 0.5001], "off 1 by 0.0001", "sum to 1"),
        (Array("S", distribution=True), [1.5, -0.5], "a negative probability", "probabilities >= 0"),
        (Transitions(), np.full((2, 3), 1 / 3), "shape (2, 3)", "[S, A, S]"),
        (Transitions(), np.full((2, 1, 3), 1 / 3), "shape (2, 1, 3)", "as many successors as states"),
        (Transitions(), np.zeros((0, 0, 0)), "shape (0, 0, 0)", "[S, A, S]"),
        (Transitions(), np.full((2, 1, 2), 0.6), "off 1 by 0.2", "sum to 1"),
        (Transitions(), np.array([[[1.5, -0.5]], [[1, 0]]]), "a negative probability", "probabilities >= 0"),
        (Transitions(), np.array([[[np.nan, 1]], [[1, 0]]]), "NaN", "numbers"),
        (Transitions(), csr_array(np.ones((3, 2)) / 2), "shape (3, 2)", "[S*A, S]"),
        (Transitions(), csr_array(np.ones((2, 2))), "off 1 by 1", "sum to 1"),
        (Transitions(), csr_array([[1.5, -0.5], [0, 1]]), "-0.5", "[0, inf]"),
        (Transitions(), csr_array([[np.nan, 1], [0, 1]]), "NaN", "numbers"),
        (Transitions(), "transitions", "values of type", "real numbers"),
        (DISCOUNT, 1.5, "1.5", "[0, 1]"),
        (DISCOUNT, -0.1, "-0.1", "[0, 1]"),
        (DISCOUNT, np.nan, "NaN", "numbers"),
        (DISCOUNT, None, "values of type object", "real numbers"),
        (DISCOUNT, [0.5, 2], "2", "[0, 1]"),
        (Number(0, 1, open_ends="high"), 1, "1", "[0, 1)"),
        (Number(0, open_ends="low"), 0, "0", "(0, inf]"),
        (Number(), np.inf, "infinity", "finite numbers"),
        (Index("S"), 3, "3", "0..2"),
        (Index("S"), [0, -1], "-1", "0..2"),
        (Index("S"), 1.0, "1.0", "whole numbers"),
        (Index("S"), True, "True", "whole numbers"),
        (Flag(), 2, "2", "True or False"),
        (Flag(), [0.5], "0.5", "True or False"),
        (Flag(), np.nan, "nan", "True or False"),
    ],
)
def test_bad_input_is_refused_in_words(check, value, came, expected):
    with pytest.raises(ValueError) as error:
        check.check("argument", value, {"S": 3} if isinstance(check, Index) else {})
    name, got, wanted = re.fullmatch(r"(.*?): got (.*), expected (.*)", str(error.value)).groups()
    assert name == "argument" and came in got and expected in wanted, str(error.value)


def test_numbers_indices_and_flags_pass_as_they_are_and_lists_as_arrays():
    assert DISCOUNT.check("gamma", 1, {}) == 1 and Index("S").check("s", np.int64(2), {"S": 3}) == 2
    assert DISCOUNT.check("gamma", [0, 1], {}).tolist() == [0, 1]
    assert Index("S").check("s", (0, 2), {"S": 3}).tolist() == [0, 2]
    assert Flag().check("terminated", [0, 1], {}).dtype == bool and Flag().check("terminated", True, {})
