"""`rlcourse grade` from the command line: a class graded, stopped, gone on with, corrected by hand."""

import argparse
import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from classroom import ROOT, Court, as_bytes, make_edition, master, needs_sandbox, student

from rlcourse.staff import edition, grade, sandbox, whole_class

RIGHT, WRONG = student(), student(double="def double(x):\n    return 3 * x")
UNSAFE = ["--unsafe-no-sandbox"] if sandbox.missing() else []
COMMAND = """
import sys
from pathlib import Path
sys.path.insert(0, {tests!r})
from classroom import make_edition
from test_grade import run
from rlcourse.staff import edition
edition.student_edition = lambda problem_set, folder: make_edition(folder)
sys.exit(run(*sys.argv[1:]))
"""


@pytest.fixture(scope="module")
def court(tmp_path_factory) -> Court:
    return Court(tmp_path_factory.mktemp("court"))


@pytest.fixture(autouse=True)
def tiny_edition(monkeypatch):
    monkeypatch.setattr(edition, "student_edition", lambda problem_set, folder: make_edition(folder))


def run(*arguments: object) -> int:
    """The command, with the tiny problem set instead of ps1."""
    parser = argparse.ArgumentParser()
    grade.add_parser(parser.add_subparsers())
    options = parser.parse_args(["grade", "ps1", *map(str, arguments)])
    return options.command(options)


def hand_in(folder: Path, **notebooks: list[dict] | bytes) -> Path:
    for name, notebook in notebooks.items():
        (folder / name).mkdir(parents=True)
        data = notebook if isinstance(notebook, bytes) else as_bytes(notebook)
        (folder / name / "ps1_q_iteration.ipynb").write_bytes(data)
    return folder


def rows(out: Path) -> dict[str, dict[str, str]]:
    with open(out / "grades.csv", newline="") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def class_of_three(court, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("class")
    hand_in(folder / "in", jane=RIGHT, john=WRONG, torn=as_bytes(RIGHT)[:99])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(edition, "student_edition", lambda problem_set, folder: make_edition(folder))
        assert run(folder / "in", "--out", folder / "out", "--solutions", court.master.parents[1], *UNSAFE) == 0
    return folder


@pytest.fixture
def graded(court, class_of_three, tmp_path):
    """A class of three, graded: the arguments to do so again, and the folder of the results."""
    shutil.copytree(class_of_three, tmp_path, dirs_exist_ok=True)
    out = tmp_path / "out"
    return [tmp_path / "in", "--out", out, "--solutions", court.master.parents[1], *UNSAFE], out


def test_a_class(graded, capsys):
    _, out = graded
    scores = {
        name: (row["score"], row["max"], row["test-double"], row["written"], row["status"])
        for name, row in rows(out).items()
    }
    assert scores == {
        "jane": ("7", "11", "2", "", "graded"),
        "john": ("5", "11", "0", "", "graded"),
        "torn": ("0", "11", "0", "", "unreadable"),
    }
    assert rows(out)["torn"]["note"].startswith("the file is not JSON, or was cut off")
    assert sorted(path.name for path in (out / "feedback").iterdir()) == ["jane.html", "john.html", "torn.html"]
    page = (out / "feedback" / "john.html").read_text()
    assert "Look at every number once." in page and "public: twice?" in page
    assert not list(out.glob("**/*.tmp")) and not list(out.glob(".edition*"))


def test_graded_again_nothing_runs(graded, monkeypatch):
    arguments, out = graded
    before = (out / "grades.csv").read_bytes()
    monkeypatch.setattr(whole_class, "run_judge", None)
    assert run(*arguments) == 0
    assert (out / "grades.csv").read_bytes() == before


def test_one_student_again(graded):
    arguments, out = graded
    times = {path.name: path.stat().st_mtime_ns for path in (out / "results").iterdir()}
    assert run(*arguments, "--student", "john") == 0
    changed = [path.name for path in (out / "results").iterdir() if path.stat().st_mtime_ns != times[path.name]]
    assert [name.split("-")[0] for name in changed] == ["john"]


def test_a_changed_submission_is_graded_again(graded):
    arguments, out = graded
    (arguments[0] / "john" / "ps1_q_iteration.ipynb").write_bytes(as_bytes(RIGHT))
    assert run(*arguments) == 0
    assert rows(out)["john"]["score"] == "7"


def test_an_override_stays(graded, capsys):
    arguments, out = graded
    assert run(*arguments, "--override", "john", "test-double", "1.5", "--reason", "=half right") == 0
    assert run(*arguments, "--override", "john", "written", "4", "--reason", "fine") == 0
    (arguments[0] / "john" / "ps1_q_iteration.ipynb").write_bytes(as_bytes(student(total="")))
    assert run(*arguments, "--student", "john") == 0
    row = rows(out)["john"]  # 1.5 by hand, total and kept not attempted, letter 1, written 4 by hand
    assert (row["score"], row["test-double"], row["written"]) == ("6.5", "1.5", "4")
    assert row["overridden"] == "test-double: =half right; written: fine"
    assert "Points given by hand: =half right" in (out / "feedback" / "john.html").read_text()
    assert rows(out)["jane"]["overridden"] == ""


BAD_CALLS = {
    "no reason": (["--override", "john", "test-double", "1"], "--override and --reason belong together"),
    "unknown student": (
        ["--override", "joe", "test-double", "1", "--reason", "r"],
        "got STUDENT 'joe', expected one of jane",
    ),
    "unknown cell": (
        ["--override", "john", "double", "1", "--reason", "r"],
        "got CELL 'double', expected one of test-double",
    ),
    "too many points": (
        ["--override", "john", "test-double", "3", "--reason", "r"],
        "got POINTS '3', expected a number from 0 to 2",
    ),
    "no number": (["--override", "john", "test-double", "nan", "--reason", "r"], "got POINTS 'nan'"),
    "unknown --student": (["--student", "joe"], "--student: got 'joe', expected one of jane, john, torn"),
    "no jobs": (["--jobs", "0"], "--jobs: got 0"),
    "a pattern": (["--id-pattern", "("], "is not a regular expression"),
    "a gradebook": (["--from-nbgrader", "nowhere.db"], "--from-nbgrader: got nowhere.db"),
}


@pytest.mark.parametrize("kind", BAD_CALLS)
def test_bad_calls_say_so(graded, kind, capsys):
    arguments, message = BAD_CALLS[kind]
    assert run(*graded[0], *arguments) == 2
    assert message in capsys.readouterr().err


def test_bad_folders_say_so(court, tmp_path, capsys):
    good = hand_in(tmp_path / "in", jane=RIGHT)
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ([tmp_path / "no", "--out", tmp_path / "out"], "expected a folder or zip archive that exists"),
        ([tmp_path / "empty", "--out", tmp_path / "out"], "which holds no notebook"),
        ([good], "--out DIR is needed"),
        ([good, "--out", tmp_path / "out", "--solutions", tmp_path], "expected the master notebook there"),
        ([good, "--out", good / "jane" / "ps1_q_iteration.ipynb"], "--out: got"),
    ):
        assert run("--solutions", court.master.parents[1], *arguments, *UNSAFE) == 2
        assert message in capsys.readouterr().err


