"""A student's own functions in the lectures of a bundle: `mine("q_backup")` is the student's `q_backup`.

In the student edition this stands in the place of each body that is an exercise. It looks into the notebook of the
problem set, one folder above a lecture, runs the cells there that define the exercises, and checks each function when
it is first asked for. One that is not there, or not right, is NotWritten: in a lecture one plain line (recorded.py).

Beside the notebook itself, and where it is graded, nothing is looked for: a library function would hide there that the
student's own one is missing.
"""

import inspect
import io
import json
import linecache
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import numpy as np

from rlcourse.contracts.graded import CATALOGUE, PROBLEM_SETS
from rlcourse.homework import recorded
from rlcourse.homework.follows import FOLLOWS
from rlcourse.homework.settings import standard_settings

MANIFEST = "manifest.json"  # of a bundle: which problem set it holds
TASK = re.compile(r"^## (\d+)\.", re.MULTILINE)  # how the heading of a task begins
COMMAND = re.compile(r"^\s*[%!].*$", re.MULTILINE)  # %matplotlib inline, !pip install ..


class NotWritten(NotImplementedError):
    """A function that is an exercise, and that is not there, or does not pass its check."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]  # what IPython shows in place of a traceback


class Homework:
    """What the functions of a problem set's notebook are; read when the first one is asked for, and when it changed."""

    def __init__(self) -> None:
        self.functions: dict[str, Callable | None] = {}  # those asked for so far; None: does not pass its check
        self.names: dict[str, Any] = {}  # all that the notebook's cells define
        self.tasks: dict[str, str] = {}  # which task a function is
        self.file: tuple[Path, int] | None = None  # the notebook, and when it was written
        self.students_turn = False  # the student's code runs, for a check

    def function(self, name: str) -> Callable:
        """The student's function, in the library's place. Raises NotWritten."""
        exercise = CATALOGUE[name]
        problem_set = PROBLEM_SETS[exercise.problem_set]
        path = None if self.students_turn else notebook()
        if path is None or path.stem != problem_set or not (exercise.points or name in FOLLOWS):
            raise NotWritten(
                f"{name} is an exercise of {problem_set}: pass your own"
                if exercise.points
                else f"{name} comes with the answers of {problem_set}"
            )
        if self.file is None:
            self._read(path)
        if name not in self.functions:
            self.functions[name] = partial(FOLLOWS[name], mine) if name in FOLLOWS else self._checked(name)
        function = self.functions[name]
        if function is None:
            task = f", task {self.tasks[name]}" if name in self.tasks else ""
            number = exercise.problem_set.removeprefix("ps")
            raise NotWritten(f"runs once `{name}` (problem set {number}{task}) passes its check")
        return function

    def refresh(self) -> None:
        """Forget what was read where the notebook has changed since."""
        if self.file and self.file != (self.file[0], _written(self.file[0])):
            self.__init__()

    def _read(self, path: Path) -> None:
        from rlcourse.homework.checks import check_data  # it imports agents, and they import what asks here

        file = path, _written(path)
        cells, self.tasks = cells_for(set(check_data()), path)
        with self._silently():
            self.names = run(cells)
        self.file = file  # not before: a run that was interrupted begins again

    def _checked(self, name: str) -> Callable | None:
        from rlcourse.homework.checks import check

        function = self.names.get(name)
        with self._silently():
            right = callable(function) and check(function, name).state == "correct"
        return in_place_of(name, function) if right else None

    @contextmanager
    def _silently(self) -> Iterator[None]:
        """The student's code runs in here: it shows nothing, sets nothing, and the library gives it no exercise."""
        torch, state = sys.modules.get("torch"), np.random.get_state()
        torch_state = torch.get_rng_state() if torch else None
        self.students_turn = True
        try:
            with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                warnings.simplefilter("ignore")
                with recorded.no_display(), standard_settings():
                    yield
        finally:
            self.students_turn = False
            np.random.set_state(state)
            if torch:
                torch.set_rng_state(torch_state)


