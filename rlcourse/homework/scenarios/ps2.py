"""The scenarios of problem set 2: gradients of a student's functions, and DQN driven by them. See __init__.py.

The target network is copied whole, so that nothing but the functions handed in is needed.
"""

import operator
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.agents.rainbow import Config, Rainbow
from rlcourse.homework.at_work import Result, by_name, cart_pole, in_shape
from rlcourse.homework.scenarios import results_of, scenario
from rlcourse.training.loop import evaluate, train
from rlcourse.worlds.probes import Probe

_PROBE = Config(
    total_steps=500,
    warm_up=50,
    hidden=(32, 32),
    learning_rate=5e-3,
    anneal=True,
    gamma=0.5,
    batch_size=16,
    capacity=500,
    steps_per_copy=20,
    double=False,
    dueling=False,
    prioritized=False,
    n_step=1,
    distributional=False,
    noisy=False,
)
PROBES: dict[str, tuple[str, bool, dict[str, Any]]] = {  # kind of world; whether cut off, not over; what is on
    "plain": ("reward by observation", False, {}),
    "double": ("two steps", False, {"double": True}),
    "three steps": ("two steps", False, {"n_step": 3}),
    "cut off": ("constant reward", True, {"n_step": 3, "total_steps": 800}),
    "dueling": ("both matter", False, {"dueling": True}),
    "prioritised": ("both matter", False, {"prioritized": True}),
}
CART_POLE = Config(
    total_steps=32_000,
    n_envs=8,
    warm_up=1_000,
    hidden=(64, 64),
    learning_rate=2.5e-3,
    anneal=True,
    gamma=0.98,
    batch_size=32,
    capacity=32_000,
    steps_per_update=24,
    steps_per_copy=240,
    distributional=False,
    noisy=False,
)
CART_POLE_RETURN = 50.0  # what a seed has to reach; a random policy gets about 22, 500 is the most there is


@scenario
def gradient(function: Callable, which: int, *arguments: Any) -> Tensor:
    """The gradient that arrives at one argument of a function; 0 where none does.

    Differentiated is a weighted sum of what it returns, with the weights 1, 2, 3, ..: of a plain sum, centring would
    leave nothing.
    """
    given = list(arguments)
    given[which] = given[which].clone().requires_grad_()
    returned = torch.as_tensor(function(*given))
    if returned.requires_grad:
        weights = torch.arange(1.0, returned.numel() + 1, dtype=returned.dtype)
        (returned.flatten() * weights).sum().backward()
    return torch.zeros_like(given[which]) if given[which].grad is None else given[which].grad


TRICKS = ("double_q_target", "huber_loss", "dueling_q", "n_step_returns", "priority", "importance_weights")


def _called(config: Config, equations: dict[str, Callable]) -> dict[str, Callable]:
    """Those of the equations that an agent of these settings calls."""
    off = {
        "q_target": config.double,
        "double_q_target": not config.double,
        "dueling_q": not config.dueling,
        "n_step_returns": config.n_step == 1,
        "priority": not config.prioritized,
        "importance_weights": not config.prioritized,
    }
    return {name: function for name, function in equations.items() if not off.get(name)}


@scenario
def solve_probes(q_target: Callable, *tricks: Callable, seed: int = 0) -> dict[str, ndarray]:
    """DQN in worlds so small that their values are known: Q [3 seeds, 3 observations -1, 0, 1, 2 actions] by name.

    tricks: the functions that TRICKS names.
    """
    equations = {"q_target": q_target, **dict(zip(TRICKS, tricks, strict=True))}
    observations = np.tile(np.array([[-1.0], [0.0], [1.0]]), (3, 1))
    values = {}
    for name, (kind, truncates, switches) in PROBES.items():
        config = replace(_PROBE, **switches)
        agent = Rainbow(partial(Probe, kind, truncates), 3, seed, config, **_called(config, equations))
        train(agent, evaluations=0)
        with torch.no_grad():
            values[name] = agent.online(observations).view(3, 3, 2).numpy()
    return values


@scenario
def learn_cart_pole(*tricks: Callable, seed: int = 0) -> dict[str, ndarray]:
    """DQN on CartPole-v1, eight seeds side by side: the weights [8, ...] of their networks by name.

    tricks: the functions that TRICKS names.
    """
    agent = Rainbow("CartPole-v1", 8, seed, CART_POLE, **dict(zip(TRICKS, tricks, strict=True)))
    train(agent, evaluations=0)
    return {name: weight.numpy() for name, weight in agent.online.state_dict().items()}


def cart_pole_returns(weights: dict[str, ndarray], episodes: int = 10, seed: int = 0) -> ndarray:
    """The mean return [8] of the greedy policies of learned networks, in environments of their own.

    Raises:
        RuntimeError: where the weights are not those of eight such networks.
    """
    # The best action is the one with the largest advantage, however the advantages are centred.
    agent = Rainbow("CartPole-v1", 8, seed, CART_POLE, dueling_q=operator.add)
    agent.online.load_state_dict({name: torch.as_tensor(weight) for name, weight in weights.items()})
    return evaluate(agent, episodes=episodes)


PROBE_VALUES = {  # by hand, gamma is 1/2: observation -1, 0 or 1, and what the two actions are worth there
    "plain": {-1: (-1, -1), 1: (1, 1)},
    "double": {0: (0.5, 0.5), 1: (1, 1)},
    "three steps": {0: (0.5, 0.5), 1: (1, 1)},
    "cut off": {0: (2, 2)},  # 1 + 1/2 + 1/4 + ..: being cut off is no end
    "dueling": {-1: (1, -1), 1: (-1, 1)},
    "prioritised": {-1: (1, -1), 1: (-1, 1)},
}


@results_of("solve_probes")
def probe_results(values: Any) -> list[Result]:
    """By how much Q of each probe is off, seed by seed."""
    results = []
    for probe, learned in by_name(values, PROBE_VALUES, "the learned values").items():
        q = in_shape(learned, (3, 3, 2), probe)
        off = [np.abs(q[:, seen + 1] - exact).max(axis=1) for seen, exact in PROBE_VALUES[probe].items()]
        results.append(Result(probe, tuple(np.max(off, axis=0)), 0.15, "error of Q", at_most=True))
    return results


@results_of("learn_cart_pole")
def cart_pole_results(weights: Any) -> list[Result]:
    """The mean return of each seed's network."""
    return [cart_pole(weights, cart_pole_returns, CART_POLE_RETURN, 7, "CartPole")]
