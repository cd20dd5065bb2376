"""What the recording scripts share: their options, and groups of seeds that are missing."""

import argparse
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from rlcourse.records.record import Record
from rlcourse.records.run import neighbours

RESULTS = Path(__file__).parents[1] / "results"


def asked(description: str, **numbers: int) -> argparse.Namespace:
    """Options of a script: --out, --mix, and whole numbers >= 1 by name, each with its default."""
    kind = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=description, formatter_class=kind)
    parser.add_argument("--out", type=Path, default=RESULTS, help="where records lie (default results/)")
    parser.add_argument("--mix", action="store_true", help="add to seeds that another version of rlcourse made")
    for name, default in numbers.items():
        parser.add_argument(f"--{name}", type=int, default=default, help=f"default {default:,}")
    options = parser.parse_args()
    for name in numbers:
        if getattr(options, name) < 1:
            parser.error(f"--{name}: got {getattr(options, name)}, expected at least 1")
    return options


def command() -> str:
    """How this script was started."""
    return shlex.join(["python", f"{Path(sys.argv[0]).parent.name}/{Path(sys.argv[0]).name}", *sys.argv[1:]])


def missing(record: Record, seeds: int, group: int = 10) -> Iterator[list[int]]:
    """Groups of neighbouring seeds that are not there yet, and a line that says so."""
    for part in neighbours(record.missing(range(seeds)), group):
        print(f"{record.folder}: seeds {part[0]} to {part[-1]}", flush=True)
        yield part
