"""Downloads as each learning system writes them, made anew from how they are documented; and students who forge names.

Each test makes a download, and says whose each file is, which notebook counts and why the others do not.
"""

import unicodedata
import zipfile
from pathlib import Path

import pytest

from rlcourse.staff.submissions import Found, NotSubmissions, find

NAME = "ps1_q_iteration"
NOTEBOOK = f"{NAME}.ipynb"
NFD = unicodedata.normalize("NFD", "Jörg")


def put(folder: Path, *names: str) -> Path:
    """Files that hold their own name; a name that ends in / is an empty folder."""
    for name in names:
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode("utf-8", "surrogateescape"))
    return folder


class UnmarkedInfo(zipfile.ZipInfo):
    """A member whose name is written as given, without the flag that says that it is UTF-8."""

    encoding = "utf-8"

    def _encodeFilenameFlags(self):
        return self.filename.encode(self.encoding), self.flag_bits & ~0x800


class DosInfo(UnmarkedInfo):
    encoding = "cp437"


def zipped(path: Path, *names: str, info: type = zipfile.ZipInfo) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name in names:
            archive.writestr(info(name, (2026, 11, 25, 13, 17, 0)), "" if name.endswith("/") else name)
    return path


def packed(folder: Path, path: Path) -> Path:
    """A folder as an archive, as a system sends it."""
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, file.relative_to(folder))
    return path


def graded(found: Found) -> dict[str, str]:
    return {one.student: one.problem or one.path for one in found.submissions}


def left_out(found: Found) -> dict[str, str]:
    return {file.path: file.why_not for file in found.left_out}


def check_all(found: Found) -> None:
    """Every file is graded or has a reason, and a reason is given once."""
    paths = [file.path for file in found.files if not file.why_not]
    assert sorted(paths) == sorted(one.path for one in found.submissions if not one.problem)


# ---- as the systems write them


def moodle(folder: Path) -> Path:
    """'Download all submissions' with 'Download submissions in folders': a folder a student and kind of submission."""
    put(folder, f"Jane Doe_1234_assignsubmission_file/{NOTEBOOK}", "Jane Doe_1234_assignsubmission_file/plot.png")
    put(folder, "Jane Doe_1234_assignsubmission_onlinetext/onlinetext.html")
    put(folder, "Group A_77_assignsubmission_file/ours.ipynb", "Default group_assignsubmission_file/x.ipynb")
    put(folder, "Participant_4321_assignsubmission_file_/mine.ipynb")  # blind marking, an older Moodle
    zipped(folder / "Roe, John_5_assignsubmission_file/mine.zip", "mine/answer.ipynb", "mine/data.csv")
    return folder


MOODLE = {
    "Default group": "Default group_assignsubmission_file/x.ipynb",
    "Group A_77": "Group A_77_assignsubmission_file/ours.ipynb",
    "Jane Doe_1234": f"Jane Doe_1234_assignsubmission_file/{NOTEBOOK}",
    "Participant_4321": "Participant_4321_assignsubmission_file_/mine.ipynb",
    "Roe, John_5": "Roe, John_5_assignsubmission_file/mine.zip/mine/answer.ipynb",
}


def moodle_flat(folder: Path) -> Path:
    """The same without folders: the student's name for the file comes last."""
    put(folder, "Jane Doe_1234_assignsubmission_file_notes_5_assignsubmission_file_x.ipynb")
    put(folder, f"Jane Doe_1234_assignsubmission_file_{NOTEBOOK}")
    put(folder, "Jane Doe_99_assignsubmission_file_another Jane.ipynb")
    put(folder, "Jane Doe_1234_assignsubmission_onlinetext_onlinetext.html")
    return folder


def canvas(folder: Path) -> Path:
    """submissions.zip: name without blanks, LATE, the number of the user, of the file, the file's name; -1 again."""
    put(folder, "doejane_12345_67890_ps1_q_iteration.ipynb", "doejane_12345_67999_ps1_q_iteration-1.ipynb")
    put(folder, "roejohn_LATE_222_333_homework.ipynb", "öztürkayşe_223_334_work.ipynb", "poemary_224_text.html")
    zipped(folder / "van_der_berg_225_336_all.zip", f"all/{NOTEBOOK}")
    return folder


