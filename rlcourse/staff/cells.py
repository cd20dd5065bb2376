"""The cells of a problem set: what the master notebook asks for, and what of it a student's notebook brings.

The master decides: which cells there are, what each is for, what it is worth. Of a student's notebook only solution
cells, written answers and added cells count, so that a deleted, edited or doubled test cell changes nothing.
"""

import ast
import json
import re
from dataclasses import dataclass, field
from typing import Any

MAX_NOTEBOOK_BYTES = 20 * 2**20
HIDDEN = re.compile(r"^[ \t]*### BEGIN HIDDEN TESTS.*?### END HIDDEN TESTS[^\n]*\n?", re.DOTALL | re.MULTILINE)


class Unreadable(ValueError):
    """A file that is no notebook; the message says why."""


@dataclass(frozen=True)
class Cell:
    """One cell of a notebook, its metadata read once."""

    kind: str  # set-up, solution, test, manual (graded by a person), show (not run when grading) or text
    name: str  # nbgrader's grade_id, else the cell's id, else ""
    source: str
    code: bool = True
    points: float = 0
    time_limit: float | None = None  # seconds
    hints: dict[str, Any] = field(default_factory=dict)


def read(data: bytes) -> list[Cell]:
    """The cells of a notebook that may be anything. Raises Unreadable."""
    if len(data) > MAX_NOTEBOOK_BYTES:
        raise Unreadable(f"the file has {len(data) / 2**20:.0f} MB, more than {MAX_NOTEBOOK_BYTES / 2**20:.0f}")
    try:
        notebook = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise Unreadable("the file is not text in UTF-8, so not a notebook") from None
    except (ValueError, RecursionError) as error:
        what = "is empty" if not data.strip() else f"is not JSON, or was cut off ({str(error)[:80]})"
        raise Unreadable(f"the file {what}, so not a notebook") from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if cells is None and isinstance(notebook, dict):  # notebook format 3
        sheets = notebook.get("worksheets")
        sheets = [sheet for sheet in sheets if isinstance(sheet, dict)] if isinstance(sheets, list) else []
        cells = [cell for sheet in sheets for cell in as_list(sheet.get("cells"))] if sheets else None
    if not isinstance(cells, list):
        raise Unreadable("the file is JSON, but not a notebook: it has no cells")
    return [read_cell(cell) for cell in cells if isinstance(cell, dict)]


def as_list(value: Any) -> list:
    return value if isinstance(value, list) else []


def as_dict(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


def read_cell(cell: dict) -> Cell:
    metadata = as_dict(cell.get("metadata"))
    nbgrader, own = as_dict(metadata.get("nbgrader")), as_dict(metadata.get("rlcourse"))
    code = cell.get("cell_type") == "code"
    source = cell.get("source", cell.get("input", ""))  # format 3 calls it input
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    grade, solution = nbgrader.get("grade") is True, nbgrader.get("solution") is True
    if nbgrader.get("task") is True or (grade and solution):
        kind = "manual"
    elif not code:
        kind = "text"
    elif grade:
        kind = "test"
    elif solution:
        kind = "solution"
    else:
        kind = "set-up" if nbgrader.get("locked") is True and not own.get("skip_when_grading") else "show"
    name = nbgrader.get("grade_id") or cell.get("id")
    points, seconds = nbgrader.get("points", 0), own.get("time_limit")
    return Cell(
        kind,
        name if isinstance(name, str) else "",
        source if isinstance(source, str) else "",
        code,
        float(points) if isinstance(points, int | float) else 0.0,
        float(seconds) if isinstance(seconds, int | float) else None,
        own,
    )


def names_of(source: str) -> tuple[set[str], set[str]]:
    """What a solution cell of the master defines: its functions, and the other names it assigns."""
    functions, values = set(), set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            functions.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            values |= {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}
    return functions, values


def is_stub(source: str) -> bool:
    return "raise NotImplementedError" in source


@dataclass
class Work:
    """What a student's notebook comes to: cells for the worker, written answers, what a person should know."""

    cells: list[Cell] = field(default_factory=list)  # kinds: set-up (the master's), solution and added
    answers: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def work_of(master: list[Cell], student: list[Cell]) -> Work:
    """What the worker runs: the master's set-up, the student's solutions, and added cells where they were added."""
    work = Work()
    known = {cell.name: cell for cell in master if cell.name}
    same_source = {cell.source.strip() for cell in master if cell.code}
    solutions: dict[str, list[str]] = {}
    added: dict[str, list[str]] = {}
    place = ""  # the last cell of the master's before an added one
    for cell in student:
        original = known.get(cell.name)
        if original is None:
            new = cell.code and cell.source.strip() and cell.source.strip() not in same_source
            if new and not cell.hints.get("skip_when_grading"):
                added.setdefault(place, []).append(cell.source)
            continue
        place = cell.name
        if original.kind == "solution" and cell.code:
            solutions.setdefault(cell.name, []).append(cell.source)
        elif original.kind == "manual" and cell.source.strip() != original.source.strip():
            work.answers[cell.name] = cell.source
        elif original.kind == "show" and cell.source.strip() != original.source.strip():
            work.notes.append(f"cell {cell.name} was changed; grading does not run it")

    def add(place: str) -> None:
        work.cells.extend(
            Cell("added", f"added after {place or 'the start'}", source) for source in added.get(place, [])
        )

    add("")
    for cell in master:
        if cell.kind == "set-up":
            work.cells.append(Cell("set-up", cell.name, HIDDEN.sub("", cell.source)))
        elif cell.kind == "solution":
            versions = solutions.get(cell.name, [])
            if not versions:
                work.notes.append(f"solution cell {cell.name} is missing")
            if len(versions) > 1:
                work.notes.append(
                    f"solution cell {cell.name} is there {len(versions)} times; the last one with code counts"
                )
            if versions:
                written = [source for source in versions if not is_stub(source)]
                work.cells.append(Cell("solution", cell.name, (written or versions)[-1]))
        add(cell.name)
    if not solutions:
        work.notes.append("none of the problem set's solution cells is in this notebook: is it the right one?")
    return work
