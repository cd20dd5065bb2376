"""A3C: one worker is A2C, several share their updates, a dead one is named, nothing is left running."""

import dataclasses
import functools
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pytest
import torch

from rlcourse.agents import a2c, a3c
from rlcourse.agents.recurrent_a2c import RecurrentA2C
from rlcourse.training.loop import evaluate, train
from rlcourse.worlds.probes import Probe, recall

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other

PROBE = functools.partial(Probe, "both matter")
SMALL = a3c.Config(total_steps=2_000, hidden=(16,), learning_rate=1e-2, gamma=0.5, n_steps=8, entropy_coef=0.0)


def children() -> list[psutil.Process]:
    """Worker processes of ours that are still running."""
    found = psutil.Process().children(recursive=True)
    alive = [child for child in found if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in alive if "spawn_main" in " ".join(child.cmdline())]


def test_one_worker_alone_is_a2c_with_one_environment():
    """Adam on shared memory, the copying and the counting change nothing: the same weights, to rounding."""
    config = dataclasses.replace(SMALL, n_workers=1, total_steps=400, anneal=True)
    run = a3c.train(PROBE, config, seed=3, evaluations=0)
    fields = {field.name for field in dataclasses.fields(a2c.Config)}
    alone = a2c.Config(**{name: getattr(config, name) for name in fields})
    agent = a2c.A2C(PROBE(), 1, 3, alone)
    start = [p.detach().clone() for p in agent.both.parameters()]
    train(agent, PROBE, 400, seed=3, evaluations=0)
    moved = 0.0
    for first, ours, theirs in zip(start, run.agent.both.parameters(), agent.both.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=0)
        moved = max(moved, (theirs - first).abs().max().item())
    assert moved > 0.05
    assert run.updates.tolist() == [50] and run.agent.steps == 400 and not run.died
    assert run.behind == 0, "there are no others"


def test_two_workers_share_their_updates_and_learn():
    run = a3c.train(PROBE, SMALL, seed=0, evaluations=2, episodes=20)
    assert (run.updates > 10).all(), "both contribute"
    assert run.updates.sum() * SMALL.n_steps == run.agent.steps
    assert SMALL.total_steps <= run.agent.steps <= SMALL.total_steps + SMALL.n_workers * SMALL.n_steps
    assert run.steps[-1] == run.agent.steps and run.returns.shape == (1, 2)
    assert evaluate(run.agent, PROBE, 20)[0] == 1
    assert len(run.finished[0]) >= 0.95 * run.agent.steps, "each step of this probe ends an episode"
    assert run.seconds > 0 and not run.died
    assert 0 < run.behind < 20
    assert not children()


def test_the_shared_step_is_adam():
    """Two workers in turn on one vector: torch's Adam with the same gradients gets the same."""
    agents = [a2c.A2C(PROBE(), 1, k, SMALL) for k in range(2)]
    theta = torch.nn.utils.parameters_to_vector(agents[0].both.parameters())
    shared = a3c.Shared(theta, 2)
    workers = [
        a3c.HogwildAdam(shared, agent, w, dataclasses.replace(SMALL, anneal=False)) for w, agent in enumerate(agents)
    ]
    reference = theta.detach().clone().requires_grad_()
    adam = torch.optim.Adam([reference], SMALL.learning_rate, eps=1e-5)
    generator = torch.Generator().manual_seed(0)
    for turn in (0, 1, 1, 0, 1):
        gradient = torch.randn(len(theta), generator=generator)
        for p, part in zip(
            agents[turn].both.parameters(),
            gradient.split([p.numel() for p in agents[turn].both.parameters()]),
            strict=True,
        ):
            p.grad = part.view_as(p).clone()
        workers[turn].step()
        reference.grad = gradient
        adam.step()
        torch.testing.assert_close(shared.theta, reference.detach(), atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(torch.nn.utils.parameters_to_vector(agents[turn].both.parameters()), shared.theta)
    assert shared.updates.tolist() == [2, 3]
    assert shared.behind.tolist() == [2, 2], "worker 0 at its 2nd update; worker 1 at its 1st and its 3rd"


def test_a_worker_that_is_killed_is_named_and_the_others_go_on():
    def kill_the_second(processes):
        os.kill(processes[1].pid, signal.SIGKILL)

    with pytest.warns(RuntimeWarning, match="worker 1 died: killed by signal 9"):
        run = a3c.train(PROBE, SMALL, evaluations=0, started=kill_the_second)
    assert run.died == {1: "killed by signal 9"}
    assert run.agent.steps >= SMALL.total_steps and evaluate(run.agent, PROBE, 20)[0] == 1
    assert not children()


@pytest.mark.filterwarnings("ignore:worker")
def test_when_every_worker_dies_it_says_of_what():
    with pytest.raises(RuntimeError, match=r"every worker died: worker 0: TypeError"):
        a3c.train(PROBE, dataclasses.replace(SMALL, n_workers=1), evaluations=0, gae=abs)
    assert not children()


CTRL_C = """
import functools, signal
from rlcourse.agents import a3c
from rlcourse.worlds.probes import Probe
def started(processes):
    print(*(process.pid for process in processes), flush=True)
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # what runs in a shell's background has it ignored
    a3c.train(functools.partial(Probe, "both matter"), a3c.Config(total_steps=10**9, hidden=(16,)), started=started)
"""


def running(pids: list[int]) -> list[int]:
    return [pid for pid in pids if psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize("how", ["Ctrl-C", "killed"])
def test_nothing_is_left_when_the_first_process_is_stopped(tmp_path, how):
    script = tmp_path / "endless.py"
    script.write_text(CTRL_C)
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=environment,
    )
    try:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2 and len(running(pids)) == 2
        if how == "Ctrl-C":
            os.killpg(parent.pid, signal.SIGINT)  # as a terminal sends it: to every process of the group
        else:
            parent.kill()
        parent.wait(30)
        until = time.monotonic() + 30
        while running(pids) and time.monotonic() < until:
            time.sleep(0.05)
        assert not running(pids)
        if how == "Ctrl-C":
            errors = parent.stderr.read().decode()
            assert errors.rstrip().endswith("KeyboardInterrupt") and "Process SpawnProcess" not in errors
    finally:
        parent.kill()
        parent.wait()
        for pid in running(pids):
            os.kill(pid, signal.SIGKILL)
        parent.stdout.close(), parent.stderr.close()


def test_workers_may_have_a_memory_and_are_looked_at_on_the_way():
    config = a3c.Config(total_steps=400, hidden=(8,), n_workers=1, memory=8, n_steps=4)
    run = a3c.train(functools.partial(recall, 3), config, evaluations=4, episodes=2)
    assert isinstance(run.agent, RecurrentA2C) and run.updates.tolist() == [100]
    assert (np.diff(run.steps) > 0).all() and len(run.steps) <= 4 and run.steps[-1] == 400
    assert run.returns.shape == (1, len(run.steps))


@pytest.mark.parametrize(
    "settings, says",
    [
        ({"env": lambda: Probe("both matter")}, "env: got <function .*expected a function in a file"),
        ({"gae": lambda *rest: None}, "gae: got <function .*expected a function in a file"),
        ({"config": dataclasses.replace(SMALL, n_workers=0)}, "n_workers: got 0"),
        ({"config": dataclasses.replace(SMALL, lam=2.0)}, "lam: got 2"),
    ],
    ids=["env", "gae", "n_workers", "lam"],
)
def test_what_cannot_work_is_said_before_a_process_starts(settings, says):
    with pytest.raises(ValueError, match=says):
        a3c.train(**{"env": PROBE, "config": SMALL} | settings)
    assert not children()
