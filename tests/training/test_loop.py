"""The training loop: steps are counted, evaluations come when they are due, and a NaN leaves the best policy."""

from contextlib import nullcontext
from dataclasses import dataclass

import gymnasium
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcourse.agents.dqn import DQN, Config
from rlcourse.contracts.settings import Count, Settings
from rlcourse.parts.seeds import Seeds
from rlcourse.training.loop import Diverged, evaluate, train
from rlcourse.worlds.probes import Probe
from tests.small_worlds import Poison, World


class Still:
    """Pushes CartPole one way, so that it falls soon."""

    class Config(Settings):
        total_steps: Count = 100
        n_envs: Count = 4

    env, config, greedy_network = "CartPole-v1", Config(), torch.nn.Module()

    def __init__(self):
        self.seeds, self.steps, self.seen, self.begun = Seeds(0, 2), 0, 0, 0

    def begin(self):
        self.begun += 1

    def act(self, obs):
        return np.zeros(len(obs), int)

    greedy = act

    def observe(self, step):
        self.seen += step.reward.size


def test_training_counts_every_environments_steps_and_evaluates_at_the_end():
    agent = Still()
    result = train(agent, evaluations=3, episodes=2)
    assert agent.seen == 2 * 100 and agent.steps == 100 and agent.begun == 1
    assert result.steps.tolist() == [36, 68, 100] and result.returns.shape == (2, 3)
    assert all(8 <= value <= 11 for of_seed in result.finished for value in of_seed)
    assert all(of_seed for of_seed in result.finished)
    with pytest.raises(ValueError, match="steps: got none with 100 done, expected at most 0"):
        train(agent)


def test_fewer_steps_than_environments_are_refused():
    with pytest.raises(ValueError, match="steps: got 3, expected at least 4"):
        train(Still(), steps=3)


@pytest.mark.parametrize("evaluations, steps", [(0, []), (1, [100]), (2, [52, 100]), (1000, list(range(4, 101, 4)))])
def test_marks_and_returns_have_one_length(evaluations, steps):
    looked = []
    result = train(Still(), evaluations=evaluations, episodes=1, after=looked.append)
    assert result.steps.tolist() == steps and result.returns.shape == (2, len(steps))
    assert looked == (steps or [100])


class Breaks(Probe):
    """Pays NaN from step 60 on."""

    def __init__(self):
        super().__init__("action matters")
        self.taken = 0

    def step(self, action):
        self.taken += 1
        obs, reward, *rest = super().step(action)
        return obs, reward if self.taken < 60 else float("nan"), *rest


@pytest.mark.parametrize("evaluations, kept", [(60, True), (1, False)])
def test_a_gradient_that_becomes_nan_leaves_the_best_policy_and_says_where(evaluations, kept):
    agent = DQN(Breaks, 1, 3, Config(total_steps=120, hidden=(16,), warm_up=50, batch_size=16))
    with pytest.raises(Diverged, match="the gradient of seed 3 is NaN or infinite at step") as error:
        train(agent, evaluations=evaluations, episodes=1)
    assert error.value.kept == kept == ("the agent holds the best policies before it" in str(error.value))
    assert all(torch.isfinite(weights).all() for weights in agent.online.state_dict().values())


def test_where_nobody_is_strict_a_diverged_seed_stands_still():
    agent = DQN(Breaks, 2, 0, Config(total_steps=120, hidden=(16,), warm_up=50, batch_size=16))
    result = train(agent, evaluations=2, episodes=1, strict=False)
    assert sorted(result.diverged) == [0, 1] and all(60 <= step <= 120 for step in result.diverged.values())
    assert np.isfinite(result.returns).all()


def test_an_episode_without_an_end_is_named():
    with pytest.raises(ValueError, match="env: got an episode that has not ended after 50 steps"):
        evaluate(Still(), lambda: gymnasium.make("MountainCar-v0"), 1, max_steps=50)


# Trained in parts


