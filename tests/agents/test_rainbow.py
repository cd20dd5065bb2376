"""Rainbow: distributions whose means are right, noise that explores and is left out of the greedy policy."""

import dataclasses

import gymnasium
import numpy as np
import pytest
import torch

from rlcourse.agents.rainbow import Config, Rainbow
from rlcourse.functional.targets import double_q_target, q_target
from rlcourse.training.loop import train
from rlcourse.worlds.probes import Probe

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other

SMALL = Config(
    total_steps=700,
    warm_up=50,
    hidden=(32,),
    learning_rate=3e-3,
    tau=0.05,
    gamma=0.5,
    batch_size=32,
    capacity=1000,
    support=(-2.5, 2.5),
    n_atoms=21,
)
WITHOUT = {
    "nothing": {},
    "double": {"double": False},
    "dueling": {"dueling": False},
    "priorities": {"prioritized": False},
    "n-step returns": {"n_steps": 1},
    "distributions": {"distributional": False},
    "noise": {"noisy": False},
}
OBSERVATIONS = np.array([[-1.0], [0.0], [1.0]])


def learned(kind: str, config: Config, n_seeds: int = 2, truncates: bool = False, **equations) -> torch.Tensor:
    """Q [K, 3, A] for the observations -1, 0, 1 of a probe after training, without noise."""
    agent = Rainbow(Probe(kind), n_seeds, 0, config, **equations)
    train(agent, lambda: Probe(kind, truncates), config.total_steps, evaluations=0)
    agent.online.eval()
    with torch.no_grad():
        return agent.q(agent.online, np.tile(OBSERVATIONS, (n_seeds, 1, 1)))


@pytest.mark.parametrize("without", WITHOUT)
def test_it_learns_the_two_steps_with_any_trick_taken_away(without):
    q = learned("two steps", dataclasses.replace(SMALL, **WITHOUT[without]))
    torch.testing.assert_close(q[:, 1], torch.full((2, 2), 0.5), atol=0.15, rtol=0)
    torch.testing.assert_close(q[:, 2], torch.ones(2, 2), atol=0.15, rtol=0)


def test_it_finds_the_action_that_matters():
    q = learned("both matter", SMALL)
    assert (q[:, 0].argmax(-1) == 0).all() and (q[:, 2].argmax(-1) == 1).all()
    torch.testing.assert_close(q[:, 2, 1], torch.ones(2), atol=0.15, rtol=0)


def test_truncation_bootstraps():
    """A reward of 1 at each step for ever is worth 2, though each episode is cut after one step."""
    q = learned("constant reward", dataclasses.replace(SMALL, total_steps=1500), truncates=True)
    torch.testing.assert_close(q[:, 1], torch.full((2, 2), 2.0), atol=0.2, rtol=0)


def filled(config: Config, kind: str = "two steps") -> Rainbow:
    """An agent of two seeds with a little experience and different online and target networks."""
    agent = Rainbow(Probe(kind), 2, 0, dataclasses.replace(config, warm_up=10_000))
    train(agent, lambda: Probe(kind), 64, evaluations=0)
    with torch.no_grad():
        for parameter in agent.target.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(7)))
    return agent


@pytest.mark.parametrize("double", [True, False])
def test_the_mean_of_the_target_distribution_is_the_target_of_its_means(double):
    agent = filled(dataclasses.replace(SMALL, double=double, support=(-20.0, 20.0), n_atoms=401))
    batch = agent.draw()
    with torch.no_grad():
        mean = agent.target_distribution(batch) @ agent.atoms
        next_obs = batch.next_obs.unflatten(0, (2, -1))
        next_q, chosen_by = (agent.q(net, next_obs).flatten(0, 1) for net in (agent.target, agent.online))
    assert (next_q.argmax(1) != chosen_by.argmax(1)).any()  # else the two would be one
    window = agent.window(batch)
    y = (
        double_q_target(*window[:2], next_q, chosen_by, window[2])
        if double
        else q_target(*window[:2], next_q, window[2])
    )
    torch.testing.assert_close(mean, y, atol=1e-3, rtol=0)


