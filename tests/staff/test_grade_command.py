"""`rlcourse grade` as a command: what is said before the hour of grading, and what stays when it is interrupted."""

import errno
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest
from classroom import NAME, ROOT, as_bytes, make_edition, make_master, master, needs_sandbox, student
from test_grade import COMMAND, RIGHT, UNSAFE, WRONG, hand_in, rows, run

from rlcourse.staff import edition, export, grade, gradebook, slim, whole_class

NOTEBOOK = f"{NAME}.ipynb"
STUB = [
    one | {"source": "raise NotImplementedError" if one["id"] in ("double", "total", "letter") else one["source"]}
    for one in student(written="*Your answer here.*")
]


@pytest.fixture(autouse=True)
def tiny_edition(monkeypatch):
    monkeypatch.setattr(edition, "student_edition", lambda problem_set, folder: make_edition(folder))


@pytest.fixture
def course(tmp_path) -> Path:
    """solutions/ and exercises/ of the tiny problem set."""
    make_master(tmp_path / "solutions")
    (tmp_path / "exercises" / NAME).mkdir(parents=True)
    (tmp_path / "exercises" / NAME / NOTEBOOK).write_bytes(as_bytes(STUB))
    return tmp_path


@pytest.fixture
def words(course) -> list:
    """A class of two and the words that grade it."""
    hand_in(course / "in", jane=RIGHT, john=WRONG)
    return [course / "in", "--out", course / "out", "--solutions", course / "solutions", *UNSAFE]


@pytest.fixture
def no_judging(monkeypatch):
    monkeypatch.setattr(whole_class, "judge_all", None)
    monkeypatch.setattr(grade, "judge_all", None)


def test_the_changed_notebook_counts_beside_the_bundles_untouched_one(course, words, capsys):
    """The untouched one is newer, and only it has the right name."""
    folder = course / "in" / "mary"
    folder.mkdir()
    (folder / "my solution.ipynb").write_bytes(as_bytes(RIGHT))
    os.utime(folder / "my solution.ipynb", (10**9, 10**9))
    with zipfile.ZipFile(folder / "ps1_for_students.zip", "w") as archive:
        archive.writestr(f"{NAME}/{NOTEBOOK}", as_bytes(STUB))
        archive.writestr(f"{NAME}/lectures/01_q_iteration.ipynb", as_bytes([]))
    assert run(*words) == 0
    stub = f"mary/ps1_for_students.zip/{NAME}/{NOTEBOOK}"
    assert rows(course / "out")["mary"]["score"] == "7"
    assert f"{stub} is as it was handed out; the changed one counts" in rows(course / "out")["mary"]["note"]
    assert f"not graded: {stub}: without solutions, as it was handed out" in capsys.readouterr().out


def test_every_file_is_in_files_csv(course, words):
    (course / "in" / "jane" / "plot.png").write_bytes(b"x")
    (course / "in" / "notes.txt").write_bytes(b"x")
    assert run(*words) == 0
    assert (course / "out" / "files.csv").read_text().splitlines() == [
        "file,id,graded,why not",
        "jane/plot.png,jane,no,no notebook",
        f"jane/{NOTEBOOK},jane,yes,",
        f"john/{NOTEBOOK},john,yes,",
        "notes.txt,,no,no notebook",
    ]


def test_a_name_is_one_line_and_commands_no_terminal(course, words, capsys):
    with zipfile.ZipFile(course / "in" / "mary.zip", "w") as archive:
        archive.writestr("x\x1b[2J\n.ipynb", b"")
        archive.writestr("y.ipynb", b"")
    assert run(*words, "--list") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "not graded: mary.zip/x?" in out


def test_of_very_many_files_some_are_named_and_all_are_listed(course, words, capsys):
    for number in range(100):
        (course / "in" / "jane" / f"draft {number}.ipynb").write_bytes(b"")
    assert run(*words) == 0
    assert capsys.readouterr().out.count("not graded: ") == 41
    assert (course / "out" / "files.csv").read_text().count("another notebook counts") == 100
    assert run(*words, "--list") == 0
    assert capsys.readouterr().out.count("not graded: ") == 100


