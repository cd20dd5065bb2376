"""A2C: it solves the probes, a student's functions drive it, truncation bootstraps."""

import dataclasses

import pytest
import torch

from rlcourse.agents.a2c import A2C, Config
from rlcourse.training.loop import train
from rlcourse.worlds.probes import Probe

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other

SMALL = Config(
    gamma=0.5,
    total_steps=4_000,
    hidden=(16,),
    learning_rate=1e-2,
    anneal=False,
    n_envs=4,
    rollout_length=4,
    entropy_coef=0.0,
)


def trained(config: Config, kind: str, truncates: bool = False, n_seeds: int = 2, **equations) -> A2C:
    learner = A2C(lambda: Probe(kind, truncates), n_seeds, 0, config, **equations)
    train(learner, evaluations=0)
    return learner


def observations(learner: A2C) -> torch.Tensor:
    """-1, 0 and 1 for each seed [K * 3, 1]."""
    return torch.tensor([[-1.0], [0.0], [1.0]]).repeat(len(learner.seeds), 1)


@torch.no_grad()
def probabilities(learner: A2C) -> torch.Tensor:
    """pi(. | s) [K, 3, 2] for the observations -1, 0, 1."""
    return learner.policy(observations(learner)).logits.softmax(-1).unflatten(0, (-1, 3))


@torch.no_grad()
def values(learner: A2C) -> torch.Tensor:
    """V [K, 3] for the observations -1, 0, 1."""
    return learner.critic(observations(learner)).unflatten(0, (-1, 3))


@pytest.mark.parametrize("kind", Probe.KINDS)
def test_it_solves_each_probe(kind):
    learner = trained(SMALL, kind)
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


def test_truncation_bootstraps():
    """A reward of 1 at each step for ever is worth 2, though each episode is cut after one step."""
    learner = trained(dataclasses.replace(SMALL, total_steps=8_000), "constant reward", True)
    torch.testing.assert_close(values(learner)[:, 1], torch.full((2,), 2.0), atol=0.2, rtol=0)


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


def test_a_students_functions_drive_it_to_the_same_weights():
    own = {
        "gae": loop_gae,
        "entropy": lambda logits: torch.distributions.Categorical(logits=logits).entropy(),
        "a2c_loss": lambda log_prob, advantage, value, target, entropy, c_v, c_h: (
            c_v * torch.nn.functional.mse_loss(value, target) - c_h * entropy.mean() - (log_prob * advantage).mean()
        ),
    }
    short = dataclasses.replace(SMALL, total_steps=400, entropy_coef=0.01)
    theirs, ours = trained(short, "two steps", **own), trained(short, "two steps")
    for a, b in zip(theirs.adam.parameters, ours.adam.parameters, strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=0)


class Breaks(Probe):
    def step(self, action):
        obs, _, *rest = super().step(action)
        return obs, float("nan"), *rest


def test_a_loss_that_is_nan_stops_with_the_step():
    learner = A2C(lambda: Breaks("constant reward"), 1, 0, SMALL)
    with pytest.raises(FloatingPointError, match=r"NaN or infinite at step \d+: look at the rewards"):
        train(learner, steps=100, evaluations=0)


def test_an_advantage_of_another_shape_is_never_broadcast():
    with pytest.raises(ValueError, match=r"gae: got shape \(4, 4, 1\) back from it, expected \(4, 4\)"):
        trained(SMALL, "two steps", n_seeds=1, gae=lambda r, *rest: r.unsqueeze(-1))


@pytest.mark.parametrize(
    "change, says",
    [
        ({"lam": 1.5}, "lam: got 1.5"),
        ({"rollout_length": 0}, "rollout_length: got 0"),
        ({"entropy_coef": -1.0}, "entropy_coef: got -1"),
    ],
)
def test_a_config_that_makes_no_sense_is_said(change, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(SMALL, **change)
