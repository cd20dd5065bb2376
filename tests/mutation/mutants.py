"""Mutants of a function: its source with one small change each, made by cosmic-ray's operators.

`python tests/mutation/mutants.py huber_loss` prints those of one function that every case lets pass.
"""

import ast
import copy
import inspect
import json
import signal
import sys
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.homework.checks import ask, compare
from rlcourse.staff.bank import Case, entry
from rlcourse.staff.hidden import cases_of, set_seed

HERE = Path(__file__).parent
SOLUTIONS = HERE.parents[1] / "solutions"
SEEDS = (0, 1, 2)
SECONDS = 5  # after which a mutant that still runs counts as killed
NEEDS_A_NAME = ("VariableReplacer", "VariableInserter")  # operators that want to be told of which variable
OPERATORS = [get_operator(name)() for name in operator_names() if not name.endswith(NEEDS_A_NAME)]


@dataclass(frozen=True)
class Mutant:
    """A function with one change. `line` is the changed line, by which a list of survivors knows it."""

    line: str
    function: Callable


def _bare(definition: ast.FunctionDef) -> str:
    """A function's source without decorators, annotations and docstring: what is left is the equation."""
    definition.decorator_list, definition.returns = [], None
    for argument in definition.args.args:
        argument.annotation = None
    if ast.get_docstring(definition):
        definition.body = definition.body[1:]
    return ast.unparse(definition)


def bodies(name: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """The right bodies of a graded function, the library's and that of the solutions: source and namespace of each."""
    function = entry(name).function
    library = ast.parse(textwrap.dedent(inspect.getsource(function.body))).body[0]
    found = {"library": (_bare(library), dict(vars(sys.modules[function.__module__])))}
    folder = PROBLEM_SETS[function.exercise.problem_set]
    notebook = json.loads((SOLUTIONS / folder / f"{folder}.ipynb").read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code" and f"def {name}(" in source:
            tree = ast.parse(source)
            definition = next(node for node in tree.body if getattr(node, "name", "") == name)
            namespace: dict[str, Any] = {}
            exec("import numpy as np" + "\nimport torch" * (folder[:3] != "ps1"), namespace)
            found["solution"] = _bare(definition), namespace
    return found


def mutants(source: str, namespace: dict[str, Any], name: str) -> Iterator[Mutant]:
    """Every function that differs from the source in one place."""
    seen = {ast.unparse(ast.parse(source))}
    for operator in OPERATORS:
        occurrence = 0
        while (mutated := mutate_code(source, operator, occurrence)) is not None:
            occurrence += 1
            try:
                normal = ast.unparse(ast.parse(mutated))
                code = compile(normal, f"<mutant of {name}>", "exec")
            except SyntaxError:
                continue
            if normal not in seen:
                seen.add(normal)
                changed = [a for a, b in zip(normal.splitlines(), source.splitlines(), strict=False) if a != b]
                own = dict(namespace)
                exec(code, own)
                yield Mutant(changed[0].strip() if changed else normal.splitlines()[-1].strip(), own[name])


class TooSlow(BaseException):
    """No Exception: what catches those for the student's sake does not catch this."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Interrupt what takes longer: a mutated loop may never end."""

    def stop(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class Questions:
    """All cases of one function, public and hidden of three seeds, each with what is right."""

    def __init__(self, name: str) -> None:
        self.pairs: list[tuple[Case, Any]] = []
        for seed in SEEDS:
            set_seed(seed)
            of = entry(name)
            cases = cases_of(name, of)[len(of.cases) if self.pairs else 0 :]
            self.pairs += [(case, case.ask(of.function)) for case in cases]
        set_seed(None)

    def verdict(self, function: Callable) -> str:
        """ "killed" where a case is answered wrongly, "broken" where each one raises, else "survived"."""
        answered = raised = False
        for case, right in self.pairs:
            try:
                with at_most(SECONDS):
                    answer = ask(function, copy.deepcopy(case.arguments), case.scenario)
            except TooSlow:
                return "killed"
            if answer.error is None and compare(answer.value, right):
                return "killed"
            answered, raised = answered or answer.error is None, raised or answer.error is not None
            if answered and raised:
                return "killed"
        return "survived" if answered else "broken"


def survivors_with_reasons(problem_set: str) -> dict[str, dict[str, str]]:
    """By function, the changed lines that change no behaviour, each with the reason."""
    path = HERE / f"survivors_{problem_set}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def main(names: list[str]) -> None:
    for name in names:
        questions = Questions(name)
        for whose, (source, namespace) in bodies(name).items():
            verdicts = {mutant: questions.verdict(mutant.function) for mutant in mutants(source, namespace, name)}
            counts = {word: list(verdicts.values()).count(word) for word in ("killed", "broken", "survived")}
            print(f"{name} ({whose}): {counts}")
            for mutant, verdict in verdicts.items():
                if verdict == "survived":
                    print(f"    {mutant.line}")


if __name__ == "__main__":
    main(sys.argv[1:])
