"""Policies of K seeds against torch's own distributions and against autograd."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete, MultiDiscrete

from rlcourse.functional import distributions, policy_losses
from rlcourse.parts.policies import Categorical, Critic, Gaussian, Policy, kl_between
from rlcourse.parts.seeds import Seeds

torch.set_num_threads(1)
close = torch.testing.assert_close
K, B = 3, 4  # seeds, and a batch of each
VECTOR = Box(-1, 1, (2,))


def categorical():
    torch.manual_seed(0)
    logits = torch.randn(K * B, 3, requires_grad=True)
    ours = Categorical(logits, policy_losses.entropy)
    return ours, logits, torch.distributions.Categorical(logits=logits), torch.randint(3, (K * B,))


def gaussian():
    torch.manual_seed(0)
    mean, log_std = torch.randn(K * B, 3, requires_grad=True), torch.randn(K * B, 3) / 2
    normal = torch.distributions.Independent(torch.distributions.Normal(mean, log_std.exp()), 1)
    return Gaussian(mean, log_std), mean, normal, torch.randn(K * B, 3)


@pytest.mark.parametrize("make", [categorical, gaussian])
def test_log_probabilities_and_entropies_are_those_of_torch(make):
    ours, _, theirs, actions = make()
    close(ours.log_prob(actions), theirs.log_prob(actions))
    close(ours.entropy(), theirs.entropy())


@pytest.mark.parametrize("make", [categorical, gaussian])
def test_the_squared_score_is_autograds(make):
    ours, parameters, _, actions = make()
    (gradient,) = torch.autograd.grad(ours.log_prob(actions).sum(), parameters)
    close(ours.score_sq(actions), (gradient**2).sum(-1))


@pytest.mark.parametrize("actions", [Discrete(3), Box(-1, 1, (2,))], ids=["discrete", "continuous"])
def test_a_rollout_is_its_steps_one_by_one(actions):
    """[T, N] at once, or [N] at a time, or one seed's part: the same numbers, though seeds differ in every weight."""
    policy, critic = Policy(VECTOR, actions, (8,), Seeds(0, K)), Critic(VECTOR, (8,), Seeds(0, K))
    with torch.no_grad():
        for p in policy.parameters():
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(1)))  # also of log_std, 0 at first
    obs = torch.randn(5, K * B, 2, generator=torch.Generator().manual_seed(0))
    pi, values = policy(obs), critic(obs)
    drawn = torch.stack([policy(now).sample(Seeds(0, K)("draws")) for now in obs])
    assert drawn.shape == (5, K * B) if isinstance(actions, Discrete) else (5, K * B, 2)
    assert values.shape == pi.log_prob(drawn).shape == pi.entropy().shape == pi.score_sq(drawn).shape == (5, K * B)
    for t in range(5):
        alone = policy(obs[t])
        close(pi.log_prob(drawn)[t], alone.log_prob(drawn[t]))
        close(pi.entropy()[t], alone.entropy())
        close(pi.score_sq(drawn)[t], alone.score_sq(drawn[t]))
        close(pi.mode()[t], alone.mode())
        close(values[t], critic(obs[t]))
    for k in range(K):
        one = Policy(VECTOR, actions, (8,), Seeds(k, 1))
        one.load_state_dict({name: weight[k : k + 1] for name, weight in policy.state_dict().items()})
        mine = slice(k * B, k * B + B)
        close(pi.log_prob(drawn)[:, mine], one(obs[:, mine]).log_prob(drawn[:, mine]))


def test_actions_come_as_often_as_they_are_probable_and_each_seed_draws_alone():
    logits = torch.tensor([[0.0, 1.0, -torch.inf], [2.0, 0.0, 0.0]])
    many = logits.repeat_interleave(20_000, dim=0)
    drawn = Categorical(many, policy_losses.entropy).sample(Seeds(0, 2)("draws"))
    for k, part in enumerate(drawn.chunk(2)):
        close(part.bincount(minlength=3) / len(part), logits[k].softmax(-1), atol=0.015, rtol=0)
    alone = Categorical(many[20_000:], policy_losses.entropy).sample(Seeds(1, 1)("draws"))
    close(drawn[20_000:], alone)


def test_a_logit_far_below_the_others_keeps_its_log_probability():
    """softmax rounds it to 0, whose logarithm is minus infinity."""
    logits = torch.tensor([[0.0, -200.0]])
    assert Categorical(logits, policy_losses.entropy).log_prob(torch.ones(1)).item() == -200
    assert logits.softmax(-1).log()[0, 1] == -torch.inf


