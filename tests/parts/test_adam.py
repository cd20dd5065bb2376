"""Adam of K seeds side by side is K of torch's, each with a gradient, a norm and moments of its own."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from rlcourse.parts.adam import Adam
from rlcourse.parts.seeds import Seeds


class Stack(nn.Module):
    """One stacked parameter."""

    def __init__(self, *shape: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.zeros(*shape))


def settings(**changes) -> SimpleNamespace:
    plain = {"learning_rate": 0.1, "anneal": False, "total_steps": 100, "max_grad_norm": None}
    return SimpleNamespace(**plain | changes)


def step(adam: Adam, stack: Stack, gradients: torch.Tensor, done: int = 1, only: list[int] | None = None) -> None:
    """A step whose loss is the mean of losses with these gradients [K, ...]."""
    seeds = range(len(gradients)) if only is None else only
    adam.step(sum((stack.weights[k] * gradients[k]).sum() for k in seeds) / len(seeds), done, only)


def test_gradients_are_shortened_seed_by_seed():
    """Adam's first step does not see a length, its second one the ratio of two: 30 shortened to 1, then 1."""
    stack = Stack(2, 3)
    adam = Adam(stack, seeds=Seeds(0, 2), config=settings(max_grad_norm=1.0), eps=1e-8)
    twin = nn.Parameter(torch.zeros(2, 3))
    theirs = torch.optim.Adam([twin], 0.1, eps=1e-8)
    for length in (30.0, 1.0):
        gradients = torch.tensor([[length, 0.0, 0.0], [0.5, 0.25, 0.0]])
        step(adam, stack, gradients)
        assert adam.norms.tolist() == pytest.approx([length, 0.3125**0.5]), "the norms before"
        twin.grad = gradients.clone()
        twin.grad[0, 0] = 1.0
        theirs.step()
    torch.testing.assert_close(stack.weights[:, :2], twin[:, :2], atol=1e-5, rtol=0)


def test_seeds_that_step_follow_torchs_adam_and_the_others_stand_still():
    stack = Stack(3, 4, 2)
    alone = [nn.Parameter(torch.zeros(4, 2)) for _ in range(3)]
    theirs = [torch.optim.Adam([p], 0.1, eps=1e-5) for p in alone]
    adam = Adam(stack, seeds=Seeds(0, 3), config=settings())
    for seeds in ([0], [0, 2], [1], None, [2], [0]):
        gradients = torch.randn(3, 4, 2)
        for k in range(3) if seeds is None else seeds:
            alone[k].grad = gradients[k].clone()
            theirs[k].step()
        step(adam, stack, gradients, only=seeds)
        torch.testing.assert_close(stack.weights.detach(), torch.stack(alone).detach())


def test_a_parameter_that_a_loss_leaves_out_stays():
    used, unused = Stack(2, 3), Stack(2, 3)
    adam = Adam(used, unused, seeds=Seeds(0, 2), config=settings(max_grad_norm=1.0))
    step(adam, used, torch.ones(2, 3))
    assert (used.weights < 0).all() and (unused.weights == 0).all()


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_seed_whose_gradient_is_not_finite_is_frozen_and_named_with_its_step(bad):
    stack, seeds = Stack(3, 2), Seeds(5, 3)
    adam = Adam(stack, seeds=seeds, config=settings(max_grad_norm=1.0))
    step(adam, stack, torch.ones(3, 2), done=10)
    before = stack.weights.detach().clone()
    gradients = torch.ones(3, 2)
    gradients[1, 0] = bad
    step(adam, stack, gradients, done=20)
    step(adam, stack, torch.ones(3, 2), done=30)
    assert seeds.diverged == {1: 20}
    assert torch.equal(stack.weights[1], before[1]), "and it is never moved again"
    assert (stack.weights[[0, 2]] < before[[0, 2]]).all() and stack.weights.isfinite().all()


def test_the_rate_falls_from_its_whole_to_nearly_nothing():
    """Two updates a step share its rate: it is that of the steps before."""
    stack = Stack(1, 1)
    adam = Adam(stack, seeds=Seeds(), config=settings(anneal=True), eps=0.0)
    moved = []
    for done in (25, 25, 50, 75, 100):
        before = stack.weights.item()
        step(adam, stack, torch.ones(1, 1), done)
        moved.append(before - stack.weights.item())
    assert moved == pytest.approx([0.1, 0.1, 0.075, 0.05, 0.025], rel=1e-4)
