"""Networks of K seeds: one batch for all of them, one batched product a layer.

Agents and equations see batches [..., N, ...] in which the seeds lie side by side, seed 0's part first. Inside, the
first axis is the seed: [K, M, in] -> [K, M, out]; `SideBySide` turns the one into the other, and nothing else does.
Seed k draws its initial weights (and its noise) from its own stream: seed 3 of 8 starts like that seed alone.
"""

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box, Discrete, Space
from torch import Tensor, nn
from torch.func import functional_call

from rlcourse.contracts.inputs import bad_argument
from rlcourse.functional import targets
from rlcourse.parts.agent import in_tensors, never_called
from rlcourse.parts.seeds import Seeds, Stream


class SideBySide(nn.Module):
    """A stacked network [K, M, *shape] -> [K, M, out] as one for batches [..., N, *shape] -> [..., N, out].

    Observations come as any type of number; images of whole numbers 0..255 are scaled to 0..1.
    """

    def __init__(self, net: nn.Module, n_seeds: int, observation_space: Space | None = None) -> None:
        super().__init__()
        self.net, self.n_seeds = net, n_seeds
        self.dims = 1 if observation_space is None else len(observation_space.shape)  # axes of one input
        image = self.dims == 3 and observation_space.dtype == np.uint8
        self.scale = 1 / 255 if image else 1.0

    def forward(self, x: Any, only: Sequence[int] | None = None) -> Tensor:
        """The outputs of all seeds; `only`: of these seeds, whose inputs alone are then in x."""
        net, K = (self.net, self.n_seeds) if only is None else (self._of(only), len(only))
        x = torch.as_tensor(x, dtype=torch.float32)
        if self.scale != 1:
            x = x * self.scale
        lead, shape = x.shape[: x.ndim - self.dims], x.shape[x.ndim - self.dims :]
        if len(lead) == 1:
            return net(x.reshape(K, -1, *shape)).flatten(0, 1)
        T, B = lead[:-1].numel(), lead[-1] // K
        y = net(x.reshape(T, K, B, *shape).transpose(0, 1).flatten(1, 2))
        return y.unflatten(1, (T, B)).transpose(0, 1).reshape(*lead, *y.shape[2:])

    def write(self, rows: int | slice, parameters: Tensor) -> None:
        """Give the networks in these rows their parameters, all of them in one vector [..., D]."""
        sizes = [p[0].numel() for p in self.parameters()]
        with torch.no_grad():
            for p, part in zip(self.parameters(), parameters.split(sizes, dim=-1), strict=True):
                p[rows] = part.view(p[rows].shape)

    def _of(self, seeds: Sequence[int]) -> Callable[[Tensor], Tensor]:
        """The network with the parameters of these seeds alone."""
        rows = {name: p[list(seeds)] for name, p in self.net.named_parameters()}
        return lambda x: functional_call(self.net, rows, x)


def uniform(shape: tuple[int, ...], bound: float, chance: Stream) -> Tensor:
    """Uniform numbers in [-bound, bound], [K, *shape], seed k's from its own stream."""
    drawn = torch.from_numpy(np.stack([one.random(shape, np.float32) for one in chance]))
    return (2 * drawn - 1) * bound


class StackedLinear(nn.Module):
    """K linear layers side by side, each started as torch.nn.Linear starts one."""

    def __init__(self, n_in: int, n_out: int, chance: Stream) -> None:
        super().__init__()
        self.weight = nn.Parameter(uniform((n_in, n_out), n_in**-0.5, chance))
        self.bias = nn.Parameter(uniform((1, n_out), n_in**-0.5, chance))

    def forward(self, x: Tensor) -> Tensor:
        return torch.baddbmm(self.bias, x, self.weight)


