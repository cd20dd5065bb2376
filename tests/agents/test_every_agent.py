"""What every agent must do, a row an agent: a new one adds its row, and inherits all of it."""

import dataclasses
import inspect
import pickle
import pkgutil
from collections.abc import Callable
from importlib import import_module
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Dict, Discrete, Tuple

from rlcourse import agents
from rlcourse.contracts.graded import equation
from rlcourse.parts.agent import Agent
from rlcourse.training.loop import Diverged, evaluate, train
from rlcourse.worlds.probes import Begins, Probe
from tests.small_worlds import Flags, Noise, Poison, Strict, World

VALUE_BASED = {"total_steps": 400, "warm_up": 40, "batch_size": 16, "capacity": 300, "hidden": (16,), "gamma": 0.5}
ON_POLICY = {"total_steps": 400, "hidden": (16,), "n_envs": 2, "gamma": 0.5, "rollout_length": 5}


@dataclasses.dataclass(frozen=True)
class Row:
    """An agent, and how the tests get at it."""

    name: str  # of its class
    settings: dict[str, Any]  # small ones, in which it learns something
    continuous: bool = True  # whether it serves a Box of actions
    value: Callable[[Any], torch.Tensor] | None = None  # of the observation 0, a number a seed
    learns: dict[str, Any] = dataclasses.field(default_factory=dict)  # settings that bring a value to its fixed point
    whole: str = ""  # the equation that is given what an episode or a rollout paid, by its first argument or ..
    at: int = 0  # .. by this one
    uncalled: dict[str, dict[str, Any]] = dataclasses.field(
        default_factory=dict
    )  # equation: settings that never call it
    called: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)  # equation: settings that call it
    wrapped: Callable[[gymnasium.Env], gymnasium.Env] = lambda env: env
    alone: bool = False  # one seed a program

    def some(self, n_seeds: int) -> int:
        """So many seeds, or one where there is no more."""
        return 1 if self.alone else n_seeds


def critic(agent: Any) -> torch.Tensor:
    return agent.critic(torch.zeros(len(agent.seeds), 1))


def remembering_critic(agent: Any) -> torch.Tensor:
    first = torch.tensor([[0.0, 1.0]]).repeat(len(agent.seeds), 1)  # nothing to see, where an episode begins
    return agent.critic(agent.gru(first, torch.zeros(len(first), agent.config.gru_width)))


def best_q(agent: Any) -> torch.Tensor:
    return agent.online(torch.zeros(len(agent.seeds), 1)).max(-1).values


SLOW_POLICY = {"total_steps": 4_000, "learning_rate": 1e-2, "anneal": False}
PRICED = {"objective": "fixed_kl"}
BATCHES = {"total_steps": 1_500, "learning_rate": 5e-3, "steps_per_copy": 20, "anneal": True}
VALUES_ALONE = {"distributional": False, "noisy": False}
ROWS = {
    "a2c": Row("A2C", ON_POLICY, value=critic, learns=SLOW_POLICY, whole="gae"),
    "recurrent_a2c": Row(
        "RecurrentA2C",
        ON_POLICY | {"gru_width": 8},
        value=remembering_critic,
        learns=SLOW_POLICY,
        whole="gae",
        wrapped=Begins,
    ),
    "impala": Row("Impala", ON_POLICY | {"lag": 1}, value=critic, learns=SLOW_POLICY, whole="vtrace"),
    "ppo": Row(
        "PPO",
        ON_POLICY | {"epochs": 3, "minibatches": 2},
        value=critic,
        learns=SLOW_POLICY | {"total_steps": 2_000},
        whole="gae",
        called={
            "kl_penalty_loss": PRICED,
            "adaptive_kl_coef": {"objective": "adaptive_kl"},
            "categorical_kl": PRICED,
            "gaussian_kl": PRICED,
        },
        uncalled={
            "ppo_clip_loss": PRICED,
            "kl_penalty_loss": {},
            "adaptive_kl_coef": PRICED,
            "categorical_kl": {},
            "gaussian_kl": {},
        },
    ),
    "reinforce": Row(
        "Reinforce",
        {"total_steps": 400, "hidden": (16,), "gamma": 0.5},
        value=critic,
        learns={"total_steps": 2_000, "value_learning_rate": 3e-2},
        whole="discounted_returns",
        called={"optimal_baseline": {"baseline": "optimal"}, "entropy": {"entropy_coef": 0.1}},
        uncalled={"optimal_baseline": {}, "entropy": {"entropy_coef": 0.0}},
    ),
    "acktr": Row(
        "ACKTR",
        ON_POLICY,
        value=critic,
        learns={"total_steps": 2_000, "anneal": False},
        whole="gae",
        alone=True,
    ),
    "trpo": Row(
        "TRPO",
        ON_POLICY | {"rollout_length": 20, "critic_steps": 3},
        value=critic,
        learns=SLOW_POLICY,
        whole="gae",
        uncalled={"gaussian_kl": {}},
        alone=True,
    ),
    "cem": Row(
        "CEM",
        {"total_steps": 400, "population": 8, "fraction": 0.25, "n_envs": 2},
        learns={"total_steps": 3_000, "population": 20},
        whole="cem_refit",
        at=1,
    ),
    "dqn": Row(
        "DQN",
        VALUE_BASED,
        continuous=False,
        value=best_q,
        learns=BATCHES,
        called={"polyak_update": {"tau": 0.1}},
        uncalled={"polyak_update": {"tau": None}},
    ),
    "rainbow": Row(
        "Rainbow",
        VALUE_BASED | {"support": (-3.0, 3.0), "n_atoms": 13},
        continuous=False,
        value=best_q,
        learns=BATCHES | {"total_steps": 800, "learning_rate": 1e-2},
        whole="n_step_returns",
        called={
            "polyak_update": {"tau": 0.1},
            "q_target": VALUES_ALONE | {"double": False},
            "double_q_target": VALUES_ALONE,
            "huber_loss": VALUES_ALONE,
        },
        uncalled={
            "polyak_update": {},
            "q_target": {},
            "double_q_target": {},
            "huber_loss": {},
            "dueling_q": {"dueling": False},
            "priority": {"prioritized": False},
            "importance_weights": {"prioritized": False},
            "n_step_returns": {"n_step": 1},
            "categorical_projection": VALUES_ALONE,
        },
    ),
}
MODULES = sorted(module.name for module in pkgutil.iter_modules(agents.__path__) if not module.ispkg)
APART = {"a3c"}  # processes, one seed a run: tests/agents/test_a3c.py


