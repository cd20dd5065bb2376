"""Who is in the course: which of them handed in nothing, and which submissions are nobody's."""

import csv
import functools
import io
import re
from pathlib import Path

from rlcourse.staff.systems import normal


class NotARoster(ValueError):
    """The file is none; the message says what it should be."""


def read_roster(path: Path) -> dict[str, str]:
    """The names of a course by id, from a CSV with the columns id and name; a heading is not needed."""
    wanted = "expected a CSV file with the columns id, name"
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise NotARoster(
            f"--roster: got {path} ({getattr(error, 'strerror', None) or 'not UTF-8'}), {wanted}"
        ) from None
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = [[normal(cell.strip()) for cell in row] for row in csv.reader(io.StringIO(text), delimiter=delimiter)]
    rows = [row for row in rows if any(row)]
    columns = {"id": 0, "name": 1}
    if rows and "id" in [cell.lower() for cell in rows[0]]:
        heading = [cell.lower() for cell in rows.pop(0)]
        columns = {"id": heading.index("id"), "name": heading.index("name") if "name" in heading else len(heading)}
    people: dict[str, str] = {}
    for row in rows:
        student, name = (row[column] if column < len(row) else "" for column in columns.values())
        if not student:
            raise NotARoster(f"--roster: got {path} with the line {row}, which has no id, {wanted}")
        if student in people:
            raise NotARoster(f"--roster: got {path} with the id {student!r} twice, expected each once")
        people[student] = name
    if not people:
        raise NotARoster(f"--roster: got {path}, which is empty, {wanted}")
    return people


def compare(people: dict[str, str], students: list[str]) -> tuple[list[str], list[str]]:
    """The ids of the roster that handed in nothing, and the submissions that are in no line of it.

    A learning system's id has more in it than the roster's: Jane Doe_12345 is Jane Doe, and doejane_12345 is 12345. A
    whole id goes first, then a part of it, then the name.
    """
    missing, unknown = dict(people), list(students)
    for fits in (
        lambda student, name, handed_in: student == handed_in,
        lambda student, name, handed_in: words(student) <= words(handed_in),
        lambda student, name, handed_in: name and words(name) <= words(handed_in),
    ):
        for student, name in list(missing.items()):
            found = [handed_in for handed_in in unknown if fits(student, name, handed_in)]
            if len(found) == 1:
                unknown.remove(found[0])
                del missing[student]
    return list(missing), unknown


@functools.cache
def words(text: str) -> set[str]:
    return set(re.findall(r"[^\W_]+", normal(text).casefold()))
