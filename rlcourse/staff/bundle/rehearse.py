"""Run a notebook from the top, as it will be graded, and print what its test cells say as they say it.

    python rehearse.py NOTEBOOK

Each cell has its time, and one that takes longer is interrupted: so it is when it is graded. Nothing is written.
"""

import io
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from rlcourse.homework.shell import CELL_SECONDS, TEST_SECONDS, Budget, Shell, flush, make_shell, run_cell


class LastStates(io.TextIOBase):
    """A stream into a file or pipe: of a line that is written over and over, as a progress bar's is, the last state."""

    def __init__(self, file: io.TextIOBase) -> None:
        self.file, self.line = file, ""

    def write(self, text: str) -> int:
        *whole, self.line = (self.line + text).split("\n")
        for line in whole:
            self.file.write(line.rstrip("\r").rsplit("\r", 1)[-1] + "\n")
        return len(text)

    def flush(self) -> None:
        self.file.flush()


def end_lines() -> None:
    """Write what stands in a line that has not ended."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, LastStates) and stream.line:
            stream.write("\n")
    flush()


class Counting(io.TextIOBase):
    """A stream that knows whether anything came."""

    def __init__(self, file: Any) -> None:
        self.file, self.came = file, False

    def write(self, text: str) -> int:
        self.came = self.came or bool(text.strip())
        return self.file.write(text)

    def flush(self) -> None:
        self.file.flush()


def code_cells(path: Path) -> list[dict[str, Any]]:
    """The notebook's code cells: name, source, whether it is a test, and its seconds where it has some of its own."""
    found = []
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8-sig"))["cells"], 1):
        metadata = cell.get("metadata", {})
        nbgrader, own = metadata.get("nbgrader", {}), metadata.get("rlcourse", {})
        source = "".join(cell.get("source", ""))
        if cell["cell_type"] == "code" and source.strip() and not own.get("skip_when_grading"):
            name = nbgrader.get("grade_id") or cell.get("id") or f"cell {number}"
            test = nbgrader.get("grade") is True and nbgrader.get("solution") is not True
            found.append({"name": name, "source": source, "test": test, "seconds": own.get("time_limit")})
    return found


def rehearse(path: Path) -> int:
    """Print what each test cell says, and each error; the number of errors."""
    cells = code_cells(path)
    os.chdir(path.resolve().parent)
    sys.path.insert(0, "")
    shell, budget, failed = make_shell(), Budget(), 0
    for cell in cells:
        own = float(cell["seconds"] or 0)
        limit = max(own, TEST_SECONDS if cell["test"] else CELL_SECONDS)
        began = time.monotonic()
        run = in_a_fork if cell["test"] and sys.platform == "linux" else in_the_notebook
        failed += run(shell, cell, budget.allowed(own, limit))
        budget.spend(time.monotonic() - began, own)
        end_lines()
    return failed


def in_the_notebook(shell: Shell, cell: dict[str, Any], seconds: float) -> bool:
    """Run one cell and say what is to be said; whether it failed."""
    printed = sys.stdout = Counting(sys.stdout)
    try:
        error = run_cell(shell, cell["source"], seconds)
    finally:
        sys.stdout = printed.file
    if error:
        print(f"{cell['name']}: {error}")
    elif cell["test"] and not printed.came:
        print(f"{cell['name']}: runs; it is judged after you hand in")
    return bool(error)


def in_a_fork(shell: Shell, cell: dict[str, Any], seconds: float) -> bool:
    """Run a test cell so that it leaves no trace: a grader asks from the state where it stands, and changes nothing."""
    flush()
    process = os.fork()
    if process == 0:
        status = 2
        try:
            status = int(in_the_notebook(shell, cell, seconds))
        finally:
            end_lines()
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    if status not in (0, 1):
        print(f"{cell['name']}: the code ended its own process")
    return status != 0


if __name__ == "__main__":
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_file():
        sys.exit(__doc__)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal may not know every letter
    if not sys.stdout.isatty():
        sys.stdout, sys.stderr = LastStates(sys.stdout), LastStates(sys.stderr)
    sys.exit(1 if rehearse(Path(sys.argv[1])) else 0)
