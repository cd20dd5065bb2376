"""A3C: one worker is A2C, several share their updates and learn, and what cannot work is said before they start."""

import dataclasses
import functools
import os
import signal

import numpy as np
import psutil
import pytest
import torch

from rlcourse.agents import a2c, a3c
from rlcourse.agents.a3c import A3C
from rlcourse.agents.recurrent_a2c import RecurrentA2C
from rlcourse.functional import policy_losses
from rlcourse.training.asynchronous import Shared, train_asynchronously
from rlcourse.training.loop import evaluate
from rlcourse.worlds.envs import Envs
from rlcourse.worlds.probes import Probe, recall

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other

PROBE = functools.partial(Probe, "both matter")
SMALL = a3c.Config(total_steps=2_000, hidden=(16,), learning_rate=1e-2, gamma=0.5, entropy_coef=0.0)


def children() -> list[psutil.Process]:
    """Worker processes of ours that are still running."""
    found = psutil.Process().children(recursive=True)
    alive = [child for child in found if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in alive if "spawn_main" in " ".join(child.cmdline())]


def as_a2c(config: a3c.Config, **changes) -> a2c.Config:
    same = {field.name: getattr(config, field.name) for field in dataclasses.fields(a2c.Config)}
    return a2c.Config(**same | changes)


def played(agent, steps: int) -> None:
    """As a worker plays, without any other."""
    agent.exploration = agent.seeds("exploration of worker 0")
    envs = Envs(agent.env, agent.seeds.numbers("environments of worker 0", agent.config.n_envs))
    for _ in range(steps):
        step = envs.step(agent.act(envs.observation))
        agent.steps += agent.config.n_envs
        agent.observe(step)


def test_one_worker_alone_is_a2c_with_one_environment():
    """Adam on shared memory, the copying and the counting change nothing: the same weights, to rounding."""
    config = dataclasses.replace(SMALL, n_workers=1, total_steps=400, anneal=True, max_grad_norm=0.1)
    ours = A3C(PROBE, seed=3, config=config)
    run = train_asynchronously(ours, evaluations=0)
    theirs = a2c.A2C(PROBE, 1, 3, as_a2c(config))
    start = [p.detach().clone() for p in theirs.adam.parameters]
    played(theirs, 400)
    moved = 0.0
    for first, a, b in zip(start, ours.parameters, theirs.adam.parameters, strict=True):
        torch.testing.assert_close(a, b, atol=1e-4, rtol=0)
        moved = max(moved, (b - first).abs().max().item())
    assert moved > 0.05
    assert run.updates.tolist() == [50] and ours.steps == 400 and not run.died
    assert run.behind == 0, "there are no others"
    assert run.returns.shape == (1, 0) and len(run.steps) == 0
    with pytest.raises(ValueError, match="agent: got one that has done 400 steps, expected a new one"):
        train_asynchronously(ours)


def test_workers_share_their_updates_and_learn_though_one_of_them_is_killed():
    def kill_the_third(processes):
        os.kill(processes[2].pid, signal.SIGKILL)

    agent = A3C(PROBE, config=dataclasses.replace(SMALL, n_workers=3))
    with pytest.warns(RuntimeWarning, match="worker 2 died: killed by signal 9"):
        run = train_asynchronously(agent, evaluations=2, episodes=20, started=kill_the_third)
    assert run.died == {2: "killed by signal 9"}
    assert (run.updates[:2] > 10).all(), "both of the others contribute"
    counted = run.updates.sum() * SMALL.rollout_length
    assert counted in (agent.steps, agent.steps - SMALL.rollout_length), "killed between two counts, at the worst"
    assert SMALL.total_steps <= agent.steps <= SMALL.total_steps + 2 * SMALL.rollout_length
    assert run.steps[-1] == agent.steps and run.returns.shape == (1, 2)
    assert evaluate(agent, episodes=20)[0] == 1
    assert len(run.finished[0]) >= 0.95 * agent.steps, "each step of this probe ends an episode"
    assert run.seconds > 0 and 0 < run.behind < 20
    assert not children()