def test_every_agent_has_its_row():
    assert set(MODULES) - APART == set(ROWS)


@pytest.mark.parametrize("module", MODULES)
def test_an_agent_is_a_file_that_one_reads_at_once(module):
    file = import_module(f"rlcourse.agents.{module}")
    assert inspect.getsource(file).count("\n") <= 130
    if module in ROWS:
        assert getattr(file, ROWS[module].name).__mro__[1:] == (Agent, object), "no agent is built on another one"


EVERY = pytest.mark.parametrize("module", ROWS)


def make(module: str, env: Any, n_seeds: int = 1, seed: int = 0, /, *, equations: dict | None = None, **changes: Any):
    """The agent of a row in a world, with the row's small settings and some changed."""
    row, file = ROWS[module], import_module(f"rlcourse.agents.{module}")
    world = (lambda: row.wrapped(env())) if callable(env) else lambda: row.wrapped(gymnasium.make(env))
    return getattr(file, row.name)(world, n_seeds, seed, file.Config(**row.settings | changes), **equations or {})


def weights(agent: Any) -> list[torch.Tensor]:
    return [p.detach().clone() for p in agent.greedy_network.parameters()]


def box() -> World:
    return Noise(actions=Box(-1, 1, (2,), np.float32))


WORLDS = {"discrete": lambda: Probe("both matter"), "box": box}


