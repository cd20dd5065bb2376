"""The student's functions, seen from the judge: they run in the worker, behind the sandbox's wall.

A call sends plain data and gets plain data back (rlcourse/homework/wire.py). What comes back is not trusted. Whatever
hangs, crashes or talks nonsense is ended with all of its processes, and the next test cell gets a fresh worker.
"""

import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from rlcourse.homework import wire
from rlcourse.staff.cells import Cell
from rlcourse.staff.worker import receive, send

KEPT_OUTPUT = 20_000  # bytes of what a student's code prints; the rest is read and dropped
MAX_STARTS_LOST = 3  # cells that hang or crash and are left out, one after the other, before the judge gives up


@dataclass(frozen=True)
class Limits:
    """What a student's code may use."""

    run: float = 60  # seconds for all cells of the notebook
    cell: float = 10  # seconds for a test cell, where the master sets none
    starts: float = 240  # seconds for starting fresh workers after hangs and crashes, all together
    memory: int = 3 * 2**30  # bytes of a process
    processes: int = 16

    def for_worker(self) -> dict[str, int]:
        # Before Linux 5.14 a user namespace has no count of its own: an ordinary user's limit would count all he runs.
        old = os.name != "posix" or tuple(map(int, os.uname().release.split(".")[:2])) < (5, 14)
        processes = -1 if old and os.getuid() else self.processes
        return {"memory": self.memory, "seconds": int(2 * self.run + 60), "processes": processes}


class StudentError(Exception):
    """The student's function raised; the text is his own exception's."""


class NotAttempted(NotImplementedError):
    """The student's function is still a stub, or is not there."""


class CellEnded(BaseException):
    """The worker hung, crashed or was ended. Not an Exception: no check may take it for a wrong answer."""

    def __init__(self, verdict: str, why: str) -> None:
        super().__init__(why)
        self.verdict = verdict  # "time limit" or "crashed"


class SandboxFailed(Exception):
    """The worker did not start, before any line of the student's ran: a fault on the grader's side."""


class CannotAsk(BaseException):
    """The test hands over what is no plain data. Not an Exception: no check may take it for the student's fault."""


