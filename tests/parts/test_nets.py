"""Stacked layers are K ordinary layers side by side, and everybody else sees one batch."""

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, Discrete
from torch import nn

from rlcourse.agents import rainbow
from rlcourse.functional import targets
from rlcourse.parts.nets import (
    Dueling,
    MeanOfAtoms,
    MinAtarFeatures,
    NoisyLinear,
    SideBySide,
    StackedLinear,
    features,
    mlp,
    q_network,
    rainbow_network,
    resample,
)
from rlcourse.parts.seeds import Seeds, Stream


def chance(n: int, first: int = 0) -> Stream:
    return Seeds(first, n)("weights")


def plain(layer: StackedLinear, k: int) -> nn.Linear:
    """Seed k's layer as torch's own."""
    n_in, n_out = layer.weight.shape[1:]
    linear = nn.Linear(n_in, n_out)
    linear.weight.data, linear.bias.data = layer.weight[k].T.clone(), layer.bias[k, 0].clone()
    return linear


def test_a_stacked_mlp_is_k_plain_ones_gradients_included():
    net, x = mlp((5, 7, 3), chance(4)), torch.randn(4, 6, 5)
    y = net(x)
    (y**2).mean().mul(4).backward()
    for k in range(4):
        alone = nn.Sequential(plain(net[0], k), nn.ReLU(), plain(net[2], k))
        out = alone(x[k])
        (out**2).mean().backward()
        torch.testing.assert_close(out, y[k])
        torch.testing.assert_close(alone[0].weight.grad.T, net[0].weight.grad[k])
        torch.testing.assert_close(alone[2].bias.grad, net[2].bias.grad[k, 0])


@pytest.mark.parametrize("layer", [StackedLinear, NoisyLinear])
def test_seed_3_of_8_starts_like_that_seed_alone(layer):
    eight, alone = mlp((4, 8, 2), chance(8), layer), mlp((4, 8, 2), chance(1, 3), layer)
    for many, one in zip(eight.parameters(), alone.parameters(), strict=True):
        assert torch.equal(many[3], one[0])


def test_initial_weights_lie_as_torch_draws_them():
    weight = StackedLinear(100, 400, chance(2)).weight
    assert weight.abs().max() <= 0.1 and abs(weight.std().item() - 0.1 / 3**0.5) < 1e-3
    assert not torch.equal(weight[0], weight[1])


def test_noise_changes_when_it_is_drawn_and_is_off_in_evaluation():
    net, x, noise = NoisyLinear(6, 4, chance(3)), torch.randn(3, 2, 6), Seeds(0, 3)("noise")
    torch.testing.assert_close(net(x), torch.baddbmm(net.bias, x, net.weight))  # none before it is drawn
    resample(net, noise)
    first = net(x)
    assert torch.equal(first, net(x))
    resample(net, noise)
    assert not torch.equal(first, net(x))
    torch.testing.assert_close(net.eval()(x), torch.baddbmm(net.bias, x, net.weight))


def test_the_noise_of_a_weight_has_mean_0_and_the_spread_of_its_definition():
    """E[f(e_i) f(e_j)] = 0 and its variance is E|e|^2 = 2 / pi."""
    net, noise, drawn = NoisyLinear(50, 50, chance(1)), Seeds()("noise"), []
    for _ in range(200):
        net.resample(noise)
        drawn.append(net.noise_in @ net.noise_out)
    noise = torch.stack(drawn)
    assert abs(noise.mean()) < 0.02 and abs(noise.var() - 2 / torch.pi) < 0.03


@pytest.mark.parametrize("n_atoms", [1, 5])
def test_a_dueling_head_has_its_values_mean_for_q(n_atoms):
    net, x = Dueling(6, 3, chance(2), n_atoms=n_atoms), torch.randn(2, 4, 6)
    q = net(x).view(2, 4, 3, n_atoms)
    torch.testing.assert_close(q.mean(dim=2), net.value(x))  # advantages are centred over the actions
    differences = net.advantage(x).view(2, 4, 3, n_atoms)
    torch.testing.assert_close(q[:, :, 0] - q[:, :, 2], differences[:, :, 0] - differences[:, :, 2])


@pytest.mark.parametrize("n_atoms", [1, 5])
def test_a_dueling_head_folds_seeds_and_atoms_into_the_batch(n_atoms):
    """A student's answer may name its axes: value [B, 1] and advantage [B, A], and nothing else is ever asked."""
    seen = []

    def own(value, advantage):
        B, A = advantage.shape
        seen.append((tuple(value.shape), (B, A)))
        return torch.cat([value + advantage[:, [a]] - advantage.mean(1, keepdim=True) for a in range(A)], dim=1)

    mine = Dueling(6, 3, chance(2), own, n_atoms=n_atoms)
    librarys = Dueling(6, 3, chance(2), n_atoms=n_atoms)
    x = torch.randn(2, 4, 6)
    torch.testing.assert_close(mine(x), librarys(x))
    assert seen == [((2 * 4 * n_atoms, 1), (2 * 4 * n_atoms, 3))]


