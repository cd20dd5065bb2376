"""The student's functions, seen from the judge: they run in the worker, behind the sandbox's wall.

A call sends plain data and gets plain data back (rlcourse/homework/wire.py). What comes back is not trusted. Whatever
hangs, crashes or talks nonsense is ended with all of its processes, and the next test cell gets a fresh worker.
"""

import os
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rlcourse.homework import wire
from rlcourse.homework.shell import CELL_SECONDS, SPARE_SECONDS, TEST_SECONDS, Budget
from rlcourse.staff.cells import Step
from rlcourse.staff.image import Sandbox, SandboxFailed, Tail, within
from rlcourse.staff.worker import receive, send

GRACE_SECONDS = 1.0  # in which a worker notices by itself that its time is up
NONSENSE = "the code sent what no worker sends"
GONE = "the code ended its own process"


@dataclass(frozen=True)
class Limits:
    """What a student's code may use."""

    cell: float = CELL_SECONDS  # seconds for a cell of the notebook, at most
    test: float = TEST_SECONDS  # seconds for a test cell, where the master sets none
    spare: float = SPARE_SECONDS  # seconds for all that takes longer than its own time, together
    memory: int = 3 * 2**30  # bytes of a process
    processes: int = 16

    def for_worker(self, seconds: float) -> dict[str, int]:
        # Before Linux 5.14 a user namespace has no count of its own: an ordinary user's limit would count all he runs.
        old = tuple(map(int, os.uname().release.split(".")[:2])) < (5, 14)
        processes = -1 if old and os.getuid() else self.processes
        return {"memory": self.memory, "seconds": int(2 * seconds + 60), "processes": processes}


class StudentError(Exception):
    """The student's function raised; the text is his own exception's."""


class NotAttempted(NotImplementedError):
    """The student's function is still a stub, or is not there."""


class CellEnded(BaseException):
    """The worker hung, crashed or was ended. Not an Exception: no check may take it for a wrong answer."""

    def __init__(self, verdict: str, why: str) -> None:
        super().__init__(why)
        self.verdict = verdict  # "time limit" or "crashed"


class CannotAsk(BaseException):
    """The test hands over what is no plain data. Not an Exception: no check may take it for the student's fault."""


