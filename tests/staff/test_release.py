"""A bundle: what is in it, what is refused, and that a newer one keeps a student's work."""

import argparse
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile

import nbformat
import pytest
from course import EXERCISE, NAME, ROOT, cell, cells, make_course, write

from rlcourse.staff import build, check_data, edition, guard, release
from rlcourse.staff.bundle import upgrade

NOTEBOOK = f"{NAME}.ipynb"


@pytest.fixture(scope="module")
def made_course(tmp_path_factory):
    """The small course, built."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(check_data, "write_check_data", lambda problem_set: "{}\n")
        patch.setattr(guard, "leaks", lambda *_: [])  # test_build has it
        root = make_course(tmp_path_factory.mktemp("course"))
        write(root / "notebooks" / "01_q_iteration.ipynb", cells()[:1])
        write(root / "notebooks" / "03_later.ipynb", cells()[:1])
        build.build(root)
        yield root


@pytest.fixture
def bundle(made_course, tmp_path):
    release.release("ps1", tmp_path / "ps1", root=made_course)
    return tmp_path / "ps1"


def files(folder) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_bundle_is_a_list_of_files(bundle, made_course):
    library = {f"rlcourse/{name}" for name in edition.modules()} | {
        f"rlcourse/homework/check_data/ps1{kind}.json" for kind in edition.CHECK_DATA
    }
    beside = {"README.md", "Makefile", "LICENSE", "constraints.txt", "pyproject.toml", "rehearse.py", "upgrade.py"}
    beside |= {"docs/notation.md"}
    lectures = {f"lectures/{folder}01_q_iteration.ipynb" for folder in ("", ".originals/")}
    assert set(files(bundle)) == library | beside | lectures | {NOTEBOOK, "manifest.json"}
    assert (bundle / NOTEBOOK).read_bytes() == (made_course / EXERCISE).read_bytes()
    assert not any(word in (bundle / "README.md").read_text() for word in ("@", "staff"))
    assert bundle.stat().st_mode & 0o755 == 0o755, "a student's account can read what the lecturer's made"
    assert sorted(path.name for path in bundle.parent.iterdir()) == ["ps1"], "nothing temporary is left"


@pytest.fixture
def course_with_records(made_course, tmp_path):
    root = tmp_path / "course"
    shutil.copytree(made_course, root)
    for record in ("dqn_cartpole", "dqn_lunarlander", "rainbow/all", "rainbow/without_double", "a2c_cartpole"):
        (root / "results" / record).mkdir(parents=True)
        for name in ("config.json", "seed-0000.csv", "seed-0000.json", "curve.png", "best-0000-0004.pt"):
            (root / "results" / record / name).write_text("1")
    (root / "results" / "README.md").write_text("all of them")
    return root


@pytest.mark.parametrize(
    "source, records",
    [
        ("'no record'", []),
        ('record = Record("../results/dqn_cartpole")', ["dqn_cartpole"]),
        ("open('../results/dqn_cartpole/seed-0000.csv')", ["dqn_cartpole"]),
        ('[Record(f"../results/rainbow/{name}") for name in NAMES]', ["rainbow/all", "rainbow/without_double"]),
        ("Record('../results/rainbow/all'), Record('../results/a2c_cartpole')", ["rainbow/all", "a2c_cartpole"]),
        ("Record(f'../results/dqn_{world}')", ["dqn_cartpole", "dqn_lunarlander"]),
        ("# The numbers of ../results/a2c_cartpole.", ["a2c_cartpole"]),
    ],
)
def test_a_lecture_travels_with_the_records_that_it_names_and_no_others(course_with_records, tmp_path, source, records):
    write(course_with_records / "notebooks" / "01_q_iteration.ipynb", [cell("code", "draw", source)])
    release.release("ps1", tmp_path / "made", root=course_with_records)
    recorded = {name for name in files(tmp_path / "made") if name.startswith("results/")}
    kept = ("config.json", "seed-0000.csv", "seed-0000.json")
    assert recorded == {f"results/{record}/{name}" for record in records for name in kept}


@pytest.mark.parametrize(
    "source", ["Path('../results').glob('*')", "'../results/'", "'../results/ppo'", "'../results/../results/rainbow'"]
)
def test_a_record_that_is_not_there_or_all_of_them_are_refused(course_with_records, tmp_path, source):
    write(course_with_records / "notebooks" / "01_q_iteration.ipynb", [cell("code", "draw", source)])
    with pytest.raises(release.ReleaseError, match="01_q_iteration.ipynb reads ../results.*expected a record that is"):
        release.release("ps1", tmp_path / "made", root=course_with_records)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "solutions").iterdir() if path.is_dir()))
def test_the_course_as_it_stands_can_be_handed_out(tmp_path, name):
    release.release(name.split("_")[0], tmp_path / "made", root=ROOT)
    assert (tmp_path / "made" / f"{name}.ipynb").exists()


def test_the_package_needs_what_the_course_needs(bundle):
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    theirs = tomllib.loads((bundle / "pyproject.toml").read_text())["project"]
    assert theirs["dependencies"] == ours["dependencies"]
    assert {need.split("[")[0].split(">")[0] for need in theirs["optional-dependencies"]["lab"]} == {
        "gymnasium",
        "jupyterlab",
    }
    assert set(theirs["optional-dependencies"]["lab"]) <= set(ours["optional-dependencies"]["course"])


def test_the_same_bundle_comes_out_the_same(made_course, tmp_path):
    for name in ("a", "b"):
        release.release("ps1", tmp_path / name, zip=True, root=made_course)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path / "unpacked")
    assert files(tmp_path / "unpacked" / NAME) == files(tmp_path / "a")


def test_solutions_come_after_the_deadline(bundle, made_course):
    before = files(bundle)
    release.release("ps1", bundle, solutions=True, root=made_course)
    full = (made_course / "rlcourse" / "functional" / "tabular.py").read_text()
    assert (bundle / "rlcourse" / "functional" / "tabular.py").read_text() == full
    solved = {cell.id: cell for cell in nbformat.read(bundle / f"{NAME}_solved.ipynb", as_version=4).cells}
    assert "np.einsum" in solved["q-backup"].source and "###" not in solved["q-backup"].source
    assert solved["test-q-backup"].source == "check(q_backup)", "hidden tests stay here"
    assert solved["written"].source == "Because it contracts."
    assert not any("nbgrader" in cell.metadata or cell.get("outputs") for cell in solved.values())
    assert (bundle / NOTEBOOK).read_bytes() == before[NOTEBOOK]


def test_without_solutions_they_are_taken_away_again(bundle, made_course):
    before = files(bundle)
    release.release("ps1", bundle, solutions=True, root=made_course)
    assert json.loads((bundle / "manifest.json").read_text())["solutions"] is True
    compiled = bundle / "rlcourse" / "functional" / "__pycache__" / "tabular.cpython-311.pyc"
    compiled.parent.mkdir()
    compiled.write_bytes(b"the solutions, compiled")
    assert release.release("ps1", bundle, root=made_course) == [f"{bundle}: brought up to date"]
    assert files(bundle) == before
    assert json.loads((bundle / "manifest.json").read_text())["solutions"] is False


def test_solutions_that_were_written_on_stay_and_are_named(bundle, made_course):
    release.release("ps1", bundle, solutions=True, root=made_course)
    (bundle / f"{NAME}_solved.ipynb").write_text("my notes in them")
    told = release.release("ps1", bundle, root=made_course)
    assert told[0] == f"{NAME}_solved.ipynb: changed here, so it stays, and the solutions in it"
    assert (bundle / f"{NAME}_solved.ipynb").read_text() == "my notes in them"


# ---- a newer bundle


@pytest.fixture
def newer(bundle, made_course, tmp_path):
    """A bundle of the same course a week later: other notebook, other library, a module gone and one come."""
    later = tmp_path / "later"
    shutil.copytree(bundle, later)
    write(later / NOTEBOOK, [*cells(), cell("markdown", "more", "one more")])
    (later / "rlcourse" / "records" / "stats.py").unlink()
    (later / "rlcourse" / "records" / "come.py").write_text("new = True\n")
    (later / "rlcourse" / "worlds" / "walks.py").write_text("better = True\n")
    listed = {name: upgrade.digest(later / name) for name in files(later) if name != "manifest.json"}
    (later / "manifest.json").write_text(json.dumps({"files": listed}))
    return later


def test_an_untouched_bundle_becomes_the_new_one(bundle, newer):
    assert upgrade.upgrade(newer, bundle) == []
    assert files(bundle) == files(newer)
    assert upgrade.upgrade(newer, bundle) == []


def test_a_students_work_stays(bundle, newer):
    write(bundle / NOTEBOOK, [cell("code", "mine", "my = 'work'")])
    (bundle / "rlcourse" / "worlds" / "mdp.py").write_text("# my notes, and theirs did not change\n")
    (bundle / "notes.txt").write_text("mine")
    (bundle / "rlcourse" / "records" / "stats.py").write_text("# mine now\n")
    (bundle / "LICENSE").unlink()
    names = (NOTEBOOK, "rlcourse/worlds/mdp.py", "notes.txt", "rlcourse/records/stats.py")
    mine = {name: (bundle / name).read_bytes() for name in names}

    told = upgrade.upgrade(newer, bundle)
    assert told == [f"{NOTEBOOK}: changed here, so it stays; the new one lies beside it as {NAME}.new.ipynb"]
    now = files(bundle)
    assert {name: now[name] for name in mine} == mine
    assert now[f"{NAME}.new.ipynb"] == files(newer)[NOTEBOOK]
    assert now["LICENSE"] == files(newer)["LICENSE"]
    assert now["rlcourse/worlds/walks.py"] == b"better = True\n"
    assert upgrade.upgrade(newer, bundle) == [], "told once, not at every upgrade"
    assert files(bundle) == now


def test_what_lies_beside_is_never_overwritten_either(bundle, newer):
    (bundle / NOTEBOOK).write_text("my work")
    (bundle / f"{NAME}.new.ipynb").write_text("my work in the new one")
    assert f"{NAME}.new2.ipynb" in upgrade.upgrade(newer, bundle)[0]
    assert (bundle / f"{NAME}.new.ipynb").read_text() == "my work in the new one"


def test_an_upgrade_that_was_stopped_begins_again(bundle, newer, monkeypatch):
    put, done = upgrade._put, []

    def stop_after_three(source, place):
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(put(source, place))

    (bundle / "notes.txt").write_text("mine")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(upgrade, "_put", stop_after_three)
        upgrade.upgrade(newer, bundle)
    assert upgrade.upgrade(newer, bundle) == []
    (bundle / "notes.txt").unlink()
    assert files(bundle) == files(newer)


@pytest.mark.parametrize("trick", ["name", "link"])
def test_a_manifest_or_a_link_leads_nowhere_else(bundle, newer, tmp_path, trick):
    outside = tmp_path / "outside"
    (outside / "worlds").mkdir(parents=True)
    (outside / "worlds" / "walks.py").write_text("precious")
    if trick == "link":
        shutil.rmtree(bundle / "rlcourse")
        (bundle / "rlcourse").symlink_to(outside)
    else:
        manifest = json.loads((bundle / "manifest.json").read_text())
        manifest["files"]["rlcourse/../../outside/worlds/walks.py"] = upgrade.digest(outside / "worlds" / "walks.py")
        (bundle / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(upgrade.NotABundle, match="leads out of it"):
        upgrade.upgrade(newer, bundle)
    assert files(outside) == {"worlds/walks.py": b"precious"}


def test_a_student_upgrades_without_the_course(bundle, newer):
    (bundle / NOTEBOOK).write_text("my work")
    run = subprocess.run([sys.executable, "-I", newer / "upgrade.py", bundle], capture_output=True, text=True)
    assert run.returncode == 0 and f"beside it as {NAME}.new.ipynb" in run.stdout
    assert (bundle / NOTEBOOK).read_text() == "my work"
    run = subprocess.run([sys.executable, "-I", newer / "upgrade.py", bundle.parent], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, "") and "expected a bundle" in run.stderr


def test_release_upgrades_in_place(bundle, made_course):
    (bundle / NOTEBOOK).write_text("my work")
    (bundle / "rlcourse" / "worlds" / "walks.py").unlink()
    assert release.release("ps1", bundle, root=made_course) == [f"{bundle}: brought up to date"]
    assert (bundle / NOTEBOOK).read_text() == "my work"
    assert (bundle / "rlcourse" / "worlds" / "walks.py").exists()
    assert not (bundle / f"{NAME}.new.ipynb").exists(), "ours did not change"


# ---- what is refused


def command_line(*words: object) -> int:
    parser = argparse.ArgumentParser()
    release.add_parser(parser.add_subparsers(required=True))
    options = parser.parse_args(["release", *map(str, words)])
    return options.command(options)


def test_an_unknown_problem_set_is_a_mistake_on_the_command_line(capsys, tmp_path):
    with pytest.raises(SystemExit) as exit:
        command_line("ps8", "--to", tmp_path / "a")
    assert exit.value.code == 2 and "ps8" in capsys.readouterr().err
    with pytest.raises(release.ReleaseError, match="got 'ps8', expected one of ps1, "):
        release.release("ps8", tmp_path / "a")


@pytest.mark.parametrize("target", ["a file", "a folder with other things", "a folder with another manifest"])
def test_a_target_that_is_something_else_is_refused(tmp_path, capsys, target):
    place = tmp_path / "ps1"
    if target == "a file":
        place.write_text("precious")
    else:
        place.mkdir()
        (place / ("manifest.json" if "manifest" in target else "thesis.tex")).write_text('{"files": ["precious"]}')
    before = files(tmp_path)
    assert command_line("ps1", "--to", place) == 2
    said = capsys.readouterr()
    assert str(place) in said.err and "expected" in said.err and said.out == ""
    assert files(tmp_path) == before


def test_an_empty_folder_is_filled(made_course, tmp_path):
    assert release.release("ps1", tmp_path, root=made_course) == [f"{tmp_path}: made"]
    assert (tmp_path / NOTEBOOK).exists()


def test_exercises_that_are_out_of_date_are_not_released(made_course, tmp_path):
    before = (made_course / EXERCISE).read_text()
    try:
        (made_course / EXERCISE).write_text(before + " ")
        with pytest.raises(release.ReleaseError, match=f"{EXERCISE}: not what solutions/ makes now; run `rlcourse"):
            release.release("ps1", tmp_path / "ps1", root=made_course)
    finally:
        (made_course / EXERCISE).write_text(before)
    assert not (tmp_path / "ps1").exists()


def test_a_release_that_fails_leaves_nothing(made_course, tmp_path, monkeypatch):
    monkeypatch.setattr(release, "_project", lambda root: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        release.release("ps1", tmp_path / "ps1", root=made_course)
    assert list(tmp_path.iterdir()) == []
