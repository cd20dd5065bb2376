"""Lectures in a bundle run with the student's functions; where one is missing, a line and what was recorded stand."""

import json
import re
from pathlib import Path

import bundles
import nbformat
import pytest
from course import ROOT
from nbformat.v4 import new_code_cell, new_notebook
from right_answers import BY_SET, cells

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.homework.catalogue import catalogue
from rlcourse.homework.follows import FOLLOWS
from rlcourse.homework.recorded import ORIGINALS
from rlcourse.staff import edition, guard, notebooks

SETS = ("ps1", "ps2", "ps3", "ps4", "ps5")
LINE = re.compile(r"^runs once `(\w+)` \(problem set (\d), task \d+\) passes its check$")
NOT_ASKED = re.compile(r"^`?(\w+)`? comes with the answers of ")


def lectures_of(key: str) -> list[str]:
    return [path.name for path in guard.lectures(key, ROOT) if path.name.startswith(guard.LECTURES[key])]


def recorded(lecture: str) -> dict[str, nbformat.NotebookNode]:
    return {cell.id: cell for cell in notebooks.read(ROOT / "notebooks" / lecture).cells if cell.cell_type == "code"}


def assert_as_recorded_where_missing(lecture: str, ran: dict, asked: list[str]) -> set[str]:
    """No traceback; a cell that lacks a function says so in one line and shows all its pictures; which these are."""
    assert bundles.errors(ran) == []
    lines, was = {}, recorded(lecture)
    for name, cell in ran.items():
        first = bundles.said(cell).partition("\n")[0]
        if missing := LINE.match(first) or NOT_ASKED.match(first):
            lines[name] = missing[1]
            assert bundles.said(cell) == first + "\n" + bundles.said(was[name]), name
        assert bundles.pictures(cell) == bundles.pictures(was[name]), name
        assert cell.execution_count, name
    assert set(lines.values()) <= set(asked), "nothing is missing that is there"
    return set(lines)


def unasked(key: str) -> list[str]:
    """What no task asks for, nor follows from one: it comes with the answers."""
    exercises = [exercise for exercise in catalogue().values() if exercise.problem_set == key]
    return [exercise.name for exercise in exercises if not exercise.points and exercise.name not in FOLLOWS]


SMALL = [
    "import matplotlib.pyplot as plt\nimport numpy as np\n"
    "from rlcourse.functional.tabular import epsilon_greedy, greedy_policy",
    "Q, seen = np.eye(2), []\nfor n in range(2):\n    seen.append(greedy_policy(Q + n))\nplt.plot([1, 2]); plt.show()",
    "print('seen', len(seen))",
    "print(epsilon_greedy(Q[0], 0.5).tolist())",
    "seen = [1]",
    "print('now', seen)",
    "1 / 0",
]


@pytest.fixture
def small(tmp_path) -> Path:
    """A bundle with a notebook of two functions and a small lecture, which was recorded with the library's."""
    edition.student_edition("ps1", tmp_path)
    name = PROBLEM_SETS["ps1"]
    (tmp_path / "manifest.json").write_text(json.dumps({"problem_set": name}))
    (tmp_path / "lectures" / ORIGINALS).mkdir(parents=True)
    lecture = new_notebook(cells=[new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(SMALL)])
    nbformat.write(lecture, tmp_path / "lectures" / "small.ipynb")
    for n, text in {1: "a picture\n", 2: "seen 2\n", 3: "[0.75, 0.25]\n"}.items():
        lecture.cells[n].outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
    nbformat.write(lecture, tmp_path / "lectures" / ORIGINALS / "small.ipynb")
    write(tmp_path)
    return tmp_path


def write(bundle: Path, *names: str) -> None:
    """The notebook with these functions written, the others as they were handed out."""
    right = cells("terse", "ps1")
    stub = "def {}(*arguments):\n    raise NotImplementedError('your code here')"
    sources = ["import numpy as np", *(right[n] if n in names else stub.format(n) for n in right)]
    made = new_notebook(cells=[new_code_cell(source) for source in sources])
    nbformat.write(made, bundle / f"{PROBLEM_SETS['ps1']}.ipynb")


