"""Plain data as JSON: how check data is stored and how the judge talks to a student's functions. Never pickle.

None, booleans, numbers, strings, lists, tuples, dicts with string keys, NumPy arrays and torch tensors, with a
white-list of dtypes. An array becomes {"array": nested lists, "dtype": "float64", "shape": [..]}, a tensor
{"tensor": ..}. What comes in is not trusted: a wrong tag, dtype, shape or size is a ValueError.
"""

from array import array
from collections import deque
from decimal import Decimal
from fractions import Fraction
from numbers import Real
from typing import Any

import numpy as np

DTYPES = {"bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64"}
MAX_NUMBERS = 2_000_000  # in one value
MAX_DEPTH = 20


def encode(value: Any, depth: int = 0) -> Any:
    """The value as what json.dumps takes. Raises TypeError, naming the type, for anything but plain data.

    What can be made plain is: a deque, a range, an array.array; numbers and arrays of another precision; tensors with
    gradient; sparse matrices.
    """
    if depth > MAX_DEPTH:
        raise TypeError(f"nested more than {MAX_DEPTH} deep")
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float) and not isinstance(value, np.generic):
        return value
    if isinstance(value, Fraction | Decimal):
        return float(value)
    if isinstance(value, list | tuple | deque | range | array):
        items = [encode(item, depth + 1) for item in value]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {"dict": {key: encode(item, depth + 1) for key, item in value.items()}}
    tag = "tensor" if type(value).__module__.startswith("torch") else "array"
    if tag == "tensor" and hasattr(value, "detach"):
        value = _as_numpy(value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "O":
        if not all(isinstance(item, Real | Decimal) for item in value.flat):
            raise TypeError("an array of objects, which is not plain data")
        value = value.astype(float)
    if isinstance(value, np.ndarray | np.generic) and (name := _dtype(value)):
        if value.size > MAX_NUMBERS:
            raise TypeError(f"an array of {value.size} numbers, more than {MAX_NUMBERS}")
        return {tag: value.astype(name).tolist(), "dtype": name, "shape": list(value.shape)}
    if hasattr(value, "toarray"):  # a sparse matrix, where it is small
        return encode(value.toarray(), depth + 1)
    raise TypeError(f"a {type(value).__name__}, which is not plain data")


def _as_numpy(tensor: Any) -> np.ndarray:
    tensor = tensor.detach().cpu().to_dense()
    known = str(tensor.dtype).removeprefix("torch.") in DTYPES
    return (tensor if known or not tensor.is_floating_point() else tensor.float()).numpy()  # bfloat16: NumPy has none


def _dtype(values: np.ndarray | np.generic) -> str:
    """Which dtype of the list the numbers are sent in; "" where they are none."""
    if values.dtype.name in DTYPES:
        return values.dtype.name
    whole = "int64" if values.dtype.itemsize < 8 else "float64"
    return {"f": "float64", "u": whole}.get(values.dtype.kind, "")


def decode(data: Any, depth: int = 0) -> Any:
    """The value that encode made into data. Raises ValueError on anything that encode does not write."""
    if depth > MAX_DEPTH:
        raise ValueError(f"nested more than {MAX_DEPTH} deep")
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if isinstance(data, list):
        return [decode(item, depth + 1) for item in data]
    if not isinstance(data, dict):
        raise ValueError(f"a {type(data).__name__}, which is not JSON")
    if set(data) == {"tuple"} and isinstance(data["tuple"], list):
        return tuple(decode(item, depth + 1) for item in data["tuple"])
    if set(data) == {"dict"} and isinstance(data["dict"], dict):
        return {key: decode(item, depth + 1) for key, item in data["dict"].items()}
    tag = next((tag for tag in ("array", "tensor") if set(data) == {tag, "dtype", "shape"}), None)
    if tag is None or data["dtype"] not in DTYPES:
        raise ValueError(f"unknown data with the keys {sorted(data)[:4]}")
    shape = data["shape"]
    if not (isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)) or len(shape) > 8:
        raise ValueError("a shape that is not a list of whole numbers")
    if np.prod([float(n) for n in shape]) > MAX_NUMBERS:
        raise ValueError(f"an array of more than {MAX_NUMBERS} numbers")
    try:
        numbers = np.array(data[tag], dtype=data["dtype"]).reshape(shape)
    except (TypeError, OverflowError) as error:
        raise ValueError(f"an array that does not hold numbers: {error}") from None
    if tag == "tensor":
        import torch  # only where a tensor comes: tabular problem sets need no torch

        return torch.from_numpy(numbers)
    return numbers
