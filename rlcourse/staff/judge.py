"""The judge: a process that runs the master notebook's test cells on the functions of one student after the other.

The student's code never runs here. Where the master's set-up and solution cells define functions, the judge has proxies
that call the worker (remote.py); what the tests and their hidden part then say decides.
"""

import ast
import base64
import contextlib
import hashlib
import io
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rlcourse
from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.staff import bank, cells, sandbox
from rlcourse.staff.hidden import hidden
from rlcourse.staff.image import Sandbox, SandboxFailed
from rlcourse.staff.remote import CannotAsk, CellEnded, Limits, NotAttempted, Proxy, StudentError, Worker
from rlcourse.staff.worker import MAX_BYTES

KEPT_ERRORS = 50  # of cells
KEPT_TEXT = 20_000  # letters of a public check's text
RAISED = "Your code raised an exception, or gave back what is not plain data."


@dataclass(frozen=True)
class Job:
    """One submission to judge. All of it is plain data, so that it can be sent to another machine."""

    student: str
    notebook: str  # its bytes, in base64
    master: str  # path of the master notebook
    edition: str  # folder of the student edition
    seed: int = 0
    problem: str = ""  # why there is no notebook
    sandboxed: bool = True
    limits: Limits = field(default_factory=Limits)
    hide: tuple[str, ...] = ()  # folders that the sandbox must not show
    own: dict[str, float] = field(default_factory=dict)  # seconds that each test may take, whatever else was slow;
    # where none are known, those that the master sets


def judge(job: Job, box: Sandbox | None = None) -> dict[str, Any]:
    """The outcome of one submission: state, score, and a verdict with points for every graded cell of the master.

    box: the sandbox where its worker runs; None: one of its own.
    """
    began = time.monotonic()
    master = cells.read(Path(job.master).read_bytes())
    graded = [cell for cell in master if cell.kind in ("test", "manual")]
    result: dict[str, Any] = {"student": job.student, "max": sum(cell.points for cell in graded), "cells": []}
    result |= {"errors": [], "notes": []}
    try:
        if job.problem:
            raise cells.Unreadable(job.problem)
        work = cells.work_of(master, cells.read(base64.b64decode(job.notebook)))
        if (size := sum(len(json.dumps(step.source)) for step in work.steps)) > MAX_BYTES / 2:
            raise cells.Unreadable(f"its code has {size / 2**20:.0f} MB, more than {MAX_BYTES / 2**21:.0f}")
    except cells.Unreadable as reason:
        nothing = [outcome(cell, "manual" if cell.kind == "manual" else "not attempted") for cell in graded]
        return result | {"state": "unreadable", "score": 0.0, "cells": nothing, "notes": [str(reason)]}
    own = job.own or {cell.name: cell.time_limit for cell in master if cell.time_limit}
    worker = Worker(box or sandbox_for(job), work.steps, job.limits, own)
    try:
        result["cells"] = run_master(master, work, worker, job.seed)
    except Exception:  # the sandbox, or a set-up cell of the master
        result["notes"] = [traceback.format_exc(limit=-3)]
        return result | {"state": "grader error", "score": None}
    finally:
        worker.stop()
        if box is None:
            worker.sandbox.stop()
    broken = any(cell["verdict"] == "grader error" for cell in result["cells"])
    result["errors"] = [
        {"cell": work.steps[number].name, "kind": work.steps[number].kind, "error": error}
        for number, error in sorted(worker.errors.items())[:KEPT_ERRORS]
    ]
    return result | {
        "state": "grader error" if broken else "graded",
        "score": None if broken else round(sum(cell["points"] or 0 for cell in result["cells"]), 2),
        "notes": list(dict.fromkeys(work.notes)),
        "seconds": round(time.monotonic() - began, 2),
    }


def sandbox_for(job: Job) -> Sandbox:
    """A sandbox with all that the problem set imports, not started yet."""
    edition = Path(job.edition)
    command, environment = (
        sandbox.command(edition, tuple(map(Path, job.hide))) if job.sandboxed else sandbox.unsafe_command(edition)
    )
    return Sandbox(command, environment, tuple(dict.fromkeys(imports_of(Path(job.master)))))


def imports_of(master: Path) -> Iterator[str]:
    """What a problem set's cells and scenarios import, for a sandbox to have at hand."""
    yield "matplotlib.pyplot"  # many a student's cell draws
    for cell in cells.read(master.read_bytes()):
        if cell.kind == "set-up":
            yield from cells.imports_of(cells.public_source(cell))
    problem_set = master.stem.split("_")[0]
    for scenarios in sorted((Path(rlcourse.__file__).parent / "homework" / "scenarios").glob(f"{problem_set}*.py")):
        yield f"rlcourse.homework.scenarios.{scenarios.stem}"
        yield from cells.imports_of(scenarios.read_text(encoding="utf-8"))


def outcome(cell: cells.Cell, verdict: str, hint: str = "", public: str = "", share: float = 1.0) -> dict[str, Any]:
    """One graded cell of the result. A person's and an error's points are open; share: of a passed test's points."""
    points = {"passed": round(cell.points * share, 2), "manual": None, "grader error": None}.get(verdict, 0.0)
    if verdict == "passed" and share < 1:
        verdict = "passed in part"
    texts = {"hint": hint, "public": public[:KEPT_TEXT]}
    return {"cell": cell.name, "points": points, "max": cell.points, "verdict": verdict, **texts}