class Watches(Still):
    """Also remembers what it saw, each step of every environment."""

    def __init__(self):
        super().__init__()
        self.first, self.fresh = [], False

    def begin(self):
        super().begin()
        self.fresh = True

    def observe(self, step):
        super().observe(step)
        if self.fresh:
            self.first.append(step.obs.copy())
            self.fresh = False


def test_called_once_more_it_goes_on_in_fresh_environments():
    agent = Watches()
    runs = [train(agent, steps=steps, evaluations=2, episodes=1) for steps in (40, 20, None)]
    assert [run.steps.tolist() for run in runs] == [[20, 40], [52, 60], [80, 100]]
    assert agent.steps == 100 and agent.begun == 3 and agent.seen == 2 * 100
    assert all(run.returns.shape == (2, 2) for run in runs)
    starts = np.concatenate(agent.first)
    assert len(np.unique(starts, axis=0)) == 3 * 8, "all of the three calls' environments differ"
    again = Watches()
    train(again, steps=40, evaluations=0)
    np.testing.assert_array_equal(again.first[0], agent.first[0])


@pytest.mark.parametrize("steps, came", [(101, "101 with 0 done"), (61, "61 with 40 done"), (0, "0"), (2.5, "2.5")])
def test_more_steps_than_are_left_are_refused(steps, came):
    agent = Still()
    if "40" in came:
        train(agent, steps=40, evaluations=0)
    with pytest.raises(ValueError, match=f"^steps: got {came}, expected"):
        train(agent, steps=steps)
    assert agent.begun == ("40" in came), "nothing began"


@dataclass(frozen=True)
class Small(Settings):
    total_steps: Count = 12
    n_envs: Count = 1


class Sits(Still):
    """In a world whose episodes last one step."""

    env = staticmethod(lambda: World(length=1))

    def __init__(self, total_steps, n_envs):
        super().__init__()
        self.config = Small(total_steps, n_envs)


@settings(derandomize=True, deadline=None, max_examples=80)
@given(
    total=st.integers(1, 40),
    n_envs=st.integers(1, 7),
    evaluations=st.integers(0, 50),
    cut=st.none() | st.integers(1, 40),
)
def test_marks_and_returns_have_one_length_for_any_numbers(total, n_envs, evaluations, cut):
    agent, asked = Sits(total, n_envs), cut or total
    if not n_envs <= asked <= total:
        with pytest.raises(ValueError, match="^steps: got"):
            train(agent, steps=cut, evaluations=evaluations)
        return
    run = train(agent, steps=cut, evaluations=evaluations, episodes=1)
    ticks = asked // n_envs
    assert run.returns.shape == (2, len(run.steps)) and len(run.steps) == min(evaluations, ticks)
    assert (np.diff(run.steps) > 0).all() and (run.steps % n_envs == 0).all() and (run.steps > 0).all()
    assert agent.steps == ticks * n_envs and (evaluations == 0 or run.steps[-1] == agent.steps)
    assert [len(of_seed) for of_seed in run.finished] == [ticks * n_envs] * 2


@pytest.mark.parametrize("setting", ["evaluations", "episodes"])
@pytest.mark.parametrize("value", [-1, 1.5, np.nan])
def test_bad_numbers_are_named(setting, value):
    with pytest.raises(ValueError, match=f"^{setting}: got"):
        train(Still(), **{setting: value})


def test_whole_numbers_may_come_as_floats():
    assert train(Still(), steps=20.0, evaluations=2.0, episodes=1.0).returns.shape == (2, 2)


# Evaluation


def small_dqn(**changed):
    return Config(**{"total_steps": 300, "hidden": (16,), "warm_up": 50, "batch_size": 16} | changed)


