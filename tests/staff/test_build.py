import argparse
import ast
import inspect
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from course import CHECK_DATA, EXERCISE, MASTER, NAME, ROOT, SOLUTION, TEST, cell, cells, make_course, write

from rlcourse.staff import bank, build, check_data, edition, notebooks

Q_BACKUP = "def mine(T, r, q, g):\n    return r + g * (T @ q.max(axis=1)).reshape(r.shape)"


@pytest.fixture
def course(tmp_path, monkeypatch):
    monkeypatch.setattr(check_data, "write_check_data", lambda problem_set: f'{{"of": "{problem_set}"}}\n')
    monkeypatch.setattr(edition, "modules", lambda package: ["functional/tabular.py", "agents/tabular/planning.py"])
    return make_course(tmp_path)


def by_id(path) -> dict:
    return {cell.id: cell for cell in nbformat.read(path, as_version=4).cells}


def test_a_student_gets_stubs_and_public_tests(course):
    assert build.build(course) == [EXERCISE, CHECK_DATA]
    made = by_id(course / EXERCISE)
    assert list(made) == [cell["id"] for cell in cells()]
    stub = 'def q_backup(P, R, Q, gamma):\n    """One sweep."""\n    raise NotImplementedError("your code here")'
    assert made["q-backup"].source == stub
    assert made["test-q-backup"].source == "check(q_backup)"
    assert made["written"].source == "*Your answer here.*"
    assert made["show"].source == cells()[-1]["source"]
    assert made["test-q-backup"].metadata.nbgrader.points == 3
    assert made["setup"].metadata.editable is False
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in made.values())
    assert (course / CHECK_DATA).read_text() == '{"of": "ps1"}\n'


def test_building_again_changes_nothing(course):
    build.build(course)
    before = (course / EXERCISE).read_bytes()
    assert build.out_of_date(course) == []
    assert build.build(course) == []
    assert (course / EXERCISE).read_bytes() == before
    (course / EXERCISE).write_bytes(before + b" ")
    assert build.out_of_date(course) == [EXERCISE]
    assert build.build(course, only="ps1") == [EXERCISE]
    assert (course / EXERCISE).read_bytes() == before


def test_an_exercise_without_a_source_goes(course):
    gone = course / "exercises" / "ps2_dqn" / "ps2_dqn.ipynb"
    write(gone, cells())
    build.build(course)
    assert not gone.exists()


def test_what_is_committed_is_what_the_masters_make():
    assert build.out_of_date(ROOT) == []


def change(name: str, **fields):
    """Cells in which one differs; None takes a field away."""
    changed = cells()
    target = next(cell for cell in changed if cell["id"] == name)
    for key, value in fields.items():
        place = target["metadata"]["nbgrader"] if key in ("grade_id", "points") else target
        place[key] = value
        if value is None:
            del place[key]
    return changed


def added(source: str, kind: str = "code", **nbgrader) -> list[dict]:
    return [*cells(), cell(kind, "more", source, **nbgrader)]


