"""Chance with names: no stream is another one's copy, and a seed draws among others as it does alone."""

import re
from pathlib import Path
from zlib import crc32

import gymnasium
import numpy as np
import pytest

import rlcourse
from rlcourse.agents.fitted.models import LinearQ
from rlcourse.agents.fitted.online_q import Config, OnlineQ
from rlcourse.parts.seeds import Seeds
from rlcourse.training.loop import train
from rlcourse.worlds.envs import Envs
from rlcourse.worlds.grids import grid_world
from tests.small_worlds import Noise

NAME = re.compile(r"""(?:seeds|Seeds\([^()]*\)|self\.seeds)(?:\.numbers)?\(\s*f?"([^"]+)\"""")
SOURCES = [file.read_text(encoding="utf-8") for file in Path(rlcourse.__file__).parent.rglob("*.py")]
PURPOSES = sorted({name for source in SOURCES for name in NAME.findall(source)})
ENVIRONMENTS = ("environments 0", "environments 1000", "evaluation")


def first_numbers(generator: np.random.Generator) -> list[int]:
    return generator.bit_generator.random_raw(500).tolist()


def test_no_two_streams_share_a_number():
    """Every purpose, every one of ten seeds, and what environments seeded for them draw; nor is any default_rng(n)."""
    assert {"exploration", "minibatches", "policy", "walks"} <= set(PURPOSES), "found by reading the library"
    seeds, drawn = Seeds(0, 10), []
    for purpose in {*PURPOSES, *ENVIRONMENTS}:
        drawn += [first_numbers(generator) for generator in seeds(purpose)]
    for purpose in ENVIRONMENTS:
        for number in seeds.numbers(purpose, 5):
            drawn.append(first_numbers(gymnasium.utils.seeding.np_random(number)[0]))
    drawn += [first_numbers(np.random.default_rng(n)) for n in range(100)]
    flat = [number for stream in drawn for number in stream]
    assert len(set(flat)) == len(flat)


def test_no_two_purposes_have_one_hash():
    names = (*PURPOSES, *(f"environments {n}" for n in range(0, 10_000, 50)))
    assert len({crc32(name.encode()) for name in names}) == len(set(names))


def test_environments_of_all_seeds_and_evaluations_are_seeded_differently():
    numbers = [Seeds(0, 100).numbers(purpose, 50) for purpose in ENVIRONMENTS]
    flat = [number for of_purpose in numbers for number in of_purpose]
    assert len(set(flat)) == len(flat) == 3 * 100 * 50
    assert all(isinstance(number, int) and number >= 0 for number in flat)


