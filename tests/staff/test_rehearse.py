"""What a rehearsal says of a notebook, and that grading says the same."""

import subprocess
import sys

import pytest
from classroom import FULL, Court, as_bytes, needs_sandbox, student, verdicts
from course import ROOT, cell

REHEARSE = ROOT / "rlcourse" / "staff" / "bundle" / "rehearse.py"
PUBLIC = """from rlcourse.homework.settings import call  # as check calls it
right = call(double, np.ones(1))[0] == 2
print('double:', 'correct' if right else 'incorrect')"""


@pytest.fixture(scope="module")
def court(tmp_path_factory) -> Court:
    court = Court(tmp_path_factory.mktemp("court"))
    yield court
    court.close()


def rehearse(folder, cells: list[dict], **environment: str) -> subprocess.CompletedProcess:
    path = folder / "mine.ipynb"
    path.write_bytes(as_bytes(cells))
    environment = {"PYTHONPATH": str(ROOT), "HOME": str(folder), "PATH": "/usr/bin:/bin", **environment}
    command = [sys.executable, str(REHEARSE), str(path)]
    return subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, cwd=folder)


# Ways in which people write; `double` is right in all of them when the notebook runs from the top.
RIGHT = {
    "plain": "def double(x):\n    return 2 * x",
    "magics": "%matplotlib inline\ndef double(x):\n    return 2 * x\n%timeit -n1 -r1 1 + 1",
    "a shell command over two lines": "!echo one \\\n    two\ndef double(x):\n    return 2 * x",
    "an operator that begins a line": "def double(x):\n    return (2 * x\n  % 10**9)",
    "top-level await": "import asyncio\nawait asyncio.sleep(0)\ndef double(x):\n    return 2 * x",
    "get_ipython": "from IPython import get_ipython\nget_ipython().run_line_magic('timeit', '-n1 -r1 1')\n"
    "def double(x):\n    return 2 * x",
    "a module written and imported": "%%writefile twice.py\ndef double(x):\n    return 2 * x",
    "a class that pickles": "import pickle\nclass Two:\n    factor = 2\n"
    "def double(x):\n    return pickle.loads(pickle.dumps(Two())).factor * x",
    "all floating-point errors raised": "np.seterr(all='raise')\ndef double(x):\n    np.exp(-1000.0)\n    return 2 * x",
    "a decorator without wraps": "def plain(f):\n    def inner(*a):\n        return f(*a)\n    return inner\n"
    "@plain\ndef double(x):\n    return 2 * x",
    "a lambda": "double = lambda x: 2 * x",
    "a partial": "from functools import partial\ndouble = partial(np.multiply, 2)",
    "exit in a cell": "def double(x):\n    return 2 * x\nexit()",
}


def cells_for(source: str) -> list[dict]:
    """The small problem set, its test with a public part that says what it finds."""
    cells = student(double=source, test_double=PUBLIC)
    if source.startswith("%%writefile"):
        place = next(number for number, one in enumerate(cells) if one["id"] == "double")
        cells.insert(place + 1, cell("code", "mine", "from twice import double"))
    return cells


@needs_sandbox[1]
@pytest.mark.sandbox
@pytest.mark.parametrize("kind", RIGHT)
def test_what_is_right_in_the_notebook_is_right_when_graded(court, tmp_path, kind):
    cells = cells_for(RIGHT[kind])
    done = rehearse(tmp_path, cells)
    assert "double: correct" in done.stdout, done.stdout + done.stderr
    assert verdicts(court.judge(cells)) == FULL


@needs_sandbox[1]
@pytest.mark.sandbox
def test_a_future_import_holds_for_the_cells_behind_it(court, tmp_path):
    cells = cells_for("def double(x: Unknown) -> Unknown:\n    return 2 * x")
    cells.insert(0, cell("code", "mine", "from __future__ import annotations"))
    assert "double: correct" in rehearse(tmp_path, cells).stdout
    assert verdicts(court.judge(cells)) == FULL


def test_a_test_leaves_no_trace(tmp_path):
    """A grader asks where the test stands and changes nothing."""
    cells = student(test_double="double = None\nprint('asked')", test_total="print(double is None)")
    assert rehearse(tmp_path, cells).stdout.splitlines()[:2] == ["asked", "False"]


def test_a_slow_cell_is_a_line_and_hides_nothing(tmp_path):
    cells = student(double="def double(x):\n    while True:\n        pass", test_double="double(1)")
    cells.insert(0, cell("code", "crashes", "import os, sys\nprint('before')"))
    lines = rehearse(tmp_path, cells).stdout.splitlines()
    assert lines[0] == "before"
    assert lines[1] == "test-double: it was interrupted, having run for 10 s"
    assert lines[2] == "test-kept: runs; it is judged after you hand in"


def test_of_a_progress_bar_the_last_state_is_printed(tmp_path):
    cells = student(test_double="print('a\\rb\\rc \\N{LATIN SMALL LETTER E WITH ACUTE}\\N{SNOWMAN}', end='')")
    done = rehearse(tmp_path, cells, PYTHONIOENCODING="cp1252")
    assert done.returncode == 0 and done.stdout.splitlines()[0].startswith("c ")


def test_a_notebook_without_ids(tmp_path):
    cells = student(test_double=PUBLIC)
    for one in cells:
        del one["id"]
    assert rehearse(tmp_path, cells).stdout.startswith("double: correct")
