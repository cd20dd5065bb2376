"""A tiny problem set and its students, for the tests of grading: six graded cells, each judged by simple arithmetic."""

import base64
import copy
import json
import shutil
from pathlib import Path

import pytest
from course import ROOT, cell

from rlcourse.staff import sandbox
from rlcourse.staff.judge import Job, judge, sandbox_for
from rlcourse.staff.remote import Limits

needs_sandbox = [
    pytest.mark.sandbox,
    pytest.mark.skipif(bool(sandbox.missing()), reason=f"no sandbox: {sandbox.missing()}"),
]
NAME = "ps1_q_iteration"
SHORT = Limits(cell=4, test=1)
SETUP = """import numpy as np
from rlcourse.homework.scenarios import run
### BEGIN HIDDEN TESTS
from rlcourse.homework.compare import compare

def hidden(f, right):
    for n in (1, 4):
        x = np.arange(float(n)) + 1
        assert not compare(f(x), right(x)), "Look at every number once."
### END HIDDEN TESTS"""


def hidden(text: str) -> str:
    return f"### BEGIN HIDDEN TESTS\n{text}\n### END HIDDEN TESTS"


def graded(name: str, points: int, source: str) -> dict:
    return cell("code", name, source, grade=True, locked=True, points=points)


def master() -> list[dict]:
    return [
        cell("markdown", "title", "# A tiny problem set"),
        cell("code", "setup", SETUP, locked=True),
        cell("code", "double", "def double(x):\n    return 2 * x", solution=True),
        graded("test-double", 2, "print('public: twice?')\n" + hidden("hidden(double, lambda x: 2 * x)")),
        cell("code", "total", "def total(x):\n    return x.sum()", solution=True),
        graded("test-total", 3, hidden("hidden(total, lambda x: x.sum())")),
        cell("code", "letter", "letter = 'b'", solution=True),
        graded("test-letter", 1, hidden("assert letter == 'b', 'Which one grows?'")),
        cell("markdown", "written", "=== Your answer ===", solution=True, grade=True, points=4),
        graded(
            "test-kept",
            1,
            "kept = run('keeps_arguments', total, np.ones(3))\n" + hidden("assert kept, 'It changes x.'"),
        ),
    ]


FULL = {
    "test-double": "passed",
    "test-total": "passed",
    "test-letter": "passed",
    "written": "manual",
    "test-kept": "passed",
}


def student(**sources: str) -> list[dict]:
    """The master's cells as a student hands them in, solved, but for the sources named here (a dash is written _)."""
    cells = [copy.deepcopy(one) for one in master() if one["id"] != "title"]
    for one in cells:
        one["source"] = sources.pop(one["id"].replace("-", "_"), one["source"].split("### BEGIN HIDDEN")[0])
    assert not sources, f"no such cells: {sources}"
    return cells


def as_bytes(cells: list[dict]) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def make_edition(folder: Path) -> Path:
    """What the worker needs of the student edition."""
    homework = [f"homework/{path.name}" for path in (ROOT / "rlcourse" / "homework").glob("*.py")]
    for name in ("__init__.py", *homework, "homework/scenarios/__init__.py"):
        (folder / "rlcourse" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "rlcourse" / name, folder / "rlcourse" / name)
    return folder


def make_master(folder: Path) -> Path:
    path = folder / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes(as_bytes(master()))
    return path


class Court:
    """Judges notebooks of the tiny problem set."""

    def __init__(self, folder: Path) -> None:
        self.edition, self.master = make_edition(folder / "edition"), make_master(folder / "solutions")
        self.boxes = {}

    def judge(self, notebook: bytes | list[dict], **changes) -> dict:
        """One sandbox judges them all, as a class is judged."""
        data = notebook if isinstance(notebook, bytes) else as_bytes(notebook)
        text = base64.b64encode(data).decode()
        options = {"limits": SHORT, "sandboxed": not sandbox.missing()} | changes
        job = Job("jane", text, str(self.master), str(self.edition), **options)
        kind = job.master, job.edition, job.sandboxed
        return judge(job, self.boxes.setdefault(kind, sandbox_for(job)))

    def close(self) -> None:
        for box in self.boxes.values():
            box.stop()


def verdicts(result: dict) -> dict[str, str]:
    return {one["cell"]: one["verdict"] for one in result["cells"]}
