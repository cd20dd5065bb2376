"""The student's side of grading: a stand-alone script that runs in the sandbox, with the student edition of rlcourse.

    python worker.py EDITION CONTROL [walled]

It imports once what a problem set needs, and then forks a *worker* for each submission. The worker runs the notebook's
cells in order, as Jupyter would; at each test cell it forks once more, and that fork answers the judge's calls of the
student's functions from the state that the notebook has there. Nothing in a worker is trusted: a student's cells can
change anything in it. The judge takes what comes back for that student's answer, whatever wrote it.

CONTROL is a socket on which one byte is a command: b"w", with two open files, starts a worker on them; b"e" ends it
with all that it started, and cleans up: b"y" says that nothing is left, b"n" that the next student needs a new sandbox.
A worker's messages are JSON, each behind its length in four bytes, on a socket of its own.
"""

import contextlib
import functools
import gc
import importlib
import json
import os
import random
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

MAX_BYTES = 16 * 2**20  # of one message
COURSE = "rlcourse"
SHARED = ("/tmp", "/dev/shm")  # where a student can write


def send(file: int, message: Any, ready: Callable[[], None] = lambda: None) -> None:
    """Write one message whole; `ready` is called before each piece, and may wait or raise."""
    data = json.dumps(message).encode()
    if len(data) > MAX_BYTES:
        raise TypeError(f"a value that takes {len(data)} bytes, more than {MAX_BYTES}")
    data = len(data).to_bytes(4, "big") + data
    while data:
        ready()
        data = data[os.write(file, data) :]


def receive(file: int, ready: Callable[[], None] = lambda: None) -> Any:
    """Read one message; EOFError where the other side has gone, ValueError where it is no message."""
    size = int.from_bytes(read_exactly(file, 4, ready), "big")
    if size > MAX_BYTES:
        raise ValueError(f"a message of {size} bytes, more than {MAX_BYTES}")
    try:
        return json.loads(read_exactly(file, size, ready))
    except RecursionError:
        raise ValueError("a message nested too deep") from None


def read_exactly(file: int, size: int, ready: Callable[[], None]) -> bytes:
    data = bytearray()
    while len(data) < size:
        ready()
        piece = os.read(file, min(size - len(data), 2**16))
        if not piece:
            raise EOFError("the other side has gone")
        data += piece
    return bytes(data)


def limit(memory: int, seconds: int, processes: int) -> None:
    """Hard limits on this process and all that it starts. Where a system lacks one of them, it goes without."""
    import resource

    limits = {
        "RLIMIT_DATA": memory,  # memory of its own; code of libraries, gigabytes with CUDA, does not count
        "RLIMIT_AS": 4 * memory + 2**32,
        "RLIMIT_CPU": seconds,
        "RLIMIT_FSIZE": 2**26,
        "RLIMIT_NOFILE": 256,
        "RLIMIT_CORE": 0,
        "RLIMIT_MSGQUEUE": 0,  # a queue would outlive its processes, and no folder shows it
        "RLIMIT_NPROC": processes,
    }
    for name, value in limits.items():
        with contextlib.suppress(AttributeError, ValueError, OSError):
            if value >= 0:
                resource.setrlimit(getattr(resource, name), (value, value))
    with contextlib.suppress(OSError):  # should memory run out all the same, the system ends this process first
        Path("/proc/self/oom_score_adj").write_text("1000")


def dumpable(yes: bool) -> None:
    """Whether other processes of the same user may look into this one. Linux alone knows it."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(4, int(yes))  # PR_SET_DUMPABLE


def system_call(name: str, *arguments: int) -> int:
    """A call that Python does not offer; -1 where it fails or its number is not known."""
    import ctypes

    numbers = {"x86_64": {"keyctl": 250, "ioprio_get": 252}, "aarch64": {"keyctl": 219, "ioprio_get": 31}}
    number = numbers.get(os.uname().machine, {}).get(name)
    return -1 if number is None else ctypes.CDLL(None).syscall(number, *arguments)


def own_state() -> list:
    """What another process of the same user can change in this one: its limits, its priorities, where it runs."""
    import resource

    limits = [resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")]
    priorities = [os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), system_call("ioprio_get", 1, 0)]
    return [*limits, *priorities, os.sched_getaffinity(0)]


def clear_keys() -> None:
    """Empty this user's keyrings in the kernel, which outlive processes and sandboxes."""
    persistent = system_call("keyctl", 22, -1, -2)
    for ring in (-4, -5, *[persistent] * (persistent > 0)):  # the user's, the user's session's
        system_call("keyctl", 7, ring)