def run_master(master: list[cells.Cell], work: cells.Work, worker: Worker, seed: int) -> list[dict[str, Any]]:
    """Run the master's set-up cells here, then each test cell in a copy of what they left, where the student has it."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    values: set[str] = set()
    places = {}  # of each test: what is defined there
    for cell in master:
        if cell.kind == "set-up":
            with quiet():
                execute(cell, namespace)
        elif cell.kind == "solution":
            functions, others = cells.names_of(cell.source)
            namespace |= {name: Proxy(worker, name) for name in functions}
            values |= others
        elif cell.kind == "test":
            places[cell.name] = cell, dict(namespace), set(values)
    outcomes = {}
    for name, ended in worker.tests():
        cell, defined, known = places[name]
        outcomes[name] = (
            run_test(cell, defined, known, worker, seed) if ended is None else outcome(cell, *as_text(ended))
        )
    for cell in master:
        if cell.kind == "manual":
            outcomes[cell.name] = outcome(cell, "manual")  # its answer is read by whoever reports
    return [outcomes[cell.name] for cell in master if cell.kind in ("test", "manual")]


def as_text(ended: CellEnded) -> tuple[str, str]:
    """The verdict where the worker ended, and the hint."""
    return ended.verdict, f"Ended: {ended}."


def execute(cell: cells.Cell, namespace: dict[str, Any]) -> None:
    exec(compile(cell.source, f"<master cell {cell.name}>", "exec"), namespace)


@contextlib.contextmanager
def quiet() -> Any:
    """Keep what the master's cells and checks print."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(io.StringIO()):
        yield text


def run_test(cell: cells.Cell, namespace: dict[str, Any], values: set[str], worker: Worker, seed: int) -> dict:
    """The verdict on one test cell.

    Only four things say something about the student: AssertionError, with the author's hint; the student's own
    exception; a stub; and a worker that ended. Whatever else is raised is a fault of the test, and costs no points.
    """
    cell_seed = int.from_bytes(hashlib.sha256(f"{seed} {cell.name}".encode()).digest()[:4], "big")
    began = time.monotonic()
    share, at_work = 1.0, []
    with quiet() as text:
        try:
            worker.begin(cell_seed, cell.time_limit)
            tree = ast.parse(cell.source)
            read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            namespace |= {name: worker.call({"fetch": name}) for name in sorted(values & read)}
            at_work = watched(namespace)
            execute(cell, namespace)
            verdict, hint = "passed", ""
            share, hint = share_at_work(at_work)
        except AssertionError as reason:
            verdict, hint = "failed", str(reason)
        except NotAttempted as reason:
            verdict, hint = "not attempted", str(reason)
        except NotImplementedError:  # a check's own word for it
            verdict, hint = "not attempted", ""
        except StudentError as error:
            verdict, hint = "failed", RAISED
            if at_work:  # its inputs are public; elsewhere the text could tell a hidden one
                hint += f" {error}"
        except CellEnded as ended:
            verdict, hint = as_text(ended)
        except SandboxFailed:
            raise
        except (Exception, CannotAsk):
            verdict, hint = "grader error", traceback.format_exc(limit=-3)
        finally:
            worker.end()
    result = outcome(cell, verdict, hint, text.getvalue(), share=share)
    return result | {"seconds": round(time.monotonic() - began, 2)}


def watched(namespace: dict[str, Any]) -> list[Proxy]:
    """The functions that a test cell's `attempt("train", f, g)` will have put to work, noted when it does."""
    used: list[Proxy] = []
    if "attempt" in namespace:
        attempt = namespace["attempt"]

        def noting(scenario: str, *arguments: Any) -> Any:
            used.extend(argument for argument in arguments if isinstance(argument, Proxy))
            return attempt(scenario, *arguments)

        namespace["attempt"] = noting
    return used


def share_at_work(used: list[Proxy]) -> tuple[float, str]:
    """Of the functions that were put to work, the share that is right on its hidden cases, and what to say.

    What comes back from a training run could be made by hand, by whoever reaches into the process where it ran.
    """
    right, wrong = [], []
    for function in used:
        name = function.__name__
        if not any(name in bank.bank(problem_set) for problem_set in PROBLEM_SETS):
            continue
        try:
            hidden(function, "values", name)
            right.append(name)
        except (AssertionError, NotImplementedError, StudentError, CellEnded):
            wrong.append(name)
    if not wrong:
        return 1.0, ""
    share = len(right) / (len(right) + len(wrong))
    return (
        share,
        f"It works, but {' and '.join(wrong)} failed in its own task: points are given in the share of the rest.",
    )


def main() -> None:
    """Judge one job after the other: a line of JSON in, one out; nothing else gets to stdout."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    box, of = None, None
    for line in sys.stdin:
        data = json.loads(line)
        job = Job(**data | {"limits": Limits(**data["limits"]), "hide": tuple(data["hide"])})
        os.environ["RLCOURSE_GRADER_SEED"] = str(job.seed)  # where hidden() draws its inputs from
        if of != (of := (job.master, job.edition, job.sandboxed, job.hide)):
            if box is not None:
                box.stop()
            box = sandbox_for(job)
        print(json.dumps(judge(job, box)), file=out, flush=True)
    if box is not None:
        box.stop()


if __name__ == "__main__":
    main()
