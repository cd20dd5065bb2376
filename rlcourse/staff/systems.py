"""Which student an entry of a download belongs to, as the learning systems name them.

A name that a system wrote stands outermost; what is inside is the student's, and decides nothing.
"""

import io
import os
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.staff.archives import File

NUMBER_OF_A_TIME = r"\d{4}(?:-\d\d){5}"
# The whole name of an entry. Group `id` names the student; `rest` is the file's own name, where all files lie in one
# folder; `attempt` and `when` order several of one student.
SYSTEMS = {
    "Moodle": r"(?P<id>.+?)_assignsubmission_[a-z]+_?(?P<rest>.*)",
    "Canvas, anonymous": r"(?:LATE_)?(?P<id>anon_[A-Za-z0-9]+)_(?P<attempt>\d+)_(?P<rest>.+)",
    "Canvas": r"(?P<id>\w+?)_(?:LATE_)?(?P<number>\d+)_(?P<attempt>\d+)_(?P<rest>.+)",
    "Blackboard": rf"(?P<id>.+?)_attempt_(?P<when>{NUMBER_OF_A_TIME})(?:_(?P<rest>.+)|\.txt)",
    "Sakai": r"[^,/]+, [^/]*\((?P<id>[^()/]+)\)",
}
FOLDERS_ONLY, FILES_ONLY = ("Sakai",), ("Canvas, anonymous", "Canvas", "Blackboard")
GRADESCOPE = "submission_metadata.yml"
NBGRADER = {"source", "release", "submitted", "autograded", "feedback"}


class Unclear(ValueError):
    """Whose a file is cannot be told; the message names what there is."""


@dataclass
class Claim:
    """What is handed in under one student's id."""

    student: str
    written: str  # what the id was read from
    files: list[File]
    known: dict[str, str] = field(default_factory=dict)  # rest, attempt, when: what the system wrote besides
    notes: list[str] = field(default_factory=list)


def entries_of(files: list[File], prefix: str) -> dict[str, list[File]]:
    """The files below prefix by the first part of their path behind it; a folder's name ends in "/"."""
    entries: dict[str, list[File]] = {}
    for file in files:
        if file.path.startswith(prefix) and file.path != prefix:
            name, slash, _ = file.path[len(prefix) :].partition("/")
            entries.setdefault(name + slash, []).append(file)
    return entries


def holds_work(files: list[File]) -> bool:
    return any(not file.why_not and file.path.lower().endswith((".ipynb", ".zip")) for file in files)


def find_class(files: list[File], prefix: str = "") -> tuple[list[File], str] | None:
    """Where the students' entries stand, behind any folder or archive that is around all of them; None: not below."""
    entries = entries_of(files, prefix)
    work = [name for name, inside in entries.items() if holds_work(inside)]
    if "submitted/" in entries and {name.rstrip("/") for name in work} <= NBGRADER:
        return files, f"{prefix}submitted/"
    one_folder_each = len(work) > 1 and not any(name.lower().endswith(".ipynb") for name in work)
    a_student = {name.rstrip("/") for name in work} & set(PROBLEM_SETS.values())  # whose folders are problem sets
    if GRADESCOPE in entries or system_of(work) or (one_folder_each and not a_student):
        return files, prefix
    if len(work) != 1 or work[0].lower().endswith(".ipynb"):
        return None
    (one,) = work
    if one.endswith("/"):
        return find_class(files, prefix + one)
    (outer,) = entries[one]
    inside = list(outer.members(None)) if outer.members else []
    found = find_class(inside, f"{outer.path}/")
    return found and ([*(file for file in files if file is not outer), *found[0]], found[1])


def system_of(names: list[str]) -> str:
    """The system that names most of the entries, if any: a student's file can be called like another system's."""
    counts = {system: sum(match_of(system, name) is not None for name in names) for system in SYSTEMS}
    best = max(counts, key=lambda system: counts[system])
    return best if counts[best] else ""


