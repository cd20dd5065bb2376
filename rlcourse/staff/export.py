"""What becomes of the results: the points that count in the end, grades.csv, Gradescope's results.json."""

import csv
import io
import json
import os
import tempfile
from pathlib import Path
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t")  # a spreadsheet would run a text that starts so


def write(path: Path, text: str) -> None:
    """Write a file whole or not at all, its folder too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def load(path: Path) -> dict[str, Any]:
    """What a JSON file holds; {} where there is none."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def with_answers(result: dict[str, Any], answers: dict[str, str]) -> dict[str, Any]:
    """A result with the written answers, by cell, for the person who grades them."""
    cells = [
        cell | {"answer": answers.get(cell["cell"], "")} if cell["verdict"] == "manual" else cell
        for cell in result["cells"]
    ]
    return result | {"cells": cells}


def files_csv(files: list[tuple[str, str, str]]) -> str:
    """One line a file that was handed in: where, whose, and why it is not graded."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file", "id", "graded", "why not"])
    for path, student, why_not in files:
        writer.writerow([plain(entry) for entry in (path, student, "no" if why_not else "yes", why_not)])
    return text.getvalue()


def plain(entry: str) -> str:
    """An entry that no spreadsheet runs, and that every file can hold."""
    entry = entry.encode("utf-8", "backslashreplace").decode()
    return f"'{entry}" if entry.startswith(FORMULA) else entry


def final(result: dict[str, Any], by_hand: dict[str, dict], overrides: dict[str, dict]) -> dict[str, Any]:
    """A result with what people decided: points for written answers, and overrides, which win over everything."""
    graded = []
    for cell in result["cells"]:
        if (points := by_hand.get(cell["cell"])) is not None:
            cell = cell | {"points": points, "by_hand": True}
        if override := overrides.get(cell["cell"]):
            cell = cell | {"points": override["points"], "overridden": override["reason"]}
        graded.append(cell)
    if result["state"] == "not graded yet":
        return result | {"score": None}
    # A cell whose test is at fault has no points until the test is mended or a person gives some.
    fault = not graded or any(cell["points"] is None and cell["verdict"] == "grader error" for cell in graded)
    state = "grader error" if fault else "graded" if result["state"] == "grader error" else result["state"]
    score = None if fault else sum(cell["points"] or 0 for cell in graded)
    return result | {"cells": graded, "state": state, "score": score}


def number(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def grades_csv(results: list[dict[str, Any]], names: list[str]) -> str:
    """One line a student: id, score, max, a column a graded cell, status, note, overridden."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "score", "max", *names, "status", "note", "overridden"])
    for result in results:
        points = {cell["cell"]: number(cell["points"]) for cell in result["cells"]}
        open_answers = [c["cell"] for c in result["cells"] if c["verdict"] == "manual" and c["points"] is None]
        notes = result["notes"] + ([f"to be graded by a person: {', '.join(open_answers)}"] if open_answers else [])
        notes = [note.strip().splitlines()[-1] for note in notes]
        overridden = [f"{c['cell']}: {c['overridden']}" for c in result["cells"] if c.get("overridden")]
        row = [result["student"], number(result["score"]), number(result["max"])]
        row += [*(points.get(name, "") for name in names), status(result), "; ".join(notes), "; ".join(overridden)]
        writer.writerow([plain(entry) for entry in row])
    return text.getvalue()


def status(result: dict[str, Any]) -> str:
    return "grader error: regrade me" if result["state"] == "grader error" else result["state"]


def gradescope(result: dict[str, Any]) -> str:
    """Gradescope's results.json of an autograder: https://gradescope-autograders.readthedocs.io/en/latest/specs/"""
    tests = [
        {
            "name": cell["cell"],
            "score": cell["points"] or 0,
            "max_score": cell["max"],
            "status": "passed" if cell["points"] == cell["max"] else "failed",
            "output": "\n".join(filter(None, [cell["verdict"], cell["hint"], cell["public"].strip()])),
            "output_format": "text",
            "visibility": "visible",
        }
        for cell in result["cells"]
        if cell["verdict"] not in ("manual", "grader error")  # Gradescope's own pages are for what people grade
    ]
    return json.dumps({"output": "; ".join(result["notes"]), "output_format": "text", "tests": tests}, indent=1)