def canvas_anonymous(folder: Path) -> Path:
    put(folder, "anon_kX9f2_67891_ps1_q_iteration.ipynb", "anon_kX9f2_67892_scratch.ipynb")
    return put(folder, "LATE_anon_Zq3b7_67894_ps1_q_iteration.ipynb", "anon_12345_67895_ps1_q_iteration.ipynb")


def gradescope(folder: Path) -> Path:
    """An export: a folder a submission, and a YAML file with Ruby's symbols that says whose it is."""
    top = folder / "assignment_4711_export"
    put(
        top, f"submission_101/{NOTEBOOK}", "submission_102/ours.ipynb", "submission_103/x.pdf", "submission_104/y.ipynb"
    )
    (top / "submission_metadata.yml").write_text("""---
submission_101:
  :submitters:
  - :name: Jane Doe
    :sid: '0012345'
    :email: jane@example.edu
  :created_at: 2026-11-25 23:33:55.184220000 Z
  :score: 0.0
  :status: processed
  :results:
    :tests: []
submission_102:
  :submitters:
  - :name: John Roe
    :sid:
    :email: john@example.edu
  - :name: Mary Poe
    :sid:
    :email: mary@example.edu
  :created_at: 2026-11-25 23:33:55.184220000 Z
submission_103:
  :submitters:
  - :name: Jörg Öl
    :sid: '7'
    :email: joerg@example.edu
""")
    return folder


def blackboard(folder: Path) -> Path:
    """'Assignment File Download': assignment, user, attempt, time, then the file's name; a text file an attempt."""
    for user, time in (
        ("a_doe", "2026-11-24-10-00-00"),
        ("a_doe", "2026-11-25-10-00-00"),
        ("b_doe", "2026-11-25-11-00-00"),
    ):
        stem = f"PS 1_Q_{user}_attempt_{time}"
        put(folder, f"{stem}.txt", f"{stem}_{NOTEBOOK}")
    return put(folder, "PS 1_Q_eve_attempt_2026-11-25-12-00-00_x_b_doe_attempt_2026-11-25-13-00-00_y.ipynb")


def ilias(folder: Path) -> Path:
    """Multi-feedback: one folder around all, in it status files and a folder a student: last, first, login, number."""
    top = folder / "multi_feedback_PS1_4711"
    put(
        top, "status.csv", "status.xlsx", f"Doe_Jane_jdoe_801/{NOTEBOOK}", "Roe_John_jroe_802/20261125131700_mine.ipynb"
    )
    put(top, "Poe_Mary_mpoe_803/")
    return folder


def sakai(folder: Path) -> Path:
    """'Download all': a folder for the assignment, in it one a student, the files two folders deep."""
    top = folder / "Problem set 1"
    put(top, "grades.csv", "Doe, Jane(jdoe)/timestamp.txt", f"Doe, Jane(jdoe)/Submission attachment(s)/{NOTEBOOK}")
    put(top, "Roe, John(jroe)/Submission attachment(s)/a.ipynb", "Roe, John(jroe)/Feedback Attachment(s)/")
    put(top, "Doe, Jane(jdoe)/Doe, Jane(jdoe)_submissionText.html")
    return folder


def nbgrader(folder: Path) -> Path:
    """A course's own folder, with what was released and graded before."""
    put(folder, f"source/{NAME}/{NOTEBOOK}", f"release/{NAME}/{NOTEBOOK}", "gradebook.db", "nbgrader_config.py")
    put(folder, f"submitted/jd12/{NAME}/{NOTEBOOK}", f"submitted/jd12/{NAME}/timestamp.txt")
    put(folder, "submitted/jd12/ps2_dqn/ps2_dqn.ipynb", "submitted/only2/ps2_dqn/ps2_dqn.ipynb")
    return put(folder, f"submitted/lost/ps2_dqn/{NOTEBOOK}", f"autograded/jd12/{NAME}/{NOTEBOOK}")