def test_workers_may_have_a_memory_and_are_looked_at_on_the_way():
    config = a3c.Config(total_steps=400, hidden=(8,), n_workers=1, gru_width=8, rollout_length=4)
    agent = A3C(functools.partial(recall, 3), config=config)
    run = train_asynchronously(agent, evaluations=4, episodes=2)
    assert isinstance(agent.learner, RecurrentA2C) and run.updates.tolist() == [100]
    assert (np.diff(run.steps) > 0).all() and len(run.steps) <= 4 and run.steps[-1] == 400
    assert run.returns.shape == (1, len(run.steps))
    assert not children()


def test_the_shared_step_is_adam():
    """Two workers in turn on one vector: torch's Adam with the same gradients gets the same."""
    networks = [[torch.zeros(2, 3, requires_grad=True), torch.zeros(5, requires_grad=True)] for _ in range(2)]
    weights = torch.randn(11, generator=torch.Generator().manual_seed(1))
    shared, config = Shared(weights, 2), dataclasses.replace(SMALL, anneal=False, max_grad_norm=None)
    workers = [a3c.SharedAdam(network, shared, w, config) for w, network in enumerate(networks)]
    reference = weights.clone().requires_grad_()
    adam = torch.optim.Adam([reference], SMALL.learning_rate, eps=1e-5)
    generator = torch.Generator().manual_seed(0)
    for turn in (0, 1, 1, 0, 1):
        gradient = torch.randn(11, generator=generator)
        mine = torch.nn.utils.parameters_to_vector(networks[turn])
        workers[turn].step((mine * gradient).sum(), 8)
        reference.grad = gradient
        adam.step()
        torch.testing.assert_close(shared.weights, reference.detach(), atol=1e-6, rtol=1e-5)
        torch.testing.assert_close(torch.nn.utils.parameters_to_vector(networks[turn]), shared.weights)
    assert shared.updates.tolist() == [2, 3]
    assert shared.behind.tolist() == [2, 2], "worker 0 at its 2nd update; worker 1 at its 1st and its 3rd"


def a_workers_agent(env=PROBE, **equations) -> a2c.A2C:
    agent = a2c.A2C(env, 1, 0, as_a2c(SMALL), **equations)
    weights = torch.nn.utils.parameters_to_vector(agent.adam.parameters).detach()
    agent.adam = a3c.SharedAdam(agent.adam.parameters, Shared(weights, 1), 0, SMALL)
    return agent


def test_a_loss_that_leaves_the_critic_out_steps_the_policy_alone():
    def actor_loss(log_prob, advantage, *rest):
        return policy_losses.score_function_loss(log_prob.flatten(), advantage.flatten())

    agent = a_workers_agent(a2c_loss=actor_loss)
    policy, critic = ([p.detach().clone() for p in net.parameters()] for net in (agent.policy, agent.critic))
    played(agent, 8)
    assert all(torch.equal(a, b) for a, b in zip(critic, agent.critic.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(policy, agent.policy.parameters(), strict=True))
    assert agent.report["gradient"] > 0


class Breaks(Probe):
    def step(self, action):
        obs, _, *rest = super().step(action)
        return obs, float("nan"), *rest


def test_a_gradient_that_is_nan_ends_its_worker_and_never_reaches_the_others():
    agent = a_workers_agent(lambda: Breaks("both matter"))
    before = agent.adam.shared.weights.clone()
    with pytest.raises(FloatingPointError, match="NaN or infinite after 8 steps: look at the rewards"):
        played(agent, 8)
    assert torch.equal(agent.adam.shared.weights, before) and agent.adam.shared.updates.sum() == 0


@pytest.mark.parametrize(
    "settings, says",
    [
        ({"env": lambda: Probe("both matter")}, "env: got <function .*expected a function in a file"),
        ({"gae": lambda *rest: None}, "gae: got <function .*expected a function in a file"),
        ({"n_seeds": 2}, "n_seeds: got 2, expected 1"),
        ({"config": {"n_workers": 0}}, "n_workers: got 0"),
        ({"config": {"lam": 2.0}}, "lam: got 2"),
    ],
    ids=["env", "gae", "n_seeds", "n_workers", "lam"],
)
def test_what_cannot_work_is_said_before_a_process_starts(settings, says):
    with pytest.raises(ValueError, match=says):
        A3C(**{"env": PROBE} | settings | {"config": dataclasses.replace(SMALL, **settings.get("config", {}))})
    assert not children()
