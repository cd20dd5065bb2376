"""Hostile submissions get what they deserve, and whoever comes behind them full marks: one sandbox judges them all."""

import time

import processes
import pytest
import replies
import shells
import values
from cases import Hostile
from classroom import FULL, Court, needs_sandbox, student, verdicts

import notebooks
from rlcourse.staff import sandbox
from rlcourse.staff.remote import Limits

pytestmark = needs_sandbox
MODULES = (replies, values, shells, processes, notebooks)
CORPUS = {f"{module.__name__}: {kind}": case for module in MODULES for kind, case in module.CASES.items()}
SLOW = {f"{module.__name__}: {kind}" for module in MODULES for kind in module.SLOW}


@pytest.fixture(scope="module")
def court(tmp_path_factory) -> Court:
    court = Court(tmp_path_factory.mktemp("court"))
    court.judge(student())
    yield court
    court.close()


@pytest.mark.parametrize("kind", [pytest.param(one, marks=[pytest.mark.slow] * (one in SLOW)) for one in CORPUS])
def test_gets_what_it_deserves_and_the_next_one_too(court, kind):
    case: Hostile = CORPUS[kind]
    began = time.monotonic()
    result = court.judge(case.cells, limits=case.limits)
    seconds = time.monotonic() - began
    assert result["state"] == "graded", result["notes"] + [one["hint"] for one in result["cells"]]
    wrong = {name: came for name, came in verdicts(result).items() if came not in case.allowed()[name]}
    assert not wrong, f"{case.why}: {result}"
    passed = sum(one["max"] for one in result["cells"] if one["verdict"] == "passed")
    assert (result["score"], result["max"]) == (passed, 11)
    assert seconds < case.seconds
    honest = court.judge(student(), limits=Limits())
    assert (verdicts(honest), honest["score"], honest["errors"]) == (FULL, 7, [])


@pytest.mark.slow
@pytest.mark.skipif(not sandbox.is_root(), reason="the corpus is already judged in the way of an ordinary user")
def test_in_the_way_of_an_ordinary_user_too(tmp_path, monkeypatch):
    """Then a user namespace is the wall, and what is in the sandbox belongs to the student."""
    monkeypatch.setattr(sandbox, "is_root", lambda: False)
    court = Court(tmp_path)
    tmp_path.chmod(0o755)
    for kind in (
        "the image its NPROC lowered",
        "the shared folder for reading alone",
        "a key in the kernel",
        "the image's memory",
    ):
        result = court.judge(processes.CASES[kind].cells)
        assert (result["state"], result["score"]) == ("graded", 5)
        assert court.judge(student(), limits=Limits())["score"] == 7
    court.close()


def test_the_corpus_is_large():
    assert len(CORPUS) >= 250 and SLOW < set(CORPUS)