OUTSIDE = "in no student's folder or name"
CASES = {
    "Moodle": (moodle, MOODLE, {}),
    "Moodle without folders": (
        moodle_flat,
        {
            "Jane Doe_1234": f"Jane Doe_1234_assignsubmission_file_{NOTEBOOK}",
            "Jane Doe_99": "Jane Doe_99_assignsubmission_file_another Jane.ipynb",
        },
        {"Jane Doe_1234_assignsubmission_file_notes_5_assignsubmission_file_x.ipynb": "another notebook counts"},
    ),
    "Canvas": (
        canvas,
        {
            "doejane_12345": "doejane_12345_67999_ps1_q_iteration-1.ipynb",
            "roejohn_222": "roejohn_LATE_222_333_homework.ipynb",
            "van_der_berg_225": f"van_der_berg_225_336_all.zip/all/{NOTEBOOK}",
            "öztürkayşe_223": "öztürkayşe_223_334_work.ipynb",
        },
        {
            "doejane_12345_67890_ps1_q_iteration.ipynb": "another notebook counts",
            "poemary_224_text.html": "no notebook",
        },
    ),
    "Canvas, anonymous": (
        canvas_anonymous,
        {
            "anon_12345": "anon_12345_67895_ps1_q_iteration.ipynb",
            "anon_Zq3b7": "LATE_anon_Zq3b7_67894_ps1_q_iteration.ipynb",
            "anon_kX9f2": "anon_kX9f2_67891_ps1_q_iteration.ipynb",
        },
        {"anon_kX9f2_67892_scratch.ipynb": "another notebook counts"},
    ),
    "Gradescope": (
        gradescope,
        {
            "0012345": f"assignment_4711_export/submission_101/{NOTEBOOK}",
            "7": "no notebook was handed in (found: x.pdf)",
            "john@example.edu": "assignment_4711_export/submission_102/ours.ipynb",
            "mary@example.edu": "assignment_4711_export/submission_102/ours.ipynb",
        },
        {
            "assignment_4711_export/submission_104/y.ipynb": OUTSIDE,
            "assignment_4711_export/submission_metadata.yml": "no notebook",
        },
    ),
    "Blackboard": (
        blackboard,
        {
            "a_doe": f"PS 1_Q_a_doe_attempt_2026-11-25-10-00-00_{NOTEBOOK}",
            "b_doe": f"PS 1_Q_b_doe_attempt_2026-11-25-11-00-00_{NOTEBOOK}",
            "eve": "PS 1_Q_eve_attempt_2026-11-25-12-00-00_x_b_doe_attempt_2026-11-25-13-00-00_y.ipynb",
        },
        {f"PS 1_Q_a_doe_attempt_2026-11-24-10-00-00_{NOTEBOOK}": "another notebook counts"},
    ),
    "ILIAS": (
        ilias,
        {
            "Doe_Jane_jdoe_801": f"multi_feedback_PS1_4711/Doe_Jane_jdoe_801/{NOTEBOOK}",
            "Poe_Mary_mpoe_803": "no notebook was handed in",
            "Roe_John_jroe_802": "multi_feedback_PS1_4711/Roe_John_jroe_802/20261125131700_mine.ipynb",
        },
        {"multi_feedback_PS1_4711/status.csv": "no notebook", "multi_feedback_PS1_4711/status.xlsx": "no notebook"},
    ),
    "Sakai": (
        sakai,
        {
            "jdoe": f"Problem set 1/Doe, Jane(jdoe)/Submission attachment(s)/{NOTEBOOK}",
            "jroe": "Problem set 1/Roe, John(jroe)/Submission attachment(s)/a.ipynb",
        },
        {"Problem set 1/grades.csv": "no notebook"},
    ),
    "nbgrader": (
        nbgrader,
        {"jd12": f"submitted/jd12/{NAME}/{NOTEBOOK}", "lost": f"submitted/lost/ps2_dqn/{NOTEBOOK}"},
        {
            f"autograded/jd12/{NAME}/{NOTEBOOK}": OUTSIDE,
            f"release/{NAME}/{NOTEBOOK}": OUTSIDE,
            f"source/{NAME}/{NOTEBOOK}": OUTSIDE,
            "gradebook.db": "no notebook",
            "nbgrader_config.py": "no notebook",
            "submitted/jd12/ps2_dqn/ps2_dqn.ipynb": "in the folder of ps2_dqn",
            "submitted/only2/ps2_dqn/ps2_dqn.ipynb": "in the folder of ps2_dqn",
        },
    ),
}


