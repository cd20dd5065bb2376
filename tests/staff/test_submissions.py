"""Whose submission is which, as learning platforms name them."""

import io
import os
import zipfile
from pathlib import Path

import pytest

from rlcourse.staff.submissions import NotSubmissions, find

NAME = "ps1_q_iteration"


def make(folder: Path, *names: str) -> Path:
    """Files with their own name as content, the later ones newer; a name that ends in / is an empty folder."""
    for number, name in enumerate(names):
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(zipped(path.stem) if name.endswith(".zip") else name.encode())
        os.utime(path, (10**9 + number, 10**9 + number))
    return folder


def zipped(*names: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(f"{name}.ipynb", (2030, 1, 1, 0, 0, 0)), f"in {name}")
    return data.getvalue()


def taken(folder: Path, **options) -> dict[str, str]:
    """By student: what is read, or why nothing is."""
    return {one.student: one.problem or one.read().decode() for one in find(folder, NAME, **options).submissions}


LAYOUTS = {
    "Moodle": (
        ["Jane Doe_12345_assignsubmission_file_/a.ipynb", "Jörg Öl_777_assignsubmission_file/b.ipynb"],
        {
            "Jane Doe_12345": "Jane Doe_12345_assignsubmission_file_/a.ipynb",
            "Jörg Öl_777": "Jörg Öl_777_assignsubmission_file/b.ipynb",
        },
    ),
    "Moodle without folders": (
        ["Jane Doe_12345_assignsubmission_file_a.ipynb", "Jane Doe_54321_assignsubmission_file_a.ipynb"],
        {
            "Jane Doe_12345": "Jane Doe_12345_assignsubmission_file_a.ipynb",
            "Jane Doe_54321": "Jane Doe_54321_assignsubmission_file_a.ipynb",
        },
    ),
    "Canvas": (
        ["doejane_LATE_12345_67890_ps1.ipynb", "roejohn_222_333_ps1-1.ipynb"],
        {"doejane_12345": "doejane_LATE_12345_67890_ps1.ipynb", "roejohn_222": "roejohn_222_333_ps1-1.ipynb"},
    ),
    "Canvas, handed in again": (
        ["doejane_1_70_ps1-2.ipynb", "doejane_1_69_ps1.ipynb", "doejane_1_71_ps1-1.ipynb"],
        {"doejane_1": "doejane_1_70_ps1-2.ipynb"},
    ),
    "nbgrader": (
        [
            f"submitted/jd12/{NAME}/{NAME}.ipynb",
            f"submitted/xy34/{NAME}/{NAME}.ipynb",
            "submitted/xy34/ps2_dqn/ps2_dqn.ipynb",
        ],
        {"jd12": f"submitted/jd12/{NAME}/{NAME}.ipynb", "xy34": f"submitted/xy34/{NAME}/{NAME}.ipynb"},
    ),
    "nbgrader, its inner folder": ([f"jd12/{NAME}/{NAME}.ipynb"], {"jd12": f"jd12/{NAME}/{NAME}.ipynb"}),
    "folders": (["jane/x.ipynb", "john/x.ipynb"], {"jane": "jane/x.ipynb", "john": "john/x.ipynb"}),
    "files": (["jane.ipynb", "john.ipynb"], {"jane": "jane.ipynb", "john": "john.ipynb"}),
    "archives": (["jane.zip", "john/work.zip"], {"jane": "in jane", "john": "in work"}),
    "what systems leave": (
        ["jane/x.ipynb", "jane/.ipynb_checkpoints/x.ipynb", "__MACOSX/jane/._x.ipynb"],
        {"jane": "jane/x.ipynb"},
    ),
    "no notebook": (
        ["jane/report.pdf", "john/"],
        {"jane": "no notebook was handed in (found: report.pdf)", "john": "no notebook was handed in"},
    ),
    "several": (
        ["jane/a.ipynb", "jane/b.ipynb"],
        {"jane": f"2 notebooks, and none is called {NAME}.ipynb: a.ipynb, b.ipynb"},
    ),
    "several, one with the name": ([f"jane/{NAME}.ipynb", "jane/notes.ipynb"], {"jane": f"jane/{NAME}.ipynb"}),
    "saved by a browser": ([f"jane/{NAME} (1).ipynb", f"jane/{NAME}.ipynb"], {"jane": f"jane/{NAME} (1).ipynb"}),
    "the newest of two": (
        [f"jane/new/{NAME}.ipynb", f"jane/old/{NAME}.ipynb", "john/x.ipynb"],
        {"jane": f"jane/old/{NAME}.ipynb", "john": "john/x.ipynb"},
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layouts(tmp_path, layout):
    names, expected = LAYOUTS[layout]
    assert taken(make(tmp_path, *names)) == expected


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "the newest of two"])
def test_the_same_in_a_zip_archive(tmp_path, layout):
    names, expected = LAYOUTS[layout]
    make(tmp_path / "files", *names)
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name in names:
            archive.write(tmp_path / "files" / name, name)
    assert taken(tmp_path / "all.zip") == expected


