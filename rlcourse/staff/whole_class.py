"""Judge a whole class: one process a submission, through the Executor interface, a result file a submission.

A file is named by a hash of all that decides the result and written whole or not at all: a run that was stopped,
however it was stopped, goes on where it was.
"""

import argparse
import atexit
import base64
import contextlib
import dataclasses
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from tqdm import tqdm

import rlcourse
from rlcourse.homework.shell import TEST_SECONDS
from rlcourse.staff import cells
from rlcourse.staff.export import load, write
from rlcourse.staff.judge import Job

PACKAGE = Path(rlcourse.__file__).parent
MOST_JUDGE_SECONDS = 300
TIMES_OWN = 4  # a test may take so many times what the master takes


class GradeError(Exception):
    """The run cannot start, or what was asked for is not there; the message says why."""


def judge_all(jobs: list[Job], out: Path, options: argparse.Namespace, master: Path) -> dict[str, dict]:
    """The results by student: those that are there, and those judged now, each written as soon as it is known."""
    grader = grader_hash(master)
    files = {job.student: out / "results" / f"{file_name(job.student)}-{job_hash(job, grader)}.json" for job in jobs}
    results = {}
    for student, path in files.items():
        if path.exists() and student != options.student:
            results[student] = load(path)
    waiting = [job for job in jobs if job.student not in results and options.student in (None, job.student)]
    if not waiting:
        return results
    with edition_in(out, options.problem_set) as edition, pool(options) as executor:
        runs: list[Future] = []
        try:
            changes = {"edition": str(edition)}
            changes["own"] = seconds_of_master(dataclasses.replace(waiting[0], **changes), executor)
            for job in waiting:
                runs.append(executor.submit(run_judge, dataclasses.replace(job, **changes)))
            bar = tqdm(as_completed(runs), total=len(runs), desc="grading", unit="submission", file=sys.stdout)
            for run in bar:
                result = run.result()
                student = result["student"]
                results[student] = result
                if result["state"] == "grader error":  # not kept: the next run judges it again
                    files[student].unlink(missing_ok=True)
                else:
                    write(files[student], json.dumps(result, indent=1))
        finally:  # stopped or done: no judge stays, and none is begun
            for run in runs:
                run.cancel()
            stop_judges()
    return results


def seconds_of_master(like: Job, executor: Executor) -> dict[str, float]:
    """How long each test may take for sure: four times what it takes with the master's own solutions.

    Raises:
        GradeError: where these solutions do not pass; nobody's would.
    """
    master = Path(like.master).read_bytes()
    own = {cell.name: cell.time_limit or TEST_SECONDS for cell in cells.read(master) if cell.kind == "test"}
    text = base64.b64encode(master).decode()
    job = dataclasses.replace(like, student="the master notebook", notebook=text, problem="", own=own)
    result = executor.submit(run_judge, job).result()
    wrong = [cell for cell in result["cells"] if cell["verdict"] not in ("passed", "manual")]
    if result["state"] != "graded" or wrong:
        reasons = [f"{cell['cell']}: {cell['verdict']} {cell['hint']}" for cell in wrong] or result["notes"]
        raise GradeError(f"{like.master} does not pass its own tests: {'; '.join(reasons)}")
    return {cell["cell"]: TIMES_OWN * cell["seconds"] for cell in result["cells"] if "seconds" in cell}


def grader_hash(master: Path) -> str:
    """Of all that decides a result besides the submission: the master notebook, the library, its check data."""
    digest = hashlib.sha256(master.read_bytes())
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.json")]):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def job_hash(job: Job, grader: str) -> str:
    decides = [grader, job.student, job.notebook, job.problem, job.seed, job.sandboxed, dataclasses.asdict(job.limits)]
    return hashlib.sha256(json.dumps(decides).encode()).hexdigest()[:16]