@dataclass
class Worker:
    """The process that runs one student's notebook. `begin` and `end` enclose the calls of one test cell."""

    command: list[str]
    environment: dict[str, str]
    cells: list[Cell]
    limits: Limits
    errors: dict[int, str] = field(default_factory=dict)  # what went wrong in cells, by their number
    lost: dict[int, str] = field(default_factory=dict)  # cells left out, because they hung or crashed
    printed: bytes = b""
    process: subprocess.Popen | None = None
    overdue: bool = False
    allowed: float = 0.0  # seconds that it has just now
    gave_up: CellEnded | None = None
    seconds_starting: float = 0.0
    watchdog: threading.Timer | None = None

    def begin(self, seed: int, seconds: float) -> None:
        """Have a fork ready for one test cell, which has so many seconds."""
        if self.process is None:
            self.start()
        self.watch(seconds)
        self.say({"fork": seed})

    def end(self) -> None:
        """End the test cell's fork; where that does not go by the book, the next cell gets a fresh worker."""
        if self.process is not None:
            try:
                self.watch(2)
                self.say({"end": True})
                if "ended" not in self.hear():
                    self.stop()
            except CellEnded:
                pass
        self.call_off()

    def start(self) -> None:
        """Start a worker and let it run the notebook's cells."""
        while self.gave_up is None:
            began, running = time.monotonic(), None
            arguments = {"start_new_session": True} if os.name == "posix" else {}
            pipe = subprocess.PIPE
            self.process = subprocess.Popen(
                self.command, env=self.environment, stdin=pipe, stdout=pipe, stderr=pipe, **arguments
            )
            threading.Thread(target=self.drain, args=[self.process.stderr], daemon=True).start()
            self.watch(self.limits.run)
            try:
                sources = [None if number in self.lost else cell.source for number, cell in enumerate(self.cells)]
                self.say({"limits": self.limits.for_worker(), "cells": sources})
                while "ready" not in (message := self.hear()):
                    running = message.get("cell")
                    if type(running) is not int or not 0 <= running < len(self.cells):
                        raise self.ended("crashed", "the notebook's cells sent what no worker sends")
                    if isinstance(message.get("error"), str):
                        if self.only_set_up(running):
                            raise SandboxFailed(f"a set-up cell failed in the worker: {message['error']}")
                        self.errors[running] = message["error"][:600]
                return
            except CellEnded as ended:
                self.blame(running, ended)
            finally:
                self.call_off()
                self.seconds_starting += time.monotonic() - began
        raise self.gave_up

    def blame(self, running: int | None, ended: CellEnded) -> None:
        """Leave out the cell that hung or crashed, so that it costs no more than what it defines."""
        if running is None or self.only_set_up(running):
            raise SandboxFailed(f"the worker did not start: {ended} {self.printed[-500:].decode(errors='replace')}")
        self.lost[running] = self.errors[running] = str(ended)
        if len(self.lost) > MAX_STARTS_LOST or self.seconds_starting > self.limits.starts:
            self.gave_up = ended

    def only_set_up(self, running: int) -> bool:
        """Whether no cell of the student's has run yet, so that a failure is the grader's."""
        return all(cell.kind == "set-up" for cell in self.cells[: running + 1])

    def call(self, request: dict) -> Any:
        """One question to the fork; the answer's value, decoded, or how it failed as an exception."""
        if self.process is None:
            raise CellEnded("crashed", "the worker had ended before")
        self.say(request)
        reply = self.hear()
        if "stub" in reply or "empty" in reply:
            raise NotAttempted
        if "missing" in reply:
            raise NotAttempted(f"the notebook defines no {str(reply['missing'])[:80]}")
        if "raised" in reply:
            raise StudentError(str(reply["raised"])[:600])
        if "value" not in reply:
            raise self.ended("crashed", "the code ended its own process")
        try:
            return wire.decode(reply["value"])
        except Exception as error:  # a reply of the student's own making may break any rule
            raise StudentError(f"a value that is not plain data: {str(error)[:200]}") from None

    def say(self, message: dict) -> None:
        try:
            send(self.process.stdin.fileno(), message)
        except OSError:
            raise self.ended("crashed", "the code ended its own process") from None

    def hear(self) -> dict:
        try:
            message = receive(self.process.stdout.fileno())
        except EOFError:
            raise self.ended("crashed", "the code ended its own process") from None
        except (ValueError, OSError) as error:
            raise self.ended("crashed", f"the code sent what no worker sends ({str(error)[:80]})") from None
        if not isinstance(message, dict):
            raise self.ended("crashed", "the code sent what no worker sends")
        return message

    def ended(self, verdict: str, why: str) -> CellEnded:
        """Stop the worker and say how it ended; where its time was up, that is the reason, whatever came through."""
        if self.overdue:
            verdict, why = "time limit", f"it took longer than {self.allowed:g} s"
        self.stop()
        return CellEnded(verdict, why)

    def watch(self, seconds: float) -> None:
        """Kill the worker when so many seconds have passed. A blocked read or write then ends at once."""
        self.call_off()
        self.overdue, self.allowed = False, seconds
        self.watchdog = threading.Timer(seconds, self.kill)
        self.watchdog.daemon = True
        self.watchdog.start()

    def call_off(self) -> None:
        if self.watchdog is not None:
            self.watchdog.cancel()

    def kill(self) -> None:
        self.overdue = True
        if (process := self.process) is not None:
            kill(process)

    def stop(self) -> None:
        """End the worker and all of its processes."""
        self.call_off()
        if self.process is not None:
            kill(self.process)
            self.process.wait()
            for stream in (self.process.stdin, self.process.stdout):
                stream.close()
            self.process = None

    def drain(self, stream: Any) -> None:
        """Read what the student's code prints, so that it never blocks, and keep the end of it."""
        with stream:
            while piece := stream.read1(2**16):
                self.printed = (self.printed + piece)[-KEPT_OUTPUT:]


def kill(process: subprocess.Popen) -> None:
    """Kill it; bubblewrap takes its whole process namespace along, without it at least the process group goes."""
    try:
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    except ProcessLookupError:
        pass


class Proxy:
    """Stands in the judge for one of the student's functions."""

    def __init__(self, worker: Worker, name: str) -> None:
        self.__name__ = self.__qualname__ = name
        self.worker = worker

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.worker.call({"call": self.__name__, **as_request(args, kwargs)})

    def run_scenario(self, scenario: str, *args: Any) -> Any:
        """What homework.scenarios.run hands on: the scenario runs in the worker, beside the student's functions."""
        return self.worker.call({"scenario": scenario, **as_request(args, {})})


def as_request(args: tuple, kwargs: dict) -> dict:
    """Arguments as JSON. Raises CannotAsk."""

    def one(value: Any) -> dict:
        try:
            return {"function": value.__name__} if isinstance(value, Proxy) else {"value": wire.encode(value)}
        except TypeError as error:
            raise CannotAsk(f"the test passes {error}") from None

    return {"arguments": [one(value) for value in args], "keywords": {name: one(v) for name, v in kwargs.items()}}