def test_evaluation_is_apart_from_training_and_can_be_repeated():
    often, never = (DQN("CartPole-v1", 2, 0, small_dqn()) for _ in range(2))
    run = train(often, evaluations=10, episodes=3)
    silent = train(never, evaluations=0)
    for p, q in zip(often.online.parameters(), never.online.parameters(), strict=True):
        assert torch.equal(p, q)
    assert run.finished == silent.finished
    np.testing.assert_array_equal(evaluate(often, episodes=3), run.returns[:, -1])
    np.testing.assert_array_equal(evaluate(often, episodes=3), evaluate(never, episodes=3))


def test_an_evaluation_is_the_mean_return_of_whole_first_episodes():
    """Episodes of 1, 2, 3 .. steps, told apart by the copy of the world; a second one would not count."""
    lengths = iter(range(1, 13))
    result = evaluate(Still(), lambda: World(length=next(lengths)), episodes=6)
    assert result.tolist() == [3.5, 9.5]


def test_an_evaluation_in_another_world():
    paid = train(Still(), lambda: World(2.0, length=5), evaluations=1, episodes=2)
    assert paid.returns.tolist() == [[10.0], [10.0]] and set(paid.finished[0]) == {10.0}


def test_what_finished_is_told_by_seed():
    """Copy i pays i a step: 0 to 3 are those of the first seed."""
    rewards = iter(range(8))
    finished = train(Still(), lambda: World(float(next(rewards)), length=5), evaluations=0).finished
    for k in range(2):
        assert sorted(finished[k]) == [5.0 * i for i in range(4 * k, 4 * k + 4) for _ in range(5)]


# A seed that diverges


class PoisonsOne:
    """Makes worlds; in the one with this number rewards become NaN."""

    def __init__(self, number):
        self.made, self.number = 0, number

    def __call__(self):
        self.made += 1
        return Poison(self.made == self.number)


def test_a_neighbours_curve_is_the_same_as_without_the_seed_that_diverged():
    runs = []
    for env in (Poison, PoisonsOne(2)):
        agent = DQN(Poison, 3, 5, small_dqn(total_steps=200))
        runs.append(train(agent, env, evaluations=8, episodes=2, strict=False))
    healthy, hurt = runs
    assert list(hurt.diverged) == [1] and 60 <= hurt.diverged[1] <= 200 and not healthy.diverged
    np.testing.assert_array_equal(hurt.returns[[0, 2]], healthy.returns[[0, 2]])
    assert hurt.finished[0] == healthy.finished[0] and hurt.finished[2] == healthy.finished[2]
    assert hurt.returns.shape == healthy.returns.shape and np.isfinite(hurt.returns).all()


def test_strict_it_stops_at_once_and_says_who():
    agent = DQN(Poison, 3, 5, small_dqn(total_steps=200))
    with pytest.raises(Diverged, match="the gradient of seed 6 is NaN or infinite at step"):
        train(agent, PoisonsOne(2), evaluations=0)
    assert 60 <= agent.steps < 200 and not agent.seeds.diverged


# What it finds it leaves


@pytest.mark.parametrize("flushes", [False, True])
@pytest.mark.parametrize("breaks", [False, True])
def test_threads_and_denormals_are_set_back(flushes, breaks):
    class Looks(Still):
        def observe(self, step):
            super().observe(step)
            self.found = torch.get_num_threads(), (torch.tensor(1e-40) * 1).item() == 0
            if breaks:
                raise KeyboardInterrupt

    before, agent = torch.get_num_threads(), Looks()
    try:
        torch.set_num_threads(2)
        torch.set_flush_denormal(flushes)
        with pytest.raises(KeyboardInterrupt) if breaks else nullcontext():
            train(agent, evaluations=0)
        assert agent.found == (1, True)
        assert torch.get_num_threads() == 2 and ((torch.tensor(1e-40) * 1).item() == 0) == flushes
    finally:
        torch.set_num_threads(before)
        torch.set_flush_denormal(False)


def test_environments_are_closed_whatever_happens():
    class Closes(World):
        closed = 0

        def close(self):
            Closes.closed += 1

        def paid(self, action):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(Still(), Closes, evaluations=0)
    assert Closes.closed == 8
