"""The cross-entropy method: closed-form optima, CartPole; whose episode is whose; a student's equation drives it."""

import gymnasium
import numpy as np
import pytest
import torch

from rlcourse.agents.cem import CEM, Config
from rlcourse.training.loop import Diverged, train
from rlcourse.worlds.envs import Envs
from rlcourse.worlds.probes import Probe

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other


class Line(gymnasium.Env):
    """One step: sees x, pays -(a - (0.5 x + 0.2))^2."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-5, 5, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x = self.np_random.uniform(-1, 1, 1).astype(np.float32)
        return self.x, {}

    def step(self, action):
        return self.x, -(float(action[0] - (0.5 * self.x[0] + 0.2)) ** 2), True, False, {}


class Lengths(gymnasium.Env):
    """An episode of 1 to 5 steps whose return is the mean action: that of the candidate that plays, 1 being seen."""

    observation_space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    action_space = gymnasium.spaces.Box(-100, 100, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.length, self.t = int(self.np_random.integers(1, 6)), 0
        return np.ones(1, np.float32), {}

    def step(self, action):
        self.t += 1
        over = self.t == self.length
        return np.ones(1, np.float32), float(action[0]) / self.length, over, False, {}


def weights(agent: CEM) -> torch.Tensor:
    """The mean policy's parameters [K, D]."""
    return torch.cat([p.flatten(1) for p in agent.greedy_network.parameters()], dim=1)


def test_it_finds_the_line_that_a_quadratic_asks_for():
    config = Config(population=40, fraction=0.2, n_episodes=10, min_std=0.1, total_steps=12_000)
    agent = CEM(Line, 3, 0, config)
    train(agent, evaluations=0)
    torch.testing.assert_close(weights(agent), torch.tensor([0.5, 0.2]).expand(3, 2), atol=0.03, rtol=0)


def test_it_balances_the_pole():
    run = train(CEM("CartPole-v1", 5, 0, Config(total_steps=40_000)), evaluations=1)
    assert (run.returns[:, -1] >= 475).sum() >= 4


@pytest.mark.parametrize("n_episodes", [1, 3])
@pytest.mark.parametrize("n_envs", [4, 25])  # 25 environments: more than there are episodes to play
def test_every_episode_counts_for_the_candidate_that_played_it(n_episodes, n_envs):
    agent = CEM(Lengths, 2, 0, Config(population=7, fraction=0.3, n_episodes=n_episodes, n_envs=n_envs))
    envs, learn, seen = Envs(Lengths, range(2 * n_envs)), agent.learn, [0, 0]

    def look_and_learn(k, scores):
        torch.testing.assert_close(scores, agent.samples[k].sum(dim=1))  # weight times 1, plus bias
        seen[k] += 1
        learn(k, scores)

    agent.learn = look_and_learn
    for _ in range(400):
        agent.observe(envs.step(agent.act(envs.observation)))
    assert min(seen) > 10


def test_to_begin_plays_every_candidate_anew():
    agent = CEM(Lengths, 1, 0, Config(population=5, fraction=0.4, n_envs=2))
    scored = []
    agent.learn = lambda k, scores: scored.append(scores)
    for seed in range(4):  # each time the environments are other ones, and stand at their first step
        agent.begin()
        envs = Envs(Lengths, [seed, seed + 100])
        for _ in range(3):
            agent.observe(envs.step(agent.act(envs.observation)))
    while not scored:
        agent.observe(envs.step(agent.act(envs.observation)))
    torch.testing.assert_close(scored[0], agent.samples[0].sum(dim=1))


def test_a_hidden_layer_and_discrete_actions_solve_the_probe():
    config = Config(population=30, fraction=0.2, n_episodes=5, hidden=(4,), total_steps=4_000)
    agent = CEM(lambda: Probe("both matter"), 3, 0, config)
    train(agent, evaluations=0)
    assert agent.greedy(np.array([[-1.0], [1.0]] * 3)).tolist() == [0, 1] * 3


def numpys_refit(samples, scores, n_elite, min_std):
    elite = samples.numpy()[np.lexsort((np.arange(len(scores)), -scores.numpy()))[:n_elite]]
    return torch.from_numpy(elite.mean(axis=0)), torch.from_numpy(np.maximum(elite.std(axis=0), np.float32(min_std)))


def test_a_students_equation_drives_it_to_the_same_answer():
    config = Config(population=20, total_steps=2_000)
    agents = [CEM(Line, 2, 0, config, **own) for own in ({}, {"cem_refit": numpys_refit})]
    for agent in agents:
        train(agent, evaluations=0)
    torch.testing.assert_close(weights(agents[0]), weights(agents[1]), atol=1e-4, rtol=0)


def test_what_comes_back_in_another_shape_is_said():
    config = Config(population=10, total_steps=400)
    agent = CEM(Line, config=config, cem_refit=lambda x, scores, n, least: (x.mean(), x.std()))
    with pytest.raises(ValueError, match=r"cem_refit: got shape \(\) back from it, expected \(2,\)"):
        train(agent, evaluations=0)


class Broken(Line):
    """Pays NaN, if its seed says so."""

    def reset(self, *, seed=None, options=None):
        if seed is not None:
            self.breaks = seed in self.broken
        return super().reset(seed=seed)

    def step(self, action):
        obs, reward, *rest = super().step(action)
        return obs, float("nan") if self.breaks else reward, *rest


def test_a_seed_whose_score_is_nan_has_diverged_and_its_neighbours_go_on():
    config = Config(population=20, fraction=0.2, total_steps=2_000)
    agents = [CEM(env, 3, 0, config) for env in (Line, Broken)]
    Broken.broken = {agents[1].seeds.numbers("environments 0", config.n_envs)[9]}  # one of seed 1's eight
    runs = [train(agent, evaluations=0, strict=False) for agent in agents]
    assert list(runs[1].diverged) == [1] and runs[1].diverged[1] <= 40
    right, broken = map(weights, agents)
    assert (broken[1] == 0).all() and torch.equal(broken[[0, 2]], right[[0, 2]])
    with pytest.raises(Diverged, match=r"seed 1 .*NaN or infinite at step \d+: look at the rewards"):
        train(CEM(Broken, 3, 0, config), evaluations=0)


@pytest.mark.parametrize(
    "observed, actions, says",
    [
        (gymnasium.spaces.Discrete(3), None, "observation_space: got Discrete.* expected a Box"),
        (gymnasium.spaces.Dict({"x": Line.observation_space}), None, "observation_space: got Dict.* expected a Box"),
        (gymnasium.spaces.Tuple([Line.observation_space]), None, "observation_space: got Tuple.* expected a Box"),
        (None, gymnasium.spaces.MultiBinary(3), "action_space: got MultiBinary.* expected Discrete actions or a Box"),
    ],
    ids=["discrete", "dict", "tuple", "actions"],
)
def test_what_it_cannot_serve_is_said(observed, actions, says):
    class Other(Line):
        observation_space, action_space = observed or Line.observation_space, actions or Line.action_space

    with pytest.raises(ValueError, match=says):
        CEM(Other)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"population": 0}, "population: got 0"),
        ({"n_episodes": 1.5}, "n_episodes: got 1.5"),
        ({"fraction": 1.5}, "fraction: got 1.5"),
        ({"fraction": 0.01}, "fraction: got 0.01 of 50, expected at least one candidate"),
        ({"std": 0.0}, "std: got 0"),
        ({"min_std": -1.0}, "min_std: got -1"),
    ],
)
def test_a_config_that_makes_no_sense_is_said(change, says):
    with pytest.raises(ValueError, match=says):
        Config(**change)
