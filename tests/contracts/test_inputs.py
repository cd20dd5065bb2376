"""Input checks, one at a time: what passes, what comes back, and what the error says."""

import re

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array, csr_matrix

from rlcourse.contracts.inputs import (
    DISCOUNT,
    Array,
    Flag,
    Flags,
    Index,
    Number,
    Scalar,
    Tensor,
    TensorNumber,
    Transitions,
    bad_argument,
    is_sparse,
)

P = np.full((3, 2, 3), 1 / 3)


def test_the_error_names_argument_what_came_and_what_was_expected():
    error = bad_argument("gamma", "2", "a number in [0, 1]")
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


def test_what_leads_is_the_same_for_all_arguments_that_say_so():
    sizes = {}
    Array("...").check("reward", np.zeros((5, 3)), sizes)
    Array("... A").check("next_q", np.zeros((5, 3, 2)), sizes)
    Flags().check("terminated", np.zeros((5, 3)), sizes)
    Array("... 1").check("value", np.zeros((5, 3, 1)), sizes)
    for check, shape, expected in [
        (Array("..."), (5, 3, 1), "[5, 3]"),
        (Array("..."), (3,), "[5, 3]"),
        (Array("..."), (), "[5, 3]"),
        (Array("... A"), (5, 3), "[5, 3, A] with A = 2"),
        (Array("... A"), (5, 3, 4), "[5, 3, A] with A = 2"),
        (Array("... 1"), (5, 3, 2), "[5, 3, 1]"),
        (Array("... 1"), (5, 3), "[5, 3, 1]"),
        (Flags(), (5, 1), "[5, 3]"),
    ]:
        with pytest.raises(ValueError, match=re.escape(f"x: got shape {shape}, expected {expected}") + "$"):
            check.check("x", np.zeros(shape), sizes)


def test_one_number_leads_with_nothing():
    sizes = {}
    assert Array("...").check("reward", 1, sizes).shape == ()
    assert Array("... A").check("next_q", [1, 2], sizes).shape == (2,)
    with pytest.raises(ValueError, match=re.escape("x: got shape (1,), expected a single number")):
        Array("...").check("x", [1.0], sizes)


def test_tensors_come_from_anything_and_keep_the_precision_that_they_have():
    tensor = torch.ones(2, dtype=torch.float64, requires_grad=True)
    assert Tensor("B").check("x", tensor, {}) is tensor
    assert Tensor("B").check("x", [tensor[0].detach(), 2], {}).tolist() == [1, 2]
    for value, dtype in [
        ([1.5, 2], torch.float32),
        ((1, 2), torch.float32),
        (np.ones(2), torch.float64),
        (np.ones(2, np.float16), torch.float16),
        (np.ones(2, int), torch.float32),
        (torch.ones(2).long(), torch.float32),
        (torch.ones(2).bool(), torch.float32),
    ]:
        assert Tensor("B").check("x", value, {}).dtype == dtype
    array = np.arange(3.0)
    copy = Tensor("B").check("x", array[::-1], {})
    array[:] = 9
    assert copy.tolist() == [2, 1, 0], "a tensor that an equation gets must not change behind its back"


@pytest.mark.parametrize(
    "value",
    [[0, 1], (False, True), np.array([0.0, 1]), torch.tensor([0, 1]), torch.tensor([0.0, 1]), [np.False_, np.True_]],
)
def test_flags_become_a_tensor_of_bool(value):
    flags = Flags("B").check("terminated", value, {})
    assert flags.dtype == torch.bool and flags.tolist() == [False, True]


def test_a_scalar_comes_back_as_a_number_of_python():
    for value in (1, 1.0, True, np.float32(1), np.int64(1), np.array(1.0), torch.tensor(1.0, requires_grad=True)):
        checked = Scalar(0, 1).check("tau", value, {})
        assert checked == 1 and isinstance(checked, int | float) and not isinstance(checked, np.generic)
        whole = Scalar(1, whole=True).check("n", value, {})
        assert whole == 1 and type(whole) is int


def test_a_number_that_may_be_a_tensor_broadcasts_but_never_makes_the_others_larger():
    sizes = {"...": (4, 3), "T": 4, "B": 3}
    for axes in ("...", "T B"):
        check = TensorNumber(0, 1, axes=axes)
        for shape in [(), (1,), (3,), (1, 3), (4, 1), (4, 3)]:
            assert check.check("gamma", torch.ones(shape), sizes).shape == shape
        for shape in [(4,), (2, 3), (4, 4), (1, 4, 3), (4, 3, 1)]:
            expected = f"gamma: got shape {shape}, expected a number, or numbers that broadcast to (4, 3)"
            with pytest.raises(ValueError, match=re.escape(expected)):
                check.check("gamma", torch.ones(shape), sizes)
    assert type(TensorNumber(0, 1).check("gamma", np.float64(0.9), sizes)) is float
    assert TensorNumber(0, 1).check("gamma", [0.1, 0.2, 1], sizes).dtype == torch.float32


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
        (Array("S", low=0, high=1, open_ends="low"), [1, 0], "0", "(0, 1]"),
        (Array("..."), [], "shape (0,)", "at least 1"),
        (Array("... 1"), [[1, 2]], "shape (1, 2)", "[..., 1]"),
        (Tensor("B"), torch.ones(2, 1), "shape (2, 1)", "[B]"),
        (Tensor("B"), torch.tensor([np.nan]), "NaN", "numbers"),
        (Tensor("B"), "reward", "values of type", "real numbers"),
        (Flags("B"), [0, 0.5], "0.5", "True or False"),
        (Flags("B"), torch.tensor([0, 2]), "2", "True or False"),
        (Flags("B"), torch.tensor([0, np.nan]), "NaN", "numbers"),
        (Flags("B"), [None], "values of type object", "real numbers"),
        (Flags("B"), True, "shape ()", "[B]"),
        (Scalar(), [1.0], "shape (1,)", "a single number"),
        (Scalar(), torch.ones(2), "shape (2,)", "a single number"),
        (Scalar(0, 1), 2, "2", "[0, 1]"),
        (Scalar(1, whole=True), 1.5, "1.5", "a whole number"),
        (Scalar(1, whole=True), 0, "0", "[1, inf]"),
        (Scalar(1, whole=True), np.inf, "infinity", "finite numbers"),
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
        (Flag(), [0, 1, 0.5], "0.5", "True or False"),
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
