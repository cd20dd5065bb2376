"""ACKTR: it solves the probes, its Fisher matrices come from what it draws, its steps are about as long as asked."""

import dataclasses

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box

from rlcourse.agents.acktr import ACKTR, Config
from rlcourse.functional.trust_region import kfac_precondition
from rlcourse.parts.policies import Categorical
from rlcourse.parts.seeds import Stream
from rlcourse.training.loop import train
from rlcourse.worlds.probes import Probe
from tests.small_worlds import Noise, Target

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other
close = torch.testing.assert_close

SMALL = Config(gamma=0.5, total_steps=3_000, hidden=(8,), n_envs=4, rollout_length=5)


def trained(config: Config = SMALL, kind: str = "both matter", env=None, steps=None, **equations) -> ACKTR:
    learner = ACKTR(env or (lambda: Probe(kind)), 1, 0, config, **equations)
    train(learner, steps=steps, evaluations=0)
    return learner


def continuous():
    return Noise(actions=Box(-1, 1, (2,), np.float32))


@pytest.mark.parametrize("kind", Probe.KINDS)
def test_it_solves_each_probe(kind):
    learner = trained(kind=kind)
    expected = {  # observation: its value, by hand; gamma is 1/2
        "constant reward": {0.0: 1.0},
        "reward by observation": {-1.0: -1.0, 1.0: 1.0},
        "two steps": {0.0: 0.5, 1.0: 1.0},
        "action matters": {0.0: 1.0},
        "both matter": {-1.0: 1.0, 1.0: 1.0},
    }[kind]
    with torch.no_grad():
        for seen, value in expected.items():
            assert learner.critic(torch.tensor([[seen]])).item() == pytest.approx(value, abs=0.15)
        pi = learner.policy(torch.tensor([[-1.0], [0.0], [1.0]])).logits.softmax(-1)
    if kind == "action matters":
        assert pi[1, 1] > 0.9
    if kind == "both matter":
        assert pi[0, 0] > 0.9 and pi[2, 1] > 0.9


def test_a_gaussian_policy_finds_its_target_and_narrows():
    learner = trained(dataclasses.replace(SMALL, rollout_length=16, max_kl=0.02), env=Target)
    with torch.no_grad():
        pi = learner.policy(torch.zeros(1, 1))
    close(pi.mean, torch.tensor([[0.5, -0.5]]), atol=0.2, rtol=0)
    assert (pi.log_std < -0.3).all()


def test_the_policys_fisher_matrix_comes_from_actions_that_are_drawn_and_not_from_those_that_were_taken(monkeypatch):
    """It takes action 0 once in four times; where it draws nothing else, each score is (3/4, -3/4)."""
    learner = ACKTR(lambda: Probe("both matter"), 1, 0, SMALL)
    with torch.no_grad():
        learner.policy.net.net[-1].weight.zero_()
        learner.policy.net.net[-1].bias.copy_(torch.tensor([0.25, 0.75]).log())
    plain = learner.learn

    def learn(rollout):
        assert 0 < rollout.action.float().mean() < 1
        monkeypatch.setattr(Categorical, "sample", lambda self, chance: torch.zeros(len(self.logits)))
        plain(rollout)

    learner.learn = learn
    train(learner, steps=20, evaluations=0)
    close(learner.policy_kfac.factors[-1][1], torch.tensor([[1.0, -1.0], [-1.0, 1.0]]) * 0.75**2)


def test_a_gaussians_and_the_critics_fisher_matrices_come_from_noise(monkeypatch):
    """Drawn with width 1 around mean and value, the scores at the outputs are the noise itself."""
    learner, drawn = ACKTR(continuous, 1, 0, SMALL), []
    normal, plain = Stream.normal, learner.learn

    def learn(rollout):
        monkeypatch.setattr(Stream, "normal", lambda *shape: drawn.append(normal(*shape)) or drawn[-1])
        plain(rollout)

    learner.learn = learn
    train(learner, steps=20, evaluations=0)
    of_values, of_actions = (next(x for x in drawn if x.ndim == n) for n in (1, 2))
    for kfac, noise in ((learner.critic_kfac, of_values[:, None]), (learner.policy_kfac, of_actions)):
        expected = torch.from_numpy(noise.T @ noise / 20)
        close(kfac.factors[-1][1], expected, rtol=1e-3, atol=1e-4)


