"""Reading what students handed in: only plain files, nothing outside, and no archive costs more than its share."""

import io
import os
import socket
import time
import zipfile

import pytest
from test_systems import NAME, NOTEBOOK, graded, left_out, put, zipped

from rlcourse.staff import archives, downloads
from rlcourse.staff.submissions import find


def test_only_plain_files_are_opened(tmp_path):
    """A pipe would be read for ever."""
    put(tmp_path / "in", f"jane/{NOTEBOOK}", "john/notes.txt")
    os.mkfifo(tmp_path / "in" / "john" / NOTEBOOK)
    os.mkfifo(tmp_path / "in" / "eve.zip")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "in" / "john" / "s.ipynb"))
    began = time.monotonic()
    found = find(tmp_path / "in", NAME)
    why_not = "not a plain file (a pipe, a socket or a device)"
    assert graded(found) == {"jane": f"jane/{NOTEBOOK}", "john": f"{why_not}; {why_not}"}
    assert left_out(found) == {"eve.zip": why_not, f"john/{NOTEBOOK}": why_not, "john/s.ipynb": why_not}
    assert time.monotonic() - began < 5


def test_a_file_that_becomes_a_pipe_is_not_waited_for(tmp_path):
    put(tmp_path, f"jane/{NOTEBOOK}")
    (one,) = find(tmp_path, NAME).submissions
    (tmp_path / "jane" / NOTEBOOK).unlink()
    os.mkfifo(tmp_path / "jane" / NOTEBOOK)
    with pytest.raises(OSError, match="not a plain file"):
        one.read()


def test_links_are_named_and_not_followed(tmp_path):
    put(tmp_path, "secret/x.ipynb", f"in/jane/{NOTEBOOK}", "in/mary/notes.txt")
    (tmp_path / "in" / "john").symlink_to(tmp_path / "secret")
    (tmp_path / "in" / "mary" / NOTEBOOK).symlink_to(tmp_path / "secret" / "x.ipynb")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    link = "a link, and links are not followed"
    found = find(tmp_path / "in", NAME)
    assert graded(found) == {"jane": f"jane/{NOTEBOOK}", "mary": link}
    assert left_out(found) == {"john": link, "loop": link, f"mary/{NOTEBOOK}": link}
    (tmp_path / "mine").symlink_to(tmp_path / "in")  # the lecturer's own link to all of them
    assert graded(find(tmp_path / "mine", NAME)) == graded(found)


def test_links_and_wrong_paths_in_an_archive(tmp_path):
    link = zipfile.ZipInfo("link.ipynb")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "eve.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
        archive.writestr("../up.ipynb", "x")
    assert left_out(find(tmp_path, NAME)) == {
        "eve.zip/../up.ipynb": "its name leads out of the archive",
        "eve.zip/link.ipynb": "a link, and links are not followed",
    }


