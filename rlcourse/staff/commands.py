"""The lecturer's commands: build, release, grade, tour. The student edition comes without this folder."""

import argparse

from rlcourse.staff import build, grade, release, tour


def add_parsers(commands: argparse._SubParsersAction) -> None:
    """Put them beside the commands that everyone has."""
    for module in (build, release, grade, tour):
        module.add_parser(commands)