def test_without_bubblewrap_it_says_so_and_needs_a_word(court, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sandbox, "missing", lambda: "bubblewrap is not installed")
    folder = hand_in(tmp_path / "in", jane=RIGHT)
    arguments = [folder, "--out", tmp_path / "out", "--solutions", court.master.parents[1]]
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert "isolation is reduced" in error and "--unsafe-no-sandbox" in error
    assert not (tmp_path / "out").exists()
    assert run(*arguments, "--unsafe-no-sandbox") == 0
    assert rows(tmp_path / "out")["jane"]["score"] == "7"


def test_list_grades_nothing(court, tmp_path, capsys):
    folder = hand_in(tmp_path / "in", jane=RIGHT)
    (folder / "notes.txt").write_text("x")
    assert run(folder, "--list") == 0
    assert capsys.readouterr().out == "jane  jane/ps1_q_iteration.ipynb\n1 students; not read: notes.txt\n"


def test_a_fault_of_the_test_gives_no_score_and_is_judged_again(court, tmp_path, capsys):
    cells = master()
    cells[3]["source"] = "if double(np.ones(1))[0] != 2: undefined"  # a case that the master's own solution never meets
    path = tmp_path / "solutions" / "ps1_q_iteration" / "ps1_q_iteration.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes(as_bytes(cells))
    folder, out = hand_in(tmp_path / "in", jane=WRONG), tmp_path / "out"
    arguments = [folder, "--out", out, "--solutions", tmp_path / "solutions", *UNSAFE]
    assert run(*arguments) == 1
    row = rows(out)["jane"]
    assert (row["score"], row["test-double"], row["status"]) == ("", "", "grader error: regrade me")
    assert "NameError" in (out / "index.html").read_text()
    assert "NameError" not in (out / "feedback" / "jane.html").read_text()
    assert run(*arguments, "--override", "jane", "test-double", "2", "--reason", "the test is at fault") == 0
    assert rows(out)["jane"]["score"] == "7"


def test_a_master_that_fails_its_own_tests_is_told_before_anybody_is_judged(court, tmp_path, capsys):
    cells = master()
    cells[3]["source"] = "undefined"
    path = tmp_path / "solutions" / "ps1_q_iteration" / "ps1_q_iteration.ipynb"
    path.parent.mkdir(parents=True)
    path.write_bytes(as_bytes(cells))
    folder, out = hand_in(tmp_path / "in", jane=RIGHT), tmp_path / "out"
    assert run(folder, "--out", out, "--solutions", tmp_path / "solutions", *UNSAFE) == 2
    assert "does not pass its own tests: test-double: grader error" in capsys.readouterr().err


def test_a_judge_that_dies_costs_only_its_submission(graded, monkeypatch):
    """As if memory ran out in the judge itself."""
    arguments, out = graded
    monkeypatch.setattr(whole_class, "patience", lambda job: 0.01 if job.student == "john" else 60)
    assert run(*arguments, "--student", "john") == 1
    assert rows(out)["john"]["status"] == "grader error: regrade me"
    assert rows(out)["jane"]["score"] == "7"