FAULTS = {
    "no END": (
        change("q-backup", source=SOLUTION.replace("    ### END SOLUTION", "")),
        "cell q-backup: line 3: BEGIN SOLUTION without its END",
    ),
    "no BEGIN": (
        change("q-backup", source=SOLUTION.replace("    ### BEGIN SOLUTION", "")),
        "cell q-backup: line 6: END SOLUTION without its BEGIN",
    ),
    "nested": (
        change("q-backup", source=SOLUTION.replace("    best", "    ### BEGIN SOLUTION\n    best")),
        "cell q-backup: line 4: BEGIN SOLUTION inside the SOLUTION of line 3",
    ),
    "no END of hidden tests": (
        change("test-q-backup", source=TEST.replace("### END HIDDEN TESTS", "")),
        "cell test-q-backup: line 2: BEGIN HIDDEN TESTS without its END",
    ),
    "misspelt": (
        change("test-q-backup", source=TEST.replace("### BEGIN HIDDEN TESTS", "### BEGIN HIDDEN TEST")),
        "cell test-q-backup: line 2: got '### BEGIN HIDDEN TEST', expected a marker",
    ),
    "small letters": (
        change("q-backup", source=SOLUTION.replace("### BEGIN SOLUTION", "# begin solution")),
        "cell q-backup: line 3: got '# begin solution', expected a marker",
    ),
    "solution elsewhere": (
        added("### BEGIN SOLUTION\nx = 1\n### END SOLUTION"),
        "cell more: line 1: BEGIN SOLUTION in a cell of another kind",
    ),
    "no id": (change("show", id=None), "cell 6 (no id): got id None, expected"),
    "malformed id": (change("show", id="Show It"), "cell 6 (Show It): got id 'Show It', expected"),
    "double id": (change("show", id="setup"), "cell 6 (setup): got id 'setup' a second time"),
    "no grade_id": (change("q-backup", grade_id=None), "cell 3 (q-backup): got grade_id None, expected"),
    "malformed grade_id": (change("q-backup", grade_id="q backup"), "cell 3 (q-backup): got grade_id 'q backup'"),
    "double grade_id": (change("q-backup", grade_id="setup"), "got grade_id 'setup' a second time"),
    "no points": (change("test-q-backup", points=None), "cell test-q-backup: got points None, expected a number"),
    "no points to win": (change("written", points=0), "cell written: got points 0, expected a number above 0"),
    "not Python": (added("x = = 1"), "cell more: line 1: not Python"),
    "a stub that is not Python": (
        change("q-backup", source="### BEGIN SOLUTION\nfor x in y:\n    pass\n### END SOLUTION\nelse:\n    pass"),
        "cell q-backup: line 2 is not Python",
    ),
    "a body": (added(Q_BACKUP), "cell more: line 2 holds the body of q_backup"),
    "a solution": (
        added("a = np.max(q, axis=1)\nprint(a)\nb = r + g * np.einsum('ijk,k->ij', T, a)"),
        "cell more: line 3 holds the solution cell q-backup",
    ),
    "a body in prose": (
        added("So:\n```\nreturn R + gamma * (P @ Q.max(axis=1)).reshape(R.shape)\n```", "markdown"),
        "cell more: holds the body of q_backup",
    ),
    "metadata": (change("show", metadata={"answer": "b"}), "cell show: metadata 'answer' is not on the list"),
    "an attachment": (
        change("written", attachments={"a.png": {"image/png": "AAAA"}}),
        "cell written: an attachment in a solution",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_and_nothing_is_written(course, fault):
    changed, message = FAULTS[fault]
    write(course / MASTER, changed)
    write(course / EXERCISE, [])
    before = (course / EXERCISE).read_bytes()
    with pytest.raises(build.BuildError) as caught:
        build.build(course)
    assert message in str(caught.value)
    assert NAME in str(caught.value)
    assert (course / EXERCISE).read_bytes() == before
    assert not (course / CHECK_DATA).exists()


def test_all_faults_are_named_at_once(course):
    write(course / MASTER, [*change("test-q-backup", points=None), cell("code", "title", "x = = 1")])
    with pytest.raises(build.BuildError) as caught:
        build.build(course)
    assert len(str(caught.value).splitlines()) == 3


@pytest.mark.parametrize("name", ["q_backup", "policy_evaluation"])
def test_a_misconception_of_the_bank_is_not_handed_out(course, name):
    wrong = bank.bank("ps1")[name].misconceptions[0]
    function = ast.parse(inspect.getsource(wrong.function)).body[0]
    function.decorator_list, function.name = [], "helper"
    write(course / MASTER, added(ast.unparse(function).replace("gamma", "discount")))
    with pytest.raises(build.BuildError, match=f"cell more: line 2 holds the misconception {wrong.id} of {name}"):
        build.build(course)


def test_an_answer_in_the_library_stops_the_build(course):
    module = course / "rlcourse" / "agents" / "tabular" / "planning.py"
    module.write_text(module.read_text() + f"\n\n{Q_BACKUP}\n")
    said = r"rlcourse/agents/tabular/planning.py: line \d+ holds the body of q_backup"
    with pytest.raises(build.BuildError, match=said):
        build.build(course)


@pytest.mark.parametrize("where", ["code", "output"])
def test_an_answer_in_a_lecture_stops_the_build(course, where):
    shown = cell("code", "look", Q_BACKUP if where == "code" else "show(q_backup)")
    body = "def q_backup(P, R, Q, gamma):\n    return R + gamma * (P @ Q.max(axis=1)).reshape(R.shape)"
    if where == "output":
        shown["outputs"] = [{"output_type": "display_data", "metadata": {}, "data": {"text/plain": body}}]
    write(course / "notebooks" / "02_q_learning.ipynb", [shown])
    with pytest.raises(build.BuildError, match="02_q_learning.ipynb: cell look: .*holds the body of q_backup"):
        build.build(course)
    (course / "notebooks" / "02_q_learning.ipynb").rename(course / "notebooks" / "03_later.ipynb")
    build.build(course)


@pytest.mark.parametrize("stranger", [f"solutions/{NAME}/key.txt", "solutions/ps9_none/ps9_none.ipynb"])
def test_only_master_notebooks_are_built_from(course, stranger):
    (course / stranger).parent.mkdir(exist_ok=True)
    (course / stranger).touch()
    with pytest.raises(build.BuildError, match="not on the list of what is handed out"):
        build.build(course)


def test_a_killed_build_leaves_the_old(course):
    write(course / EXERCISE, [])
    before = (course / EXERCISE).read_bytes()
    code = (
        "import os; from pathlib import Path; from rlcourse.staff import build, check_data;"
        "check_data.write_check_data = lambda problem_set: os._exit(9);"
        f"build.build(Path({str(course)!r}))"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 9
    assert (course / EXERCISE).read_bytes() == before


def test_a_file_is_written_whole_or_not_at_all(course, monkeypatch):
    write(course / EXERCISE, [])
    before = (course / EXERCISE).read_bytes()

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(notebooks.os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        build.build(course)
    assert (course / EXERCISE).read_bytes() == before
    assert [path.name for path in (course / EXERCISE).parent.iterdir()] == [EXERCISE.name]


def test_stock_nbgrader_makes_the_same_cells(course):
    """With its database, from the real master notebook, by its own command."""
    (course / MASTER).write_bytes((ROOT / MASTER).read_bytes())
    build.build(course)
    ours = nbformat.read(course / EXERCISE, as_version=4).cells
    shutil.rmtree(course / "exercises")
    command = [sys.executable, "-m", "nbgrader", "generate_assignment", NAME, "--create"]
    database = f"--db=sqlite:///{course / 'gradebook.db'}"
    path = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])  # nbgrader calls `alembic` by name
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(course), "JUPYTER_DATA_DIR": str(course), "PATH": path}
    run = subprocess.run([*command, database], cwd=course, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert nbformat.read(course / EXERCISE, as_version=4).cells == ours
    assert (course / "gradebook.db").exists()


def command_line(*words: str) -> int:
    parser = argparse.ArgumentParser()
    build.add_parser(parser.add_subparsers(required=True))
    options = parser.parse_args(["build", *words])
    return options.command(options)


def test_the_command_tells_what_it_did(course, monkeypatch, capsys):
    changes = [[EXERCISE], [], [EXERCISE]]
    monkeypatch.setattr(build, "build", lambda only: changes.pop())
    monkeypatch.setattr(build, "out_of_date", lambda only: changes.pop())
    assert command_line() == 0
    assert capsys.readouterr().out == f"{EXERCISE}: written\n"
    assert command_line("--check", "ps1") == 0
    assert capsys.readouterr().out == "nothing changed\n"
    assert command_line("--check") == 1
    assert capsys.readouterr().out == f"{EXERCISE}: out of date\n"


def test_a_fault_is_exit_status_2(monkeypatch, capsys):
    def fail(only):
        raise build.BuildError("a.ipynb: cell b: line 3")

    monkeypatch.setattr(build, "build", fail)
    assert command_line() == 2
    assert capsys.readouterr().err == "a.ipynb: cell b: line 3\n"
