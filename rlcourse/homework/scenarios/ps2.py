"""The scenarios of problem set 2: gradients of a student's functions, and DQN driven by them. See __init__.py.

DQN's target network is copied whole here, so that nothing but the functions handed in is needed.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import torch
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.agents.dqn import DQN, Config
from rlcourse.homework.scenarios import in_tensors, scenario
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
    target_every=20,
)
PROBES: dict[str, tuple[str, bool, dict[str, Any]]] = {  # kind of world; whether cut off, not over; what is on
    "plain": ("reward by observation", False, {}),
    "double": ("two steps", False, {"double": True}),
    "three steps": ("two steps", False, {"n_steps": 3}),
    "cut off": ("constant reward", True, {"n_steps": 3, "total_steps": 800}),
    "dueling": ("both matter", False, {"dueling": True}),
    "prioritised": ("both matter", False, {"prioritized": True}),
}
CART_POLE = Config(
    total_steps=32_000,
    warm_up=1_000,
    hidden=(64, 64),
    learning_rate=2.5e-3,
    anneal=True,
    gamma=0.98,
    batch_size=32,
    capacity=32_000,
    every=24,
    target_every=240,
    n_steps=3,
    double=True,
    dueling=True,
    prioritized=True,
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


def _copy_whole(target: nn.Module, online: nn.Module, tau: float) -> None:
    target.load_state_dict(online.state_dict())


def _equations(
    double_q_target: Callable,
    huber_loss: Callable,
    dueling_q: Callable,
    n_step_returns: Callable,
    priority: Callable,
    importance_weights: Callable,
) -> dict[str, Callable]:
    return {
        "double_q_target": in_tensors(double_q_target),
        "huber_loss": huber_loss,
        "dueling_q": dueling_q,
        "n_step_returns": in_tensors(n_step_returns),
        "priority": in_tensors(priority),
        "importance_weights": in_tensors(importance_weights),
        "polyak_update": _copy_whole,
    }


@scenario
def solve_probes(q_target: Callable, *others: Callable, seed: int = 0) -> dict[str, ndarray]:
    """DQN in worlds so small that their values are known: Q [3 seeds, 3 observations -1, 0, 1, 2 actions] by name.

    others: double_q_target, huber_loss, dueling_q, n_step_returns, priority, importance_weights.
    """
    equations = _equations(*others) | {"q_target": in_tensors(q_target)}
    observations = np.tile(np.array([[-1.0], [0.0], [1.0]]), (3, 1, 1))
    values = {}
    for name, (kind, truncates, tricks) in PROBES.items():
        config = replace(_PROBE, **tricks)
        agent = DQN(Probe(kind), 3, seed, config, **equations)
        train(agent, lambda kind=kind, cut=truncates: Probe(kind, cut), config.total_steps, evaluations=0, seed=seed)
        with torch.no_grad():
            values[name] = agent.q(agent.online, observations).numpy()
    return values


@scenario
def learn_cart_pole(*functions: Callable, seed: int = 0) -> dict[str, ndarray]:
    """DQN on CartPole-v1, eight seeds side by side: the weights [8, ...] of their networks by name.

    functions: double_q_target, huber_loss, dueling_q, n_step_returns, priority, importance_weights.
    """
    agent = DQN(gymnasium.make("CartPole-v1"), 8, seed, CART_POLE, **_equations(*functions))
    train(agent, "CartPole-v1", CART_POLE.total_steps, per_seed=8, evaluations=0, seed=seed)
    return {name: weight.numpy() for name, weight in agent.online.state_dict().items()}


def cart_pole_returns(weights: dict[str, ndarray], dueling_q: Callable, episodes: int = 10, seed: int = 0) -> ndarray:
    """The mean return [8] of the greedy policies of learned networks, in environments of their own.

    Raises:
        RuntimeError: where the weights are not those of eight such networks.
    """
    agent = DQN(gymnasium.make("CartPole-v1"), 8, 0, CART_POLE, dueling_q=dueling_q)
    agent.online.load_state_dict({name: torch.as_tensor(weight) for name, weight in weights.items()})
    return evaluate(agent, "CartPole-v1", episodes, seed)
