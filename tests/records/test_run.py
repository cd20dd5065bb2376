"""Recorded runs: a rerun does what is missing, bad words are named, a stop keeps what has ended."""

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import gymnasium
import numpy as np
import psutil
import pytest
import torch

from rlcourse import cli
from rlcourse.agents.a2c import A2C
from rlcourse.parts.agent import Agent
from rlcourse.parts.seeds import Seeds
from rlcourse.records import record as record_module
from rlcourse.records import run as runs
from rlcourse.records.record import Record
from rlcourse.records.run import RunError, configured, default_name, run
from rlcourse.worlds.probes import Probe

QUICK = ("hidden=(16,)", "warm_up=50", "batch_size=16")
SET = [word for setting in QUICK for word in ("--set", setting)]


def quick(out, n_seeds=2, env="CartPole-v1", **changes):
    how = {"settings": QUICK, "evaluations": 2, "episodes": 2, "command": "as typed"} | changes
    return run("dqn", env, n_seeds, 120, out, **how)


def files(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_each_seed_has_its_files_and_the_record_says_what_ran(tmp_path):
    record = quick(tmp_path)
    assert record.folder == tmp_path / "dqn_cartpole"
    assert record.steps.tolist() == [60, 120]
    assert record["return"].shape == (2, 2) and (record["return"] >= 1).all()
    assert (record.folder / "seed-0001.csv").read_text().startswith("step,return\n60,")
    made = json.loads((record.folder / "seed-0001.json").read_text())
    assert made["command"] == "as typed" and made["group"] == [0, 1] and "torch" in made["versions"]
    assert made["seconds"] > 0 and made["diverged"] is None
    assert record.config["hidden"] == [16] and record.config["total_steps"] == 120
    assert set(files(record.folder)) == {"config.json"} | {
        f"seed-000{k}.{kind}" for k in (0, 1) for kind in ("csv", "json")
    }


def test_a_rerun_does_what_is_missing_and_nothing_else(tmp_path, monkeypatch):
    first = quick(tmp_path, n_seeds=3)["return"]
    for kind in ("csv", "json"):
        (tmp_path / "dqn_cartpole" / f"seed-0001.{kind}").unlink()
    asked = []
    plain = runs.run_group
    monkeypatch.setattr(runs, "run_group", lambda *a: (asked.append(a[3]), plain(*a))[1])
    again = quick(tmp_path, n_seeds=4)["return"]
    assert asked == [[1], [3]]
    assert np.allclose(first, again[:3])  # seed 1 alone learned what it had learned among others


def test_a_resumed_run_says_nothing_new_of_the_seeds_that_were_there(tmp_path, monkeypatch):
    """Bug 16: fewer seeds, a newer library, another command; each seed keeps what made it."""
    before = files(quick(tmp_path, n_seeds=3).folder)
    monkeypatch.setattr(record_module, "__version__", "9.9.9")
    with pytest.raises(ValueError, match="version: got rlcourse 9.9.9.*--mix"):
        quick(tmp_path, n_seeds=4)
    assert files(tmp_path / "dqn_cartpole") == before
    record = quick(tmp_path, n_seeds=1, first_seed=3, command="later", mix=True)
    assert files(record.folder).items() > before.items()
    assert [record.made(seed)["command"] for seed in record.seeds] == ["as typed"] * 3 + ["later"]
    assert [record.made(seed)["versions"]["rlcourse"] == "9.9.9" for seed in record.seeds] == [False] * 3 + [True]


def test_a_first_seed_is_asked_for(tmp_path):
    """Bug 36: settings are chosen on other seeds than those that are shown."""
    assert quick(tmp_path, n_seeds=2, first_seed=100).seeds == [100, 101]
    alone, among = Record(tmp_path / "dqn_cartpole").table(101), quick(tmp_path / "b", 1, first_seed=101).table(101)
    assert np.allclose(alone["return"], among["return"])


def test_groups_run_in_processes_of_their_own_to_the_same_numbers(tmp_path):
    here = quick(tmp_path / "a", n_seeds=2)
    there = quick(tmp_path / "b", n_seeds=2, group=1, jobs=2)
    assert np.allclose(here["return"], there["return"])
    assert there.made(1)["group"] == [1]


def test_names_can_be_read():
    assert default_name("dqn", "CartPole-v1") == "dqn_cartpole"
    assert default_name("rainbow", "MinAtar/Breakout-v1") == "rainbow_minatar_breakout"
    assert default_name("a2c", "my_worlds:Maze-v0") == "a2c_maze"
    assert default_name("a2c", "Unversioned") == "a2c_unversioned"


def test_another_configuration_needs_another_name(tmp_path):
    before = files(quick(tmp_path).folder)
    with pytest.raises(ValueError, match=r"gamma 0.5 \(there: 0.99\), expected what .*dqn_cartpole holds.*--name"):
        quick(tmp_path, settings=(*QUICK, "gamma=0.5"))
    assert files(tmp_path / "dqn_cartpole") == before
    assert quick(tmp_path, settings=(*QUICK, "gamma=0.5"), name="short/sighted").folder == tmp_path / "short/sighted"
    for name in ("../elsewhere", "", "/tmp"):
        with pytest.raises(ValueError, match="name: got"):
            quick(tmp_path, name=name)


class Alone(A2C):
    """One seed a program."""

    side_by_side = False


def test_agents_of_one_seed_train_one_after_the_other(tmp_path, monkeypatch):
    kind, config = runs._parts("a2c")
    monkeypatch.setattr(runs, "_parts", lambda agent: (Alone, config) if agent == "a2c" else None)
    record = runs.run("a2c", "CartPole-v1", 3, 200, tmp_path, ["hidden=(8,)"], evaluations=1, episodes=1)
    assert [record.made(seed)["group"] for seed in range(3)] == [[0], [1], [2]]
    with pytest.raises(ValueError, match="n_seeds: got 2, expected 1: each seed of Alone is a run of its own"):
        Alone("CartPole-v1", 2)


# ---- the command line


def test_every_agent_of_many_seeds_is_offered():
    assert {"a2c", "dqn"} <= set(runs.agent_names())
    for name in runs.agent_names():
        kind, config = runs._agent(name)
        assert issubclass(kind, Agent) and kind.__module__ == config.__module__ == f"rlcourse.agents.{name}"


@pytest.mark.parametrize(
    "setting, says",
    [
        ("doubl=True", "--set: got 'doubl=True', expected NAME=VALUE with a name of n_envs, gamma"),
        ("gamma", "--set: got 'gamma', expected NAME=VALUE"),
        ("total_steps=7", "--set: got 'total_steps=7', expected --steps"),
        ("gamma=high", "gamma: got 'high', expected a number"),
        ("gamma={[]: 1}", "gamma: got '{[]: 1}', expected a number"),
        ("gamma=(0.5, 0.9)", "gamma: got shape (2,), expected a single number"),
        ("gamma=(1, 2)", "gamma: got 2, expected numbers in [0, 1]"),
        ("hidden=64", "hidden: got 64, expected a tuple of whole numbers"),
        ("batch_size=2.5", "batch_size: got 2.5, expected a whole number"),
        ("batch_size=True", "batch_size: got True, expected a whole number"),
        ("max_grad_norm=-1", "max_grad_norm: got -1"),
        ("anneal=yes", "anneal: got 'yes', expected True or False"),
        ("tau=" + "(" * 300, "tau: got '(("),
    ],
)
def test_a_setting_that_makes_no_sense_is_one_line(setting, says, tmp_path, capsys):
    """Bug 19's command line: the same checks as in Python, never a traceback."""
    words = ["run", "dqn", "--env", "CartPole-v1", "--out", str(tmp_path / "out"), "--set", setting]
    assert cli.main(words) == 2
    out, err = capsys.readouterr()
    assert err.startswith(f"rlcourse run: {says}") and err.count("\n") == 1 and out == ""
    assert not (tmp_path / "out").exists()


def test_words_need_no_quotes():
    assert configured("reinforce", ["baseline=average"], 100) == configured("reinforce", ["baseline='average'"], 100)


@pytest.mark.parametrize(
    "words, says",
    [
        (["dqnn", "--env", "CartPole-v1"], "agent: got 'dqnn', expected one of a2c, "),
        (["tabular", "--env", "CartPole-v1"], "agent: got 'tabular', expected one of a2c, "),
        (["dqn", "--env", "NoSuch-v0"], "env: got 'NoSuch-v0', expected a registered Gymnasium id"),
        (["dqn", "--env", "no_such_module:Name-v0"], "env: got 'no_such_module:Name-v0', expected an environment that"),
        (["dqn", "--env", "Pendulum-v1"], "action_space: got Box"),
        (["dqn", "--env", "CartPole-v1", "--seeds", "0"], "n_seeds: got 0, expected at least 1"),
        (["dqn", "--env", "CartPole-v1", "--first-seed", "-1"], "seed: got -1, expected"),
        (["dqn", "--env", "CartPole-v1", "--jobs", "0"], "jobs: got 0, expected at least 1"),
        (["a2c", "--env", "CartPole-v1", "--steps", "7"], "steps: got 7, expected at least 8"),
        (["dqn", "--env", "CartPole-v1", "--set", "gamma=2"], "gamma: got 2, expected numbers in [0, 1]"),
    ],
)
def test_the_command_says_what_is_wrong_and_writes_nothing(words, says, tmp_path, capsys):
    assert cli.main(["run", "--steps", "100", *words, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1 and not (tmp_path / "out").exists()


def test_the_command_draws_the_curve(tmp_path, capsys):
    words = ["run", "dqn", "--env", "CartPole-v1", "--seeds", "2", "--steps", "120", "--evaluations", "2", *SET]
    assert cli.main([*words, "--episodes", "2", "--out", str(tmp_path), "--name", "drawn"]) == 0
    assert "interquartile mean" in capsys.readouterr().out
    assert (tmp_path / "drawn" / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_more_evaluations_than_steps_are_as_many_as_there_are(tmp_path):
    """Bug 12: marks and returns had two lengths."""
    record = run("a2c", "CartPole-v1", 1, 40, tmp_path, evaluations=20, episodes=1)
    assert record.steps.tolist() == [8, 16, 24, 32, 40] and record["return"].shape == (1, 5)


# ---- seeds that diverge, groups that fail


class Breaks(Probe):
    """Pays NaN from step 60 on, where its seed is one of `bad`."""

    bad: tuple = ()

    def __init__(self):
        super().__init__("action matters")
        self.taken, self.breaks = 0, False

    def reset(self, *, seed=None, options=None):
        self.breaks |= seed in Breaks.bad
        return super().reset(seed=seed, options=options)

    def step(self, action):
        self.taken += 1
        obs, reward, *rest = super().step(action)
        return obs, float("nan") if self.breaks and self.taken > 60 else reward, *rest


@pytest.fixture
def breaks():
    """Breaks-v0, which breaks for seed 1 alone."""
    Breaks.bad = tuple(Seeds(1, 1).numbers("environments 0", 1))
    gymnasium.register("Breaks-v0", Breaks)
    yield
    del gymnasium.registry["Breaks-v0"]


def test_a_seed_that_diverges_is_a_result_and_its_neighbours_go_on(tmp_path, breaks, capsys):
    """Bug 14: it took the whole group with it, and every rerun failed again."""
    record = quick(tmp_path, n_seeds=3, env="Breaks-v0")
    assert record.seeds == [0, 1, 2] and list(record.diverged) == [1] and 60 < record.diverged[1] <= 120
    assert record["return"].shape == (3, 2) and np.isfinite(record["return"]).all()
    Breaks.bad = ()
    healthy = quick(tmp_path / "healthy", n_seeds=3, env="Breaks-v0")
    assert np.allclose(record["return"][[0, 2]], healthy["return"][[0, 2]]) and healthy.diverged == {}
    words = ["run", "dqn", "--env", "Breaks-v0", "--seeds", "3", "--steps", "120", "--evaluations", "2", *SET]
    assert cli.main([*words, "--episodes", "2", "--out", str(tmp_path)]) == 0  # what is there is drawn
    assert f"seed 1 diverged at step {record.diverged[1]}" in capsys.readouterr().out


@pytest.mark.parametrize("pool", [False, True])
def test_a_group_that_fails_is_named_and_the_others_are_kept(tmp_path, monkeypatch, pool):
    plain = runs.run_group

    def fails_at_0(*arguments):
        if arguments[3][0] == 0:
            raise OSError("the world\nhas ended")
        return plain(*arguments)

    monkeypatch.setattr(runs, "run_group", fails_at_0)
    with ThreadPoolExecutor(2) as threads, pytest.raises(RunError) as error:
        quick(tmp_path, n_seeds=3, group=1, executor=threads if pool else None)
    assert str(error.value).endswith("holds 2 of 3 seeds; a rerun goes on; seeds 0 to 0: OSError: the world has ended")
    assert Record(tmp_path / "dqn_cartpole").seeds == [1, 2]


# ---- where groups run


def test_a_callers_executor_is_left_open(tmp_path):
    """Bug 15: the second run could not schedule anything."""
    with ThreadPoolExecutor(2) as threads:
        for n_seeds in (1, 2):
            record = quick(tmp_path, n_seeds=n_seeds, group=1, executor=threads)
        assert threads.submit(int, 7).result() == 7
    assert record.seeds == [0, 1]


def test_a_world_of_ones_own_is_found_by_its_module(tmp_path, monkeypatch):
    """Bug 35: a process of its own knows what its module registers, and not what was registered here."""
    (tmp_path / "own_worlds.py").write_text(
        "import gymnasium\n"
        "from gymnasium.envs.classic_control import CartPoleEnv\n"
        "gymnasium.register('Own-v0', CartPoleEnv, max_episode_steps=20)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    try:
        record = quick(tmp_path, group=1, jobs=2, env="own_worlds:Own-v0")
        assert record.folder.name == "dqn_own" and record.seeds == [0, 1]
        with pytest.raises(RunError, match="holds 0 of 2 seeds.*Own-v0.*say module:Name-v0"):
            quick(tmp_path, group=1, jobs=2, env="Own-v0", name="here_only")
    finally:
        gymnasium.registry.pop("Own-v0", None)
    assert quick(tmp_path, name="here_only").config["env"] == "CartPole-v1", "a folder without seeds is free"


def left(processes, seconds):
    """Those that still run after so long; what has ended and waits to be noticed does not."""
    running = psutil.wait_procs(processes, timeout=seconds)[1]
    return [one for one in running if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_ctrl_c_keeps_what_has_ended_and_leaves_no_process(tmp_path):
    """Bug 13: nothing was said, and both workers went on with all groups that were left."""
    words = ["run", "dqn", "--env", "CartPole-v1", "--seeds", "40", "--steps", "1500", "--evaluations", "1", *SET]
    command = [sys.executable, "-m", "rlcourse.cli", *words, "--group", "1", "--jobs", "2", "--out", str(tmp_path)]
    program = subprocess.Popen(
        command, start_new_session=True, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    folder = tmp_path / "dqn_cartpole"
    try:
        deadline = time.monotonic() + 120
        while not list(folder.glob("seed-*.json")):
            assert program.poll() is None and time.monotonic() < deadline
            time.sleep(0.05)
        processes = [psutil.Process(program.pid), *psutil.Process(program.pid).children(recursive=True)]
        assert len(processes) >= 3
        os.killpg(program.pid, signal.SIGINT)
        began = time.monotonic()
        said = program.stderr.readline()
        assert time.monotonic() - began < 2
        assert program.communicate(timeout=10)[1] == ""  # leaving PyTorch alone takes 0.7 s, more on a busy machine
        assert left(processes, seconds=1) == []
    finally:
        program.kill()
    n = len(Record(folder).seeds)
    assert program.returncode == 130 and 1 <= n < 40
    assert said == f"rlcourse run: stopped; {folder} holds {n} of 40 seeds; a rerun goes on\n"
    assert len(list(folder.iterdir())) == 2 * n + 1, "nothing half-written"


@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    words = ["run", "dqn", "--env", "CartPole-v1", "--seeds", "2", "--steps", "1000000", "--evaluations", "1", *SET]
    command = [sys.executable, "-m", "rlcourse.cli", *words, "--group", "1", "--jobs", "2", "--out", str(tmp_path)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as program:
        deadline = time.monotonic() + 120
        workers = []
        while sum(worker.cpu_times().user > 3 for worker in workers) < 2:  # both are at it
            assert program.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
            workers = psutil.Process(program.pid).children()
        program.kill()
    assert left(workers, seconds=10) == []


def test_groups_run_on_a_dask_cluster_to_the_same_numbers(tmp_path, capsys):
    distributed = pytest.importorskip("distributed")
    here = quick(tmp_path / "here", n_seeds=3)
    words = ["run", "dqn", "--env", "CartPole-v1", "--seeds", "3", "--steps", "120", "--evaluations", "2", *SET]
    words += ["--episodes", "2", "--group", "1", "--out", str(tmp_path / "there"), "--scheduler"]
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        assert cli.main([*words, cluster.scheduler_address]) == 0
        there = Record(tmp_path / "there" / "dqn_cartpole")
        assert np.allclose(there["return"], here["return"]) and there.made(2)["group"] == [2]
        with distributed.Client(cluster) as client:
            assert len(client.scheduler_info()["workers"]) == 2  # the cluster is left as it was
    capsys.readouterr()


def test_a_scheduler_that_is_none_is_named(tmp_path, capsys):
    pytest.importorskip("distributed")
    words = ["run", "dqn", "--env", "CartPole-v1", "--steps", "120", "--out", str(tmp_path)]
    assert cli.main([*words, "--scheduler", "nowhere"]) == 2
    assert "scheduler: got 'nowhere', expected the address of a Dask scheduler" in capsys.readouterr().err


def test_a_run_leaves_pytorchs_threads_as_they_were(tmp_path):
    """Bug 34."""
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        quick(tmp_path, n_seeds=1)
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
