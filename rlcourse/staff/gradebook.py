"""nbgrader's gradebook: the scores get in, what a person gives in its formgrader comes back."""

import contextlib
import json
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rlcourse.staff import cells
from rlcourse.staff.export import write

if TYPE_CHECKING:
    from nbgrader.api import Gradebook


class NotAGradebook(ValueError):
    """The file is not nbgrader's gradebook, or cannot be written; the message names it."""


@contextlib.contextmanager
def open_book(database: Path) -> "Iterator[Gradebook]":
    """nbgrader's gradebook; made where there is none, by a program that lies beside Python, not always on the path."""
    from nbgrader.api import Gradebook
    from sqlalchemy.exc import SQLAlchemyError

    database.parent.mkdir(parents=True, exist_ok=True)
    path = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), path])
    try:
        with warnings.catch_warnings(), Gradebook(f"sqlite:///{database}") as book:
            warnings.simplefilter("ignore")  # SQLAlchemy's about nbgrader's own code
            yield book
    except SQLAlchemyError as error:
        what = str(error).partition("\n")[0]
        raise NotAGradebook(f"{database}: {what}; expected nbgrader's gradebook, which can be written") from None
    finally:
        os.environ["PATH"] = path


def check(database: Path) -> None:
    """Open the gradebook, and make it where there is none, before hours are spent on what goes into it."""
    with open_book(database):
        pass


def for_formgrader(master: list[dict], student: list[cells.Cell], result: dict[str, Any]) -> list[dict]:
    """The master's cells with the student's solutions and answers in them and the verdicts below the test cells.

    That is what nbgrader's formgrader shows a person who grades the written answers.
    """
    solutions = {own.name for own in map(cells.read_cell, master) if own.kind == "solution"}
    sources: dict[str, str] = {}
    for own in student:
        if own.name in solutions:  # a cell that was split or copied is there more than once
            sources[own.name] = "\n\n".join(filter(None, [sources.get(own.name), own.source]))
    verdicts = {cell["cell"]: cell for cell in result["cells"]}
    for name, cell in verdicts.items():
        if cell["verdict"] == "manual":
            sources[name] = cell["answer"] or "(not answered)"
    shown = []
    for cell in master:
        name = cells.read_cell(cell).name
        cell = cell | {"source": sources.get(name, cells.without_hidden(cells.read_cell(cell).source))}
        if cell["cell_type"] == "code":
            verdict = verdicts.get(name)
            text = "\n".join(filter(None, [verdict["verdict"], verdict["hint"], verdict["public"]])) if verdict else ""
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": text}] if text else []
            cell["execution_count"] = None
        shown.append(cell)
    return shown


def to_nbgrader(
    database: Path, assignment: str, master: dict, results: list[dict[str, Any]], notebooks: dict[str, list[cells.Cell]]
) -> None:
    """Put the scores into nbgrader's gradebook and what its formgrader shows into autograded/ beside it.

    Args:
        database: gradebook.db of an nbgrader course; made where there is none.
        assignment: the problem set's name, which is also its notebook's.
        master: the master notebook.
        results: with a score each.
        notebooks: the cells of each student's notebook, by student; none where it could not be read.
    """
    with open_book(database) as book:
        book.update_or_create_assignment(assignment)
        book.update_or_create_notebook(assignment, assignment)
        for cell in map(cells.read_cell, master["cells"]):
            kind = {"cell_type": "code" if cell.code else "markdown"}
            if cell.kind in ("test", "manual"):
                book.update_or_create_grade_cell(cell.name, assignment, assignment, max_score=cell.points, **kind)
            if cell.kind in ("solution", "manual"):
                book.update_or_create_solution_cell(cell.name, assignment, assignment)
            if cell.kind in ("set-up", "solution", "test", "manual"):
                source = {"source": cells.without_hidden(cell.source), "locked": cell.kind in ("set-up", "test")}
                book.update_or_create_source_cell(cell.name, assignment, assignment, **kind, **source)
        for result in results:
            student = result["student"]
            book.update_or_create_student(student)
            book.update_or_create_submission(assignment, student)
            for cell in result["cells"]:
                grade = book.find_grade(cell["cell"], assignment, assignment, student)
                person = cell["verdict"] in ("manual", "grader error")
                grade.auto_score = None if person else cell["points"]
                grade.needs_manual_grade = person and grade.manual_score is None
                if cell.get("overridden") or cell.get("by_hand"):
                    grade.manual_score, grade.needs_manual_grade = cell["points"], False
            shown = master | {"cells": for_formgrader(master["cells"], notebooks.get(student, []), result)}
            path = database.parent / "autograded" / student / assignment / f"{assignment}.ipynb"
            write(path, json.dumps(shown, indent=1))
        book.db.commit()


def from_nbgrader(database: Path, assignment: str) -> dict[str, dict[str, float]]:
    """The points that a person gave in nbgrader's formgrader, by student and cell."""
    points: dict[str, dict[str, float]] = {}
    with open_book(database) as book:
        for submission in book.assignment_submissions(assignment):
            for notebook in submission.notebooks:
                for grade in notebook.grades:
                    if grade.manual_score is not None:
                        given = grade.manual_score + (grade.extra_credit or 0)
                        points.setdefault(submission.student.id, {})[grade.name] = given
    return points
