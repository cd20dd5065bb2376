"""What the pages in docs/ point at is there."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NAMED = re.findall(r"\b(\d\d[ab]?) `([a-z0-9-]+)`", (ROOT / "docs" / "slips.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("lecture", "cell"), sorted(set(NAMED)))
def test_a_slip_is_shown_where_the_page_says(lecture, cell):
    (path,) = ROOT.glob(f"notebooks/{lecture}_*.ipynb")
    assert cell in [one["id"] for one in json.loads(path.read_text(encoding="utf-8"))["cells"]]


def test_the_page_names_cells():
    assert len(NAMED) > 30
