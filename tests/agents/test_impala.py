"""IMPALA: its lag is what it says, without lag it is A2C, a student's V-trace drives it, replay keeps seeds apart."""

import dataclasses

import numpy as np
import pytest
import torch

from rlcourse.agents import a2c
from rlcourse.agents.impala import Config, Impala
from rlcourse.parts.rollouts import Rollout, Rollouts, side_by_side
from rlcourse.training.loop import train
from rlcourse.worlds.envs import Envs
from rlcourse.worlds.probes import Probe

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other

SMALL = Config(
    gamma=0.5,
    total_steps=4_000,
    hidden=(16,),
    learning_rate=1e-2,
    anneal=False,
    n_envs=4,
    rollout_length=4,
    entropy_coef=0.0,
)


def trained(config: Config, kind: str = "both matter", n_seeds: int = 2, steps: int | None = None, **equations):
    learner = Impala(lambda: Probe(kind), n_seeds, 0, config, **equations)
    train(learner, steps=steps, evaluations=0)
    return learner


def parameters(learner) -> list[torch.Tensor]:
    return [*learner.policy.parameters(), *learner.critic.parameters()]


def observations(learner) -> torch.Tensor:
    """-1, 0 and 1 for each seed [K * 3, 1]."""
    return torch.tensor([[-1.0], [0.0], [1.0]]).repeat(len(learner.seeds), 1)


def probabilities(learner) -> torch.Tensor:
    """pi(. | s) [K, 3, 2] for the observations -1, 0, 1."""
    with torch.no_grad():
        return learner.policy(observations(learner)).logits.softmax(-1).unflatten(0, (-1, 3))


@pytest.mark.parametrize("change", [{}, {"lag": 0}, {"replay": 2}, {"c_bar": 0.0}, {"rho_bar": 2.0}], ids=str)
def test_it_learns_what_matters(change):
    learner = trained(dataclasses.replace(SMALL, **change))
    pi = probabilities(learner)
    assert (pi[:, 0, 0] > 0.9).all() and (pi[:, 2, 1] > 0.9).all()
    with torch.no_grad():
        values = learner.critic(observations(learner)).unflatten(0, (-1, 3))[:, [0, 2]]
    torch.testing.assert_close(values, torch.ones(2, 2), atol=0.15, rtol=0)


def test_without_lag_it_is_a2c_with_the_longest_returns():
    config = dataclasses.replace(SMALL, lag=0)
    ours = trained(config, "two steps", steps=400)
    same = {f.name: getattr(config, f.name) for f in dataclasses.fields(a2c.Config) if hasattr(config, f.name)}
    theirs = a2c.A2C(lambda: Probe("two steps"), 2, 0, a2c.Config(**same, lam=1.0))
    train(theirs, steps=400, evaluations=0)
    for a, b in zip(parameters(ours), parameters(theirs), strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=0)


@pytest.mark.parametrize("lag", [0, 3])
def test_each_rollout_is_learned_from_when_it_is_so_many_updates_old(lag, monkeypatch):
    """Each rollout is marked by how many updates there had been when it was taken."""
    learner = Impala(lambda: Probe("both matter"), 1, 0, dataclasses.replace(SMALL, lag=lag))
    ages, plain = [], learner.learn

    def looked_at(rollout):
        ages.append(len(ages) - int(rollout.rewards[0, 0]))
        plain(rollout)

    monkeypatch.setattr(learner, "learn", looked_at)
    envs = Envs(lambda: Probe("both matter"), range(4))
    for _ in range(80):
        step = envs.step(learner.act(envs.observation))
        learner.observe(step._replace(reward=np.full(4, float(len(ages)))))
    assert len(ages) == 20 - lag, "the last ones are never learned from"
    assert ages[lag:] == [lag] * (20 - 2 * lag), "but for the first ones, which are taken before there are updates"


def test_ratios_are_those_of_the_new_policy_to_the_one_that_acted():
    """The queue's log-probabilities, against the probabilities of a copy of the policy as it was."""
    seen = {}

    def vtrace(rewards, values, next_values, terminated, truncated, ratios, *rest):
        seen["ratios"] = ratios
        return values, values

    config = dataclasses.replace(SMALL, lag=1)
    learner = Impala(lambda: Probe("both matter"), 2, 0, config, vtrace=vtrace)
    envs = Envs(lambda: Probe("both matter"), range(8))
    collected, then = Rollouts(4), probabilities(learner)
    for _ in range(4):
        step = envs.step(learner.act(envs.observation))
        old = collected.add(step)
        learner.observe(step)
    with torch.no_grad():
        for p in learner.policy.parameters():
            p.add_(0.3)
    now = probabilities(learner)
    for _ in range(4):
        learner.observe(envs.step(learner.act(envs.observation)))
    for t in range(4):
        for column in range(8):
            k, s, a = column // 4, int(old.obs[t, column, 0]) + 1, int(old.action[t, column])
            assert seen["ratios"][t, column].item() == pytest.approx((now[k, s, a] / then[k, s, a]).item(), rel=1e-4)
    means = seen["ratios"].unflatten(1, (2, 4)).mean(dim=(0, 2))
    np.testing.assert_allclose(learner.report["ratio"], means, rtol=1e-5)


