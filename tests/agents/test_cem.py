"""The cross-entropy method: closed-form optima, CartPole, a grid; whose session is whose; a student's equations."""

import dataclasses

import gymnasium
import numpy as np
import pytest
import torch

from rlcourse.agents.cem import CEM, Config
from rlcourse.agents.tabular.sessions import sessions, tabular_cem
from rlcourse.functional.tabular import policy_evaluation
from rlcourse.training.loop import train
from rlcourse.worlds.envs import Envs
from rlcourse.worlds.grids import grid_world, random_mdp
from rlcourse.worlds.mdp import MDP, Outcomes
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
    """A session of 1 to 5 steps whose return is the mean action: that of the candidate that plays, 1 being seen."""

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
    return torch.cat([p.flatten(1) for p in agent.policy.parameters()], dim=1)


def test_it_finds_the_line_that_a_quadratic_asks_for():
    config = Config(population=40, fraction=0.2, n_sessions=10, min_std=0.1, total_steps=12_000)
    agent = CEM(Line(), 3, 0, config)
    train(agent, Line, config.total_steps, per_seed=config.n_envs, evaluations=0)
    torch.testing.assert_close(weights(agent), torch.tensor([0.5, 0.2]).expand(3, 2), atol=0.03, rtol=0)


def test_it_balances_the_pole():
    config = Config(total_steps=40_000)
    agent = CEM(gymnasium.make("CartPole-v1"), 5, 0, config)
    run = train(agent, "CartPole-v1", config.total_steps, per_seed=config.n_envs, evaluations=1)
    assert (run.returns[:, -1] >= 475).sum() >= 4


@pytest.mark.parametrize("n_sessions", [1, 3])
def test_every_session_counts_for_the_candidate_that_played_it(n_sessions):
    config = Config(population=7, fraction=0.3, n_sessions=n_sessions, n_envs=4, total_steps=4_000)
    agent = CEM(Lengths(), 2, 0, config)
    envs, drawn = Envs(Lengths, 2, config.n_envs), [[agent.samples[k].clone()] for k in range(2)]
    for _ in range(400):
        agent.observe(envs.step(agent.act(envs.observation)))
        for k, seen in enumerate(drawn):
            if len(agent.generations[k]) == len(seen):
                seen.append(agent.samples[k].clone())
    for k, seen in enumerate(drawn):
        assert len(agent.generations[k]) > 10
        for candidates, scores in zip(seen, agent.generations[k], strict=False):
            torch.testing.assert_close(scores, candidates.sum(dim=1))  # weight times 1, plus bias


def test_a_seed_searches_as_it_would_alone():
    config = Config(population=10, fraction=0.3, hidden=(4,), total_steps=1_600)
    together = CEM(Probe("both matter"), 3, 0, config)
    alone = CEM(Probe("both matter"), 1, 2, config)
    train(together, lambda: Probe("both matter"), config.total_steps, per_seed=config.n_envs, evaluations=0)
    train(alone, lambda: Probe("both matter"), config.total_steps, per_seed=config.n_envs, seed=2, evaluations=0)
    torch.testing.assert_close(weights(together)[2], weights(alone)[0])


def test_a_hidden_layer_and_discrete_actions_solve_the_probe():
    config = Config(population=30, fraction=0.2, n_sessions=5, hidden=(4,), total_steps=4_000)
    agent = CEM(Probe("both matter"), 3, 0, config)
    train(agent, lambda: Probe("both matter"), config.total_steps, per_seed=config.n_envs, evaluations=0)
    assert agent.greedy(np.array([[[-1.0], [1.0]]] * 3)).tolist() == [[0, 1]] * 3


GRID = grid_world("S....\n.##..\n...#G")


def start_value(mdp: MDP, pi: np.ndarray, gamma: float) -> float:
    return float(mdp.rho0 @ policy_evaluation(mdp.P, mdp.R, pi, gamma))


@pytest.mark.parametrize("per_state", [False, True])
def test_the_table_finds_the_shortest_way(per_state):
    for seed in range(5):
        found = tabular_cem(GRID, 20, gamma=0.9, n_sessions=100, max_steps=50, per_state=per_state, seed=seed)
        likeliest = np.eye(4)[found.pi.argmax(axis=1)]
        assert start_value(GRID, likeliest, 0.9) == pytest.approx(0.9**5)  # six steps; the last one pays
        assert start_value(GRID, found.pi, 0.9) > 0.95 * 0.9**5
        np.testing.assert_allclose(found.policies.sum(axis=2), 1)


def bandit(win: float, pays: float) -> MDP:
    """Action 0 pays 1; action 1 pays `pays` with probability `win`, else 0 (a state apart); then it is over."""
    P, rewards = np.zeros((3, 2, 3)), np.zeros((3, 2, 3))
    P[0, 0, 1], P[0, 1, 1], P[0, 1, 2], P[1:, :, 1:] = 1, win, 1 - win, np.eye(2)[:, None]
    rewards[0, 0, 1], rewards[0, 1, 1] = 1, pays
    return MDP(P, rewards, np.eye(3)[0])


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.6])
def test_on_a_lottery_it_follows_the_quantile_as_computed_by_hand(fraction):
    """Winners are the elite, then those who played safe: the lottery's share p becomes min(1, win p / fraction)."""
    win, p = 0.3, 0.5
    settings = {"n_sessions": 20_000, "fraction": fraction, "smoothing": 0, "step_size": 1}
    found = tabular_cem(bandit(win, 2.0), 3, **settings)
    for policy in found.policies:
        assert policy[0, 1] == pytest.approx(p, abs=0.03)
        p = min(1.0, win * p / fraction)