def test_minatar_features_are_a_convolution_and_a_linear_layer():
    net = MinAtarFeatures((10, 8, 4), chance(2))
    images = torch.rand(2, 3, 10, 8, 4) > 0.5
    out = net(images)
    assert out.shape == (2, 3, 128)
    for k in range(2):
        kernels = net.kernels.weight[k].T.reshape(16, 4, 3, 3)  # a patch lists its channels first, then its cells
        planes = torch.conv2d(images[k].permute(0, 3, 1, 2).float(), kernels, net.kernels.bias[k, 0]).relu()
        features = planes.permute(0, 2, 3, 1).flatten(1) @ net.linear.weight[k] + net.linear.bias[k]
        torch.testing.assert_close(out[k], features.relu())


def test_many_axes_and_types_are_one_batch():
    """Time [T, N, n] and one axis [N, n] say the same, seed 0's first; any type of number is taken."""
    net = SideBySide(mlp((3, 4, 2), chance(2)), 2)
    x = torch.randint(0, 2, (5, 6, 3))
    y = net(x)
    assert y.shape == (5, 6, 2)
    for t in range(5):
        torch.testing.assert_close(net(x[t].numpy().astype(bool)), y[t])
    torch.testing.assert_close(y[:, :3], net.net(x[:, :3].float().reshape(1, 15, 3).expand(2, -1, -1))[0].view(5, 3, 2))


def test_a_picture_of_whole_numbers_is_scaled_and_its_channels_are_the_last_axis():
    space = Box(0, 255, (10, 8, 4), np.uint8)
    net = q_network(space, Discrete(3), (), Seeds(0, 2))
    assert net.scale == 1 / 255 and net(np.zeros((4, 10, 8, 4), np.uint8)).shape == (4, 3)
    assert q_network(Box(0, 1, (10, 8, 4), bool), Discrete(3), (), Seeds()).scale == 1
    with pytest.raises(
        ValueError, match=r"observation_space: got an image of shape \(4, 84, 84\), expected \[H, W, C\]"
    ):
        features(Box(0, 255, (4, 84, 84), np.uint8), (), chance(1))
    with pytest.raises(ValueError, match="observation_space: got Discrete"):
        features(Discrete(3), (8,), chance(1))


def test_a_q_network_values_discrete_actions_alone():
    with pytest.raises(ValueError, match=r"action_space: got Box.* expected Discrete actions"):
        q_network(Box(-1, 1, (3,)), Box(-1, 1, (2,)), (8,), Seeds())


def test_atoms_give_distributions_whose_mean_is_q():
    atoms = torch.linspace(-1, 3, 5)
    net = q_network(Box(-1, 1, (3,)), Discrete(2), (8,), Seeds(0, 2), atoms=atoms)
    x = torch.randn(6, 3)
    p = net.log_probabilities(x).exp()
    assert p.shape == (6, 2, 5)
    torch.testing.assert_close(p.sum(-1), torch.ones(6, 2))
    torch.testing.assert_close(net(x), (p * atoms).sum(-1))
    logits = net.logits(x)
    torch.testing.assert_close(p[:, 1], logits[:, 5:].softmax(-1))  # atom by atom, action 0's first
    assert "atoms" not in net.state_dict(), "weights alone: all have an axis of seeds"
    assert all(len(weights) == 2 for weights in net.state_dict().values())


def test_the_settings_choose_the_heads_and_refuse_what_they_never_call():
    def build(dueling_q=targets.dueling_q, **settings):
        config = rainbow.Config(hidden=(8,), support=(0.0, 1.0), n_atoms=3, **settings)
        return rainbow_network(Box(-1, 1, (3,)), Discrete(2), Seeds(), config, dueling_q)

    def kinds(network):
        return {type(layer) for layer in network.modules()} & {Dueling, NoisyLinear, MeanOfAtoms}

    assert kinds(build()) == {Dueling, NoisyLinear, MeanOfAtoms}
    assert kinds(build(dueling=False)) == {NoisyLinear, MeanOfAtoms}
    assert kinds(build(noisy=False)) == {Dueling, MeanOfAtoms}
    assert kinds(build(distributional=False)) == {Dueling, NoisyLinear}
    with pytest.raises(ValueError, match="dueling_q: got a function that these settings never call"):
        build(lambda value, advantage: value + advantage, dueling=False)
