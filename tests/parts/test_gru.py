"""Memory: the GRU is torch's, episodes do not leak into each other, and only a memory recalls a cue."""

import gymnasium
import numpy as np
import pytest
import torch

from rlcourse.agents import a2c
from rlcourse.agents.recurrent_a2c import Config, RecurrentA2C
from rlcourse.parts.gru import GRU
from rlcourse.parts.seeds import Seeds
from rlcourse.training.loop import evaluate, train
from rlcourse.worlds.envs import Envs
from rlcourse.worlds.probes import Begins, Probe, Recall, recall

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other


def test_each_seed_is_a_gru_as_torch_has_it():
    ours = GRU(3, 5, Seeds(0, 2)("gru"))
    obs, memory = torch.randn(8, 3, generator=torch.Generator().manual_seed(0)), torch.rand(8, 5)
    obs[..., -1] = 0
    seen, remembered = ours.seen.net, ours.remembered.net
    for k in range(2):
        theirs = torch.nn.GRUCell(3, 5)
        with torch.no_grad():
            theirs.weight_ih.copy_(seen.weight[k].T), theirs.bias_ih.copy_(seen.bias[k, 0])
            theirs.weight_hh.copy_(remembered.weight[k].T), theirs.bias_hh.copy_(remembered.bias[k, 0])
        mine = slice(4 * k, 4 * k + 4)
        torch.testing.assert_close(ours(obs, memory)[mine], theirs(obs[mine], memory[mine]))


def test_the_first_observation_of_an_episode_forgets_what_was_before_and_only_there():
    core = GRU(3, 4, Seeds()("gru"))
    obs = torch.randn(6, 1, 3, generator=torch.Generator().manual_seed(0))
    obs[..., -1] = 0
    obs[3, ..., -1] = 1
    zero, other = torch.zeros(1, 4), torch.ones(1, 4)
    here, there = core.unroll(obs, zero), core.unroll(obs, other)
    assert not torch.allclose(here[2], there[2], atol=1e-3)
    torch.testing.assert_close(here[3:], there[3:])
    torch.testing.assert_close(here[3:], core.unroll(obs[3:], zero))


def test_the_flag_is_1_at_the_first_observation_and_0_at_the_last():
    envs = Envs(lambda: recall(3), [0, 1])
    assert envs.observation_space.shape == (3,) and (envs.observation[..., -1] == 1).all()
    flags = []
    for _ in range(7):
        step = envs.step(np.zeros(2, int))
        flags.append(step.obs[0, -1])
        assert (step.next_obs[..., -1] == 0).all(), "also the one that an ended episode really reached"
    assert flags == [1, 0, 0, 1, 0, 0, 1]


@pytest.mark.parametrize("length", [2, 5])
def test_recall_shows_the_cue_once_and_pays_for_it_at_the_end(length):
    env = Recall(length)
    cues = set()
    for seed in range(6):
        obs, _ = env.reset(seed=seed)
        cue = float(obs[0])
        cues.add(cue)
        assert obs[1] == 0 and abs(cue) == 1
        for t in range(length):
            right = int(cue > 0)
            obs, reward, terminated, truncated, _ = env.step(right if seed % 2 else 1 - right)
            assert reward == (0 if t < length - 1 else 1 if seed % 2 else -1)
            assert (terminated, truncated) == (t == length - 1, False)
            assert obs[0] == 0 and obs[1] == (t == length - 2)
    assert cues == {-1.0, 1.0}


def test_only_a_memory_recalls_the_cue():
    settings = {
        "hidden": (16,),
        "learning_rate": 1e-2,
        "n_envs": 8,
        "rollout_length": 8,
        "total_steps": 6_000,
        "lam": 1.0,
    }
    earned = {}
    for kind, config in ((RecurrentA2C, Config(gru_width=8, **settings)), (a2c.A2C, a2c.Config(**settings))):
        agent = kind(lambda: recall(4), 3, 0, config)
        train(agent, evaluations=0)
        earned[kind] = evaluate(agent, episodes=50)
    assert (earned[RecurrentA2C] == 1).all()
    assert (np.abs(earned[a2c.A2C]) < 0.5).all()


