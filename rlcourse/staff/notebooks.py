"""Execute the lectures and write them so that a re-run of unchanged code leaves git clean.

    python -m rlcourse.staff.notebooks notebooks/*.ipynb            execute, normalise, write what changed
    python -m rlcourse.staff.notebooks --check notebooks/*.ipynb    execute nothing, name what is not in order

A cell that raises, or that writes to stderr (a warning is nothing to teach from), leaves its file as it was.
"""

import argparse
import base64
import io
import json
import os
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import nbjson
from PIL import Image
from tqdm import tqdm

from rlcourse.homework.recorded import SLIDERS

METADATA = {  # the same whatever Python executes: a kernel adds its exact version
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
NOISE = ("execution", "ExecuteTime", "collapsed", "scrolled", "trusted", "vscode")  # what an editor or a run leaves
WIDGET = "application/vnd.jupyter.widget-view+json"  # points at a kernel that is gone, under a random name
CELL_ID = re.compile(r"[a-z0-9-]{1,64}")
CELL_SECONDS = 300


class NotebookError(Exception):
    """A notebook that cannot be read or does not run; the message names it, the cell and the reason."""


def read(path: Path) -> NotebookNode:
    """A valid notebook, every cell with an id (nbformat's own reader would invent random ones)."""
    try:
        notebook = nbjson.reads(path.read_text(encoding="utf-8"))
        if notebook.nbformat != 4:
            raise NotebookError(f"{path}: got notebook format {notebook.nbformat}, expected 4")
        nbformat.validate(with_ids(notebook))
    except OSError as error:
        raise NotebookError(f"{path}: {error.strerror}, expected a notebook") from error
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError, nbformat.ValidationError) as error:
        raise NotebookError(f"{path}: got {error}, expected a notebook") from error
    return notebook


def with_ids(notebook: NotebookNode) -> NotebookNode:
    """The notebook with an id for every cell: its own where that is well-formed and free, else cell-1, cell-2, .."""
    taken: set[str] = set()
    fresh = (f"cell-{n}" for n in range(1, 10**6))
    kept = {cell.get("id") for cell in notebook.cells}
    for cell in notebook.cells:
        if not CELL_ID.fullmatch(cell.get("id", "")) or cell.id in taken:
            cell.id = next(name for name in fresh if name not in kept)
        taken.add(cell.id)
    notebook.nbformat_minor = 5  # the first with cell ids
    return notebook


def normalised(notebook: NotebookNode) -> NotebookNode:
    """The notebook without anything that differs between two runs of the same code. Changes it in place."""
    with_ids(notebook).metadata = nbformat.from_dict(METADATA)
    count = 0
    for cell in notebook.cells:
        for key in NOISE:
            cell.metadata.pop(key, None)
        if cell.metadata.get("tags") == []:
            del cell.metadata["tags"]
        if cell.cell_type != "code":
            continue
        if cell.execution_count is not None:
            count += 1
            cell.execution_count = count
        cell.outputs = list(normalised_outputs(cell))
    return notebook


def normalised_outputs(cell: NotebookNode) -> Iterator[NotebookNode]:
    """The outputs of a cell, neighbouring pieces of one stream joined: how a stream is cut up is chance."""
    stream = None
    for output in cell.outputs:
        if output.output_type == "stream":
            if stream is not None and stream.name == output.name:
                stream.text += output.text
                continue
            stream = output
        else:
            stream = None
            data = output.get("data", {})
            if data.pop(WIDGET, None):
                data["text/plain"] = SLIDERS
            if "image/png" in data:
                data["image/png"] = with_palette(data["image/png"])
            if "execution_count" in output:
                output.execution_count = cell.execution_count
        yield output


def with_palette(picture: str) -> str:
    """A PNG, in base64, with 256 colors at most: a third of the bytes, and no eye sees it. A smaller palette stays."""
    image = Image.open(io.BytesIO(base64.b64decode(picture)))
    if image.mode == "P" or image.convert("RGBA").getextrema()[3][0] < 255:  # what shines through is left alone
        return picture
    file = io.BytesIO()
    image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(file, "png", optimize=True)
    return min(picture, base64.b64encode(file.getvalue()).decode(), key=len)


def text_of(notebook: NotebookNode) -> str:
    """The notebook as nbformat writes it to a file."""
    return nbjson.writes(notebook) + "\n"


def problems(path: Path) -> list[str]:
    """What is wrong with a committed notebook: not executed, not normalised, an error or a warning in its outputs."""
    notebook = read(path)
    found = [] if text_of(normalised(notebook)) == path.read_text(encoding="utf-8") else [f"{path}: not normalised"]
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.source.strip():
            if cell.execution_count is None:
                found.append(f"{path}: cell {cell.id}: not executed")
            found += [f"{path}: cell {cell.id}: {complaint}" for complaint in complaints(cell)]
    return found


def complaints(cell: NotebookNode) -> list[str]:
    """The outputs of a cell that no reader should see."""
    return [
        f"{output.ename}: {output.evalue}"
        if output.output_type == "error"
        else f"wrote to stderr: {output.text.strip()}"
        for output in cell.outputs
        if output.output_type == "error" or output.get("name") == "stderr"
    ]


def execute(path: Path) -> bool:
    """Run a notebook in a new kernel, in its own folder, and write it back; whether the file changed.

    Raises:
        NotebookError: where a cell fails or writes to stderr; the file is then as it was.
    """
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    notebook = read(path)
    folder = {"metadata": {"path": str(path.resolve().parent)}}
    client = NotebookClient(
        notebook, kernel_name="python3", timeout=CELL_SECONDS, record_timing=False, resources=folder
    )
    client.reset_execution_trackers()
    with client.setup_kernel(env=os.environ | {"TQDM_DISABLE": "1"}):  # progress bars print times
        for index, cell in enumerate(notebook.cells):
            where = f"{path}: cell {cell.id}"
            try:
                client.execute_cell(cell, index)
            except CellExecutionError as error:
                raise NotebookError(f"{where}: {error.ename}: {error.evalue}") from error
            except (TimeoutError, RuntimeError) as error:  # a dead kernel is a RuntimeError
                raise NotebookError(f"{where}: {error}") from error
            if cell.cell_type == "code" and complaints(cell):
                raise NotebookError(f"{where}: {complaints(cell)[0]}")
    after = text_of(normalised(notebook))
    if after != before:
        replace(path, after)
    return after != before


def replace(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8", newline="\n")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def execute_all(paths: list[Path]) -> int:
    """Execute notebooks, two at a time, each in a process of its own; the exit status."""
    failed = 0
    with ProcessPoolExecutor(max_workers=2) as pool:
        runs = {pool.submit(execute, path): path for path in paths}
        for run in tqdm(as_completed(runs), total=len(runs), unit="notebook"):
            try:
                tqdm.write(f"{runs[run]}: {'written' if run.result() else 'unchanged'}")
            except NotebookError as error:
                failed += 1
                tqdm.write(str(error), file=sys.stderr)
    return 1 if failed else 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rlcourse.staff.notebooks", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="execute nothing, name what is not in order")
    parser.add_argument("files", nargs="+", type=Path, metavar="NOTEBOOK")
    options = parser.parse_args(arguments)
    missing = [str(path) for path in options.files if not path.is_file()]
    if missing:
        parser.error(f"got {', '.join(missing)}, expected notebooks that exist")
    if not options.check:
        return execute_all(options.files)
    try:
        found = [problem for path in options.files for problem in problems(path)]
    except NotebookError as error:
        found = [str(error)]
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
