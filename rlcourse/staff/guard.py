"""What must not be handed out with a problem set, and whether its exercise, its lectures or the library hold it."""

import json
from collections.abc import Iterator
from pathlib import Path

from nbformat import NotebookNode

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.staff import answers, bank, edition, notebooks

LECTURES = {  # which lectures travel with which problem set, and with all later ones
    "ps1": ("01", "02"),
    "ps2": ("03", "04", "05"),
    "ps3": ("06", "07"),
    "ps4": ("08", "09"),
    "ps5": ("10", "11"),
    "ps6": ("12", "13"),
    "ps7": ("14", "15"),
}


def leaks(problem_set: str, exercise: NotebookNode, root: Path) -> list[str]:
    """Where an answer would be given away: in the exercise, the lectures or the student edition; and broken stubs."""
    secret = secrets(problem_set, root)
    faults = [f"exercises/{PROBLEM_SETS[problem_set]}: {fault}" for fault in faults_of_notebook(exercise, secret)]
    for path in lectures(problem_set, root):
        faults += [f"{path}: {fault}" for fault in faults_of_notebook(notebooks.read(path), secret)]
    for name, source in edition.edition_sources(problem_set, root / "rlcourse").items():
        faults += [
            f"the student edition's rlcourse/{name}: line {line} holds {what}"
            for line, what in answers.find(source, secret)
        ]
    return faults


def lectures(problem_set: str, root: Path) -> list[Path]:
    """The lectures that travel with a problem set: its own and those before it."""
    numbers = [number for key in LECTURES if key <= problem_set for number in LECTURES[key]]
    return sorted(path for number in numbers for path in (root / "notebooks").glob(f"{number}*_*.ipynb"))


def secrets(problem_set: str, root: Path) -> list[answers.Answer]:
    """The answers that a student of this problem set must not be given: its own and those of all later ones."""
    sets = answers.not_before(problem_set)
    found = list(answers.graded_bodies(sets, root / "rlcourse"))
    for key in sets:
        name = PROBLEM_SETS[key]
        master = root / "solutions" / name / f"{name}.ipynb"
        if master.exists():
            found += answers.solutions(name, notebooks.read(master).cells)
        for function, entry in bank.bank(key).items():
            for wrong in entry.misconceptions:
                found += answers.of_function(f"the misconception {wrong.id} of {function}", wrong.function)
    return found


def faults_of_notebook(notebook: NotebookNode, secret: list[answers.Answer]) -> Iterator[str]:
    """Code cells that are not Python, and answers in cells or outputs."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            try:
                for line, what in answers.find(cell.source, secret):
                    yield f"cell {cell.id}: line {line} holds {what}"
            except SyntaxError as error:
                yield f"cell {cell.id}: line {error.lineno} is not Python: {error.msg}"
            outputs = "\n".join(json.dumps(output) for output in cell.outputs).replace("\\n", "\n")
            yield from (f"cell {cell.id}: an output holds {what}" for what in answers.find_text(outputs, secret))
        else:
            yield from (f"cell {cell.id}: holds {what}" for what in answers.find_text(cell.source, secret))
