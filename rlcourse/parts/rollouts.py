"""Rollouts: what on-policy agents learn from."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.worlds.envs import Step


class Rollout(NamedTuple):
    """T steps of K x B environments as tensors, seeds folded into the batch: [T, K*B, ...], seed 0's first."""

    obs: Tensor
    action: Tensor
    rewards: Tensor
    next_obs: Tensor  # what was really reached, also where an episode ended
    terminated: Tensor
    truncated: Tensor


def rollout(steps: Sequence[Step]) -> Rollout:
    """Steps in the order in which they were taken, as tensors: floats in single precision."""

    def tensor(values: Sequence[ndarray]) -> Tensor:
        stacked = torch.from_numpy(np.stack(values))
        return (stacked.float() if stacked.is_floating_point() else stacked).flatten(1, 2)

    return Rollout(*(tensor(values) for values in zip(*steps, strict=True)))
