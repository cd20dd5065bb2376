"""The scenarios of problem set 5: what functions make of other functions, and PPO and TRPO driven by a student's."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.agents import ppo, trpo
from rlcourse.agents.ppo import PPO
from rlcourse.agents.trpo import TRPO
from rlcourse.homework.at_work import Result, by_name, cart_pole, in_shape
from rlcourse.homework.scenarios import results_of, scenario
from rlcourse.parts.rollouts import Rollout
from rlcourse.training.loop import evaluate, train
from rlcourse.worlds.probes import Probe

# What is asked of functions that take functions


def _times(matrix: Tensor, vector: Any) -> Tensor:
    """matrix @ vector, in the vector's precision."""
    v = torch.as_tensor(vector)
    return matrix.to(v.dtype) @ v


@scenario
def solve_by_products(conjugate_gradient: Callable, matrix: Tensor, b: Tensor, iterations: int, tol: float) -> Any:
    """What a function makes of b, given products with a matrix."""
    return conjugate_gradient(partial(_times, matrix), b, iterations, tol)


@scenario
def solve_keeps_b(conjugate_gradient: Callable, matrix: Tensor, b: Tensor, iterations: int, tol: float) -> bool:
    """Whether b is as it was when the products have been taken."""
    before = b.clone()
    conjugate_gradient(partial(_times, matrix), b, iterations, tol)
    return torch.equal(before, b)


@scenario
def curvature_of_a_bowl(
    fisher_vector_product: Callable, layers: list[Tensor], matrix: Tensor, vector: Tensor, damping: float
) -> Any:
    """Products with the curvature of d^T M d / 2, where d is how far the layers have moved: M is that curvature."""
    params = [layer.clone().requires_grad_() for layer in layers]
    start = torch.cat([layer.flatten() for layer in layers])

    def kl() -> Tensor:
        d = torch.cat([p.flatten() for p in params]) - start
        return d @ matrix @ d / 2

    return fisher_vector_product(kl, params, vector, damping)


def _network(layers: list[Tensor], obs: Tensor) -> Tensor:
    """Logits of a network with these weights and biases, W, b, W, b, ..; tanh between its layers."""
    x = obs
    for k in range(0, len(layers), 2):
        x = (x if k == 0 else x.tanh()) @ layers[k].T + layers[k + 1]
    return x


def _policy(layers: list[Tensor], obs: Tensor) -> tuple[list[Tensor], Callable[[], Tensor]]:
    """A network's parameters, and its mean divergence from what it is now."""
    params = [layer.clone().requires_grad_() for layer in layers]
    old = _network(layers, obs).log_softmax(-1)

    def kl() -> Tensor:
        new = _network(params, obs).log_softmax(-1)
        return torch.nn.functional.kl_div(new, old, reduction="batchmean", log_target=True)

    return params, kl


@scenario
def curvature_of_a_policy(
    fisher_vector_product: Callable, layers: list[Tensor], obs: Tensor, vector: Tensor, damping: float
) -> Any:
    """Products with the Fisher matrix of a small softmax policy, its weights and biases in turn."""
    params, kl = _policy(layers, obs)
    return fisher_vector_product(kl, params, vector, damping)


@scenario
def two_products(
    fisher_vector_product: Callable, layers: list[Tensor], obs: Tensor, vector: Tensor, damping: float
) -> tuple:
    """The same product asked for twice."""
    params, kl = _policy(layers, obs)
    return tuple(fisher_vector_product(kl, params, vector.clone(), damping) for _ in range(2))


def _line(
    slope: Tensor, bend: float, level: float, edge: float, price: float, kl_edge: float, start: Tensor
) -> tuple[Callable[[Any], Tensor], Callable[[Any], Tensor]]:
    """An objective, a parabola that is `level` at start, and a divergence; NaN further away than their edges."""

    def objective(theta: Any) -> Tensor:
        d = torch.as_tensor(theta) - start
        return torch.where(d.norm() <= edge, level + slope @ d - bend / 2 * d @ d, torch.nan)

    def kl(theta: Any) -> Tensor:
        d = torch.as_tensor(theta) - start
        return torch.where(d.norm() <= kl_edge, price / 2 * d @ d, torch.nan)

    return objective, kl


