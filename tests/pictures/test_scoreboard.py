"""The scoreboard and the claims: numbers counted by hand."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from rlcourse.pictures.claims import claim
from rlcourse.pictures.scoreboard import first_solved, scoreboard
from rlcourse.records.record import Record


def test_first_solved_is_the_first_and_not_the_last_time():
    steps = np.array([[10, 20, 30], [10, 20, 30], [11, 22, 33]])
    returns = np.array([[100.0, 480, 90], [9, 9, 9], [475, 500, 500]])
    np.testing.assert_array_equal(first_solved(steps, returns), [20, np.inf, 11])


def test_a_dot_a_seed_and_a_triangle_for_one_that_did_not_get_there(tmp_path):
    record = Record.open(tmp_path / "one", {"agent": "a2c", "env": "CartPole-v1"})
    for seed, returns in enumerate([[100, 480], [9, 9]]):
        record.write(seed, {"step": [10, 20], "return": returns}, command="", seconds=1.0)
    ax = scoreboard({"one": tmp_path / "one"})
    dots, triangles = ax.lines
    assert dots.get_xdata().tolist() == [20] and triangles.get_xdata().tolist() == [20]
    assert dots.get_marker() == "o" and triangles.get_marker() == ">"
    assert [text.get_text() for text in ax.texts] == ["1 of 2 seeds end there"]
    plt.close(ax.figure)


def test_a_claim_prints_its_size(capsys):
    claim("three is more than two", True, 3)
    claim("both", True, (1.23456, 2e-5))
    claim("no size", True)
    assert capsys.readouterr().out == "✓ three is more than two: 3\n✓ both: 1.23, 2e-05\n✓ no size\n"


def test_a_claim_that_does_not_hold_raises_with_its_size():
    with pytest.raises(AssertionError, match=r"does not hold here: more than five \(4\.5\)"):
        claim("more than five", False, 4.5)
