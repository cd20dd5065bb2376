"""Bring an older bundle up to date and keep the work in it. In the folder of the new bundle:

    python upgrade.py OLD_FOLDER

Files that came with the old bundle are replaced unless you changed them. What you changed, or added, stays; where ours
changed as well, it is laid beside yours as NAME.new.
"""

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path

MANIFEST = "manifest.json"


class NotABundle(ValueError):
    """A folder that no bundle was unpacked into; the message names it."""


def digest(path: Path) -> str:
    """The SHA-256 of a file; "" where there is none."""
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def shipped(folder: Path) -> dict[str, str]:
    """The files that a bundle came with, and what they held then."""
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        if isinstance(files, dict) and all(isinstance(value, str) for value in files.values()):
            return files
    except (OSError, ValueError, KeyError, TypeError):
        pass
    raise NotABundle(f"{folder}: got a folder without a readable {MANIFEST}, expected a bundle")


def upgrade(new: Path, old: Path) -> list[str]:
    """Bring the bundle in `old` to what `new` holds; a line for each file of the student's that ours lies beside."""
    before, after = shipped(old), shipped(new)
    _stay_inside(old, [*before, *after])
    told = []
    for name, ours in after.items():
        place, theirs = old / name, digest(old / name)
        if theirs in ("", ours, before.get(name)):  # gone, or as we made it
            if theirs != ours:
                _put(new / name, place)
        elif ours != before.get(name):
            beside = _beside(place, ours)
            _put(new / name, beside)
            told.append(f"{name}: changed here, so it stays; the new one lies beside it as {beside.name}")
    for name, ours in before.items():
        solved = name.endswith("_solved.ipynb")
        if name in after or not (solved or name.startswith("rlcourse/")):
            continue
        if digest(old / name) == ours:
            (old / name).unlink()  # a module that is no more would only confuse
        elif solved and (old / name).exists():
            told.append(f"{name}: changed here, so it stays, and the solutions in it")
    for compiled in (old / "rlcourse").rglob("__pycache__"):  # of what is replaced: the solutions, once more
        shutil.rmtree(compiled, ignore_errors=True)
    _put(new / MANIFEST, old / MANIFEST)  # last: an upgrade that was stopped half-way begins again
    return told


def _stay_inside(folder: Path, names: list[str]) -> None:
    """A manifest, or a link, that leads out of the folder would have us write elsewhere."""
    for name in names:
        if not (folder / name).parent.resolve().is_relative_to(folder.resolve()):
            raise NotABundle(f"{folder}: {name} leads out of it, expected a bundle's files")


def _beside(place: Path, ours: str) -> Path:
    """A name beside a file that holds nothing else: tabular.new.py, then tabular.new2.py."""
    for count in range(1, 1000):
        beside = place.with_name(f"{place.stem}.new{count if count > 1 else ''}{place.suffix}")
        if digest(beside) in ("", ours):
            return beside
    raise FileExistsError(place)


def _put(source: Path, place: Path) -> None:
    """Copy a file whole or not at all."""
    place.parent.mkdir(parents=True, exist_ok=True)
    temporary = place.with_name(f".{place.name}.{os.getpid()}.tmp")
    try:
        shutil.copyfile(source, temporary)
        os.replace(temporary, place)
    finally:
        temporary.unlink(missing_ok=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        notes = upgrade(Path(__file__).parent, Path(sys.argv[1]))
    except NotABundle as mistake:
        print(mistake, file=sys.stderr)
        sys.exit(2)
    print(*notes, f"{sys.argv[1]} is up to date", sep="\n")
