"""The files of a download: what lies in a folder or in the archive of a whole class.

Students decide what lies there, so only plain files are opened, and no link is followed.
"""

import errno
import functools
import os
import stat
from pathlib import Path
from typing import BinaryIO

from rlcourse.staff.archives import File, archive, left_behind, one_file, read_stream


def listing(folder: Path, out: Path | None = None) -> list[File]:
    """Every file and folder below, archives closed; of a zip archive, its members.

    Args:
        folder: an existing folder or archive.
        out: where results go: left out where it lies inside, as results of another run do.
    """
    folder = folder.resolve()  # the lecturer's own link is followed
    if not folder.is_dir():
        return list(archive("", functools.partial(open_plain, str(folder)), 1)(None))
    found, waiting = [], [(str(folder), "")]
    while waiting:
        place, prefix = waiting.pop()
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            found.append(File(prefix, why_not=f"cannot be read: {error.strerror}"))
            continue
        for entry in entries:
            file = on_disk(entry, prefix + shown(entry.name))
            if file.path.endswith("/") and not file.why_not:
                if out and entry.path == str(out.resolve()) or not prefix and is_results(entry.path):
                    file = File(file.path, why_not="results of grading")
                else:
                    waiting.append((entry.path, file.path))
            found.append(file)
    return sorted(found, key=lambda file: file.path)


def on_disk(entry: os.DirEntry, path: str) -> File:
    """One entry of a folder."""
    if entry.is_symlink():
        return File(path, why_not="a link, and links are not followed")
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return File(path, why_not=f"cannot be read: {error.strerror}")
    if stat.S_ISDIR(status.st_mode):
        return File(f"{path}/", why_not=left_behind(path))
    if not stat.S_ISREG(status.st_mode):
        return File(path, why_not="not a plain file (a pipe, a socket or a device)")
    read = functools.partial(read_stream, functools.partial(open_plain, entry.path))
    return one_file(path, status.st_mtime, read, functools.partial(open_plain, entry.path), 1)


def is_results(folder: str) -> bool:
    """Whether an earlier run wrote there."""
    return all(os.path.isfile(os.path.join(folder, name)) for name in (".lock", "files.csv"))


def shown(name: str) -> str:
    """A name on disk as text; one that is not UTF-8 is taken for Windows's Western European."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("cp1252", "replace")
    return name


def open_plain(path: str) -> BinaryIO:
    """A plain file and nothing else: opening a pipe would wait for ever, and a link can lead anywhere."""
    flags = [getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY")]
    handle = os.open(path, os.O_RDONLY | sum(flags))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "not a plain file", path)
    return os.fdopen(handle, "rb")
