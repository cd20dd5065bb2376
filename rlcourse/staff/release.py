"""Make the bundle that students get: `rlcourse release ps1 --to DIR`.

A bundle is a list of files: the notebook, the student edition of the library as a package to install, the lectures with
the recorded curves that they draw, and what lies in rlcourse/staff/bundle/. A manifest says what each held, so that a
newer bundle can tell what a student changed.
"""

import argparse
import json
import os
import re
import shutil
import sys
import tomllib
import zipfile
from pathlib import Path

from rlcourse import __version__
from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.homework.recorded import ORIGINALS
from rlcourse.staff.bundle.upgrade import MANIFEST, NotABundle, digest, shipped, upgrade

ROOT = Path(__file__).parents[2]
TEMPLATES = Path(__file__).with_name("bundle")
RECORDED = re.compile(r"\.\./results\b/?([\w./-]*)")  # how a lecture names a record, in the course as in a bundle
STUDENT_TOOLS = ("gymnasium", "jupyterlab")  # of the extra `course`: the rest is for lecturers
COPIED = ("LICENSE", "constraints.txt", "docs/notation.md")


class ReleaseError(Exception):
    """Why no bundle was made."""


def release(problem_set: str, to: Path, zip: bool = False, solutions: bool = False, root: Path = ROOT) -> list[str]:
    """Make a bundle, or bring the one that is there up to date; what to tell, a line each.

    Args:
        problem_set: ps1 to ps7.
        to: the bundle's folder: new, empty, or an older bundle.
        zip: also pack the bundle as to.zip.
        solutions: add the answers: for after the deadline.
        root: the course's folder.

    Raises:
        ReleaseError: an unknown problem set, exercises/ out of date, or a target that holds something else.
        rlcourse.staff.build.BuildError: a fault in the master notebook, or an answer that would be given away.
    """
    from rlcourse.staff.build import out_of_date

    if problem_set not in PROBLEM_SETS:
        raise ReleaseError(f"problem set: got {problem_set!r}, expected one of {', '.join(PROBLEM_SETS)}")
    to = to.resolve()
    older = _older_bundle(to)
    if stale := out_of_date(root, problem_set):
        raise ReleaseError(f"{', '.join(map(str, stale))}: not what solutions/ makes now; run `rlcourse build` first")

    to.parent.mkdir(parents=True, exist_ok=True)
    fresh = to.with_name(f".{to.name}.{os.getpid()}.tmp")
    told = []
    try:
        fresh.mkdir()
        _assemble(problem_set, fresh, solutions, root)
        if zip:
            told.append(f"{_pack(fresh, to.with_name(to.name + '.zip'), PROBLEM_SETS[problem_set])}: packed")
        if older:
            told = [*upgrade(fresh, to), f"{to}: brought up to date", *told]
        else:
            if to.exists():
                to.rmdir()
            os.replace(fresh, to)
            told.insert(0, f"{to}: made")
    except NotABundle as error:
        raise ReleaseError(str(error)) from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return told


def _older_bundle(to: Path) -> bool:
    """Whether there is a bundle to bring up to date; a target that is anything but that, or free, is refused."""
    if to.exists() and not to.is_dir():
        raise ReleaseError(f"{to}: got a file, expected a folder")
    if not to.exists() or not any(to.iterdir()):
        return False
    try:
        shipped(to)
    except NotABundle as error:
        raise ReleaseError(f"{error}, or a new or empty folder") from error
    return True


def _assemble(problem_set: str, folder: Path, solutions: bool, root: Path) -> None:
    """Every file of a bundle; the manifest last."""
    from rlcourse.staff import guard, master, notebooks
    from rlcourse.staff.edition import student_edition

    name = PROBLEM_SETS[problem_set]
    exercise = root / "exercises" / name / f"{name}.ipynb"
    shutil.copyfile(exercise, folder / exercise.name)
    student_edition(problem_set, folder, root / "rlcourse", solutions)
    for copied in COPIED:
        (folder / copied).parent.mkdir(exist_ok=True)
        shutil.copyfile(root / copied, folder / copied)
    for template in ("README.md", "Makefile", "upgrade.py", "rehearse.py"):
        text = (TEMPLATES / template).read_text(encoding="utf-8").replace("@name@", name)
        (folder / template).write_text(text, encoding="utf-8", newline="\n")
    (folder / "pyproject.toml").write_text(_project(root), encoding="utf-8", newline="\n")
    for lecture in guard.lectures(problem_set, root):
        (folder / "lectures" / ORIGINALS).mkdir(parents=True, exist_ok=True)
        shutil.copyfile(lecture, folder / "lectures" / lecture.name)
        if lecture.name.startswith(guard.LECTURES[problem_set]):  # those before it run with the library's functions
            shutil.copyfile(lecture, folder / "lectures" / ORIGINALS / lecture.name)
        for record in _recorded(lecture, root):
            _copy_record(record, folder / record.relative_to(root))
    if solutions:
        solved = master.solved_notebook(master.read_master(root / "solutions" / name / exercise.name))
        (folder / f"{name}_solved.ipynb").write_text(notebooks.text_of(solved), encoding="utf-8", newline="\n")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    contents = {path.relative_to(folder).as_posix(): digest(path) for path in files}
    manifest = {"problem_set": name, "solutions": solutions, "files": contents}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8", newline="\n")


