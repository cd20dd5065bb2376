"""The environment's door: no step crosses a reset, truncation is not termination, actions and arrays fit the space."""

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, Text
from gymnasium.utils.env_checker import check_env

from rlcourse.parts.seeds import Seeds
from rlcourse.worlds.envs import ON_DEMAND, Envs, make_env, spaces_of
from rlcourse.worlds.grids import chain, grid_world
from rlcourse.worlds.probes import Probe
from tests.small_worlds import Strict, World


class Counter(World):
    """Observes the number of the step; ends after `terminate` steps or is cut after `truncate`, or both at once."""

    def __init__(self, terminate: int | None, truncate: int | None, dtype: type = np.float32) -> None:
        super().__init__(observed=Box(0, 100, (1,), dtype))
        self.terminate, self.truncate = terminate, truncate

    def seen(self):
        return np.array([self.t], self.observation_space.dtype)

    def ends(self):
        return self.t == self.terminate, self.t == self.truncate


class InPlace(Counter):
    """Hands out its own state, and writes over it."""

    def __init__(self) -> None:
        super().__init__(3, None)
        self.state = np.zeros(1, np.float32)

    def seen(self):
        self.state[0] = self.t
        return self.state


def some(n: int) -> list[int]:
    return Seeds().numbers("environments", n)


def nothing(n: int) -> np.ndarray:
    return np.zeros(n, int)


@pytest.mark.parametrize(
    "terminate, truncate, flags", [(3, None, (True, False)), (None, 3, (False, True)), (3, 3, (True, False))]
)
def test_the_observation_really_reached_comes_back_and_no_step_crosses_a_reset(terminate, truncate, flags):
    """Where an environment sets both flags, terminated counts, and nobody ever sees both."""
    envs, seen = Envs(lambda: Counter(terminate, truncate), some(6)), []
    for _ in range(7):
        before = envs.observation.copy()
        step = envs.step(nothing(6))
        assert np.array_equal(step.obs, before)
        assert np.array_equal(step.next_obs, step.obs + 1)  # never the next episode's first observation
        assert step.obs.shape == step.next_obs.shape == (6, 1) and step.reward.shape == (6,)
        assert step.terminated.dtype == step.truncated.dtype == bool
        seen.append((step.obs[0, 0], bool(step.terminated[0]), bool(step.truncated[0])))
    over = (False, False)
    assert seen == [(0, *over), (1, *over), (2, *flags), (0, *over), (1, *over), (2, *flags), (0, *over)]
    assert envs.finished == [(i, 3.0) for i in range(6)] * 2


def test_environments_that_end_at_different_times_do_not_disturb_each_other():
    lengths = iter([2, 5])
    envs = Envs(lambda: Counter(next(lengths), None), some(2))
    starts = [envs.step(nothing(2)).obs[:, 0].tolist() for _ in range(6)]
    assert starts == [[0, 0], [1, 1], [0, 2], [1, 3], [0, 4], [1, 0]]
    assert envs.finished == [(0, 2.0), (0, 2.0), (1, 5.0), (0, 2.0)]


def test_what_was_returned_is_not_overwritten_by_later_steps():
    envs = Envs(lambda: Counter(None, None), some(1))
    first = envs.step(nothing(1))
    envs.step(nothing(1))
    assert first.obs[0, 0] == 0 and first.next_obs[0, 0] == 1


def test_an_environment_that_writes_into_its_own_array_is_copied():
    """Else what was reached at an end would be the first observation of the next episode."""
    envs = Envs(InPlace, some(2))
    steps = [envs.step(nothing(2)) for _ in range(6)]
    assert [step.obs[0, 0] for step in steps] == [0, 1, 2, 0, 1, 2]
    assert [step.next_obs[0, 0] for step in steps] == [1, 2, 3, 1, 2, 3]


def test_a_function_that_returns_one_environment_twice_is_refused():
    one = Counter(3, None)
    with pytest.raises(ValueError, match="env: got the same environment twice, expected a function that makes a new"):
        Envs(lambda: one, some(2))
    with pytest.raises(ValueError, match="env: got the same environment twice"):
        Envs(lambda: gymnasium.wrappers.TimeLimit(one, 5), some(2))  # two wrappers around one world
    Envs(lambda: one, some(1))


def test_seed_3_of_8_sees_what_that_seed_sees_alone():
    many = Envs("CartPole-v1", Seeds(0, 8).numbers("environments", 2))
    alone = Envs("CartPole-v1", Seeds(3, 1).numbers("environments", 2))
    for _ in range(60):
        a, b = many.step(np.ones(16, int)), alone.step(np.ones(2, int))
        assert np.array_equal(a.next_obs[6:8], b.next_obs)
        assert np.array_equal(many.observation[6:8], alone.observation)
    assert [(i - 6, total) for i, total in many.finished if i in (6, 7)] == alone.finished