@scenario
def search_a_line(
    backtracking_line_search: Callable,
    slope: Tensor,
    bend: float,
    level: float,
    edge: float,
    price: float,
    kl_edge: float,
    start: Tensor,
    step: Tensor,
    max_kl: float,
    shrink: float,
    max_tries: int,
) -> Any:
    """Where a line search ends. With d = theta - start, n its length:

    the objective is level + slope d - bend n^2 / 2, NaN where n > edge; the divergence is price n^2 / 2, NaN where
    n > kl_edge.
    """
    objective, kl = _line(slope, bend, level, edge, price, kl_edge, start.clone())
    return backtracking_line_search(objective, kl, start, step, max_kl, shrink, max_tries)


@scenario
def search_keeps_start_and_step(
    backtracking_line_search: Callable,
    slope: Tensor,
    bend: float,
    level: float,
    edge: float,
    price: float,
    kl_edge: float,
    start: Tensor,
    step: Tensor,
    max_kl: float,
    shrink: float,
    max_tries: int,
) -> bool:
    """Whether start and step are as they were when the search is over."""
    before = start.clone(), step.clone()
    objective, kl = _line(slope, bend, level, edge, price, kl_edge, start.clone())
    backtracking_line_search(objective, kl, start, step, max_kl, shrink, max_tries)
    return torch.equal(before[0], start) and torch.equal(before[1], step)


# What is trained

_PROBE = partial(Probe, "both matter")
_PPO_PROBE = ppo.Config(total_steps=1_600, n_envs=4, rollout_length=8, epochs=5, hidden=(16,), learning_rate=1e-2)
_TRPO_PROBE = trpo.Config(
    total_steps=3_200,
    n_envs=8,
    rollout_length=8,
    hidden=(16,),
    max_kl=0.02,
    learning_rate=1e-2,
    critic_steps=5,
    anneal=False,
)
CART_POLE = ppo.Config(total_steps=50_000, epochs=5, minibatches=4, learning_rate=1.5e-3)
CART_POLE_RETURN = 475.0  # what a seed has to reach: where CartPole-v1 counts as solved
_SEEN = torch.tensor([[-1.0], [0.0], [1.0]])


def _chances(agent: PPO | TRPO) -> ndarray:
    """The policies [K, 3 observations -1, 0, 1, 2 actions]."""
    K = len(agent.seeds)
    with torch.no_grad():
        return agent.policy(_SEEN.repeat(K, 1)).logits.softmax(-1).view(K, 3, 2).numpy()


@scenario
def solve_trust_region_probes(
    ppo_clip_loss: Callable,
    surrogate_loss: Callable,
    categorical_kl: Callable,
    adaptive_kl_coef: Callable,
    conjugate_gradient: Callable,
    fisher_vector_product: Callable,
    natural_step: Callable,
    backtracking_line_search: Callable,
    seed: int = 0,
) -> dict[str, dict[str, ndarray]]:
    """PPO both ways and TRPO in a world of one step, three seeds each: by name, the policies they end with.

    "policy" [3 seeds, 3 observations -1, 0, 1, 2 actions]; TRPO's "moved" [3 seeds]: the largest mean divergence of an
    update, measured here.
    """

    def with_a_price(ratio: Tensor, advantage: Tensor, kl: Tensor, beta: float) -> Tensor:
        return surrogate_loss(ratio, advantage) + beta * torch.as_tensor(kl).mean()

    clip = PPO(_PROBE, 3, seed, _PPO_PROBE, ppo_clip_loss=ppo_clip_loss)
    divergence = {"categorical_kl": categorical_kl}
    price = PPO(
        _PROBE,
        3,
        seed,
        replace(_PPO_PROBE, objective="adaptive_kl", beta=0.1, target_kl=0.02),
        kl_penalty_loss=with_a_price,
        adaptive_kl_coef=adaptive_kl_coef,
        **divergence,
    )
    for agent in (clip, price):
        train(agent, evaluations=0)
    learned = {"clip": {"policy": _chances(clip)}, "price": {"policy": _chances(price)}}
    equations = {
        "surrogate_loss": surrogate_loss,
        "conjugate_gradient": conjugate_gradient,
        "fisher_vector_product": fisher_vector_product,
        "natural_step": natural_step,
        "backtracking_line_search": backtracking_line_search,
    }
    runs = [_by_trpo(TRPO(_PROBE, 1, seed + k, _TRPO_PROBE, **equations, **divergence)) for k in range(3)]
    policies, moved = zip(*runs, strict=True)
    return learned | {"trust region": {"policy": np.concatenate(policies), "moved": np.array(moved)}}