def test_the_policy_moves_about_as_far_as_was_asked():
    """The divergence itself, update by update: K-FAC is an approximation, not a promise, and means that run long are of
    policies and states that are gone."""
    median = {}
    for decay in (0.0, 0.99):
        learner = ACKTR("CartPole-v1", 1, 0, Config(total_steps=6_000, max_kl=1e-3, max_step=10.0, decay=decay))
        moved = watch(learner)
        train(learner, evaluations=0)
        median[decay] = np.median(moved)
    assert 1e-3 / 2 < median[0.0] < 10 * 1e-3 and median[0.99] > 2 * median[0.0]


def watch(learner):
    """By how much each update moves the policy: a list that grows."""
    moved, plain = [], learner.learn

    def learn(rollout):
        with torch.no_grad():
            before = learner.policy(rollout.obs).logits.log_softmax(-1)
        plain(rollout)
        with torch.no_grad():
            after = learner.policy(rollout.obs).logits.log_softmax(-1)
        moved.append((before.exp() * (before - after)).sum(-1).mean().item())

    learner.learn = learn
    return moved


def test_longer_steps_are_what_a_wider_bound_brings_and_no_longer_than_max_step():
    steps = [
        float(trained(dataclasses.replace(SMALL, anneal=False, max_kl=max_kl), steps=20).report["step"][0])
        for max_kl in (1e-5, 4e-5, 1e6)
    ]
    assert steps[1] == pytest.approx(2 * steps[0], rel=1e-3) and steps[2] == pytest.approx(0.25)


def test_the_longest_step_falls_to_nothing():
    sizes, learner = (
        [],
        ACKTR(lambda: Probe("both matter"), 1, 0, dataclasses.replace(SMALL, max_kl=1e6, total_steps=200)),
    )
    train(learner, evaluations=10, episodes=1, after=lambda steps: sizes.append(float(learner.report["step"][0])))
    np.testing.assert_allclose(sizes, 0.25 * (1 - np.arange(10) / 10), rtol=1e-5)


def test_a_students_functions_drive_it_to_the_same_weights():
    def dense(gradient, input_cov, output_cov, damping):
        F = np.kron(output_cov.double().numpy(), input_cov.double().numpy())
        x = np.linalg.solve(F + damping * np.eye(len(F)), gradient.double().numpy().reshape(-1))
        return x.reshape(gradient.shape)

    own = {
        "kfac_precondition": dense,
        "kfac_step_size": lambda step, product, max_kl, most: min(most, (2 * max_kl / float(step @ product)) ** 0.5),
        "entropy": lambda logits: torch.distributions.Categorical(logits=logits).entropy(),
    }
    config = dataclasses.replace(SMALL, hidden=(4,), total_steps=200, entropy_coef=0.01)
    theirs, ours = trained(config, **own), trained(config)
    for a, b in zip(theirs.policy.parameters(), ours.policy.parameters(), strict=True):
        close(a, b, atol=1e-3, rtol=1e-2)


def test_every_layer_is_preconditioned_once_an_update():
    shapes = []

    def spy(gradient, input_cov, output_cov, damping):
        shapes.append(tuple(gradient.shape))
        return kfac_precondition.body(gradient, input_cov, output_cov, damping)

    trained(SMALL, steps=40, kfac_precondition=spy)
    assert shapes == [(8, 2), (2, 9), (8, 2), (1, 9)] * 2
    shapes.clear()
    trained(SMALL, env=continuous, steps=20, kfac_precondition=spy)
    assert shapes == [(8, 2), (2, 9), (2, 1), (8, 2), (1, 9)], "the logarithm of the width has a block of its own"


def test_an_advantage_of_another_shape_is_never_broadcast():
    with pytest.raises(ValueError, match=r"gae: got shape \(5, 4, 1\) back from it, expected \(5, 4\)"):
        trained(gae=lambda r, *rest: r.unsqueeze(-1))


@pytest.mark.parametrize(
    "change, says",
    [
        ({"max_kl": 0.0}, "max_kl: got 0"),
        ({"max_step": 0.0}, "max_step: got 0"),
        ({"damping": -0.1}, "damping: got -0.1"),
        ({"decay": 1.5}, "decay: got 1.5"),
    ],
)
def test_a_config_that_makes_no_sense_is_said(change, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(SMALL, **change)
