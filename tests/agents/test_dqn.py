"""DQN: it solves the probes, its tricks do what they say, a student's functions drive it, a seed learns alone."""

import dataclasses

import gymnasium
import numpy as np
import pytest
import torch

from rlcourse.agents.dqn import DQN, Config
from rlcourse.training.loop import Best, evaluate, train
from rlcourse.worlds.envs import Envs, Step
from rlcourse.worlds.probes import Probe

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other

SMALL = Config(
    total_steps=600, warm_up=50, hidden=(32, 32), learning_rate=3e-3, tau=0.05, gamma=0.5, batch_size=32, capacity=1000
)
TRICKS = {
    "plain": {},
    "hard copies": {"tau": None, "target_every": 25},
    "double": {"double": True},
    "dueling": {"dueling": True},
    "prioritised": {"prioritized": True},
    "three steps": {"n_steps": 3},
    "squared error": {"huber": None, "clip": None},
    "Boltzmann": {"temperature": 0.3},
    "all": {"double": True, "dueling": True, "prioritized": True, "n_steps": 3, "anneal": True},
}


def learned(kind: str, config: Config = SMALL, n_seeds: int = 3, truncates: bool = False, **equations) -> torch.Tensor:
    """Q [K, 3, A] for the observations -1, 0, 1 of a probe after training."""
    torch.manual_seed(0)
    agent = DQN(Probe(kind), n_seeds, 0, config, **equations)
    train(agent, lambda: Probe(kind, truncates), config.total_steps, evaluations=0)
    with torch.no_grad():
        return agent.q(agent.online, np.tile(np.array([[-1.0], [0.0], [1.0]]), (n_seeds, 1, 1)))


@pytest.mark.parametrize("kind", Probe.KINDS)
def test_it_knows_each_probes_values(kind):
    q = learned(kind)
    expected = {  # observation: the two actions' values, by hand; gamma is 1/2
        "constant reward": {1: (1, 1)},
        "reward by observation": {0: (-1, -1), 2: (1, 1)},
        "two steps": {1: (0.5, 0.5), 2: (1, 1)},
        "action matters": {1: (-1, 1)},
        "both matter": {0: (1, -1), 2: (-1, 1)},
    }[kind]
    for seen, values in expected.items():
        torch.testing.assert_close(q[:, seen], torch.tensor(values).expand(3, 2).float(), atol=0.15, rtol=0)


@pytest.mark.parametrize("trick", TRICKS)
def test_every_trick_alone_and_all_together_learn_the_two_steps(trick):
    q = learned("two steps", dataclasses.replace(SMALL, **TRICKS[trick]))
    torch.testing.assert_close(q[:, 1], torch.full((3, 2), 0.5), atol=0.15, rtol=0)


@pytest.mark.parametrize("n_steps", [1, 3])
def test_truncation_bootstraps_and_termination_does_not(n_steps):
    """A reward of 1 at each step for ever is worth 1 / (1 - 1/2) = 2, though each episode is cut after one step."""
    config = dataclasses.replace(SMALL, n_steps=n_steps, total_steps=1200)
    torch.testing.assert_close(
        learned("constant reward", config, truncates=True)[:, 1], torch.full((3, 2), 2.0), atol=0.2, rtol=0
    )
    torch.testing.assert_close(learned("constant reward", config)[:, 1], torch.ones(3, 2), atol=0.15, rtol=0)


def loop_q_target(reward, terminated, next_q, gamma):
    B, A = next_q.shape
    gamma = gamma if torch.is_tensor(gamma) else [gamma] * B
    return torch.stack([reward[i] + (0 if terminated[i] else gamma[i] * next_q[i].max()) for i in range(B)])


def test_a_students_functions_drive_it_to_the_same_weights():
    own = {
        "q_target": loop_q_target,
        "huber_loss": lambda x, delta: torch.nn.functional.huber_loss(x, torch.zeros_like(x), "none", delta),
        "epsilon_greedy": lambda q, e: [
            e / len(q) + (1 - e) * float(i == max(range(len(q)), key=lambda j: q[j])) for i in range(len(q))
        ],
    }
    torch.testing.assert_close(learned("both matter", **own), learned("both matter"), atol=1e-3, rtol=0)


def test_a_loss_that_is_nan_stops_with_the_step():
    agent = DQN(Probe("constant reward"), 1, 0, SMALL)
    envs = Envs(lambda: Probe("constant reward"), 1)
    with pytest.raises(
        FloatingPointError, match=r"the loss of seed 0 is NaN or infinite at step \d+: look at the rewards"
    ):
        for _ in range(100):
            step = envs.step(agent.act(envs.observation))
            agent.observe(step._replace(reward=np.full_like(step.reward, np.nan)))


