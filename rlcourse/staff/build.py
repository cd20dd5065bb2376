"""Build the students' exercises and the check data: solutions/ is the only source, exercises/ is generated.

Everything is made in memory and looked through first; only then is it written, file by file, each whole.
"""

import argparse
import sys
from pathlib import Path

from rlcourse.contracts.graded import PROBLEM_SETS

ROOT = Path(__file__).parents[2]


class BuildError(Exception):
    """What is wrong with the master notebooks, a line for each fault: notebook, cell, line."""


def build(root: Path = ROOT, only: str | None = None) -> list[Path]:
    """Regenerate exercises/ and the check data; the paths that changed, relative to root.

    Args:
        root: the course's folder.
        only: one problem set, ps1 to ps7; default all that solutions/ has.

    Raises:
        BuildError: naming notebook, cell and line; nothing is written then.
    """
    from rlcourse.staff import notebooks

    changed = _changes(root, only)
    for path, text in changed.items():
        if text is None:
            (root / path).unlink()
        else:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            notebooks.replace(root / path, text)
    return list(changed)


def out_of_date(root: Path = ROOT, only: str | None = None) -> list[Path]:
    """The generated files that are not what solutions/ and the library now make of them; raises as build does."""
    return list(_changes(root, only))


def _changes(root: Path, only: str | None) -> dict[Path, str | None]:
    """The generated files that differ from what is there: what they should hold, None where they should not be."""
    from rlcourse.staff import check_data, guard, master, notebooks

    def there(path: Path) -> str | None:
        return (root / path).read_text(encoding="utf-8") if (root / path).is_file() else None

    files: dict[Path, str | None] = {}
    faults = []
    for key, folder in _problem_sets(root, only).items():
        path = folder / f"{folder.name}.ipynb"
        try:
            exercise = master.student_notebook(master.read_master(path), root)
        except notebooks.NotebookError as error:
            faults.append(str(error))
            continue
        files[Path("exercises", folder.name, path.name)] = notebooks.text_of(exercise)
        numbers = Path("rlcourse", "homework", "check_data", f"{key}.json")
        fresh = check_data.is_fresh(key, there(numbers) or "")
        files[numbers] = there(numbers) if fresh else check_data.write_check_data(key)
        faults += guard.leaks(key, exercise, root)
    if faults:
        raise BuildError("\n".join(faults))
    if only is None:
        for path in (root / "exercises").glob("*/*.ipynb"):  # generated once, its source gone since
            files.setdefault(path.relative_to(root), None)
    return {path: text for path, text in files.items() if text != there(path)}


def _problem_sets(root: Path, only: str | None) -> dict[str, Path]:
    """The folders of solutions/ by key, each with its master notebook and nothing else."""
    keys = {name: key for key, name in PROBLEM_SETS.items() if only in (None, key)}
    folders = {keys[path.name]: path for path in sorted((root / "solutions").glob("*")) if path.name in keys}
    if not folders:
        raise BuildError(f"{root / 'solutions'}: got none of {', '.join(keys)}, expected one of them")
    strangers = [
        path
        for path in (root / "solutions").glob("*")
        if path.name not in PROBLEM_SETS.values() and not path.name.startswith(".")
    ]
    for folder in folders.values():
        strangers += [
            path for path in folder.glob("*") if path.name != f"{folder.name}.ipynb" and not path.name.startswith(".")
        ]
    if strangers:
        listed = "\n".join(f"{path}: not on the list of what is handed out" for path in sorted(strangers))
        raise BuildError(f"{listed}\nexpected one master notebook for each problem set, solutions/NAME/NAME.ipynb")
    return folders


def add_parser(commands: argparse._SubParsersAction) -> None:
    """`rlcourse build`."""
    summary = "Build the students' exercises and the check data from solutions/."
    parser = commands.add_parser("build", help=summary, description=summary)
    parser.add_argument("problem_set", nargs="?", choices=PROBLEM_SETS, help="only this one, ps1 to ps7")
    parser.add_argument("--check", action="store_true", help="write nothing, name what is out of date")
    parser.set_defaults(command=_command)


def _command(options: argparse.Namespace) -> int:
    try:
        changed = (out_of_date if options.check else build)(only=options.problem_set)
    except (BuildError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(*(f"{path}: {'out of date' if options.check else 'written'}" for path in changed), sep="\n", end="")
    print("" if changed else "nothing changed")
    return 1 if options.check and changed else 0
