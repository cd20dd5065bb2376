"""However a submission spends its time, it comes to an end, and is no grader's error."""

import time

import pytest
from cases import KIT, WRONG
from classroom import Court, needs_sandbox, student, verdicts
from course import cell

from rlcourse.staff.remote import GRACE_SECONDS, Limits, Worker

pytestmark = needs_sandbox
SPARE = 6.0
MOST = SPARE + 25.0  # what is spare, what may be overdrawn, and a sandbox or two on a busy machine
STUBBORN = "import signal, time\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\n"
LATE = f"import time\n{WRONG.replace('return', 'time.sleep(1e6)' + chr(10) + '    return')}"

# What stands in each of some hundred cells before the rest: none of them may take its time a hundred times.
EACH = {
    "sleeps": "import time\ntime.sleep(54)",
    "cannot be interrupted": STUBBORN + "time.sleep(1e6)",
    "cannot be interrupted, a little": STUBBORN + "time.sleep(1.8)",
    "ends the process": "import os\nos._exit(0)",
    "ends the image": "import os\nos.kill(min(int(n) for n in os.listdir('/proc') if n.isdigit() and int(n) > 1), 9)",
    "stops the image": "import os\n"
    "os.kill(min(int(n) for n in os.listdir('/proc') if n.isdigit() and int(n) > 1), 19)\n"
    "os._exit(0)",
    "is late with the next step": KIT + "say({'error': ''})\ntime.sleep(9)",
    "forks": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(1e6)",
}


@pytest.fixture(scope="module")
def court(tmp_path_factory) -> Court:
    court = Court(tmp_path_factory.mktemp("court"))
    court.judge(student())
    yield court
    court.close()


def judged(court: Court, cells: list[dict]) -> dict:
    """Judged within the time that there is; then an honest one gets full marks."""
    began = time.monotonic()
    result = court.judge(cells, limits=Limits(cell=2, test=1, spare=SPARE))
    assert time.monotonic() - began < MOST
    assert result["state"] == "graded"
    assert court.judge(student(), limits=Limits())["score"] == 7
    return result


FAST = ("ends the process",)


@pytest.mark.parametrize("kind", [pytest.param(one, marks=[pytest.mark.slow] * (one not in FAST)) for one in EACH])
def test_a_hundred_such_cells(court, kind):
    cells = [cell("code", f"mine-{n}", EACH[kind]) for n in range(100)]
    result = judged(court, [*cells, *student(double=WRONG)])
    assert verdicts(result)["test-double"] != "passed"


def test_a_slow_cell_and_then_a_million_seconds_a_call(court):
    late = {name: LATE.replace("double", name) for name in ("double", "total")}
    result = judged(court, [cell("code", "mine", "import time\ntime.sleep(54)"), *student(**late)])
    assert {verdicts(result)[f"test-{name}"] for name in ("double", "total", "kept")} == {"time limit"}


@pytest.mark.slow
def test_5000_cells_that_end_the_process(court):
    cells = [cell("code", f"mine-{n}", "import os\nos._exit(0)") for n in range(5000)]
    judged(court, [*cells, *student()])


def test_a_worker_that_forgets_its_forks_time(court):
    """The judge itself asks no more questions when a test's time is over, however fast the answers come."""
    source = KIT + "def answer(request):\n    time.sleep(0.9)\n    return {'value': 1.0}\npuppet(answer)"
    result = judged(court, [cell("code", "mine", source), *student()])
    test = next(one for one in result["cells"] if one["cell"] == "test-double")
    assert test["verdict"] in ("failed", "time limit") and test["seconds"] < 1 + 3 * GRACE_SECONDS


def test_a_worker_that_never_starts_is_not_the_students_fault(court, monkeypatch):
    """Two in a row are a grader's error; one alone is not noticed."""
    box = next(iter(court.boxes.values()))
    say, left = Worker.say, [1]

    def say_once_too_late(worker, message):
        if "steps" in message and left:
            left.pop()
            worker.sandbox.kill()
            worker.channel.setblocking(True)
            assert worker.channel.recv(1) == b""  # it has gone, having said nothing
        say(worker, message)

    monkeypatch.setattr(Worker, "say", say_once_too_late)
    assert court.judge(student(), limits=Limits())["score"] == 7
    left += [1, 1]
    assert court.judge(student(), limits=Limits())["state"] == "grader error"
    assert court.judge(student(), limits=Limits())["score"] == 7
    assert box is next(iter(court.boxes.values()))
