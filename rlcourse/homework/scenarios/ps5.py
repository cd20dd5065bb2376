"""The scenarios of problem set 5: PPO, TRPO and ACKTR driven by a student's functions. See ps5_questions.py, too."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.agents import acktr, ppo, trpo
from rlcourse.agents.acktr import ACKTR
from rlcourse.agents.ppo import PPO
from rlcourse.agents.trpo import TRPO
from rlcourse.homework.at_work import Result, by_name, cart_pole, in_shape
from rlcourse.homework.follows import kfac_step_size
from rlcourse.homework.scenarios import results_of, scenario
from rlcourse.parts.agent import in_tensors
from rlcourse.parts.rollouts import Rollout
from rlcourse.training.loop import evaluate, train
from rlcourse.worlds.probes import Probe

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
_ACKTR_PROBE = acktr.Config(total_steps=3_200, n_envs=8, rollout_length=8, hidden=(16,), max_kl=0.02)
CART_POLE = ppo.Config(total_steps=50_000, epochs=5, minibatches=4, learning_rate=1.5e-3)
CART_POLE_RETURN = 475.0  # what a seed has to reach: where CartPole-v1 counts as solved
_SEEN = torch.tensor([[-1.0], [0.0], [1.0]])


def _chances(agent: PPO | TRPO | ACKTR) -> ndarray:
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
def solve_probe_by_acktr(
    kfac_precondition: Callable, natural_step: Callable, seed: int = 0
) -> dict[str, dict[str, ndarray]]:
    """ACKTR in the same world, three seeds: "K-FAC", with the "policy" [3 seeds, 3 observations, 2 actions]."""
    size = partial(kfac_step_size, lambda _: in_tensors(natural_step))
    policies = []
    for k in range(3):
        agent = ACKTR(_PROBE, 1, seed + k, _ACKTR_PROBE, kfac_precondition=kfac_precondition, kfac_step_size=size)
        train(agent, evaluations=0)
        policies.append(_chances(agent))
    return {"K-FAC": {"policy": np.concatenate(policies)}}


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


def _probe_results(learned: Any, probes: tuple[str, ...]) -> list[Result]:
    results = []
    for probe, found in by_name(learned, probes, "what was learned").items():
        found = by_name(found, ("policy", "moved") if probe == "trust region" else ("policy",), probe)
        chance = in_shape(found["policy"], (3, 3, 2), f"{probe}: the policy")[..., 1]
        off = np.max([np.abs(chance[:, seen + 1] - right) for seen, right in PROBE_POLICIES.items()], axis=0)
        results.append(Result(probe, tuple(off), 0.1, "error of π", at_most=True))
        if "moved" in found:
            moved = in_shape(found["moved"], (3,), f"{probe}: the divergences")
            results.append(Result(probe, tuple(moved), 1.01 * MAX_KL, "KL of an update", at_most=True))
    return results


@results_of("solve_trust_region_probes")
def trust_region_probe_results(learned: Any) -> list[Result]:
    """By how much the probability of action 1 in each probe is off, seed by seed; and how far TRPO's updates went."""
    return _probe_results(learned, ("clip", "price", "trust region"))


@results_of("solve_probe_by_acktr")
def acktr_probe_results(learned: Any) -> list[Result]:
    """By how much the probability of action 1 is off, seed by seed."""
    return _probe_results(learned, ("K-FAC",))


@results_of("learn_cart_pole_by_ppo")
def cart_pole_results(weights: Any) -> list[Result]:
    """The mean return of each seed's policy."""
    return [cart_pole(weights, policy_returns, CART_POLE_RETURN, 5, "CartPole")]
