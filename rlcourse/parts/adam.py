"""Adam for K seeds side by side."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def clip_gradients(network: nn.Module, n_seeds: int, limit: float | None) -> None:
    """Scale each seed's gradient down to a norm of at most `limit`; None leaves it as it is."""
    if limit is None:
        return
    gradients = [p.grad for p in network.parameters() if p.grad is not None]  # a loss may leave some out
    stacked = n_seeds > 1  # parameters of one seed may have no axis of seeds
    norms = sum(g.pow(2).flatten(1).sum(1) if stacked else g.pow(2).sum().reshape(1) for g in gradients).sqrt()
    scale = (limit / (norms + 1e-6)).clamp(max=1)
    for g in gradients:
        g.mul_(scale.view(-1, *[1] * (g.ndim - 1)) if stacked else scale)


class SeedAdam:
    """Adam (Kingma and Ba, 2015) for stacked parameters [K, ...], of which only some seeds step at a time.

    A seed that stands still keeps its moments and its count: it learns as it would alone.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], eps: float = 1e-5) -> None:
        self.parameters = list(parameters)
        self.eps = eps
        self.moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self.parameters]
        self.count = torch.zeros(len(self.parameters[0]), dtype=torch.int64)

    @torch.no_grad()
    def step(self, seeds: Tensor, learning_rate: float) -> None:
        """Step with the seeds [R], by their gradients."""
        self.count[seeds] += 1
        for p, (mean, square) in zip(self.parameters, self.moments, strict=True):
            gradient, count = p.grad[seeds], self.count[seeds].view(-1, *[1] * (p.ndim - 1))
            mean[seeds] = 0.9 * mean[seeds] + 0.1 * gradient
            square[seeds] = 0.999 * square[seeds] + 0.001 * gradient**2
            unbiased = mean[seeds] / (1 - 0.9**count), square[seeds] / (1 - 0.999**count)
            p[seeds] -= learning_rate * unbiased[0] / (unbiased[1].sqrt() + self.eps)
