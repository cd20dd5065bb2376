"""Writes the check data of a problem set: `python -m rlcourse.staff.check_data ps1`.

Numbers are rounded to 10 significant digits, so that another processor or library version writes the same bytes.
"""

import json
import sys
from pathlib import Path
from typing import Any

from rlcourse.checks import compare
from rlcourse.staff.bank import Case, Entry, bank
from rlcourse.wire import encode

FOLDER = Path(__file__).parents[1] / "check_data"


def _rounded(data: Any) -> Any:
    """Encoded data with every float at 10 digits; what is left of a sum that should be 0 becomes 0."""
    if isinstance(data, float):
        return 0.0 if abs(data) < 1e-12 else float(f"{data:.10g}")
    if isinstance(data, list):
        return [_rounded(item) for item in data]
    return {key: _rounded(item) for key, item in data.items()} if isinstance(data, dict) else data


def _case(entry: Entry, case: Case) -> dict[str, Any]:
    """One case as data: what is asked, what is right, and what those misconceptions answer that are wrong on it."""
    right = case.ask(entry.function)
    answers = {mistake.id: case.ask(mistake.function) for mistake in entry.misconceptions}
    written = {"about": case.about, "part": case.part}
    written |= {"scenario": case.scenario} if case.scenario else {}
    written |= {"otherwise": case.otherwise} if case.otherwise else {}
    return written | {
        "arguments": _rounded([encode(argument) for argument in case.arguments]),
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
    """The text of rlcourse/check_data/<problem_set>.json, from the bank and the library's own functions."""
    functions = {
        name: {
            "call": entry.call,
            "hints": {mistake.id: mistake.hint for mistake in entry.misconceptions},
            "cases": [_case(entry, case) for case in entry.cases],
        }
        for name, entry in bank(problem_set).items()
    }
    return _dump({"problem_set": problem_set, "functions": functions}, levels=5) + "\n"


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
