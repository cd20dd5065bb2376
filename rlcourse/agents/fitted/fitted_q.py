"""Fitted Q-iteration: Q-iteration from a fixed batch of transitions, with any function for a table (lecture 03).

Sources: Ernst, Geurts and Wehenkel (2005); Riedmiller (2005), with nets.
A batch is a Step [N, ...] as parts/batches.py collects it: the transitions of all seeds side by side, seed 0's first.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.agents.fitted.models import Model
from rlcourse.contracts.graded import equation
from rlcourse.contracts.inputs import Number, Scalar, bad_argument
from rlcourse.functional import targets
from rlcourse.parts.agent import same_shape
from rlcourse.training.progress import progress
from rlcourse.worlds.envs import Step


def fitted_q_iteration(
    model: Model,
    batch: Step,
    gamma: float,
    iterations: int,
    *,
    q_target: Callable[..., Tensor] = targets.q_target,
    after: Callable[[int], None] | None = None,
    strict: bool = True,
) -> ndarray:
    r"""Q-iteration from a fixed batch of transitions: each sweep is a regression on targets made of the last fit.

    .. math:: y_i = r_i + \gamma (1 - d_i) \max_{a'} Q_k(s'_i, a'), \qquad
        Q_{k+1} = \arg\min_Q \tfrac12 \sum_i \big( Q(s_i, a_i) - y_i \big)^2

    Source: Ernst, Geurts and Wehenkel (2005); Riedmiller (2005).

    Args:
        model: changed in place.
        batch: [N, ...], of any policy; only `terminated` ends a future.
        gamma: discount in [0, 1].
        iterations: how many fits.
        q_target: the equation, a student's or the library's.
        after: called with the number of each iteration after it.
        strict: raise where a seed's values overflow. Otherwise it is frozen there, and its neighbours go on.

    Returns:
        The mean squared error of each fit to its own targets [K, iterations], by seed. It says nothing about the
        distance to Q*.

    Raises:
        ValueError: where the batch does not fit the model, or the targets the batch.
        FloatingPointError: where the values overflow; which seed's, and in which iteration.
    """
    check(batch, model)
    Number(0, 1).check("gamma", gamma, {})
    iterations = int(Scalar(1, whole=True).check("iterations", iterations, {}))
    fit = model.regression(batch.obs, batch.action)
    losses, diverged = [], model.seeds.diverged
    for k in progress(range(1, iterations + 1), "fitted Q-iteration"):
        before = set(diverged)
        y = target_of(q_target, model, batch, gamma)
        fit(y)
        with torch.no_grad():
            error = y - model.chosen(batch.obs, batch.action)
        losses.append(model.by_seed(error**2).mean(1))
        overflow = set((~losses[-1].isfinite()).nonzero().flatten().tolist()) | set(diverged)
        diverged.update(dict.fromkeys(overflow - before, k))
        if strict and overflow - before:
            who = ", ".join(str(model.seeds.first + seed) for seed in sorted(overflow - before))
            diverged.clear()  # with other data, or other targets, it may go on
            came = f"the values of seed {who} are NaN or infinite in iteration {k}"
            raise FloatingPointError(f"{came}: the chain of fits diverges")
        if after:
            after(k)
    return torch.stack(losses, dim=1).numpy()


@torch.no_grad()
def target_of(q_target: Callable[..., Tensor], model: Model, batch: Step, gamma: float) -> Tensor:
    """The targets [N] of a batch, after a look at what came back from perhaps a student's function."""
    reward = torch.as_tensor(batch.reward, dtype=model.dtype)
    y = equation(q_target)(reward, torch.as_tensor(batch.terminated), model.q(batch.next_obs), gamma)
    y = torch.as_tensor(y, dtype=model.dtype)
    same_shape(reward=reward, q_target=y)
    return y


def check(batch: Step, model: Model) -> None:
    """Whether these are transitions of the model's seeds, with actions that it knows."""
    shape, K = np.shape(batch.reward), len(model.seeds)
    if len(shape) != 1 or shape[0] < 1 or shape[0] % K:
        expected = f"[N], as many transitions of each of the {K} seeds" if K > 1 else "[N], N >= 1"
        raise bad_argument("batch.reward", f"shape {shape}", expected)
    for name, value in batch._asdict().items():
        if np.shape(value)[:1] != shape or (name not in ("obs", "next_obs") and np.ndim(value) != 1):
            raise bad_argument(f"batch.{name}", f"shape {np.shape(value)}", f"{list(shape)} as the rewards")
    for name in ("reward", "obs", "next_obs"):
        if not np.isfinite(getattr(batch, name)).all():
            raise bad_argument(f"batch.{name}", "NaN or infinity", "finite numbers")
    if batch.terminated.dtype != bool:
        raise bad_argument("batch.terminated", f"{batch.terminated.dtype}", "True and False")
    if batch.action.dtype.kind not in "iu" or (batch.action < 0).any() or (batch.action >= model.n_actions).any():
        raise bad_argument(
            "batch.action", f"{batch.action.dtype} up to {batch.action.max()}", f"0..{model.n_actions - 1}, whole"
        )
