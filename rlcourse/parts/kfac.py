"""K-FAC: a network's Fisher matrix, layer by layer, as a Kronecker product of two small ones; of one seed."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from rlcourse.parts.nets import StackedLinear


class KFAC:
    """Natural steps of a network whose Fisher matrix K-FAC approximates (Martens and Grosse, 2015).

    A linear layer's block of it is taken for Gamma kron Omega. Omega is the mean of a a' over the layer's inputs a, a 1
    among them for the bias; Gamma is that of s s' over the gradients s at its outputs. These are gradients of the
    log-probability of outputs *drawn from the model*: of those that were seen, or of the loss, it is another matrix.

    Args:
        network: of one seed; its layers are StackedLinear.
        decay: how much of the running means is left by each measurement.
        kfac_precondition, kfac_step_size: the equations.
        known: parameters [1, D] outside of these layers, with their blocks of the Fisher matrix [D, D].
    """

    def __init__(
        self,
        network: nn.Module,
        decay: float,
        kfac_precondition: Callable[..., Tensor],
        kfac_step_size: Callable[..., Tensor],
        known: Sequence[tuple[nn.Parameter, Tensor]] = (),
    ) -> None:
        self.decay, self.kfac_precondition, self.kfac_step_size = decay, kfac_precondition, kfac_step_size
        self.layers = [layer for layer in network.modules() if isinstance(layer, StackedLinear)]
        self.blocks = [(layer.weight, layer.bias) for layer in self.layers] + [(parameter,) for parameter, _ in known]
        self.known = [(torch.eye(1), fisher) for _, fisher in known]
        self.factors: list[tuple[Tensor, Tensor]] = []  # Omega and Gamma of each layer
        self.seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}
        for layer in self.layers:
            layer.register_forward_hook(self._see)

    def _see(self, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        """What goes through a layer; not where it only acts, without gradients."""
        if output.requires_grad:
            self.seen[layer] = inputs[0].detach()[0], output

    def measure(self, log_prob: Tensor) -> None:
        """Update the running means by what went through the network last.

        Args:
            log_prob: of outputs drawn from the model, one for each of the inputs [M]; its graph is kept.
        """
        inputs, outputs = zip(*(self.seen.pop(layer) for layer in self.layers), strict=True)
        slopes = torch.autograd.grad(log_prob.sum(), outputs, retain_graph=True)
        fresh = [(_mean_square(_and_one(a)), _mean_square(s[0])) for a, s in zip(inputs, slopes, strict=True)]
        self.factors = [
            tuple(torch.lerp(now, before, self.decay) for now, before in zip(*factors, strict=True))
            for factors in zip(fresh, self.factors or fresh, strict=True)
        ]

    def step(self, loss: Tensor, damping: float, max_kl: float, max_step: float) -> Tensor:
        """Take a natural step down the loss, as long as the divergence allows; its size. The loss's graph is kept."""
        slopes = iter(torch.autograd.grad(loss, [p for block in self.blocks for p in block], retain_graph=True))
        steps, products = [], []
        for block, (omega, gamma) in zip(self.blocks, self.factors + self.known, strict=True):
            gradient = torch.cat([next(slopes).reshape(-1, p.shape[-1]) for p in block]).T  # a row for each output
            steps.append(self.kfac_precondition(gradient, omega, gamma, damping))
            products.append(gamma @ steps[-1] @ omega)  # the Fisher matrix times the step
        flat = (torch.cat([x.flatten() for x in blocks]) for blocks in (steps, products))
        size = self.kfac_step_size(*flat, max_kl, max_step)
        with torch.no_grad():
            for block, step in zip(self.blocks, steps, strict=True):
                rows = [p.numel() // p.shape[-1] for p in block]
                for p, part in zip(block, step.T.split(rows), strict=True):
                    p -= size * part.reshape(p.shape)
        return size


def _and_one(inputs: Tensor) -> Tensor:
    """What a layer's bias sees beside its weights: [M, in] to [M, in + 1]."""
    return torch.cat([inputs, torch.ones_like(inputs[:, :1])], dim=1)


def _mean_square(x: Tensor) -> Tensor:
    """The mean of x x' over the rows of x [M, n]."""
    return x.T @ x / len(x)
