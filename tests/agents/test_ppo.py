"""PPO: each objective solves the probes, the old policy is taken once, advantages and prices are what was asked for."""

import dataclasses

import numpy as np
import pytest
import torch

from rlcourse.agents.ppo import PPO, Config
from rlcourse.functional.policy_losses import kl_penalty_loss, ppo_clip_loss
from rlcourse.functional.returns import gae
from rlcourse.training.loop import train
from rlcourse.worlds.probes import Probe
from tests.small_worlds import Target, World

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other
close = torch.testing.assert_close

SMALL = Config(
    gamma=0.5,
    total_steps=2_000,
    hidden=(16,),
    learning_rate=1e-2,
    anneal=False,
    n_envs=4,
    rollout_length=4,
    epochs=4,
    minibatches=2,
)
CHANGES = [
    {},
    {"normalise": "batch"},
    {"normalise": "no"},
    {"entropy_coef": 0.01},
    {"objective": "fixed_kl"},
    {"objective": "adaptive_kl"},
]


def trained(config: Config, kind: str = "both matter", n_seeds: int = 2, steps: int | None = None, **equations) -> PPO:
    learner = PPO(lambda: Probe(kind), n_seeds, 0, config, **equations)
    train(learner, steps=steps, evaluations=0)
    return learner


def observations(learner: PPO) -> torch.Tensor:
    """-1, 0 and 1 for each seed [K * 3, 1]."""
    return torch.tensor([[-1.0], [0.0], [1.0]]).repeat(len(learner.seeds), 1)


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_it_learns_what_matters(change):
    learner = trained(dataclasses.replace(SMALL, **change))
    with torch.no_grad():
        pi = learner.policy(observations(learner)).logits.softmax(-1).unflatten(0, (-1, 3))
        values = learner.critic(observations(learner)).unflatten(0, (-1, 3))[:, [0, 2]]
    assert (pi[:, 0, 0] > 0.9).all() and (pi[:, 2, 1] > 0.9).all()
    close(values, torch.ones(2, 2), atol=0.15, rtol=0)


@pytest.mark.parametrize("kind", ["constant reward", "reward by observation", "two steps"])
def test_its_values_are_right(kind):
    learner = trained(SMALL, kind)
    by_hand = {"constant reward": {1: 1.0}, "reward by observation": {0: -1.0, 2: 1.0}, "two steps": {1: 0.5, 2: 1.0}}
    for seen, value in by_hand[kind].items():
        values = learner.critic(observations(learner)).detach().unflatten(0, (-1, 3))[:, seen]
        close(values, torch.full((2,), value), atol=0.15, rtol=0)


@pytest.mark.parametrize("objective", ["clip", "adaptive_kl"])
def test_a_gaussian_policy_finds_its_target_and_narrows(objective):
    learner = PPO(Target, 2, 0, dataclasses.replace(SMALL, objective=objective, rollout_length=16, total_steps=4_000))
    train(learner, evaluations=0)
    with torch.no_grad():
        pi = learner.policy(torch.zeros(2, 1))
    close(pi.mean, torch.tensor([[0.5, -0.5]]).expand(2, 2), atol=0.2, rtol=0)
    assert (pi.log_std < -0.3).all()


def test_the_old_policy_is_taken_once_and_never_again():
    """At an update's first minibatch every ratio is 1, later they wander; recomputed, they would all be 1."""
    ratios = []

    def spy(ratio, advantage, eps):
        ratios.append(ratio.detach())
        return ppo_clip_loss.body(ratio, advantage, eps)

    trained(SMALL, steps=16 * 4, ppo_clip_loss=spy)
    updates = [ratios[i : i + 8] for i in range(0, len(ratios), 8)]
    assert len(updates) == 4 and all(len(one) == 16 for one in ratios)
    for update in updates:
        close(update[0], torch.ones(16))
        assert all((ratio - 1).abs().max() > 1e-4 for ratio in update[1:])


@pytest.mark.parametrize("objective", ["clip", "fixed_kl"])
def test_advantages_and_targets_are_taken_once_an_update(objective):
    calls = []
    trained(
        dataclasses.replace(SMALL, objective=objective),
        steps=16 * 4,
        gae=lambda *arguments: calls.append(1) or gae.body(*arguments),
    )
    assert len(calls) == 4


@pytest.mark.parametrize("normalise", ["batch", "minibatch", "no"])
def test_advantages_are_normalised_within_what_was_named(normalise):
    """Each seed's own, though one seed is paid a hundred times as much."""
    seen, given = [], []

    def spy(ratio, advantage, eps):
        seen.append(advantage.clone().view(2, -1))
        return ppo_clip_loss.body(ratio, advantage, eps)

    def noted(*arguments):
        given.append(gae.body(*arguments) * torch.tensor([1.0] * 4 + [100.0] * 4))
        return given[-1]

    trained(dataclasses.replace(SMALL, normalise=normalise, epochs=1), steps=16, ppo_clip_loss=spy, gae=noted)
    (one, two), (raw,) = seen, given
    whole = torch.cat([one, two], dim=1)
    if normalise == "minibatch":
        for part in (one, two):
            close(part.mean(1), torch.zeros(2), atol=1e-5, rtol=0)
            close(part.std(1, correction=0), torch.ones(2), atol=1e-4, rtol=0)
    elif normalise == "batch":
        close(whole.mean(1), torch.zeros(2), atol=1e-5, rtol=0)
        close(whole.std(1, correction=0), torch.ones(2), atol=1e-4, rtol=0)
        assert one.mean(1).abs().min() > 1e-3
    else:
        by_seed = raw.unflatten(1, (2, 4)).transpose(0, 1).flatten(1)
        close(whole.sort(dim=1).values, by_seed.sort(dim=1).values)


