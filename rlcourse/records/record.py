"""A record: a folder that says what was run, what came out for each seed, and what made it.

    results/dqn_cartpole/
        config.json       what was run: agent, environment, settings. Written once, the same for all its seeds
        seed-0003.csv     what seed 3 gave: the column `step`, then `return` and whatever else was measured
        seed-0003.json    what made that CSV: command, versions, CPU seconds, the seeds beside it, where it diverged

What is said of a seed stands beside that seed, so that one that is added later changes nothing that is said of others.
"""

import csv
import json
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

from rlcourse import __version__
from rlcourse.contracts.inputs import bad_argument

PACKAGES = ("torch", "gymnasium", "numpy")


class Record:
    """What was recorded in a folder, for whoever draws it; `Record.open` makes one to write to.

    record = Record("../results/dqn_cartpole")
    plot_curves(record.steps, {"DQN": record["return"]})

    Raises:
        ValueError: where the folder holds no config.json.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not (self.folder / "config.json").is_file():
            raise bad_argument("folder", f"{str(folder)!r}", "a record, a folder that holds config.json")
        self.config: dict[str, Any] = json.loads((self.folder / "config.json").read_text(encoding="utf-8"))

    @classmethod
    def open(
        cls, folder: str | Path, config: Mapping[str, Any], mix: bool = False, library: str = "rlcourse"
    ) -> "Record":
        """The record to write to: a new one, or the one that is there, where it holds the same configuration.

        Args:
            folder: where; made where it is missing.
            config: what is run, by name; numbers, words, lists and None.
            mix: add seeds to those that another version of the library made.
            library: the package whose version counts.

        Raises:
            ValueError: naming each setting that differs there, or the version that made the seeds that are there.
        """
        folder, wanted = Path(folder), json.loads(json.dumps(config))
        if not any(folder.glob("seed-*.json")):  # what was stopped before its first seed says nothing of any
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / "config.json", _as_json(wanted))
        record = cls(folder)
        if differences := _differences(record.config, wanted):
            raise bad_argument("config", "; ".join(differences), f"what {folder} holds, or another name (--name)")
        now = _versions([library])[library]
        for seed in [] if mix else record.seeds:
            made = record.made(seed)["versions"].get(library)
            if made != now:
                expected = f"{made}, which made seed {seed} of {folder}; --mix adds to it, --name begins another record"
                raise bad_argument("version", f"{library} {now}", expected)
        return record

    @property
    def seeds(self) -> list[int]:
        """The seeds that are there, in order."""
        names = (path.stem.removeprefix("seed-") for path in self.folder.glob("seed-*.json"))
        return sorted(int(name) for name in names if name.isdigit())

    def missing(self, seeds: Iterable[int]) -> list[int]:
        """Those of `seeds` that are not there."""
        there = set(self.seeds)
        return [seed for seed in seeds if seed not in there]

    def table(self, seed: int) -> dict[str, ndarray]:
        """What a seed gave: its columns, by name."""
        with open(self._file(seed, "csv"), newline="", encoding="utf-8") as file:
            names, *rows = csv.reader(file)
        columns = np.array(rows, float).reshape(len(rows), len(names)).T
        return dict(zip(names, columns, strict=True))

    def made(self, seed: int) -> dict[str, Any]:
        """What made a seed's table: command, versions, seconds, group, diverged."""
        return json.loads(self._file(seed, "json").read_text(encoding="utf-8"))

    @property
    def columns(self) -> list[str]:
        """The names of what was measured."""
        return list(self.table(self.seeds[0])) if self.seeds else []

    def __getitem__(self, column: str) -> ndarray:
        """A column of all seeds, [K, C].

        Raises:
            ValueError: where there is none of that name, or seeds have different numbers of rows.
        """
        tables = [self.table(seed) for seed in self.seeds]
        if not tables or any(column not in table for table in tables):
            raise bad_argument("column", repr(column), f"one of {', '.join(self.columns) or 'a record with seeds'}")
        lengths = sorted({len(table[column]) for table in tables})
        if len(lengths) > 1:
            raise bad_argument(
                column, f"seeds with {lengths} rows in {self.folder}", "one length; table(seed) has each"
            )
        return np.array([table[column] for table in tables])

    @property
    def steps(self) -> ndarray:
        """After how many steps it was measured, [C].

        Raises:
            ValueError: where that differs between seeds; record["step"] then has them.
        """
        steps = self["step"]
        if (steps != steps[0]).any():
            raise bad_argument("steps", f"other ones for other seeds in {self.folder}", 'record["step"] asked for')
        return steps[0]

    @property
    def seconds(self) -> ndarray:
        """CPU seconds of each seed [K]: its share of what its group took; NaN where nobody knows."""
        return np.array([np.nan if (s := self.made(seed)["seconds"]) is None else s for seed in self.seeds], float)

    @property
    def diverged(self) -> dict[int, int]:
        """The seeds that diverged, and after how many steps; from there on their weights stood still."""
        return {seed: step for seed in self.seeds if (step := self.made(seed)["diverged"]) is not None}

    def write(
        self,
        seed: int,
        table: Mapping[str, Sequence[float] | ndarray],
        *,
        command: str,
        seconds: float | None = None,
        group: Sequence[int] | None = None,
        diverged: int | None = None,
        packages: Sequence[str] = (),
        **more: Any,
    ) -> None:
        """Write down a seed; its two files are there whole, or it counts as missing.

        Args:
            seed: which.
            table: columns by name, each with one number a row: `step` first.
            command: how to make it again.
            seconds: of CPU, this seed's share.
            group: the seeds that learned side by side, in one process; None: this one alone.
            diverged: after how many steps its gradient was NaN or infinite.
            packages: whose versions matter, besides Python's, PyTorch's, Gymnasium's, NumPy's and our own.
            more: what else should be said of it.

        Raises:
            ValueError: where the seed is there already, or columns differ in length.
        """
        if not self.missing([seed]):
            raise bad_argument("seed", f"{seed}, which is there", f"one that is not in {self.folder}")
        lengths = {name: len(column) for name, column in table.items()}
        if len(set(lengths.values())) != 1:
            raise bad_argument("table", f"columns of lengths {lengths}", "one length")
        rows = zip(*([_digits(x) for x in column] for column in table.values()), strict=True)
        _write(self._file(seed, "csv"), "".join(",".join(row) + "\n" for row in [list(table), *rows]))
        made = {
            "command": command,
            "versions": _versions([*PACKAGES, *packages]),
            "seconds": None if seconds is None else round(seconds, 2),
            "group": list(group or [seed]),
            "diverged": diverged,
        }
        _write(self._file(seed, "json"), _as_json(made | more))  # the last one: it says that the seed is there

    def _file(self, seed: int, kind: str) -> Path:
        return self.folder / f"seed-{seed:04}.{kind}"


def _versions(packages: Iterable[str]) -> dict[str, str]:
    """What is installed of them, with our own and Python's."""
    found = {"rlcourse": __version__, "python": platform.python_version()}
    for package in packages:
        try:
            found.setdefault(package, version(package))
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def _differences(there: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """In words, each setting that two configurations do not share."""
    nothing = object()

    def said(value: Any) -> str:
        return "not set" if value is nothing else json.dumps(value)

    pairs = {name: (wanted.get(name, nothing), there.get(name, nothing)) for name in {**wanted, **there}}
    return [f"{name} {said(new)} (there: {said(old)})" for name, (new, old) in pairs.items() if new != old]


def _digits(x: float) -> str:
    """Whole numbers as they are, others with six digits."""
    return f"{int(x)}" if x == x and abs(x) < 1e15 and x == int(x) else f"{x:.6g}"


def _as_json(said: Mapping[str, Any]) -> str:
    """A line for each name."""
    return "{\n" + ",\n".join(f" {json.dumps(name)}: {json.dumps(value)}" for name, value in said.items()) + "\n}\n"


def _write(path: Path, text: str) -> None:
    """The file is there whole, or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8", newline="\n")
    os.replace(temporary, path)
