"""Grade a class: `rlcourse grade ps1 SUBMISSIONS --out DIR`.

DIR/results holds a file a submission (whole_class.py), DIR/overrides.json and DIR/by_hand.json what people decided. All
else in DIR is made afresh each time; DIR/files.csv says of every file that was handed in whether it counts, or why not.
"""

import argparse
import base64
import contextlib
import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.staff import cells, export, feedback, gradebook, sandbox, submissions
from rlcourse.staff.decisions import with_overrides, with_points_by_hand
from rlcourse.staff.judge import Job
from rlcourse.staff.notices import say, tell
from rlcourse.staff.results import drop_damaged, only_one
from rlcourse.staff.roster import NotARoster, read_roster
from rlcourse.staff.slim import without_outputs
from rlcourse.staff.systems import normal
from rlcourse.staff.whole_class import PACKAGE, GradeError, file_name, judge_all
from rlcourse.staff.written import answers_of


def add_parser(commands: argparse._SubParsersAction) -> None:
    """The command `grade`."""
    summary = "Grade a folder of submissions: scores, a feedback page a student, an overview."
    parser = commands.add_parser("grade", help=summary, description=summary)
    parser.add_argument("problem_set", choices=PROBLEM_SETS, help="ps1 to ps7")
    parser.add_argument("submissions", type=Path, metavar="SUBMISSIONS", help="folder or zip archive, as downloaded")
    parser.add_argument("--out", type=Path, metavar="DIR", help="where results, grades.csv and feedback go")
    parser.add_argument("--list", action="store_true", help="show which student each file is taken for, grade nothing")
    parser.add_argument("--id-pattern", metavar="RE", help="regular expression with (?P<id>..) for a student's files")
    parser.add_argument("--roster", type=Path, metavar="FILE", help="CSV with id, name: tells who handed in nothing")
    parser.add_argument("--student", metavar="NAME", help="grade this one again, whatever is there already")
    parser.add_argument("--seed", type=int, default=0, help="what the hidden inputs are drawn from (default 0)")
    parser.add_argument(
        "--jobs", type=int, default=default_jobs(), help="submissions at a time (default: one more than cores)"
    )
    scheduler = "judge on the workers of this Dask scheduler, which share the file system"
    parser.add_argument("--scheduler", metavar="ADDRESS", help=scheduler)
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
    """One more than cores: a submission's judge and its worker take turns, and one of them waits for the other."""
    return 1 + (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def command(options: argparse.Namespace) -> int:
    """`rlcourse grade`; the exit status: 2 where it could not run, 1 where a test was at fault, else 0."""
    with contextlib.suppress(AttributeError):  # a name that the terminal cannot show must not stop the grading
        sys.stdout.reconfigure(errors="backslashreplace")
    kept = (
        "" if options.list else f"; what was judged is kept in {options.out}, and the same command goes on from there"
    )
    try:
        return list_only(options) if options.list else grade(options)
    except (GradeError, submissions.NotSubmissions, NotARoster, gradebook.NotAGradebook) as error:
        print(f"rlcourse grade: {error}", file=sys.stderr)
    except OSError as error:  # a full disk, a folder that may not be written
        print(f"rlcourse grade: {error.filename or options.out}: {error.strerror or error}{kept}", file=sys.stderr)
    except KeyboardInterrupt:
        print(f"\nrlcourse grade: stopped{kept}", file=sys.stderr)
    return 2


def find(options: argparse.Namespace) -> submissions.Found:
    """The submissions; the notebook as students got it tells which of a student's several was worked on."""
    name = PROBLEM_SETS[options.problem_set]
    stub = stub_of(options)
    return submissions.find(
        options.submissions, name, options.id_pattern, options.out, stub.read_bytes() if stub.is_file() else None
    )


def stub_of(options: argparse.Namespace) -> Path:
    """The notebook as students got it, in exercises/ beside solutions/."""
    name = PROBLEM_SETS[options.problem_set]
    return options.solutions.parent / "exercises" / name / f"{name}.ipynb"


def list_only(options: argparse.Namespace) -> int:
    people = read_roster(options.roster) if options.roster else {}
    found = find(options)
    width = max([len(one.student) for one in found.submissions], default=0)
    for one in found.submissions:
        say(f"{one.student.ljust(width)}  {'; '.join([one.problem or one.path, *one.notes])}")
    others = ", ".join(file.path for file in found.left_out if file.why_not == submissions.NO_NOTEBOOK)
    say(f"{len(found.submissions)} students{'; not read: ' if others else ''}{others}")
    tell(found, people)
    return 0


def grade(options: argparse.Namespace) -> int:
    """Judge what has no result yet, then write everything that is made from the results."""
    name = PROBLEM_SETS[options.problem_set]
    out, master = options.out, options.solutions / name / f"{name}.ipynb"
    check_options(options, master)
    people = read_roster(options.roster) if options.roster else {}
    found = find(options)
    students = [one.student for one in found.submissions]
    if not students:
        raise GradeError(f"SUBMISSIONS: got {options.submissions}, which holds no notebook; see --list, --id-pattern")
    options.student = options.student and normal(options.student)
    if options.student and options.student not in students:
        raise GradeError(f"--student: got {options.student!r}, expected one of {', '.join(students[:20])}")
    tell(found, people, out / "files.csv")
    points = graded_cells(master)
    with only_one(out):
        overrides = with_overrides(out, options, students, points)
        by_hand = with_points_by_hand(out, options, name)
        if options.to_nbgrader:
            gradebook.check(options.to_nbgrader.resolve())
        drop_damaged(out / "results")
        export.write(out / "files.csv", export.files_csv(found.files))
        notebooks = {one.student: read(one) for one in found.submissions}
        jobs = [job_for(one, *notebooks[one.student], options, master) for one in found.submissions]
        results = judge_all(jobs, out, options, master)
        readable = cells_of(notebooks)
        stub = cells.read((stub_of(options) if stub_of(options).is_file() else master).read_bytes())
        for one, job in zip(found.submissions, jobs, strict=True):
            result = results.get(one.student) or not_graded_yet(job, master)
            answers = answers_of(stub, readable.get(one.student, []))
            result = export.with_answers(result | {"notes": [*one.notes, *result["notes"]]}, answers)
            results[one.student] = export.final(result, by_hand.get(one.student, {}), overrides.get(one.student, {}))
        report([results[student] for student in students], out, points, name)
        if options.to_nbgrader:
            graded = [results[student] for student in students if results[student]["cells"]]
            notebook = json.loads(master.read_text(encoding="utf-8"))
            gradebook.to_nbgrader(options.to_nbgrader.resolve(), name, notebook, graded, readable)
            print(f"nbgrader's gradebook: {options.to_nbgrader}; `nbgrader formgrader` shows what a person grades")
    states = [export.status(results[student]) for student in students]
    counts = ", ".join(f"{states.count(state)} {state}" for state in sorted(set(states)))
    print(f"{len(students)} submissions: {counts}. Scores: {out / 'grades.csv'}, overview: {out / 'index.html'}")
    return 1 if any(state.startswith("grader error") for state in states) else 0


def check_options(options: argparse.Namespace, master: Path) -> None:
    if options.out is None:
        raise GradeError("--out DIR is needed: where results, grades.csv and feedback go")
    if options.seed < 0:
        raise GradeError(f"--seed: got {options.seed}, expected a whole number from 0 on")
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


def graded_cells(master: Path) -> dict[str, float]:
    """The master's graded cells, in order: their points."""
    return {cell.name: cell.points for cell in cells.read(master.read_bytes()) if cell.kind in ("test", "manual")}


def read(one: submissions.Submission) -> tuple[bytes, str]:
    """The notebook without its outputs, and why there is none."""
    if one.problem:
        return b"", one.problem
    try:
        return without_outputs(one.read()), ""
    except cells.Unreadable as error:
        return b"", str(error)
    except Exception as error:  # a damaged or encrypted archive, a file that may not be read: it costs only itself
        return b"", f"the file cannot be read: {str(error)[:100]}"


def cells_of(notebooks: dict[str, tuple[bytes, str]]) -> dict[str, list[cells.Cell]]:
    """The cells by student; none of a notebook that cannot be read."""
    readable = {}
    for student, (notebook, _) in notebooks.items():
        with contextlib.suppress(cells.Unreadable):
            readable[student] = cells.read(notebook)
    return readable


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
