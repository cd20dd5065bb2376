"""Every kind of bad submission gets the outcome that it should, and costs nothing but its own cell."""

import json
import time

import pytest
from classroom import FULL, SETUP, Court, as_bytes, needs_sandbox, student, verdicts
from course import cell

from rlcourse.staff.remote import Limits

NO_CELL = "the notebook defines no double"
RAISED = "Your code raised an exception, or gave back what is not plain data."
ENDED = "Ended: the code ended its own process."
TOO_LONG = "Ended: it took longer than 1 s."
HINT = "Look at every number once."

# What stands in the cell for double(x): the verdict on it, and the hint.
DOUBLES = {
    "right": ("def double(x):\n    return 2 * x", "passed", ""),
    "right, a list": ("def double(x):\n    return [2 * float(v) for v in x]", "passed", ""),
    "right, a tuple of NumPy numbers": ("def double(x):\n    return tuple(v + v for v in x)", "passed", ""),
    "right, float32": ("def double(x):\n    return (2 * x).astype(np.float32)", "passed", ""),
    "right, integers": ("def double(x):\n    return (2 * x).astype('int8')", "passed", ""),
    "right, with magics": ("%matplotlib inline\n!ls\nhelp?\ndef double(x):\n    return 2 * x", "passed", ""),
    "right, displays": ("def double(x):\n    display(x)\n    return 2 * x", "passed", ""),
    "wrong": ("def double(x):\n    return 3 * x", "failed", HINT),
    "NaN": ("def double(x):\n    return x * np.nan", "failed", HINT),
    "None": ("def double(x):\n    print(2 * x)", "failed", HINT),
    "another shape": ("def double(x):\n    return (2 * x)[:, None]", "failed", HINT),
    "empty": ("", "not attempted", NO_CELL),
    "stub": ("def double(x):\n    raise NotImplementedError()", "not attempted", ""),
    "renamed function": ("def my_double(x):\n    return 2 * x", "not attempted", NO_CELL),
    "raises at import": ("1 / 0\ndef double(x):\n    return 2 * x", "not attempted", NO_CELL),
    "syntax error": ("def double(x)\n    return 2 * x", "not attempted", NO_CELL),
    "exits at import": ("import sys\nsys.exit()", "not attempted", NO_CELL),
    "os._exit at import": ("import os\nos._exit(0)", "not attempted", NO_CELL),
    "no function": ("double = 2", "failed", RAISED),
    "raises": ("def double(x):\n    return x / None", "failed", RAISED),
    "sys.exit": ("import sys\ndef double(x):\n    sys.exit(0)", "failed", RAISED),
    "an exception that cannot speak": (
        "class E(Exception):\n    def __str__(self):\n        raise E\ndef double(x):\n    raise E",
        "failed",
        RAISED,
    ),
    "endless loop": ("def double(x):\n    while True:\n        pass", "time limit", TOO_LONG),
    "endless loop in C that ignores signals": (
        "import signal\nfor n in (2, 14, 15):\n    signal.signal(n, signal.SIG_IGN)\n"
        "def double(x):\n    return sum(iter(int, 1))",
        "time limit",
        TOO_LONG,
    ),
    "os._exit": ("import os\ndef double(x):\n    os._exit(0)", "crashed", ENDED),
    "segmentation fault": ("import ctypes\ndef double(x):\n    ctypes.string_at(0)", "crashed", ENDED),
    "kills its process group": ("import os\ndef double(x):\n    os.killpg(0, 9)", "crashed", ENDED),
    "6 GB": ("def double(x):\n    return np.ones(6 * 2**30 // 8)[: len(x)] * x * 2", "failed", RAISED),
    "a billion elements": ("def double(x):\n    return np.broadcast_to(0.0, 10**9)", "failed", RAISED),
    "17 MB of letters": ("def double(x):\n    return 'x' * 17_000_000", "failed", RAISED),
    "an object": ("def double(x):\n    return object()", "failed", RAISED),
    "an object equal to everything": (
        "class Yes:\n    def __eq__(self, other):\n        return True\n    def __array__(self, *a, **k):\n"
        "        return 2 * np.arange(4.0) + 2\n    def __getattr__(self, name):\n        return self\n"
        "    def __call__(self, *a):\n        return self\ndef double(x):\n    return Yes()",
        "failed",
        RAISED,
    ),
    "overwrites what judges": (
        "import sys\nnp.allclose = np.isclose = lambda *a, **k: True\n"
        "check = hidden = run = compare = lambda *a, **k: ''\n"
        "sys.modules['rlcourse.homework.checks'] = sys.modules['rlcourse.staff.judge'] = None\n"
        "def double(x):\n    return x",
        "failed",
        HINT,
    ),
}
# Written to every open file of the process, where the judge's answers go too.
FORGED = {
    "a right answer's form": ('{"value": {"array": [9], "dtype": "float64", "shape": [1]}}', "failed", HINT),
    "an unknown type": ('{"value": {"array": [2], "dtype": ["float64"], "shape": [1]}}', "failed", RAISED),
    "a huge shape": ('{"value": {"array": [2], "dtype": "float64", "shape": [1e400, 0]}}', "failed", RAISED),
    "the end": ('{"ended": 0}', "crashed", ENDED),
    "another kind": ("[1]", "crashed", "Ended: the code sent what no worker sends."),
    "nothing but brackets": (
        "[" * 100_000,
        "crashed",
        "Ended: the code sent what no worker sends (a message nested too deep).",
    ),
}
FORGE = """import os
def double(x):
    text = {text!r}
    for file in range(3, 30):
        try:
            os.write(file, len(text).to_bytes(4, "big") + text.encode())
        except OSError:
            pass
    os.read(os.pipe()[0], 1)
"""