HOMEWORK = Homework()


def mine(name: str) -> Callable:
    """The student's version of an exercise.

    Raises:
        NotWritten: there is none that passes its check, or this is not a lecture of the bundle.
    """
    known = None if HOMEWORK.students_turn else HOMEWORK.functions.get(name)
    return known or HOMEWORK.function(name)


def notebook() -> Path | None:
    """The problem set's notebook, where this runs in a folder of its bundle, as lectures do."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        folder = Path.cwd().parent
        name = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["problem_set"]
        path = folder / f"{name}.ipynb"
        return path if name in PROBLEM_SETS.values() and path.is_file() else None
    return None


def _written(path: Path) -> int:
    """When a file was written; 0 where it is gone."""
    return path.stat().st_mtime_ns if path.exists() else 0


def cells_for(names: set[str], path: Path) -> tuple[list[str], dict[str, str]]:
    """The code cells of a notebook that define some names, and those that they need, in order; and the tasks of names.

    A cell that only tests, draws or trains defines nothing that they need.
    """
    try:
        cells = json.loads(path.read_text(encoding="utf-8-sig"))["cells"]
        sources = [(cell["cell_type"], "".join(cell["source"]), cell["metadata"].get("nbgrader", {})) for cell in cells]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return [], {}  # no notebook, or one that is just being written
    found, tasks, task = [], {}, ""
    for kind, source, nbgrader in sources:
        if kind == "markdown":
            task = (TASK.findall(source) or [task])[-1]
        elif kind == "code" and not nbgrader.get("grade"):
            for text in (source, COMMAND.sub("", source)):
                with suppress(SyntaxError):
                    found.append((text, *recorded.names_in(text)))
                    tasks |= {name: task for name in found[-1][1] & names if task}
                    break
    needed: set[int] = set()
    while more := {i for i, (_, bound, _) in enumerate(found) if bound & names} - needed:
        needed |= more
        names = names.union(*(found[i][2] for i in more))
    return [found[i][0] for i in sorted(needed)], tasks


def run(cells: list[str]) -> dict[str, Any]:
    """What cells define; one that raises defines what stands before."""
    module = sys.modules["problem_set"] = ModuleType("problem_set")  # where its classes say that they are from
    for number, source in enumerate(cells):
        name = f"<cell {number} of the problem set>"
        linecache.cache[name] = len(source), None, source.splitlines(True), name  # for its lines in a traceback
        with suppress(Exception):
            exec(compile(source, name, "exec"), vars(module))
    return vars(module)


def in_place_of(name: str, function: Callable) -> Callable:
    """A student's function that returns what the library's does: arrays, or tensors of its arguments' precision."""
    from rlcourse.homework.checks import check_data
    from rlcourse.homework.wire import decode

    returns = inspect.signature(CATALOGUE[name].function).return_annotation
    if returns is np.ndarray:
        return lambda *arguments: np.asarray(function(*arguments), float)

    import torch  # not for problem set 1

    expected = [decode(case["expected"]) for case in check_data()[name]["cases"] if not case.get("scenario")]
    boolean = any(getattr(one, "dtype", None) == torch.bool for one in expected)

    def as_tensor(value: Any, dtype: torch.dtype) -> torch.Tensor:
        if isinstance(value, list | tuple) and any(isinstance(part, torch.Tensor) for part in value):
            return torch.stack([as_tensor(part, dtype) for part in value])  # keeps their gradients
        return torch.as_tensor(value if isinstance(value, torch.Tensor) else np.asarray(value), dtype=dtype)

    def in_its_place(*arguments: Any) -> Any:
        given = (x.dtype for x in arguments if isinstance(x, torch.Tensor) and x.is_floating_point())
        dtype = torch.bool if boolean else next(given, torch.get_default_dtype())
        value = function(*arguments)
        return tuple(as_tensor(part, dtype) for part in value) if get_args(returns) else as_tensor(value, dtype)

    return in_its_place


if notebook():
    recorded.watch(NotWritten, HOMEWORK.refresh)
