"""Zip archives that students made: read where they are, never unpacked, at a bounded cost.

No path in an archive leads anywhere, and what a student's archives may cost together is bounded in bytes read, in
members and in depth.
"""

import functools
import io
import os
import re
import stat
import struct
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from rlcourse.staff.slim import MAX_FILE_BYTES

MAX_BYTES = 2**30  # read of the archives in one student's archives, all together
MAX_MEMBERS = 20_000  # of one student's archives, all together
MAX_DEPTH = 4  # archives in archives, a download of the whole class included
MAX_DIRECTORY = 2**23  # bytes of a student's archive's list of members: some 100,000 of them
SYSTEMS = re.compile(r"(^|/)(__MACOSX|\.DS_Store|\._[^/]*|Thumbs\.db|desktop\.ini)(/|$)", re.IGNORECASE)
HIDDEN = re.compile(r"(^|/)\.[^/]+(/|$)")  # .ipynb_checkpoints too


@dataclass(frozen=True)
class File:
    """A file, a folder or an archive in SUBMISSIONS, or in an archive there."""

    path: str  # from SUBMISSIONS on, with "/" between its parts; a folder's ends in "/"
    time: float | None = None  # seconds since 1970, as on disk; None where an archive does not say
    read: Callable[..., bytes] = bytes  # its content, hardly more than a limit
    members: "Callable[[Budget | None], Iterator[File]] | None" = None  # of an archive: what is in it
    why_not: str = ""  # why it is not read


@dataclass
class Budget:
    """What one student's archives may still cost."""

    bytes: int = MAX_BYTES
    members: int = MAX_MEMBERS


class Refused(Exception):
    """Why an archive is not read."""


def opened(file: File, budget: Budget) -> Iterator[File]:
    """The file; of an archive, what is in it and in the archives in it."""
    yield file
    if file.members:
        for member in file.members(budget):
            yield from opened(member, budget)


def one_file(path: str, time: float | None, read: Callable, open_it: Callable[[], BinaryIO], depth: int) -> File:
    """A plain file, which may be an archive."""
    if why_not := left_behind(path):
        return File(path, time, why_not=why_not)
    if not path.lower().endswith(".zip"):
        return File(path, time, read)
    return File(path, time, read, archive(f"{path}/", open_it, depth))


def left_behind(path: str) -> str:
    """Why a name says that a file is nobody's work."""
    if SYSTEMS.search(path):
        return "left behind by macOS or Windows"
    return "hidden: its name begins with a dot" if HIDDEN.search(path) else ""


def read_stream(open_it: Callable[[], BinaryIO], limit: int = MAX_FILE_BYTES) -> bytes:
    """What a file holds, but hardly more than the limit: a small archive can hold a huge file."""
    with open_it() as stream:
        return stream.read(limit + 1)


def archive(prefix: str, open_it: Callable[[], BinaryIO], depth: int) -> Callable[[Budget | None], Iterator[File]]:
    """What lists an archive's members, each with its own way to be read.

    Args:
        prefix: the archive's path and "/".
        open_it: opens the archive's bytes.
        depth: how many archives this is in, itself included.
    """

    kept: list[zipfile.ZipFile] = []  # the class's archive stays open: its list of members is long

    def open_member(number: int) -> BinaryIO:
        zipped = kept[0] if kept else zipfile.ZipFile(open_it())
        return zipped.open(zipped.infolist()[number])

    def members(budget: Budget | None) -> Iterator[File]:
        try:
            yield from listed(budget)
        except Exception as error:  # damaged, encrypted, of a kind that Python cannot read: only itself is lost
            what = f"cannot be read: {str(error)[:80]}"
            if isinstance(error, zipfile.BadZipFile):
                what = "is not a zip archive, or is damaged"
            yield File(prefix, why_not=f"{prefix.rstrip('/').rpartition('/')[2]} {what}")

    def listed(budget: Budget | None) -> Iterator[File]:
        if depth > MAX_DEPTH:
            raise Refused(f"an archive in {MAX_DEPTH} archives")
        stream = open_it()
        if budget:
            check_size(stream)
        zipped = zipfile.ZipFile(stream)
        infos = zipped.infolist()
        if budget:
            stream.close()
            budget.members -= len(infos)
            if budget.members < 0:
                raise Refused(f"more than {MAX_MEMBERS} files in the archives")
        else:
            kept.append(zipped)
        check_overlaps(infos)
        for number, info in enumerate(infos):
            path = prefix + name_of(info)
            why_not = left_behind(path)
            if ".." in path.split("/"):
                why_not = "its name leads out of the archive"
            elif stat.S_ISLNK(info.external_attr >> 16):
                why_not = "a link, and links are not followed"
            if why_not or path.endswith("/"):
                yield File(path, why_not=why_not)
                continue
            open_it_there = functools.partial(open_member, number)
            read = functools.partial(read_stream, open_it_there)
            inner = functools.partial(in_memory, read, budget)
            yield one_file(path, time_of(info), read, inner, depth + 1)

    return members


def in_memory(read: Callable[..., bytes], budget: Budget | None) -> BinaryIO:
    """An archive in an archive, which must be read whole before it can be opened."""
    left = budget.bytes if budget else MAX_BYTES
    data = read(left)
    if len(data) > left:
        raise Refused(f"more than {MAX_BYTES / 2**20:.0f} MB of archives in archives")
    if budget:
        budget.bytes -= len(data)
    return io.BytesIO(data)


def check_size(stream: BinaryIO) -> None:
    """Refuse an archive whose list of members is so long that reading it would take minutes."""
    stream.seek(0, os.SEEK_END)
    end = stream.tell()
    stream.seek(max(0, end - 2**16 - 22))
    tail = stream.read()
    at = tail.rfind(b"PK\5\6")
    if at >= 0 and len(tail) >= at + 22:
        (size,) = struct.unpack_from("<I", tail, at + 12)
        if size > MAX_DIRECTORY:
            raise Refused(f"more than {MAX_MEMBERS} files in the archives")
    stream.seek(0)


def check_overlaps(infos: list[zipfile.ZipInfo]) -> None:
    """Refuse an archive whose members share bytes: a few kilobytes would be read a million times."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise Refused("its files overlap: made to cost time, not to be read")
        end = info.header_offset + info.compress_size


def name_of(info: zipfile.ZipInfo) -> str:
    """A member's name: macOS writes UTF-8 and does not say so, Windows writes backslashes."""
    name = info.filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode()
        except UnicodeError:
            pass
    return name.replace("\\", "/").lstrip("/")


def time_of(info: zipfile.ZipInfo) -> float | None:
    """A member's time in seconds since 1970. The usual one is local time, and 1980 where nobody set it."""
    extra = info.extra
    while len(extra) >= 4:
        kind, size = struct.unpack_from("<HH", extra)
        if kind == 0x5455 and size >= 5 and extra[4] & 1:
            return float(struct.unpack_from("<i", extra, 5)[0])
        extra = extra[4 + size :]
    if info.date_time <= (1980, 1, 1, 23, 59, 59):
        return None
    try:
        return time.mktime((*info.date_time, 0, 0, -1))
    except (ValueError, OverflowError):
        return None