def test_the_priority_is_the_divergence_which_is_zero_where_nothing_is_left_to_learn():
    agent = filled(dataclasses.replace(SMALL, noisy=False))
    batch = agent.draw()
    with torch.no_grad():
        p = agent.log_probabilities(agent.online, batch.obs.unflatten(0, (2, -1))).exp().flatten(0, 1)
    taken = p[torch.arange(len(p)), batch.action]
    loss, error = agent.losses(batch)
    assert (error > 0).all() and (loss >= error).all()
    agent.target_distribution = lambda batch: taken  # what it predicts already
    assert agent.losses(batch)[1].abs().max() < 1e-5


def test_noise_explores_and_the_greedy_policy_has_none():
    agent = Rainbow(Probe("action matters"), 2, 0, SMALL)
    observation = np.zeros((2, 1, 1), np.float32)
    assert agent.epsilon == 0
    tried = np.stack([agent.act(observation) for _ in range(60)])
    assert set(tried[:, 0, 0]) == set(tried[:, 1, 0]) == {0, 1}
    assert len({tuple(agent.greedy(observation).ravel()) for _ in range(20)}) == 1
    plain = Rainbow(Probe("action matters"), 1, 0, dataclasses.replace(SMALL, noisy=False))
    assert plain.epsilon == 1.0


def test_the_target_network_has_noise_of_its_own():
    agent = Rainbow(Probe("action matters"), 1, 0, SMALL)
    for network in (agent.online, agent.target):
        agent.resample(network)
    here, there = (agent.noisy[network][0].noise_in for network in (agent.online, agent.target))
    assert not torch.allclose(here, there)


def test_a_students_projection_drives_it_to_the_same_values():
    def by_loops(next_probs, reward, terminated, gamma, support):
        B, N = next_probs.shape
        gamma = gamma if torch.is_tensor(gamma) else [gamma] * B
        width = float(support[1] - support[0])
        m = torch.zeros(B, N)
        for i in range(B):
            for j in range(N):
                z = float(reward[i]) + (0.0 if terminated[i] else float(gamma[i]) * float(support[j]))
                b = (min(max(z, float(support[0])), float(support[-1])) - float(support[0])) / width
                low = min(int(b), N - 2)
                m[i, low] += next_probs[i, j] * (low + 1 - b)
                m[i, low + 1] += next_probs[i, j] * (b - low)
        return m

    config = dataclasses.replace(SMALL, total_steps=100, n_atoms=5, batch_size=8)
    theirs = learned("both matter", config, categorical_projection=by_loops)
    torch.testing.assert_close(theirs, learned("both matter", config), atol=1e-3, rtol=0)


def test_images_are_served():
    class Picture(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(0, 1, (10, 10, 4), bool)
        action_space = gymnasium.spaces.Discrete(3)

        def reset(self, *, seed=None, options=None):
            return np.zeros((10, 10, 4), bool), {}

        def step(self, action):
            return np.zeros((10, 10, 4), bool), 1.0, True, False, {}

    config = dataclasses.replace(SMALL, total_steps=60, n_steps=1)
    agent = Rainbow(Picture(), 2, 0, config)
    result = train(agent, Picture, 60, evaluations=1, episodes=2)
    assert result.returns.tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize(
    "change, says",
    [
        ({"support": (1.0, 1.0)}, r"support: got \(1, 1\), expected two increasing numbers"),
        ({"support": (0.0, float("inf"))}, "support: got"),
        ({"n_atoms": 1}, "n_atoms: got 1"),
        ({"sigma": -0.1}, "sigma: got -0.1"),
        ({"gamma": 2.0}, "gamma: got 2"),
    ],
)
def test_a_config_that_makes_no_sense_is_said(change, says):
    with pytest.raises(ValueError, match=says):
        Rainbow(Probe("constant reward"), 1, 0, dataclasses.replace(SMALL, **change))
