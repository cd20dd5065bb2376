"""Whose submission is which: what Moodle, Canvas, nbgrader or plain folders call the files that students handed in.

Zip archives are read where they are, never unpacked, so that no path in them can lead anywhere.
"""

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.staff.cells import MAX_NOTEBOOK_BYTES

MAX_ARCHIVE_BYTES = 500 * 2**20  # of one archive inside another
MAX_MEMBERS = 20_000
JUNK = re.compile(r"(^|/)(__MACOSX|\.[^/]*)(/|$)")  # what systems and editors leave, .ipynb_checkpoints included
REPEATED = re.compile(r"(?:-(\d+)| ?\((\d+)\)|-Copy(\d+))$")  # x-1, x (1), x-Copy1: the same name once more

# Tried in this order on the path inside SUBMISSIONS. Group `id` names the student; `number`, where there is one, keeps
# two students of one name apart; `attempt`, `rest` are the attempt and the file's own name.
PATTERNS = {
    "Moodle": r"^(?:[^/]+/)?(?P<id>[^/]+?)_(?P<number>\d+)_assignsubmission_[a-z]+_?(?:/|$|(?P<rest>[^/]+))",
    "Canvas": r"^(?:submissions/)?(?P<id>[^/_]+)_(?:LATE_)?(?P<number>\d+)_(?P<attempt>\d+)_(?P<rest>[^/]+)",
    "nbgrader": r"^(?:.*/)?submitted/(?P<id>[^/]+)(?:/|$)",
    "a folder a student": r"^(?P<id>[^/]+?)(?:\.zip)?/",
    "a file a student": r"^(?P<id>[^/]+)\.(?:ipynb|zip)$",
}


@dataclass(frozen=True)
class File:
    """A file or folder inside SUBMISSIONS, or inside an archive there."""

    path: str  # with "/" between its parts; a folder's ends in "/"
    time: float  # seconds, to tell which is newer
    read: Callable[[], bytes]
    problem: str = ""


@dataclass
class Submission:
    """What one student handed in: the notebook, or why there is none."""

    student: str
    path: str = ""
    problem: str = ""
    notes: list[str] = field(default_factory=list)
    read: Callable[[], bytes] = bytes


class NotSubmissions(ValueError):
    """SUBMISSIONS is not what it should be; the message says why."""


def find(folder: Path, name: str, id_pattern: str | None = None) -> tuple[list[Submission], list[str]]:
    """The submissions in a folder or zip archive, sorted by student, and the files that belong to no student.

    Args:
        folder: as the learning platform's download has it.
        name: what the problem set's notebook is called, ps1_q_iteration: chosen where a student has several.
        id_pattern: a regular expression with a group `id`, used instead of the known ones.

    Raises:
        NotSubmissions: where folder cannot be read, or id_pattern is no such expression.
    """
    try:
        patterns = [re.compile(pattern) for pattern in ([id_pattern] if id_pattern else PATTERNS.values())]
    except re.error as error:
        raise NotSubmissions(f"--id-pattern: got {id_pattern!r}, which is not a regular expression: {error}") from None
    if "id" not in patterns[0].groupindex:
        raise NotSubmissions(f"--id-pattern: got {id_pattern!r}, expected a group (?P<id>..) that names the student")
    if not folder.exists():
        raise NotSubmissions(f"SUBMISSIONS: got {folder}, expected a folder or zip archive that exists")
    students: dict[str, list[tuple[File, re.Match]]] = {}
    left_out = []
    other_sets = set(PROBLEM_SETS.values()) - {name}
    files = list(files_in(folder))
    not_empty = {f"{parent}/" for file in files for parent in PurePosixPath(file.path).parents}
    for file in files:
        if file.path in not_empty:
            continue
        if other_sets & set(PurePosixPath(file.path).parts):  # nbgrader keeps a folder a problem set
            continue
        match = next((match for pattern in patterns if (match := pattern.search(file.path))), None)
        if match:
            known = match.groupdict()
            student = "_".join(part.strip() for part in (known["id"], known.get("number")) if part)
            students.setdefault(student, []).append((file, match))
        elif not file.path.endswith("/"):
            left_out.append(file.path)
    return [chosen(student, files, name) for student, files in sorted(students.items())], left_out