@dataclass
class Worker:
    """The process that runs one student's notebook. `begin` and `end` enclose the calls of one test cell."""

    sandbox: Sandbox
    steps: list[Step]
    limits: Limits
    own: dict[str, float] = field(default_factory=dict)  # seconds that each test may take whatever else was slow
    errors: dict[int, str] = field(default_factory=dict)  # what went wrong in steps, by their number
    lost: set[int] = field(default_factory=set)  # cells left out, because they crashed

    def __post_init__(self) -> None:
        self.budget = Budget(self.limits.spare)
        self.channel: socket.socket | None = None
        self.printed: Tail | None = None
        self.at = -1  # the step where the worker stands
        self.over: CellEnded | None = None  # how the test's fork ended before its test did
        self.starts = 0
        self.failed_start = False  # whether a worker ended before a line of the notebook ran
        self.total = self.limits.spare + sum(self.own.values())

    def tests(self) -> Iterator[tuple[str, CellEnded | None]]:
        """The tests in the notebook's order, each when the worker stands there; or why it never will."""
        for number, step in enumerate(self.steps):
            if step.kind == "test":
                try:
                    self.run_up_to(number)
                    yield step.name, None
                except CellEnded as ended:
                    yield step.name, ended

    def run_up_to(self, number: int) -> None:
        """Run the cells before a test; one that ends the whole process is left out when they are run again."""
        while True:
            try:
                if self.channel is None:
                    self.open()
                while self.at < number:
                    self.take_step(number)
                return
            except CellEnded:
                if self.at in self.lost or self.budget.spent:
                    raise
                if self.at >= 0:
                    self.lost.add(self.at)
                elif self.failed_start:
                    raise SandboxFailed("two workers ended before a line of the notebook ran") from None
                else:  # nothing that this student could bring about
                    self.failed_start = True
                    self.sandbox.stop()

    def open(self) -> None:
        if self.budget.spent:
            raise self.used_up()
        began = time.monotonic()
        self.channel, self.printed = self.sandbox.open()
        if self.starts:  # because of what its cells did
            self.budget.spend(time.monotonic() - began, 0.0)
        self.starts += 1
        self.at = -1
        self.say({"limits": self.limits.for_worker(self.total), "steps": [step.source for step in self.steps]})

    def used_up(self) -> CellEnded:
        return self.ended("time limit", f"the {self.total:.0f} s that a submission has are used up")

    def take_step(self, number: int) -> None:
        """Let the worker go one step on: run a cell, or pass by a test that was asked before."""
        began, error = time.monotonic(), None
        try:
            if self.budget.overdrawn:
                raise self.used_up()
            if self.hear(GRACE_SECONDS + 9) != {"step": self.at + 1}:  # what ran last has spoiled the line
                raise self.ended("crashed", NONSENSE)
            self.at += 1
            if self.at == number:
                return
            if self.steps[self.at].kind == "test" or self.at in self.lost:
                self.say({"step": self.at, "skip": True})
                return
            seconds = self.budget.allowed(0.0, self.limits.cell)
            self.say({"step": self.at, "seconds": seconds})
            error = self.hear(seconds + GRACE_SECONDS + 1).get("error")
            if not isinstance(error, str):
                raise self.ended("crashed", NONSENSE)
        except CellEnded as ended:
            error = str(ended)
            raise
        finally:
            self.budget.spend(time.monotonic() - began, 0.0)
            if error and self.at >= 0 and self.steps[self.at].source is not None:
                self.errors.setdefault(self.at, error[:600])

    def begin(self, seed: int, limit: float | None) -> None:
        """Have a fork ready for the test where the worker stands. limit: seconds, where the master sets them."""
        self.own_seconds = self.own.get(self.steps[self.at].name, 0.0)
        self.seconds = self.budget.allowed(self.own_seconds, limit or self.limits.test)
        self.began, self.over = time.monotonic(), None
        if self.budget.overdrawn:
            self.over = self.used_up()
            raise self.over
        self.say({"step": self.at, "seed": seed, "seconds": self.seconds})

    def end(self) -> None:
        """End the test's fork; where that does not go by the book, the next test gets a fresh worker."""
        if self.channel is not None and self.over is None:
            try:
                self.say({"end": True})
                if "ended" not in self.hear(GRACE_SECONDS + 1):
                    self.stop()
            except CellEnded:
                pass
        self.budget.spend(time.monotonic() - self.began, self.own_seconds)

    def call(self, request: dict) -> Any:
        """One question to the fork; the answer's value, decoded, or how it failed as an exception."""
        if self.over is not None:
            raise self.over
        left = self.began + self.seconds + GRACE_SECONDS - time.monotonic()
        try:
            if left < 0:  # the worker should have ended this fork
                raise self.ended("time limit", "it did not answer any more")
            self.say(request)
            reply = self.hear(left)
        except CellEnded as ended:
            self.over = self.how(ended)
            raise self.over from None
        if "ended" in reply:  # by itself, or by the worker, which goes on with the next step
            self.over = self.how(CellEnded("crashed", GONE))
            raise self.over
        if "stub" in reply or "empty" in reply:
            raise NotAttempted
        if "missing" in reply:
            raise NotAttempted(f"the notebook defines no {str(reply['missing'])[:80]}")
        if "raised" in reply:
            raise StudentError(str(reply["raised"])[:600])
        try:
            return wire.decode(reply["value"])
        except Exception as error:  # a reply of the student's own making may break any rule
            raise StudentError(f"a value that is not plain data: {str(error)[:200]}") from None

    def how(self, ended: CellEnded) -> CellEnded:
        """How a test's fork came to its end: where its time was up, that is the reason, whatever came through."""
        late = time.monotonic() >= self.began + self.seconds
        return CellEnded("time limit", f"it took longer than {self.seconds:.3g} s") if late else ended

    def say(self, message: dict) -> None:
        try:
            send(self.channel.fileno(), message, within(GRACE_SECONDS + 9, self.channel, write=True))
        except (OSError, AttributeError):  # None: it has been ended
            raise self.ended("crashed", GONE) from None

    def hear(self, seconds: float) -> dict:
        """The next message. When the time is up the worker is ended, so that nothing is waited for longer."""
        try:
            message = receive(self.channel.fileno(), within(seconds, self.channel))
        except TimeoutError:
            raise self.ended("time limit", "it did not answer any more") from None
        except (EOFError, OSError):
            raise self.ended("crashed", GONE) from None
        except ValueError as error:
            raise self.ended("crashed", f"{NONSENSE} ({str(error)[:80]})") from None
        if not isinstance(message, dict):
            raise self.ended("crashed", NONSENSE)
        return message

    def ended(self, verdict: str, why: str) -> CellEnded:
        self.stop()
        return CellEnded(verdict, why)

    def stop(self) -> None:
        """End the worker and all of its processes."""
        if self.channel is not None:
            self.sandbox.close()
            self.channel.close()
            self.printed.end()
            self.channel = None


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
