"""REINFORCE and A2C: they solve the probes, a student's functions drive them, truncation bootstraps."""

import dataclasses

import numpy as np
import pytest
import torch

from rlcourse.agents import a2c, reinforce
from rlcourse.agents.a2c import A2C
from rlcourse.agents.reinforce import BASELINES, Reinforce
from rlcourse.training.loop import train
from rlcourse.worlds.probes import Probe

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other

OBSERVATIONS = np.array([[-1.0], [0.0], [1.0]], np.float32)
ACTOR_CRITIC = a2c.Config(
    gamma=0.5, total_steps=4_000, hidden=(16,), learning_rate=1e-2, anneal=False, n_envs=4, n_steps=4, entropy_coef=0.0
)
MONTE_CARLO = reinforce.Config(
    gamma=0.5, total_steps=1_500, hidden=(16,), learning_rate=1e-2, value_learning_rate=2e-2, anneal=False, n_episodes=4
)


def trained(agent, config, kind: str, truncates: bool = False, n_seeds: int = 2, **equations):
    learner = agent(Probe(kind), n_seeds, 0, config, **equations)
    train(learner, lambda: Probe(kind, truncates), config.total_steps, per_seed=config.n_envs, evaluations=0)
    return learner


def probabilities(learner) -> torch.Tensor:
    """pi(. | s) [K, 3, 2] for the observations -1, 0, 1."""
    with torch.no_grad():
        return learner.actor(torch.from_numpy(np.tile(OBSERVATIONS, (learner.n_seeds, 1, 1)))).softmax(-1)


def values(learner) -> torch.Tensor:
    """V [K, 3] for the observations -1, 0, 1."""
    with torch.no_grad():
        return learner.critic(torch.from_numpy(np.tile(OBSERVATIONS, (learner.n_seeds, 1, 1)))).squeeze(-1)


@pytest.mark.parametrize("agent, config", [(A2C, ACTOR_CRITIC), (Reinforce, MONTE_CARLO)])
@pytest.mark.parametrize("kind", Probe.KINDS)
def test_it_solves_each_probe(agent, config, kind):
    learner = trained(agent, config, kind)
    expected = {  # observation: its value, by hand; gamma is 1/2
        "constant reward": {1: 1.0},
        "reward by observation": {0: -1.0, 2: 1.0},
        "two steps": {1: 0.5, 2: 1.0},
        "action matters": {1: 1.0},
        "both matter": {0: 1.0, 2: 1.0},
    }[kind]
    for seen, value in expected.items():
        torch.testing.assert_close(values(learner)[:, seen], torch.full((2,), value), atol=0.15, rtol=0)
    pi = probabilities(learner)
    if kind == "action matters":
        assert (pi[:, 1, 1] > 0.9).all()
    if kind == "both matter":
        assert (pi[:, 0, 0] > 0.9).all() and (pi[:, 2, 1] > 0.9).all()


@pytest.mark.parametrize("agent, config", [(A2C, ACTOR_CRITIC), (Reinforce, MONTE_CARLO)])
def test_truncation_bootstraps(agent, config):
    """A reward of 1 at each step for ever is worth 2, though each episode is cut after one step."""
    learner = trained(agent, dataclasses.replace(config, total_steps=2 * config.total_steps), "constant reward", True)
    torch.testing.assert_close(values(learner)[:, 1], torch.full((2,), 2.0), atol=0.2, rtol=0)


@pytest.mark.parametrize("baseline", BASELINES)
def test_every_baseline_finds_the_action_that_matters(baseline):
    learner = trained(Reinforce, dataclasses.replace(MONTE_CARLO, baseline=baseline), "both matter")
    pi = probabilities(learner)
    assert (pi[:, 0, 0] > 0.8).all() and (pi[:, 2, 1] > 0.8).all()


def test_the_whole_episodes_return_is_credited_to_each_of_its_steps():
    learner = Reinforce(Probe("two steps"), 1, 0, dataclasses.replace(MONTE_CARLO, reward_to_go=False))
    to_go, t = torch.tensor([5.0, 3.0, 1.0, 7.0, 2.0]), torch.tensor([0, 1, 2, 0, 1])
    assert learner.credit(to_go, t).tolist() == [5, 5, 5, 7, 7]
    learner = Reinforce(Probe("two steps"), 1, 0, MONTE_CARLO)
    assert learner.credit(to_go, t) is to_go