class NoisyLinear(nn.Module):
    """A linear layer whose weights carry learned noise, so that it explores by itself (Fortunato et al., 2018).

    Factorised: the noise of weight (i, j) is f(e_i) f(e_j) with f(x) = sign(x) sqrt(|x|), n_in + n_out numbers a seed.
    There is none before the first `resample`, and none in evaluation (`network.eval()`).
    """

    def __init__(self, n_in: int, n_out: int, chance: Stream, sigma: float = 0.5) -> None:
        super().__init__()
        self.weight = nn.Parameter(uniform((n_in, n_out), n_in**-0.5, chance))
        self.bias = nn.Parameter(uniform((1, n_out), n_in**-0.5, chance))
        self.weight_sigma = nn.Parameter(torch.full_like(self.weight, sigma * n_in**-0.5))
        self.bias_sigma = nn.Parameter(torch.full_like(self.bias, sigma * n_in**-0.5))
        self.register_buffer("noise_in", torch.zeros(len(chance), n_in, 1), persistent=False)
        self.register_buffer("noise_out", torch.zeros(len(chance), 1, n_out), persistent=False)

    def resample(self, chance: Stream) -> None:
        """Draw new noise, each seed's from its own stream."""
        n_in, n_out = self.weight.shape[1:]
        drawn = torch.from_numpy(chance.normal(len(chance), n_in + n_out))
        scaled = drawn.sign() * drawn.abs().sqrt()
        self.noise_in.copy_(scaled[:, :n_in, None])
        self.noise_out.copy_(scaled[:, None, n_in:])

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return torch.baddbmm(self.bias, x, self.weight)
        weight = self.weight + self.weight_sigma * (self.noise_in * self.noise_out)
        return torch.baddbmm(self.bias + self.bias_sigma * self.noise_out, x, weight)


def resample(network: nn.Module, chance: Stream) -> None:
    """New noise in all noisy layers of a network, which is then in training, where noise counts."""
    for layer in network.train().modules():
        if isinstance(layer, NoisyLinear):
            layer.resample(chance)


Layer = Callable[[int, int, Stream], nn.Module]


def mlp(
    sizes: Sequence[int],
    chance: Stream,
    layer: Layer = StackedLinear,
    activation: Callable[[], nn.Module] = nn.ReLU,
) -> nn.Sequential:
    """Layers of these sizes with an activation between them: [K, N, sizes[0]] -> [K, N, sizes[-1]]."""
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [layer(n_in, n_out, chance), activation()]
    return nn.Sequential(*layers[:-1])


class Dueling(nn.Module):
    """Features [K, N, F] to Q [K, N, A] by a value stream and an advantage stream (Wang et al., 2016).

    With n_atoms each stream gives so many numbers an action, and they are joined atom by atom (Rainbow).
    """

    def __init__(
        self,
        n_features: int,
        n_actions: int,
        chance: Stream,
        dueling_q: Callable[[Tensor, Tensor], Tensor] = targets.dueling_q,
        layer: Layer = StackedLinear,
        hidden: int = 64,
        n_atoms: int = 1,
    ) -> None:
        super().__init__()
        self.value = mlp((n_features, hidden, n_atoms), chance, layer)
        self.advantage = mlp((n_features, hidden, n_actions * n_atoms), chance, layer)
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

    def __init__(self, shape: tuple[int, ...], chance: Stream, n_out: int = 128) -> None:
        super().__init__()
        height, width, channels = shape
        cells = torch.arange(height * width * channels).view(shape)  # which of them each patch sees, [patches, 9 C]
        self.register_buffer(
            "patches", cells.unfold(0, 3, 1).unfold(1, 3, 1).flatten(2).flatten(0, 1), persistent=False
        )
        self.kernels = StackedLinear(9 * channels, 16, chance)
        self.linear = StackedLinear(16 * (height - 2) * (width - 2), n_out, chance)

    def forward(self, x: Tensor) -> Tensor:
        K, N = x.shape[:2]
        seen = x.reshape(K * N, -1)[:, self.patches.flatten()].float().view(K, -1, self.patches.shape[1])
        return self.linear(self.kernels(seen).relu().view(K, N, -1)).relu()


