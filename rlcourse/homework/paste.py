"""A case as code that a student can paste into a cell and run."""

import ast
import inspect
import json
import re
from typing import Any

import numpy as np

from rlcourse.homework.asking import Answer
from rlcourse.homework.compare import as_array
from rlcourse.homework.scenarios import find
from rlcourse.homework.student_code import shorten

MAX_LINES, MAX_WIDTH = 24, 100  # what is longer is told by its shapes


def case_as_code(function: str, call: str, arguments: tuple, scenario: str, answer: Answer, expected: Any) -> str:
    """Imports, arguments, the call, and what came beside what was expected; or, of a large case, its shapes.

    Args:
        function: what the student calls the function.
        call: how it is called, "q_backup(P, R, Q, gamma)".
        arguments: those of the case.
        scenario: which one the case runs; "": none.
        answer: what came.
        expected: what is right.
    """
    names = _names(call, len(arguments), scenario)
    called = f"{function}({', '.join(names)})"
    imports = []
    if scenario:
        imports = ["from rlcourse.homework.scenarios import run"]
        called = f"run({', '.join([json.dumps(scenario), function, *names])})"
    lines = [line for name, value in zip(names, arguments, strict=True) for line in _assigned(name, value)]
    if len(lines) > MAX_LINES or max(map(len, lines)) > MAX_WIDTH:
        return f"{called} with {', '.join(map(_size, names, arguments))}"
    text = "\n".join(lines)
    modules = {"np.": "import numpy as np", "torch.": "import torch"}
    imports = [line for prefix, line in modules.items() if prefix in text] + imports
    came = f"raised {shorten(answer.error)}" if answer.error else shown(answer.value)
    comments = _laid_out("came:     ", came) + _laid_out("expected: ", shown(expected))
    return "\n".join([*imports, *lines, called, *(f"# {line}" for line in comments)])


def _names(call: str, n: int, scenario: str) -> list[str]:
    """What the arguments of a case are called: as the function does, or the scenario."""
    asked = [argument.id for argument in ast.parse(call, mode="eval").body.args]
    if not scenario:
        return asked[:n]
    parameters = list(inspect.signature(find(scenario)).parameters.values())[1:]
    own = [parameter.name for parameter in parameters if parameter.kind is parameter.POSITIONAL_OR_KEYWORD]
    return [*own, *asked][:n]


def _assigned(name: str, value: Any) -> list[str]:
    return _laid_out(f"{name} = ", as_code(value))


def _laid_out(begin: str, text: str) -> list[str]:
    """A value behind what begins its line: on one line where it fits, else a line a row."""
    rows = [line for line in text.split("\n") if line]
    one_line = re.sub(r"(?<=[\[(]) +| +(?=[\]),])| +(?= )", "", " ".join(rows))  # columns need not be in line there
    if len(begin + one_line) <= MAX_WIDTH:
        return [begin + one_line]
    return [begin + rows[0], *(" " * len(begin) + row for row in rows[1:])]


def as_code(value: Any) -> str:
    """Plain data as an expression, rows of an array one below the other."""
    if isinstance(value, tuple | list):
        inner = ", ".join(map(as_code, value))
        return f"({inner}{',' if len(value) == 1 else ''})" if isinstance(value, tuple) else f"[{inner}]"
    if isinstance(value, float) and not np.isfinite(value):
        return f'float("{value}")'
    if not hasattr(value, "dtype"):
        return repr(value)
    module = "torch" if hasattr(value, "detach") else "np"
    array = value.detach().numpy() if module == "torch" else np.asarray(value)
    usual = {"bool", "int64", "float32" if module == "torch" else "float64"}
    kind = "" if array.dtype.name in usual else f", dtype={module}.{array.dtype.name}"
    if not array.size:
        return f"{module}.zeros({array.shape}{kind})"
    begin = "torch.tensor(" if module == "torch" else "np.array("
    with np.printoptions(nanstr=f"{module}.nan", infstr=f"{module}.inf"):
        numbers = np.array2string(array, MAX_WIDTH - 20, separator=", ", prefix=begin, threshold=array.size + 1)
    return f"{begin}{numbers}{kind})"


def shown(value: Any) -> str:
    """What a function returned, for people: numbers with a few digits, the middle of a large array left out."""
    if isinstance(value, tuple):
        return "(" + ",\n ".join(map(shown, value)) + ")"
    try:
        array = as_array(value)
    except ValueError:
        return f"a {type(value).__name__}"
    return np.array2string(array, MAX_WIDTH - 20, 5, True, separator=", ", threshold=60)


def _size(name: str, value: Any) -> str:
    """An argument in a word: its shape, or a single number."""
    return f"{name} {list(value.shape)}" if getattr(value, "shape", ()) else f"{name} = {as_code(value)}"
