"""What an agent's Config promises: each setting's range stands beside its default, and is checked when it is set.

@dataclass(frozen=True)
class Config(Settings):
    gamma: Fraction = 0.99
    max_grad_norm: Positive | None = 0.5
"""

from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from rlcourse.contracts.inputs import Scalar, bad_argument


class _Widths:
    """Widths of layers: a tuple of whole numbers."""

    def check(self, name: str, value: Any, sizes: dict) -> tuple[int, ...]:
        if not isinstance(value, tuple | list):
            raise bad_argument(name, repr(value), "a tuple of whole numbers, such as (64, 64)")
        return tuple(_number(Scalar(1, whole=True), name, width) for width in value)


class _Interval:
    """Two numbers, the first one smaller."""

    def check(self, name: str, value: Any, sizes: dict) -> tuple[float, float]:
        if not isinstance(value, tuple | list) or len(value) != 2:
            raise bad_argument(name, repr(value), "two numbers, such as (0.0, 100.0)")
        low, high = (_number(Scalar(), name, end) for end in value)
        if not low < high:
            raise bad_argument(name, repr(value), "two numbers, the first one smaller")
        return low, high


Count = Annotated[int, Scalar(1, whole=True)]
Several = Annotated[int, Scalar(2, whole=True)]
Natural = Annotated[int, Scalar(0, whole=True)]
Fraction = Annotated[float, Scalar(0, 1)]
ProperFraction = Annotated[float, Scalar(0, 1, open_ends="low high")]
Positive = Annotated[float, Scalar(0, open_ends="low")]
AtLeast0 = Annotated[float, Scalar(0)]
Widths = Annotated[tuple[int, ...], _Widths()]
Interval = Annotated[tuple[float, float], _Interval()]


def _number(scalar: Scalar, name: str, value: Any) -> Any:
    """A plain number in the scalar's range; True is no number, though Python counts with it."""
    if isinstance(value, bool | str) or value is None:
        raise bad_argument(name, repr(value), "a whole number" if scalar.whole else "a number")
    return (int if scalar.whole else float)(scalar.check(name, value, {}))


class Settings:
    """Base of every Config, which is a frozen dataclass.

    Raises:
        ValueError: naming the setting, what came, and what was expected.
    """

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            object.__setattr__(self, name, _checked(name, getattr(self, name), hint))


def _checked(name: str, value: Any, hint: Any) -> Any:
    """The value of one setting, as its annotation asks for it."""
    choices = get_args(hint)
    if NoneType in choices:
        return None if value is None else _checked(name, value, choices[0])
    if hint is bool:
        if not isinstance(value, bool):
            raise bad_argument(name, repr(value), "True or False")
        return value
    if get_origin(hint) is Literal:
        if type(value) not in map(type, choices) or value not in choices:  # an array has no single answer to `in`
            raise bad_argument(name, repr(value), f"one of {', '.join(map(repr, choices))}")
        return value
    check = hint.__metadata__[0]
    return _number(check, name, value) if isinstance(check, Scalar) else check.check(name, value, {})
