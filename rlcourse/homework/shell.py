"""A notebook's cells, run as Jupyter runs them: by IPython's own shell, in order, each with its time.

The grader's worker runs a submission in it, and `make check` rehearses in it, so that both come to the same.
"""

import contextlib
import signal
import sys
import threading
import traceback
from _thread import interrupt_main
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets import Type
from traitlets.config import Config

from rlcourse.homework.student_code import message_of, shorten

CELL_SECONDS = 20.0  # for one cell of a student's, at most
TEST_SECONDS = 10.0  # for a test cell that sets no other time
SPARE_SECONDS = 60.0  # for all that takes longer than it should, together
OVERDRAWN_SECONDS = 10.0  # beyond that, for cells that cannot be interrupted


class _Compiler(CachingCompiler):
    """Names each cell's code so that `describe` knows a student's own lines."""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        return super().get_code_name(raw_code, transformed_code, number).replace("<ipython-input", "<cell")


class _DisplayHook(DisplayHook):
    """Keeps a cell's last value as `_`, and shows nothing."""

    def write_output_prompt(self) -> None:
        pass

    def compute_format_data(self, result: Any) -> tuple[dict, dict]:
        return {}, {}

    def finish_displayhook(self) -> None:
        pass


class _DisplayPublisher(DisplayPublisher):
    def publish(self, *args: Any, **kwargs: Any) -> None:
        pass


class Shell(InteractiveShell):
    """IPython's shell without a screen: what a cell displays is dropped, no history is written."""

    compiler_class = Type(_Compiler)
    displayhook_class = Type(_DisplayHook)
    display_pub_class = Type(_DisplayPublisher)

    def enable_gui(self, gui: str | None = None) -> None:
        """For %matplotlib: there is nothing to enable."""

    def ask_exit(self) -> None:
        """For exit() in a cell: the cells behind it still run."""

    def showtraceback(self, *args: Any, **kwargs: Any) -> None:
        """`run_cell` returns the error."""

    showsyntaxerror = showindentationerror = showtraceback


def make_shell() -> Shell:
    """The process's one shell; `from IPython import get_ipython` finds it, and classes of its cells can be pickled."""
    config = Config()
    config.HistoryManager.enabled = False
    shell = Shell.instance(config=config)
    shell.display_formatter.active_types = []
    return shell


def run_cell(shell: Shell, source: str, seconds: float) -> str:
    """Run one cell, interrupted as Ctrl-C would when its time is up; what went wrong, in one line, or ""."""
    overdue = []
    try:
        with interrupted_after(seconds, overdue):
            result = shell.run_cell(source)
        error = result.error_before_exec or result.error_in_exec
    except BaseException as raised:  # the interrupt met IPython between two of its own lines
        error = raised
    if overdue:
        return f"it was interrupted, having run for {seconds:.3g} s"
    return describe(error) if error is not None else ""


@contextlib.contextmanager
def interrupted_after(seconds: float, overdue: list) -> Iterator[None]:
    """Raise KeyboardInterrupt in here when the time is up, and then every second; `overdue` holds something then."""

    def interrupt(*args: Any) -> None:
        overdue.append(True)
        raise KeyboardInterrupt

    def from_thread() -> None:
        overdue.append(True)
        interrupt_main()

    if hasattr(signal, "setitimer"):
        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, seconds, 1.0)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
    else:  # Windows; a cell that sleeps is not woken up
        timer = threading.Timer(seconds, from_thread)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def describe(error: BaseException) -> str:
    """One line for the student: what kind, what it says, where in the student's own code."""
    if isinstance(error, SyntaxError) and error.lineno:
        return f"{type(error).__name__}: {message_of(error.msg)} (line {message_of(error.lineno)} of its cell)"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("<cell")]
    return shorten(error) + (f" (line {lines[-1]} of its cell)" if lines else "")


@dataclass
class Budget:
    """How long the cells of one notebook may run: each has its own time for sure, and all share some to spare.

    A cell that needs more than its own time takes it from what is spare, at most half of what is left there. So
    one that hangs costs little to those behind it, however many hang, and the whole has an end.
    """

    spare: float = SPARE_SECONDS

    def allowed(self, own: float, limit: float) -> float:
        """Seconds for a cell whose own time is `own`, and which may never take more than `limit`."""
        return min(limit, own + max(0.0, self.spare) / 2)

    def spend(self, seconds: float, own: float) -> None:
        """A cell ran for so many seconds."""
        self.spare -= max(0.0, seconds - own)

    @property
    def spent(self) -> bool:
        """Whether there is nothing to spare any more."""
        return self.spare < 0.1

    @property
    def overdrawn(self) -> bool:
        """Whether cells took much more than they were allowed: then even what has time of its own is not run."""
        return self.spare < -OVERDRAWN_SECONDS


def flush() -> None:
    """Write out what was printed: a fork would write it twice."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            stream.flush()
