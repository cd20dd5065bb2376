"""K-FAC: its factors against sums by hand, its steps against dense Fisher matrices, where these are what it says."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn
from torch.nn.utils import parameters_to_vector

from rlcourse.functional.trust_region import kfac_precondition, kfac_step_size
from rlcourse.parts.kfac import KFAC
from rlcourse.parts.nets import mlp
from rlcourse.parts.policies import Critic, Policy
from rlcourse.parts.seeds import Seeds

torch.set_num_threads(1)
close = torch.testing.assert_close
OBS, THREE = Box(-1, 1, (2,)), Discrete(3)
EQUATIONS = kfac_precondition.body, kfac_step_size.body


def inputs(M, n=2):
    return torch.randn(M, n, generator=torch.Generator().manual_seed(1))


def a_policy(hidden=(3,), actions=THREE):
    """One seed's, with weights that are not nearly 0."""
    policy = Policy(OBS, actions, hidden, Seeds(0, 1))
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for p in policy.parameters():
            p.add_(0.5 * torch.randn(p.shape, generator=generator))
    return policy


def test_the_factors_are_means_over_the_batch_of_inputs_and_of_scores_at_outputs():
    policy, obs, drawn = a_policy(), inputs(6), torch.tensor([0, 1, 2, 2, 1, 0])
    kfac = KFAC(policy, 0.9, *EQUATIONS)
    kfac.measure(policy(obs).log_prob(drawn))
    first, last = (layer for layer in policy.net.net if not isinstance(layer, nn.Tanh))
    with torch.no_grad():
        hidden = torch.tanh(obs @ first.weight[0] + first.bias[0])
        p = policy(obs).logits.softmax(-1)
    omegas, gammas = torch.zeros(2, 4, 4), torch.zeros(2, 3, 3)
    for i in range(6):  # sample by sample
        a, b = torch.cat([obs[i], torch.ones(1)]), torch.cat([hidden[i], torch.ones(1)])
        at_logits = torch.eye(3)[drawn[i]] - p[i]
        at_hidden = (last.weight[0] @ at_logits).detach() * (1 - hidden[i] ** 2)
        omegas[0, :3, :3] += a.outer(a) / 6
        omegas[1] += b.outer(b) / 6
        gammas[0] += at_hidden.outer(at_hidden) / 6
        gammas[1] += at_logits.outer(at_logits) / 6
    (omega_1, gamma_1), (omega_2, gamma_2) = kfac.factors
    close((omega_1, gamma_1, omega_2, gamma_2), (omegas[0, :3, :3], gammas[0], omegas[1], gammas[1]))


def test_running_means_start_with_the_first_measurement_and_forget_slowly():
    policy = a_policy(hidden=())
    kfac, seen = KFAC(policy, 0.75, *EQUATIONS), []
    for M in (4, 5, 6):
        obs = inputs(M)
        kfac.measure(policy(obs).log_prob(torch.zeros(M)))
        one = torch.cat([obs, torch.ones(M, 1)], dim=1)
        seen.append(one.T @ one / M)
    close(kfac.factors[0][0], 0.75 * (0.75 * seen[0] + 0.25 * seen[1]) + 0.25 * seen[2])


def test_acting_without_gradients_is_not_measured():
    policy = a_policy()
    kfac = KFAC(policy, 0.0, *EQUATIONS)
    log_prob = policy(inputs(4)).log_prob(torch.zeros(4))
    with torch.no_grad():
        policy(inputs(9))
    kfac.measure(log_prob)
    expected = torch.cat([inputs(4), torch.ones(4, 1)], dim=1)
    close(kfac.factors[0][0], expected.T @ expected / 4)
    assert not kfac.seen


def test_on_one_input_a_layer_gets_the_dense_natural_step():
    """With one input the Kronecker product is exact, so a step is the dense solve: every action drawn as often as it is
    likely (1, 1, 2 of 4)."""
    policy, obs = a_policy(hidden=()), inputs(1).expand(4, 2)
    with torch.no_grad():
        (layer,) = policy.net.net
        layer.weight.zero_()
        layer.bias.copy_(torch.tensor([0.25, 0.25, 0.5]).log())
    kfac, parameters = KFAC(policy, 0.9, *EQUATIONS), list(policy.parameters())
    drawn = torch.tensor([0, 1, 2, 2])
    log_prob = policy(obs).log_prob(drawn)
    scores = torch.stack(
        [torch.cat([g.flatten() for g in torch.autograd.grad(x, parameters, retain_graph=True)]) for x in log_prob]
    )
    kfac.measure(log_prob)
    loss = (policy(obs).logits * torch.tensor([1.0, -2.0, 0.5])).mean()
    g = torch.cat([x.flatten() for x in torch.autograd.grad(loss, parameters, retain_graph=True)]).double().numpy()
    F = (scores.T @ scores / 4).double().numpy()
    x = np.linalg.solve(F + 0.05 * np.eye(len(g)), g)
    size = min(0.7, np.sqrt(2 * 1e-3 / (x @ F @ x)))
    before = parameters_to_vector(parameters).detach()
    assert kfac.step(loss, 0.05, 1e-3, 0.7).item() == pytest.approx(size, rel=1e-3)
    moved = (parameters_to_vector(parameters).detach() - before).numpy()
    np.testing.assert_allclose(moved, -size * x, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("hidden", "times"), [((), 2), ((8, 8), 6)])
