"""How Q is learned from a batch, against a reading of its windows step by step, with networks that are tables."""

import numpy as np
import pytest
import torch
from torch import nn

from rlcourse.agents.rainbow import Config
from rlcourse.functional import returns, targets
from rlcourse.parts.nets import MeanOfAtoms
from rlcourse.parts.q_losses import DistributionLosses, ValueLosses, q_losses
from rlcourse.parts.replay import Batch

LIBRARY = {
    "q_target": targets.q_target,
    "double_q_target": targets.double_q_target,
    "n_step_returns": returns.n_step_returns,
    "huber_loss": targets.huber_loss,
    "categorical_projection": targets.categorical_projection,
}


class Table(nn.Module):
    """Outputs [N, A] of states [N, 1] that are numbers."""

    def __init__(self, rows: torch.Tensor) -> None:
        super().__init__()
        self.rows = nn.Parameter(rows)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rows[x[..., 0].long()]


def a_batch(n: int, size: int = 40, states: int = 6) -> Batch:
    """Windows of up to n steps with ends of both kinds, filled up with zeros as the buffer does."""
    rng = np.random.default_rng(0)
    rewards, terminated, truncated = np.zeros((n, size)), np.zeros((n, size), bool), np.zeros((n, size), bool)
    length = np.zeros(size, int)
    for i in range(size):
        for t in range(n):
            rewards[t, i], length[i] = rng.normal(), t + 1
            terminated[t, i] = rng.random() < 0.2
            truncated[t, i] = not terminated[t, i] and rng.random() < 0.2
            if terminated[t, i] or truncated[t, i]:
                break
    obs, next_obs = (torch.from_numpy(rng.integers(states, size=(size, 1))).float() for _ in range(2))
    action = torch.from_numpy(rng.integers(3, size=size))
    of = (torch.from_numpy(x) for x in (rewards.astype(np.float32), terminated, truncated, length))
    rewards, terminated, truncated, length = of
    return Batch(
        obs, action, rewards, next_obs, terminated, truncated, length, np.zeros((1, size), int), torch.ones(size)
    )


def tables(*shape: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(shape, generator=generator) for _ in range(2)]


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("double", [True, False])
def test_the_error_of_a_value_is_what_its_window_says(n, double):
    online, target = map(Table, tables(6, 3))
    config = Config(distributional=False, double=double, n_step=n, gamma=0.9, huber=0.5)
    losses = q_losses(config, **LIBRARY)
    assert type(losses) is ValueLosses
    batch = a_batch(n)
    loss, error, report = losses(online, target, batch)
    for i in range(len(batch.action)):
        m, s, s_next = int(batch.length[i]), int(batch.obs[i, 0]), int(batch.next_obs[i, 0])
        y = sum(0.9**t * float(batch.rewards[t, i]) for t in range(m))
        if not batch.terminated[m - 1, i]:
            choice = int((online if double else target).rows.detach()[s_next].argmax())
            y += 0.9**m * target.rows[s_next, choice].item()
        off = y - online.rows[s, batch.action[i]].item()
        assert error[i].item() == pytest.approx(off, abs=1e-5)
        size = abs(off)
        assert loss[i].item() == pytest.approx(0.5 * size**2 if size <= 0.5 else 0.5 * (size - 0.25), abs=1e-5)
    assert torch.equal(report["td_error"], error) and set(report) == {"q", "td_error"}
    loss.sum().backward()
    assert online.rows.grad.abs().sum() > 0 and target.rows.grad is None


def test_the_clamped_share_is_the_probability_that_lands_outside():
    atoms = torch.linspace(-1, 1, 5)
    online, target = (MeanOfAtoms(Table(rows), atoms) for rows in tables(6, 15))
    config = Config(support=(-1.0, 1.0), n_atoms=5, n_step=3, gamma=0.9)
    losses = q_losses(config, **LIBRARY)
    assert type(losses) is DistributionLosses
    batch = a_batch(3)
    loss, divergence, report = losses(online, target, batch)
    for i in range(len(batch.action)):
        m, s_next = int(batch.length[i]), int(batch.next_obs[i, 0])
        on, of = (net.logits.rows.detach()[s_next].view(3, 5).softmax(-1) for net in (online, target))
        p = of[int((on @ atoms).argmax())]
        collected = sum(0.9**t * float(batch.rewards[t, i]) for t in range(m))
        gamma = 0.0 if batch.terminated[m - 1, i] else 0.9**m
        outside = sum(float(p[j]) for j in range(5) if abs(collected + gamma * float(atoms[j])) > 1)
        assert float(report["clamped"][i]) == pytest.approx(outside, abs=1e-5)
    assert 0.2 < report["clamped"].mean() < 0.8
    assert (divergence >= -1e-5).all() and (loss >= divergence - 1e-5).all()


@pytest.mark.parametrize(
    ("name", "switches"),
    [
        ("q_target", {"distributional": False}),
        ("double_q_target", {"distributional": False, "double": False}),
        ("n_step_returns", {"distributional": False, "n_step": 1}),
        ("categorical_projection", {"distributional": False}),
        ("huber_loss", {"support": (0.0, 1.0)}),
        ("double_q_target", {"support": (0.0, 1.0)}),
        ("q_target", {"support": (0.0, 1.0), "double": False}),
    ],
)
def test_what_the_switches_never_call_is_refused_by_name(name, switches):
    with pytest.raises(ValueError, match=f"^{name}: got a function that these settings never call"):
        q_losses(Config(**switches), **LIBRARY | {name: lambda *arguments: 0})


def test_what_lands_on_an_end_is_not_beyond_it():
    """A reward of 1 for ever, worth 10 where gamma is 0.9: the atom 10 moves onto itself, in whatever way it rounds."""
    atoms = torch.linspace(0, 10, 11)
    online = MeanOfAtoms(Table(torch.eye(11)[-1:].mul(50.0).repeat(6, 3)), atoms)  # surely 10, for each action
    losses = q_losses(Config(support=(0.0, 10.0), n_atoms=11, n_step=3, gamma=0.9), **LIBRARY)
    batch = a_batch(3)
    batch.rewards[:] = 1.0
    batch.terminated[:], batch.truncated[:], batch.length[:] = False, False, 3
    loss, _, report = losses(online, online, batch)
    assert report["clamped"].max() < 1e-6 and loss.max() < 1e-3