@pytest.mark.parametrize(
    ("module", "world"),
    [(m, w) for m, row in ROWS.items() if not row.alone for w in WORLDS if w == "discrete" or row.continuous],
)
def test_seed_3_of_8_is_that_seed_alone(module, world):
    many, alone = make(module, WORLDS[world], 8), make(module, WORLDS[world], 1, 3)
    curves = [train(agent, evaluations=2, episodes=2) for agent in (many, alone)]
    moved = [(p - q).abs().max() for p, q in zip(weights(make(module, WORLDS[world], 8)), weights(many), strict=True)]
    assert max(moved) > 1e-3, "it learned"
    for p, q in zip(weights(many), weights(alone), strict=True):
        torch.testing.assert_close(p[3], q[0], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(curves[0].returns[3], curves[1].returns[0], atol=1e-4)
    np.testing.assert_allclose(curves[0].finished[3], curves[1].finished[0], atol=1e-4)


@pytest.mark.parametrize("module", [m for m, row in ROWS.items() if row.alone])
def test_an_agent_of_one_seed_refuses_two(module):
    with pytest.raises(ValueError, match=f"^n_seeds: got 2, expected 1: each seed of {ROWS[module].name} is a run"):
        make(module, World, 2)


@pytest.mark.parametrize("module", [m for m, row in ROWS.items() if row.value])
@pytest.mark.parametrize(("terminated", "truncated", "value"), [(1, 0, 1.0), (0, 1, 2.0), (1, 1, 1.0), (0, 0, 2.0)])
def test_a_value_bootstraps_unless_the_episode_terminated(module, terminated, truncated, value):
    """Each step pays 1, gamma is 1/2: worth 1 where that was all, 2 where it would have gone on."""
    if module in ("reinforce", "recurrent_a2c") and not terminated and not truncated:
        return  # the one learns from whole episodes, the other one sees the beginning of an episode once
    n = ROWS[module].some(2)
    agent = make(module, lambda: Flags(bool(terminated), bool(truncated)), n, **ROWS[module].learns)
    train(agent, evaluations=0)
    torch.testing.assert_close(ROWS[module].value(agent).detach(), torch.full((n,), value), rtol=0, atol=0.1)


@EVERY
@pytest.mark.parametrize("n_envs", [1, 3])
def test_it_finds_the_better_action_in_one_environment_and_in_some(module, n_envs):
    n = ROWS[module].some(3)
    agent = make(module, lambda: Probe("action matters"), n, n_envs=n_envs, **ROWS[module].learns)
    train(agent, evaluations=0)
    assert evaluate(agent, episodes=2).tolist() == [1] * n


SPACES = [
    (Box(0, 255, (3,), np.uint8), Discrete(3, start=5)),
    (Box(0, 1, (3,), bool), Box(0, 255, (2,), np.uint8)),
    (Box(-5, 5, (3,), np.int64), Box(-1, 1, (2,), np.float64)),
    (Box(-1, 1, (3,), np.float64), Discrete(2, start=-1)),
]


@pytest.mark.parametrize(
    ("module", "spaces"),
    [(m, s) for m, row in ROWS.items() for s in SPACES if row.continuous or isinstance(s[1], Discrete)],
)
def test_whole_numbers_and_other_bounds(module, spaces):
    """Any number is seen, and every action arrives inside the space."""
    world = lambda: Strict(observed=spaces[0], actions=spaces[1])  # noqa: E731
    train(make(module, world, ROWS[module].some(2)), evaluations=1, episodes=1)


@EVERY
@pytest.mark.parametrize(
    ("spaces", "name"),
    [
        ({"observed": Dict({"a": Box(-1, 1, (1,))})}, "observation_space"),
        ({"observed": Tuple([Box(-1, 1, (1,))])}, "observation_space"),
        ({"observed": Box(-1, 1, ())}, "observation_space"),
        ({"observed": Box(0, 1, (2, 2))}, "observation_space"),
        ({"actions": Box(-1, 1, ())}, "action_space"),
        ({"actions": gymnasium.spaces.MultiDiscrete([2, 2])}, "action_space"),
    ],
)
def test_other_spaces_are_refused_by_name(module, spaces, name):
    file = import_module(f"rlcourse.agents.{module}")
    with pytest.raises(ValueError, match=f"^{name}: got "):
        world = (lambda: ROWS[module].wrapped(World(**spaces))) if "actions" in spaces else lambda: World(**spaces)
        getattr(file, ROWS[module].name)(world, config=file.Config(**ROWS[module].settings))


@pytest.mark.parametrize("module", [m for m, row in ROWS.items() if row.whole])
def test_trained_twice_it_splices_no_strangers(module):
    """The second world pays 2 a step, the first one 1: no episode and no rollout holds both."""
    row, seen = ROWS[module], []
    library = import_function(row.whole)

    def spy(*arguments: Any, **named: Any) -> Any:
        seen.append(torch.as_tensor(arguments[row.at]).clone())
        return library(*arguments, **named)

    agent = make(module, lambda: World(length=7), 1, n_envs=1, equations={row.whole: spy})
    train(agent, steps=193, evaluations=0)
    half = len(seen)
    train(agent, lambda: row.wrapped(World(2.0, length=7)), evaluations=0)
    assert 0 < half < len(seen)
    if module == "cem":  # it sees what whole episodes of seven steps paid
        assert {score for scores in seen for score in scores.tolist()} == {7.0, 14.0}
    else:
        assert all(set(column.tolist()) - {0.0} in ({1.0}, {2.0}) for paid in seen for column in paid.T)


def import_function(name: str) -> Callable:
    """A graded function of the library, by name, without its checks."""
    from rlcourse.homework.catalogue import catalogue

    return equation(catalogue()[name].function)


class PoisonsOne:
    """Makes worlds, of which one is poisoned, the first being number 1."""

    def __init__(self, module: str, number: int) -> None:
        self.made, self.module, self.number = 0, module, number

    def __call__(self) -> gymnasium.Env:
        self.made += 1
        return ROWS[self.module].wrapped(Poison(self.made == self.number))


@EVERY
def test_a_seed_that_diverges_is_a_result_and_its_neighbours_go_on(module):
    n = ROWS[module].some(3)
    who = n // 2  # with neighbours on either side, where there are some
    both = [make(module, Poison, n, 5, n_envs=1) for _ in range(2)]
    train(both[0], evaluations=0)
    run = train(both[1], PoisonsOne(module, who + 1), evaluations=0, strict=False)
    assert list(run.diverged) == [who] and 60 < run.diverged[who] <= 400
    others = [k for k in range(n) if k != who]
    for healthy, frozen in zip(*map(weights, both), strict=True):
        assert frozen.isfinite().all()
        torch.testing.assert_close(frozen[others], healthy[others], rtol=1e-4, atol=1e-5)


@EVERY
def test_where_it_is_asked_to_it_names_who_diverged_and_can_go_on(module):
    n = ROWS[module].some(3)
    agent = make(module, Poison, n, 5, n_envs=1)
    train(agent, steps=100, evaluations=1, episodes=1)
    before = weights(agent)
    with pytest.raises(Diverged, match=f"seed {5 + n // 2} .* at step "):
        train(agent, PoisonsOne(module, n // 2 + 1), evaluations=0)
    done = agent.steps
    run = train(agent, evaluations=0, strict=False)
    assert not run.diverged or hasattr(agent, "buffer") or hasattr(agent, "queue"), "only what is kept keeps the NaN"
    assert agent.steps > done and all(p.isfinite().all() for p in weights(agent))
    assert any((p != q).any() for p, q in zip(before, weights(agent), strict=True))


@EVERY
def test_it_can_be_pickled_and_goes_on_as_it_was(module):
    file = import_module(f"rlcourse.agents.{module}")
    agent = getattr(file, ROWS[module].name)(
        Picklable(module), ROWS[module].some(2), 0, file.Config(**ROWS[module].settings)
    )
    train(agent, steps=200, evaluations=0)
    again = pickle.loads(pickle.dumps(agent))
    for one in (agent, again):
        train(one, evaluations=0)
    for p, q in zip(weights(agent), weights(again), strict=True):
        assert torch.equal(p, q)


@dataclasses.dataclass
class Picklable:
    """A function that makes a row's probe, to be found by its name."""

    module: str

    def __call__(self) -> gymnasium.Env:
        return ROWS[self.module].wrapped(Probe("both matter"))


@EVERY
def test_it_can_be_interrupted_and_used_again(module):
    class Interrupted(World):
        taken = 0

        def paid(self, action: Any) -> float:
            Interrupted.taken += 1
            if Interrupted.taken == 150:
                raise KeyboardInterrupt
            return 1.0

    agent = make(module, Interrupted, ROWS[module].some(2))
    with pytest.raises(KeyboardInterrupt):
        train(agent, evaluations=0)
    train(agent, evaluations=1, episodes=1)
    assert agent.steps >= 400 - agent.config.n_envs


def equations_of(module: str) -> list[str]:
    """The names of the equations that an agent takes."""
    parameters = inspect.signature(getattr(import_module(f"rlcourse.agents.{module}"), ROWS[module].name)).parameters
    return [name for name, parameter in parameters.items() if parameter.kind is parameter.KEYWORD_ONLY]


EQUATIONS = [(module, name) for module in ROWS for name in equations_of(module)]


@pytest.mark.parametrize(("module", "name"), EQUATIONS)
def test_every_equation_that_it_takes_is_really_called(module, name):
    class Called(Exception):
        pass

    def mine(*arguments: Any, **named: Any) -> None:
        raise Called

    world = {"huber_loss": World, "gaussian_kl": box}.get(name, Strict)
    agent = make(module, world, 1, equations={name: mine}, **ROWS[module].called.get(name, {}))
    with pytest.raises(Called):
        train(agent, evaluations=0)


@pytest.mark.parametrize(
    ("module", "name", "settings"), [(m, name, s) for m, row in ROWS.items() for name, s in row.uncalled.items()]
)
def test_an_equation_that_it_would_never_call_is_refused(module, name, settings):
    with pytest.raises(ValueError, match=f"^{name}: got "):
        make(module, World, equations={name: lambda *arguments: None}, **settings)


@pytest.mark.parametrize("module", [m for m, row in ROWS.items() if "entropy" in equations_of(m)])
def test_a_gaussians_entropy_is_nobodys_exercise(module):
    with pytest.raises(ValueError, match="^entropy: got "):
        make(module, box, equations={"entropy": lambda logits: logits.sum(-1)})


@pytest.mark.parametrize(("module", "name"), EQUATIONS)
def test_an_equation_of_another_agent_is_an_error(module, name):
    with pytest.raises(TypeError, match="unexpected keyword argument 'no_such_equation'"):
        make(module, World, equations={"no_such_equation": len})


def bad_values(hint: Any) -> list[Any]:
    """What a setting of this kind must refuse."""
    kind = get_args(hint)[0] if NoneType in get_args(hint) else hint
    bad: list[Any] = [] if NoneType in get_args(hint) else [None]
    if kind is bool:
        return [*bad, 1, 0.5, "yes"]
    if get_origin(kind) is Literal:
        return [*bad, "no such", 3]
    bad += ["3", np.nan, np.inf, [1, 2], object()]
    check = kind.__metadata__[0]
    if hasattr(check, "whole"):
        bad += [check.low - 1] + [check.low] * ("low" in check.open_ends) + [2.5] * check.whole + [True]
        return bad + [check.high + 1] * bool(np.isfinite(check.high))
    return [*bad[:-2], 3, (1.5, "a"), (np.nan, 1)]


SETTINGS = [
    (module, field, bad)
    for module in ROWS
    for field, hint in get_type_hints(import_module(f"rlcourse.agents.{module}").Config, include_extras=True).items()
    for bad in bad_values(hint)
]


@pytest.mark.parametrize(("module", "setting", "value"), SETTINGS)
def test_a_setting_out_of_range_is_refused_by_name(module, setting, value):
    config = import_module(f"rlcourse.agents.{module}").Config
    with pytest.raises(ValueError, match=f"^{setting}: got .*expected"):
        dataclasses.replace(config(**ROWS[module].settings), **{setting: value})


@EVERY
def test_a_config_of_another_agent_is_refused(module):
    other = import_module("rlcourse.agents.dqn" if module != "dqn" else "rlcourse.agents.a2c")
    file = import_module(f"rlcourse.agents.{module}")
    with pytest.raises(ValueError, match="^config: got "):
        getattr(file, ROWS[module].name)(World, config=other.Config())


@EVERY
def test_there_is_no_agent_of_no_seeds(module):
    for bad in (0, -1, 1.5):
        with pytest.raises(ValueError, match="^n_seeds: got "):
            make(module, World, bad)
    with pytest.raises(ValueError, match="^seed: got "):
        make(module, World, 1, -1)


@EVERY
def test_its_chance_is_not_the_worlds(module):
    """Rewards are chance; seed 0's exploration was once its environment's noise, and then it "learned" an action."""
    n = ROWS[module].some(2)
    agent, seen = make(module, lambda: Noise(length=1), n, n_envs=1, total_steps=1_000), []
    observe = agent.observe
    agent.observe = lambda step: (seen.append((step.action, step.reward)), observe(step))
    train(agent, evaluations=0)
    actions, rewards = (np.array(column, float) for column in zip(*seen, strict=True))
    for seed in range(n):
        a, r = actions[:, seed], rewards[:, seed]
        if a.std() > 0:
            assert abs(np.corrcoef(a, r)[0, 1]) < 4 / len(a) ** 0.5


@EVERY
def test_it_reports_its_last_update_by_seed(module):
    n = ROWS[module].some(3)
    agent = make(module, lambda: Probe("both matter"), n)
    train(agent, evaluations=0)
    assert agent.report and all(np.shape(values) == (n,) for values in agent.report.values())


@pytest.mark.parametrize("module", [m for m in ROWS if "warm_up" in ROWS[m].settings])
@pytest.mark.parametrize("n_envs", [1, 3, 7, 8])
def test_rates_hold_for_any_number_of_environments(module, n_envs):
    settings = {"steps_per_update": 4, "steps_per_copy": 50, "warm_up": 0, "batch_size": 1}
    agent = make(module, World, n_envs=n_envs, total_steps=840, **settings)
    updates, copies = [], []
    agent.learn = lambda: updates.append(agent.steps)
    agent.target.load_state_dict = lambda weights: copies.append(agent.steps)
    train(agent, evaluations=0)
    assert abs(len(updates) - 840 // 4) <= 2 and abs(len(copies) - 840 // 50) <= 1
