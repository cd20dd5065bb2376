"""Recorded runs: a CSV a seed, a rerun does only what is missing, bad words are named; and the loop."""

import json

import gymnasium
import numpy as np
import pytest
import torch

from rlcourse import cli
from rlcourse.records import run as experiments
from rlcourse.records.run import configured, run
from rlcourse.training.loop import train
from rlcourse.worlds.probes import Probe

QUICK = ("hidden=(16,)", "warm_up=50", "batch_size=16")


def quick(out, n_seeds=2, **changes):
    settings = {"evaluations": 2, "episodes": 2, "settings": QUICK, "command": "as typed"} | changes
    return run("dqn", "CartPole-v1", n_seeds, 120, out, **settings)


def test_each_seed_has_its_file_and_the_record_says_what_ran(tmp_path):
    folder, steps, returns = quick(tmp_path)
    assert steps.tolist() == [60, 120] and returns.shape == (2, 2) and (returns >= 1).all()
    assert (folder / "seed-0001.csv").read_text().startswith("step,return\n60,")
    record = json.loads((folder / "config.json").read_text())
    assert record["command"] == "as typed" and record["seeds"] == [0, 1]
    assert record["config"]["hidden"] == [16] and "torch" in record["versions"]
    assert not list(folder.glob("*.tmp"))


def test_a_rerun_does_what_is_missing_and_nothing_else(tmp_path, monkeypatch):
    folder, _, first = quick(tmp_path, n_seeds=3)
    (folder / "seed-0001.csv").unlink()
    asked = []
    plain = experiments.run_group
    monkeypatch.setattr(experiments, "run_group", lambda *a: (asked.append(a[3]), plain(*a))[1])
    _, _, again = quick(tmp_path, n_seeds=4)
    assert asked == [[1], [3]]
    assert np.array_equal(first, again[:3])  # seed 1 alone learned what it had learned among others


def test_groups_run_in_processes_of_their_own_to_the_same_numbers(tmp_path):
    _, _, here = quick(tmp_path / "a", n_seeds=2)
    _, _, there = quick(tmp_path / "b", n_seeds=2, group=1, jobs=2)
    assert np.array_equal(here, there)


@pytest.mark.parametrize(
    "setting, says",
    [
        ("doubl=True", "--set: got 'doubl=True', expected NAME=VALUE with a name of gamma"),
        ("double", "--set: got 'double', expected NAME=VALUE"),
        ("gamma=high", "gamma: got 'high', expected a number"),
    ],
)
def test_a_setting_that_is_none_is_named(setting, says):
    with pytest.raises(ValueError) as error:
        configured("dqn", [setting], 100)
    assert says in str(error.value)


@pytest.mark.parametrize(
    "words, says",
    [
        (
            ["dqnn", "--env", "CartPole-v1"],
            "agent: got 'dqnn', expected one of a2c, cem, dqn, impala, rainbow, reinforce",
        ),
        (["dqn", "--env", "NoSuch-v0"], "env: got 'NoSuch-v0', expected a registered Gymnasium id"),
        (["dqn", "--env", "Pendulum-v1"], "action_space: got Box"),
        (["dqn", "--env", "CartPole-v1", "--seeds", "0"], "n_seeds: got 0, expected at least 1"),
        (["dqn", "--env", "CartPole-v1", "--set", "gamma=2"], "gamma: got 2, expected numbers in [0, 1]"),
    ],
)
def test_the_command_says_what_is_wrong_and_writes_nothing(words, says, tmp_path, capsys):
    assert cli.main(["run", *words, "--out", str(tmp_path / "out"), "--steps", "100"]) == 2
    assert says in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_the_command_draws_the_curve(tmp_path, capsys):
    words = ["run", "dqn", "--env", "CartPole-v1", "--seeds", "2", "--steps", "120", "--evaluations", "2"]
    settings = [word for setting in QUICK for word in ("--set", setting)]
    assert cli.main([*words, "--episodes", "2", "--out", str(tmp_path), *settings]) == 0
    assert "interquartile mean" in capsys.readouterr().out
    assert next(tmp_path.glob("dqn-CartPole-v1-*/curve.png")).read_bytes().startswith(b"\x89PNG")


class Breaks(Probe):
    """Pays NaN from step 100 on."""

    taken = 0

    def __init__(self):
        super().__init__("action matters")

    def step(self, action):
        Breaks.taken += 1
        obs, reward, *rest = super().step(action)
        return obs, reward if Breaks.taken < 100 else float("nan"), *rest


@pytest.mark.parametrize("evaluations, saved", [(60, True), (1, False)])
def test_a_loss_that_becomes_nan_leaves_the_best_policy_and_says_where(tmp_path, evaluations, saved):
    Breaks.taken = 0
    gymnasium.register("Breaks-v0", Breaks)
    try:
        with pytest.raises(experiments.RunError, match="loss of seed 0 is NaN or infinite at step") as error:
            run("dqn", "Breaks-v0", 1, 120, tmp_path, QUICK, evaluations=evaluations, episodes=1)
    finally:
        del gymnasium.registry["Breaks-v0"]
    kept = list(tmp_path.glob("*/best-0000-0000.pt"))
    assert bool(kept) == saved == (f"saved as {kept[0] if kept else ''}" in str(error.value))
    for file in kept:
        assert all(torch.isfinite(weights).all() for weights in torch.load(file).values())
    assert not list(tmp_path.glob("*/seed-*.csv"))


def test_training_counts_every_environments_steps_and_evaluates_at_the_end():
    class Still:
        n_seeds, seen, policy = 2, 0, torch.nn.Module()

        def act(self, obs):
            return np.zeros(obs.shape[:2], int)

        greedy = act

        def observe(self, step):
            self.seen += step.reward.size

    agent = Still()
    result = train(agent, "CartPole-v1", 100, per_seed=4, evaluations=3, episodes=2)
    assert agent.seen == 2 * 100 and result.steps.tolist() == [32, 64, 100] and result.returns.shape == (2, 3)
    assert all(8 <= value <= 11 for of_seed in result.finished for value in of_seed)  # pushed one way it falls soon
    with pytest.raises(ValueError, match="steps: got 3, expected at least 4"):
        train(agent, "CartPole-v1", 3, per_seed=4)
