"""Grade a class: `rlcourse grade ps1 SUBMISSIONS --out DIR`.

DIR/results holds a file a submission (whole_class.py), DIR/overrides.json and DIR/by_hand.json what people decided. All
else in DIR is made from those, afresh each time.
"""

import argparse
import base64
import contextlib
import datetime
import importlib.util
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.staff import cells, export, feedback, gradebook, sandbox, submissions
from rlcourse.staff.judge import Job
from rlcourse.staff.whole_class import PACKAGE, GradeError, file_name, judge_all


def add_parser(commands: argparse._SubParsersAction) -> None:
    """The command `grade`."""
    summary = "Grade a folder of submissions: scores, a feedback page a student, an overview."
    parser = commands.add_parser("grade", help=summary, description=summary)
    parser.add_argument("problem_set", choices=PROBLEM_SETS, help="ps1 to ps7")
    parser.add_argument("submissions", type=Path, metavar="SUBMISSIONS", help="folder or zip archive, as downloaded")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where results, grades.csv and feedback go")
    parser.add_argument("--list", action="store_true", help="show which student each file is taken for, grade nothing")
    parser.add_argument("--id-pattern", metavar="RE", help="regular expression with (?P<id>..) for a student's files")
    parser.add_argument("--student", metavar="NAME", help="grade this one again, whatever is there already")
    parser.add_argument("--seed", type=int, default=0, help="what the hidden inputs are drawn from (default 0)")
    parser.add_argument("--jobs", type=int, default=default_jobs(), help="submissions at a time (default: one a core)")
    parser.add_argument("--dask", metavar="ADDRESS", help="use a Dask cluster that shares this file system")
    parser.add_argument("--solutions", type=Path, default=PACKAGE.parent / "solutions", help="the master notebooks")
    parser.add_argument(
        "--override", nargs=3, action="append", default=[], metavar=("STUDENT", "CELL", "POINTS"), help="set by hand"
    )
    parser.add_argument("--reason", help="why; --override needs one")
    book = {"nargs": "?", "type": Path, "const": Path("gradebook.db"), "metavar": "DB"}
    parser.add_argument("--to-nbgrader", **book, help="put the scores into nbgrader's gradebook (gradebook.db)")
    parser.add_argument("--from-nbgrader", **book, help="first read what a person graded in nbgrader's formgrader")
    parser.add_argument("--unsafe-no-sandbox", action="store_true", help="run students' code with your own rights")
    parser.set_defaults(command=command)


def default_jobs() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def command(options: argparse.Namespace) -> int:
    """`rlcourse grade`; the exit status: 2 where it could not run, 1 where a test was at fault, else 0."""
    try:
        return list_only(options) if options.list else grade(options)
    except (GradeError, submissions.NotSubmissions) as error:
        print(f"rlcourse grade: {error}", file=sys.stderr)
        return 2


def list_only(options: argparse.Namespace) -> int:
    found, left_out = submissions.find(options.submissions, PROBLEM_SETS[options.problem_set], options.id_pattern)
    width = max([len(one.student) for one in found], default=0)
    for one in found:
        print(f"{one.student.ljust(width)}  {'; '.join([one.problem or one.path, *one.notes])}")
    print(f"{len(found)} students" + (f"; not read: {', '.join(left_out[:10])}" if left_out else ""))
    return 0


def grade(options: argparse.Namespace) -> int:
    """Judge what has no result yet, then write everything that is made from the results."""
    name = PROBLEM_SETS[options.problem_set]
    out, master = options.out, options.solutions / name / f"{name}.ipynb"
    check_options(options, master)
    found, left_out = submissions.find(options.submissions, name, options.id_pattern)
    students = [one.student for one in found]
    if not found:
        raise GradeError(f"SUBMISSIONS: got {options.submissions}, which holds no notebook; see --list, --id-pattern")
    if options.student and options.student not in students:
        raise GradeError(f"--student: got {options.student!r}, expected one of {', '.join(students[:20])}")
    for path in left_out:
        print(f"not read as a submission: {path}")
    with only_one(out):
        overrides = with_overrides(out, options, students, graded_cells(master))
        by_hand = with_points_by_hand(out, options, name)
        notebooks = {one.student: read(one) for one in found}
        jobs = [job_for(one, *notebooks[one.student], options, master) for one in found]
        results = judge_all(jobs, out, options, master)
        for one, job in zip(found, jobs, strict=True):
            result = results.get(one.student) or not_graded_yet(job, master)
            result = result | {"notes": [*one.notes, *result["notes"]]}
            results[one.student] = export.final(result, by_hand.get(one.student, {}), overrides.get(one.student, {}))
        report([results[student] for student in students], out, graded_cells(master), name)
        if options.to_nbgrader:
            hand_over(options.to_nbgrader, name, master, [results[s] for s in students if s in results], notebooks)
    states = [export.status(results[student]) for student in students]
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    print(f"{len(found)} submissions: {counts}. Scores: {out / 'grades.csv'}, overview: {out / 'index.html'}")
    return 1 if any(state.startswith("grader error") for state in states) else 0