def test_out_inside_submissions_is_left_out(course, words):
    words[2] = course / "in" / "grades"
    for _ in range(2):
        assert run(*words) == 0
    assert set(rows(words[2])) == {"jane", "john"}


def test_outputs_are_dropped_while_reading(course, words):
    notebook = json.loads(as_bytes(RIGHT))
    picture = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * 60 * 2**20}}
    notebook["cells"][1]["outputs"] = [picture]
    (course / "in" / "jane" / NOTEBOOK).write_text(json.dumps(notebook))
    assert run(*words) == 0
    assert rows(course / "out")["jane"]["score"] == "7"


# ---- a roster

ROSTERS = {
    "a heading": "id,name\njane,Jane Doe\njohn,John Roe\nmary,Mary Poe\n",
    "no heading": "jane,Jane Doe\njohn,John Roe\nmary,Mary Poe\n",
    "another order": "\ufeffName;Matr;Id\nJane Doe;1;jane\nJohn Roe;2;john\nMary Poe;3;mary\n",
}


@pytest.mark.parametrize("kind", ROSTERS)
@pytest.mark.parametrize("only_list", [True, False])
def test_a_roster_names_who_is_missing_and_who_is_unknown(course, words, capsys, kind, only_list):
    hand_in(course / "in", eve=RIGHT)
    (course / "roster.csv").write_text(ROSTERS[kind], encoding="utf-8")
    assert run(*words, "--roster", course / "roster.csv", *(["--list"] if only_list else [])) == 0
    told = re.findall("^(?:missing|not in).*", capsys.readouterr().out, re.MULTILINE)
    assert told == ["missing: mary Mary Poe", "not in the roster: eve"]


@pytest.mark.parametrize(
    ("text", "message"),
    [(b"", "which is empty"), (b"id,name\n,Jane\n", "has no id"), (b"a,A\na,B\n", "'a' twice"), (b"\xff", "not UTF-8")],
)
@pytest.mark.usefixtures("no_judging")
def test_a_roster_that_is_none(course, words, capsys, text, message):
    (course / "roster.csv").write_bytes(text)
    assert run(*words, "--roster", course / "roster.csv") == 2
    assert message in capsys.readouterr().err
    assert run(*words, "--roster", course / "nowhere.csv") == 2
    assert "No such file" in capsys.readouterr().err


# ---- all that can be checked is checked first


def damaged(course: Path, kind: str) -> list[object]:
    """Make something bad; the words to add."""
    out = course / "out"
    out.mkdir()
    if kind == "overrides":
        (out / "overrides.json").write_text('{"john": {"test-double": {"poi')
    elif kind == "overrides of another form":
        (out / "overrides.json").write_text('{"john": {"test-double": 3}}')
    elif kind == "by_hand":
        (out / "by_hand.json").write_text("[1]")
    elif kind == "from_nbgrader":
        (course / "book.db").write_text("no database")
        return ["--from-nbgrader", course / "book.db"]
    elif kind == "to_nbgrader":
        (course / "book.db").write_text("no database")
        return ["--to-nbgrader", course / "book.db"]
    elif kind == "two claims":
        (course / "in" / "jane.ipynb").write_bytes(as_bytes(RIGHT))
    return ["--seed", "-1"] if kind == "seed" else []


DAMAGED = {
    "overrides": "overrides.json: got a damaged file",
    "overrides of another form": "overrides.json: got a damaged file",
    "by_hand": "by_hand.json: got a damaged file",
    "from_nbgrader": "book.db: .*expected nbgrader's gradebook",
    "to_nbgrader": "book.db: .*expected nbgrader's gradebook",
    "two claims": "got 'jane.ipynb' and 'jane', which both name the student 'jane', expected one of them",
    "seed": "--seed: got -1, expected a whole number from 0 on",
}


@pytest.mark.parametrize("kind", DAMAGED)
@pytest.mark.usefixtures("no_judging")
def test_what_is_damaged_is_said_in_a_line_before_anybody_is_judged(course, words, capsys, kind):
    if "nbgrader" in kind:
        pytest.importorskip("nbgrader")
    assert run(*words, *damaged(course, kind)) == 2
    error = capsys.readouterr().err.replace("Isolation is reduced: students' code runs with your own rights.\n", "")
    assert re.match(f"rlcourse grade: .*{DAMAGED[kind]}", error) and error.count("\n") == 1


