"""A record tells the truth: what was run, by what, and of each seed for itself."""

import json
import os

import numpy as np
import pytest

from rlcourse.records import record as module
from rlcourse.records.record import Record

CONFIG = {"agent": "dqn", "gamma": 0.99, "hidden": (64, 64), "tau": None}


def fill(record, *seeds, **said):
    for seed in seeds:
        table = {"step": np.array([10, 20]), "return": np.array([seed + 0.123456789, 1 / 3])}
        record.write(seed, table, **{"command": "as typed", "seconds": 1.2567, "group": [0, 1], **said})


def test_what_is_written_is_read(tmp_path):
    fill(Record.open(tmp_path / "a", CONFIG), 0, 3)
    record = Record(tmp_path / "a")
    assert record.seeds == [0, 3] and record.steps.tolist() == [10, 20] and record.columns == ["step", "return"]
    assert np.allclose(record["return"], [[0.123457, 1 / 3], [3.12346, 1 / 3]], atol=1e-6)
    assert record.config == CONFIG | {"hidden": [64, 64]}
    assert record.seconds.tolist() == [1.26, 1.26] and record.diverged == {}
    assert (tmp_path / "a" / "seed-0003.csv").read_text() == "step,return\n10,3.12346\n20,0.333333\n"
    made = json.loads((tmp_path / "a" / "seed-0003.json").read_text())
    assert made["command"] == "as typed" and made["group"] == [0, 1]
    assert {"rlcourse", "python", "torch", "gymnasium", "numpy"} == set(made["versions"])
    assert not list(tmp_path.glob("a/.*"))


def test_an_added_seed_changes_nothing_that_is_said_of_the_others(tmp_path, monkeypatch):
    fill(Record.open(tmp_path, CONFIG), 0, 1)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    monkeypatch.setattr(module, "__version__", "9.9.9")
    fill(Record.open(tmp_path, CONFIG, mix=True), 2, command="another one", diverged=12)
    after = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert after.items() >= before.items() and len(after) == len(before) + 2
    record = Record(tmp_path)
    assert [record.made(seed)["versions"]["rlcourse"] == "9.9.9" for seed in record.seeds] == [False, False, True]
    assert [record.made(seed)["command"] for seed in record.seeds] == ["as typed", "as typed", "another one"]
    assert record.diverged == {2: 12}


@pytest.mark.parametrize(
    "change, says",
    [
        ({"gamma": 0.9}, r"gamma 0.9 \(there: 0.99\), expected what"),
        ({"tau": 0.1}, r"tau 0.1 \(there: null\)"),
        ({"n_step": 3}, r"n_step 3 \(there: not set\)"),
        ({"gamma": 0.9, "hidden": (8,)}, r"gamma 0.9 \(there: 0.99\); hidden \[8\] \(there: \[64, 64\]\)"),
    ],
)
def test_another_configuration_is_refused_by_the_setting_that_differs(tmp_path, change, says):
    fill(Record.open(tmp_path, CONFIG), 0)
    before = (tmp_path / "config.json").read_bytes()
    with pytest.raises(ValueError, match=says):
        Record.open(tmp_path, CONFIG | change, mix=True)
    assert (tmp_path / "config.json").read_bytes() == before


def test_another_versions_seeds_are_not_mixed_with_ours_unasked(tmp_path, monkeypatch):
    fill(Record.open(tmp_path, CONFIG), 0)
    assert Record.open(tmp_path, CONFIG).missing([0, 1, 2]) == [1, 2]
    monkeypatch.setattr(module, "__version__", "9.9.9")
    with pytest.raises(ValueError, match=r"version: got rlcourse 9.9.9, expected .* which made seed 0 of .*--mix"):
        Record.open(tmp_path, CONFIG)
    assert Record.open(tmp_path, CONFIG, mix=True).missing([0, 1]) == [1]


@pytest.mark.parametrize("stops_at", [0, 1])
def test_a_seed_is_there_whole_or_missing(tmp_path, monkeypatch, stops_at):
    """Stopped before its first or its second file is in place; then it is made again."""
    record, replace, done = Record.open(tmp_path, CONFIG), os.replace, []

    def stop(*paths):
        if len(done) == stops_at:
            raise KeyboardInterrupt
        done.append(replace(*paths))

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(os, "replace", stop)
        fill(record, 4)
    assert record.missing([4]) == [4] and Record(tmp_path).seeds == []
    fill(record, 4)
    assert Record(tmp_path).seeds == [4] and Record(tmp_path)["return"].shape == (1, 2)


def test_a_seed_is_not_written_twice(tmp_path):
    record = Record.open(tmp_path, CONFIG)
    fill(record, 1)
    with pytest.raises(ValueError, match="seed: got 1, which is there"):
        fill(record, 1)


def test_what_does_not_fit_is_named(tmp_path):
    record = Record.open(tmp_path, CONFIG)
    with pytest.raises(ValueError, match="table: got columns of lengths {'step': 2, 'return': 1}"):
        record.write(0, {"step": [1, 2], "return": [1]}, command="")
    assert record.seeds == []
    fill(record, 0)
    record.write(1, {"step": [11, 20], "return": [1, float("nan")]}, command="")
    assert np.isnan(record["return"][1, 1]) and np.isnan(record.seconds[1]) and record.made(1)["group"] == [1]
    with pytest.raises(ValueError, match="steps: got other ones for other seeds"):
        _ = record.steps
    with pytest.raises(ValueError, match="column: got 'value', expected one of step, return"):
        record["value"]
    record.write(2, {"step": [1], "return": [1]}, command="")
    with pytest.raises(ValueError, match=r"return: got seeds with \[1, 2\] rows"):
        record["return"]
    with pytest.raises(ValueError, match="folder: got .*, expected a record, a folder that holds config.json"):
        Record(tmp_path / "nothing")
