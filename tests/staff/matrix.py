"""Prints what every graded function's checks make of mistakes and of right answers: `make matrix`.

A row a function: its known mistakes (rejected, and named by their own hint), the right styles (passed), and the wrong
answers as people write them (rejected, named rightly, named wrongly). Ends with status 1 where a row falls short.
"""

import importlib
import io
import sys
import warnings
from contextlib import redirect_stdout
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import torch
from right_answers import BY_SET, functions

from rlcourse.homework.checks import Outcome, check
from rlcourse.staff.bank import bank

MODULES = sorted(path.stem for path in Path(__file__).parent.glob("wrong_answers_*.py"))


def asked(function, name: str) -> Outcome:
    """What the check says, without printing it."""
    with redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return check(function, name)


def row(key: str, name: str, answers: list) -> tuple[str, bool]:
    """One line of the table, and whether all is as it should be."""
    known = [(mistake, asked(mistake.function, name)) for mistake in bank(key)[name].misconceptions]
    own = sum(outcome.misconception == mistake.id and outcome.hint == mistake.hint for mistake, outcome in known)
    styles = [asked(functions(style, key)[name], name).state == "correct" for style in BY_SET[key]]
    wrong = [(ids, asked(function, name)) for of, ids, function in answers if of == name]
    rejected = sum(outcome.state == "incorrect" for _, outcome in wrong)
    named = sum(outcome.misconception in ids for ids, outcome in wrong if outcome.misconception)
    misnamed = sum(outcome.misconception not in ids for ids, outcome in wrong if outcome.misconception)
    cells = (f"{own}/{len(known)}", f"{sum(styles)}/{len(styles)}", f"{rejected}/{len(wrong)}", named, misnamed)
    fine = own == len(known) and all(styles) and rejected == len(wrong) and not misnamed
    return f"{key} {name:28}" + "".join(f"{cell!s:>10}" for cell in cells), fine


def main() -> int:
    torch.set_num_threads(1)
    answers = [wrong for module in MODULES for wrong in importlib.import_module(module).WRONG]
    print(f"{'':32}" + "".join(f"{head:>10}" for head in ("mistakes", "styles", "wrong", "named", "misnamed")))
    all_fine = True
    for key in BY_SET:
        for name in bank(key):
            line, fine = row(key, name, answers)
            print(line, flush=True)
            all_fine &= fine
    return 0 if all_fine else 1


if __name__ == "__main__":
    sys.exit(main())
