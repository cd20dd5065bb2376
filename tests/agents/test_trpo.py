"""TRPO: its steps are those of dense linear algebra, never further than they may be, and none where none is good."""

import dataclasses

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from torch.nn.utils import parameters_to_vector

from rlcourse.agents.trpo import TRPO, Config
from rlcourse.functional import trust_region
from rlcourse.training.loop import train
from rlcourse.worlds.probes import Probe
from tests.small_worlds import Noise, Target

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other
close = torch.testing.assert_close

SMALL = Config(
    gamma=0.5,
    total_steps=3_000,
    hidden=(8,),
    learning_rate=1e-2,
    anneal=False,
    n_envs=4,
    rollout_length=10,
    critic_steps=5,
)


def both_matter():
    return Probe("both matter")


def continuous():
    return Noise(actions=Box(-1, 1, (2,), np.float32))


def watched(env, config=SMALL, seed=0, **equations):
    """A trained agent, and for each update its rollout, the policy's parameters before and after, and its report."""
    learner, updates = TRPO(env, 1, seed, config, **equations), []
    plain = learner.learn

    def learn(rollout):
        before = parameters_to_vector(learner.policy.parameters()).detach().clone()
        plain(rollout)
        after = parameters_to_vector(learner.policy.parameters()).detach().clone()
        updates.append((rollout, before, after, {name: float(x[0]) for name, x in learner.report.items()}))

    learner.learn = learn
    train(learner, evaluations=0)
    return learner, updates


@pytest.mark.parametrize("kind", Probe.KINDS)
def test_it_solves_each_probe(kind):
    learner, _ = watched(lambda: Probe(kind))
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
    learner, _ = watched(Target, dataclasses.replace(SMALL, rollout_length=16, max_kl=0.05))
    with torch.no_grad():
        pi = learner.policy(torch.zeros(1, 1))
    close(pi.mean, torch.tensor([[0.5, -0.5]]), atol=0.2, rtol=0)
    assert (pi.log_std < -0.3).all()


@pytest.mark.parametrize("env", [both_matter, continuous])
@pytest.mark.parametrize("max_kl", [1e-3, 0.1])
def test_no_update_moves_the_policy_further_than_it_may(env, max_kl):
    """By what is reported, and by torch's own divergence of the policies before and after, where there is one."""
    config = dataclasses.replace(SMALL, max_kl=max_kl, total_steps=1_600)
    learner, updates = watched(env, config)
    assert len(updates) == 40
    moved = [report["kl"] for *_, report in updates]
    assert max_kl / 4 < max(moved) <= max_kl, "and it uses what it may"
    for rollout, before, after, report in updates[::8]:
        policies = []
        for theta in (before, after):
            torch.nn.utils.vector_to_parameters(theta, learner.policy.parameters())
            with torch.no_grad():
                pi = learner.policy(rollout.obs)
            discrete = learner.policy.discrete
            parts = [part.double() for part in pi.parts()]
            one = torch.distributions
            policies.append(
                one.Categorical(logits=parts[0])
                if discrete
                else one.Independent(one.Normal(parts[0], parts[1].exp()), 1)
            )
        exact = torch.distributions.kl_divergence(*policies).mean().item()
        assert exact == pytest.approx(report["kl"], rel=1e-2, abs=1e-6)


def test_its_step_is_that_of_a_dense_fisher_matrix():
    """The Fisher matrix as a mean of scores times scores over actions, in one big solve; the line search takes all."""
    config = dataclasses.replace(SMALL, damping=0.1, iterations=200, tol=1e-7, max_kl=1e-5, max_tries=1)
    learner = TRPO(both_matter, 1, 0, config)
    theirs = {}

    def spy(objective, kl, start, step, *bounds):
        theirs.update(step=step, start=start)
        return trust_region.backtracking_line_search.body(objective, kl, start, step, *bounds)

    learner.line_search, plain = spy, learner.learn
    parameters = list(learner.policy.parameters())

    def learn(rollout):
        if not theirs:
            log_p = learner.policy(rollout.obs.flatten(0, 1)).logits.log_softmax(-1)
            scores = torch.stack(
                [
                    torch.cat([g.flatten() for g in torch.autograd.grad(one, parameters, retain_graph=True)])
                    for one in log_p.flatten()
                ]
            ).unflatten(0, log_p.shape)
            theirs["fisher"] = torch.einsum("sa,sai,saj->ij", log_p.exp(), scores, scores).detach() / len(log_p)
            theirs["scores"], theirs["action"] = scores, rollout.action.flatten()
            with torch.no_grad():
                values = learner.critic(rollout.obs)
            advantage = (rollout.rewards - values).flatten()  # each episode is one step
            theirs["advantage"] = (advantage - advantage.mean()) / advantage.std(correction=0)
        plain(rollout)

    learner.learn = learn
    train(learner, steps=40, evaluations=0)
    chosen = theirs["scores"][torch.arange(40), theirs["action"]]
    g = (theirs["advantage"].unsqueeze(1) * chosen).mean(0).double().numpy()
    F = theirs["fisher"].double().numpy() + 0.1 * np.eye(len(g))
    x = np.linalg.solve(F, g)
    expected = np.sqrt(2 * 1e-5 / (g @ x)) * x
    np.testing.assert_allclose(theirs["step"].numpy(), expected, rtol=1e-2, atol=1e-5)
    close(parameters_to_vector(parameters).detach(), theirs["start"] + theirs["step"])