@pytest.fixture(scope="module")
def court(tmp_path_factory) -> Court:
    court = Court(tmp_path_factory.mktemp("court"))
    yield court
    court.close()


def assert_only_double(result: dict, verdict: str, hint: str) -> None:
    assert verdicts(result) == FULL | {"test-double": verdict}
    assert result["cells"][0]["hint"] == hint
    assert (result["state"], result["score"], result["max"]) == ("graded", 7 if verdict == "passed" else 5, 11)


class TestInTheSandbox:
    pytestmark = needs_sandbox

    @pytest.mark.parametrize("kind", DOUBLES)
    def test_costs_its_own_cell_and_no_other(self, court, kind):
        source, verdict, hint = DOUBLES[kind]
        assert_only_double(court.judge(student(double=source)), verdict, hint)

    @pytest.mark.parametrize("kind", FORGED)
    def test_forged_messages_win_nothing(self, court, kind):
        text, verdict, hint = FORGED[kind]
        assert_only_double(court.judge(student(double=FORGE.format(text=text))), verdict, hint)

    def test_a_message_larger_than_allowed(self, court):
        source = FORGE.replace('len(text).to_bytes(4, "big")', "b'\\xff' * 4").format(text="")
        sent = "Ended: the code sent what no worker sends (a message of 4294967295 bytes, more than 16777216)."
        assert_only_double(court.judge(student(double=source)), "crashed", sent)

    def test_an_endless_loop_at_import_costs_only_its_cell(self, court):
        result = court.judge(student(double="while True:\n    pass"), limits=Limits(cell=1, test=1))
        assert_only_double(result, "not attempted", NO_CELL)
        assert [error["error"] for error in result["errors"]] == ["it was interrupted, having run for 1 s"]

    def test_many_slow_cells_cost_what_they_define(self, court):
        """Each takes half of what is spare, so that they never use up what the tests need."""
        slow = [cell("code", f"slow-{n}", "import time\ntime.sleep(100)") for n in range(6)]
        limits = Limits(cell=2, test=1, spare=16)
        result = court.judge([*slow, *student(double="import time\ntime.sleep(9)")], limits=limits)
        assert_only_double(result, "not attempted", NO_CELL)
        assert len(result["errors"]) == 7

    def test_a_cell_that_cannot_be_interrupted_costs_itself(self, court):
        stubborn = "import signal\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\nwhile True: pass"
        result = court.judge(student(double=stubborn), limits=Limits(cell=1))
        assert_only_double(result, "not attempted", NO_CELL)
        assert [error["error"] for error in result["errors"]] == ["it did not answer any more"]

    def test_all_that_a_submission_may_take_has_an_end(self, court):
        source = "import time\ndef double(x):\n    time.sleep(1e6)\n"
        cells = student(double=source, total=source.replace("double", "total"))
        began = time.monotonic()
        result = court.judge([cell("code", "mine", "import time\ntime.sleep(1e6)"), *cells], limits=Limits(spare=2))
        assert verdicts(result) == FULL | dict.fromkeys(("test-double", "test-total", "test-kept"), "time limit")
        assert time.monotonic() - began < 20

    def test_a_fork_bomb(self, court):
        source = "import os, time\ndef double(x):\n    while True:\n        try:\n            os.fork()\n"
        source += "        except OSError:\n            time.sleep(0.05)"
        assert_only_double(court.judge(student(double=source)), "time limit", TOO_LONG)

    def test_200_megabytes_of_prints(self, court):
        source = "import os\ndef double(x):\n    for _ in range(50):\n        print('x' * 10**6)\n"
        source += "        os.write(2, b'y' * 10**6)\n    return 2 * x"  # double is called twice
        assert_only_double(court.judge(student(double=source), limits=Limits()), "passed", "")

    def test_tensors(self, court):
        source = "import torch\ndef double(x):\n    return 2 * torch.as_tensor(x)"
        assert_only_double(court.judge(student(double=source), limits=Limits()), "passed", "")


