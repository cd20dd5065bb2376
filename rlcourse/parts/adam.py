"""Adam for K seeds side by side: each goes down the gradient of its own mean loss, by its own norm and moments."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from rlcourse.parts.seeds import Seeds


class Adam:
    """Adam (Kingma and Ba, 2015) for networks whose parameters are stacked [K, ...]: row k is seed k's.

    A seed whose gradient is not finite has diverged: it is noted in `seeds.diverged` and never moved again, while its
    neighbours go on. A seed that stands still keeps its moments: it learns as it would alone.

    Args:
        networks: what it steps.
        seeds: of whom.
        config: has `anneal`, `total_steps`, `max_grad_norm` and `learning_rate`.
        learning_rate: in place of config's.
        eps: added to the root of the second moment.
    """

    def __init__(
        self, *networks: nn.Module, seeds: Seeds, config: Any, learning_rate: float | None = None, eps: float = 1e-5
    ) -> None:
        self.parameters = [p for network in networks for p in network.parameters()]
        self.seeds, self.config, self.eps = seeds, config, eps
        self.learning_rate = config.learning_rate if learning_rate is None else learning_rate
        self.sizes = [p[0].numel() for p in self.parameters]
        self.mean, self.square = torch.zeros(2, len(seeds), sum(self.sizes))
        self.count = torch.zeros(len(seeds), 1)
        self.norms = torch.zeros(len(seeds))  # of the last gradients, before they were clipped
        self.done = self.before = 0

    def step(self, loss: Tensor, done: int, only: Sequence[int] | None = None) -> None:
        """Step down the gradient of `loss`, a mean over all seeds' batches, after `done` steps of the run.

        Args:
            loss: one number. Times K, so that each seed gets the gradient of its own mean.
            done: environment steps of each seed so far. The learning rate is that of the steps before these.
            only: the seeds that step, where the others stand still. The loss is then the mean over these.
        """
        for p in self.parameters:
            p.grad = None
        (loss * (len(self.seeds) if only is None else len(only))).backward()
        with torch.no_grad():
            self._step(self._gradients(), done, only)

    def _gradients(self) -> Tensor:
        """[K, P]; 0 where a loss leaves a parameter out."""
        return torch.cat([(torch.zeros_like(p) if p.grad is None else p.grad).flatten(1) for p in self.parameters], 1)

    def _step(self, gradients: Tensor, done: int, only: Sequence[int] | None) -> None:
        self.norms = gradients.norm(dim=1)
        moving = list(range(len(self.seeds)) if only is None else only)
        if self.seeds.diverged or not self.norms.isfinite().all():
            for k in moving:
                if not self.norms[k].isfinite():
                    self.seeds.diverged.setdefault(k, done)
            moving = [k for k in moving if k not in self.seeds.diverged]
        limit = self.config.max_grad_norm
        if limit is not None and (self.norms > limit).any():
            gradients *= (limit / (self.norms + 1e-6)).clamp(max=1).unsqueeze(1)
        if done > self.done:
            self.before, self.done = self.done, done
        rate = self.learning_rate
        if self.config.anneal:
            rate *= max(0.0, 1 - self.before / self.config.total_steps)
        self._move(gradients, rate, slice(None) if len(moving) == len(self.seeds) else torch.tensor(moving, dtype=int))

    def _move(self, gradients: Tensor, rate: float, rows: slice | Tensor) -> None:
        """The step of Adam itself, of the seeds in these rows. In place, for here is where the time goes."""
        mean, square, count = self.mean[rows], self.square[rows], self.count[rows] + 1
        gradients = gradients[rows]
        mean.lerp_(gradients, 0.1)
        square.mul_(0.999).addcmul_(gradients, gradients, value=0.001)
        root = (1 - 0.999**count).sqrt()  # both moments begin at 0: this makes up for it
        scale = (square + 1e-30).sqrt_().add_(self.eps * root)  # a root of 0 takes MKL three times as long
        step = torch.div(mean, scale, out=scale).mul_(rate * root / (1 - 0.9**count))
        for p, part in zip(self.parameters, step.split(self.sizes, dim=1), strict=True):
            p[rows] -= part.view(-1, *p.shape[1:])
        self.mean[rows], self.square[rows], self.count[rows] = mean, square, count
