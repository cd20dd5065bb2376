"""One symbol, one meaning: every letter of every equation is explained below it."""

import re
from pathlib import Path

import pytest

from rlcourse.homework.catalogue import catalogue
from rlcourse.pictures import notation
from rlcourse.pictures.equations import show

ROOT = Path(__file__).parents[2]
FUNCTIONS = {exercise.name: exercise.function for exercise in catalogue().values()}


def equation_of(function):
    return " ".join(re.findall(r"\.\. math::((?:.|\n)*?)(?:\n\s*\n|$)", function.__doc__))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_each_symbol_is_explained(name):
    known, unknown = notation.symbols(equation_of(FUNCTIONS[name]))
    here = re.search(r"\n\s*\n\s*Here (.|\n)*?\n\s*\n", FUNCTIONS[name].__doc__)
    local = re.findall(r":math:`([^`]*)`", here[0]) if here else []
    letters = {token for symbol in local for token in notation.symbols(symbol)[1]}
    assert unknown <= letters, f"{sorted(unknown - letters)}: neither in the notation page nor after 'Here'"
    assert known or local
    assert "<small>where " in show(FUNCTIONS[name]).data


def test_a_symbol_that_nobody_explains_is_found():
    assert notation.symbols(r"\zeta V(s') + \max_a Q(s, a)") == (["s", "s'", "a", "V", "Q"], {r"\zeta"})
    assert notation.symbols(r"V^\pi + V^* + V") == (["V", r"V^\pi", "V^*"], set())
    assert notation.symbols(r"\rho_0 \bar\rho") == ([r"\rho_0", r"\bar\rho"], set())


def test_no_symbol_stands_in_two_tables():
    assert len(notation.MEANINGS) == sum(map(len, notation.SYMBOLS.values()))


def test_the_page_is_what_the_table_makes():
    assert (ROOT / "docs" / "notation.md").read_text(encoding="utf-8") == notation.page() + "\n"
