"""Adam of K seeds side by side is K of torch's, each with a gradient, a norm and moments of its own."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from rlcourse.parts.adam import Adam
from rlcourse.parts.nets import SideBySide, mlp
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


def one_of(stacked: nn.Sequential, k: int) -> nn.Sequential:
    """Seed k's net, in torch's own layers."""
    layers = []
    for part in stacked:
        if hasattr(part, "weight"):
            part = nn.Linear(*part.weight.shape[1:])
        layers.append(part)
    alone = nn.Sequential(*layers)
    copy_into(alone, stacked, k)
    return alone


@torch.no_grad()
def copy_into(alone: nn.Sequential, stacked: nn.Sequential, k: int) -> None:
    for mine, theirs in zip(alone, stacked, strict=True):
        if hasattr(mine, "weight"):
            mine.weight.copy_(theirs.weight[k].T)
            mine.bias.copy_(theirs.bias[k, 0])


@pytest.mark.parametrize("max_grad_norm", [None, 0.5, 100.0])
@pytest.mark.parametrize("poisoned", [None, 2])
def test_it_is_torchs_adam_and_clipping_seed_by_seed(max_grad_norm, poisoned):
    """Networks of three seeds on data of very different sizes; where one gets a NaN, the others do not notice."""
    K, M, chance = 3, 16, torch.Generator().manual_seed(0)
    seeds = Seeds(0, K)
    net = SideBySide(mlp((4, 8, 1), seeds("policy"), activation=nn.Tanh), K)
    alone = [one_of(net.net, k) for k in range(K)]
    start = [p.detach().clone() for p in net.parameters()]
    config = settings(learning_rate=1e-2, anneal=True, total_steps=600, max_grad_norm=max_grad_norm)
    adam = Adam(net, seeds=seeds, config=config)
    theirs = [torch.optim.Adam(one.parameters(), 1e-2, eps=1e-5) for one in alone]
    for update in range(30):
        x = torch.randn(K, M, 4, generator=chance)
        y = torch.randn(K, M, generator=chance) * torch.tensor([[0.01], [1.0], [1000.0]])
        if poisoned is not None:
            y[poisoned, 0] = torch.nan
        adam.step(((net(x.flatten(0, 1)).squeeze(-1) - y.flatten()) ** 2).mean(), done=20 * (update + 1))
        for k in range(K):
            theirs[k].param_groups[0]["lr"] = 1e-2 * (1 - 20 * update / 600)
            theirs[k].zero_grad()
            ((alone[k](x[k]).squeeze(-1) - y[k]) ** 2).mean().backward()
            norm = nn.utils.clip_grad_norm_(alone[k].parameters(), max_grad_norm or torch.inf)
            if k != poisoned:
                torch.testing.assert_close(adam.norms[k], norm, rtol=1e-3, atol=1e-5)
                theirs[k].step()
    assert seeds.diverged == ({} if poisoned is None else {poisoned: 20})
    for k in range(K):
        mine = one_of(net.net, k)
        for p, q in zip(mine.parameters(), alone[k].parameters(), strict=True):
            torch.testing.assert_close(p, q, atol=1e-4, rtol=1e-3)
    moved = [(p - q).abs().flatten(1).amax(1) for p, q in zip(net.parameters(), start, strict=True)]
    assert all(bool((of_seed > 0).all()) == (poisoned is None) for of_seed in moved)


def test_ten_annealed_updates_go_from_the_whole_rate_to_a_tenth_of_it():
    stack = Stack(2, 1)
    adam = Adam(stack, seeds=Seeds(0, 2), config=settings(anneal=True, learning_rate=1.0), eps=0.0)
    moved = []
    for done in range(10, 101, 10):
        before = stack.weights[0].item()
        step(adam, stack, torch.ones(2, 1), done)
        moved.append(before - stack.weights[0].item())
    assert moved == pytest.approx([1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1], rel=1e-4)


def test_without_annealing_the_rate_stays():
    stack = Stack(1, 1)
    adam = Adam(stack, seeds=Seeds(), config=settings(), learning_rate=0.5, eps=0.0)
    for done in (50, 100, 1000):
        step(adam, stack, torch.ones(1, 1), done)
    assert stack.weights.item() == pytest.approx(-1.5, rel=1e-5), "the rate given, not the config's"


@pytest.mark.parametrize("max_grad_norm", [None, 1.0])
def test_a_gradient_whose_norm_overflows_is_named_and_no_silent_step_of_0(max_grad_norm):
    stack, seeds = Stack(2, 2), Seeds(0, 2)
    adam = Adam(stack, seeds=seeds, config=settings(max_grad_norm=max_grad_norm))
    step(adam, stack, torch.tensor([[1e30, 1e30], [1.0, 1.0]]), done=7)
    assert seeds.diverged == {0: 7}
    assert (stack.weights[0] == 0).all() and (stack.weights[1] < 0).all()


def test_a_seed_that_does_not_step_cannot_diverge():
    """Its gradient is nobody's: the loss was the mean over the others."""
    stack, seeds = Stack(2, 2), Seeds(0, 2)
    adam = Adam(stack, seeds=seeds, config=settings(max_grad_norm=1.0))
    gradients = torch.tensor([[torch.nan, 1.0], [1.0, 1.0]])
    adam.step((stack.weights * gradients).sum(), 1, only=[1])
    assert not seeds.diverged and (stack.weights[0] == 0).all() and (stack.weights[1] < 0).all()


def test_where_all_have_diverged_nothing_moves_and_nothing_breaks():
    stack, seeds = Stack(2, 2), Seeds(0, 2)
    adam = Adam(stack, seeds=seeds, config=settings(max_grad_norm=1.0))
    for done in (1, 2):
        step(adam, stack, torch.full((2, 2), torch.nan), done)
    assert seeds.diverged == {0: 1, 1: 1} and (stack.weights == 0).all()


def test_two_networks_share_a_norm():
    first, second = Stack(1, 1), Stack(1, 1)
    adam = Adam(first, second, seeds=Seeds(), config=settings(max_grad_norm=1.0))
    adam.step((3 * first.weights + 4 * second.weights).sum(), 1)
    assert adam.norms.item() == pytest.approx(5.0)
