"""Input checks: what an argument of an equation must look like, said once, beside the equation.

A check has one method, `check(name, value, sizes) -> value`. It raises a ValueError that names the argument, what came
and what was expected, and returns the value, lists turned into arrays and integers into floats. `sizes` remembers the
length of each named axis, so that `Array("S A")` after `Transitions()` must have the S and the A of that P, and the
shape that "..." stands for, so that [B] beside [B, 1] is an error and never a broadcast.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np


def bad_argument(name: str, came: str, expected: str) -> ValueError:
    """The error that every check raises: the argument, what came, what was expected."""
    return ValueError(f"{name}: got {came}, expected {expected}")


def is_sparse(value: Any) -> bool:
    """Whether value is a SciPy sparse matrix or array, asked without importing SciPy."""
    return hasattr(value, "tocsr")


def _numbers(name: str, value: Any) -> np.ndarray:
    """The numbers in value as a NumPy array, to look at; torch tensors are read without importing torch."""
    try:
        array = np.asarray(value.detach().cpu() if hasattr(value, "detach") else value)
    except ValueError:
        raise bad_argument(name, "rows of different lengths", "numbers in a rectangular array") from None
    if array.dtype.kind not in "buif":
        raise bad_argument(name, f"values of type {array.dtype}", "real numbers")
    return array


def _usable(value: Any, numbers: np.ndarray) -> Any:
    """Tensors and float arrays pass as they are; integers become floats, or an update in place would cut the digits."""
    if hasattr(value, "detach"):
        return value
    return numbers if numbers.dtype.kind == "f" else numbers.astype(float)


def _as_tensor(value: Any, numbers: np.ndarray) -> Any:
    """Tensors and arrays of floats keep their precision; lists and whole numbers, which have none, get torch's own."""
    import torch

    tensor = value if isinstance(value, torch.Tensor) else torch.from_numpy(_usable(value, numbers).copy())
    return tensor if hasattr(value, "dtype") and numbers.dtype.kind == "f" else tensor.to(torch.get_default_dtype())


def _shape_in_words(axes: str, known: dict[str, Any]) -> str:
    """[S, A] with S = 3, for instance; where "..." is known to be (5, 4), [... A] is [5, 4, A]."""
    lead = [str(length) for length in known["..."]] if "..." in known else ["..."]
    names = [part for axis in axes.split() for part in (lead if axis == "..." else [axis])]
    lengths = ", ".join(f"{name} = {known[name]}" for name in dict.fromkeys(names) if name in known and name.isalpha())
    return (f"[{', '.join(names)}]" if names else "a single number") + (f" with {lengths}" if lengths else "")


def _check_range(name: str, numbers: np.ndarray, low: float, high: float, open_ends: str = "") -> None:
    if np.isnan(numbers).any():
        raise bad_argument(name, "NaN", "numbers")
    below = numbers <= low if "low" in open_ends else numbers < low
    above = numbers >= high if "high" in open_ends else numbers > high
    if (below | above).any():
        interval = f"{'(' if 'low' in open_ends else '['}{low:g}, {high:g}{')' if 'high' in open_ends else ']'}"
        raise bad_argument(name, f"{numbers[below | above].flat[0]:g}", f"numbers in {interval}")


def _check_distribution(name: str, numbers: np.ndarray) -> None:
    lowest, total = numbers.min(), numbers.sum(axis=-1)  # two passes, no copy: P may be large. NaN shows in both
    if np.isnan(lowest):
        raise bad_argument(name, "NaN", "numbers")
    off = np.abs(total - 1).max()
    if lowest < 0 or not off <= 1e-5:
        came = "a negative probability" if lowest < 0 else f"probabilities whose sum is off 1 by {off:g}"
        raise bad_argument(name, came, "probabilities >= 0 that sum to 1 along the last axis")


@dataclass(frozen=True)
class Array:
    """An array with named axes: "S A" is a table of states and actions, "... A" has any leading axes, "... 1" has
    length 1 in the end. Whatever leads must be the same in all arguments of a call that say "..."."""

    axes: str
    low: float = -np.inf
    high: float = np.inf
    open_ends: str = ""  # "low", "high": that end itself is out of range
    distribution: bool = False  # probabilities along the last axis
    finite: bool = False  # infinities are errors too, not only NaN
    least: int = 1  # the smallest length of the last axis

    def check(self, name: str, value: Any, sizes: dict[str, Any]) -> Any:
        numbers = _numbers(name, value)
        axes, shape, lengths = self.axes.split(), numbers.shape, {}
        sizes |= {axis: int(axis) for axis in axes if axis.isdigit()}
        known = dict(sizes)
        if axes[0] == "...":
            lead = max(0, len(shape) - len(axes) + 1)
            axes, lengths["..."], shape = axes[1:], shape[:lead], shape[lead:]
        lengths |= dict(zip(axes, shape, strict=False))
        if len(axes) != len(shape) or any(sizes.setdefault(axis, n) != n for axis, n in lengths.items()):
            raise bad_argument(name, f"shape {numbers.shape}", _shape_in_words(self.axes, known))
        if numbers.size == 0 or (numbers.ndim and numbers.shape[-1] < self.least):
            raise bad_argument(name, f"shape {numbers.shape}", f"at least {self.least} along the last axis")
        _check_range(name, numbers, self.low, self.high, self.open_ends)
        if self.finite and np.isinf(numbers).any():
            raise bad_argument(name, "infinity", "finite numbers")
        if self.distribution:
            _check_distribution(name, numbers)
        return self.usable(value, numbers)

    def usable(self, value: Any, numbers: np.ndarray) -> Any:
        """What the equation gets."""
        return _usable(value, numbers)