def test_sessions_have_the_value_of_their_policy_and_add_up():
    mdp, gamma, rng = random_mdp(4, 2, seed=3), 0.8, np.random.default_rng(0)
    pi = rng.dirichlet(np.ones(2), size=4)
    s, a, to_go, played = sessions(mdp, Outcomes.of(mdp), pi, 4_000, gamma, 60, rng)
    assert s.shape == a.shape == to_go.shape == played.shape == (60, 4_000) and played.all()
    assert abs(to_go[0].mean() - start_value(mdp, pi, gamma)) < 4 * to_go[0].std() / np.sqrt(4_000)
    np.testing.assert_allclose(to_go[:-1] - gamma * to_go[1:], mdp.R[s, a][:-1])  # rewards depend on (s, a) alone

    s, _, to_go, played = sessions(GRID, Outcomes.of(GRID), np.full((15, 4), 0.25), 50, 1.0, 1000, rng)
    assert (to_go[0] == 1).all() and not (s[played] == 14).any()  # cell 14 is the goal: nothing is played there


def numpys_mask(scores, fraction):
    order = np.lexsort((np.arange(len(scores)), -np.asarray(scores)))
    mask = np.zeros(len(scores), bool)
    mask[order[: round(fraction * len(scores))]] = True
    return torch.from_numpy(mask)


def numpys_refit(samples, scores, n_elite, min_std):
    elite = samples.numpy()[np.lexsort((np.arange(len(scores)), -scores.numpy()))[:n_elite]]
    return torch.from_numpy(elite.mean(axis=0)), torch.from_numpy(np.maximum(elite.std(axis=0), np.float32(min_std)))


def test_a_students_equations_drive_it_to_the_same_answer():
    settings = {"gamma": 0.9, "n_sessions": 50, "max_steps": 30}
    theirs, ours = tabular_cem(GRID, 5, elite_mask=numpys_mask, **settings), tabular_cem(GRID, 5, **settings)
    np.testing.assert_array_equal(theirs.policies, ours.policies)

    config = Config(population=20, total_steps=2_000)
    agents = [CEM(Line(), 2, 0, config, **own) for own in ({}, {"cem_refit": numpys_refit})]
    for agent in agents:
        train(agent, Line, config.total_steps, per_seed=config.n_envs, evaluations=0)
    torch.testing.assert_close(weights(agents[0]), weights(agents[1]), atol=1e-4, rtol=0)


def test_what_comes_back_in_another_shape_is_said():
    with pytest.raises(ValueError, match=r"elite_mask: got int64 \(3,\) back from it, expected True or False \(200,\)"):
        tabular_cem(GRID, 1, elite_mask=lambda scores, fraction: torch.tensor([0, 1, 2]))
    agent = CEM(Line(), config=Config(population=10), cem_refit=lambda x, scores, n, least: (x.mean(), x.std()))
    with pytest.raises(ValueError, match=r"cem_refit: got shapes \(\) and \(\) back from it, expected \(2,\)"):
        train(agent, Line, 400, per_seed=8, evaluations=0)


class Broken(Line):
    def step(self, action):
        return self.x, float("nan"), True, False, {}


def test_a_return_that_is_nan_stops_with_the_step():
    with pytest.raises(FloatingPointError, match="return is NaN at step 56: look at the rewards"):
        train(CEM(Line(), config=Config()), Broken, 400, per_seed=8, evaluations=0)


@pytest.mark.parametrize(
    "env, says",
    [
        ("FrozenLake-v1", "observation_space: got Discrete.* expected a Box"),
        (gymnasium.spaces.MultiBinary(3), "action_space: got MultiBinary.* expected Discrete actions or a Box"),
    ],
    ids=["observations", "actions"],
)
def test_what_it_cannot_serve_is_said(env, says):
    if isinstance(env, str):
        world = gymnasium.make(env)
    else:
        world = Line()
        world.action_space = env
    with pytest.raises(ValueError, match=says):
        CEM(world)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"population": 0}, "population: got 0"),
        ({"n_sessions": 1.5}, "n_sessions: got 1.5"),
        ({"fraction": 1.5}, "fraction: got 1.5"),
        ({"fraction": 0.01}, "fraction: got 0.01 of 50, expected at least one candidate"),
        ({"std": 0.0}, "std: got 0"),
        ({"min_std": -1.0}, "min_std: got -1"),
    ],
)
def test_a_config_that_makes_no_sense_is_said(change, says):
    with pytest.raises(ValueError, match=says):
        CEM(Line(), config=dataclasses.replace(Config(), **change))


@pytest.mark.parametrize(
    "change, says",
    [
        ({"n_sessions": 0}, "n_sessions: got 0"),
        ({"fraction": -0.1}, "fraction: got -0.1"),
        ({"smoothing": -1}, "smoothing: got -1"),
        ({"step_size": 2}, "step_size: got 2"),
        ({"max_steps": 0}, "max_steps: got 0"),
    ],
)
def test_settings_of_the_table_that_make_no_sense_are_said(change, says):
    with pytest.raises(ValueError, match=says):
        tabular_cem(GRID, 1, **change)