def test_seed_3_of_8_draws_as_it_does_alone():
    many, alone = Seeds(0, 8), Seeds(3, 1)
    for name, arguments in {"uniform": (16, 3), "normal": (16, 3)}.items():
        both, one = many("exploration"), alone("exploration")
        for _ in range(3):
            theirs = getattr(both, name)(*arguments)[6:8]
            np.testing.assert_array_equal(theirs, getattr(one, name)(arguments[0] // 8, *arguments[1:]))
    for name, arguments in {"integers": (100, 7), "orders": (9,)}.items():
        both, one = many("minibatches"), alone("minibatches")
        for _ in range(3):
            np.testing.assert_array_equal(getattr(both, name)(*arguments)[3], getattr(one, name)(*arguments)[0])
    assert many.numbers("evaluation", 4)[12:16] == alone.numbers("evaluation", 4)
    assert many.numbers("evaluation", 4)[12:14] == alone.numbers("evaluation", 2), "fewer are the first of more"


def test_a_stream_is_drawn_anew_each_time_it_is_asked_for():
    seeds = Seeds(2, 3)
    np.testing.assert_array_equal(seeds("walks").uniform(6), seeds("walks").uniform(6))
    stream = seeds("walks")
    assert (stream.uniform(6) != stream.uniform(6)).all()
    assert len(stream) == len(seeds) == len(list(stream)) == 3


def test_what_is_drawn():
    stream = Seeds(0, 4)("x")
    uniform, normal = stream.uniform(40_000), stream.normal(40_000, 2)
    assert ((uniform >= 0) & (uniform < 1)).all() and abs(uniform.mean() - 0.5) < 0.01
    assert normal.dtype == np.float32 and normal.shape == (40_000, 2) and abs(normal.std() - 1) < 0.02
    assert set(stream.integers(3, 100).ravel()) == {0, 1, 2}
    np.testing.assert_array_equal(np.sort(stream.orders(50), axis=1), np.tile(np.arange(50), (4, 1)))


# What it is good for: seed 0's exploration once was its environment's noise


class Remembers(OnlineQ):
    """Keeps each step."""

    def begin(self):
        self.steps_taken = []

    def observe(self, step):
        self.steps_taken.append((step.obs[0], step.action[0], step.next_obs[0], step.reward[0]))


def walk(env, n_states: int, steps: int, seed: int, generator: np.random.Generator | None = None) -> list:
    """A uniform walk; generator, where given, is drawn from in place of the agent's own stream."""
    model = LinearQ(lambda s: np.ones((len(s), 1)), 1, 4, 1, seed)
    agent = Remembers(env, model, Config(epsilon=1.0, total_steps=steps))
    if generator is not None:
        agent.exploration.generators = [generator]
    train(agent, evaluations=0)
    return agent.steps_taken


MOVES = {0: -5, 1: 1, 2: 5, 3: -1}  # up, right, down, left
GRID = grid_world("\n".join(["S...."] + ["....."] * 4), slip=0.4)


def next_actions(steps: list) -> np.ndarray:
    """How often each action followed a move that slipped."""
    inner = {6, 7, 8, 11, 12, 13, 16, 17, 18}  # there one sees whether a move slipped
    pairs = zip(steps, steps[1:], strict=False)
    followed = [b[1] for a, b in pairs if a[0] in inner and a[2] != a[0] + MOVES[int(a[1])]]
    return np.bincount(np.array(followed, int), minlength=4)


def fair(counts: np.ndarray) -> bool:
    n = counts.sum()
    return n > 300 and bool((np.abs(counts - n / 4) < 4 * np.sqrt(n * 3 / 16)).all())


def test_on_a_slippery_grid_the_next_action_knows_nothing_of_the_last_slip():
    assert fair(next_actions(walk(GRID.env, 25, 8_000, seed=0)))


def test_two_streams_that_are_one_would_be_seen():
    """The test above is able to fail: the same walk, exploring by the numbers that the environment draws."""

    def env():
        made = GRID.env()
        made.reset, reset = lambda seed=None, **more: reset(seed=0 if seed is not None else None, **more), made.reset
        return made

    assert not fair(next_actions(walk(env, 25, 8_000, seed=0, generator=np.random.default_rng([0, 0]))))


@pytest.mark.parametrize("seed", range(3))
def test_in_a_world_of_noise_no_action_seems_better(seed):
    class Four(Noise):
        def __init__(self):
            super().__init__(actions=gymnasium.spaces.Discrete(4))

    steps = walk(Four, 1, 8_000, seed)
    rewards = [np.array([r for _, action, _, r in steps if action == a]) for a in range(4)]
    assert all(abs(of_action.mean()) < 4 * np.sqrt(1 / 12 / len(of_action)) for of_action in rewards)


# Bad input


@pytest.mark.parametrize(
    "arguments, name, came",
    [
        ((-1, 1), "seed", "-1"),
        ((0.5, 1), "seed", "0.5"),
        ((np.nan, 1), "seed", "NaN"),
        (("a", 1), "seed", "values of type"),
        ((0, 0), "n_seeds", "0"),
        ((0, -1), "n_seeds", "-1"),
        ((0, 1.5), "n_seeds", "1.5"),
        ((0, [1, 2]), "n_seeds", "shape"),
    ],
)
def test_bad_input_is_named(arguments, name, came):
    with pytest.raises(ValueError) as error:
        Seeds(*arguments)
    named, got, expected = re.fullmatch(r"(.*?): got (.*), expected (.*)", str(error.value)).groups()
    assert named == name and came in got and expected


def test_environments_and_seeds_are_in_the_same_order():
    both, second = (Envs("CartPole-v1", seeds.numbers("environments", 3)) for seeds in (Seeds(0, 2), Seeds(1)))
    np.testing.assert_array_equal(both.observation[3:], second.observation)