def test_where_all_advantages_are_equal_nothing_is_divided_by_nothing():
    learner = PPO(World, 1, 0, dataclasses.replace(SMALL, gamma=0.0, normalise="minibatch"))
    train(learner, steps=64, evaluations=0)
    assert all(p.isfinite().all() for p in learner.policy.parameters()) and not learner.seeds.diverged


def test_each_seed_has_its_own_price_by_the_rule():
    """The rule is asked once a seed and update, with how far that seed's policy moved; losses get the price."""
    asked, charged = [], []

    def rule(beta, kl, target_kl):
        asked.append((beta, kl, target_kl))
        return beta * (2 if len(asked) % 2 else 3)  # seed 0's doubles, seed 1's trebles

    def spy(ratio, advantage, kl, beta):
        assert ratio.shape == advantage.shape == kl.shape == (8,)
        charged.append(beta)
        return kl_penalty_loss.body(ratio, advantage, kl, beta)

    config = dataclasses.replace(SMALL, objective="adaptive_kl", epochs=1, minibatches=2, beta=0.5, target_kl=0.02)
    learner = trained(config, steps=16 * 3, adaptive_kl_coef=rule, kl_penalty_loss=spy)
    assert [beta for beta, _, _ in asked] == [0.5, 0.5, 1.0, 1.5, 2.0, 4.5] and learner.beta == [4.0, 13.5]
    assert charged == [0.5, 0.5] * 2 + [1.0, 1.5] * 2 + [2.0, 4.5] * 2
    assert all(kl >= 0 and target == 0.02 for _, kl, target in asked)
    close([kl for _, kl, _ in asked[-2:]], learner.report["kl"].tolist())


def test_the_price_brings_the_divergence_near_its_target():
    config = Config(total_steps=10_000, anneal=False, epochs=10, target_kl=0.01)
    median = {}
    for objective in ("adaptive_kl", "fixed_kl"):
        settings = dataclasses.replace(config, objective=objective, beta=1e-3)
        moved, learner = [], PPO("CartPole-v1", 2, 0, settings)
        plain = learner.learn
        learner.learn = lambda rollout: (plain(rollout), moved.append(torch.tensor(learner.report["kl"])))  # noqa: B023
        train(learner, evaluations=0)
        median[objective] = torch.stack(moved)[-20:].median(0).values
    assert (median["adaptive_kl"] > 0.01 / 2).all() and (median["adaptive_kl"] < 2 * 0.01).all()
    assert (median["fixed_kl"] > 2 * 0.01).all()


def test_a_high_price_holds_the_policy_where_it_is():
    moved = [
        trained(dataclasses.replace(SMALL, objective="fixed_kl", beta=beta), steps=16).report["kl"].max()
        for beta in (1e-3, 1e3)
    ]
    assert moved[1] < moved[0] / 5


def test_reports_are_what_they_say():
    """The estimate of the divergence is near the exact one and never below 0."""
    learner = trained(SMALL, steps=16 * 6)
    envs_seen = []
    plain = learner.learn

    def learn(rollout):
        with torch.no_grad():
            before = learner.policy(rollout.obs)
        plain(rollout)
        with torch.no_grad():
            after = learner.policy(rollout.obs)
        p, q = before.logits.log_softmax(-1), after.logits.log_softmax(-1)
        envs_seen.append((p.exp() * (p - q)).sum(-1).unflatten(1, (2, 4)).mean(dim=(0, 2)))
        ratio = (after.log_prob(rollout.action) - before.log_prob(rollout.action)).exp()
        outside = ((ratio < 0.8) | (ratio > 1.2)).float().unflatten(1, (2, 4)).mean(dim=(0, 2))
        close(torch.from_numpy(learner.report["clip_fraction"]), outside)

    learner.learn = learn
    estimates = []
    train(learner, evaluations=20, episodes=1, after=lambda steps: estimates.append(learner.report["kl"]))
    assert all((one >= 0).all() for one in estimates)
    close(torch.from_numpy(np.stack(estimates)).mean(), torch.stack(envs_seen).mean(), rtol=0.5, atol=1e-3)
    assert set(learner.report) == {"kl", "clip_fraction", "entropy", "value_error", "loss", "gradient"}


def test_a_students_functions_drive_it_to_the_same_weights():
    own = {
        "categorical_kl": lambda p, q: torch.distributions.kl_divergence(
            torch.distributions.Categorical(logits=p), torch.distributions.Categorical(logits=q)
        ),
        "kl_penalty_loss": lambda ratio, advantage, kl, beta: (beta * kl - ratio * advantage).mean(),
        "adaptive_kl_coef": lambda beta, kl, target: (
            beta * (0.5 if kl < target / 1.5 else 2 if kl > target * 1.5 else 1)
        ),
        "entropy": lambda logits: torch.distributions.Categorical(logits=logits).entropy(),
    }
    config = dataclasses.replace(SMALL, objective="adaptive_kl", entropy_coef=0.01)
    theirs, ours = trained(config, steps=320, **own), trained(config, steps=320)
    assert theirs.beta == ours.beta
    for a, b in zip(theirs.adam.parameters, ours.adam.parameters, strict=True):
        close(a, b, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"normalise": "yes"}, "normalise: got 'yes', expected one of"),
        ({"objective": "both"}, "objective: got 'both'"),
        ({"eps": 0.0}, "eps: got 0"),
        ({"epochs": 0}, "epochs: got 0"),
        ({"beta": -1.0}, "beta: got -1"),
        ({"target_kl": 0.0}, "target_kl: got 0"),
    ],
)
def test_a_config_that_makes_no_sense_is_said(change, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(SMALL, **change)
