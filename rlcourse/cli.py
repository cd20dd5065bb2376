"""The command line: `rlcourse exercises`, `rlcourse --help`.

One function a command. Each imports what it needs inside, so that the next command starts fast.
"""

import argparse
import importlib.util
import sys

from rlcourse.graded import PROBLEM_SETS


def exercises(options: argparse.Namespace) -> int:
    """List the graded functions: what each is worth and where the course teaches it."""
    from rlcourse.graded import catalogue

    rows = [("function", "lecture", "problem set", "points", "what it is")]
    for exercise in catalogue().values():
        if options.problem_set in (None, exercise.problem_set):
            summary = (exercise.function.__doc__ or "").strip().split("\n")[0]
            points = str(exercise.points or "")  # none: part of the problem set, but not asked for
            rows.append((exercise.name, exercise.lecture, exercise.problem_set, points, summary))
    if len(rows) == 1:
        print(f"{options.problem_set} has no functions yet")
        return 0
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def parser() -> argparse.ArgumentParser:
    """All commands; argparse answers an unknown one with what came, what was expected, and exit status 2."""
    top = argparse.ArgumentParser(prog="rlcourse", description="The course in reinforcement learning, by command.")
    commands = top.add_subparsers(metavar="COMMAND", required=True, title="commands")

    listing = commands.add_parser("exercises", help=exercises.__doc__, description=exercises.__doc__)
    listing.add_argument("problem_set", nargs="?", choices=PROBLEM_SETS, help="only this one, ps1 to ps7")
    listing.set_defaults(command=exercises)
    if importlib.util.find_spec("rlcourse.staff"):  # not in the student edition
        from rlcourse.staff.commands import add_parsers

        add_parsers(commands)
    return top


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    return options.command(options)


if __name__ == "__main__":
    sys.exit(main())
