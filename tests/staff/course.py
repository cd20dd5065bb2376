"""A small course in a folder of its own, for the tests of build and release: one problem set with one function."""

import json
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
NAME = "ps1_q_iteration"
MASTER = Path("solutions", NAME, f"{NAME}.ipynb")
EXERCISE = Path("exercises", NAME, f"{NAME}.ipynb")
CHECK_DATA = Path("rlcourse", "homework", "check_data", "ps1.json")

SOLUTION = '''def q_backup(P, R, Q, gamma):
    """One sweep."""
    ### BEGIN SOLUTION
    best_next = np.max(Q, axis=1)
    return R + gamma * np.einsum("ijk,k->ij", P, best_next)
    ### END SOLUTION'''
TEST = """check(q_backup)
### BEGIN HIDDEN TESTS
from rlcourse.staff.hidden import hidden

hidden(q_backup)
### END HIDDEN TESTS"""


def cell(kind: str, name: str, source: str, **nbgrader) -> dict:
    """A cell of a master notebook; keywords make it one of nbgrader's."""
    made = {"cell_type": kind, "id": name, "metadata": {}, "source": source}
    if kind == "code":
        made |= {"execution_count": 3, "outputs": [{"output_type": "stream", "name": "stdout", "text": "seen"}]}
    if nbgrader:
        flags = {"grade": False, "solution": False, "locked": False, "task": False}
        made["metadata"]["nbgrader"] = {"schema_version": 3, "grade_id": name} | flags | nbgrader
    return made


def cells() -> list[dict]:
    return [
        cell("markdown", "title", "# A small problem set"),
        cell("code", "setup", "import numpy as np\n\nfrom rlcourse.homework.checks import check", locked=True),
        cell("code", "q-backup", SOLUTION, solution=True),
        cell("code", "test-q-backup", TEST, grade=True, locked=True, points=3),
        cell("markdown", "written", "Because it contracts.", solution=True, grade=True, points=4),
        cell("code", "show", "print(q_backup.__name__)"),
    ]


def write(path: Path, cells: list[dict]) -> None:
    """A notebook file, with nothing filled in that the cells do not have."""
    path.parent.mkdir(parents=True, exist_ok=True)
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    path.write_text(json.dumps(notebook), encoding="utf-8")


def make_course(root: Path) -> Path:
    """The library and the set-up files of this course, with the small problem set."""
    left_out = shutil.ignore_patterns("__pycache__", "staff", CHECK_DATA.name)
    shutil.copytree(ROOT / "rlcourse", root / "rlcourse", ignore=left_out)
    (root / "docs").mkdir()
    for name in ("LICENSE", "constraints.txt", "pyproject.toml", "nbgrader_config.py", "docs/notation.md"):
        shutil.copy(ROOT / name, root / name)
    write(root / MASTER, cells())
    return root
