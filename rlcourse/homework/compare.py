"""Whether what a function returned is what was expected: any container of the right numbers is."""

from collections import deque
from typing import Any

import numpy as np
from numpy import ndarray

RELATIVE, ABSOLUTE = 1e-4, 1e-6  # tolerance: single precision and another order of a sum must pass
OF_THE_LARGEST = 1e-5  # ... and a small entry of a table is no more precise than its large ones


def as_array(value: Any) -> ndarray:
    """A list, tuple, number, array or tensor as an array of real numbers. Raises ValueError in plain words."""
    if value is None:
        raise ValueError("returned None (did you forget return?)")
    complaint = f"returned a {type(value).__name__} that does not hold real numbers only"
    try:
        array = np.asarray(_without_tensors(value))
        if array.dtype.kind == "O":  # fractions, decimals
            array = np.array([float(item) for item in array.flat]).reshape(array.shape)  # float(None) raises
    except TypeError:
        raise ValueError(complaint) from None
    except Exception:  # rows of different lengths, or an object that refuses
        raise ValueError(f"returned a {type(value).__name__} that is not a rectangular array of numbers") from None
    if array.dtype.kind not in "buif":
        raise ValueError(complaint)
    return array


def _without_tensors(value: Any) -> Any:
    """The same with its tensors as arrays, with gradient or without; and a sparse matrix as a full one."""
    if isinstance(value, list | tuple | deque):
        return [_without_tensors(item) for item in value]
    if hasattr(value, "detach"):
        value = value.detach().cpu().to_dense()
        return (value.double() if value.is_floating_point() else value).numpy()  # NumPy knows no bfloat16
    return value.toarray() if hasattr(value, "toarray") else value


def as_numbers(value: Any) -> ndarray:
    """The same in double precision."""
    return as_array(value).astype(float)


def parts_of(value: Any, n: int) -> list[Any] | None:
    """The n values that a function returned, one by one or stacked in one array; None where they are not n."""
    if isinstance(value, list | tuple | deque) and len(value) == n:
        return list(value)
    stacked = hasattr(value, "shape") and len(value.shape) > 0 and len(value) == n
    return [value[i] for i in range(n)] if stacked else None


def close(got: ndarray, expected: ndarray) -> ndarray:
    """Which entries are equal; NaN equals NaN, and infinities are equal where they have one sign."""
    largest = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    with np.errstate(all="ignore"):  # 1e308 - (-1e308) is wrong, not worth a warning
        return np.isclose(got, expected, RELATIVE, ABSOLUTE + OF_THE_LARGEST * largest, equal_nan=True)


def compare(got: Any, expected: Any) -> str:
    """Whether a value is the expected one: "" where it is, else one plain line. Any container of numbers passes.

    `expected` holds plain numbers, arrays or tensors, or a tuple of such values.
    """
    if isinstance(expected, tuple):
        parts = parts_of(got, len(expected))
        if parts is None:
            came = f"{len(got)} values" if isinstance(got, list | tuple) else f"a {type(got).__name__}"
            return f"returned {came}, expected {len(expected)} values"
        for place, (part, right) in enumerate(zip(parts, expected, strict=True), 1):
            if difference := compare(part, right):
                return f"value {place} of {len(expected)}: {difference}"
        return ""
    right = as_numbers(expected)
    try:
        numbers = as_numbers(got)
    except ValueError as complaint:
        return str(complaint)
    if numbers.shape != right.shape:
        return _shape_difference(numbers.shape, right.shape)
    equal = close(numbers, right)
    if equal.all():
        return ""
    first = tuple(int(i) for i in np.argwhere(~equal)[0])
    entry = f"entry {list(first)} is" if first else "returned"
    came, wanted = (f"{array[first]:.6g}".replace("nan", "NaN") for array in (numbers, right))
    others = f"; {(~equal).sum()} of {right.size} entries differ" if (~equal).sum() > 1 else ""
    return f"{entry} {came}, expected {wanted}{others}"


def _shape_difference(came: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    words = f"returned shape {list(came)}, expected {list(wanted)}"
    if [n for n in came if n != 1] == [n for n in wanted if n != 1]:
        return f"{words}: the numbers may be right, but an axis of length 1 is " + (
            "too many" if len(came) > len(wanted) else "missing" if len(came) < len(wanted) else "in the wrong place"
        )
    if came == wanted[::-1]:
        return f"{words}: are the axes swapped?"
    if came == () and wanted:
        return f"returned one number, expected an array of shape {list(wanted)}"
    return words
