"""Records the curves of the silent-bug questions: `python -m rlcourse.staff.silent_bug [ps1 ps2 ..]`.

Two agents learn, eight seeds each: one is right, the other has one fault. Students get the curves; these files, which
name the faults, stay with the staff.
"""

import json
import sys
from typing import Any

from rlcourse.staff.check_data import FOLDER
from rlcourse.staff.silent_bug import ps1, ps2, ps3, ps4, ps5

RECORD = {"ps1": ps1.record, "ps2": ps2.record, "ps3": ps3.record, "ps4": ps4.record, "ps5": ps5.record}


def main(arguments: list[str]) -> int:
    for problem_set in arguments or RECORD:
        if problem_set not in RECORD:
            print(f"problem set: got {problem_set!r}, expected one of {', '.join(RECORD)}", file=sys.stderr)
            return 2
        text = written(RECORD[problem_set]())
        (FOLDER / f"{problem_set}_silent_bug.json").write_text(text, encoding="utf-8")
        print(f"{problem_set}_silent_bug.json: {len(text) / 1000:.0f} kB")
    return 0


def written(data: dict[str, Any]) -> str:
    """The recorded data as JSON, a seed a line."""
    lines = []
    for key, value in data.items():
        if key in ("correct", "faulty"):
            curves = [
                f'  "{name}": [\n' + ",\n".join(f"   {seed}" for seed in seeds) + "\n  ]"
                for name, seeds in value.items()
            ]
            lines.append(f' "{key}": {{\n' + ",\n".join(curves) + "\n }")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    text = "{\n" + ",\n".join(lines) + "\n}\n"
    json.loads(text)
    return text
