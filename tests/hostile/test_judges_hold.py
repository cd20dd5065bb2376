"""The judges, the checks and the hidden cases meet every odd value there is: a failure in words, never an exception."""

import contextlib
import io
import random
from importlib import import_module

import pytest
from odd_replies import VALUES

from rlcourse.homework import wire
from rlcourse.homework.checks import check
from rlcourse.staff.bank import bank
from rlcourse.staff.hidden import hidden

SETS = ("ps1", "ps2", "ps3", "ps4", "ps5")
JUDGES = [
    getattr(module, name)
    for module in (import_module(f"rlcourse.staff.judges.{key}") for key in SETS)
    for name in vars(module)
    if name.startswith("judge_")
]
DECODED = []
for data in VALUES:
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        DECODED.append(wire.decode(data))


@pytest.mark.parametrize("judge", JUDGES, ids=lambda judge: judge.__name__)
def test_of_what_was_trained(judge):
    for value in DECODED:
        for odd in (value, [value] * 8, {"0.weight": value, "2.bias": value}, (value, value)):
            with pytest.raises(AssertionError):
                judge(odd)


@pytest.mark.parametrize("name", [name for key in SETS for name in bank(key)])
def test_of_functions(name):
    """Each case meets another value, in an order of its own."""
    values = random.Random(name).sample(DECODED, len(DECODED))
    count = 0

    def odd(*arguments, **keywords):
        nonlocal count
        count += 1
        return values[count % len(values)]

    with contextlib.redirect_stdout(io.StringIO()):
        assert check(odd, name).state == "incorrect"
    with pytest.raises(AssertionError):
        hidden(odd, "values", name)