@dataclass(frozen=True)
class Tensor(Array):
    """An Array of which the equation wants a torch tensor of floats: lists and NumPy arrays become one."""

    def usable(self, value: Any, numbers: np.ndarray) -> Any:
        return _as_tensor(value, numbers)


@dataclass(frozen=True)
class Flags:
    """A tensor of True and False, one for each number of the arguments that say "..."; 0 and 1 pass too."""

    axes: str = "..."

    def check(self, name: str, value: Any, sizes: dict[str, Any]) -> Any:
        import torch

        Array(self.axes).check(name, value, sizes)
        return torch.as_tensor(Flag().check(name, value, sizes)).bool()


@dataclass(frozen=True)
class Transitions:
    """Transition probabilities: an array [S, A, S] or a SciPy sparse matrix [S*A, S], every row a distribution."""

    def check(self, name: str, value: Any, sizes: dict[str, Any]) -> Any:
        if is_sparse(value):
            rows, n = value.shape
            if n == 0 or rows == 0 or rows % n:
                raise bad_argument(name, f"a sparse matrix of shape {value.shape}", "[S*A, S]")
            from scipy.sparse import csr_array  # value came from SciPy

            value = csr_array(value)  # of SciPy's older matrix type, too, where * would mean @
            _check_range(name, value.data, 0, np.inf)
            _check_distribution(name, np.asarray(value.sum(axis=1)).reshape(-1, 1))
            sizes |= {"S": n, "A": rows // n}
            return value
        numbers = _numbers(name, value)
        if numbers.ndim != 3 or numbers.shape[0] != numbers.shape[2] or numbers.size == 0:
            raise bad_argument(name, f"shape {numbers.shape}", "[S, A, S], as many successors as states")
        _check_distribution(name, numbers)
        sizes |= {"S": numbers.shape[0], "A": numbers.shape[1]}
        return _usable(value, numbers)


@dataclass(frozen=True)
class Number:
    """A number in [low, high], or an array of such numbers; open_ends ("low", "high") leaves an end out."""

    low: float = -np.inf
    high: float = np.inf
    open_ends: str = ""
    finite: bool = True

    def check(self, name: str, value: Any, sizes: dict[str, Any]) -> Any:
        numbers = _numbers(name, value)
        _check_range(name, numbers, self.low, self.high, self.open_ends)
        if self.finite and np.isinf(numbers).any():
            raise bad_argument(name, "infinity", "finite numbers")
        return np.asarray(value) if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Scalar(Number):
    """One number in [low, high]; an array, which would broadcast, is refused. whole asks for a whole number."""

    whole: bool = False

    def check(self, name: str, value: Any, sizes: dict[str, Any]) -> Any:
        numbers = _numbers(name, super().check(name, value, sizes))
        if numbers.ndim:
            raise bad_argument(name, f"shape {numbers.shape}", "a single number")
        if self.whole and numbers != np.floor(numbers):
            raise bad_argument(name, f"{numbers:g}", "a whole number")
        return int(numbers) if self.whole else numbers.item()


@dataclass(frozen=True)
class TensorNumber(Number):
    """A number, or a torch tensor of numbers that broadcasts to the named axes (of arguments before it)."""

    axes: str = "..."

    def check(self, name: str, value: Any, sizes: dict[str, Any]) -> Any:
        numbers = _numbers(name, super().check(name, value, sizes))
        shape = sizes["..."] if self.axes == "..." else tuple(sizes[axis] for axis in self.axes.split())
        if len(numbers.shape) > len(shape) or any(
            mine not in (1, n) for mine, n in zip(numbers.shape[::-1], shape[::-1], strict=False)
        ):
            raise bad_argument(name, f"shape {numbers.shape}", f"a number, or numbers that broadcast to {shape}")
        return _as_tensor(value, numbers) if numbers.ndim or hasattr(value, "detach") else numbers.item()


@dataclass(frozen=True)
class Index:
    """The number of a state or an action (or an array of them), 0 <= index < length of the named axis."""

    axis: str

    def check(self, name: str, value: Any, sizes: dict[str, Any]) -> Any:
        numbers = _numbers(name, value)
        if numbers.dtype.kind not in "ui":
            raise bad_argument(name, f"{value!r}", "whole numbers")
        top = sizes[self.axis]
        if ((numbers < 0) | (numbers >= top)).any():
            bad = numbers[(numbers < 0) | (numbers >= top)].flat[0]
            raise bad_argument(name, f"{bad}", f"a number in 0..{top - 1}")
        return np.asarray(value) if isinstance(value, list | tuple) else value


@dataclass(frozen=True)
class Flag:
    """True or False (or an array of them); 0 and 1 pass too."""

    def check(self, name: str, value: Any, sizes: dict[str, Any]) -> Any:
        numbers = _numbers(name, value)
        other = (numbers != 0) & (numbers != 1)
        if other.any():
            raise bad_argument(name, f"{numbers[other].flat[0]:g}", "True or False")
        return value if hasattr(value, "detach") else numbers.astype(bool)


DISCOUNT = Number(0, 1)
