"""The real problem sets: what comes back from work is not believed, and nothing that comes back is a grader's error."""

import base64
import json
from importlib import import_module
from pathlib import Path

import pytest
from at_work import ATTACKS
from cases import KIT
from classroom import needs_sandbox
from course import ROOT, cell
from odd_replies import REPLIES

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.staff.edition import student_edition
from rlcourse.staff.judge import Job, judge, sandbox_for

pytestmark = needs_sandbox
SETS = ["ps1", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ps2", "ps3", "ps4", "ps5"))]


class RealCourt:
    """Judges notebooks of a real problem set, all in one sandbox."""

    def __init__(self, problem_set: str, folder: Path) -> None:
        name = PROBLEM_SETS[problem_set]
        self.problem_set = problem_set
        self.master = ROOT / "solutions" / name / f"{name}.ipynb"
        self.cells = json.loads(self.master.read_text(encoding="utf-8"))["cells"]
        folder.chmod(0o755)
        student_edition(problem_set, folder)
        self.job = Job("jane", "", str(self.master), str(folder))
        self.box = sandbox_for(self.job)

    def judge(self, first: str = "", **sources: str) -> dict:
        """A notebook with nothing of a student's but a first cell, and the solution cells named here."""
        cells = [cell("code", "mine", first)]
        for one in self.cells:
            flags = one["metadata"].get("nbgrader", {})
            if one["cell_type"] == "code":
                solution = flags.get("solution") and sources.get(one["id"].replace("-", "_"), "")
                cells.append(one | {"outputs": []} | ({"source": solution} if flags.get("solution") else {}))
        data = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()
        result = judge(Job(**vars(self.job) | {"notebook": base64.b64encode(data).decode()}), self.box)
        assert result["state"] == "graded", [(one["cell"], one["hint"]) for one in result["cells"]]
        return result

    def at_work(self, result: dict) -> dict[str, float]:
        """The points of the tests that put functions to work."""
        names = {one["id"] for one in self.cells if "attempt(" in "".join(one["source"])}
        return {one["cell"]: one["points"] for one in result["cells"] if one["cell"] in names}


@pytest.fixture(scope="module", params=SETS)
def court(request, tmp_path_factory):
    court = RealCourt(request.param, tmp_path_factory.mktemp("edition"))
    yield court
    court.box.stop()


@pytest.fixture
def believing(court, monkeypatch):
    """Judges who take any result for a trained one."""
    judges = import_module(f"rlcourse.staff.judges.{court.problem_set}")
    for name in vars(judges):
        if name.startswith("judge_"):
            monkeypatch.setattr(judges, name, lambda *arguments: None)


FAST = ("plays the worker", "a scenario replaced in the list")


@pytest.mark.parametrize("kind", [pytest.param(one, marks=[pytest.mark.slow] * (one not in FAST)) for one in ATTACKS])
def test_hand_made_results_are_worth_nothing(court, believing, kind):
    """All functions are wrong, and whatever comes back from training is taken for good: still there is no point."""
    functions = [
        name
        for one in court.cells
        if one["metadata"].get("nbgrader", {}).get("solution") and one["cell_type"] == "code"
        for name in [one["id"].replace("-", "_")]
    ]
    wrong = {name: f"def {name}(*arguments, **keywords):\n    return -7.5" for name in functions}
    result = court.judge(ATTACKS[kind], **wrong)
    assert court.at_work(result) and set(court.at_work(result).values()) == {0}
    assert result["score"] <= 2  # a constant may be right on an edge


def test_a_share_of_right_functions_is_paid(court, believing):
    """The master's own first function, all others wrong."""
    if court.problem_set != "ps1":
        pytest.skip("one is enough")
    solutions = {
        one["id"].replace("-", "_"): "".join(one["source"])
        for one in court.cells
        if one["metadata"].get("nbgrader", {}).get("solution")
    }
    forged = "puppet_scenario = {'value': 1.0}\n" + ATTACKS["a scenario replaced in the list"]
    result = court.judge(forged, q_backup=solutions["q_backup"], greedy_policy="def greedy_policy(Q):\n    return Q")
    assert court.at_work(result)["test-slippery-maze"] == 0
    assert court.at_work(result)["test-frozen-lake"] in (0, 1.5)  # 0 where the scenario was put back and failed


def test_no_reply_is_a_graders_error(court):
    """The worker's place is taken by one that answers each question with the next odd thing."""
    for start in range(3):
        source = f"{KIT}replies, n = json.loads({json.dumps(json.dumps(REPLIES))}), {start}\n"
        source += "def answer(request):\n    global n\n    n += 7\n    return replies[n % len(replies)]\npuppet(answer)"
        result = court.judge(source)
        assert {one["verdict"] for one in result["cells"]} <= {
            "failed",
            "not attempted",
            "manual",
            "crashed",
            "time limit",
        }