def test_the_gradient_is_that_of_the_rollout_played_again():
    """What `learn` computes from stored memories, against a loop over steps that carries the memory along."""
    config = Config(gru_width=4, hidden=(8,), n_envs=2, rollout_length=5, anneal=False, max_grad_norm=None, lam=1.0)
    seen = {}

    def a2c_loss(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
        seen["log_prob"], seen["value"], seen["target"] = log_prob.detach(), value.detach(), value_target
        return (log_prob + value).mean()

    agent = RecurrentA2C(lambda: recall(3), 2, 0, config, a2c_loss=a2c_loss)
    parameters = agent.adam.parameters
    envs = Envs(lambda: recall(3), range(4))
    for rollout_number in range(2):
        weights = [p.detach().clone() for p in parameters]
        start, taken = agent.memory.clone(), []
        for _ in range(5):
            taken.append(envs.step(agent.act(envs.observation)))
            agent.observe(taken[-1])
        gradients = [p.grad.clone() for p in parameters]
        with torch.no_grad():
            for p, before in zip(parameters, weights, strict=True):
                p.copy_(before)
        memory = start if rollout_number else torch.zeros(4, 4)
        log_probs, values, total = [], [], 0.0
        for step in taken:
            memory = agent.gru(step.obs, memory)
            log_prob = agent.policy(memory).log_prob(torch.from_numpy(step.action))
            log_probs.append(log_prob), values.append(agent.critic(memory))
            total = total + (log_prob + agent.critic(memory)).sum() / (5 * 2)  # each seed's mean
        torch.testing.assert_close(seen["log_prob"], torch.stack(log_probs).detach())
        torch.testing.assert_close(seen["value"], torch.stack(values).detach())
        after = agent.critic(agent.gru(taken[-1].next_obs, memory))
        ended = torch.from_numpy(taken[-1].terminated)
        reward = torch.from_numpy(taken[-1].reward).float()
        torch.testing.assert_close(seen["target"][-1], (reward + 0.99 * torch.where(ended, 0, after)).detach())
        for p in parameters:
            p.grad = None
        total.backward()
        for p, gradient in zip(parameters, gradients, strict=True):
            torch.testing.assert_close(p.grad, gradient, atol=1e-6, rtol=1e-4)


def test_seed_3_of_4_is_that_seed_alone():
    config = Config(gru_width=8, n_envs=2, rollout_length=4)
    many, alone = (RecurrentA2C(lambda: recall(3), n, seed, config) for n, seed in ((4, 0), (1, 3)))
    for agent in (many, alone):
        train(agent, steps=400, evaluations=2, episodes=3)
    for a, b in zip(many.adam.parameters, alone.adam.parameters, strict=True):
        torch.testing.assert_close(a[3], b[0], atol=1e-4, rtol=0)


def test_an_evaluation_changes_nothing_in_training():
    """It has a memory of its own, also where it comes in the middle of an episode and has as many environments."""
    config = Config(gru_width=8, n_envs=2, rollout_length=4, total_steps=200)
    never, often = (RecurrentA2C(lambda: recall(5), 1, 0, config) for _ in range(2))
    train(never, evaluations=0)
    train(often, evaluations=33, episodes=2)
    for a, b in zip(never.adam.parameters, often.adam.parameters, strict=True):
        assert torch.equal(a, b)


def test_continuous_actions_have_a_memory_too():
    config = Config(gru_width=4, hidden=(4,), n_envs=1, rollout_length=4)
    agent = RecurrentA2C(lambda: Begins(gymnasium.make("Pendulum-v1")), 2, 0, config)
    train(agent, steps=8, evaluations=0)
    assert agent.greedy(np.zeros((6, 4), np.float32)).shape == (6, 1)


def test_an_observation_that_does_not_say_where_episodes_begin_is_refused():
    with pytest.raises(ValueError, match=r"observation_space: got Box.* says 0 or 1: probes.Begins"):
        RecurrentA2C(lambda: Probe("two steps"))
    with pytest.raises(ValueError, match="gru_width: got 0"):
        Config(gru_width=0)
    with pytest.raises(ValueError, match="length: got 1"):
        Recall(1)
