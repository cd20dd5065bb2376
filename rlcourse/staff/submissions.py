"""Who handed in what: the notebook that counts for each student, and of every other file why it does not.

downloads.py and archives.py read the files, systems.py knows how learning systems name them, attempts.py which of a
student's several notebooks counts.
"""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.staff import cells
from rlcourse.staff.archives import Budget, File, opened
from rlcourse.staff.attempts import candidate, the_last
from rlcourse.staff.downloads import listing
from rlcourse.staff.systems import Claim, Unclear, claims_of, find_class, normal

NO_NOTEBOOK = "no notebook"
OTHER = frozenset(PROBLEM_SETS.values())


class Seen(NamedTuple):
    """What became of a file."""

    path: str
    student: str  # "" where it is nobody's
    why_not: str  # "" where it is graded

    @property
    def matters(self) -> bool:
        """Whether a person should hear that it is not graded: not of the data files beside a notebook."""
        quiet = self.student and self.why_not == NO_NOTEBOOK
        return bool(self.why_not) and not quiet and "macOS" not in self.why_not


@dataclass
class Submission:
    """What one student handed in: the notebook, or why there is none."""

    student: str
    path: str = ""
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    read: Callable[[], bytes] = bytes


class Found(NamedTuple):
    """What is in a download."""

    submissions: list[Submission]  # sorted by student
    files: list[Seen]  # every file, whatever became of it
    told: list[str]  # what was taken for what, where that is not plain

    @property
    def left_out(self) -> list[Seen]:
        return [file for file in self.files if file.matters]


class NotSubmissions(ValueError):
    """SUBMISSIONS is not what it should be; the message says why."""


def find(
    folder: Path, name: str, id_pattern: str | None = None, out: Path | None = None, stub: bytes | None = None
) -> Found:
    """Who handed in what, in a folder or zip archive as a learning system's download has it.

    Args:
        folder: the download.
        name: what the problem set's notebook is called, ps1_q_iteration: chosen where a student has several.
        id_pattern: a regular expression with a group `id`, searched in each file's path, instead of the known systems.
        out: where results go, left out where it lies inside.
        stub: the notebook as students got it: one that is still so does not count where another one was changed.

    Raises:
        NotSubmissions: where folder cannot be read, two names stand for one student, or id_pattern is no expression.
    """
    pattern = compiled(id_pattern) if id_pattern else None
    if not folder.exists():
        raise NotSubmissions(f"SUBMISSIONS: got {folder}, expected a folder or zip archive that exists")
    try:
        files = listing(folder, out)
    except OSError as error:
        raise NotSubmissions(f"SUBMISSIONS: got {folder}: {error.strerror}") from None
    if folder.is_file() and len(files) == 1 and files[0].why_not:
        raise NotSubmissions(f"SUBMISSIONS: got a file that is not a zip archive: {files[0].why_not}")
    told, prefix = [], ""
    try:
        if pattern:
            claims, nobodys = claims_by(pattern, files)
        else:
            files, prefix = find_class(files) or (files, "")
            claims, nobodys = claims_of(files, prefix)
    except Unclear as error:
        raise NotSubmissions(f"SUBMISSIONS: {error}") from None
    if prefix:
        told.append(f"the students' folders and files are those in {prefix}")
        outside = [file for file in files if not file.path.startswith(prefix) and not prefix.startswith(file.path)]
        nobodys += outside
    seen = [Seen(file.path, "", file.why_not or whose(file)) for file in nobodys if is_a_file(file)]
    as_handed_out = cells.read(stub) if stub else []
    found = []
    for student, of_one in itertools.groupby(claims, key=lambda claim: claim.student):
        submission, of_student = chosen(student, list(of_one), name, as_handed_out)
        found += [submission] if submission else []
        seen += of_student
    return Found(found, sorted(seen), told)


def is_a_file(file: File) -> bool:
    return bool(file.why_not) or not file.path.endswith("/")


def whose(file: File) -> str:
    return "in no student's folder or name" if file.path.lower().endswith((".ipynb", ".zip")) else NO_NOTEBOOK


def compiled(id_pattern: str) -> re.Pattern:
    try:
        pattern = re.compile(id_pattern)
    except re.error as error:
        raise NotSubmissions(f"--id-pattern: got {id_pattern!r}, which is not a regular expression: {error}") from None
    if "id" not in pattern.groupindex:
        raise NotSubmissions(f"--id-pattern: got {id_pattern!r}, expected a group (?P<id>..) that names the student")
    return pattern


def claims_by(pattern: re.Pattern, files: list[File]) -> tuple[list[Claim], list[File]]:
    """What a lecturer's own pattern finds, searched in whole paths."""
    by_student: dict[str, Claim] = {}
    nobodys, waiting = [], list(files)
    for file in waiting:
        match = pattern.search(f"{file.path}/" if file.members else file.path)
        if match and match["id"]:
            student = normal(match["id"])
            by_student.setdefault(student, Claim(student, "", [])).files.append(file)
        elif file.members:  # an archive of several students
            waiting.extend(file.members(Budget()))
        else:
            nobodys.append(file)
    return [by_student[student] for student in sorted(by_student)], nobodys


def chosen(
    student: str, claims: list[Claim], name: str, stub: list[cells.Cell]
) -> tuple[Submission | None, list[Seen]]:
    """The notebook of a student's that counts, or why there is none; and what became of each of the files."""
    budget = Budget()
    candidates, others = [], []
    for claim in claims:
        for file in itertools.chain.from_iterable(opened(file, budget) for file in claim.files):
            if file.path.lower().endswith(".ipynb") and not file.why_not:
                candidates.append(candidate(file, claim))
            elif is_a_file(file) and not (file.members and not file.why_not):
                others.append(file)
    seen = [Seen(file.path, student, file.why_not or NO_NOTEBOOK) for file in others]
    notes = [note for claim in claims for note in claim.notes]
    broken = [file.why_not for file in others if file.why_not and Seen("", student, file.why_not).matters]
    here = [one for one in candidates if not (other_set(one.file, name) and one.stem != name)]
    for one in candidates:
        if one not in here:
            seen.append(Seen(one.file.path, student, f"in the folder of {other_set(one.file, name)}"))
    if candidates and not here:
        return None, seen  # of other problem sets
    if not here:
        names = [file.path.rpartition("/")[2] for file in others if not file.why_not]
        found = f" (found: {', '.join(names[:5])})" if names else ""
        path = claims[0].files[0].path
        return Submission(student, path, "; ".join(broken) or f"no notebook was handed in{found}", notes), seen
    last, said = the_last(here, name, stub)
    for one in here:
        seen.append(Seen(one.file.path, student, "" if one is last else one.why_not or "another notebook counts"))
    if not last:
        return Submission(student, here[0].file.path, said[0], notes), seen
    if misplaced := other_set(last.file, name):
        said.append(f"it lies in the folder of {misplaced}: {last.file.path}")
    return Submission(student, last.file.path, "", [*broken, *notes, *said], last.file.read), seen


def other_set(file: File, name: str) -> str:
    """The other problem set whose folder a file lies in: nbgrader keeps a folder for each."""
    return next((part for part in PurePosixPath(file.path).parts[:-1] if part in OTHER and part != name), "")
