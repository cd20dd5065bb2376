"""What a check reads of a student's own code: the line that raised, what the function is called, how it is called."""

import ast
import inspect
import linecache
import os
import sys
import sysconfig
import traceback
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

# Where nothing is the student's: the course itself, Python and what is installed beside it.
_FOLDERS = (str(Path(__file__).parents[1]), *(sysconfig.get_path(name) for name in ("stdlib", "purelib", "platlib")))
_NOT_THEIRS = (*(folder + os.sep for folder in _FOLDERS), "<frozen", "<string>", "<__array_function__")


def _lines_of(error: BaseException) -> list[traceback.FrameSummary]:
    """The student's own lines that an exception passed through, the one that raised it last."""
    frames = traceback.extract_tb(error.__traceback__)
    return [frame for frame in frames if not frame.filename.startswith(_NOT_THEIRS)]


def own_line(error: BaseException) -> str:
    """Which line of the student's raised: "line 3 of cell In[5]: return 1 / 0"; "" where none did."""
    lines = _lines_of(error)
    if not lines:
        return ""
    *_, last = lines
    text = f": {last.line[:100]}" if last.line else ""
    return f"line {last.lineno} of {_place(last.filename)}{text}"


def _place(filename: str) -> str:
    """A file by its name, a cell by its number, as IPython's tracebacks call them."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    try:
        kind, name = shell.compile.format_code_name(filename)
        return f"{kind.lower()} {name}"
    except (AttributeError, TypeError, ValueError):  # no shell, or no cell
        return filename if filename.startswith("<") else Path(filename).name


def message_of(error: BaseException) -> str:
    """What an exception says, in one line that is not too long."""
    try:
        return " ".join(str(error).split())[:200]
    except BaseException:  # even its message may be broken, and raise anything
        return ""


def shorten(error: BaseException) -> str:
    """An exception in one line: its type and message. One from another process, StudentError, names its type itself."""
    text = message_of(error)
    return text if type(error).__name__ == "StudentError" else f"{type(error).__name__}: {text}".rstrip(": ")


def describe(error: BaseException) -> str:
    """An exception in one line, with the student's own line that raised it where there is one."""
    line = own_line(error)
    return f"raised {shorten(error)}" + (f", in {line}" if line else "")


def fits(function: Callable, call: str) -> bool:
    """Whether a function can be called as a call says; False where nothing says so."""
    try:
        inspect.signature(function).bind(*ast.parse(call, mode="eval").body.args)
        return True
    except (TypeError, ValueError):  # ValueError: it has no signature
        return False


def name_of(function: Any, caller: FrameType, known: Container[str]) -> str:
    """Which exercise a function is.

    That is what the call `check(..)` calls it, its own name, or the name under which the caller's variables know it:
    the first of them that is an exercise; else what it calls itself.
    """
    own = getattr(function, "__name__", None)
    names = (*_written(caller), own, *variables_of(function, caller), *_wrapped(function))
    first = next((name for name in names if isinstance(name, str) and name in known), "")
    return first or str(own or type(function).__name__)


def _written(caller: FrameType) -> Iterator[str]:
    """The names in the first argument of the call that is running, the outermost first; none where it has no source."""
    try:
        text = "\n".join(_segment(caller.f_code, caller.f_lasti))
        argument = ast.parse(text.strip(), mode="eval").body.args[0]
    except (AttributeError, IndexError, SyntaxError, ValueError):
        return
    for node in ast.walk(argument):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.Name):
            yield node.id


def _segment(code: CodeType, instruction: int) -> list[str]:
    """The source of the expression that an instruction belongs to."""
    positions = list(code.co_positions())[instruction // 2]
    if None in positions:
        return []
    first, last, begin, end = positions
    lines = [linecache.getline(code.co_filename, number).encode() for number in range(first, last + 1)]
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][begin:]
    return [line.decode().rstrip("\n") for line in lines]


def variables_of(function: Any, caller: FrameType) -> list[str]:
    """The names under which the caller's variables know a function."""
    variables = {**caller.f_locals, **caller.f_globals}
    return [name for name, value in variables.items() if value is function and name.isidentifier() and name[0] != "_"]


def _wrapped(function: Any) -> Iterator[str | None]:
    """The name of what a functools.partial, a bound method or a decorator with `wraps` holds."""
    for attribute in ("func", "__func__", "__wrapped__"):
        inner = getattr(function, attribute, None)
        if inner is not None:
            yield getattr(inner, "__name__", None)


ADVICE = {  # what an exception says, and what to do
    "is ambiguous": "if, and, max and min take one number, not a tensor: choose for each entry, with where or clamp.",
    "with a bool tensor is not supported": "a bool tensor has no minus: write ~terminated, or choose with torch.where.",
    "view size is not compatible": "a gradient need not lie in one piece: flatten() or reshape(-1), not view(-1).",
    "numpy() on Tensor that requires grad": "NumPy has no gradients: detach() what counts as given, stay in torch.",
}


def advice(error: BaseException | None) -> str:
    """A hint for an exception that many run into; "" for others."""
    said = message_of(error) if error else ""
    return next((hint for words, hint in ADVICE.items() if words in said), "")
