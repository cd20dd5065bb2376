"""What a lecture shows where one of the student's functions is missing: one line, and the recorded outputs.

The kernel's first such cell calls `watch`. From then on a cell that ends in a missing function counts as run, so that
"Run all" goes on; and a later cell that needs what such a cell did not make shows its own recorded outputs likewise.
"""

import ast
import json
import re
import symtable
import sys
import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

ORIGINALS = Path(".originals")  # beside a bundle's lectures: as they were handed out, whatever is saved over them
WIDGET = re.compile(
    r"\w+\(children="
)  # the text that stands for sliders, which need a kernel


def names_in(source: str) -> tuple[set[str], set[str]]:
    """What code binds at its top level, and the global names that it uses, also inside its functions.

    Raises:
        SyntaxError: it is not Python.
    """
    top = symtable.symtable(source, "cell", "exec")
    bound = {name.get_name() for name in top.get_symbols() if name.is_assigned() or name.is_imported()}
    used = {name.get_name() for name in top.get_symbols() if name.is_referenced()}
    tables = top.get_children()
    while tables:
        table = tables.pop()
        tables += table.get_children()
        used |= {name.get_name() for name in table.get_symbols() if name.is_global() and name.is_referenced()}
    return bound, used


def _shell() -> Any:
    """The kernel's IPython shell; None in a script or a terminal."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell if getattr(shell, "kernel", None) is not None else None


def no_display() -> AbstractContextManager:
    """Nothing is displayed in here."""
    if _shell() is None:
        return nullcontext()
    from IPython.utils.capture import capture_output  # only where a kernel runs

    return capture_output()


def watch(missing: type[Exception], before_a_cell: Callable[[], None]) -> None:
    """Let a kernel show recorded outputs where a cell raises `missing`. Elsewhere nothing happens."""
    shell = _shell()
    if shell is not None and not any(isinstance(one, Lecture) for one in shell.ast_transformers):
        lecture = Lecture(shell, missing)
        shell.events.register("pre_run_cell", lambda _: before_a_cell())
        shell.events.register("post_run_cell", lecture.after_a_cell)
        shell.ast_transformers.append(lecture)
        shell.set_custom_exc((missing,), lambda *_, **__: [])  # no traceback


class Lecture:
    """A kernel's memory of what could not be made."""

    def __init__(self, shell: Any, missing: type[Exception]) -> None:
        self.shell, self.missing = shell, missing
        self.absent: dict[str, str] = {}  # a variable that no cell could make: the line that says why
        self.cut: tuple[int, str] | None = None  # where the cell that runs was cut short, and why

    def visit(self, cell: ast.Module) -> ast.Module:
        """A cell up to the first statement that needs what is absent: IPython runs this in its place."""
        self.cut = None
        absent = dict(self.absent)
        for place, statement in enumerate(cell.body):
            bound, used = names_in(ast.unparse(statement))
            if why := next((absent[name] for name in absent if name in used), ""):
                self.cut = statement.lineno, why
                cell.body = cell.body[:place]
                break
            for name in bound:
                absent.pop(name, None)
        return cell

    def after_a_cell(self, result: Any) -> None:
        """Remember what a cell made and what not; where it could not run to its end, show what was recorded."""
        cut, self.cut = self.cut, None
        if isinstance(result.error_in_exec, self.missing):
            cut = self._line_of(result.error_in_exec), str(result.error_in_exec)
            result.error_in_exec = None  # the cell counts as run, and the next one follows
        with suppress(SyntaxError):
            for statement in ast.parse(self.shell.transform_cell(result.info.raw_cell)).body:
                for name in changed_by(statement):
                    if cut and statement.end_lineno >= cut[0]:
                        self.absent[name] = cut[1]
                    elif not result.error_in_exec:
                        self.absent.pop(name, None)
        if cut:
            show_recorded(result.info.raw_cell, cut[1])

    def _line_of(self, error: Exception) -> int:
        """The line of the cell that an exception came through."""
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_globals is self.shell.user_ns and frame.f_code.co_name == "<module>":
                return line
        return 0


def changed_by(statement: ast.stmt) -> set[str]:
    """The variables that a statement binds, or changes as `table[s] = ..` and `agent.net = ..` do."""
    bound, _ = names_in(ast.unparse(statement))
    for node in ast.walk(statement):
        if isinstance(node, ast.Subscript | ast.Attribute) and isinstance(node.ctx, ast.Store):
            while isinstance(node, ast.Subscript | ast.Attribute):
                node = node.value
            bound |= {node.id} if isinstance(node, ast.Name) else set()
    return bound


def show_recorded(source: str, why: str) -> None:
    """In place of what a cell has put out so far: a line that says what is missing, and the recorded outputs."""
    from IPython.display import clear_output, display  # only where a kernel runs

    clear_output()
    print(why)
    for output in recorded_outputs(source):
        if "text" in output:
            print("".join(output["text"]), end="")
        elif not WIDGET.match("".join(output["data"].get("text/plain", ""))):
            data = {
                kind: "".join(value) if isinstance(value, list) else value for kind, value in output["data"].items()
            }
            display(data, metadata=output["metadata"], raw=True)


def recorded_outputs(source: str) -> list[dict]:
    """The outputs of a lecture's cell as it was handed out."""
    for path in sorted(ORIGINALS.glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if "".join(cell["source"]).strip() == source.strip() and cell["cell_type"] == "code":
                return cell["outputs"]
    return []
