"""Writes the check data of a problem set: `python -m rlcourse.staff.check_data ps1`.

Processors round differently: a float32 product with fused multiply-add has other last digits. So numbers are stored
with 6 significant digits, the file carries a hash of the sources it was made from, and that hash alone says whether it
is fresh.
"""

import dataclasses
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.homework.compare import compare
from rlcourse.homework.wire import decode, encode
from rlcourse.staff.bank import Case, Entry, bank

PACKAGE = Path(__file__).parents[1]
FOLDER = PACKAGE / "homework" / "check_data"
DIGITS = 6
# The files behind the numbers of a problem set: its bank, the equations, the scenarios, and how they are written.
SOURCES = (
    "staff/bank/{}*.py",
    "staff/bank/__init__.py",
    "staff/bank/drawing.py",
    "functional/*.py",
    "homework/scenarios/*.py",
    "staff/check_data.py",
    "homework/compare.py",
    "homework/wire.py",
)


def points(problem_set: str, package: Path = PACKAGE) -> dict[str, dict[str, float]]:
    """What each part of a function is worth, {"q_backup": {"values": 2, "edges": 1}}, by the master's test cells."""
    name = PROBLEM_SETS[problem_set]
    master = package.parent / "solutions" / name / f"{name}.ipynb"
    found: dict[str, dict[str, float]] = {}
    for cell in json.loads(master.read_text(encoding="utf-8"))["cells"] if master.is_file() else []:
        called = re.search(r"^check\((\w+)(?:, part=\"(\w+)\")?\)", "".join(cell["source"]), re.MULTILINE)
        if called and cell["cell_type"] == "code":
            found.setdefault(called[1], {})[called[2] or "all"] = cell["metadata"]["nbgrader"]["points"]
    return found


def sources(problem_set: str, package: Path = PACKAGE) -> str:
    """A hash of the sources of a problem set's check data: the same on every machine, whatever ends its lines."""
    digest = hashlib.sha256(json.dumps(points(problem_set, package)).encode())
    for pattern in SOURCES:
        for path in sorted(package.glob(pattern.format(problem_set))):
            digest.update(f"{path.relative_to(package).as_posix()}\n{path.read_text(encoding='utf-8')}\0".encode())
    return digest.hexdigest()[:16]


def is_fresh(problem_set: str, text: str) -> bool:
    """Whether the text of a problem set's check data was made from the sources as they are now."""
    try:
        return json.loads(text).get("sources") == sources(problem_set)
    except (ValueError, AttributeError):  # no JSON, or not a dict: half written, or by hand
        return False


def _rounded(data: Any) -> Any:
    """Encoded data with every float at 6 digits; what is left of a sum that should be 0 becomes 0."""
    if isinstance(data, float):
        return 0.0 if abs(data) < 1e-12 else float(f"{data:.{DIGITS}g}")
    if isinstance(data, list):
        return [_rounded(item) for item in data]
    return {key: _rounded(item) for key, item in data.items()} if isinstance(data, dict) else data


def _case(entry: Entry, case: Case) -> dict[str, Any]:
    """One case as data: what is asked, what is right, and what those misconceptions answer that are wrong on it."""
    arguments = _rounded([encode(argument) for argument in case.arguments])
    case = dataclasses.replace(case, arguments=tuple(map(decode, arguments)))  # those that students get
    right = case.ask(entry.function)
    answers = {mistake.id: case.ask(mistake.function) for mistake in entry.misconceptions}
    written = {"about": case.about, "part": case.part}
    written |= {"scenario": case.scenario} if case.scenario else {}
    written |= {"otherwise": case.otherwise} if case.otherwise else {}
    return written | {
        "arguments": arguments,
        "expected": _rounded(encode(right)),
        "wrong": {"dict": {id: _rounded(encode(answer)) for id, answer in answers.items() if compare(answer, right)}},
    }


def _dump(data: Any, levels: int, indent: str = "") -> str:
    """JSON with the outer levels spread over lines, one entry a line, and the inner ones on one."""
    if not levels or not data or not isinstance(data, dict | list):
        return json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    inner = indent + " "
    if isinstance(data, list):
        lines = [inner + _dump(item, levels - 1, inner) for item in data]
    else:
        lines = [f"{inner}{json.dumps(key)}: {_dump(item, levels - 1, inner)}" for key, item in data.items()]
    return "\n".join(
        ("[" if isinstance(data, list) else "{", ",\n".join(lines), indent + ("]" if isinstance(data, list) else "}"))
    )


def write_check_data(problem_set: str) -> str:
    """The text of rlcourse/homework/check_data/<problem_set>.json, from the bank and the library's own functions."""
    entries = bank(problem_set)
    worth = points(problem_set)
    functions = {
        name: {
            "call": entry.call,
            "points": worth.get(name, {}),
            "hints": {mistake.id: mistake.hint for mistake in entry.misconceptions},
            "cases": [_case(entry, case) for case in entry.cases],
        }
        for name, entry in entries.items()
    }
    written = {"problem_set": problem_set, "sources": sources(problem_set), "functions": functions}
    return _dump(written, levels=5) + "\n"


def main(arguments: list[str]) -> int:
    try:
        texts = {problem_set: write_check_data(problem_set) for problem_set in arguments or ["ps1"]}
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    for problem_set, text in texts.items():
        (FOLDER / f"{problem_set}.json").write_text(text, encoding="utf-8")
        print(f"{problem_set}.json: {len(text) / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
