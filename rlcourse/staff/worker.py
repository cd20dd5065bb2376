"""The student's side of grading: a stand-alone script that runs in the sandbox, with the student edition of rlcourse.

It runs the notebook's cells once, in order, then forks once for each test cell; the fork answers the judge's calls of
the student's functions until the judge ends it. Nothing here is trusted: a student's cells can change anything in
this process. The judge takes what comes back for that student's answer, whatever wrote it, and ends the process from
outside.

Messages are JSON, each behind its length in four bytes, on what were stdin and stdout when the process started.
"""

import ast
import functools
import json
import os
import random
import re
import sys
import traceback
from typing import Any

MAX_BYTES = 16 * 2**20  # of one message
MAX_TEXT = 500  # letters of an error
SHELL_LINE = re.compile(r"^(\s*)([%!?].*|.*[\w)\]]\?{1,2}\s*)$", re.MULTILINE)
QUIET_MAGICS = ("%%time", "%%timeit", "%%capture", "%%prun")  # what follows them is Python


def send(file: int, message: Any) -> None:
    """Write one message whole."""
    data = json.dumps(message).encode()
    if len(data) > MAX_BYTES:
        raise TypeError(f"a value that takes {len(data)} bytes, more than {MAX_BYTES}")
    data = len(data).to_bytes(4, "big") + data
    while data:
        data = data[os.write(file, data) :]


def receive(file: int) -> Any:
    """Read one message; EOFError where the other side has gone, ValueError where it is no message."""
    size = int.from_bytes(read_exactly(file, 4), "big")
    if size > MAX_BYTES:
        raise ValueError(f"a message of {size} bytes, more than {MAX_BYTES}")
    try:
        return json.loads(read_exactly(file, size))
    except RecursionError:
        raise ValueError("a message nested too deep") from None


def read_exactly(file: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = os.read(file, min(size - len(data), 2**16))
        if not piece:
            raise EOFError("the other side has gone")
        data += piece
    return bytes(data)


def limit(memory: int, seconds: int, processes: int) -> None:
    """Hard limits on this process and all that it starts. Where a system lacks one of them, it goes without."""
    try:
        import resource
    except ImportError:  # Windows
        return
    limits = {
        "RLIMIT_DATA": memory,  # memory of its own; code of libraries, gigabytes with CUDA, does not count
        "RLIMIT_AS": 4 * memory + 2**32,
        "RLIMIT_CPU": seconds,
        "RLIMIT_FSIZE": 2**26,
        "RLIMIT_NOFILE": 256,
        "RLIMIT_CORE": 0,
        "RLIMIT_NPROC": processes,
    }
    for name, value in limits.items():
        try:
            if value >= 0:
                resource.setrlimit(getattr(resource, name), (value, value))
        except (AttributeError, ValueError, OSError):
            pass
    try:  # should memory run out all the same, the system ends this process, not another student's
        with open("/proc/self/oom_score_adj", "w") as file:
            file.write("1000")
    except OSError:
        pass


def runnable(source: str) -> str:
    """A notebook's cell as Python: lines for IPython (%matplotlib inline, !pip, help?) become `pass`."""
    if source.lstrip().startswith("%%"):
        magic, _, source = source.lstrip().partition("\n")
        if not magic.startswith(QUIET_MAGICS):
            return "pass"
    try:
        ast.parse(source)
        return source
    except (SyntaxError, ValueError):
        return SHELL_LINE.sub(r"\1pass", source)


def describe(error: BaseException) -> str:
    """One line for the student: what kind, what it says, where."""
    try:
        text = f"{type(error).__name__}: {error}"
    except BaseException:  # an error of the student's own making may fail to say anything
        text = type(error).__name__
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.startswith("<cell")]
    if isinstance(error, SyntaxError) and error.lineno:
        lines, text = [error.lineno], f"{type(error).__name__}: {error.msg}"
    return text[:MAX_TEXT] + (f" (line {lines[-1]} of its cell)" if lines else "")


class Shell:
    """Stands in for IPython's shell: whatever a converted notebook asks of it, it does nothing."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def run_cells(cells: list[str], outbox: int) -> dict[str, Any]:
    """Run the cells in one namespace, telling the judge which one is running and what went wrong in it."""
    namespace: dict[str, Any] = {"__name__": "__main__", "display": lambda *args, **kwargs: None, "get_ipython": Shell}
    for number, source in enumerate(cells):
        if source is None:  # it hung or crashed before
            continue
        send(outbox, {"cell": number})
        try:
            exec(compile(runnable(source), f"<cell {number}>", "exec"), namespace)
        except BaseException as error:  # sys.exit() in a cell included: the cells behind it still run
            send(outbox, {"cell": number, "error": describe(error)})
    return namespace


def seed_all(seed: int) -> None:
    import numpy as np

    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


def answer(request: dict, namespace: dict[str, Any]) -> dict:
    """What one request of the judge's comes to: a value, or how it failed."""
    from rlcourse.homework import scenarios, wire

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
        scenario = request.get("scenario")
        function = functools.partial(scenarios.run, scenario) if scenario else named(request["call"])
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


def serve_cell(namespace: dict[str, Any], inbox: int, outbox: int) -> None:
    """Answer the judge's requests for one test cell."""
    while "end" not in (request := receive(inbox)):
        reply = answer(request, namespace)
        try:
            send(outbox, reply)
        except TypeError as error:  # too large
            send(outbox, {"raised": f"TypeError: {error}"})


def main() -> None:
    inbox, outbox = os.dup(0), os.dup(1)  # the judge's; prints go where errors go
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.path.insert(0, sys.argv[1])
    start = receive(inbox)
    limit(**start["limits"])
    namespace = run_cells(start["cells"], outbox)
    if "torch" in sys.modules:  # the first backward pass costs most of a second: once, before the forks
        sys.modules["torch"].ones(1, requires_grad=True).sum().backward()
    send(outbox, {"ready": True})
    while True:
        seed = receive(inbox)["fork"]
        process = os.fork() if hasattr(os, "fork") else 0
        if process == 0:
            seed_all(seed)
            serve_cell(namespace, inbox, outbox)
            os._exit(0)  # also where there is no fork: the judge then starts a fresh worker
        _, status = os.waitpid(process, 0)
        send(outbox, {"ended": status})


if __name__ == "__main__":
    main()
