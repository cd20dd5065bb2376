"""What the pages in docs/ point at is there."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CELLS = {
    path.name.split("_")[0]: {cell["id"] for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]}
    for path in ROOT.glob("notebooks/*.ipynb")
}
NAME = r"`([a-z0-9-]{2,})`"  # of a cell: no file, no function with an underscore, no letter on a map


def rows(page):
    """Of each table's row: the section it stands in, and its columns."""
    section = ""
    for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("| "):
            yield section, [column.strip() for column in line.strip("|").split(" | ")]


def slips():
    return [column for _, column in rows("slips.md") if column[0] != "printed"]


def named_by_slips():
    return {pair for column in slips() for pair in re.findall(rf"\b(\d\d[ab]?) {NAME}", column[2])}


def named_by_reviews():
    """In a lecture's section a name alone is one of its cells; (07: `name`) is a cell of lecture 07."""
    for section, column in rows("reviews.md"):
        if lecture := re.match(r"(\d\d[ab]?) · ", section):
            for other, name in re.findall(rf"(?:\((\d\d[ab]?): )?{NAME}", column[2]):
                yield other or lecture[1], name


@pytest.mark.parametrize(("lecture", "cell"), sorted(named_by_slips()))
def test_a_slip_is_shown_where_the_page_says(lecture, cell):
    assert cell in CELLS[lecture]


def test_a_review_was_mended_where_the_page_says():
    named = set(named_by_reviews())
    assert len(named) > 200
    assert {(lecture, cell) for lecture, cell in named if cell not in CELLS[lecture]} == set()


def test_each_slip_has_a_place():
    assert len(slips()) > 50
    for column in slips():
        assert len(column) == 3, column
        assert re.search(rf"^\d\d[ab]? {NAME}|^1[2-5]( and 1[3-5])?, planned$|^written right", column[2]), column
