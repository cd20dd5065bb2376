"""What a lecture shows where one of the student's functions is missing: one line, and the recorded outputs.

The kernel's first such cell calls `watch`. From then on a cell that ends in a missing function counts as run, so that
"Run all" goes on; and a later cell that needs what such a cell did not make shows its own recorded outputs likewise.
"""

import ast
import json
import symtable
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

ORIGINALS = Path(".originals")  # beside a bundle's lectures: as they were handed out, whatever is saved over them
SLIDERS = "Sliders need a kernel: run this cell to move them. The picture above is what they draw."

STAYS = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef  # what they bind is not changed by a later line
CHANGES = ("append", "extend", "update", "add", "insert", "setdefault")  # methods that change a list, dict or set


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
        shell.set_custom_exc((Exception,), lecture.no_traceback)


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
            for part in parts(statement):
                bound, used = names_in(ast.unparse(part))
                if why := next((absent[name] for name in absent if name in used), ""):
                    self.cut = statement.lineno, why
                    cell.body = cell.body[:place]
                    return cell
                for name in bound:
                    absent.pop(name, None)
        return cell

    def after_a_cell(self, result: Any) -> None:
        """Remember what a cell made and what not; where it could not run to its end, show what was recorded."""
        cut, self.cut = self.cut, None
        if missing := self._missing_in(result.error_in_exec):
            cut = self._line_of(result.error_in_exec), str(missing)
            result.error_in_exec = None  # the cell counts as run, and the next one follows
        with suppress(SyntaxError):
            statements = ast.parse(self.shell.transform_cell(result.info.raw_cell)).body
            if cut:
                self.absent |= dict.fromkeys(not_made(statements, cut[0]), cut[1])
            elif not result.error_in_exec:
                for name in names_in(ast.unparse(ast.Module(statements, [])))[0]:
                    self.absent.pop(name, None)
        if cut:
            show_recorded(result.info.raw_cell, cut[1])

    def no_traceback(self, shell: Any, kind: type, error: Exception, trace: Any, tb_offset: int | None = None) -> list:
        """What IPython calls where a cell raises: a missing function gets its line later, in after_a_cell."""
        if not self._missing_in(error):
            shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        return []

    def _missing_in(self, error: BaseException | None) -> BaseException | None:
        """The missing function that an exception comes from, be it in another process."""
        while error is not None and not isinstance(error, self.missing):
            error = error.__cause__
        return error

    def _line_of(self, error: BaseException) -> int:
        """The line of the cell that an exception came through."""
        for frame, line in traceback.walk_tb(error.__traceback__):
            if frame.f_globals is self.shell.user_ns and frame.f_code.co_name == "<module>":
                return line
        return 0


def parts(statement: ast.stmt) -> Iterator[ast.stmt]:
    """A statement's simple parts in their order, `for x in xs: y = f(x)` as `x = xs` and `y = f(x)`."""
    match statement:
        case ast.For():
            yield ast.Assign([statement.target], statement.iter, lineno=0)
        case ast.With():
            for item in statement.items:
                yield ast.Assign([item.optional_vars or ast.Name("_")], item.context_expr, lineno=0)
        case ast.If() | ast.While():
            yield ast.Expr(statement.test)
        case ast.Try() | ast.ExceptHandler():
            pass
        case _:
            yield statement
            return
    for block in ("body", "handlers", "orelse", "finalbody"):
        for inner in getattr(statement, block, []):
            yield from parts(inner)


def not_made(statements: list[ast.stmt], line: int) -> set[str]:
    """The variables that are not what they should be where a cell stopped at a line.

    Those that are bound from there on, and those that are changed there: `table[s] = ..`, `steps.append(..)`. Of those
    that the cell had bound before, all that are used there, for they may be changed too: `agent = ..; train(agent)`.
    """
    before, names = set(), set()
    for statement in statements:
        bound, used = names_in(ast.unparse(statement))
        if statement.end_lineno < line:
            before |= bound if not isinstance(statement, STAYS) else set()
            continue
        names |= bound | (used & before)
        for node in ast.walk(statement):
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in CHANGES:
                node = node.func
            elif not isinstance(getattr(node, "ctx", None), ast.Store):
                continue
            while isinstance(node, ast.Subscript | ast.Attribute):
                node = node.value
            names |= {node.id} if isinstance(node, ast.Name) else set()
    return names


def show_recorded(source: str, why: str) -> None:
    """In place of what a cell has put out so far: a line that says what is missing, and the recorded outputs."""
    from IPython.display import clear_output, display  # only where a kernel runs

    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")  # half-drawn figures, which the next cell would show
    clear_output()
    print(why)
    for output in recorded_outputs(source):
        if "text" in output:
            print("".join(output["text"]), end="")
        elif "".join(output["data"].get("text/plain", "")) != SLIDERS:
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