def features(observation_space: Space, hidden: Sequence[int], chance: Stream) -> tuple[nn.Module, int]:
    """Layers from an observation to features, and how many these are: an mlp for numbers [n], a convolution for images.

    Raises:
        ValueError: where the space is neither a Box [n] nor an image [H, W, C], channels last.
    """
    shape = observation_space.shape
    if not isinstance(observation_space, Box) or len(shape) not in (1, 3):
        expected = "a Box of numbers [n] or an image [H, W, C]; tables: agents/tabular"
        raise bad_argument("observation_space", f"{observation_space}", expected)
    if len(shape) == 1:
        sizes = (*shape, *hidden)
        return nn.Sequential(mlp(sizes, chance), nn.ReLU()) if hidden else nn.Identity(), sizes[-1]
    if shape[2] > min(shape[:2]) or min(shape[:2]) < 3:
        raise bad_argument(
            "observation_space", f"an image of shape {shape}", "[H, W, C]: the channels are the last axis"
        )
    return MinAtarFeatures(shape, chance), 128


class MeanOfAtoms(nn.Module):
    """Q as the mean of a distribution over fixed values, the atoms (C51): batches [..., N, ...] -> [..., N, A].

    The network gives a logit for each atom of each action, [..., N, A * n_atoms].
    """

    def __init__(self, logits: nn.Module, atoms: Tensor) -> None:
        super().__init__()
        self.logits = logits
        self.register_buffer("atoms", atoms, persistent=False)

    def log_probabilities(self, x: Any) -> Tensor:
        """Of each atom for each action, [..., N, A, n_atoms]."""
        return self.logits(x).unflatten(-1, (-1, len(self.atoms))).log_softmax(dim=-1)

    def forward(self, x: Any) -> Tensor:
        return self.log_probabilities(x).exp() @ self.atoms


def q_network(
    observation_space: Space,
    action_space: Space,
    hidden: Sequence[int],
    seeds: Seeds,
    *,
    dueling_q: Callable[[Tensor, Tensor], Tensor] | None = None,
    sigma: float | None = None,
    atoms: Tensor | None = None,
) -> SideBySide | MeanOfAtoms:
    """Q of every action: observations [..., N, ...] to [..., N, A].

    Args:
        observation_space, action_space, hidden, seeds: what it sees, what it values, its layers, and of whom.
        dueling_q: joins a value stream and an advantage stream; None: one stream.
        sigma: the noise that the head's weights carry at first; None: none.
        atoms: the values over which the head gives distributions [n_atoms]; None: it gives Q itself.

    Raises:
        ValueError: as features; or where actions are not Discrete.
    """
    if not isinstance(action_space, Discrete):
        expected = "Discrete actions; for continuous ones take ddpg, td3 or sac"
        raise bad_argument("action_space", f"{action_space}", expected)
    chance, n_actions, n_atoms = seeds("q network"), int(action_space.n), 1 if atoms is None else len(atoms)
    layer = StackedLinear if sigma is None else partial(NoisyLinear, sigma=sigma)
    layers, width = features(observation_space, hidden, chance)
    if dueling_q is None:
        head = mlp((width, n_actions * n_atoms), chance, layer)
    else:
        head = Dueling(width, n_actions, chance, dueling_q, layer, n_atoms=n_atoms)
    network = SideBySide(nn.Sequential(layers, head), len(seeds), observation_space)
    return network if atoms is None else MeanOfAtoms(network, atoms)


def rainbow_network(
    observation_space: Space, action_space: Space, seeds: Seeds, config: Any, dueling_q: Callable[..., Tensor]
) -> SideBySide | MeanOfAtoms:
    """A q_network with the heads that config's `dueling`, `noisy` (`sigma`) and `distributional` ask for.

    Raises:
        ValueError: as q_network; or where a dueling_q of one's own would never be called.
    """
    never_called(not config.dueling, dueling_q=dueling_q)
    return q_network(
        observation_space,
        action_space,
        config.hidden,
        seeds,
        dueling_q=in_tensors(dueling_q) if config.dueling else None,
        sigma=config.sigma if config.noisy else None,
        atoms=torch.linspace(*config.support, config.n_atoms) if config.distributional else None,
    )
