"""Master notebooks: is one in order, what a student gets of it, and what it looks like solved.

nbgrader's own preprocessors make the student's version, without a database, so that `nbgrader generate_assignment`
gives the same cells.
"""

import ast
import json
import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

from nbformat import NotebookNode

from rlcourse.staff import notebooks

REGIONS = ("SOLUTION", "HIDDEN TESTS", "MARK SCHEME")
MARKERS = {f"### {edge} {region}": (edge, region) for edge in ("BEGIN", "END") for region in REGIONS}
LOOKS_LIKE_A_MARKER = re.compile(r"\s*#+\s*(begin|end)\b|.*\b(begin|end) (solution|hidden test|mark scheme)", re.I)
METADATA = {"nbgrader", "rlcourse", "tags", "deletable", "editable", "jupyter"}  # of a cell; anything else stays behind
GRADE_ID = re.compile(r"[A-Za-z0-9_-]+")


def read_master(path: Path) -> NotebookNode:
    """A master notebook in which every id, marker, point and piece of metadata is in order."""
    notebook = notebooks.read(path)
    written = json.loads(path.read_text(encoding="utf-8"))["cells"]  # the reader above fills in missing ids
    faults = [f"{path}: {fault}" for fault in [*_faults_of_ids(written), *_faults_of_cells(notebook)]]
    if faults:
        raise notebooks.NotebookError("\n".join(faults))
    return notebook


def _faults_of_ids(cells: list[dict]) -> Iterator[str]:
    """Cell ids and grade ids that are missing, malformed or double."""
    for kind, pattern in (("id", notebooks.CELL_ID), ("grade_id", GRADE_ID)):
        seen: set[str] = set()
        for number, cell in enumerate(cells, 1):
            holder = cell if kind == "id" else cell["metadata"].get("nbgrader")
            if holder is None:
                continue
            value = holder.get(kind)
            where = f"cell {number} ({cell.get('id', 'no id')})"
            if not isinstance(value, str) or not pattern.fullmatch(value):
                yield f"{where}: got {kind} {value!r}, expected {pattern.pattern}"
            elif value in seen:
                yield f"{where}: got {kind} {value!r} a second time, expected each once"
            seen.add(value)


def _faults_of_cells(notebook: NotebookNode) -> Iterator[str]:
    """Markers without their other half, points that are missing, metadata and attachments that would travel along."""
    for cell in notebook.cells:
        where = f"cell {cell.id}"
        nbgrader = cell.metadata.get("nbgrader", {})
        yield from (f"{where}: {fault}" for fault in _faults_of_markers(cell.source, nbgrader))
        if cell.cell_type == "code":
            try:
                ast.parse(cell.source)
            except SyntaxError as error:
                yield f"{where}: line {error.lineno}: not Python: {error.msg}"
        if nbgrader.get("grade") and not (type(nbgrader.get("points")) in (int, float) and nbgrader.points > 0):
            yield f"{where}: got points {nbgrader.get('points')!r}, expected a number above 0"
        for key in sorted(set(cell.metadata) - METADATA - set(notebooks.NOISE)):
            yield f"{where}: metadata {key!r} is not on the list of what is handed out"
        if nbgrader.get("solution") and cell.get("attachments"):
            yield f"{where}: an attachment in a solution would be handed out, expected none"


def _faults_of_markers(source: str, nbgrader: dict) -> Iterator[str]:
    opened: tuple[int, str] | None = None
    for number, line in enumerate(source.split("\n"), 1):
        edge, region = MARKERS.get(line.strip(), (None, None))
        if edge is None:
            if LOOKS_LIKE_A_MARKER.match(line):
                yield f"line {number}: got {line.strip()!r}, expected a marker such as '### BEGIN SOLUTION'"
        elif edge == "BEGIN":
            if opened:
                yield f"line {number}: BEGIN {region} inside the {opened[1]} of line {opened[0]}, which has no END"
            if not nbgrader.get({"SOLUTION": "solution", "HIDDEN TESTS": "grade", "MARK SCHEME": "task"}[region]):
                yield f"line {number}: BEGIN {region} in a cell of another kind, which nbgrader would not clear"
            opened = (number, region)
        elif opened is None or opened[1] != region:
            yield f"line {number}: END {region} without its BEGIN"
        else:
            opened = None
    if opened:
        yield f"line {opened[0]}: BEGIN {opened[1]} without its END"


def student_notebook(master: NotebookNode, root: Path) -> NotebookNode:
    """What nbgrader's generate_assignment makes of a master notebook, its database left out."""
    from nbgrader.converters import GenerateAssignment
    from nbgrader.preprocessors import SaveCells
    from traitlets.config.loader import PyFileConfigLoader

    config = PyFileConfigLoader("nbgrader_config.py", path=str(root)).load_config()
    notebook, resources = deepcopy(master), {}
    for preprocessor in GenerateAssignment.class_traits()["preprocessors"].default():
        if preprocessor is not SaveCells:  # the one that needs the database
            notebook, resources = preprocessor(config=config).preprocess(notebook, resources)
    return notebooks.normalised(notebook)


def solved_notebook(master: NotebookNode) -> NotebookNode:
    """What to read after the deadline: the solutions without their markers, the public tests, no grading data."""
    from nbgrader.preprocessors import ClearHiddenTests, ClearMarkScheme, ClearOutput

    notebook, resources = deepcopy(master), {}
    for preprocessor in (ClearOutput, ClearHiddenTests, ClearMarkScheme):
        notebook, resources = preprocessor().preprocess(notebook, resources)
    for cell in notebook.cells:
        cell.source = "\n".join(line for line in cell.source.split("\n") if line.strip() not in MARKERS)
        cell.metadata.pop("nbgrader", None)
    return notebooks.normalised(notebook)
