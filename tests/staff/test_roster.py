"""A roster's ids against the ids that learning systems write."""

import pytest

from rlcourse.staff.roster import compare

PEOPLE = {"12345": "Jane Doe", "222": "John Roe", "s7": "Jörg Öl"}


@pytest.mark.parametrize(
    ("students", "missing", "unknown"),
    [
        (["12345", "222", "s7"], [], []),
        (["doejane_12345", "roejohn_222"], ["s7"], []),  # Canvas
        (["Jane Doe_99", "Jörg Öl_98", "Eve Poe_97"], ["222"], ["Eve Poe_97"]),  # Moodle: its number, not the course's
        (["Doe_Jane_jdoe_801", "Roe_John_222_802"], ["s7"], []),  # ILIAS
        (["Jane Doe_1", "Jane Doe_2"], ["12345", "222", "s7"], ["Jane Doe_1", "Jane Doe_2"]),  # who is it?
        ([], ["12345", "222", "s7"], []),
        (["Jo\u0308rg O\u0308l_98"], ["12345", "222"], []),  # as macOS writes it
    ],
)
def test_who_is_missing_and_who_is_unknown(students, missing, unknown):
    assert compare(PEOPLE, students) == (missing, unknown)


def test_a_whole_id_goes_before_a_part_of_one():
    assert compare({"doe": "", "doe_jane": ""}, ["doe_jane", "doe"]) == ([], [])