def match_of(system: str, name: str) -> re.Match | None:
    if system in (FILES_ONLY if name.endswith("/") else FOLDERS_ONLY):
        return None
    return re.fullmatch(SYSTEMS[system], name.rstrip("/"), re.DOTALL)


def claims_of(files: list[File], prefix: str) -> tuple[list[Claim], list[File]]:
    """Who handed in what, and the files of nobody.

    Raises:
        Unclear: where two names stand for one id.
    """
    entries = entries_of(files, prefix)
    if GRADESCOPE in entries:
        return gradescope(entries)
    system = system_of([name for name, inside in entries.items() if not inside[0].why_not])
    claims, nobodys = [], []
    assignment = blackboards_assignment(list(entries)) if system == "Blackboard" else ""
    for name, inside in entries.items():
        match = match_of(system, name) if system else None
        if all(file.why_not for file in inside):  # a link, what macOS leaves behind
            nobodys += inside
        elif match:
            known = match.groupdict()
            student = "_".join(filter(None, (known["id"].removeprefix(assignment), known.get("number"))))
            claims.append(Claim(normal(student), student, inside, known))
        elif name.endswith("/") or name.lower().endswith((".ipynb", ".zip")):
            student = name.rstrip("/") if name.endswith("/") else PurePosixPath(name).stem
            claims.append(Claim(normal(student), name, inside))
        else:
            nobodys += inside
    return merged(claims), nobodys


def merged(claims: list[Claim]) -> list[Claim]:
    """One claim a student. A system writes a student's id many times; two different names are two students'."""
    by_id: dict[str, Claim] = {}
    for claim in claims:
        first = by_id.setdefault(claim.student, claim)
        if first is not claim and not (claim.known and first.written == claim.written):
            names = " and ".join(ascii(name.rstrip("/")) for name in (first.written, claim.written))
            raise Unclear(f"got {names}, which both name the student {claim.student!r}, expected one of them")
    by_student: dict[str, list[Claim]] = {}
    for claim in claims:
        by_student.setdefault(claim.student, []).append(claim)
    return [claim for student in sorted(by_student) for claim in by_student[student]]


def normal(text: str) -> str:
    """An id: one way to write each letter, since macOS writes ö as two, and nothing that leads to another folder."""
    return re.sub(r"[/\\\0]|^\.+$", "_", unicodedata.normalize("NFC", text))


def blackboards_assignment(names: list[str]) -> str:
    """What stands before the user's name: ps1_ in ps1_jdoe_attempt_2026-.., the same for all."""
    heads = {match["id"] for name in names if (match := match_of("Blackboard", name))}
    if len(heads) == 1:
        return min(heads).rpartition("_")[0] + "_"
    common = os.path.commonprefix(sorted(heads))
    return common[: common.rfind("_") + 1]


def gradescope(entries: dict[str, list[File]]) -> tuple[list[Claim], list[File]]:
    """Gradescope's export: a folder a submission, and a file that says whose each is."""
    try:
        import yaml  # part of JupyterLab: only who grades needs it
    except ImportError:
        raise Unclear(f"{GRADESCOPE}: reading it needs PyYAML (pip install pyyaml)") from None
    try:
        data = yaml.load(io.BytesIO(entries[GRADESCOPE][0].read(2**28)), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        people = {name: value[":submitters"] for name, value in data.items()}
        ids = {
            name: [normal(str(one.get(":sid") or one.get(":email") or one[":name"])) for one in submitters]
            for name, submitters in people.items()
        }
    except (yaml.YAMLError, AttributeError, KeyError, TypeError, UnicodeDecodeError) as error:
        raise Unclear(f"{GRADESCOPE}: got {str(error)[:80]!r}, expected what Gradescope exports") from None
    claims, nobodys = [], []
    for name, inside in entries.items():
        students = ids.get(name.rstrip("/"), [])
        for student in students:
            others = ", ".join(other for other in students if other != student)
            claims.append(Claim(student, name, inside, notes=[f"handed in together with {others}"] if others else []))
        if not students:
            nobodys += inside
    return merged(claims), nobodys