def test_of_several_attempts_the_last_is_taken_and_named(tmp_path):
    (one,) = find(make(tmp_path, "doejane_1_69_ps1.ipynb", "doejane_1_70_ps1-1.ipynb"), NAME).submissions
    assert one.notes == ["2 attempts; the last one counts: doejane_1_70_ps1-1.ipynb"]


def test_an_id_pattern_of_ones_own(tmp_path):
    folder = make(tmp_path, "group-a/s17_jane/x.ipynb", "group-b/s18_john/x.ipynb", "readme.txt")
    assert taken(folder, id_pattern=r"/(?P<id>s\d+)_") == {
        "s17": "group-a/s17_jane/x.ipynb",
        "s18": "group-b/s18_john/x.ipynb",
    }
    assert find(folder, NAME, r"/(?P<id>s\d+)_").left_out == [("readme.txt", "", "no notebook")]


def test_a_pattern_reads_an_archive_of_several_and_one_of_a_students(tmp_path):
    make(tmp_path, "s19_mary.zip")
    with zipfile.ZipFile(tmp_path / "group.zip", "w") as archive:
        for name in ("s17_jane/x.ipynb", "s18_john/x.ipynb"):
            archive.writestr(name, name)
    assert taken(tmp_path, id_pattern=r"/?(?P<id>s\d+)_[^/]*/") == {
        "s17": "s17_jane/x.ipynb",
        "s18": "s18_john/x.ipynb",
        "s19": "in s19_mary",
    }


@pytest.mark.parametrize(
    ("pattern", "message"), [("(", "is not a regular expression"), ("s1", r"expected a group \(\?P<id>")]
)
def test_a_pattern_that_is_none(tmp_path, pattern, message):
    with pytest.raises(NotSubmissions, match=message):
        find(tmp_path, NAME, pattern)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(NotSubmissions, match="expected a folder or zip archive that exists"):
        find(tmp_path / "no", NAME)
    (tmp_path / "no.zip").write_text("no")
    with pytest.raises(NotSubmissions, match="not a zip archive"):
        find(tmp_path / "no.zip", NAME)


def test_paths_in_archives_lead_nowhere(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "eve.zip").write_bytes(zipped("../../out", "/etc/out", "..\\out"))
    assert taken(tmp_path / "in") == {"eve": "in /etc/out"}  # a path with .. is not read
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["eve.zip", "in"]


def test_damaged_and_swollen_archives_cost_only_themselves(tmp_path):
    swollen = io.BytesIO()
    with zipfile.ZipFile(swollen, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.ipynb", bytes(300 * 2**20))
    make(tmp_path, "jane/x.ipynb")
    (tmp_path / "bomb.zip").write_bytes(swollen.getvalue())
    (tmp_path / "torn.zip").write_bytes(zipped("x")[:40])
    found = {one.student: one for one in find(tmp_path, NAME).submissions}
    assert found["jane"].read() == b"jane/x.ipynb"
    assert found["torn"].problem == "torn.zip is not a zip archive, or is damaged"
    assert len(found["bomb"].read()) == 200 * 2**20 + 1  # one byte more than a notebook may have


def test_symbolic_links_are_not_followed(tmp_path):
    make(tmp_path, "secret.txt", "in/jane/x.ipynb")
    (tmp_path / "in" / "jane" / "y.ipynb").symlink_to(tmp_path / "secret.txt")
    assert taken(tmp_path / "in") == {"jane": "in/jane/x.ipynb"}