def test_gaussian_actions_scatter_as_they_should_and_the_mode_is_the_mean():
    mean = torch.full((50_000, 1), 2.0)
    pi = Gaussian(mean, torch.full((50_000, 1), -1.0))
    drawn = pi.sample(Seeds()("draws"))
    assert drawn.mean().item() == pytest.approx(2, abs=0.01)
    assert drawn.std().item() == pytest.approx(np.exp(-1), abs=0.01)
    assert pi.mode() is mean


def test_the_policy_suits_the_spaces():
    obs = np.zeros((K * B, 2), np.float32)
    pi = Policy(VECTOR, Discrete(2), (8,), Seeds(0, K))(obs)
    assert isinstance(pi, Categorical) and pi.logits.shape == (K * B, 2)
    pi = Policy(VECTOR, Box(-1, 1, (5,)), (8,), Seeds(0, K))(obs)
    assert isinstance(pi, Gaussian) and pi.mean.shape == pi.log_std.shape == (K * B, 5)


@pytest.mark.parametrize(
    "observations, actions, says",
    [
        (Discrete(3), Discrete(2), r"observation_space: got Discrete\(3\), expected a Box of numbers \[n\]"),
        (Box(0, 1, (4, 4)), Discrete(2), "observation_space: got Box"),
        (VECTOR, MultiDiscrete([2, 2]), "action_space: got MultiDiscrete"),
        (VECTOR, Box(-1, 1, ()), r"action_space: got Box\(-1.0, 1.0, \(\), float32\)"),
    ],
)
def test_other_spaces_are_named(observations, actions, says):
    with pytest.raises(ValueError, match=says):
        Policy(observations, actions, (8,), Seeds())


def test_an_entropy_of_ones_own_sees_no_seeds():
    seen = []

    def mine(logits):
        seen.append(tuple(logits.shape))
        return torch.stack([-(row.softmax(0) * row.log_softmax(0)).sum() for row in logits])

    pi = Policy(VECTOR, Discrete(3), (8,), Seeds(0, K), mine)(torch.randn(5, K * B, 2))
    close(pi.entropy(), torch.distributions.Categorical(logits=pi.logits).entropy())
    assert seen == [(5 * K * B, 3)]
    with pytest.raises(ValueError, match="entropy: got a function, expected none"):
        Policy(VECTOR, Box(-1, 1, (2,)), (8,), Seeds(), mine)


KLS = distributions.categorical_kl, distributions.gaussian_kl


@pytest.mark.parametrize(("make", "actions"), [(categorical, Discrete(3)), (gaussian, Box(-1, 1, (3,)))])
def test_divergences_of_two_policies_by_their_parts(make, actions):
    """As torch has them, whichever policy is the first one."""
    (ours, _, theirs, _), kl = make(), kl_between(actions, *KLS)
    other = torch.distributions.Categorical(logits=torch.zeros(K * B, 3))
    moved = Categorical(torch.zeros(K * B, 3), policy_losses.entropy)
    if isinstance(actions, Box):
        moved = Gaussian(torch.ones(K * B, 3), torch.zeros(K * B, 3))
        other = torch.distributions.Independent(torch.distributions.Normal(torch.ones(K * B, 3), 1.0), 1)
    close(kl(*ours.parts(), *moved.parts()), torch.distributions.kl_divergence(theirs, other))
    close(kl(*moved.parts(), *ours.parts()), torch.distributions.kl_divergence(other, theirs))


def test_parts_have_the_shape_of_the_rollout():
    pi = Gaussian(torch.zeros(5, K * B, 2), torch.ones(K * B, 2))
    assert [part.shape for part in pi.parts()] == [(5, K * B, 2)] * 2
    assert kl_between(Box(-1, 1, (2,)), *KLS)(*pi.parts(), *pi.parts()).tolist() == [[0] * K * B] * 5


def test_a_divergence_of_ones_own_that_is_never_called_is_refused():
    own = lambda *parts: parts[0].sum(-1)  # noqa: E731
    kl_between(Discrete(2), own, KLS[1])
    kl_between(Box(-1, 1, (2,)), KLS[0], own)
    for arguments, name in [
        ((Box(-1, 1, (2,)), own, KLS[1]), "categorical_kl"),
        ((Discrete(2), KLS[0], own), "gaussian_kl"),
        ((Discrete(2), own, KLS[1], False), "categorical_kl"),
        ((Box(-1, 1, (2,)), KLS[0], own, False), "gaussian_kl"),
    ]:
        with pytest.raises(ValueError, match=f"^{name}: got a function that these settings never call"):
            kl_between(*arguments)
