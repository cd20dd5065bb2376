"""Who handed in what: the notebook that counts for each student, and of every other file why it does not.

downloads.py reads the files, systems.py knows how learning systems name them.
"""

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.staff import cells
from rlcourse.staff.downloads import Budget, File, listing, opened
from rlcourse.staff.slim import without_outputs
from rlcourse.staff.systems import Claim, Unclear, claims_of, find_class, normal

REPEATED = re.compile(r"(?:-(\d+)| ?\((\d+)\)|-Copy(\d+))$")  # x-1, x (1), x-Copy1: the same name once more
NO_NOTEBOOK = "no notebook"
MAX_LOOKED_AT = 10  # of one student's notebooks, where there are several
OTHER_NOTEBOOK, HANDED_OUT, MORE, SOLVED = range(4)  # as students got it; with cells of its own; with solutions
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
    nobodys = []
    for file in files:
        match = pattern.search(file.path)
        if match and match["id"]:
            student = normal(match["id"])
            by_student.setdefault(student, Claim(student, "", [])).files.append(file)
        else:
            nobodys.append(file)
    return [by_student[student] for student in sorted(by_student)], nobodys


@dataclass
class Candidate:
    """A notebook that may be the one that counts."""

    file: File
    stem: str  # its own name, without what systems and browsers add
    order: tuple  # what tells a later attempt from an earlier one
    rank: int | None = None
    why_not: str = ""


def chosen(
    student: str, claims: list[Claim], name: str, stub: list[cells.Cell]
) -> tuple[Submission | None, list[Seen]]:
    """The notebook of a student's that counts, or why there is none; and what became of each of the files.

    A changed one goes before one as handed out, then the problem set's own name before others, then the last attempt.
    """
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


def candidate(file: File, claim: Claim) -> Candidate:
    direct = file is claim.files[0] and claim.known.get("rest")
    stem = PurePosixPath(claim.known["rest"] if direct else file.path).stem
    repeated = REPEATED.search(stem)
    repeat = int(next(filter(None, repeated.groups()))) if repeated else 0
    attempt = int(claim.known.get("attempt") or 0)
    return Candidate(
        file,
        normal(stem[: repeated.start()] if repeated else stem),
        (claim.known.get("when") or "", repeat, file.time or 0.0, attempt),
    )


def other_set(file: File, name: str) -> str:
    """The other problem set whose folder a file lies in: nbgrader keeps a folder for each."""
    return next((part for part in PurePosixPath(file.path).parts[:-1] if part in OTHER and part != name), "")


def the_last(here: list[Candidate], name: str, stub: list[cells.Cell]) -> tuple[Candidate | None, list[str]]:
    """The one that counts, and what to say of it; where none can be chosen, why."""
    worked = with_work(here, name, stub)
    named = [one for one in worked if one.stem == name] or worked
    stems = sorted({one.stem for one in named})
    if len(stems) > 1:
        listed = ", ".join(f"{stem}.ipynb" for stem in stems[:5])
        return None, [f"{len(named)} notebooks, and none is called {name}.ipynb: {listed}"]
    *earlier, last = sorted(named, key=lambda one: one.order)
    said = []
    if untouched := [one for one in here if one.rank in (HANDED_OUT, MORE) and one not in worked]:
        for one in untouched:
            one.why_not = "without solutions, as it was handed out; a changed one counts"
        said.append(f"{untouched[0].file.path} is as it was handed out; the changed one counts: {last.file.path}")
    if earlier:
        said.append(f"{len(named)} attempts; the last one counts: {last.file.path}")
        if earlier[-1].order == last.order:
            said.append("which of the attempts is newer is not known: look at both")
    return last, said


def with_work(here: list[Candidate], name: str, stub: list[cells.Cell]) -> list[Candidate]:
    """Of several notebooks those with the most work in them. Other names are read only where that one has none."""
    if not stub or len(here) == 1:
        return here
    best = OTHER_NOTEBOOK
    for group in ([one for one in here if one.stem == name], here):
        for one in group[:MAX_LOOKED_AT]:
            one.rank = rank(one.file, stub) if one.rank is None else one.rank
        best = max([one.rank for one in group if one.rank is not None], default=OTHER_NOTEBOOK)
        if best == SOLVED:
            break
    return here if best == OTHER_NOTEBOOK else [one for one in here if one.rank == best]


def rank(file: File, stub: list[cells.Cell]) -> int:
    """How far a notebook is from what students got."""
    try:
        theirs = cells.read(without_outputs(file.read()))
    except Exception:  # damaged or encrypted, or no notebook
        return OTHER_NOTEBOOK
    graded = [cell for cell in stub if cell.kind in ("solution", "test", "manual")]
    names, sources = {cell.name for cell in theirs}, {cell.source.strip() for cell in theirs if cell.source.strip()}
    if not any(cell.name in names or cell.source.strip() in sources for cell in graded):
        return OTHER_NOTEBOOK
    if any(cell.source.strip() not in sources for cell in graded if cell.kind == "solution"):
        return SOLVED
    return MORE if sources - {cell.source.strip() for cell in stub} else HANDED_OUT
