"""The tour walks the whole path; what each of its students earns is known."""

import csv
from pathlib import Path

import nbformat
import pytest
from course import ROOT

from rlcourse.staff import sandbox
from rlcourse.staff.tour import CLASS, HOSTILE, NAME, tour


def test_the_class_changes_cells_that_there_are():
    master = nbformat.read(ROOT / "solutions" / NAME / f"{NAME}.ipynb", as_version=4)
    solutions = {cell.id for cell in master.cells if cell.metadata.get("nbgrader", {}).get("solution")}
    for student, changes in (CLASS | HOSTILE).items():
        assert set(changes or {}) <= solutions, student


@pytest.mark.sandbox
@pytest.mark.skipif(bool(sandbox.missing()), reason=f"no sandbox: {sandbox.missing()}")
def test_the_tour_grades_everyone_as_he_deserves(tmp_path, capsys):
    assert tour(tmp_path / "tour") == 0
    with open(tmp_path / "tour" / "grades" / "grades.csv", newline="") as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    scores = {student: float(row["score"]) for student, row in rows.items()}
    assert set(scores) == {*CLASS, *HOSTILE, "gina-cut-off", "hugo-a-photo"}
    assert scores["ada-right"] == scores["blaise-right-in-loops-and-lists"] == 26  # all but the written answer
    assert scores["carl-blank"] == scores["gina-cut-off"] == scores["hugo-a-photo"] == 0
    assert rows["gina-cut-off"]["status"] == rows["hugo-a-photo"]["status"] == "unreadable"
    for student in ("fanny-renamed-a-function", *HOSTILE):  # the two cells of boltzmann are lost, and nothing else
        assert scores[student] == 23, student
    assert rows["emil-no-terminal-mask"]["test-q-learning-update-edges"] == "0"
    printed = capsys.readouterr().out
    for line in printed.partition("Look at:\n")[2].splitlines():  # what it says lies there lies there
        assert Path(line.strip()).is_file(), line
