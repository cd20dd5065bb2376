"""The grader's own ground: what it imports, and what a submission finds of the library however that came."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from classroom import needs_sandbox
from course import ROOT, cell
from searching import SEARCH

from rlcourse.staff.bank import bank
from rlcourse.staff.edition import student_edition

pytestmark = needs_sandbox
NAME = "ps1_q_iteration"
MASTER = ROOT / "solutions" / NAME / f"{NAME}.ipynb"
# In a Python of its own: judge one notebook. argv: how, the master, the edition, the notebook, more of Python to show.
JUDGE = """import base64, json, pathlib, sys
how, master, edition, notebook, *more = sys.argv[1:]
import rlcourse
from rlcourse.staff import sandbox
from rlcourse.staff.judge import Job, judge
assert how in rlcourse.__file__, rlcourse.__file__
folders = [*sandbox.python_folders(), *map(pathlib.Path, more)]
sandbox.python_folders = lambda: iter(folders)
data = base64.b64encode(pathlib.Path(notebook).read_bytes()).decode()
print(json.dumps(judge(Job("jane", data, master, edition))))
"""


def submission(first: str, **sources: str) -> bytes:
    """ps1 with nothing in it but a first cell and the cells named here."""
    cells = [cell("code", "mine", first)]
    for one in json.loads(MASTER.read_text(encoding="utf-8"))["cells"]:
        if one["cell_type"] == "code":
            flags = one["metadata"].get("nbgrader", {})
            source = sources.get(one["id"].replace("-", "_"), "") if flags.get("solution") else one["source"]
            cells.append(one | {"outputs": [], "source": source})
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


@pytest.fixture
def case(tmp_path) -> list:
    """The master, the student edition, and a notebook that searches."""
    os.chmod(tmp_path, 0o755)
    student_edition("ps1", tmp_path / "edition")
    (tmp_path / "notebook.ipynb").write_bytes(submission(SEARCH.format(names=set(bank("ps1")))))
    return [MASTER, tmp_path / "edition", tmp_path / "notebook.ipynb"]


def judged(python: Path, how: str, *words: object) -> dict:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run([python, "-c", JUDGE, how, *words], cwd="/", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_nothing_found(result: dict) -> None:
    assert (result["state"], result["score"]) == ("graded", 0), result
    assert result["errors"] == [], "it found something"


def test_a_search_finds_no_library_where_it_is_editable(case):
    assert_nothing_found(judged(Path(sys.executable), str(ROOT), *case))


@pytest.mark.slow
def test_nor_where_it_is_installed(case, tmp_path):
    environment = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    ask = "import sysconfig; print(sysconfig.get_path('purelib'))"
    own = Path(subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip())
    outer = sysconfig.get_path("purelib")
    (own / "outer.pth").write_text(f"{outer}\n")  # everything else is installed there
    source = tmp_path / "course"
    for name in ("LICENSE", "README.md", "pyproject.toml"):
        source.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    shutil.copytree(ROOT / "rlcourse", source / "rlcourse", ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install", "-q"]
    subprocess.run([*pip, "--no-index", "--no-deps", "--no-build-isolation", source], check=True)
    compiled = [python, "-c", "import rlcourse.functional.tabular, rlcourse.staff.bank.ps1"]
    subprocess.run(compiled, cwd="/", check=True)  # leaves __pycache__
    assert list((own / "rlcourse").rglob("tabular*.pyc"))
    assert_nothing_found(judged(python, str(own), *case, Path(outer)))
    # Its own proof: with the wall open at that place it finds them.
    open_wall = JUDGE.replace(
        "print(json", "sandbox.installed = lambda mounts: iter(())\nrlcourse.__file__ = '/x/y'\nprint(json"
    )
    words = ["-c", open_wall, str(own), *case, outer]
    done = subprocess.run([python, *words], cwd="/", capture_output=True, text=True)
    assert done.returncode == 0 and json.loads(done.stdout)["state"] == "grader error", "it says so, and judges nobody"


HALF = "\ud800<b>\x00\x1b[31m"  # half a letter, which no file in UTF-8 can hold; markup; a terminal's command


@pytest.mark.slow
def test_a_text_that_cannot_be_written_stops_no_report(tmp_path):
    notebook = json.loads(
        submission(
            f"raise ValueError({HALF!r})",
            q_backup=f"def q_backup(*arguments):\n    raise ValueError({HALF!r})",
            silent_bug=f"def silent_bug():\n    return {HALF!r}",
        )
    )
    notebook["cells"].append(cell("markdown", "written", HALF))
    folder = tmp_path / "in" / "jane"
    folder.mkdir(parents=True)
    (folder / f"{NAME}.ipynb").write_text(json.dumps(notebook))
    done = graded(tmp_path / "in", tmp_path / "out", "--to-nbgrader", tmp_path / "gradebook.db")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "out" / "feedback" / "jane.html").read_text("utf-8")
    assert "&lt;b&gt;" in page and "<b>" not in page and "\x1b" not in page


def graded(submissions: Path, out: Path, *words: object, cwd: Path = ROOT) -> subprocess.CompletedProcess:
    """The real command."""
    command = Path(sys.executable).with_name("rlcourse")
    words = ["grade", "ps1", submissions, "--out", out, "--solutions", ROOT / "solutions", *words]
    return subprocess.run([command, *words], cwd=cwd, capture_output=True, text=True)


def test_nothing_of_the_current_folder_is_imported(tmp_path):
    """A student's random.py, numpy.py and rlcourse/ where the lecturer stands: none of them runs as the grader."""
    trap = f"open({str(tmp_path / 'ran')!r}, 'a').write(__file__)\nraise SystemExit(9)\n"
    here = tmp_path / "submissions" / "jane"
    (here / "rlcourse").mkdir(parents=True)
    for name in ("random.py", "numpy.py", "json.py", "sitecustomize.py", "rlcourse/__init__.py", "IPython.py"):
        (here / name).write_text(trap)
    (here / f"{NAME}.ipynb").write_bytes(submission(""))
    done = graded(tmp_path / "submissions", tmp_path / "out", cwd=here)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (tmp_path / "ran").exists()
    result = json.loads(next((tmp_path / "out" / "results").glob("*.json")).read_text())
    assert (result["state"], result["score"]) == ("graded", 0)
