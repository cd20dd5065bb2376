"""How Q is learned from a batch with the tricks of lecture 05: towards a value, or towards a distribution of returns.

Both take networks (parts/nets.py: q_network) and a batch whose windows hold up to n steps (parts/replay.py), and give
the loss of each transition [N], its error [N], by which it is prioritised, and what to report.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from rlcourse.parts.agent import in_tensors, never_called, same_shape
from rlcourse.parts.nets import MeanOfAtoms, SideBySide
from rlcourse.parts.replay import Batch

Losses = tuple[Tensor, Tensor, dict[str, Tensor]]


def q_losses(
    config: Any,
    q_target: Callable[..., Tensor],
    double_q_target: Callable[..., Tensor],
    n_step_returns: Callable[..., Tensor],
    huber_loss: Callable[..., Tensor],
    categorical_projection: Callable[..., Tensor],
) -> "ValueLosses | DistributionLosses":
    """The losses that config's `distributional` and `double` ask for.

    Raises:
        ValueError: where an equation of one's own is given that the switches would never call.
    """
    never_called(config.distributional, q_target=q_target, double_q_target=double_q_target, huber_loss=huber_loss)
    never_called(not config.distributional, categorical_projection=categorical_projection)
    never_called(config.double, q_target=q_target)
    never_called(not config.double, double_q_target=double_q_target)
    never_called(config.n_step == 1, n_step_returns=n_step_returns)
    if config.distributional:
        return DistributionLosses(config, n_step_returns, categorical_projection)
    return ValueLosses(config, n_step_returns, double_q_target if config.double else q_target, huber_loss)


class ValueLosses:
    """The Huber loss of a TD error, by the target of Q-learning or of double Q-learning.

    Source: Mnih et al. (2015); van Hasselt, Guez and Silver (2016).

    Args:
        config: has `double`, `huber`, `gamma` and `n_step`.
        n_step_returns, target, huber_loss: the equations; target is double_q_target where `double`, else q_target.
    """

    def __init__(
        self,
        config: Any,
        n_step_returns: Callable[..., Tensor],
        target: Callable[..., Tensor],
        huber_loss: Callable[..., Tensor],
    ) -> None:
        self.config, self.n_step_returns = config, in_tensors(n_step_returns)
        self.target, self.huber_loss = in_tensors(target), in_tensors(huber_loss)

    def __call__(self, online: SideBySide, target: SideBySide, batch: Batch) -> Losses:
        double = self.config.double
        with torch.no_grad():
            collected, ended, discount = _window(batch, self.n_step_returns, self.config)
            next_q = [target(batch.next_obs), *([online(batch.next_obs)] if double else [])]
            y = self.target(collected, ended, *next_q, discount)
        q = online(batch.obs).gather(-1, batch.action.long().unsqueeze(-1)).squeeze(-1)
        same_shape(q=q, **{"double_q_target" if double else "q_target": y})
        error = y - q
        return self.huber_loss(error, self.config.huber), error.detach(), {"q": q, "td_error": error}


class DistributionLosses:
    """C51: the cross-entropy of the predicted distribution and the projected one of what follows.

    Its error is the Kullback-Leibler divergence, which is 0 where nothing is left to learn. `clamped` is the share of
    the probability that the projection moved back onto the support from beyond its ends: the support is too narrow
    where that stays large.

    Source: Bellemare, Dabney and Munos (2017); with double Q-learning and priorities, Hessel et al. (2018).

    Args:
        config: has `double`, `gamma` and `n_step`.
        n_step_returns, categorical_projection: the equations.
    """

    def __init__(
        self, config: Any, n_step_returns: Callable[..., Tensor], categorical_projection: Callable[..., Tensor]
    ) -> None:
        self.config, self.n_step_returns = config, in_tensors(n_step_returns)
        self.categorical_projection = in_tensors(categorical_projection)

    def __call__(self, online: MeanOfAtoms, target: MeanOfAtoms, batch: Batch) -> Losses:
        each, atoms = torch.arange(len(batch.action)), online.atoms
        with torch.no_grad():
            collected, ended, discount = _window(batch, self.n_step_returns, self.config)
            next_probs = target.log_probabilities(batch.next_obs).exp()
            chosen_by = online(batch.next_obs) if self.config.double else next_probs @ atoms
            best = next_probs[each, chosen_by.argmax(dim=-1)]
            y = self.categorical_projection(best, collected, ended, discount, atoms)
            moved = collected.unsqueeze(-1) + (discount * ~ended).unsqueeze(-1) * atoms
            slack = (atoms[1] - atoms[0]) / 1000  # an atom that lands on an end is not beyond it, however it is rounded
            clamped = (best * ((moved < atoms[0] - slack) | (moved > atoms[-1] + slack))).sum(dim=-1)
        log_p = online.log_probabilities(batch.obs)[each, batch.action.long()]
        same_shape(prediction=log_p, categorical_projection=y)
        loss = -(y * log_p).sum(dim=-1)
        divergence = (loss + torch.special.xlogy(y, y).sum(dim=-1)).detach()
        return loss, divergence, {"q": log_p.exp() @ atoms, "divergence": divergence, "clamped": clamped}


def _window(batch: Batch, n_step_returns: Callable[..., Tensor], config: Any) -> tuple[Tensor, Tensor, float | Tensor]:
    """What each window collected, whether it ended for good, and what the value of its last state counts."""
    if config.n_step == 1:
        return batch.rewards[0], batch.terminated[0], config.gamma
    nothing = torch.zeros_like(batch.rewards)  # the value at a window's end is added by the target
    ends = batch.terminated, batch.truncated
    collected = n_step_returns(batch.rewards, nothing, *ends, config.gamma, config.n_step)[0]
    return collected, batch.terminated.any(dim=0), config.gamma ** batch.length.float()
