"""The cells of a problem set: what the master notebook asks for, and what of it a student's notebook brings.

The master decides which tests are asked, and what each is worth: a deleted, edited or doubled test cell changes
nothing. The student's notebook decides what runs, in which order, and so what each test meets where it stands.
"""

import ast
import json
import re
from collections.abc import Iterator
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


def as_number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < 1e9 else None


def read_cell(cell: dict) -> Cell:
    metadata = as_dict(cell.get("metadata"))
    nbgrader, own = as_dict(metadata.get("nbgrader")), as_dict(metadata.get("rlcourse"))
    code = cell.get("cell_type") == "code"
    source = cell.get("source", cell.get("input", ""))  # format 3 calls it input
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    source = source.encode(errors="replace").decode() if isinstance(source, str) else ""  # half letters are no text
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
        source,
        code,
        as_number(points) or 0.0,
        as_number(seconds),
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


def imports_of(source: str) -> Iterator[str]:
    """The modules that a source imports, wherever in it, in order."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


@dataclass(frozen=True)
class Step:
    """One thing that the worker does with a student's notebook: it runs a cell, or it stands where a test is asked."""

    kind: str  # set-up, solution, added, changed (the student's form of a cell that was not his to change) or test
    name: str  # the master's name of the cell; "added after .." where it has none
    source: str | None  # None for a test


@dataclass
class Work:
    """What a student's notebook comes to: steps for the worker, and what a person should know."""

    steps: list[Step] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def work_of(master: list[Cell], student: list[Cell]) -> Work:
    """A student's notebook as Jupyter would run it, in the student's own order.

    All code cells run where they stand, a copy or a half of a solution cell too. A changed cell of the master's runs as
    the student has it, then as the master has it; one that was lost runs, or is asked, where it would stand.
    """
    order = {cell.name: place for place, cell in enumerate(master) if cell.name}
    matched = names_in(student, master)
    last = {name: number for number, (name, _) in enumerate(matched)}  # of a test that is there twice the last is asked
    work = Work()
    placed: list[tuple[int, Step]] = []  # each with the place of the master's cell that it is, or that it follows
    place, after = -1, "the start"
    for number, (name, cell) in enumerate(matched):
        if name is not None:
            place, after = order[name], name
        if not cell.code:
            if name is not None and master[place].kind == "solution":
                work.notes.append(f"solution cell {name} is a text cell here, so that nothing of it runs")
            continue
        original = None if name is None else master[place]
        kind = "added" if original is None else original.kind
        public = "" if original is None else public_source(original)
        changed = kind in ("set-up", "test", "show") and public_source(cell) != public
        if kind in ("added", "manual") and cell.source.strip():
            placed.append((place, Step("added", f"added after {after}", cell.source)))
        elif kind == "solution":
            placed.append((place, Step("solution", name, cell.source)))
        elif changed and cell.source.strip():
            placed.append((place, Step("changed", name, cell.source)))
            if kind != "show":
                work.notes.append(f"cell {name} was changed: it runs as it was changed, then as it was")
        elif kind == "show" and not original.hints.get("skip_when_grading"):
            placed.append((place, Step("added", name, cell.source)))
        if kind == "set-up":
            placed.append((place, Step("set-up", name, public)))
        elif kind == "test" and last[name] == number:
            placed.append((place, Step("test", name, None)))
    work.steps = with_lost_cells(master, order, placed)
    there = {name for name, _ in matched}
    unnamed = "\n".join(cell.source for name, cell in matched if name is None and cell.code)
    solutions = [cell for cell in master if cell.kind == "solution"]
    missing = [cell for cell in solutions if cell.name not in there and not defines(unnamed, cell)]
    work.notes += [f"solution cell {cell.name} is missing" for cell in missing]
    if solutions and missing == solutions:
        work.notes.append("none of the problem set's solution cells is in this notebook: is it the right one?")
    return work


def defines(source: str, solution: Cell) -> bool:
    """Whether some cells define what a solution cell should: it has lost its name."""
    functions, values = names_of(solution.source)
    return any(re.search(rf"^(def|class) {name}\b|^{name} *=[^=]", source, re.MULTILINE) for name in functions | values)


def public_source(cell: Cell) -> str:
    """A cell as students get it."""
    return without_hidden(cell.source).strip()


def without_hidden(source: str) -> str:
    """A source without its hidden tests; behind the last end of one nothing is looked for, or it could take hours."""
    end = source.rfind("### END HIDDEN TESTS")
    stop = source.find("\n", end) + 1 or len(source)
    return HIDDEN.sub("", source[:stop]) + source[stop:] if end >= 0 else source


def names_in(student: list[Cell], master: list[Cell]) -> list[tuple[str | None, Cell]]:
    """A student's cells, each with the name of the master's cell that it is: it has that name, or its very words."""
    names = {cell.name for cell in master if cell.name}
    words = {
        (cell.code, public_source(cell)): cell.name
        for cell in reversed(master)
        if cell.name and cell.kind not in ("solution", "manual")
    }
    return [
        (cell.name if cell.name in names else words.get((cell.code, public_source(cell) or None)), cell)
        for cell in student
    ]


def with_lost_cells(master: list[Cell], order: dict[str, int], placed: list[tuple[int, Step]]) -> list[Step]:
    """All steps, with the master's set-up cells and tests that a student's notebook has lost where they would stand."""
    there = {step.name for _, step in placed if step.kind in ("set-up", "test")}
    for cell in master:
        if cell.kind not in ("set-up", "test") or cell.name in there:
            continue
        own = order[cell.name]
        if cell.kind == "set-up":  # right behind what comes before it
            before = [number for number, (place, _) in enumerate(placed) if 0 <= place < own]
            at, step = (before[-1] + 1 if before else 0), Step("set-up", cell.name, public_source(cell))
        else:  # right before what comes behind it
            behind = [number for number, (place, _) in enumerate(placed) if place > own]
            at, step = (behind[0] if behind else len(placed)), Step("test", cell.name, None)
        placed.insert(at, (own, step))
    return [step for _, step in placed]