def chosen(student: str, files: list[tuple[File, re.Match]], name: str) -> Submission:
    """The notebook that counts: the one with the right name, of several the last attempt; or why there is none."""
    broken = [file.problem for file, _ in files if file.problem]
    notebooks = [(own_name(file, match), file) for file, match in files if file.path.lower().endswith(".ipynb")]
    if not notebooks:
        others = [file.path.rsplit("/", 1)[-1] for file, _ in files if not file.path.endswith("/") and not file.problem]
        found = f" (found: {', '.join(others[:5])})" if others else ""
        return Submission(student, files[0][0].path, "; ".join(broken) or f"no notebook was handed in{found}")
    if any(key[0] == name for key, _ in notebooks):
        notebooks = [(key, file) for key, file in notebooks if key[0] == name]
    names = sorted({key[0] for key, _ in notebooks})
    if len(names) > 1:
        listed = ", ".join(f"{name}.ipynb" for name in names[:5])
        problem = f"{len(notebooks)} notebooks, and none is called {name}.ipynb: {listed}"
        return Submission(student, notebooks[0][1].path, problem)
    _, last = max(notebooks, key=lambda pair: pair[0])
    notes = list(broken)
    if len(notebooks) > 1:
        notes.append(f"{len(notebooks)} attempts; the last one counts: {last.path}")
    return Submission(student, last.path, notes=notes, read=last.read)


def own_name(file: File, match: re.Match) -> tuple[str, int, float, int]:
    """A notebook's own name without the platform's additions, and by what attempts of that name are ordered."""
    known = match.groupdict()
    stem = PurePosixPath(file.path).stem
    if known.get("rest") and file.path.endswith(known["rest"]):
        stem = PurePosixPath(known["rest"]).stem
    repeated = REPEATED.search(stem)
    repeat = int(next(filter(None, repeated.groups()))) if repeated else 0
    attempt = known.get("attempt") or ""
    return stem[: repeated.start()] if repeated else stem, repeat, file.time, int(attempt) if attempt.isdigit() else 0


def files_in(folder: Path) -> Iterator[File]:
    """Every file and folder below, archives opened, what systems leave behind left out."""
    if folder.is_file():
        yield from open_archive(folder.read_bytes(), "", depth=0)
        return
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if JUNK.search(name) or path.is_symlink():
            continue
        if path.is_dir():
            yield File(f"{name}/", 0, bytes)
        elif path.suffix.lower() == ".zip" and path.stat().st_size <= MAX_ARCHIVE_BYTES:
            yield from open_archive(path.read_bytes(), f"{name}/", depth=1)
        else:
            yield File(name, path.stat().st_mtime, lambda path=path: read_limited(path.open("rb")))


def open_archive(data: bytes, prefix: str, depth: int) -> Iterator[File]:
    """The files of a zip archive, and of the archives in it."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise zipfile.BadZipFile(f"{len(members)} files, more than {MAX_MEMBERS}")
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        if not prefix:
            raise NotSubmissions(f"SUBMISSIONS: got a file that is not a zip archive: {error}") from None
        yield File(
            prefix, 0, bytes, problem=f"{prefix.rstrip('/').rsplit('/')[-1]} is not a zip archive, or is damaged"
        )
        return
    if prefix:
        yield File(prefix, 0, bytes)  # an empty archive is a submission too
    for member in members:
        name = prefix + member.filename.replace("\\", "/").lstrip("/")
        time = float(timestamp(member.date_time))
        if JUNK.search(name):
            continue
        if member.is_dir():
            yield File(name, 0, bytes)
        elif name.lower().endswith(".zip") and depth < 2:
            try:
                inner = read_limited(archive.open(member), MAX_ARCHIVE_BYTES)
            except Exception as error:  # damaged, encrypted, of a kind that Python cannot read: only itself is lost
                yield File(f"{name}/", 0, bytes, problem=f"{member.filename} cannot be read: {str(error)[:80]}")
                continue
            yield from open_archive(inner, f"{name}/", depth + 1)
        else:
            yield File(name, time, lambda member=member: read_limited(archive.open(member)))


def timestamp(date: tuple[int, ...]) -> int:
    """A zip archive's date as one number that grows with it."""
    number = 0
    for part, base in zip(date, (10000, 100, 100, 100, 100, 100), strict=True):
        number = number * base + part
    return number


def read_limited(stream: io.BufferedIOBase, limit: int = MAX_NOTEBOOK_BYTES) -> bytes:
    """What the stream holds, but hardly more than the limit: a small archive can hold a huge file."""
    with stream:
        return stream.read(limit + 1)
