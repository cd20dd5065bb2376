"""What makes results/ can be started as it stands, and the tables say what the records say."""

import importlib.util
import shlex
import sys
from pathlib import Path

import pytest

from rlcourse import __version__
from rlcourse.cli import parser
from rlcourse.records.record import Record
from rlcourse.records.run import configured

ROOT = Path(__file__).parents[1]


def load(name):
    """A script of recordings/, as a module."""
    spec = importlib.util.spec_from_file_location(f"recordings_{name}", ROOT / "recordings" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look there
    spec.loader.exec_module(module)
    return module


runs, table = load("runs"), load("table")


@pytest.mark.parametrize("name", runs.RUNS)
def test_every_run_has_settings_that_there_are(name):
    """Its world may need a package that is not installed here; its settings are checked all the same."""
    recording = runs.RUNS[name]
    options = parser().parse_args(shlex.split(recording.command)[1:])
    assert options.name == name and options.seeds == recording.seeds >= 5
    configured(options.agent, options.set, options.steps)


def test_every_record_is_one_that_can_be_made_again():
    known = {"/".join(filter(None, (name, v))) for name, one in runs.RECORDINGS.items() for v in one.variants}
    assert set(table.all_records(ROOT / "results")) <= known
    for name, recording in runs.RECORDINGS.items():
        assert recording.command.startswith("rlcourse run") or (ROOT / recording.command.split()[1]).is_file(), name


def test_the_tables_are_what_the_records_say():
    said = (ROOT / "results" / "README.md").read_text(encoding="utf-8")
    assert said == table.page(ROOT / "results"), "run `make table`"
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme == table.readme(readme, ROOT / "results"), "run `make table`"


def test_a_row_says_what_stands_in_the_csvs(tmp_path):
    record = Record.open(tmp_path / "a", {"env": "CartPole-v1", "agent": "dqn"})
    for seed, final in enumerate((100, 200, 480, 500)):
        diverged = 7_000 if seed == 1 else None
        record.write(seed, {"step": [5000, 10000], "return": [9, final]}, command="c", seconds=250, diverged=diverged)
    _, _, row = table.table({"a": record}).splitlines()
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:2] == ["[a](a)", "CartPole-v1"] and cells[3:5] == ["4", "10,000"]
    assert cells[5].startswith("340.0 [")  # the mean of the middle two
    assert cells[6:] == ["2 of 4", "100.0 to 500.0", "1,000", "seed 1 at 7,000", f"rlcourse {__version__}"]


def test_what_is_missing_is_counted_and_dropped_by_name(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(runs, "RESULTS", tmp_path)
    assert runs.missing("a2c_cartpole") == 10 and runs.missing("dqn_ablation") == 120
    record = Record.open(tmp_path / "a2c_cartpole", {"agent": "a2c"})
    for seed in range(10):
        record.write(seed, {"step": [1], "return": [1]}, command="")
    (record.folder / "curve.png").write_bytes(b"")
    assert runs.missing("a2c_cartpole") == 0
    assert runs.main(["a2c_cartpole"]) == 0 and "takes about 0 minutes" in capsys.readouterr().out
    runs.drop("a2c_cartpole")
    assert runs.missing("a2c_cartpole") == 10 and [path.name for path in record.folder.iterdir()] == ["curve.png"]
    assert set(runs.chosen(["rainbow_minatar"])) == {f"rainbow_minatar/{name}" for name in runs.WITHOUT}
    with pytest.raises(SystemExit, match="got nothing_such, expected names of a2c_cartpole, "):
        runs.main(["nothing_such"])


def test_scripts_record_and_go_on(tmp_path, capfd):
    """Two seeds, then a third one, which changes nothing that is said of the others."""
    small = ["--", "--steps", "600", "--evaluations", "2", "--out", str(tmp_path)]
    assert runs.main(["gradient_variance", *small, "--seeds", "2"]) == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "gradient_variance").glob("seed-*")}
    assert runs.main(["gradient_variance", *small, "--seeds", "3"]) == 0
    record = Record(tmp_path / "gradient_variance")
    assert record.columns == ["step", "return", "none", "average", "value"] and record["none"].shape == (3, 2)
    assert {name: (record.folder / name).read_bytes() for name in before} == before
    assert record.made(2)["group"] == [2] and record.made(2)["command"].startswith("python recordings/gradient_var")