def _by_trpo(agent: TRPO) -> tuple[ndarray, float]:
    """The policy at the end, and by how much an update moved it at most."""
    learn, moved = agent.learn, []

    def log_pi(obs: Any) -> Tensor:
        return agent.policy(obs).logits.detach().log_softmax(-1).flatten(0, 1)

    def learn_and_measure(rollout: Rollout) -> None:
        before = log_pi(rollout.obs)
        learn(rollout)
        after = log_pi(rollout.obs)
        moved.append(torch.nn.functional.kl_div(after, before, reduction="batchmean", log_target=True).item())

    agent.learn = learn_and_measure
    train(agent, evaluations=0)
    return _chances(agent), max(moved)


@scenario
def learn_cart_pole_by_ppo(ppo_clip_loss: Callable, seed: int = 0) -> dict[str, ndarray]:
    """PPO on CartPole-v1, eight seeds side by side: the weights [8, ...] of their policies by name."""
    agent = PPO("CartPole-v1", 8, seed, CART_POLE, ppo_clip_loss=ppo_clip_loss)
    train(agent, evaluations=0)
    return {name: weight.numpy() for name, weight in agent.policy.state_dict().items()}


def policy_returns(weights: dict[str, ndarray], episodes: int = 10, seed: int = 0) -> ndarray:
    """The mean return [8] of learned policies, likeliest action each, in environments of their own.

    Raises:
        RuntimeError: where the weights are not those of eight such policies.
    """
    agent = PPO("CartPole-v1", 8, seed, CART_POLE)
    agent.policy.load_state_dict({name: torch.as_tensor(weight) for name, weight in weights.items()})
    return evaluate(agent, episodes=episodes)


PROBE_POLICIES = {-1: 0, 1: 1}  # by hand: the action that fits the observation is worth 1, the other one -1
MAX_KL = _TRPO_PROBE.max_kl


@results_of("solve_trust_region_probes")
def trust_region_probe_results(learned: Any) -> list[Result]:
    """By how much the probability of action 1 in each probe is off, seed by seed; and how far TRPO's updates went."""
    results = []
    for probe, found in by_name(learned, ("clip", "price", "trust region"), "what was learned").items():
        found = by_name(found, ("policy", "moved") if probe == "trust region" else ("policy",), probe)
        chance = in_shape(found["policy"], (3, 3, 2), f"{probe}: the policy")[..., 1]
        off = np.max([np.abs(chance[:, seen + 1] - right) for seen, right in PROBE_POLICIES.items()], axis=0)
        results.append(Result(probe, tuple(off), 0.1, "error of π", at_most=True))
        if "moved" in found:
            moved = in_shape(found["moved"], (3,), f"{probe}: the divergences")
            results.append(Result(probe, tuple(moved), 1.01 * MAX_KL, "KL of an update", at_most=True))
    return results


@results_of("learn_cart_pole_by_ppo")
def cart_pole_results(weights: Any) -> list[Result]:
    """The mean return of each seed's policy."""
    return [cart_pole(weights, policy_returns, CART_POLE_RETURN, 5, "CartPole")]