def test_cells_that_crash_cost_what_they_define(court):
    endings = [cell("code", f"mine-{n}", "import os\nos._exit(0)") for n in range(9)]
    result = court.judge([*endings, *student(letter="import os\nletter = 'b'\nos._exit(0)"), *endings])
    assert verdicts(result) == FULL | {"test-letter": "not attempted"}
    assert {error["error"] for error in result["errors"]} == {"the code ended its own process"}
    assert len(result["errors"]) == 10  # what stands behind the last test is not run


def test_full_marks(court):
    result = court.judge(student())
    assert verdicts(result) == FULL
    assert (result["state"], result["score"], result["max"], result["notes"]) == ("graded", 7, 11, [])
    assert result["cells"][0]["public"] == "public: twice?\n"


def test_the_same_seed_draws_the_same_numbers(court):
    noisy = student(
        double="def double(x):\n    print(np.random.rand())\n    return 2 * x",
        letter="letter = 'b' if np.random.rand() < 2 else ''",
    )
    assert verdicts(court.judge(noisy)) == FULL


@pytest.mark.parametrize("value", ["None", "...", "letters"])
def test_a_value_that_is_not_there(court, value):
    assert verdicts(court.judge(student(letter=f"letter = {value}"))) == FULL | {"test-letter": "not attempted"}


def test_a_wrong_value(court):
    result = court.judge(student(letter="letter = 'c'"))
    assert verdicts(result) == FULL | {"test-letter": "failed"}
    assert result["cells"][2]["hint"] == "Which one grows?"


def test_a_function_that_changes_its_arguments(court):
    result = court.judge(student(total="def total(x):\n    x *= 1.5\n    return x.sum() / 1.5"))
    assert verdicts(result) == FULL | {"test-kept": "failed"}


