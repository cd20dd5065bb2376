"""What every agent has, and nothing that is on the board."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from rlcourse.contracts.graded import equation, ours
from rlcourse.contracts.inputs import bad_argument
from rlcourse.contracts.settings import Settings
from rlcourse.parts.seeds import Seeds
from rlcourse.worlds.envs import EnvMaker, spaces_of


class Agent:
    """K agents side by side: seeds seed, seed + 1, ... learn as one program, each as it would alone.

    Args:
        env: a Gymnasium id, or a function that makes one environment.
        n_seeds, seed: how many seeds; they are seed, seed + 1, ...
        config: the algorithm's settings.

    Raises:
        ValueError: where the algorithm cannot serve the spaces or so many seeds, or a setting makes no sense.
    """

    side_by_side = True  # False: a seed a program, and `rlcourse run` trains each one by itself
    greedy_network: nn.Module  # what `greedy` acts by

    def __init__(self, env: EnvMaker, n_seeds: int, seed: int, config: Settings) -> None:
        files = [kind.__module__ for kind in type(self).__mro__]
        if type(config).__module__ not in files:
            raise bad_argument("config", f"{type(config).__module__}.Config", f"the Config of {type(self).__module__}")
        self.env, self.config, self.seeds = env, config, Seeds(seed, n_seeds)
        if n_seeds != 1 and not self.side_by_side:
            raise bad_argument("n_seeds", f"{n_seeds}", f"1: each seed of {type(self).__name__} is a run of its own")
        self.observation_space, self.action_space = spaces_of(env)
        self.steps = 0  # that each seed has taken; the training loop counts
        self.reports: dict[str, Tensor] = {}

    def begin(self) -> None:
        """Fresh environments follow: forget what is half done."""

    def due(self, every: int) -> int:
        """How many multiples of `every` the last steps passed, n_envs at once."""
        return self.steps // every - (self.steps - self.config.n_envs) // every

    @property
    def report(self) -> dict[str, np.ndarray]:
        """What the last update says of itself: the mean of each quantity, a number for each seed [K]."""
        return {name: _by_seed(x.detach(), len(self.seeds)).numpy() for name, x in self.reports.items()}

    def note(self, seeds: Sequence[int], **quantities: Tensor) -> None:
        """Report tensors [..., N] of these seeds alone; the others keep what they reported last, NaN at first."""
        for name, x in quantities.items():
            kept = self.reports.setdefault(name, torch.full((len(self.seeds),), torch.nan))
            kept[list(seeds)] = _by_seed(x.detach(), len(seeds))


def _by_seed(x: Tensor, K: int) -> Tensor:
    """The mean of each seed's part of x [..., N]; one number is everybody's."""
    parts = x.unflatten(-1, (K, -1)).movedim(-2, 0) if x.ndim else x.expand(K, 1)
    return parts.flatten(1).mean(dim=1)


def in_tensors(function: Callable) -> Callable:
    """An equation as agents call it: the library's own without its checks; another one's results as tensors."""
    return equation(function) if ours(function) else InTensors(equation(function))


class InTensors:
    """A student's function whose arrays, lists and numbers come back as tensors in single precision."""

    def __init__(self, function: Callable) -> None:
        self.function, self.__name__ = function, getattr(function, "__name__", "function")

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        returned = self.function(*arguments, **named)
        return tuple(map(_tensor, returned)) if isinstance(returned, tuple) else _tensor(returned)


def _tensor(returned: Any) -> Tensor:
    if isinstance(returned, list) and any(isinstance(row, Tensor) for row in returned):
        return torch.stack(list(map(_tensor, returned)))  # keeps their gradients
    if isinstance(returned, list):
        returned = np.array([np.asarray(row, float) for row in returned])
    return torch.as_tensor(returned, dtype=torch.float32)


def never_called(where: bool, **equations: Callable) -> None:
    """Where that is so, raise a ValueError that names a function of one's own: it would be taken and never called."""
    for name, function in equations.items():
        if where and not hasattr(function, "body"):
            raise bad_argument(name, "a function that these settings never call", "none, or other settings")


def same_shape(**tensors: Tensor) -> None:
    """Raise a ValueError that names a tensor of another shape than the first one: nothing broadcasts into a loss."""
    (first, like), *others = tensors.items()
    for name, tensor in others:
        if tensor.shape != like.shape:
            raise bad_argument(
                name, f"shape {tuple(tensor.shape)} back from it", f"{tuple(like.shape)}, that of {first}"
            )
