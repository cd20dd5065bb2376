"""The scenarios of problem set 4: A2C driven by a student's functions. See __init__.py."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gymnasium
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.agents.a2c import A2C, Config
from rlcourse.homework.scenarios import in_tensors, scenario
from rlcourse.training.loop import evaluate, train
from rlcourse.worlds.probes import Probe

_PROBE = Config(
    gamma=0.5,
    lam=0.8,
    total_steps=2_000,
    hidden=(16,),
    learning_rate=1e-2,
    n_envs=4,
    n_steps=4,
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
CART_POLE = Config(
    total_steps=60_000,
    gamma=0.98,
    learning_rate=3e-3,
    n_envs=4,
    n_steps=8,
    entropy_coef=0.001,
)
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

    observations = torch.tensor([[-1.0], [0.0], [1.0]]).expand(3, 3, 1)
    learned = {}
    for name, (kind, truncates, changes) in PROBES.items():
        config = replace(_PROBE, **changes)
        estimate = by_lambda if name == "lambda" else in_tensors(gae)
        agent = A2C(Probe(kind), 3, seed, config, gae=estimate, entropy=entropy, a2c_loss=a2c_loss)
        train(
            agent,
            lambda kind=kind, cut=truncates: Probe(kind, cut),
            config.total_steps,
            per_seed=config.n_envs,
            evaluations=0,
            seed=seed,
        )
        with torch.no_grad():
            value, policy = agent.critic(observations).squeeze(-1), agent.actor(observations).softmax(-1)
        learned[name] = {"value": value.numpy(), "policy": policy.numpy()}
    return learned


@scenario
def learn_cart_pole_on_policy(
    gae: Callable, entropy: Callable, a2c_loss: Callable, seed: int = 0
) -> dict[str, ndarray]:
    """A2C on CartPole-v1, eight seeds side by side: the weights [8, ...] of their policies by name."""
    env = gymnasium.make("CartPole-v1")
    agent = A2C(env, 8, seed, CART_POLE, gae=in_tensors(gae), entropy=entropy, a2c_loss=a2c_loss)
    train(agent, "CartPole-v1", CART_POLE.total_steps, per_seed=CART_POLE.n_envs, evaluations=0, seed=seed)
    return {name: weight.numpy() for name, weight in agent.actor.state_dict().items()}


def policy_returns(weights: dict[str, ndarray], episodes: int = 10, seed: int = 0) -> ndarray:
    """The mean return [8] of learned policies, likeliest action each, in environments of their own.

    Raises:
        RuntimeError: where the weights are not those of eight such policies.
    """
    agent = A2C(gymnasium.make("CartPole-v1"), 8, 0, CART_POLE)
    agent.actor.load_state_dict({name: torch.as_tensor(weight) for name, weight in weights.items()})
    return evaluate(agent, "CartPole-v1", episodes, seed)
