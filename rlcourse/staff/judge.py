"""The judge: one process a submission, which runs the master notebook's test cells on the student's functions.

The student's code never runs here. Where the master's set-up and solution cells define functions, the judge has proxies
that call the worker (remote.py); what the tests and their hidden part then say decides.

    python -m rlcourse.staff.judge < job.json > result.json
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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rlcourse.staff import cells, sandbox
from rlcourse.staff.remote import (
    CannotAsk,
    CellEnded,
    Limits,
    NotAttempted,
    Proxy,
    SandboxFailed,
    StudentError,
    Worker,
)

KEPT_TEXT = 20_000  # letters of a public check's text


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


def judge(job: Job) -> dict[str, Any]:
    """The outcome of one submission: state, score, and a verdict with points for every graded cell of the master."""
    began = time.monotonic()
    master = cells.read(Path(job.master).read_bytes())
    graded = [cell for cell in master if cell.kind in ("test", "manual")]
    result: dict[str, Any] = {"student": job.student, "max": sum(cell.points for cell in graded), "cells": []}
    result |= {"errors": [], "notes": []}
    try:
        if job.problem:
            raise cells.Unreadable(job.problem)
        work = cells.work_of(master, cells.read(base64.b64decode(job.notebook)))
    except cells.Unreadable as reason:
        nothing = [outcome(cell, "manual" if cell.kind == "manual" else "not attempted") for cell in graded]
        return result | {"state": "unreadable", "score": 0.0, "cells": nothing, "notes": [str(reason)]}
    command, environment = (
        sandbox.command(Path(job.edition), tuple(map(Path, job.hide)))
        if job.sandboxed
        else sandbox.unsafe_command(Path(job.edition))
    )
    worker = Worker(command, environment, work.cells, job.limits)
    try:
        result["cells"] = run_master(master, work, worker, job.seed)
    except Exception:  # the sandbox, or a set-up cell of the master
        result["notes"] = [traceback.format_exc(limit=-3)]
        return result | {"state": "grader error", "score": None}
    finally:
        worker.stop()
    broken = any(cell["verdict"] == "grader error" for cell in result["cells"])
    result["errors"] = [
        {"cell": work.cells[number].name, "kind": work.cells[number].kind, "error": error}
        for number, error in sorted(worker.errors.items())
    ]
    return result | {
        "state": "grader error" if broken else "graded",
        "score": None if broken else sum(cell["points"] or 0 for cell in result["cells"]),
        "notes": work.notes,
        "seconds": round(time.monotonic() - began, 2),
    }


def outcome(cell: cells.Cell, verdict: str, hint: str = "", public: str = "", answer: str = "") -> dict[str, Any]:
    """One graded cell of the result. A test cell's points are all or nothing; a person's and an error's are open."""
    points = {"passed": cell.points, "manual": None, "grader error": None}.get(verdict, 0.0)
    texts = {"hint": hint, "public": public[:KEPT_TEXT], "answer": answer[:KEPT_TEXT]}
    return {"cell": cell.name, "points": points, "max": cell.points, "verdict": verdict, **texts}


def run_master(master: list[cells.Cell], work: cells.Work, worker: Worker, seed: int) -> list[dict[str, Any]]:
    """Run the master's set-up cells here, then each test cell in a copy of what they left."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    values: set[str] = set()
    outcomes = []
    for cell in master:
        if cell.kind == "set-up":
            with quiet():
                execute(cell, namespace)
        elif cell.kind == "solution":
            functions, others = cells.names_of(cell.source)
            namespace |= {name: Proxy(worker, name) for name in functions}
            values |= others
        elif cell.kind == "test":
            outcomes.append(run_test(cell, dict(namespace), values, worker, seed))
        elif cell.kind == "manual":
            outcomes.append(outcome(cell, "manual", answer=work.answers.get(cell.name, "")))
    return outcomes


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
    with quiet() as text:
        try:
            worker.begin(cell_seed, cell.time_limit or worker.limits.cell)
            read = {node.id for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Name)}
            namespace |= {name: worker.call({"fetch": name}) for name in sorted(values & read)}
            execute(cell, namespace)
            verdict, hint = "passed", ""
        except AssertionError as reason:
            verdict, hint = "failed", str(reason)
        except NotAttempted as reason:
            verdict, hint = "not attempted", str(reason)
        except NotImplementedError:  # a check's own word for it
            verdict, hint = "not attempted", ""
        except StudentError:
            verdict, hint = "failed", "Your code raised an exception, or gave back what is not plain data."
        except CellEnded as reason:
            verdict, hint = reason.verdict, f"Ended: {reason}."
        except SandboxFailed:
            raise
        except (Exception, CannotAsk):
            verdict, hint = "grader error", traceback.format_exc(limit=-3)
        finally:
            worker.end()
    return outcome(cell, verdict, hint, text.getvalue()) | {"seconds": round(time.monotonic() - began, 2)}


def main() -> None:
    """Read a job from stdin, write its result to stdout, and let nothing else get there."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    data = json.load(sys.stdin)
    job = Job(**data | {"limits": Limits(**data["limits"]), "hide": tuple(data["hide"])})
    os.environ["RLCOURSE_GRADER_SEED"] = str(job.seed)  # where hidden() draws its inputs from
    json.dump(judge(job), out)
    out.close()


if __name__ == "__main__":
    main()
