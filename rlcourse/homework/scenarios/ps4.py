"""The scenarios of problem set 4: A2C driven by a student's functions."""

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.agents.a2c import A2C, Config
from rlcourse.homework.at_work import Result, by_name, cart_pole, in_shape
from rlcourse.homework.scenarios import results_of, scenario
from rlcourse.parts.agent import in_tensors
from rlcourse.training.loop import evaluate, train
from rlcourse.worlds.probes import Probe

_PROBE = Config(
    gamma=0.5,
    lam=0.8,
    total_steps=2_000,
    hidden=(16,),
    learning_rate=1e-2,
    n_envs=4,
    rollout_length=4,
    entropy_coef=0.0,
)
PROBES: dict[str, tuple[str, bool, dict[str, Any]]] = {  # kind of world; whether cut off, not over; what is turned
    "plain": ("reward by observation", False, {}),
    "two steps": ("two steps", False, {}),
    "both matter": ("both matter", False, {}),
    "entropy": ("action matters", False, {"entropy_coef": 2.0}),
    "cut off": ("constant reward", True, {"total_steps": 4_000}),
    "lambda": ("two steps", False, {"lam": 0.5}),  # lambda_returns minus V in place of gae
}
CART_POLE = Config(total_steps=60_000, gamma=0.98, n_envs=4, entropy_coef=0.001)
CART_POLE_RETURN = 475.0  # what a seed has to reach: where CartPole-v1 counts as solved


@scenario
def solve_actor_critic_probes(
    gae: Callable, entropy: Callable, a2c_loss: Callable, lambda_returns: Callable, seed: int = 0
) -> dict[str, dict[str, ndarray]]:
    """A2C in worlds so small that their values are known: by name, the values and the policies it ends with.

    "value" [3 seeds, 3 observations -1, 0, 1], "policy" [3 seeds, 3 observations, 2 actions].
    """

    def by_lambda(rewards: Tensor, values: Tensor, *others: Any) -> Tensor:
        return in_tensors(lambda_returns)(rewards, *others) - values

    observations = torch.tensor([[-1.0], [0.0], [1.0]]).repeat(3, 1)
    learned = {}
    for name, (kind, truncates, changes) in PROBES.items():
        equations = {"gae": by_lambda if name == "lambda" else gae, "entropy": entropy, "a2c_loss": a2c_loss}
        agent = A2C(partial(Probe, kind, truncates), 3, seed, replace(_PROBE, **changes), **equations)
        train(agent, evaluations=0)
        with torch.no_grad():
            value, policy = agent.critic(observations), agent.policy(observations).logits.softmax(-1)
        learned[name] = {"value": value.view(3, 3).numpy(), "policy": policy.view(3, 3, 2).numpy()}
    return learned


@scenario
def learn_cart_pole_on_policy(
    gae: Callable, entropy: Callable, a2c_loss: Callable, seed: int = 0
) -> dict[str, ndarray]:
    """A2C on CartPole-v1, eight seeds side by side: the weights [8, ...] of their policies by name."""
    agent = A2C("CartPole-v1", 8, seed, CART_POLE, gae=gae, entropy=entropy, a2c_loss=a2c_loss)
    train(agent, evaluations=0)
    return {name: weight.numpy() for name, weight in agent.policy.state_dict().items()}


def policy_returns(weights: dict[str, ndarray], episodes: int = 10, seed: int = 0) -> ndarray:
    """The mean return [8] of learned policies, likeliest action each, in environments of their own.

    Raises:
        RuntimeError: where the weights are not those of eight such policies.
    """
    agent = A2C("CartPole-v1", 8, seed, CART_POLE)
    agent.policy.load_state_dict({name: torch.as_tensor(weight) for name, weight in weights.items()})
    return evaluate(agent, episodes=episodes)


ACTOR_CRITIC_VALUES = {  # by hand, gamma is 1/2: observation -1, 0 or 1, and what it is worth
    "plain": {-1: -1, 1: 1},
    "two steps": {0: 0.5, 1: 1},
    "both matter": {-1: 1, 1: 1},
    "entropy": {0: math.tanh(0.5)},  # the mean reward of the policy below
    "cut off": {0: 2},  # 1 + 1/2 + 1/4 + ..: being cut off is no end
    "lambda": {0: 0.5, 1: 1},
}
ACTOR_CRITIC_POLICIES = {  # the probability of action 1
    "both matter": {-1: 0, 1: 1},
    "entropy": {0: 1 / (1 + math.exp(-1))},  # softmax of the rewards 1 and -1 over the coefficient 2
}


@results_of("solve_actor_critic_probes")
def actor_critic_probe_results(learned: Any) -> list[Result]:
    """By how much V and the probability of action 1 in each probe are off, seed by seed."""
    results = []
    for probe, found in by_name(learned, ACTOR_CRITIC_VALUES, "what was learned").items():
        found = by_name(found, ("value", "policy"), probe)
        value = in_shape(found["value"], (3, 3), f"{probe}: the value")
        chance = in_shape(found["policy"], (3, 3, 2), f"{probe}: the policy")[..., 1]
        exact = [("error of V", value, ACTOR_CRITIC_VALUES[probe])]
        exact += [("error of π", chance, ACTOR_CRITIC_POLICIES[probe])] if probe in ACTOR_CRITIC_POLICIES else []
        for what, table, rights in exact:
            off = np.max([np.abs(table[:, seen + 1] - right) for seen, right in rights.items()], axis=0)
            results.append(Result(probe, tuple(off), 0.1, what, at_most=True))
    return results


@results_of("learn_cart_pole_on_policy")
def cart_pole_results(weights: Any) -> list[Result]:
    """The mean return of each seed's policy."""
    return [cart_pole(weights, policy_returns, CART_POLE_RETURN, 4, "CartPole")]
