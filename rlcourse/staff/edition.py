"""The student edition of the library: what a problem set asks for, and everything later, without its body.

A stripped function keeps its decorator, signature and docstring; its body asks for the student's own
version, which lectures run with, and says which exercise it is where there is none. All else keeps its text. Only the
Python files of the folders named here are handed out.
"""

import ast
from pathlib import Path

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.staff.answers import graded_functions, not_before

PACKAGE = Path(__file__).parents[1]
FOLDERS = "contracts functional worlds parts training agents records pictures homework".split()  # staff/ is not one
AS_ASKED = ".body.students = True  # agents call it in the shapes that the exercise has"
CHECK_DATA = ("", "_silent_bug")  # what follows ps1 in the names of its data


def student_edition(problem_set: str, folder: Path, package: Path = PACKAGE, solutions: bool = False) -> None:
    """Write the student edition of a problem set to folder/rlcourse, check data of this set and earlier ones included.

    Args:
        problem_set: ps1 to ps7.
        folder: where it goes.
        package: the library it is made from.
        solutions: keep the bodies of this problem set: for after the deadline.
    """
    files = edition_sources(problem_set, package, solutions)
    for earlier in list(PROBLEM_SETS)[: list(PROBLEM_SETS).index(problem_set) + 1]:
        for data in (package / "homework" / "check_data" / f"{earlier}{kind}.json" for kind in CHECK_DATA):
            if data.exists():
                files[f"homework/check_data/{data.name}"] = data.read_text(encoding="utf-8")
    for name, text in files.items():
        path = folder / "rlcourse" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")


def edition_sources(problem_set: str, package: Path = PACKAGE, solutions: bool = False) -> dict[str, str]:
    """The modules of the student edition, by path: their source."""
    if problem_set not in PROBLEM_SETS:
        raise ValueError(f"problem_set: got {problem_set!r}, expected one of {', '.join(PROBLEM_SETS)}")
    sets = not_before(problem_set)[1 if solutions else 0 :]
    return {name: strip((package / name).read_text(encoding="utf-8"), sets) for name in modules(package)}


def modules(package: Path = PACKAGE) -> list[str]:
    """The paths of the student edition's modules: all Python files of its folders, nothing else."""
    files = (path for folder in FOLDERS for path in (package / folder).rglob("*.py"))
    return sorted(["__init__.py", *(path.relative_to(package).as_posix() for path in files)])


def strip(source: str, sets: list[str]) -> str:
    """A module without the bodies of the graded functions of some problem sets, and without what only they used."""
    lines = source.splitlines(keepends=True)
    stripped = False
    for function, problem_set, _ in reversed(list(graded_functions(ast.parse(source)))):
        if problem_set not in sets:
            continue
        has_docstring = ast.get_docstring(function) is not None
        first = function.body[0].end_lineno if has_docstring else function.body[0].lineno - 1
        end = function.end_lineno
        while end < len(lines) and lines[end].startswith((" ", "\t")):  # comments that trail the last statement
            end += 1
        arguments = ", ".join(argument.arg for argument in (*function.args.args, *function.args.kwonlyargs))
        lines[first:end] = [
            f'    return mine("{function.name}")({arguments})\n',
            "\n\n",
            f"{function.name}{AS_ASKED}\n",
        ]
        stripped = True
    return _without_orphans(_importing_mine("".join(lines))) if stripped else source


def _importing_mine(source: str) -> str:
    """A module that also imports `mine`, after its last import."""
    lines = source.splitlines(keepends=True)
    imports = [node for node in ast.parse(source).body if isinstance(node, ast.Import | ast.ImportFrom)]
    lines.insert(max((node.end_lineno for node in imports), default=0), "from rlcourse.homework.mine import mine\n")
    return "".join(lines)


def _without_orphans(source: str) -> str:
    """A module without the private functions that nothing in it uses any more."""
    tree = ast.parse(source)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("_") and node.name not in used:
            lines = source.splitlines(keepends=True)
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)]) - 1
            end = node.end_lineno
            while end < len(lines) and not lines[end].strip():
                end += 1
            return _without_orphans("".join(lines[:first] + lines[end:]))
    return source
