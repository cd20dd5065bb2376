"""Policies of K seeds against torch's own distributions and against autograd."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete

from rlcourse.parts.nets import generators_for
from rlcourse.parts.policies import Categorical, Gaussian, policy_for, within

torch.set_num_threads(1)
close = torch.testing.assert_close
K, N = 3, 4


def draws(n_seeds, seed=0):
    return [np.random.default_rng(seed + k) for k in range(n_seeds)]


def categorical():
    torch.manual_seed(0)
    policy, logits = Categorical(2, 3, (8,), generators_for(K, 0)), torch.randn(K, N, 3)
    return policy, logits, torch.distributions.Categorical(logits=logits), torch.randint(3, (K, N))


def gaussian():
    torch.manual_seed(0)
    policy, mean = Gaussian(2, 3, (8,), generators_for(K, 0)), torch.randn(K, N, 3)
    with torch.no_grad():
        policy.log_std.copy_(torch.randn(K, 1, 3) / 2)
    normal = torch.distributions.Independent(torch.distributions.Normal(mean, policy.log_std.exp().expand_as(mean)), 1)
    return policy, mean, normal, torch.randn(K, N, 3)


@pytest.mark.parametrize("make", [categorical, gaussian])
def test_log_probabilities_and_entropies_are_those_of_torch(make):
    policy, parameters, distribution, actions = make()
    close(policy.log_prob(parameters, actions), distribution.log_prob(actions))
    close(policy.entropy(parameters), distribution.entropy())
    assert policy(torch.zeros(K, N, 2)).shape == parameters.shape


@pytest.mark.parametrize("make", [categorical, gaussian])
def test_the_squared_score_is_autograds(make):
    policy, parameters, _, actions = make()
    parameters.requires_grad_()
    (gradient,) = torch.autograd.grad(policy.log_prob(parameters, actions).sum(), parameters)
    close(policy.score_sq(parameters, actions), (gradient**2).sum(-1))


def test_actions_come_as_often_as_they_are_probable_and_each_seed_draws_alone():
    policy, logits = (
        Categorical(2, 3, (8,), generators_for(2, 0)),
        torch.tensor([[0.0, 1.0, -torch.inf], [2.0, 0.0, 0.0]]),
    )
    many = logits[:, None].expand(2, 20_000, 3)
    drawn = policy.sample(many, draws(2))
    for k in range(2):
        shares = drawn[k].bincount(minlength=3) / drawn.shape[1]
        close(shares, logits[k].softmax(-1), atol=0.015, rtol=0)
    close(drawn[1:], policy.sample(many[1:], draws(1, seed=1)))


def test_a_logit_far_below_the_others_keeps_its_log_probability():
    """softmax rounds it to 0, whose logarithm is minus infinity."""
    policy, logits = Categorical(2, 2, (8,), generators_for(1, 0)), torch.tensor([[[0.0, -200.0]]])
    assert policy.log_prob(logits, torch.ones(1, 1)).item() == -200
    assert logits.softmax(-1).log()[0, 0, 1] == -torch.inf


def test_gaussian_actions_scatter_as_they_should_and_the_mode_is_the_mean():
    policy = Gaussian(2, 1, (8,), generators_for(1, 0), log_std=-1.0)
    mean = torch.full((1, 50_000, 1), 2.0)
    drawn = policy.sample(mean, draws(1))
    assert drawn.mean().item() == pytest.approx(2, abs=0.01)
    assert drawn.std().item() == pytest.approx(np.exp(-1), abs=0.01)
    assert policy.mode(mean) is mean


class Spaces(gymnasium.Env):
    def __init__(self, observations, actions):
        self.observation_space, self.action_space = observations, actions


VECTOR = Box(-1, 1, (4,))


def test_the_policy_suits_the_spaces():
    assert isinstance(policy_for(Spaces(VECTOR, Discrete(2)), (8,), generators_for(1, 0)), Categorical)
    assert isinstance(policy_for(Spaces(VECTOR, Box(-1, 1, (2,))), (8,), generators_for(1, 0)), Gaussian)
    outside = np.array([[[-3.0, 0.5]]])
    assert within(Box(-1, 1, (2,)), outside).tolist() == [[[-1, 0.5]]] and within(Discrete(2), outside) is outside


@pytest.mark.parametrize(
    "observations, actions, says",
    [
        (Discrete(3), Discrete(2), r"observation_space: got Discrete\(3\), expected a Box of numbers \[n\]"),
        (Box(0, 1, (4, 4)), Discrete(2), "observation_space: got Box"),
        (VECTOR, gymnasium.spaces.MultiDiscrete([2, 2]), "action_space: got MultiDiscrete"),
    ],
)
def test_other_spaces_are_named(observations, actions, says):
    with pytest.raises(ValueError, match=says):
        policy_for(Spaces(observations, actions), (8,), generators_for(1, 0))


def test_an_entropy_of_ones_own_sees_no_seeds():
    seen = []

    def mine(logits):
        seen.append(tuple(logits.shape))
        return torch.stack([-(row.softmax(0) * row.log_softmax(0)).sum() for row in logits])

    policy = Categorical(2, 3, (8,), generators_for(K, 0), entropy=mine)
    logits = torch.randn(K, N, 3)
    close(policy.entropy(logits), torch.distributions.Categorical(logits=logits).entropy())
    assert seen == [(K * N, 3)]
