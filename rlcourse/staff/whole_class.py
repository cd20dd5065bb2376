"""Judge a whole class: one process a submission, through the Executor interface, a result file a submission.

A file is named by a hash of all that decides the result and written whole or not at all: a run that was stopped,
however it was stopped, goes on where it was.
"""

import argparse
import contextlib
import dataclasses
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from tqdm import tqdm

import rlcourse
from rlcourse.staff.export import load, write
from rlcourse.staff.judge import Job

PACKAGE = Path(rlcourse.__file__).parent
MAX_JUDGE_SECONDS = 1800  # a submission, whatever happens


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
        runs = {executor.submit(run_judge, dataclasses.replace(job, edition=str(edition))): job for job in waiting}
        bar = tqdm(as_completed(runs), total=len(runs), desc="grading", unit="submission", file=sys.stdout)
        try:
            for run in bar:
                result = run.result()
                student = result["student"]
                results[student] = result
                if result["state"] == "grader error":  # not kept: the next run judges it again
                    files[student].unlink(missing_ok=True)
                else:
                    write(files[student], json.dumps(result, indent=1))
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise
    return results


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
    if not options.dask:
        with ThreadPoolExecutor(options.jobs) as executor:  # each thread waits for a judge's process
            yield executor
        return
    try:
        from dask.distributed import Client
    except ImportError:
        raise GradeError("--dask: Dask is not installed: pip install 'dask[distributed]'") from None
    try:
        client = Client(options.dask, timeout=10)
    except (OSError, ValueError) as error:
        raise GradeError(f"--dask: got {options.dask}, where no scheduler answers: {error}") from None
    with client, client.get_executor(pure=False) as executor:
        yield executor


def run_judge(job: Job) -> dict[str, Any]:
    """Judge one submission in a process of its own; a judge that fails is the grader's error, and stops nothing."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PACKAGE.parent), os.getenv("PYTHONPATH")]))
    }
    try:
        judge = subprocess.run(
            [sys.executable, "-m", "rlcourse.staff.judge"],
            input=json.dumps(dataclasses.asdict(job)),
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=environment,
            timeout=MAX_JUDGE_SECONDS,
        )
        return json.loads(judge.stdout)
    except subprocess.TimeoutExpired:
        reason = f"the judge took more than {MAX_JUDGE_SECONDS} s"
    except ValueError:
        reason = f"the judge ended with status {judge.returncode}: {judge.stderr.strip()[-1000:]}"
    return {"student": job.student, "state": "grader error", "cells": [], "errors": [], "notes": [reason], "max": None}