def loop_gae(rewards, values, next_values, terminated, truncated, gamma, lam):
    T, B = rewards.shape
    A = torch.zeros(T, B)
    for b in range(B):
        for t in range(T):
            total, weight = 0.0, 1.0
            for k in range(t, T):
                bootstrap = 0.0 if terminated[k, b] else float(next_values[k, b])
                total += weight * (float(rewards[k, b]) + gamma * bootstrap - float(values[k, b]))
                if terminated[k, b] or truncated[k, b]:
                    break
                weight *= gamma * lam
            A[t, b] = total
    return A


def loop_returns(rewards, gamma):
    T, B = rewards.shape
    return torch.stack([sum(gamma ** (k - t) * rewards[k] for k in range(t, T)) for t in range(T)]).view(T, B)


def test_a_students_functions_drive_them_to_the_same_weights():
    short = dataclasses.replace(ACTOR_CRITIC, total_steps=400), dataclasses.replace(MONTE_CARLO, total_steps=200)
    own = {
        A2C: {
            "gae": loop_gae,
            "entropy": lambda logits: torch.distributions.Categorical(logits=logits).entropy(),
            "a2c_loss": lambda log_prob, advantage, value, target, entropy, c_v, c_h: (
                c_v * torch.nn.functional.mse_loss(value, target) - c_h * entropy.mean() - (log_prob * advantage).mean()
            ),
        },
        Reinforce: {
            "discounted_returns": loop_returns,
            "score_function_loss": lambda log_prob, weight: -torch.dot(log_prob, weight) / len(weight),
        },
    }
    for agent, config in zip((A2C, Reinforce), short, strict=True):
        theirs = trained(agent, config, "two steps", **own[agent])
        ours = trained(agent, config, "two steps")
        for a, b in zip(theirs.policy.parameters(), ours.policy.parameters(), strict=True):
            torch.testing.assert_close(a, b, atol=1e-3, rtol=0)


class Breaks(Probe):
    def step(self, action):
        obs, _, *rest = super().step(action)
        return obs, float("nan"), *rest


@pytest.mark.parametrize("agent, config", [(A2C, ACTOR_CRITIC), (Reinforce, MONTE_CARLO)])
def test_a_loss_that_is_nan_stops_with_the_step(agent, config):
    learner = agent(Probe("constant reward"), 1, 0, config)
    with pytest.raises(FloatingPointError, match=r"NaN or infinite at step \d+: look at the rewards"):
        train(learner, lambda: Breaks("constant reward"), 100, per_seed=config.n_envs, evaluations=0)


def test_an_advantage_of_another_shape_is_never_broadcast():
    with pytest.raises(ValueError, match=r"gae: got shape \(4, 4, 1\) back from it, expected \(4, 4\)"):
        trained(A2C, ACTOR_CRITIC, "two steps", n_seeds=1, gae=lambda r, *rest: r.unsqueeze(-1))


@pytest.mark.parametrize(
    "agent, config, change, says",
    [
        (A2C, ACTOR_CRITIC, {"lam": 1.5}, "lam: got 1.5"),
        (A2C, ACTOR_CRITIC, {"n_steps": 0}, "n_steps: got 0"),
        (A2C, ACTOR_CRITIC, {"entropy_coef": -1.0}, "entropy_coef: got -1"),
        (Reinforce, MONTE_CARLO, {"baseline": "best"}, "baseline: got 'best', expected one of none, average"),
        (Reinforce, MONTE_CARLO, {"gamma": 2.0}, "gamma: got 2"),
        (Reinforce, MONTE_CARLO, {"n_episodes": 0}, "n_episodes: got 0"),
    ],
)
def test_a_config_that_makes_no_sense_is_said(agent, config, change, says):
    with pytest.raises(ValueError, match=says):
        agent(Probe("constant reward"), 1, 0, dataclasses.replace(config, **change))