UNREADABLE = {
    "truncated": (as_bytes(student())[:500], "the file is not JSON, or was cut off"),
    "empty": (b"", "the file is empty, so not a notebook"),
    "a picture": (b"\x89PNG\r\n\x1a\n\x00\xff", "the file is not text in UTF-8"),
    "a list": (b"[1, 2]", "the file is JSON, but not a notebook: it has no cells"),
    "cells of another kind": (b'{"cells": 3}', "the file is JSON, but not a notebook: it has no cells"),
    "deep": (b"[" * 200_000, "the file is not JSON, or was cut off"),
    "large": (b" " * 21 * 2**20, "the file has 21 MB, more than 20"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_is_no_notebook_scores_nothing_and_says_why(court, kind):
    data, reason = UNREADABLE[kind]
    result = court.judge(data)
    assert (result["state"], result["score"]) == ("unreadable", 0)
    assert verdicts(result) == dict.fromkeys(FULL, "not attempted") | {"written": "manual"}
    assert result["notes"][0].startswith(reason)


def without(name: str) -> list[dict]:
    return [one for one in student() if one["id"] != name]


def edited_tests() -> list[dict]:
    lenient = student()
    for one in lenient:
        if one["id"].startswith("test-"):
            one["source"] = "pass"
            one["metadata"]["nbgrader"] |= {"points": 100, "locked": False}
    return lenient


def twice(name: str, source: str) -> list[dict]:
    cells = student()
    place = next(number for number, one in enumerate(cells) if one["id"] == name)
    copied = json.loads(json.dumps(cells[place])) | {"id": "copy", "source": source}
    return [*cells[: place + 1], copied, *cells[place + 1 :]]


def no_ids() -> list[dict]:
    return [{key: value for key, value in one.items() if key != "id"} for one in student()]


def hostile_metadata() -> list[dict]:
    odd = [{"cell_type": "code", "metadata": None, "source": 5}, {}, 3, None, {"cell_type": "code", "source": [1, "2"]}]
    return odd + student() + [{"cell_type": "code", "metadata": {"nbgrader": {"grade_id": ["double"]}}, "source": ""}]


def halves(name: str, first: str, second: str) -> list[dict]:
    """A solution cell that was split: the second half has a name of its own."""
    cells = twice(name, second)
    for one in cells:
        if one["id"] == name:
            one["source"] = first
        elif one["id"] == "copy":
            del one["metadata"]["nbgrader"]
    return cells


CHANGED = "cell {} was changed: it runs as it was changed, then as it was"
NOTEBOOKS = {
    "a deleted test cell": (without("test-double"), []),
    "a deleted set-up cell": (without("setup"), []),
    "edited test cells": (edited_tests(), [CHANGED.format(name) for name in FULL if name.startswith("test-")]),
    "a doubled test cell": (twice("test-double", "print('mine')"), [CHANGED.format("test-double")]),
    "a doubled solution cell, the copy a stub": (
        [*twice("test-double", "pass"), cell("code", "double", "def double(x):\n    raise NotImplementedError")],
        [CHANGED.format("test-double")],
    ),
    "a solution without its cell": (
        [*without("double")[:1], cell("code", "mine", "def double(x):\n    return x + x"), *without("double")[1:]],
        [],
    ),
    "a solution cell in two halves": (halves("double", "def twice(x):\n    return 2 * x", "double = twice"), []),
    "a set-up cell with an import more": (
        student(
            setup=SETUP.split("### BEGIN")[0] + "import math", double="def double(x):\n    return math.ldexp(1, 1) * x"
        ),
        [CHANGED.format("setup")],
    ),
    "a name that is used again later": (
        [
            *student(double="def g(x): return 2 * x\ndef double(x): return g(x)"),
            cell("code", "late", "def g(x): return 0"),
        ],
        [],
    ),
    "cells without ids": (no_ids(), []),
    "odd cells": (hostile_metadata(), []),
    "an added cell that fails": ([cell("code", "mine", "1 / 0"), *student()], []),
    "a helper in an added cell": (
        [cell("code", "mine", "def twice(x): return 2 * x"), *student(double="def double(x):\n    return twice(x)")],
        [],
    ),
}


@pytest.mark.parametrize("kind", NOTEBOOKS)
def test_the_masters_cells_decide(court, kind):
    cells, notes = NOTEBOOKS[kind]
    result = court.judge(cells)
    assert verdicts(result) == FULL
    assert (result["score"], result["max"], result["notes"]) == (7, 11, notes)


def test_a_missing_solution_cell_costs_only_its_function(court):
    result = court.judge(without("total"))
    assert verdicts(result) == FULL | {"test-total": "not attempted", "test-kept": "not attempted"}
    assert result["notes"] == ["solution cell total is missing"]


def test_errors_of_added_cells_are_told(court):
    result = court.judge([cell("code", "mine", "a = 1\n1 / 0"), *student()])
    error = {
        "cell": "added after the start",
        "kind": "added",
        "error": "ZeroDivisionError: division by zero (line 2 of its cell)",
    }
    assert result["errors"] == [error]


def test_notebook_format_3(court):
    cells = [one | {"input": one["source"]} for one in student()]
    for one in cells:
        del one["source"]
    old = {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells}]}
    assert verdicts(court.judge(json.dumps(old).encode())) == FULL


@pytest.mark.parametrize(
    "source", ["hidden(double, lambda x: undefined)", "raise ValueError('mine')", "double(object())"]
)
def test_a_fault_of_the_test_takes_no_points(court, tmp_path, monkeypatch, source):
    notebook = json.loads(court.master.read_text())
    for one in notebook["cells"]:
        if one["id"] == "test-double":
            one["source"] = source
    path = tmp_path / "master.ipynb"
    path.write_text(json.dumps(notebook))
    monkeypatch.setattr(court, "master", path)
    result = court.judge(student())
    assert verdicts(result) == FULL | {"test-double": "grader error"}
    assert (result["state"], result["score"]) == ("grader error", None)


def test_a_sandbox_that_does_not_start_is_a_grader_error(court, tmp_path, monkeypatch):
    monkeypatch.setattr(court, "edition", tmp_path)  # without the library in it
    result = court.judge(student())
    assert (result["state"], result["score"]) == ("grader error", None)