def check_options(options: argparse.Namespace, master: Path) -> None:
    if options.out is None:
        raise GradeError("--out DIR is needed: where results, grades.csv and feedback go")
    if options.jobs < 1:
        raise GradeError(f"--jobs: got {options.jobs}, expected at least 1")
    if not master.is_file():
        raise GradeError(f"--solutions: got no {master}, expected the master notebook there")
    if bool(options.override) != bool(options.reason):
        raise GradeError("--override and --reason belong together: a score set by hand says why")
    if (options.to_nbgrader or options.from_nbgrader) and not importlib.util.find_spec("nbgrader"):
        raise GradeError("--to-nbgrader and --from-nbgrader: nbgrader is not installed (pip install nbgrader)")
    missing = sandbox.missing()
    if missing and not options.unsafe_no_sandbox:
        raise GradeError(
            f"{missing}. Without it isolation is reduced: students' code would run with your own rights, and could "
            "read and change what you can. If you accept that, add --unsafe-no-sandbox"
        )
    if options.unsafe_no_sandbox:
        print("Isolation is reduced: students' code runs with your own rights.", file=sys.stderr)


@contextlib.contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Hold the folder's lock; it goes with the process, however that ends."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GradeError(f"--out: got {out}: {error.strerror}") from None
    with open(out / ".lock", "w") as file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # Windows
            pass
        except OSError:
            raise GradeError(f"--out: {out} is in use by another run of `rlcourse grade`") from None
        yield


def graded_cells(master: Path) -> dict[str, float]:
    """The master's graded cells, in order: their points."""
    return {cell.name: cell.points for cell in cells.read(master.read_bytes()) if cell.kind in ("test", "manual")}


def with_overrides(out: Path, options: argparse.Namespace, students: list[str], points: dict[str, float]) -> dict:
    """What was set by hand, now or before; kept in overrides.json, which no grading touches."""
    overrides = export.load(out / "overrides.json")
    for student, cell, given in options.override:
        for value, known, what in ((student, students, "STUDENT"), (cell, list(points), "CELL")):
            if value not in known:
                raise GradeError(f"--override: got {what} {value!r}, expected one of {', '.join(known[:20])}")
        if not re.fullmatch(r"\d+(\.\d+)?", given) or float(given) > points[cell]:
            raise GradeError(f"--override: got POINTS {given!r}, expected a number from 0 to {points[cell]:g}")
        entry = {"points": float(given), "reason": options.reason, "date": f"{datetime.date.today()}"}
        overrides.setdefault(student, {})[cell] = entry
    if options.override:
        export.write(out / "overrides.json", json.dumps(overrides, indent=1))
    return overrides


def with_points_by_hand(out: Path, options: argparse.Namespace, name: str) -> dict[str, dict[str, float]]:
    """What a person gave in nbgrader's formgrader, read now or before."""
    if options.from_nbgrader:
        if not options.from_nbgrader.is_file():
            raise GradeError(f"--from-nbgrader: got {options.from_nbgrader}, expected nbgrader's gradebook")
        points = gradebook.from_nbgrader(options.from_nbgrader.resolve(), name)
        export.write(out / "by_hand.json", json.dumps(points, indent=1))
    return export.load(out / "by_hand.json")


def read(one: submissions.Submission) -> tuple[bytes, str]:
    """The notebook's bytes, and why there are none."""
    if one.problem:
        return b"", one.problem
    try:
        return one.read(), ""
    except Exception as error:  # a damaged or encrypted archive, a file that may not be read: it costs only itself
        return b"", f"the file cannot be read: {str(error)[:100]}"


def job_for(
    one: submissions.Submission, notebook: bytes, problem: str, options: argparse.Namespace, master: Path
) -> Job:
    hide = tuple(str(path.resolve()) for path in (options.solutions, options.submissions, options.out))
    text = base64.b64encode(notebook).decode()
    return Job(
        one.student, text, str(master), "", options.seed, problem, sandboxed=not options.unsafe_no_sandbox, hide=hide
    )


def not_graded_yet(job: Job, master: Path) -> dict[str, Any]:
    total = sum(graded_cells(master).values())
    return {"student": job.student, "state": "not graded yet", "cells": [], "errors": [], "notes": [], "max": total}


def report(results: list[dict[str, Any]], out: Path, points: dict[str, float], title: str) -> None:
    """Write grades.csv, the pages and Gradescope's files from the results."""
    pages = {result["student"]: f"feedback/{file_name(result['student'])}.html" for result in results}
    for result in results:
        export.write(out / pages[result["student"]], feedback.page(result, f"{title}: feedback"))
        export.write(out / "gradescope" / f"{file_name(result['student'])}.json", export.gradescope(result))
    export.write(out / "grades.csv", export.grades_csv(results, list(points)))
    export.write(out / "index.html", feedback.index(results, pages, f"{title}: overview"))


def hand_over(
    database: Path, name: str, master: Path, results: list[dict], notebooks: dict[str, tuple[bytes, str]]
) -> None:
    """Put scores and notebooks where nbgrader's formgrader finds them."""
    readable = {}
    for student, (notebook, _) in notebooks.items():
        with contextlib.suppress(cells.Unreadable):
            readable[student] = cells.read(notebook)
    graded = [result for result in results if result["cells"]]
    gradebook.to_nbgrader(database.resolve(), name, json.loads(master.read_text(encoding="utf-8")), graded, readable)
    print(f"nbgrader's gradebook: {database}; `nbgrader formgrader` there shows what a person grades")