def test_a_missing_function_is_one_line_and_what_was_recorded(small):
    ran = bundles.run(small, "small.ipynb")
    said = [bundles.said(cell) for cell in ran.values()]
    lacks = "runs once `{}` (problem set 1) passes its check\n".format
    assert said == ["", lacks("greedy_policy") + "a picture\n", lacks("greedy_policy") + "seen 2\n"] + [
        lacks("greedy_policy") + "[0.75, 0.25]\n",  # Q was made in a cell that did not run to its end
        "",
        "now [1]\n",
        "",
    ]
    assert bundles.pictures(ran["cell-1"]) == 0, "the half-done figure is gone"
    assert [name for name, *_ in bundles.errors(ran)] == ["cell-6"], "any other exception is shown as ever"


def test_a_function_that_is_there_drives_the_lecture(small):
    write(small, "greedy_policy")
    ran = bundles.run(small, "small.ipynb")
    assert bundles.said(ran["cell-2"]) == "seen 2\n"
    assert bundles.said(ran["cell-3"]).startswith("runs once `epsilon_greedy`")
    assert bundles.pictures(ran["cell-1"]) == 1
    write(small, "greedy_policy", "epsilon_greedy")
    ran = bundles.run(small, "small.ipynb")
    assert bundles.said(ran["cell-3"]) == "[0.75, 0.25]\n"


def test_a_notebook_that_was_saved_again_is_read_again(small):
    lecture = new_notebook(cells=[new_code_cell(source, id=f"a-{n}") for n, source in enumerate(SMALL[:3])])
    path, right = small / f"{PROBLEM_SETS['ps1']}.ipynb", small / "right.ipynb"
    write(small, "greedy_policy")
    path.rename(right)
    write(small)
    save = f"import os; os.replace({str(right)!r}, {str(path)!r})"
    lecture.cells += [new_code_cell(source, id=f"b-{n}") for n, source in enumerate([save, *SMALL[1:3]])]
    nbformat.write(lecture, small / "lectures" / "small.ipynb")
    ran = bundles.run(small, "small.ipynb")
    assert bundles.said(ran["a-2"]).startswith("runs once `greedy_policy`")
    assert [bundles.said(ran[name]) for name in ("b-1", "b-2")] == ["", "seen 2\n"]


@pytest.mark.parametrize(
    ("key", "first"), [("ps1", 1), *(pytest.param(key, 9, marks=pytest.mark.slow) for key in SETS)]
)
def test_a_half_filled_notebook_runs_what_it_can(tmp_path, key, first):
    bundle = bundles.make(key, tmp_path / key)
    names = list(cells("terse" if key == "ps1" else "named-axes", key))
    there = bundles.fill(bundle, key, "terse" if key == "ps1" else "named-axes", tuple(names[::2]))
    missing = [*(name for name in names if name not in there), *unasked(key)]
    for lecture in lectures_of(key)[:first]:
        ran = bundles.run(bundle, lecture)
        stopped = assert_as_recorded_where_missing(lecture, ran, missing)
        assert stopped and len(stopped) < len(ran)


@pytest.mark.slow
@pytest.mark.parametrize("key", SETS)
def test_a_blank_notebook_leaves_no_lecture_worse_than_it_was(tmp_path, key):
    bundle = bundles.make(key, tmp_path / key)
    for lecture in lectures_of(key):
        assert assert_as_recorded_where_missing(
            lecture, bundles.run(bundle, lecture), [*cells("loops", key), *unasked(key)]
        )


@pytest.mark.slow
@pytest.mark.parametrize(("key", "style"), [(key, style) for key in SETS for style in BY_SET[key]])
def test_right_answers_of_any_style_drive_the_lectures(tmp_path, key, style):
    bundle = bundles.make(key, tmp_path / key)
    bundles.fill(bundle, key, style)
    for lecture in lectures_of(key):
        assert_as_recorded_where_missing(lecture, bundles.run(bundle, lecture), unasked(key))