@pytest.mark.usefixtures("no_judging")
def test_a_folder_that_may_not_be_written(course, words, capsys, monkeypatch):
    """As an ordinary user meets it: root may write everywhere."""
    real = os.open

    def refuse(path, flags, *rest, **options):
        if flags & os.O_CREAT and str(course / "out") in str(path):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))
        return real(path, flags, *rest, **options)

    (course / "out").mkdir()
    (course / "out" / ".lock").touch()
    monkeypatch.setattr(os, "open", refuse)
    assert run(*words) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith(f"rlcourse grade: {course / 'out'}") and "Read-only file system" in error


@pytest.mark.parametrize("part", ["results", "feedback", "grades.csv"])
def test_a_disk_that_is_full(course, words, capsys, monkeypatch, part):
    """One line, status 2; what was judged before stays, and counts when there is room again."""
    real, written = os.replace, []

    def full(source, target):
        if part in str(target) and (part != "results" or written):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(source))
        written.extend([target] if part in str(target) else [])
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        assert run(*words, "--jobs", "1") == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("rlcourse grade: ") and "No space left on device; what was judged is kept" in error
    kept = {path: path.stat().st_mtime_ns for path in (course / "out" / "results").iterdir()}
    assert len(kept) == (1 if part == "results" else 2) and not list((course / "out").rglob("*.tmp"))
    assert run(*words) == 0
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert {name: row["score"] for name, row in rows(course / "out").items()} == {"jane": "7", "john": "5"}


@pytest.mark.parametrize("torn", ['{"student": "jo', "{}", "[]", ""])
def test_a_torn_result_is_judged_again(course, words, capsys, torn):
    assert run(*words) == 0
    (john,) = (course / "out" / "results").glob("john-*.json")
    john.write_text(torn)
    assert run(*words) == 0
    assert f"{john}: damaged, so it is judged again" in capsys.readouterr().out
    assert rows(course / "out")["john"]["score"] == "5" and json.loads(john.read_text())["student"] == "john"


