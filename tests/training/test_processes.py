"""Workers: they begin together, a dead or a late one is named while the others go on, and nothing is left running."""

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial

import psutil
import pytest

from rlcourse.training.processes import Workers, check_travels


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


def gone(pids: list[int], within: float = 30) -> bool:
    until = time.monotonic() + within
    while alive(pids) and time.monotonic() < until:
        time.sleep(0.02)
    return not alive(pids)


def work(worker: int, link, greeting: str) -> None:
    """The first one says something and ends, another one breaks, one is killed, and the last one never ends."""
    if worker == 1:
        time.sleep(0.3)  # the others wait for it
    came = time.time()
    link.ready()
    link.say((worker, greeting, came, time.time()))
    if worker == 1:
        raise ValueError("out of luck")
    if worker == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if worker == 3:
        threading.Event().wait()


@pytest.fixture(scope="module")
def run():
    """Four such workers at their end, what they said, the processes when they began, and the warnings."""
    processes, heard = [], []
    with pytest.warns(RuntimeWarning) as caught:
        workers = Workers(work, 4, "hello", started=processes.extend, grace=0.3)
        with workers:
            for said in workers.hear():
                heard += said
    return workers, heard, processes, [str(one.message) for one in caught]


def test_they_begin_together_and_all_are_heard(run):
    _, heard, processes, _ = run
    assert sorted(said[:2] for said in heard) == [(worker, "hello") for worker in range(4)]
    assert min(began for *_, began in heard) >= max(came for *_, came, _ in heard), "nobody begins before all are there"
    assert len(processes) == 4


def test_who_died_is_named_with_the_reason_and_the_others_go_on(run):
    workers, _, processes, warned = run
    late = "still busy 0.3 seconds after the others had ended"
    assert set(workers.died) == {1, 2, 3}
    assert workers.died[1].startswith("ValueError('out of luck') (<FrameSummary file") and "in work" in workers.died[1]
    assert (workers.died[2], workers.died[3]) == ("killed by signal 9", late)
    assert sorted(warned) == [f"worker {worker} died: {why}" for worker, why in sorted(workers.died.items())]
    assert [process.exitcode for process in processes] == [0, 1, -9, -9], "the last one by us"
    assert not alive([process.pid for process in processes])
    assert 0.3 <= workers.seconds < 10


def breaks_before_it_is_ready(worker: int, link) -> None:
    raise OSError("no room")


def test_where_everybody_dies_it_says_of_what():
    workers = Workers(breaks_before_it_is_ready, 1)
    with pytest.warns(RuntimeWarning), pytest.raises(RuntimeError, match=r"every worker died: worker 0: OSError"):
        with workers:
            list(workers.hear())
    assert not alive([process.pid for process in workers.processes])


ENDLESS = """
import signal, time
from rlcourse.training.processes import Workers
def work(worker, link):
    link.ready()
    while True:  # one is talkative, the other one never looks up
        if worker == 0:
            link.say("still here")
        time.sleep(60 * worker)
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in a shell's background has it ignored
    with Workers(work, 2, started=lambda all: print(*(one.pid for one in all), flush=True)) as workers:
        for said in workers.hear():
            pass
"""


@pytest.mark.parametrize("how", ["Ctrl-C", "killed"])
def test_nothing_is_left_when_the_first_process_is_stopped(tmp_path, how):
    script = tmp_path / "endless.py"
    script.write_text(ENDLESS)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    first = subprocess.Popen([sys.executable, str(script)], start_new_session=True, **pipes)
    pids = []
    try:
        pids = [int(pid) for pid in first.stdout.readline().split()]
        assert len(pids) == 2 and alive(pids) == pids
        if how == "Ctrl-C":
            os.killpg(first.pid, signal.SIGINT)  # as a terminal sends it: to every process of the group
        else:
            first.kill()
        first.wait(30)
        assert gone(pids)
        errors = first.stderr.read().decode()
        assert "Process SpawnProcess" not in errors and errors.count("Traceback") == (how == "Ctrl-C")
        assert errors.rstrip().endswith("KeyboardInterrupt" if how == "Ctrl-C" else "")
    finally:
        first.kill()
        first.wait()
        for pid in alive(pids):
            os.kill(pid, signal.SIGKILL)
        first.stdout.close(), first.stderr.close()


def test_what_a_worker_could_not_import_is_named():
    check_travels(function=gone, part=partial(gone, within=1), name="CartPole-v1")
    with pytest.raises(ValueError, match=r"gae: got <function .*expected a function in a file"):
        check_travels(env="CartPole-v1", gae=lambda *rest: None)