@pytest.mark.parametrize("system", CASES)
@pytest.mark.parametrize("way", ["unpacked", "as an archive", "an archive in a folder", "a folder around it"])
def test_a_download(tmp_path, system, way):
    make, students, others = CASES[system]
    download, prefix = make(tmp_path / "made"), ""
    if way == "as an archive":
        download = packed(download, tmp_path / "all.zip")
    elif way == "an archive in a folder":
        (tmp_path / "in").mkdir()
        packed(download, tmp_path / "in" / "submissions.zip")
        download, prefix = tmp_path / "in", "submissions.zip/"
    elif way == "a folder around it":
        put(tmp_path / "outer")
        (tmp_path / "outer").mkdir()
        download.rename(tmp_path / "outer" / "PS1 submissions")
        download, prefix = tmp_path / "outer", "PS1 submissions/"
    found = find(download, NAME)
    assert graded(found) == {
        student: prefix + path if path.endswith(".ipynb") else path for student, path in students.items()
    }
    assert left_out(found) == {prefix + path: why for path, why in others.items()}
    if system != "Gradescope":  # where two hand in one file
        check_all(found)


def test_a_notebook_in_another_sets_folder_is_graded_and_said(tmp_path):
    (one,) = [one for one in find(nbgrader(tmp_path), NAME).submissions if one.student == "lost"]
    assert one.notes == [f"it lies in the folder of ps2_dqn: submitted/lost/ps2_dqn/{NOTEBOOK}"]


def test_who_hands_in_together_is_said(tmp_path):
    notes = {one.student: one.notes for one in find(gradescope(tmp_path), NAME).submissions}
    assert notes["john@example.edu"] == ["handed in together with mary@example.edu"]


def test_an_id_leads_to_no_other_folder(tmp_path):
    gradescope(tmp_path)
    metadata = tmp_path / "assignment_4711_export" / "submission_metadata.yml"
    metadata.write_text(metadata.read_text().replace("'0012345'", "../../jane").replace("'7'", "'..'"))
    assert {"_", ".._.._jane"} < set(graded(find(tmp_path, NAME)))


def test_a_gradescope_export_that_is_damaged_is_named(tmp_path):
    gradescope(tmp_path)
    (tmp_path / "assignment_4711_export" / "submission_metadata.yml").write_text("- [")
    with pytest.raises(NotSubmissions, match="submission_metadata.yml: got .* expected what Gradescope exports"):
        find(tmp_path, NAME)


def test_one_folder_around_all(tmp_path):
    put(tmp_path, f"PS1/jane/{NOTEBOOK}", f"PS1/john/{NOTEBOOK}", "PS1/mary/x.ipynb", "readme.txt")
    found = find(tmp_path, NAME)
    assert list(graded(found)) == ["jane", "john", "mary"]
    assert found.told == ["the students' folders and files are those in PS1/"]
    assert left_out(found) == {"readme.txt": "no notebook"}


def test_a_mac_archive(tmp_path):
    """Names in UTF-8 that nothing marks as such, ö written as two letters, a shadow of each file."""
    names = [f"{NFD}/{NOTEBOOK}", f"__MACOSX/{NFD}/._{NOTEBOOK}", f"{NFD}/.DS_Store", f"Ida/{NOTEBOOK}"]
    found = find(zipped(tmp_path / "all.zip", *names, info=UnmarkedInfo), NAME)
    assert graded(found) == {"Ida": f"Ida/{NOTEBOOK}", "Jörg": f"{NFD}/{NOTEBOOK}"}
    shadows = [file for file in found.files if "macOS" in file.why_not]
    assert len(shadows) == 2 and left_out(found) == {}


def test_a_windows_archive(tmp_path):
    """Backslashes, and letters as DOS had them."""
    found = find(zipped(tmp_path / "all.zip", f"Jörg\\{NOTEBOOK}", f"ida\\{NOTEBOOK}", info=DosInfo), NAME)
    assert graded(found) == {"Jörg": f"Jörg/{NOTEBOOK}", "ida": f"ida/{NOTEBOOK}"}


def test_extensions_in_capitals(tmp_path):
    put(tmp_path, "JANE.IPYNB", "john.ipynb")
    zipped(tmp_path / "MARY.ZIP", "X.IPYNB")
    assert graded(find(tmp_path, NAME)) == {"JANE": "JANE.IPYNB", "MARY": "MARY.ZIP/X.IPYNB", "john": "john.ipynb"}


