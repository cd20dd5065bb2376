"""Notebooks that are odd as files: metadata, kinds, ids, numbers of cells."""

import copy

from cases import WRONG, Hostile, deserved
from classroom import student
from course import cell

FAILED = {"double": "failed"}


def odd(cells: list, why: str, **changes: str) -> Hostile:
    return Hostile(why, cells, deserved(changes), seconds=30)


def wrong(**changes) -> list[dict]:
    return student(double=WRONG)


def with_flags(name: str, **flags) -> list[dict]:
    """A cell of the master's that claims to be of another kind."""
    cells = wrong()
    for one in cells:
        if one["id"] == name:
            one["metadata"]["nbgrader"] |= flags
    return cells


def with_hints(**hints) -> list[dict]:
    cells = wrong()
    for one in cells:
        one["metadata"]["rlcourse"] = hints
    return cells


def with_sources(source) -> list[dict]:
    return [*wrong(), *({"cell_type": "code", "id": f"odd-{n}", "metadata": {}, "source": source} for n in range(2))]


def copies(name: str, n: int) -> list[dict]:
    cells = wrong()
    place = next(number for number, one in enumerate(cells) if one["id"] == name)
    return [*cells[:place], *(copy.deepcopy(cells[place]) for _ in range(n)), *cells[place:]]


REGIONS = "### BEGIN HIDDEN TESTS\n" * 130_000
MINE = cell("code", "mine", "y = 1")
CASES = {
    "a test that claims to be a solution": odd(
        with_flags("test-double", grade=False, solution=True), "master", **FAILED
    ),
    "a solution that claims to be a test": odd(with_flags("double", grade=True, solution=False), "master", **FAILED),
    "a test of a million points": odd(with_flags("test-double", points=1e6), "the master's points", **FAILED),
    "points without end": odd(with_flags("test-double", points=10**400), "the master's points", **FAILED),
    "points that are none": odd(with_flags("test-total", points=float("nan")), "the master's points", **FAILED),
    "a test that is to be skipped": odd(with_hints(skip_when_grading=True, time_limit=1e9), "the master's", **FAILED),
    "a time limit without end": odd(with_hints(time_limit=10**400), "the master's", **FAILED),
    "a grade_id that is a list": odd(with_flags("double", grade_id=["double"]), "its id counts then", **FAILED),
    "a grade_id of another cell": odd(
        with_flags("letter", grade_id="double"), "what it holds runs", double="failed|not attempted"
    ),
    "a test cell 500 times": odd(copies("test-double", 500), "the last is asked", **FAILED),
    "a solution cell 500 times": odd(copies("total", 500), "each runs", **FAILED),
    "a set-up cell 500 times": odd(copies("setup", 500), "each runs", **FAILED),
    "5,000 cells": odd([MINE] * 5000 + wrong(), "all run", **FAILED),
    "5,000 text cells": odd([cell("markdown", "double", "x")] * 5000 + wrong(), "none runs", **FAILED),
    "5,000 cells that fail": odd([cell("code", "mine", "1 / 0")] * 5000 + wrong(), "50 are told", **FAILED),
    "no cell in order": odd(
        wrong()[::-1],
        "tests stand before what they ask for",
        **dict.fromkeys(("double", "total", "letter", "kept"), "not attempted|passed"),
    ),
    "the tests first": odd(
        sorted(wrong(), key=lambda one: not one["id"].startswith("test")),
        "nothing is there yet",
        **dict.fromkeys(("double", "total", "letter", "kept"), "not attempted"),
    ),
    "null bytes": odd(with_sources("x = '\x00'\x00"), "no Python", **FAILED),
    "half letters": odd(with_sources("x = '\ud800' # \udfff"), "no text", **FAILED),
    "a source that is a number": odd(with_sources(5), "nothing", **FAILED),
    "a source of odd lines": odd(with_sources(["y = 1\n", None, 3, ["z"], {"a": 1}]), "its lines of text", **FAILED),
    "a mark of the byte order": odd(with_sources("\ufeffy = 1"), "Python takes it", **FAILED),
    "260,000 beginnings of hidden tests": odd(with_sources(REGIONS), "no region ends", **FAILED),
    "beginnings behind an end": odd(with_sources("### END HIDDEN TESTS\n" + REGIONS), "no region begins", **FAILED),
    "a cell of 7 MB": odd([cell("code", "mine", "# " + "x" * 7_000_000), *wrong()], "a comment", **FAILED),
    "a line of 2 MB": odd([cell("code", "mine", "x = 0" + "+1" * 1_000_000), *wrong()], "its own crash", **FAILED),
    "a cell that is a heading": odd([{"cell_type": "heading", "source": "x"}, *wrong()], "no code", **FAILED),
    "metadata that is none": odd([{"cell_type": "code", "metadata": [[]], "source": "1"}, *wrong()], "none", **FAILED),
    "outputs that claim points": odd(
        [one | {"outputs": [{"output_type": "stream", "text": "passed"}]} for one in wrong()], "not read", **FAILED
    ),
    "a raw cell in a test's place": odd(
        [one | ({"cell_type": "raw"} if one["id"] == "test-double" else {}) for one in wrong()], "master", **FAILED
    ),
}
SLOW = {kind for kind in CASES if "5,000 cells" in kind} | {"a solution cell 500 times", "a cell of 7 MB"}