@pytest.mark.parametrize("max_kl", [1e-3, 1e-5])
def test_a_policy_moves_about_as_far_as_was_asked(hidden, times, max_kl):
    """The divergence itself after a step from many states, with actions drawn. K-FAC is an approximation, and leaves
    out what layers do together: three that pull one way move the policy three times as far as each by itself."""
    policy, obs = a_policy(hidden), inputs(2_000)
    kfac, chance = KFAC(policy, 0.0, *EQUATIONS), Seeds(0, 1)("draws")
    pi = policy(obs)
    kfac.measure(pi.log_prob(pi.sample(chance)))
    loss = (pi.log_prob(torch.zeros(2_000)) * obs[:, 0]).mean()
    kfac.step(loss, 1e-3, max_kl, 100.0)
    with torch.no_grad():
        log_p, log_q = pi.logits.log_softmax(-1).double(), policy(obs).logits.log_softmax(-1).double()
        assert (policy(obs).log_prob(torch.zeros(2_000)) * obs[:, 0]).mean() < loss
    moved = (log_p.exp() * (log_p - log_q)).sum(-1).mean().item()
    assert max_kl / times < moved < times * max_kl


def test_a_gaussians_width_moves_by_its_own_block():
    policy = a_policy(hidden=(), actions=Box(-1, 1, (2,)))
    fisher = 2 * torch.eye(2)
    kfac, obs = KFAC(policy, 0.9, *EQUATIONS, [(policy.log_std, fisher)]), inputs(5)
    pi = policy(obs)
    kfac.measure(pi.log_prob(pi.sample(Seeds(0, 1)("draws")).detach()))
    before = policy.log_std.detach().clone()
    loss = (policy.log_std * torch.tensor([3.0, -1.0])).sum() + 0 * pi.mean.sum()
    size = kfac.step(loss, 0.5, 1e-4, 1.0)
    close(policy.log_std.detach() - before, -size * torch.tensor([[3.0, -1.0]]) / 2.5)
    assert size.item() == pytest.approx(np.sqrt(2e-4 / (2 * (1.2**2 + 0.4**2))), rel=1e-4)


def test_a_critics_natural_step_solves_a_linear_regression_at_once():
    """A Gaussian of width 1 around V: the Fisher matrix is that of the normal equations, the whole step Newton's."""
    critic, obs = Critic(OBS, (), Seeds(0, 1)), inputs(50)
    target = obs @ torch.tensor([2.0, -1.0]) + 0.3
    kfac = KFAC(critic, 0.9, *EQUATIONS)
    noise = torch.tensor([1.0, -1.0]).repeat(25)  # of variance 1
    values = critic(obs)
    kfac.measure(-0.5 * (values - values.detach() - noise) ** 2)
    kfac.step(0.5 * ((target - critic(obs)) ** 2).mean(), 0.0, 1e6, 1.0)
    close(critic(obs).detach(), target, rtol=1e-3, atol=1e-3)


def test_the_equations_are_those_that_were_given():
    critic, calls = Critic(OBS, (3,), Seeds(0, 1)), []
    kfac = KFAC(critic, 0.9, lambda g, *factors: calls.append(g.shape) or 0 * g, lambda *_: torch.tensor(1.0))
    values = critic(inputs(4))
    kfac.measure(values)
    before = parameters_to_vector(critic.parameters()).detach().clone()
    kfac.step(values.mean(), 0.1, 0.1, 0.1)
    assert calls == [(3, 3), (1, 4)], "a row for each output, the bias in the last column"
    assert torch.equal(parameters_to_vector(critic.parameters()), before)


def test_any_network_of_stacked_layers_will_do():
    net = mlp((2, 4, 4, 1), Seeds(0, 1)("net"), activation=nn.Tanh)
    kfac = KFAC(net, 0.9, *EQUATIONS)
    out = net(inputs(5).unsqueeze(0))
    kfac.measure(out)
    assert [(omega.shape, gamma.shape) for omega, gamma in kfac.factors] == [
        ((3, 3), (4, 4)),
        ((5, 5), (4, 4)),
        ((5, 5), (1, 1)),
    ]