def test_a_nan_loss_leaves_each_seeds_best_policy_in_the_agent():
    """Seed 0 does well at first, seed 1 later; then the world returns NaN."""

    class Breaks(Probe):
        left = 60

        def step(self, action):
            Breaks.left -= 1
            obs, reward, *rest = super().step(action)
            return obs, float("nan") if Breaks.left < 0 else reward, *rest

    agent = DQN(Probe("action matters"), 2, 0, SMALL)
    weights, evaluated = [], iter([np.array([1.0, 0.0]), np.array([0.5, 2.0]), np.array([0.0, 1.0])])
    best = Best(agent)
    for returns in evaluated:
        best.keep(returns)
        weights.append([p.detach().clone() for p in agent.online.parameters()])
        with torch.no_grad():
            for p in agent.online.parameters():
                p.add_(1.0)
    assert "return 1.0, 2.0" in best.restored()
    for p, first, second, _ in zip(agent.online.parameters(), *weights, strict=True):
        assert torch.equal(p[0], first[0]) and torch.equal(p[1], second[1])

    with pytest.raises(FloatingPointError, match="loss of seed 0, 1 is NaN .*; it had not been evaluated yet"):
        train(DQN(Probe("action matters"), 2, 0, SMALL), lambda: Breaks("action matters"), 600, evaluations=1)
    Breaks.left = 5_000
    with pytest.raises(FloatingPointError, match=r"the agent holds the best policies before it \(return "):
        train(DQN(Probe("action matters"), 2, 0, SMALL), lambda: Breaks("action matters"), 6000, evaluations=60)


def test_a_target_of_another_shape_is_never_broadcast():
    wrong = DQN(
        Probe("constant reward"), 1, 0, SMALL, q_target=lambda r, d, q, g: (r + g * q.max(1).values).unsqueeze(1)
    )
    with pytest.raises(ValueError, match=r"q_target: got shape \(32, 1\) back from it, expected \(32,\)"):
        train(wrong, lambda: Probe("constant reward"), 100, evaluations=0)


@pytest.mark.parametrize(
    "env, says",
    [
        ("Pendulum-v1", "action_space: got Box.* expected Discrete actions"),
        ("FrozenLake-v1", "observation_space: got Discrete.* expected a Box"),
    ],
)
def test_what_it_cannot_serve_is_said(env, says):
    with pytest.raises(ValueError, match=says):
        DQN(gymnasium.make(env))


@pytest.mark.parametrize(
    "change, says",
    [
        ({"gamma": 1.5}, "gamma: got 1.5"),
        ({"n_steps": 0}, "n_steps: got 0"),
        ({"capacity": 0}, "capacity: got 0"),
        ({"capacity": 10, "batch_size": 20}, "capacity: got 10, expected at least batch_size = 20"),
        ({"epsilon": (1.0, 1.2)}, "epsilon: got 1.2"),
    ],
)
def test_a_config_that_makes_no_sense_is_said(change, says):
    with pytest.raises(ValueError, match=says):
        DQN(Probe("constant reward"), 1, 0, dataclasses.replace(SMALL, **change))


def test_evaluation_is_apart_from_training():
    agent = DQN(gymnasium.make("CartPole-v1"), 2, 0, SMALL)
    before = agent.steps, len(agent.buffer), [p.clone() for p in agent.online.parameters()]
    first, again = evaluate(agent, "CartPole-v1", 3), evaluate(agent, "CartPole-v1", 3)
    assert np.array_equal(first, again) and first.shape == (2,)  # and it is the same each time
    assert (agent.steps, len(agent.buffer)) == before[:2]
    assert all(torch.equal(a, b) for a, b in zip(before[2], agent.online.parameters(), strict=True))


def test_the_batch_sees_what_was_observed():
    agent = DQN(Probe("constant reward"), 2, 0, SMALL)
    obs = np.zeros((2, 1, 1), np.float32)
    flags = np.zeros((2, 1), bool)
    agent.buffer.add(Step(obs, np.ones((2, 1), int), np.array([[3.0], [4.0]]), obs, ~flags, flags))
    batch = agent.buffer.sample(1)
    assert batch.rewards.tolist() == [[3.0, 4.0]] and batch.action.tolist() == [1, 1] and batch.terminated.all()