def test_where_no_try_is_good_the_policy_stays():
    """A step downhill, as a wrong sign would make it: the critic learns all the same."""
    uphill = trust_region.natural_step.body
    learner, updates = watched(both_matter, natural_step=lambda *arguments: -uphill(*arguments))
    before = TRPO(both_matter, 1, 0, SMALL)
    for _, start, found, report in updates:
        assert torch.equal(start, found) and report["kl"] == report["clip_fraction"] == 0
    for p, q in zip(learner.policy.parameters(), before.policy.parameters(), strict=True):
        assert torch.equal(p, q)
    assert any((p != q).any() for p, q in zip(learner.critic.parameters(), before.critic.parameters(), strict=True))


def test_the_line_search_starts_where_the_policy_is_and_its_measures_are_those_of_the_rollout():
    seen = []

    def spy(objective, kl, start, step, max_kl, shrink, max_tries):
        with torch.no_grad():
            seen.append((float(objective(start)), float(kl(start)), float(kl(start + step))))
        return start

    config = dataclasses.replace(SMALL, max_kl=1e-4, damping=0.0, total_steps=400)
    watched(both_matter, config, backtracking_line_search=spy)
    for gain, here, there in seen:
        assert gain == pytest.approx(0, abs=1e-5), "every ratio is 1, and advantages have mean 0"
        assert here == 0 and there == pytest.approx(1e-4, rel=0.2), "as the second order says"


def test_a_students_functions_drive_it_to_the_same_weights():
    def conjugate(matvec, b, iterations, tol):
        """The matrix, column by column, and NumPy."""
        F = np.stack([np.asarray(matvec(column)) for column in torch.eye(len(b))], axis=1)
        return np.linalg.solve(F, np.asarray(b))

    def product(kl, params, vector, damping):
        """A difference of gradients in place of a derivative of one would be rough: the Hessian, row by row."""
        slopes = torch.autograd.grad(kl(), params, create_graph=True)
        flat = torch.cat([slope.flatten() for slope in slopes])
        rows = [torch.autograd.grad(one, params, retain_graph=True) for one in flat]
        H = torch.stack([torch.cat([part.flatten() for part in row]) for row in rows])
        return H @ vector + damping * vector

    own = {
        "conjugate_gradient": conjugate,
        "fisher_vector_product": product,
        "natural_step": lambda g, x, max_kl: np.sqrt(2 * max_kl / float(g @ x)) * np.asarray(x),
        "surrogate_loss": lambda ratio, advantage: (-ratio * advantage).mean(),
    }
    config = dataclasses.replace(SMALL, hidden=(3,), total_steps=120, damping=0.1, iterations=40)
    theirs, ours = (watched(both_matter, config, **equations)[0] for equations in (own, {}))
    for a, b in zip(theirs.policy.parameters(), ours.policy.parameters(), strict=True):
        close(a, b, atol=1e-3, rtol=1e-2)


def test_an_advantage_of_another_shape_is_never_broadcast():
    with pytest.raises(ValueError, match=r"gae: got shape \(10, 4, 1\) back from it, expected \(10, 4\)"):
        watched(both_matter, gae=lambda r, *rest: r.unsqueeze(-1))


@pytest.mark.parametrize(
    "change, says",
    [
        ({"max_kl": 0.0}, "max_kl: got 0"),
        ({"shrink": 1.0}, "shrink: got 1"),
        ({"shrink": 0.0}, "shrink: got 0"),
        ({"damping": -0.1}, "damping: got -0.1"),
        ({"iterations": 0}, "iterations: got 0"),
    ],
)
def test_a_config_that_makes_no_sense_is_said(change, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(SMALL, **change)