def test_students_whose_names_differ_by_a_letter_that_no_file_has(court, tmp_path):
    folder = hand_in(tmp_path / "in", **{"a b": RIGHT, "a?b": WRONG})
    run(folder, "--out", tmp_path / "out", "--solutions", court.master.parents[1], *UNSAFE)
    assert len(list((tmp_path / "out" / "feedback").iterdir())) == 2
    assert [row["score"] for row in rows(tmp_path / "out").values()] == ["7", "5"]


class TestStopped:
    pytestmark = needs_sandbox

    def test_killed_and_started_again_it_goes_on(self, court, tmp_path):
        slow = student(double="import time\ntime.sleep(0.7)\ndef double(x):\n    return 2 * x")
        folder = hand_in(tmp_path / "in", a=slow, b=slow, c=slow, d=WRONG)
        out = tmp_path / "out"
        arguments = [folder, "--out", out, "--solutions", court.master.parents[1], "--jobs", "1"]
        command = [sys.executable, "-c", COMMAND.format(tests=str(Path(__file__).parent)), *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        first = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
        for _ in range(600):
            if done := list((out / "results").glob("*.json")):
                break
            time.sleep(0.05)
        # While it holds the folder, no other run may.
        assert run(*arguments) == 2
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        done = {path: path.stat().st_mtime_ns for path in (out / "results").glob("*.json")}
        assert 1 <= len(done) < 4 and not (out / "grades.csv").exists()
        assert run(*arguments) == 0
        assert {path: path.stat().st_mtime_ns for path in done} == done
        assert {name: row["score"] for name, row in rows(out).items()} == {"a": "7", "b": "7", "c": "7", "d": "5"}
        assert not list(out.glob(".edition*"))


def test_on_a_dask_cluster(court, tmp_path):
    distributed = pytest.importorskip("dask.distributed")
    folder = hand_in(tmp_path / "in", jane=RIGHT, john=WRONG)
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        arguments = [folder, "--out", tmp_path / "out", "--solutions", court.master.parents[1], *UNSAFE]
        assert run(*arguments, "--scheduler", cluster.scheduler_address) == 0
        with distributed.Client(cluster) as client:
            assert len(client.scheduler_info()["workers"]) == 2  # the cluster is left as it was
    assert [row["score"] for row in rows(tmp_path / "out").values()] == ["7", "5"]


def test_a_scheduler_that_is_none_is_named(court, tmp_path, capsys):
    pytest.importorskip("dask.distributed")
    folder = hand_in(tmp_path / "in", jane=RIGHT)
    arguments = [folder, "--out", tmp_path / "out", "--solutions", court.master.parents[1], *UNSAFE]
    assert run(*arguments, "--scheduler", "nowhere") == 2
    assert "--scheduler: got nowhere, where no scheduler answers" in capsys.readouterr().err


def test_results_are_whole_files(graded):
    _, out = graded
    for path in (out / "results").iterdir():
        assert {"student", "score", "max", "cells", "state"} <= set(json.loads(path.read_text()))


STYLE = {  # loops, other names, lists, float32: right all the same
    "q-backup": """
def q_backup(trans, rew, q, g):
    new = []
    for s in range(len(rew)):
        new.append([])
        for a in range(len(rew[s])):
            ahead = 0
            for t in range(len(rew)):
                ahead += trans[s][a][t] * max(q[t])
            new[s].append(float(rew[s][a] + g * ahead))
    return new
""",
    "greedy-policy": """
def greedy_policy(table):
    rows = []
    for row in table:
        best = [float(v == max(row)) for v in row]
        rows.append([v / sum(best) for v in best])
    return np.array(rows, dtype=np.float32)
""",
    "policy-evaluation": """
def policy_evaluation(P, R, pi, gamma):
    V = np.zeros(len(R))
    for _ in range(20_000):
        new = ((R + gamma * P @ V) * pi).sum(1)
        if abs(new - V).max() < 1e-13:
            break
        V = new
    return V.tolist()
""",
}


def test_problem_set_1_solved_blank_and_in_another_style(tmp_path, monkeypatch):
    """Whole: the master's own solution, the exercise as handed out, and loops that return lists."""
    monkeypatch.undo()  # the real student edition
    name = "ps1_q_iteration"
    solved = (ROOT / "solutions" / name / f"{name}.ipynb").read_bytes()
    style = json.loads(solved)
    for one in style["cells"]:
        grade_id = one["metadata"].get("nbgrader", {}).get("grade_id")
        one["source"] = STYLE.get(grade_id, one["source"])
    blank = (ROOT / "exercises" / name / f"{name}.ipynb").read_bytes()
    folder = hand_in(tmp_path / "in", blank=blank, solved=solved, style=json.dumps(style).encode())
    assert run(folder, "--out", tmp_path / "out", *UNSAFE) == 0
    graded = rows(tmp_path / "out")
    assert {student: row["score"] for student, row in graded.items()} == {"blank": "0", "solved": "26", "style": "26"}
    assert {row["max"] for row in graded.values()} == {"30"}
