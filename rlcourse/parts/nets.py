"""Networks for K seeds at once: stacked linear layers, mlp, dueling head, noisy layers, a small convolution.

Everywhere the first axis is the seed: [K, N, in] -> [K, N, out], one batched product for all. Seed k draws its initial
weights (and its noise) from generators[k] alone, so that seed 3 of 8 starts like that seed alone.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Generator, Tensor, nn

from rlcourse.functional import targets

Generators = Sequence[Generator]


def generators_for(n_seeds: int, seed: int) -> list[Generator]:
    """A generator for each of the seeds seed, seed + 1, ..."""
    return [Generator().manual_seed(seed + k) for k in range(n_seeds)]


def uniform(shape: tuple[int, ...], bound: float, generators: Generators) -> Tensor:
    """Uniform numbers in [-bound, bound], [K, *shape], seed k's from its own generator."""
    return torch.stack([(2 * torch.rand(shape, generator=generator) - 1) * bound for generator in generators])


class StackedLinear(nn.Module):
    """K linear layers side by side, each started as torch.nn.Linear starts one."""

    def __init__(self, n_in: int, n_out: int, generators: Generators) -> None:
        super().__init__()
        self.weight = nn.Parameter(uniform((n_in, n_out), n_in**-0.5, generators))
        self.bias = nn.Parameter(uniform((1, n_out), n_in**-0.5, generators))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class NoisyLinear(nn.Module):
    """A linear layer whose weights carry learned noise, so that it explores by itself (Fortunato et al., 2018).

    Factorised: the noise of weight (i, j) is f(e_i) f(e_j) with f(x) = sign(x) sqrt(|x|), n_in + n_out numbers a seed.
    """

    def __init__(self, n_in: int, n_out: int, generators: Generators, sigma: float = 0.5) -> None:
        super().__init__()
        self.generators = generators
        self.weight = nn.Parameter(uniform((n_in, n_out), n_in**-0.5, generators))
        self.bias = nn.Parameter(uniform((1, n_out), n_in**-0.5, generators))
        self.weight_sigma = nn.Parameter(torch.full_like(self.weight, sigma * n_in**-0.5))
        self.bias_sigma = nn.Parameter(torch.full_like(self.bias, sigma * n_in**-0.5))
        self.register_buffer("noise_in", torch.zeros(len(generators), n_in, 1))
        self.register_buffer("noise_out", torch.zeros(len(generators), 1, n_out))
        self.resample()

    def resample(self) -> None:
        """Draw new noise."""
        n_in, n_out = self.weight.shape[1:]
        drawn = torch.stack([torch.randn(n_in + n_out, generator=generator) for generator in self.generators])
        scaled = drawn.sign() * drawn.abs().sqrt()
        self.noise_in.copy_(scaled[:, :n_in, None])
        self.noise_out.copy_(scaled[:, None, n_in:])

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return torch.baddbmm(self.bias, x, self.weight)
        weight = self.weight + self.weight_sigma * (self.noise_in * self.noise_out)
        return torch.baddbmm(self.bias + self.bias_sigma * self.noise_out, x, weight)


Layer = Callable[[int, int, Generators], nn.Module]


def mlp(
    sizes: Sequence[int],
    generators: Generators,
    layer: Layer = StackedLinear,
    activation: Callable[[], nn.Module] = nn.ReLU,
) -> nn.Sequential:
    """Layers of these sizes with an activation between them: [K, N, sizes[0]] -> [K, N, sizes[-1]]."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [layer(n_in, n_out, generators), activation()]
    return nn.Sequential(*layers[:-1])


class Dueling(nn.Module):
    """Features [K, N, F] to Q [K, N, A] by a value stream and an advantage stream (Wang et al., 2016).

    With n_atoms each stream gives so many numbers an action, and they are joined atom by atom (Rainbow).
    """

    def __init__(
        self,
        n_features: int,
        n_actions: int,
        generators: Generators,
        dueling_q: Callable[[Tensor, Tensor], Tensor] = targets.dueling_q,
        layer: Layer = StackedLinear,
        hidden: int = 64,
        n_atoms: int = 1,
    ) -> None:
        super().__init__()
        self.value = mlp((n_features, hidden, n_atoms), generators, layer)
        self.advantage = mlp((n_features, hidden, n_actions * n_atoms), generators, layer)
        self.dueling_q, self.n_actions, self.n_atoms = dueling_q, n_actions, n_atoms

    def forward(self, x: Tensor) -> Tensor:
        K, N = x.shape[:2]
        by_atom = self.advantage(x).view(K * N, self.n_actions, self.n_atoms).transpose(1, 2)
        q = self.dueling_q(self.value(x).view(-1, 1), by_atom.reshape(-1, self.n_actions))  # an equation sees no K
        return q.view(K * N, self.n_atoms, self.n_actions).transpose(1, 2).reshape(K, N, -1)


class MinAtarFeatures(nn.Module):
    """Images [K, N, H, W, C] of MinAtar (10 x 10 cells, C yes-or-no channels) to 128 features (Young and Tian, 2019).

    One convolution of 16 kernels 3 x 3. It is a linear layer that looks at each patch of 3 x 3 cells, so K seeds of it
    are one batched product as well.
    """

    def __init__(self, shape: tuple[int, ...], generators: Generators, n_out: int = 128) -> None:
        super().__init__()
        height, width, channels = shape
        cells = torch.arange(height * width * channels).view(shape)  # which of them each patch sees, [patches, 9 C]
        self.register_buffer(
            "patches", cells.unfold(0, 3, 1).unfold(1, 3, 1).flatten(2).flatten(0, 1), persistent=False
        )
        self.kernels = StackedLinear(9 * channels, 16, generators)
        self.linear = StackedLinear(16 * (height - 2) * (width - 2), n_out, generators)

    def forward(self, x: Tensor) -> Tensor:
        K, N = x.shape[:2]
        seen = x.reshape(K * N, -1)[:, self.patches.flatten()].float().view(K, -1, self.patches.shape[1])
        return self.linear(self.kernels(seen).relu().view(K, N, -1)).relu()
