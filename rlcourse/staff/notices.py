"""What a person should know before an hour of grading, and not after it: what does not count, and who is missing."""

from pathlib import Path

from rlcourse.staff.feedback import CONTROL
from rlcourse.staff.roster import compare
from rlcourse.staff.submissions import NO_NOTEBOOK, Found

MOST = 40  # files named on the screen, where a file has them all


def tell(found: Found, people: dict[str, str], where: Path | None = None) -> None:
    """Print it.

    Args:
        found: what is in the download.
        people: the roster's names by id; {} where there is none.
        where: the file that has every file with its reason; None: all are printed.
    """
    for line in found.told:
        say(line)
    told = [file for file in found.left_out if file.why_not != NO_NOTEBOOK]
    most = MOST if where else len(told)
    for file in told[:most]:
        say(f"not graded: {file.path}: {file.why_not}")
    if told[most:]:
        say(f"not graded: {len(told) - most} more files, each with its reason in {where}")
    if people:
        missing, unknown = compare(people, [one.student for one in found.submissions])
        for student in missing:
            say(f"missing: {student} {people[student]}".rstrip())
        for student in unknown:
            say(f"not in the roster: {student}")


def say(line: str) -> None:
    """Print what holds names that students chose: one line, and nothing that a terminal would obey."""
    print(CONTROL.sub("?", line.replace("\n", "?")))
