"""What people decided about scores, in files that no grading touches: overrides.json and by_hand.json."""

import argparse
import datetime
import json
import re
from pathlib import Path
from typing import Any

from rlcourse.staff import export, gradebook
from rlcourse.staff.systems import normal
from rlcourse.staff.whole_class import GradeError


def with_overrides(out: Path, options: argparse.Namespace, students: list[str], points: dict[str, float]) -> dict:
    """What was set by hand, now or before."""
    overrides = load(out / "overrides.json", lambda entry: isinstance(entry["points"], int | float) and entry["reason"])
    for student, cell, given in options.override:
        student = normal(student)
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
    return load(out / "by_hand.json", lambda points: isinstance(points, int | float))


def load(path: Path, in_order: Any) -> dict[str, dict[str, Any]]:
    """What a file says by student and cell; a damaged one is a person's work, so it stops everything.

    Args:
        path: the file; none says nothing.
        in_order: whether one entry is as it should be.
    """
    try:
        data = export.load(path)
        if all(in_order(entry) for by_cell in data.values() for entry in by_cell.values()):
            return data
        what = "entries that are none"
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        what = f"a damaged file ({str(error)[:60]})"
    raise GradeError(f"{path}: got {what}; mend it, or move it away and set its points again")