def seed_all(seed: int) -> None:
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def pieces() -> Iterator[tuple[Any, str, Any]]:
    """Every function and class of the course that is loaded: in which module or class it stands, its name, itself."""
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] != COURSE:
            continue
        for attribute, value in list(vars(module).items()):
            if callable(value) and str(getattr(value, "__module__", "")).startswith(COURSE):
                yield module, attribute, value
                if isinstance(value, type) and value.__module__ == name:
                    yield from ((value, key, item) for key, item in list(vars(value).items()) if callable(item))


class Course:
    """The course's own code as it was before any line of a student's ran."""

    def __init__(self) -> None:
        self.modules = {name: module for name, module in sys.modules.items() if name.split(".")[0] == COURSE}
        self.pieces = [(*piece, getattr(piece[2], "__code__", None)) for piece in pieces()]
        scenarios = importlib.import_module(f"{COURSE}.homework.scenarios")
        self.run, self.registry, self.scenarios = scenarios.run, scenarios.SCENARIOS, dict(scenarios.SCENARIOS)

    def put_back(self) -> None:
        """Undo what a student's cells changed: a scenario runs with the course's own code."""
        sys.modules.update(self.modules)
        for place, name, value, code in self.pieces:
            if code is not None and value.__code__ is not code:
                value.__code__ = code
            if vars(place).get(name) is not value:
                setattr(place, name, value)
        self.registry.update(self.scenarios)


def answer(request: dict, namespace: dict[str, Any], course: Course) -> dict:
    """What one request of the judge's comes to: a value, or how it failed."""
    from rlcourse.homework import wire
    from rlcourse.homework.settings import call
    from rlcourse.homework.shell import describe

    def named(name: str) -> Any:
        if name not in namespace:
            raise LookupError(name)
        return namespace[name]

    def argument(data: dict) -> Any:
        return named(data["function"]) if "function" in data else wire.decode(data["value"])

    try:
        if "fetch" in request:
            value = named(request["fetch"])
            return {"empty": True} if value is None or value is ... else {"value": wire.encode(value)}
        if scenario := request.get("scenario"):
            course.put_back()
            function = functools.partial(course.run, scenario)
        else:
            function = functools.partial(call, named(request["call"]))
        arguments = [argument(data) for data in request["arguments"]]
        keywords = {name: argument(data) for name, data in request["keywords"].items()}
    except LookupError as error:
        return {"missing": str(error.args[0])}
    try:
        return {"value": wire.encode(function(*arguments, **keywords))}
    except NotImplementedError:
        return {"stub": True}
    except BaseException as error:
        return {"raised": describe(error)}


def serve(channel: int, namespace: dict[str, Any], course: Course) -> None:
    """Answer the judge's requests for one test cell."""
    while "end" not in (request := receive(channel)):
        reply = answer(request, namespace, course)
        try:
            send(channel, reply)
        except (TypeError, ValueError, RecursionError) as error:  # too large, or no JSON in spite of all
            send(channel, {"raised": f"{type(error).__name__}: {str(error)[:200]}"})


def run_notebook(channel: int, shell: Any, course: Course, walled: bool) -> None:
    """Run the cells of one notebook, and fork at its test cells. The judge says at each step how long it may take."""
    from rlcourse.homework.shell import flush, run_cell

    task = receive(channel)
    sys.path.insert(0, "")  # as Jupyter has it: a cell may write a module and another one import it
    limit(**task["limits"])
    for number, source in enumerate(task["steps"]):
        send(channel, {"step": number})
        while (reply := receive(channel)).get("step") != number:  # what a fork was asked and did not read
            pass
        if "skip" in reply:
            continue
        if source is not None:
            send(channel, {"error": run_cell(shell, source, reply["seconds"])})
            continue
        flush()
        before = processes()
        fork = os.fork()
        if fork == 0:
            os.setpgid(0, 0)
            seed_all(reply["seed"])
            serve(channel, shell.user_ns, course)
            os._exit(0)
        status = wait(fork, reply["seconds"])
        if walled:
            for process in processes() - before - {fork}:
                with contextlib.suppress(OSError):
                    os.kill(process, signal.SIGKILL)
        send(channel, {"ended": status})


