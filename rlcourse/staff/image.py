"""The process behind the sandbox's wall, as the judge holds it: it imports once, and starts a worker a submission."""

import os
import select
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable

from rlcourse.staff.worker import receive, send

KEPT_OUTPUT = 20_000  # bytes of what a student's code prints; the rest is read and dropped
START_SECONDS = 300.0  # for a sandbox, on a machine that is busy
CLEAN_SECONDS = 5.0


class SandboxFailed(Exception):
    """The sandbox did not start, before any line of a student's ran: a fault on the grader's side."""


class Sandbox:
    """A process behind the wall that has imported what a problem set needs, and starts a worker a submission.

    One worker at a time. When it is ended, all its processes and files go; where anything is left, or the process does
    not answer, the next worker gets a new sandbox.
    """

    def __init__(self, command: list[str], environment: dict[str, str], imports: tuple[str, ...] = ()) -> None:
        self.command, self.environment, self.imports = command, environment, imports
        self.process: subprocess.Popen | None = None

    def start(self) -> None:
        """Raises SandboxFailed."""
        self.control, theirs = socket.socketpair()
        command = [str(theirs.fileno()) if part == "CONTROL" else part for part in self.command]
        self.process = subprocess.Popen(
            command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
        theirs.close()
        self.printed = Tail(self.process.stderr.fileno())
        try:
            send(self.control.fileno(), {"imports": self.imports})
            courses = receive(self.control.fileno(), within(START_SECONDS, self.control))["ready"]
        except (OSError, EOFError, ValueError):
            self.stop()
            raise SandboxFailed(f"the sandbox did not start: {self.printed.text()[-1000:]}") from None
        if len(courses) != 1:
            self.stop()
            raise SandboxFailed(f"the sandbox shows more of the course than the student edition: {courses}")

    def open(self) -> tuple[socket.socket, "Tail"]:
        """Start a worker: the socket on which it talks, and what it prints."""
        for _ in range(2):
            if self.process is None:
                self.start()
            ours, theirs = socket.socketpair()
            ours.setblocking(False)
            read, write = os.pipe()
            try:
                socket.send_fds(self.control, [b"w"], [theirs.fileno(), write])
                return ours, Tail(read, close=True)
            except OSError:  # a student's code has ended it meanwhile
                self.stop()
                ours.close()
                os.close(read)
            finally:
                theirs.close()
                os.close(write)
        raise SandboxFailed("the sandbox ended as soon as it had started")

    def close(self) -> None:
        """End the worker and all that it started, and clean up behind it."""
        if self.process is not None:
            try:
                self.control.send(b"e")
                within(CLEAN_SECONDS, self.control)()
                clean = self.control.recv(1) == b"y"
            except OSError:
                clean = False
            if not clean:
                self.stop()

    def stop(self) -> None:
        """End the sandbox. bubblewrap takes all of its processes along."""
        if self.process is not None:
            self.kill()
            self.process.wait()
            self.control.close()
            self.printed.end()
            self.process.stderr.close()
            self.process = None

    def kill(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


class Tail:
    """The end of what comes through a pipe; the rest is read and dropped, so that nobody who prints is ever blocked."""

    def __init__(self, file: int, close: bool = False) -> None:
        self.file, self.close = file, close
        self.kept = b""
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self) -> None:
        while piece := os.read(self.file, 2**16):
            self.kept = (self.kept + piece)[-KEPT_OUTPUT:]
        if self.close:
            os.close(self.file)

    def end(self) -> None:
        """Wait until all has come: whoever could print has ended."""
        self.thread.join(timeout=5)

    def text(self) -> str:
        return self.kept.decode(errors="replace")


def within(seconds: float, channel: socket.socket, write: bool = False) -> Callable[[], None]:
    """What waits until a socket can be read or written, and raises TimeoutError when so many seconds have passed."""
    until = time.monotonic() + seconds

    def ready() -> None:
        sides = ([], [channel]) if write else ([channel], [])
        if not any(select.select(*sides, [], max(0.0, until - time.monotonic()))):
            raise TimeoutError(f"nothing came within {seconds:.3g} s")

    return ready