def test_uncorrected_takes_every_ratio_for_one():
    learner = trained(dataclasses.replace(SMALL, corrected=False), steps=400)
    assert (learner.reports["ratio"] == 1).all()
    learner = trained(SMALL, steps=400)
    assert not (learner.reports["ratio"] == 1).all()


def test_replayed_rollouts_stay_with_their_seed_and_their_columns():
    learner = Impala(lambda: Probe("both matter"), 3, 0, SMALL)
    for n in range(5):  # rollouts whose rewards name their number and their seed
        seeds = torch.arange(3.0).repeat_interleave(2).expand(4, 6)
        learner.memory.add(Rollout(rewards=10.0 * n + seeds, log_prob=10.0 * n + seeds))
    numbers = set()
    for _ in range(20):
        one = learner.memory.recall(learner.replaying)
        assert torch.equal(one.rewards % 10, seeds) and torch.equal(one.log_prob, one.rewards)
        numbers.add(tuple((one.rewards[0] // 10).tolist()))
    assert any(len(set(drawn)) > 1 for drawn in numbers), "each seed draws for itself"
    joined = side_by_side([one, learner.memory.rollouts[0]], 3)
    assert joined.rewards.shape == (4, 12)
    assert torch.equal(joined.rewards[0] % 10, torch.arange(3.0).repeat_interleave(4))
    assert torch.equal(joined.rewards.view(4, 3, 4)[:, :, 2:].flatten(1), seeds)


def test_an_update_learns_from_the_rollout_that_waited_and_from_so_many_old_ones(monkeypatch):
    """The first one has nothing to replay; the memory holds as many rollouts as it may."""
    learner = Impala(lambda: Probe("both matter"), 2, 0, dataclasses.replace(SMALL, lag=0, replay=2, replay_capacity=3))
    widths, plain = [], learner.learn
    monkeypatch.setattr(learner, "learn", lambda rollout: (widths.append(rollout.rewards.shape[1]), plain(rollout)))
    train(learner, steps=80, evaluations=0)
    assert widths == [8, 24, 24, 24, 24] and len(learner.memory) == 3


def loop_vtrace(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    """As the paper's equation 1 is printed: sums of products, column by column."""
    T, B = rewards.shape
    vs, advantages = torch.zeros(T, B), torch.zeros(T, B)
    for b in range(B):
        future = [0.0 if terminated[t, b] else float(next_values[t, b]) for t in range(T)]
        for s in range(T):
            total, product = float(values[s, b]), 1.0
            for t in range(s, T):
                rho = min(rho_bar, float(ratios[t, b]))
                total += product * rho * (float(rewards[t, b]) + gamma * future[t] - float(values[t, b]))
                if terminated[t, b] or truncated[t, b]:
                    break
                product *= gamma * min(c_bar, float(ratios[t, b]))
            vs[s, b] = total
        for s in range(T):
            last = s == T - 1 or terminated[s, b] or truncated[s, b]
            follows = future[s] if last else float(vs[s + 1, b])
            rho = min(rho_bar, float(ratios[s, b]))
            advantages[s, b] = rho * (float(rewards[s, b]) + gamma * follows - float(values[s, b]))
    return vs, advantages


def test_a_students_vtrace_drives_it_to_the_same_weights():
    config = dataclasses.replace(SMALL, lag=3, rho_bar=1.5)
    theirs = trained(config, "two steps", steps=400, vtrace=loop_vtrace)
    ours = trained(config, "two steps", steps=400)
    for a, b in zip(theirs.policy.parameters(), ours.policy.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=0)


def test_seed_3_of_4_is_that_seed_alone_with_what_it_replays():
    config = dataclasses.replace(SMALL, n_envs=2, lag=2, replay=1)
    many, alone = (Impala(lambda: Probe("both matter"), n, seed, config) for n, seed in ((4, 0), (1, 3)))
    train(many, steps=400, evaluations=0)
    train(alone, steps=400, evaluations=0)
    for a, b in zip(parameters(many), parameters(alone), strict=True):
        torch.testing.assert_close(a[3], b[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("which", [0, 1], ids=["targets", "advantages"])
def test_what_comes_in_another_shape_is_never_broadcast(which):
    def vtrace(rewards, values, *rest):
        pair = [values, values]
        pair[which] = values.unsqueeze(-1)
        return tuple(pair)

    with pytest.raises(ValueError, match=r"vtrace: got shape \(4, 4, 1\) back from it, expected \(4, 4\)"):
        trained(SMALL, n_seeds=1, vtrace=vtrace)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"lag": -1}, "lag: got -1"),
        ({"lag": 1.5}, "lag: got 1.5"),
        ({"rho_bar": 0.0}, "rho_bar: got 0"),
        ({"c_bar": -1.0}, "c_bar: got -1"),
        ({"replay": 1.5}, "replay: got 1.5"),
        ({"replay_capacity": 0}, "replay_capacity: got 0"),
    ],
)
def test_a_config_that_makes_no_sense_is_said(change, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(SMALL, **change)
