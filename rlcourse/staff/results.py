"""The folder that results go to: one run at a time, and none of its files damaged."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from rlcourse.staff import export
from rlcourse.staff.whole_class import GradeError


@contextlib.contextmanager
def only_one(out: Path) -> Iterator[None]:
    """Hold the folder's lock; it goes with the process, however that ends."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        file = open(out / ".lock", "w")
    except OSError as error:
        raise GradeError(f"--out: got {out}: {error.strerror}") from None
    with file:
        try:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except ImportError:  # Windows
            pass
        except OSError:
            raise GradeError(f"--out: {out} is in use by another run of `rlcourse grade`") from None
        yield


def drop_damaged(results: Path) -> None:
    """Take away results that are not whole: they are judged again."""
    for path in results.glob("*.json"):
        try:
            whole = {"student", "state", "cells", "notes", "max"} <= set(export.load(path))
        except (ValueError, TypeError):
            whole = False
        if not whole:
            print(f"{path}: damaged, so it is judged again")
            path.unlink()