class TestStopped:
    pytestmark = needs_sandbox

    def test_ctrl_c_is_one_line_and_keeps_what_is_done(self, course):
        slow = student(double="import time\ntime.sleep(0.7)\ndef double(x):\n    return 2 * x")
        hand_in(course / "in", a=RIGHT, b=slow, c=slow, d=slow)
        words = [course / "in", "--out", course / "out", "--solutions", course / "solutions", "--jobs", "1"]
        command = [sys.executable, "-c", COMMAND.format(tests=str(Path(__file__).parent)), *map(str, words)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
        grading = subprocess.Popen(command, env=environment, start_new_session=True, **pipes)
        for _ in range(1200):
            if list((course / "out" / "results").glob("*.json")):
                break
            time.sleep(0.05)
        os.killpg(grading.pid, signal.SIGINT)  # as the terminal does
        _, error = grading.communicate(timeout=60)
        assert grading.returncode == 2 and "Traceback" not in error
        last = error.strip().splitlines()[-1]
        assert last.startswith("rlcourse grade: stopped; what was judged is kept in")
        assert 1 <= len(list((course / "out" / "results").glob("*.json"))) < 4
        assert run(*words) == 0
        assert {row["score"] for row in rows(course / "out").values()} == {"7"}


# ---- what a person grades


def answered(course: Path, cells: list[dict]) -> str:
    hand_in(course / "in", jane=cells)
    assert run(course / "in", "--out", course / "out", "--solutions", course / "solutions", *UNSAFE) == 0
    page = (course / "out" / "feedback" / "jane.html").read_text()
    return re.search(r"written</h2>.*?<pre>(.*?)</pre>", page, re.DOTALL)[1]


def with_below(text: str, kind: str = "markdown") -> list[dict]:
    cells = student(written="*Your answer here.*")
    at = next(number for number, one in enumerate(cells) if one["id"] == "written")
    cells.insert(at + 1, {"id": "below", "cell_type": kind, "source": text, "metadata": {}})
    return cells


def without_ids(cells: list[dict]) -> list[dict]:
    """As some tools save a notebook."""
    return [{key: one[key] for key in ("cell_type", "source")} | {"metadata": {}} for one in cells]


MODEL_ANSWER = next(one["source"] for one in master() if one["id"] == "written")
ANSWERS = {
    "untouched": (student(written="*Your answer here.*"), "(not answered)"),
    "empty": (student(written="  "), "(not answered)"),
    "the model answer": (student(written=MODEL_ANSWER), MODEL_ANSWER),
    "any other text": (student(written="Because."), "Because."),
    "below": (with_below("Because."), "Because."),
    "below, raw": (with_below("Because.", "raw"), "Because."),
    "ids lost": (without_ids(student(written="Because.")), "Because."),
    "ids lost, below": (without_ids(with_below("Because.")), "Because."),
    "ids lost, untouched": (without_ids(student(written="*Your answer here.*")), "(not answered)"),
}


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_person_sees_what_was_written_and_only_that(course, kind):
    cells, expected = ANSWERS[kind]
    assert answered(course, cells) == expected


def test_the_gradebook_has_the_answer_below_too(course):
    pytest.importorskip("nbgrader")
    hand_in(course / "in", jane=with_below("Because."), john=STUB)
    words = [course / "in", "--out", course / "out", "--solutions", course / "solutions", *UNSAFE]
    assert run(*words, "--to-nbgrader", course / "book.db") == 0
    shown = {}
    for name in ("jane", "john"):
        text = (course / "autograded" / name / NAME / NOTEBOOK).read_text()
        shown[name] = next(one["source"] for one in json.loads(text)["cells"] if one["id"] == "written")
    assert shown == {"jane": "Because.", "john": "(not answered)"}
    assert gradebook.from_nbgrader(course / "book.db", NAME) == {}
    assert export.load(course / "out" / "by_hand.json") == {}


# ---- large notebooks

NOTEBOOKS = [
    {
        "cells": [{"outputs": [1, [2, {"a": "]"}]], "source": "x = '\"outputs\": ['"}],
        "metadata": {"widgets": {"a": {}}},
    },
    {"cells": [{"attachments": {"a.png": {"image/png": "A" * 99}}, "source": ['"outputs"', ": [1]"]}]},
    ["outputs", ["a"], {"b": "outputs", "c": ["kept"]}],
    {"outputs": {"outputs": [1]}, "a\\": '\\"'},
    {},
    [],
]
EMPTIED = [
    {"cells": [{"outputs": [], "source": "x = '\"outputs\": ['"}], "metadata": {"widgets": {}}},
    {"cells": [{"attachments": {}, "source": ['"outputs"', ": [1]"]}]},
    ["outputs", ["a"], {"b": "outputs", "c": ["kept"]}],
    {"outputs": {}, "a\\": '\\"'},
    {},
    [],
]


@pytest.mark.parametrize(("notebook", "emptied"), list(zip(NOTEBOOKS, EMPTIED, strict=True)))
@pytest.mark.parametrize("indent", [None, 1])
def test_only_outputs_and_attachments_are_dropped(notebook, emptied, indent):
    assert json.loads(slim.without_outputs(json.dumps(notebook, indent=indent).encode())) == emptied


@pytest.mark.parametrize("torn", [b"", b'{"outputs":[1', b'"', b'"\\', b"]", b"}}", b'{"outputs": ]', b'{"a": "x\\"'])
def test_a_torn_file_stays_torn(torn):
    with pytest.raises(ValueError):
        json.loads(slim.without_outputs(torn))


@pytest.mark.parametrize("torn", [b'{"cells":[{"outputs":["' + b'\\"' * 10**6, b"[" * 10**6, b'"' * 10**6])
def test_a_hostile_file_costs_one_pass(torn):
    began = time.process_time()
    slim.without_outputs(torn)
    assert time.process_time() - began < 5


def test_a_file_of_nothing_but_brackets_is_refused(monkeypatch):
    monkeypatch.setattr(slim, "MAX_TOKENS", 100)
    with pytest.raises(slim.Unreadable, match="million lists and texts"):
        slim.without_outputs(b"[" * 102)