def wait(process: int, seconds: float) -> int | None:
    """Wait for a process to end, kill it when its time is up; its status, None where it had to be killed."""
    end, pause = time.monotonic() + seconds, 0.0005
    while time.monotonic() < end:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return status
        time.sleep(pause)
        pause = min(2 * pause, 0.01)
    with contextlib.suppress(OSError):
        os.killpg(process, signal.SIGKILL)
    with contextlib.suppress(OSError):
        os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return None


def processes() -> set[int]:
    """All that run in this sandbox."""
    return {int(name) for name in os.listdir("/proc") if name.isdigit()} if os.path.isdir("/proc/self") else set()


def clean_up(walled: bool, state: list) -> bool:
    """End every process that a student started and remove every file; whether nothing is left.

    state: this process's own, as it was before: a student may have changed it, and could not be stopped from it.

    Only in a sandbox of its own, where this process and the sandbox's first are all that does not belong to a student.
    """
    if not walled or os.getpid() > 9 or Path("/proc/1/comm").read_text().strip() != "bwrap":
        return False
    end = time.monotonic() + 2
    while processes() - {1, os.getpid()}:
        if time.monotonic() > end:
            return False
        with contextlib.suppress(ProcessLookupError):
            os.kill(-1, signal.SIGKILL)  # all but this one and the first
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.0005)
    for folder in SHARED:
        for place, folders, _ in os.walk(folder):  # a student may have closed them
            for path in (os.path.join(place, name) for name in folders):
                if not os.path.islink(path):
                    os.chmod(path, 0o700)
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)
        if os.stat(folder).st_mode & 0o7777 != 0o1777:
            os.chmod(folder, 0o1777)
    clear_keys()
    left = [name for folder in SHARED for name in os.listdir(folder)]
    ipc = [Path("/proc/sysvipc", kind).read_text().count("\n") > 1 for kind in ("shm", "sem", "msg")]
    return not left and not any(ipc) and own_state() == state


def main() -> None:
    edition, control, walled = sys.argv[1], socket.socket(fileno=int(sys.argv[2])), "walled" in sys.argv[3:]
    sys.path.insert(0, edition)
    os.dup2(2, 1)
    for module in receive(control.fileno())["imports"]:
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    from rlcourse.homework.shell import make_shell

    shell, course = make_shell(), Course()
    if "torch" in sys.modules:  # the first backward pass costs most of a second: once, before the forks
        sys.modules["torch"].set_num_threads(1)
        sys.modules["torch"].ones(1, requires_grad=True).sum().backward()
    gc.collect()
    gc.freeze()  # no fork looks through what all of them share: that would copy it
    if walled:
        dumpable(False)  # no student's code looks into this process, or reaches its socket
    state = own_state() if walled else []
    courses = [path for path in sys.path if os.path.exists(os.path.join(path, COURSE, "__init__.py"))]
    send(control.fileno(), {"ready": courses})
    worker = None
    while True:
        command, files, _, _ = socket.recv_fds(control, 1, 2)
        if command == b"w":
            worker = os.fork()
            if worker == 0:
                control.close()
                os.setsid()
                dumpable(True)
                start_worker(*files, shell, course, walled)
            for file in files:
                os.close(file)
        elif command == b"e":
            if not walled:
                with contextlib.suppress(OSError):
                    os.killpg(worker, signal.SIGKILL)
            try:
                clean = clean_up(walled, state)
            except (OSError, MemoryError):
                clean = False
            control.send(b"y" if clean else b"n")
        else:  # the judge has gone
            return


def start_worker(channel: int, prints: int, shell: Any, course: Course, walled: bool) -> None:
    """Become the worker of one submission, with standard streams of its own."""
    nothing = os.open(os.devnull, os.O_RDONLY)
    for file, place in ((nothing, 0), (prints, 1), (prints, 2)):
        os.dup2(file, place)
    for file in (nothing, prints):
        os.close(file)
    with contextlib.suppress(EOFError):
        run_notebook(channel, shell, course, walled)
    os._exit(0)


if __name__ == "__main__":
    main()
