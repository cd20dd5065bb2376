"""What comes back from a function is plain data or can be made so; nothing else gets through, in either direction."""

import array
import json
from collections import deque
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import scipy.sparse
import torch

from rlcourse.homework.compare import compare
from rlcourse.homework.wire import MAX_NUMBERS, decode, encode


def sent(value: object) -> object:
    return decode(json.loads(json.dumps(encode(value))))


NUMBERS = [
    [1.0, 2.0],
    (1, 2.0),
    np.array([1, 2], dtype=np.longdouble),
    np.array([1, 2], dtype=np.uint32),
    np.array([1, 2], dtype=np.uint64),
    np.array([1, 2], dtype=">f8"),
    np.array([1.0, 2.0])[None, :, None].squeeze(),
    np.array([Fraction(1), Decimal(2)], dtype=object),
    [np.longdouble(1), np.float16(2)],
    [Fraction(1), Decimal(2)],
    deque([1.0, 2.0]),
    array.array("f", [1.0, 2.0]),
    range(1, 3),
    torch.tensor([1.0, 2.0], requires_grad=True),
    torch.tensor([1.0, 2.0], dtype=torch.bfloat16),
    torch.tensor([1, 2], dtype=torch.int16),
    torch.tensor([1.0, 2.0]).to_sparse(),
    torch.nn.Parameter(torch.tensor([1.0, 2.0], dtype=torch.float64)),
    [torch.tensor(1.0, requires_grad=True), torch.tensor(2, dtype=torch.uint8)],
    deque([torch.tensor(1.0), np.float32(2)]),
]


@pytest.mark.parametrize("value", NUMBERS, ids=[f"{n} {type(value).__name__}" for n, value in enumerate(NUMBERS)])
def test_numbers_of_any_kind_are_the_same_here_and_after_the_journey(value):
    assert compare(value, np.array([1.0, 2.0])) == ""
    assert compare(sent(value), np.array([1.0, 2.0])) == ""


@pytest.mark.parametrize(
    "value",
    [np.longdouble(0.5), np.float16(0.5), torch.tensor(0.5, dtype=torch.bfloat16), Fraction(1, 2), Decimal("0.5"), 0.5],
    ids=repr,
)
def test_single_numbers_of_any_kind(value):
    assert compare(value, 0.5) == compare(sent(value), 0.5) == ""


def test_matrices():
    for value in (np.matrix([[1.0, 2.0]]), scipy.sparse.csr_array(np.array([[1.0, 2.0]]))):
        assert compare(value, np.array([[1.0, 2.0]])) == compare(sent(value), np.array([[1.0, 2.0]])) == ""


def test_what_has_a_dtype_of_the_list_keeps_it():
    for dtype in ("bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64"):
        assert sent(np.ones(2, dtype)).dtype == dtype
        assert sent(torch.ones(2, dtype=getattr(torch, dtype))).dtype == getattr(torch, dtype)
    assert np.array_equal(sent(np.array([np.nan, np.inf, -np.inf])), [np.nan, np.inf, -np.inf], equal_nan=True)


@pytest.mark.parametrize(
    "value",
    [
        1j,
        np.array([1j]),
        torch.tensor([1j]),
        object(),
        {1: 2},
        {1, 2},
        np.array(["a"]),
        np.array([object()]),
        np.array([None]),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
        (n for n in range(2)),
        np.zeros(MAX_NUMBERS + 1, np.int8),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_no_plain_data_is_refused(value):
    with pytest.raises(TypeError):
        encode(value)


def test_what_refers_to_itself_is_refused():
    endless: list = []
    endless.append(endless)
    with pytest.raises(TypeError, match="nested more than 20 deep"):
        encode(endless)


@pytest.mark.parametrize(
    "data",
    [
        {"array": [1], "dtype": "object", "shape": [1]},
        {"array": [1, 2], "dtype": "int8", "shape": [3]},
        {"array": [1], "dtype": "int8", "shape": [-1]},
        {"array": [1], "dtype": "int8", "shape": [10**9]},
        {"array": [{}], "dtype": "int8", "shape": [1]},
        {"array": [1], "dtype": "int8"},
        {"module": "os"},
        {"tuple": 3},
    ],
)
def test_what_encode_does_not_write_is_refused(data):
    with pytest.raises(ValueError):
        decode(data)