def overlapping(copies: int) -> bytes:
    """An archive whose list of members names the same bytes many times."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("a/b.ipynb", b"0" * 1000)
        (info,) = archive.infolist()
        archive.filelist += [info] * copies
    return data.getvalue()


def nested(depth: int) -> bytes:
    data = b"the bottom"
    for level in range(depth):
        outer = io.BytesIO()
        with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(f"{level}.zip" if level else NOTEBOOK, data)
        data = outer.getvalue()
    return data


def many(members: int) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for number in range(members):
            archive.writestr(f"{number}.txt", b"")
    return data.getvalue()


def heavy(archives: int, megabytes: int) -> bytes:
    """Archives in an archive, each small here and large when it is read."""
    inner, outer = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("zeros.bin", bytes(megabytes * 2**20))
    with zipfile.ZipFile(outer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for number in range(archives):
            archive.writestr(f"{number}.zip", inner.getvalue())
    return outer.getvalue()


@pytest.mark.parametrize(
    ("data", "why_not"),
    [
        (overlapping(40), "its files overlap"),
        (many(60), "more than 50 files"),
        (nested(6), "an archive in 4 archives"),
        (heavy(8, 2), "more than 10 MB of archives in archives"),
        (many(3)[:-30], "eve.zip is not a zip archive, or is damaged"),
    ],
    ids=["overlapping", "many", "nested", "heavy", "torn"],
)
def test_an_archive_costs_no_more_than_its_share(tmp_path, monkeypatch, data, why_not):
    monkeypatch.setattr(archives, "MAX_MEMBERS", 50)
    monkeypatch.setattr(archives, "MAX_BYTES", 10 * 2**20)
    monkeypatch.setattr(archives.Budget.__init__, "__defaults__", (10 * 2**20, 50))
    put(tmp_path, f"jane/{NOTEBOOK}")
    (tmp_path / "eve.zip").write_bytes(data)
    found = find(tmp_path, NAME)
    assert graded(found)["jane"] == f"jane/{NOTEBOOK}"
    assert why_not in graded(found)["eve"]


def test_archives_in_archives_are_read_as_deep_as_people_make_them(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "jane.zip").write_bytes(nested(3))
    (one,) = find(tmp_path / "in", NAME).submissions
    assert one.read() == b"the bottom"


def test_a_list_of_members_that_would_take_minutes_is_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "MAX_DIRECTORY", 1000)
    put(tmp_path, f"jane/{NOTEBOOK}")
    (tmp_path / "eve.zip").write_bytes(many(200))
    assert "more than 20000 files" in graded(find(tmp_path, NAME))["eve"]


def test_an_encrypted_member_costs_itself(tmp_path):
    zipped(tmp_path / "eve.zip", NOTEBOOK)
    data = bytearray((tmp_path / "eve.zip").read_bytes())
    for signature, at in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + at] |= 1
    (tmp_path / "eve.zip").write_bytes(data)
    put(tmp_path, f"jane/{NOTEBOOK}")
    eve, jane = find(tmp_path, NAME).submissions
    assert jane.read()
    with pytest.raises(RuntimeError, match="encrypted"):
        eve.read()


def test_results_of_grading_are_left_out(tmp_path):
    put(tmp_path, f"jane/{NOTEBOOK}", "grades/feedback/x.ipynb", "older/.lock", "older/files.csv", "older/y.ipynb")
    found = find(tmp_path, NAME, out=tmp_path / "grades")
    assert graded(found) == {"jane": f"jane/{NOTEBOOK}"}
    assert left_out(found) == {"grades/": "results of grading", "older/": "results of grading"}


def info(name: str, *date: int, extra: bytes = b"") -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, date)
    made.extra = extra
    return made


def test_both_clocks_are_seconds(tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info("local", 2026, 11, 25, 13, 17, 0), "")
        archive.writestr(info("none", 1980, 1, 1, 0, 0, 0), "")
        archive.writestr(
            info("own", 1990, 1, 1, 0, 0, 0, extra=b"UT\5\0\1" + (1_700_000_000).to_bytes(4, "little")), ""
        )
        archive.writestr(info("no day", 2026, 2, 31, 0, 0, 0), "")
    times = {file.path: file.time for file in downloads.listing(tmp_path / "x.zip")}
    assert times["local"] == time.mktime((2026, 11, 25, 13, 17, 0, 0, 0, -1))
    assert times["none"] is None and times["own"] == 1_700_000_000 and isinstance(times["no day"], float)


@pytest.mark.parametrize(("hour", "counts"), [(12, f"jane/{NOTEBOOK}"), (14, f"jane/work.zip/{NOTEBOOK}")])
def test_the_later_one_counts_whichever_clock_it_has(tmp_path, hour, counts):
    put(tmp_path, f"jane/{NOTEBOOK}")
    at = time.mktime((2026, 11, 25, 13, 0, 0, 0, 0, -1))
    os.utime(tmp_path / "jane" / NOTEBOOK, (at, at))
    with zipfile.ZipFile(tmp_path / "jane" / "work.zip", "w") as archive:
        archive.writestr(info(NOTEBOOK, 2026, 11, 25, hour, 0, 0), "in the archive")
    (one,) = find(tmp_path, NAME).submissions
    assert one.path == counts and one.notes == [f"2 attempts; the last one counts: {counts}"]