def file_name(student: str) -> str:
    """A student's id as part of a file name; one that has to be changed gets a hash, so that no two become one."""
    plain = re.sub(r"[^\w.-]+", "_", student, flags=re.ASCII).strip(".")[:80]
    return plain if plain == student else f"{plain}-{hashlib.sha256(student.encode()).hexdigest()[:6]}"


@contextlib.contextmanager
def edition_in(out: Path, problem_set: str) -> Iterator[Path]:
    """The student edition, in a folder of its own that also the workers of a cluster see."""
    from rlcourse.staff.edition import student_edition

    for left in out.glob(".edition-*"):  # by a run that was killed: this one holds the lock
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".edition-", dir=out) as folder:
        os.chmod(folder, 0o755)  # the sandbox's user reads it
        student_edition(problem_set, Path(folder))
        yield Path(folder).resolve()


@contextlib.contextmanager
def pool(options: argparse.Namespace) -> Iterator[Executor]:
    """Where the judges run."""
    if not options.scheduler:
        with ThreadPoolExecutor(options.jobs) as executor:  # each thread waits for a judge's process
            yield executor
        return
    try:
        from dask.distributed import Client
    except ImportError:
        raise GradeError("--scheduler: Dask is not installed: pip install 'dask[distributed]'") from None
    try:
        client = Client(options.scheduler, timeout=10)
    except (OSError, ValueError) as error:
        raise GradeError(f"--scheduler: got {options.scheduler}, where no scheduler answers: {error}") from None
    with client, client.get_executor(pure=False) as executor:
        yield executor


class JudgeProcess:
    """A judge in a process of its own: isolated from the current folder, from PYTHONPATH and from Ctrl-C."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="rlcourse-judge-")
        self.errors = tempfile.TemporaryFile()
        start = "import sys; sys.path.append(sys.argv[1]); from rlcourse.staff.judge import main; main()"
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-c", start, str(PACKAGE.parent)],
            cwd=self.folder.name,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            encoding="utf-8",
            start_new_session=True,
        )
        _running.add(self)

    def ask(self, job: Job) -> dict[str, Any]:
        """The result of a job. Raises JudgeEnded."""
        seconds = patience(job)
        timer = threading.Timer(seconds, self.stop)
        timer.daemon = True
        timer.start()
        try:
            print(json.dumps(dataclasses.asdict(job)), file=self.process.stdin, flush=True)
            result = json.loads(self.process.stdout.readline())
            whole = json.dumps(result, ensure_ascii=False).encode(errors="replace")  # half letters cannot be written
            return json.loads(whole) | {"student": job.student}
        except (ValueError, OSError):
            self.stop()
            self.errors.seek(0)
            said = self.errors.read().decode(errors="replace").strip()[-1000:]
            raise JudgeEnded(f"the judge ended, after {seconds:.0f} s at most: {said}") from None
        finally:
            timer.cancel()

    def stop(self) -> None:
        """End the judge; its sandbox goes with it."""
        _running.discard(self)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def patience(job: Job) -> float:
    """Seconds after which a judge is stuck: far more than a submission may take."""
    return MOST_JUDGE_SECONDS + 2 * (job.limits.spare + sum(job.own.values()))


class JudgeEnded(Exception):
    """The judge ended before it had a result, which no submission should be able to bring about."""


_running: set[JudgeProcess] = set()
_idle: list[JudgeProcess] = []  # list's pop and append are atomic


def run_judge(job: Job) -> dict[str, Any]:
    """Judge one submission in an idle judge's process; one that fails is the grader's error, and stops nothing."""
    try:
        judge = _idle.pop()
    except IndexError:
        judge = JudgeProcess()
    try:
        result = judge.ask(job)
    except JudgeEnded as reason:
        return {
            "student": job.student,
            "state": "grader error",
            "cells": [],
            "errors": [],
            "notes": [str(reason)],
            "max": None,
        }
    _idle.append(judge)
    return result


def stop_judges() -> None:
    """End all judges of this process."""
    _idle.clear()
    for judge in list(_running):
        judge.stop()


atexit.register(stop_judges)
