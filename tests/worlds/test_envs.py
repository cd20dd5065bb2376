"""The end of an episode, handled once: no step crosses a reset, and truncation is not termination."""

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from rlcourse.worlds.envs import ON_DEMAND, Envs, make_env
from rlcourse.worlds.probes import Probe


class Counter(gymnasium.Env):
    """Observes the number of the step; ends after `terminate` steps or is cut after `truncate`, or both at once."""

    def __init__(self, terminate: int | None, truncate: int | None) -> None:
        self.observation_space = gymnasium.spaces.Box(0, 100, (1,), np.float32)
        self.action_space = gymnasium.spaces.Discrete(2)
        self.terminate, self.truncate, self.t = terminate, truncate, 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return np.array([0], np.float32), {}

    def step(self, action):
        self.t += 1
        return np.array([self.t], np.float32), 1.0, self.t == self.terminate, self.t == self.truncate, {}


@pytest.mark.parametrize(
    "terminate, truncate, flags", [(3, None, (True, False)), (None, 3, (False, True)), (3, 3, (True, True))]
)
def test_the_observation_really_reached_comes_back_and_no_step_crosses_a_reset(terminate, truncate, flags):
    envs = Envs(lambda: Counter(terminate, truncate), 2, 3)
    seen = []
    for _ in range(7):
        before = envs.observation.copy()
        step = envs.step(np.zeros((2, 3), int))
        assert np.array_equal(step.obs, before)
        assert np.array_equal(step.next_obs, step.obs + 1)  # never the next episode's first observation
        assert step.obs.shape == (2, 3, 1) and step.reward.shape == (2, 3)
        seen.append((step.obs[0, 0, 0], bool(step.terminated[0, 0]), bool(step.truncated[0, 0])))
    over = (False, False)
    assert seen == [(0, *over), (1, *over), (2, *flags), (0, *over), (1, *over), (2, *flags), (0, *over)]
    assert envs.finished == [[3.0] * 6, [3.0] * 6]


def test_environments_that_end_at_different_times_do_not_disturb_each_other():
    lengths = iter([2, 5])
    envs = Envs(lambda: Counter(next(lengths), None), 2)
    starts = [envs.step(np.zeros((2, 1), int)).obs[:, 0, 0].tolist() for _ in range(6)]
    assert starts == [[0, 0], [1, 1], [0, 2], [1, 3], [0, 4], [1, 0]]


def test_what_was_returned_is_not_overwritten_by_later_steps():
    envs = Envs(lambda: Counter(None, None), 1)
    first = envs.step(np.zeros((1, 1), int))
    envs.step(np.zeros((1, 1), int))
    assert first.obs[0, 0, 0] == 0 and first.next_obs[0, 0, 0] == 1


def test_seed_3_of_8_sees_what_that_seed_sees_alone():
    many, alone = Envs("CartPole-v1", 8), Envs("CartPole-v1", 1, seed=3)
    for _ in range(60):
        a, b = many.step(np.ones((8, 1), int)), alone.step(np.ones((1, 1), int))
        assert np.array_equal(a.next_obs[3], b.next_obs[0]) and np.array_equal(
            many.observation[3], alone.observation[0]
        )
    assert many.finished[3] == alone.finished[0]


@pytest.mark.parametrize("kind", Probe.KINDS)
def test_probes_are_environments(kind):
    check_env(Probe(kind), skip_render_check=True)


@pytest.mark.parametrize("make", [lambda: Envs("CartPole-v1", 0), lambda: Envs("CartPole-v1", 1, 0)])
def test_at_least_one_environment(make):
    with pytest.raises(ValueError, match="n_seeds, per_seed: got .*, expected at least 1"):
        make()


def test_an_unknown_probe_is_named():
    with pytest.raises(ValueError, match="kind: got 'x', expected one of constant reward"):
        Probe("x")


def test_an_environment_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="env: got 'NoSuch-v0', expected a registered Gymnasium id"):
        make_env("NoSuch-v0")


def test_a_package_that_is_missing_is_named(monkeypatch):
    monkeypatch.setitem(ON_DEMAND, "Nowhere/", "no_such_package.gym")
    with pytest.raises(ValueError, match="env: got 'Nowhere/Game-v1', expected the package no_such_package installed"):
        make_env("Nowhere/Game-v1")


def test_minatar_registers_itself_when_asked_for():
    pytest.importorskip("minatar")
    env = make_env("MinAtar/Breakout-v1")
    assert env.observation_space.shape == (10, 10, 4)
