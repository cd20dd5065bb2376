"""Each problem set as it is graded: right answers have full marks in any style, the blank notebook has none."""

import base64
import copy
import json

import pytest
from course import ROOT
from right_answers import BY_SET, cells

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.homework.catalogue import catalogue
from rlcourse.staff import sandbox
from rlcourse.staff.edition import student_edition
from rlcourse.staff.judge import Job, judge

SETS = ("ps1", "ps2", "ps3", "ps4", "ps5")
LETTERS = ("silent-bug", "surrogate-gradient")  # cells that ask for letters, not for a function of the library's
pytestmark = [
    pytest.mark.sandbox,
    pytest.mark.skipif(bool(sandbox.missing()), reason=f"no sandbox: {sandbox.missing()}"),
]


@pytest.fixture(scope="module")
def editions(tmp_path_factory) -> dict:
    folders = {key: tmp_path_factory.mktemp(key) / "edition" for key in SETS}  # one that any user may read
    for key, folder in folders.items():
        student_edition(key, folder)
    return folders


def notebook(key: str, kind: str) -> dict:
    """The committed master ("solutions") or exercise ("exercises") of a problem set."""
    name = PROBLEM_SETS[key]
    return json.loads((ROOT / kind / name / f"{name}.ipynb").read_text(encoding="utf-8"))


def with_style(key: str, style: str) -> dict:
    """The exercise with the functions of a style in it, and the letters that are asked for."""
    filled = copy.deepcopy(notebook(key, "exercises"))
    sources = {name.replace("_", "-"): source for name, source in cells(style, key).items()}
    for cell, solved in zip(filled["cells"], notebook(key, "solutions")["cells"], strict=True):
        cell["source"] = sources.pop(cell["id"], solved["source"] if cell["id"] in LETTERS else cell["source"])
    assert not sources
    return filled


def judged(key: str, edition, handed_in: dict) -> dict:
    name = PROBLEM_SETS[key]
    data = base64.b64encode(json.dumps(handed_in).encode()).decode()
    return judge(Job("jane", data, str(ROOT / "solutions" / name / f"{name}.ipynb"), str(edition)))


def failed(result: dict) -> dict[str, str]:
    """The cells that did not pass, and why; the written answer waits for a person."""
    return {
        cell["cell"]: f"{cell['verdict']}: {cell['hint']}"
        for cell in result["cells"]
        if cell["verdict"] != "passed" and cell["cell"] != "written"
    }


# nbval runs the solved notebooks too; judged whole, those that train networks take a minute and a half together.
@pytest.mark.parametrize("key", [SETS[0], *(pytest.param(key, marks=pytest.mark.slow) for key in SETS[1:])])
def test_the_solved_notebook_has_full_marks(key, editions):
    result = judged(key, editions[key], notebook(key, "solutions"))
    assert failed(result) == {}
    assert (result["state"], result["score"], result["notes"]) == ("graded", result["max"] - 4, [])


@pytest.mark.parametrize("key", SETS)
def test_the_blank_notebook_has_none(key, editions):
    result = judged(key, editions[key], notebook(key, "exercises"))
    assert {cell["verdict"] for cell in result["cells"]} == {"not attempted", "manual"}
    assert (result["state"], result["score"]) == ("graded", 0)


@pytest.mark.slow
@pytest.mark.parametrize(("key", "style"), [(key, style) for key in SETS for style in BY_SET[key]])
def test_right_answers_have_full_marks_whatever_their_style(key, style, editions):
    result = judged(key, editions[key], with_style(key, style))
    assert failed(result) == {}
    assert result["score"] == result["max"] - 4


@pytest.mark.parametrize("key", SETS)
def test_the_points_of_a_function_are_those_it_is_marked_with(key):
    points: dict[str, float] = {}
    for cell in notebook(key, "solutions")["cells"]:
        nbgrader = cell["metadata"].get("nbgrader", {})
        if nbgrader.get("grade") and cell["cell_type"] == "code":
            name = cell["id"].removeprefix("test-").removesuffix("-values").removesuffix("-edges").replace("-", "_")
            points[name] = points.get(name, 0) + nbgrader["points"]
    marked = {e.name: e.points for e in catalogue().values() if e.problem_set == key and e.points}
    assert {name: points[name] for name in marked} == marked
