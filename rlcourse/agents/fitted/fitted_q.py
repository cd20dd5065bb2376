"""Fitted Q-iteration: Q-iteration from a fixed batch of transitions, with any function for a table (lecture 03).

Sources: Ernst, Geurts and Wehenkel (2005); Riedmiller (2005), with nets.
A batch is a Step [K, N, ...]: N transitions of each of K seeds, side by side. Equations see [K * N], never K.
"""

from collections.abc import Callable, Sequence

import gymnasium
import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.agents.fitted.models import Model
from rlcourse.contracts.graded import equation
from rlcourse.contracts.inputs import Number, bad_argument
from rlcourse.functional import targets
from rlcourse.parts.replay import fold, unfold
from rlcourse.training.progress import progress
from rlcourse.worlds.envs import EnvMaker, Envs, Step


def fitted_q_iteration(
    model: Model,
    batch: Step,
    gamma: float,
    iterations: int,
    *,
    q_target: Callable[..., Tensor] = targets.q_target,
    after: Callable[[int], None] | None = None,
) -> ndarray:
    r"""Q-iteration from a fixed batch of transitions: each sweep is a regression on targets made of the last fit.

    .. math:: y_i = r_i + \gamma (1 - d_i) \max_{a'} Q_k(s'_i, a'), \qquad
        Q_{k+1} = \arg\min_Q \tfrac12 \sum_i \big( Q(s_i, a_i) - y_i \big)^2

    Source: Ernst, Geurts and Wehenkel (2005); Riedmiller (2005).

    Args:
        model: changed in place.
        batch: [K, N, ...], of any policy; only `terminated` ends a future.
        gamma: discount in [0, 1].
        iterations: how many fits.
        q_target: the equation, a student's or the library's.
        after: called with the number of each iteration after it.

    Returns:
        The mean squared error of each fit to its own targets [K, iterations]. It says nothing about the distance to Q*.

    Raises:
        ValueError: where the batch does not fit the model, or the targets the batch.
        FloatingPointError: where the values overflow.
    """
    check(batch, model)
    Number(0, 1).check("gamma", gamma, {})
    Number(1).check("iterations", iterations, {})
    reward = fold(torch.as_tensor(batch.reward, dtype=model.dtype))
    terminated, action = fold(torch.as_tensor(batch.terminated)), torch.as_tensor(batch.action).long()
    fit = model.regression(batch.obs, batch.action)
    losses = []
    for k in progress(range(1, iterations + 1), "fitted Q-iteration"):
        with torch.no_grad():
            y = target_of(q_target, reward, terminated, fold(model.q(batch.next_obs)), gamma)
        y = unfold(y, model.n_seeds)
        fit(y)
        with torch.no_grad():
            error = y - model.q(batch.obs).gather(2, action.unsqueeze(2)).squeeze(2)
        losses.append((error**2).mean(1))
        if not torch.isfinite(losses[-1]).all():
            raise FloatingPointError(f"the values are NaN or infinite in iteration {k}: the chain of fits diverges")
        if after:
            after(k)
    return torch.stack(losses, dim=1).numpy()


def collect(
    env: EnvMaker,
    steps: int,
    n_seeds: int = 1,
    seed: int = 0,
    act: Callable[[ndarray], ndarray] | None = None,
) -> Step:
    """A batch [K, steps, ...] of transitions, by `act` (observations [K, 1, ...] to actions [K, 1]) or at random."""
    Number(1).check("steps", steps, {})
    envs = Envs(env, n_seeds, 1, seed)
    if not isinstance(envs.action_space, gymnasium.spaces.Discrete):
        raise bad_argument("action_space", f"{envs.action_space}", "Discrete actions")
    generators = [np.random.default_rng([seed + k, 2]) for k in range(n_seeds)]
    taken = []
    for _ in range(steps):
        action = np.array([[g.integers(envs.action_space.n)] for g in generators])
        taken.append(envs.step(action if act is None else act(envs.observation)))
    envs.close()
    return join(taken)


def join(batches: Sequence[Step]) -> Step:
    """Batches of the same seeds as one: [K, N1 + N2 + ..., ...]."""
    return Step(*(np.concatenate(column, axis=1) for column in zip(*batches, strict=True)))


def target_of(
    q_target: Callable[..., Tensor], reward: Tensor, terminated: Tensor, next_q: Tensor, gamma: float
) -> Tensor:
    """The targets [K*N], after a look at what came back from perhaps a student's function."""
    y = equation(q_target)(reward, terminated, next_q, gamma)
    if y.shape != reward.shape:
        raise bad_argument(
            "q_target", f"shape {tuple(y.shape)} back from it", f"{tuple(reward.shape)}, one target a transition"
        )
    return y


def check(batch: Step, model: Model) -> None:
    """Whether these are transitions of the model's seeds, with actions that it knows."""
    shape = np.shape(batch.reward)
    if len(shape) != 2 or shape[0] != model.n_seeds or shape[1] < 1:
        raise bad_argument("batch.reward", f"shape {shape}", f"[K, N] with K = {model.n_seeds} seeds, N >= 1")
    for name, value in batch._asdict().items():
        if np.shape(value)[:2] != shape or (name not in ("obs", "next_obs") and np.ndim(value) != 2):
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