# What an agent chose, in the environment's own numbers


def test_discrete_actions_may_begin_at_another_number_than_0():
    envs = Envs(lambda: Strict(actions=Discrete(3, start=5)), some(3))
    step = envs.step(np.array([0, 1, 2]))
    assert step.action.tolist() == [0, 1, 2], "the agent's own numbers, which it learns from"


class Told(World):
    """Pays what it was told to do, and refuses what is not in its space."""

    def __init__(self, actions: Box) -> None:
        super().__init__(actions=actions)

    def paid(self, action):
        assert self.action_space.contains(action), f"{action!r} is not in {self.action_space}"
        return float(action[0])


@pytest.mark.parametrize(
    "space, sent, arrives",
    [
        (Box(0, 255, (1,), np.uint8), [1.4, 1.6, -7.0, 300.0], [1, 2, 0, 255]),
        (Box(-2, 2, (1,), np.int64), [-1.6, 0.4, 9.0, -9.0], [-2, 0, 2, -2]),
        (Box(-1, 1, (1,), np.float32), [0.25, 1.5, -1.5, 0.0], [0.25, 1, -1, 0]),
        (Box(-1, 1, (1,), np.float64), [0.25, 1.5, -1.5, 0.0], [0.25, 1, -1, 0]),
        (Box(-np.inf, np.inf, (1,), np.float64), [0.25, 1e9, -1e9, 0.0], [0.25, 1e9, -1e9, 0]),
    ],
    ids=["uint8", "int64", "float32", "float64", "unbounded"],
)
def test_box_actions_are_clipped_rounded_and_cast_to_their_space(space, sent, arrives):
    sent = np.array(sent, np.float32)[:, None]
    step = Envs(lambda: Told(space), some(4)).step(sent)
    assert step.reward.tolist() == arrives
    assert np.array_equal(step.action, sent) and step.action.dtype == np.float32, "what the agent chose"


# What it sees


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.uint8, np.int64, bool])
def test_observations_keep_the_type_of_their_space(dtype):
    high = 1 if dtype is bool else 100
    envs = Envs(lambda: Strict(observed=Box(0, high, (2, 3), dtype)), some(2))
    step = envs.step(nothing(2))
    assert envs.observation.dtype == step.obs.dtype == step.next_obs.dtype == dtype
    assert step.obs.shape == (2, 2, 3)


def test_discrete_observations_are_whole_numbers_one_a_copy():
    envs = Envs(chain(3).env, some(4))
    step = envs.step(np.ones(4, int))
    assert step.obs.tolist() == [2] * 4 and step.next_obs.tolist() == [3] * 4 and step.obs.dtype.kind == "i"


@pytest.mark.parametrize("space", [Dict(x=Box(0, 1, (1,))), gymnasium.spaces.Tuple([Discrete(2)]), Text(3)])
def test_spaces_without_an_array_are_refused_by_name(space):
    with pytest.raises(ValueError, match=rf"observation_space: got {type(space).__name__}\(.*expected a Box or Disc"):
        Envs(lambda: Strict(observed=space), some(1))


def test_an_observation_of_another_shape_than_its_space_is_refused():
    class Longer(World):
        def seen(self):
            return np.zeros(4, np.float32)

    with pytest.raises(ValueError, match=r"env: got an observation of shape \(4,\), expected \(1,\), that of"):
        Envs(Longer, some(2))


# What is asked for


@pytest.mark.parametrize("kind", Probe.KINDS)
def test_probes_are_environments(kind):
    check_env(Probe(kind), skip_render_check=True)


def test_the_spaces_of_an_environment():
    assert spaces_of("CartPole-v1")[1] == Discrete(2) and spaces_of(grid_world("SG").env)[0] == Discrete(2)


def test_at_least_one_environment():
    with pytest.raises(ValueError, match="seeds: got none, expected at least one environment"):
        Envs("CartPole-v1", [])


@pytest.mark.parametrize("env", [Probe("two steps"), lambda: "CartPole-v1", 3, None])
def test_what_makes_no_environment_is_refused(env):
    with pytest.raises(ValueError, match="env: got .*, expected a Gymnasium id, or a function that makes one"):
        Envs(env, some(1))


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
    envs = Envs("MinAtar/Breakout-v1", some(2))
    assert envs.step(nothing(2)).obs.shape == (2, 10, 10, 4)
