"""Worker processes: they start together, the first process hears what they say, and none of them outlives it."""

import multiprocessing
import os
import pickle
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from threading import Thread
from types import TracebackType
from typing import Any

from rlcourse.contracts.inputs import bad_argument

GRACE = 10.0  # seconds that the last workers have once the first one is through


class Link:
    """A worker's way to say something to the first process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ready(self) -> None:
        """Wait until every worker is ready, or dead."""
        self._connection.send(("ready", None))
        self._connection.recv()

    def say(self, what: Any) -> None:
        self._connection.send(("said", what))


class Workers:
    """n processes that each run work(worker, link, *arguments), worker = 0 .. n - 1, from `with` to its end.

    Nothing is left when the block is over, however it ends: it kills those that still run. If the first process is
    killed, its workers end by themselves. A worker that dies is named in a warning and in `died`; the others go on.

    Args:
        work: a function in a module. A worker is a fresh process, which imports it.
        n: how many.
        arguments: of work; torch's tensors in shared memory are shared.
        started: called with the processes once all of them are ready.
        grace: seconds that the last workers have once the first one is through.
    """

    def __init__(
        self,
        work: Callable[..., None],
        n: int,
        *arguments: Any,
        started: Callable[[list], None] | None = None,
        grace: float = GRACE,
    ) -> None:
        self.work, self.n, self.arguments, self.started, self.grace = work, n, arguments, started, grace
        self.processes: list[Any] = []
        self.died: dict[int, str] = {}  # who, and of what
        self.seconds = 0.0  # from the moment that all were ready to the end of the last one
        self._links: dict[Connection, int] = {}  # of those that still run
        self._deadline = float("inf")
        self._error: Exception | None = None  # the last one that a worker raised

    def __enter__(self) -> "Workers":
        context = multiprocessing.get_context("spawn")
        try:
            for worker in range(self.n):
                ours, theirs = context.Pipe()
                process = context.Process(target=_live, args=(self.work, worker, theirs, self.arguments), daemon=True)
                process.start()
                self.processes.append(process)
                self._links[ours] = worker
                theirs.close()  # so that ours ends when the worker does
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.join()

    def hear(self, every: float = 0.02) -> Iterator[list[Any]]:
        """What has been said since the last time, at least so often, until the last worker has ended.

        Raises:
            RuntimeError: where every worker died.
        """
        waiting, began = set(self._links), None
        while self._links:
            said = []
            for link in wait(list(self._links), timeout=every):
                kind, what = self._received(link)
                if kind == "said":
                    said.append(what)
                else:
                    waiting.discard(link)
            if began is None and not waiting and self._links:
                began = time.perf_counter()
                for link in self._links:
                    with suppress(OSError):  # it died just now
                        link.send("go")
                if self.started:
                    self.started(self.processes)
            if time.monotonic() > self._deadline:
                for link in list(self._links):
                    self._lost(link, f"still busy {self.grace:g} seconds after the others had ended")
            yield said
        self.seconds = time.perf_counter() - (began or time.perf_counter())
        if len(self.died) == self.n:
            reasons = "; ".join(f"worker {worker}: {why}" for worker, why in sorted(self.died.items()))
            raise RuntimeError(f"every worker died: {reasons}") from self._error

    def _received(self, link: Connection) -> tuple[str, Any]:
        """A message, or that its worker has ended."""
        try:
            kind, what = link.recv()
        except (EOFError, OSError):
            process = self.processes[self._links[link]]
            process.join()
            code = process.exitcode
            kind, what = "ended", f"killed by signal {-code}" if code < 0 else f"exit code {code}"
            if code == 0:
                del self._links[link]
                self._deadline = min(self._deadline, time.monotonic() + self.grace)
                return kind, what
        if kind == "died":
            what, self._error = what
        if kind in ("died", "ended"):
            self._lost(link, what)
        return kind, what

    def _lost(self, link: Connection, why: str) -> None:
        worker = self._links.pop(link)
        self.died[worker] = why
        warnings.warn(f"worker {worker} died: {why}", RuntimeWarning, stacklevel=4)


def _live(work: Callable[..., None], worker: int, connection: Connection, arguments: tuple) -> None:
    """A worker's life."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process: the first one ends the others
    Thread(target=_end_with_the_first_process, daemon=True).start()
    try:
        work(worker, Link(connection), *arguments)
    except Exception as error:
        with suppress(OSError):  # the first process has ended: there is nobody to tell
            why = f"{error!r} ({traceback.extract_tb(error.__traceback__)[-1]})"
            try:
                pickle.loads(pickle.dumps(error))
            except Exception:  # an exception with a picture of its own, say: its text goes
                error = None
            connection.send(("died", (why, error)))
        sys.exit(1)


def _end_with_the_first_process() -> None:
    multiprocessing.parent_process().join()
    os._exit(1)


def check_travels(**given: Any) -> None:
    """Raise ValueError, naming it, where a worker could not be given something.

    A worker is a fresh process: it gets a function by its name, and must find it in a module.
    """
    for name, one in given.items():
        typed_in = getattr(one, "__module__", "") == "__main__" and not hasattr(sys.modules["__main__"], "__file__")
        try:
            pickle.dumps(one)
        except (pickle.PicklingError, AttributeError, TypeError):
            typed_in = True
        if typed_in:
            expected = "a function in a file that workers can import, not a lambda or a notebook's own"
            raise bad_argument(name, f"{one!r}", expected)
