"""A student's bundle: made, its notebook filled in, its lectures run as Jupyter runs them."""

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode
from right_answers import IMPORTS, cells

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.staff.release import release


def make(key: str, folder: Path) -> Path:
    release(key, folder)
    return folder


def fill(bundle: Path, key: str, style: str, only: tuple[str, ...] = ()) -> list[str]:
    """Write the functions of a style into the bundle's notebook, all or only some; the names of those written."""
    path = bundle / f"{PROBLEM_SETS[key]}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    sources = {name: source for name, source in cells(style, key).items() if name in only or not only}
    for cell in notebook.cells:
        name = cell.id.replace("-", "_")
        if cell.metadata.get("nbgrader", {}).get("solution") and name in sources:
            cell.source = f"{IMPORTS[key]}\n{sources[name]}"
    nbformat.write(notebook, path)
    return list(sources)


def run(bundle: Path, lecture: str) -> dict[str, NotebookNode]:
    """The code cells of a lecture by id, after "Run all"; here one that raises does not stop it."""
    notebook = nbformat.read(bundle / "lectures" / lecture, as_version=4)
    environment = os.environ | {"PYTHONPATH": str(bundle), "TQDM_DISABLE": "1", "OMP_NUM_THREADS": "1"}
    resources = {"metadata": {"path": str(bundle / "lectures")}}
    client = NotebookClient(notebook, kernel_name="python3", timeout=1200, allow_errors=True, resources=resources)
    client.execute(env=environment)
    return {cell.id: cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()}


def said(cell: NotebookNode, stream: str = "stdout") -> str:
    return "".join(output.text for output in cell.get("outputs", []) if output.get("name") == stream)


def pictures(cell: NotebookNode) -> int:
    return sum("image/png" in output.get("data", {}) for output in cell.get("outputs", []))


def errors(cells: dict[str, NotebookNode]) -> list[tuple]:
    """Exceptions and what was written to stderr, by cell."""
    raised = [
        (name, o.ename, o.evalue) for name, cell in cells.items() for o in cell.get("outputs", []) if "ename" in o
    ]
    return raised + [(name, said(cell, "stderr")) for name, cell in cells.items() if said(cell, "stderr")]
