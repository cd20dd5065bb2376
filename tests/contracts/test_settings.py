"""Settings check themselves: every kind of setting, and an error that names it, what came and what was expected."""

import re
from dataclasses import dataclass, fields, replace
from typing import Literal

import numpy as np
import pytest
import torch

from rlcourse.contracts.inputs import bad_argument
from rlcourse.contracts.settings import (
    AtLeast0,
    Count,
    Fraction,
    Interval,
    Natural,
    Positive,
    Settings,
    Several,
    Widths,
)


@dataclass(frozen=True)
class Config(Settings):
    count: Count = 1
    several: Several = 2
    natural: Natural = 0
    fraction: Fraction = 0.5
    positive: Positive = 1.0
    at_least_0: AtLeast0 = 0.0
    widths: Widths = (64, 64)
    interval: Interval = (0.0, 1.0)
    choice: Literal["none", "average", 3] = "none"
    flag: bool = False
    no_count: Count | None = None
    no_positive: Positive | None = 0.5
    no_widths: Widths | None = None
    no_interval: Interval | None = None
    no_choice: Literal["a", "b"] | None = None
    no_flag: bool | None = None


NUMBERS = ("count", "several", "natural", "fraction", "positive", "at_least_0", "no_count", "no_positive")
WHOLE = ("count", "several", "natural", "no_count")
OPTIONAL = tuple(field.name for field in fields(Config) if field.name.startswith("no_"))

NO_NUMBERS = [True, False, "1", "", "a", np.nan, np.inf, -np.inf, [1], (1,), [], {}, {1}, np.ones(1), np.ones((2, 2)),
              1j, object(), print, torch.ones(3), b"1", -1]  # fmt: skip
BAD = [(name, value) for name in NUMBERS for value in NO_NUMBERS]
BAD += [(name, value) for name in WHOLE for value in (2.5, 1e-9 + 2, np.float64(2.5), torch.tensor(2.5))]
BAD += [(name, None) for name in (field.name for field in fields(Config)) if name not in OPTIONAL]
BAD += [("count", 0), ("no_count", 0), ("several", 1), ("fraction", 1.0001), ("fraction", 2), ("positive", 0)]
BAD += [("positive", -0.0), ("no_positive", 0.0)]
BAD += [
    (name, value)
    for name in ("widths", "no_widths")
    for value in (64, "64", "ab", (0,), (-3, 4), (64, 2.5), (64, None), (True, 2), ("64",), ((64,),), (np.nan,), {64},
                  {64: 1}, np.array([64, 64]), True, 0.5)
]  # fmt: skip
BAD += [
    (name, value)
    for name in ("interval", "no_interval")
    for value in (5, "01", (), (0,), (0, 1, 2), (1, 1), (2, 1), (np.nan, 1), (0, np.nan), (0, np.inf), (-np.inf, 0),
                  (False, True), ("0", "1"), (0, None), {0, 1}, np.array([0, 1]), [[0], [1]])
]  # fmt: skip
BAD += [
    (name, value)
    for name in ("choice", "no_choice")
    for value in ("", "NONE", "c", 0, 3.5, True, [], ["none"], {}, np.nan, np.array(["a", "b"]), np.ones(2),
                  torch.ones(2))
]  # fmt: skip
BAD += [(name, value) for name in ("flag", "no_flag") for value in (0, 1, "no", "True", "", 1.0, [], np.nan, print)]


def readable(value: object) -> str:
    return re.sub(r" at 0x.*|\s+", " ", repr(value))[:30]


@pytest.mark.parametrize("name, value", BAD, ids=[f"{name}-{readable(value)}" for name, value in BAD])
def test_a_bad_value_is_named_with_what_came_and_what_was_expected(name, value):
    with pytest.raises(ValueError) as error:
        Config(**{name: value})
    named, came, expected = re.fullmatch(r"(\w+): got (.+), expected (.+)", str(error.value), re.S).groups()
    assert named == name and came.strip() and expected.strip()
    with pytest.raises(ValueError, match=f"^{name}: got"):
        replace(Config(), **{name: value})


@pytest.mark.parametrize(
    "name, value, came, expected",
    [
        ("count", 0, "0", "numbers in [1, inf]"),
        ("count", 2.5, "2.5", "a whole number"),
        ("count", True, "True", "a whole number"),
        ("fraction", 1.5, "1.5", "numbers in [0, 1]"),
        ("fraction", "0.5", "'0.5'", "a number"),
        ("fraction", np.nan, "NaN", "numbers"),
        ("positive", 0, "0", "numbers in (0, inf]"),
        ("positive", np.inf, "infinity", "finite numbers"),
        ("widths", 64, "64", "a tuple of whole numbers, such as (64, 64)"),
        ("widths", (64, 0), "0", "numbers in [1, inf]"),
        ("interval", (1, 0), "(1, 0)", "two numbers, the first one smaller"),
        ("choice", "best", "'best'", "one of 'none', 'average', 3"),
        ("flag", "no", "'no'", "True or False"),
        ("positive", None, "None", "a number"),
    ],
)
def test_what_errors_say(name, value, came, expected):
    with pytest.raises(ValueError, match="^" + re.escape(f"{name}: got {came}, expected {expected}") + "$"):
        Config(**{name: value})


@pytest.mark.parametrize(
    "name, value, kept",
    [
        ("count", 5.0, 5),
        ("count", np.int64(5), 5),
        ("count", 10**9, 10**9),
        ("natural", 0, 0),
        ("several", 2, 2),
        ("fraction", 0, 0.0),
        ("fraction", 1, 1.0),
        ("fraction", np.float32(0.5), 0.5),
        ("positive", 1e-12, 1e-12),
        ("at_least_0", 3, 3.0),
        ("widths", [64, 32], (64, 32)),
        ("widths", (64.0, np.int32(8)), (64, 8)),
        ("widths", (), ()),
        ("interval", [-5, 5], (-5.0, 5.0)),
        ("choice", "average", "average"),
        ("choice", 3, 3),
        ("flag", True, True),
        ("no_count", 4, 4),
        ("no_positive", None, None),
        ("no_widths", [3], (3,)),
        ("no_interval", (0, 1), (0.0, 1.0)),
        ("no_choice", "b", "b"),
        ("no_flag", False, False),
    ],
)
def test_a_good_value_is_kept_in_pythons_own_type(name, value, kept):
    found = getattr(Config(**{name: value}), name)
    assert found == kept and type(found) is type(kept)
    assert not isinstance(found, tuple) or [type(one) for one in found] == [type(one) for one in kept]


@pytest.mark.parametrize("name", OPTIONAL)
def test_none_is_kept_where_it_is_allowed(name):
    assert getattr(Config(**{name: None}), name) is None


def test_a_config_is_a_value():
    config = Config(widths=[8, 8])
    assert config == Config(widths=(8, 8)) and hash(config) == hash(Config(widths=(8, 8)))
    with pytest.raises(AttributeError):
        config.count = 3
    with pytest.raises(TypeError, match="unknown"):
        Config(unknown=3)


def test_an_inherited_setting_is_checked_too_and_rules_across_settings_come_after():
    @dataclass(frozen=True)
    class Larger(Config):
        batch: Count = 8

        def __post_init__(self) -> None:
            super().__post_init__()
            if self.batch < self.count:
                raise bad_argument("batch", f"{self.batch}", f"at least {self.count}, the count")

    assert Larger(count=8.0).count == 8
    with pytest.raises(ValueError, match="^count: got 0"):
        Larger(count=0)
    with pytest.raises(ValueError, match="^batch: got 2, expected at least 4, the count"):
        Larger(batch=2, count=4)
