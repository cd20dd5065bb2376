"""Stacked layers are K ordinary layers side by side."""

import pytest
import torch
from torch import nn

from rlcourse.parts.adam import SeedAdam, clip_gradients
from rlcourse.parts.nets import Dueling, MinAtarFeatures, NoisyLinear, StackedLinear, generators_for, mlp


def plain(layer: StackedLinear, k: int) -> nn.Linear:
    """Seed k's layer as torch's own."""
    n_in, n_out = layer.weight.shape[1:]
    linear = nn.Linear(n_in, n_out)
    linear.weight.data, linear.bias.data = layer.weight[k].T.clone(), layer.bias[k, 0].clone()
    return linear


def test_a_stacked_mlp_is_k_plain_ones_gradients_included():
    net, x = mlp((5, 7, 3), generators_for(4, 0)), torch.randn(4, 6, 5)
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
    eight, alone = mlp((4, 8, 2), generators_for(8, 0), layer), mlp((4, 8, 2), generators_for(1, 3), layer)
    for many, one in zip(eight.parameters(), alone.parameters(), strict=True):
        assert torch.equal(many[3], one[0])


def test_initial_weights_lie_as_torch_draws_them():
    weight = StackedLinear(100, 400, generators_for(2, 0)).weight
    assert weight.abs().max() <= 0.1 and abs(weight.std().item() - 0.1 / 3**0.5) < 1e-3
    assert not torch.equal(weight[0], weight[1])


def test_noise_changes_when_it_is_drawn_and_is_off_in_evaluation():
    net, x = NoisyLinear(6, 4, generators_for(3, 0)), torch.randn(3, 2, 6)
    first = net(x)
    assert torch.equal(first, net(x))
    net.resample()
    assert not torch.equal(first, net(x))
    torch.testing.assert_close(net.eval()(x), torch.baddbmm(net.bias, x, net.weight))


def test_the_noise_of_a_weight_has_mean_0_and_the_spread_of_its_definition():
    """E[f(e_i) f(e_j)] = 0 and its variance is E|e|^2 = 2 / pi."""
    net, drawn = NoisyLinear(50, 50, generators_for(1, 0)), []
    for _ in range(200):
        net.resample()
        drawn.append(net.noise_in @ net.noise_out)
    noise = torch.stack(drawn)
    assert abs(noise.mean()) < 0.02 and abs(noise.var() - 2 / torch.pi) < 0.03


@pytest.mark.parametrize("n_atoms", [1, 5])
def test_a_dueling_head_has_its_values_mean_for_q(n_atoms):
    net, x = Dueling(6, 3, generators_for(2, 0), n_atoms=n_atoms), torch.randn(2, 4, 6)
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

    mine = Dueling(6, 3, generators_for(2, 0), own, n_atoms=n_atoms)
    librarys = Dueling(6, 3, generators_for(2, 0), n_atoms=n_atoms)
    x = torch.randn(2, 4, 6)
    torch.testing.assert_close(mine(x), librarys(x))
    assert seen == [((2 * 4 * n_atoms, 1), (2 * 4 * n_atoms, 3))]


def test_minatar_features_are_a_convolution_and_a_linear_layer():
    net = MinAtarFeatures((10, 8, 4), generators_for(2, 0))
    images = torch.rand(2, 3, 10, 8, 4) > 0.5
    out = net(images)
    assert out.shape == (2, 3, 128)
    for k in range(2):
        kernels = net.kernels.weight[k].T.reshape(16, 4, 3, 3)  # a patch lists its channels first, then its cells
        planes = torch.conv2d(images[k].permute(0, 3, 1, 2).float(), kernels, net.kernels.bias[k, 0]).relu()
        features = planes.permute(0, 2, 3, 1).flatten(1) @ net.linear.weight[k] + net.linear.bias[k]
        torch.testing.assert_close(out[k], features.relu())


def test_gradients_are_clipped_seed_by_seed():
    network = mlp((3, 4, 2), generators_for(2, 0))
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    first = next(network.parameters())
    first.grad[0, 0, 0], first.grad[1, 0, 0] = 30.0, 0.5
    clip_gradients(network, 2, 1.0)
    assert first.grad[0, 0, 0] == pytest.approx(1.0, rel=1e-4) and first.grad[1, 0, 0] == 0.5
    clip_gradients(network, 2, None)
    assert first.grad[1, 0, 0] == 0.5
    *_, last = network.parameters()
    last.grad, first.grad[0, 0, 0] = None, 30.0  # no gradient where a loss leaves a parameter out
    clip_gradients(network, 2, 1.0)
    assert last.grad is None and first.grad[0, 0, 0] == pytest.approx(1.0, rel=1e-4)


def test_seeds_that_step_follow_torchs_adam_and_the_others_stand_still():
    stacked = nn.Parameter(torch.randn(3, 4, 2))
    alone = [nn.Parameter(stacked[k].detach().clone()) for k in range(3)]
    theirs = [torch.optim.Adam([p], 0.1, eps=1e-5) for p in alone]
    ours = SeedAdam([stacked])
    for seeds in ([0], [0, 2], [1], [0, 1, 2], [2], [0]):
        stacked.grad = torch.randn(3, 4, 2)
        for k in seeds:
            alone[k].grad = stacked.grad[k].clone()
            theirs[k].step()
        ours.step(torch.tensor(seeds), 0.1)
        torch.testing.assert_close(stacked.detach(), torch.stack(alone).detach())