def test_names_that_are_not_utf_8(tmp_path):
    put(tmp_path, f"jane/{NOTEBOOK}", f"J\udcf6rg/{NOTEBOOK}")
    found = find(tmp_path, NAME)
    assert graded(found) == {"Jörg": f"Jörg/{NOTEBOOK}", "jane": f"jane/{NOTEBOOK}"}
    assert found.submissions[0].read().startswith(b"J\xf6rg")


# ---- handing in as somebody else


FORGED = {
    "a member like Moodle's": "Bob Roe_2_assignsubmission_file/ps1_q_iteration.ipynb",
    "nbgrader's tree": f"submitted/Bob Roe_2/{NAME}/{NOTEBOOK}",
    "Canvas's name": "bobroe_2_999_ps1_q_iteration.ipynb",
    "Gradescope's list": "submission_metadata.yml",
    "out of the folder": f"../Bob Roe_2_assignsubmission_file/{NOTEBOOK}",
    "the root": f"/Bob Roe_2_assignsubmission_file/{NOTEBOOK}",
}


@pytest.mark.parametrize("kind", FORGED)
@pytest.mark.parametrize("way", ["archive", "folder", "archive in the class's archive"])
def test_what_a_student_puts_inside_names_nobody(tmp_path, kind, way):
    eve, bob = "Eve Poe_1_assignsubmission_file", "Bob Roe_2_assignsubmission_file"
    put(tmp_path / "in", f"{bob}/{NOTEBOOK}", f"{eve}/readme.txt")
    if way == "folder" and ".." not in FORGED[kind] and not FORGED[kind].startswith("/"):
        put(tmp_path / "in" / eve, FORGED[kind])
    else:
        zipped(tmp_path / "in" / eve / "mine.zip", FORGED[kind])
    folder = packed(tmp_path / "in", tmp_path / "all.zip") if "class" in way else tmp_path / "in"
    found = find(folder, NAME)
    assert list(graded(found)) == ["Bob Roe_2", "Eve Poe_1"]
    assert graded(found)["Bob Roe_2"] == f"{bob}/{NOTEBOOK}"
    assert found.submissions[0].read() == f"{bob}/{NOTEBOOK}".encode()


def test_a_file_called_like_another_systems_is_its_owners(tmp_path):
    canvas(tmp_path)
    put(tmp_path, "eve_9_10_doejane_12345_67990_ps1_q_iteration-3.ipynb")
    put(tmp_path, "fay_8_11_Jane Doe_12345_assignsubmission_file_x.ipynb")
    students = graded(find(tmp_path, NAME))
    assert students["doejane_12345"] == "doejane_12345_67999_ps1_q_iteration-1.ipynb"
    assert {"eve_9", "fay_8"} < set(students) and len(students) == 6


@pytest.mark.parametrize(
    "names",
    [("bob/x.ipynb", "bob.zip"), ("bob.ipynb", "bob/x.ipynb"), (f"{NFD}.ipynb", "Jörg.ipynb")],
    ids=["folder and archive", "file and folder", "two ways to write it"],
)
def test_two_claims_on_an_id_are_an_error_that_names_both(tmp_path, names):
    put(tmp_path, *(name for name in names if not name.endswith(".zip")))
    for name in names:
        if name.endswith(".zip"):
            zipped(tmp_path / name, "x.ipynb")
    with pytest.raises(NotSubmissions) as error:
        find(tmp_path, NAME)
    for name in names:
        assert ascii(name.split("/")[0]) in str(error.value)


def test_a_blank_makes_another_name(tmp_path):
    """Whoever is called "bob " does not hand in for bob."""
    put(tmp_path, f"bob/{NOTEBOOK}", f"bob /{NOTEBOOK}", f"john/{NOTEBOOK}")
    found = find(tmp_path, NAME)
    assert graded(found) == {"bob": f"bob/{NOTEBOOK}", "bob ": f"bob /{NOTEBOOK}", "john": f"john/{NOTEBOOK}"}
    assert found.submissions[0].read() == f"bob/{NOTEBOOK}".encode()