def _recorded(lecture: Path, root: Path) -> list[Path]:
    """The folders of the records that a lecture names: `Record("../results/dqn_cartpole")`.

    The folder of several names all of them, and so does the beginning of a name, which f"../results/dqn_{world}" is.

    Raises:
        ReleaseError: where there is no record of that name, or results/ is named as a whole.
    """
    cells = json.loads(lecture.read_text(encoding="utf-8"))["cells"]
    records: dict[Path, None] = {}
    for name in RECORDED.findall("\n".join("".join(cell["source"]) for cell in cells)):
        plain, places = name.rstrip("./"), []
        if plain and ".." not in plain:
            place = root / "results" / plain
            places = [place] if place.exists() else sorted((root / "results").glob(f"{plain}*"))
        folders = [place if place.is_dir() else place.parent for place in places]
        found = [config.parent for folder in folders for config in sorted(folder.rglob("config.json"))]
        if not found or root / "results" in folders:
            named = f"{lecture.name} reads ../results/{name}"
            raise ReleaseError(f"{named}, expected a record that is there, by name: a bundle carries no others")
        records |= dict.fromkeys(found)
    return list(records)


def _copy_record(record: Path, to: Path) -> None:
    """Numbers and how they were made, nothing else."""
    for path in sorted(record.iterdir()):
        if path.suffix in (".csv", ".json"):
            to.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, to / path.name)


def _project(root: Path) -> str:
    """The bundle's pyproject.toml: the course's own dependencies, and of its extras what a student uses."""
    ours = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    project = ours["project"]
    tools = [need for need in project["optional-dependencies"]["course"] if need.startswith(STUDENT_TOOLS)]
    return f"""[build-system]
requires = {json.dumps(ours["build-system"]["requires"])}
build-backend = "setuptools.build_meta"

[project]
name = "rlcourse"
version = "{__version__}"
description = {json.dumps(project["description"])}
license = {json.dumps(project["license"])}
license-files = ["LICENSE"]
requires-python = {json.dumps(project["requires-python"])}
dependencies = {json.dumps(project["dependencies"], indent=4)}

[project.optional-dependencies]
lab = {json.dumps(tools)}

[tool.setuptools.packages.find]
include = ["rlcourse*"]

[tool.setuptools.package-data]
rlcourse = ["homework/check_data/*.json"]
"""


def _pack(folder: Path, path: Path, name: str) -> Path:
    """A ZIP file of a bundle, the same bytes each time."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in sorted(path for path in folder.rglob("*") if path.is_file()):
                entry = zipfile.ZipInfo(f"{name}/{file.relative_to(folder).as_posix()}")  # dated 1980
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o100644 << 16
                archive.writestr(entry, file.read_bytes())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def add_parser(commands: argparse._SubParsersAction) -> None:
    """`rlcourse release`."""
    summary = "Make the bundle that students get for a problem set, or bring an older one up to date."
    parser = commands.add_parser("release", help=summary, description=summary)
    parser.add_argument("problem_set", choices=PROBLEM_SETS, help="ps1 to ps7")
    parser.add_argument("--to", required=True, type=Path, metavar="DIR", help="a new or empty folder, or a bundle")
    parser.add_argument("--zip", action="store_true", help="also pack it as DIR.zip")
    parser.add_argument("--solutions", action="store_true", help="add the answers, for after the deadline")
    parser.set_defaults(command=_command)


def _command(options: argparse.Namespace) -> int:
    from rlcourse.staff.build import BuildError

    try:
        told = release(options.problem_set, options.to, options.zip, options.solutions)
    except (ReleaseError, BuildError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    print(*told, sep="\n")
    return 0
