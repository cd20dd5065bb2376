"""Run a notebook from the top in a fresh kernel, as it will be graded, and print what its test cells say.

    python rehearse.py NOTEBOOK

Nothing is written: the notebook stays as it is.
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient


def text_of(outputs: list, stream: str) -> str:
    """What a cell wrote to a stream, as a terminal leaves it: of a progress bar the last state."""
    text = "".join(output.text for output in outputs if output.get("name") == stream)
    return "\n".join(line.rsplit("\r", 1)[-1] for line in text.splitlines()).strip()


def rehearse(path: Path) -> int:
    """Print what each test cell says, and each exception; the number of exceptions."""
    notebook = nbformat.read(path, as_version=4)
    folder = {"metadata": {"path": str(path.resolve().parent)}}
    NotebookClient(notebook, kernel_name="python3", timeout=300, allow_errors=True, resources=folder).execute()
    failed = 0
    for cell in notebook.cells:
        outputs = cell.get("outputs", [])
        written = {name: text_of(outputs, name) for name in ("stdout", "stderr")}
        errors = [output for output in outputs if output.output_type == "error"]
        for error in errors:
            print(f"{cell.id}: {error.ename}: {error.evalue}")
        if cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("grade"):
            if written["stderr"]:
                print(f"{cell.id}: wrote to stderr: {written['stderr'].splitlines()[-1]}")
            if written["stdout"] or not errors:
                print(written["stdout"] or f"{cell.id}: runs; it is judged after you hand in")
        failed += len(errors)
    return failed


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit(__doc__)
    sys.exit(1 if rehearse(Path(sys.argv[1])) else 0)
