"""DQN: it knows the probes' values, a student's functions drive it, what it cannot serve is said."""

import dataclasses

import gymnasium
import numpy as np
import pytest
import torch

from rlcourse.agents.dqn import DQN, Config
from rlcourse.training.loop import Best, Diverged, evaluate, train
from rlcourse.worlds.envs import Step
from rlcourse.worlds.probes import Probe

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other

SMALL = Config(
    total_steps=600, warm_up=50, hidden=(32, 32), learning_rate=3e-3, tau=0.05, gamma=0.5, batch_size=32, capacity=1000
)
VARIANTS = {
    "soft copies": {},
    "hard copies": {"tau": None, "steps_per_copy": 25},
    "squared error": {"huber": 1e9, "max_grad_norm": None},
    "annealed": {"anneal": True},
    "four environments": {"n_envs": 4},
}


def learned(kind: str, config: Config = SMALL, n_seeds: int = 3, truncates: bool = False, **equations) -> torch.Tensor:
    """Q [K, 3, A] for the observations -1, 0, 1 of a probe after training."""
    agent = DQN(lambda: Probe(kind, truncates), n_seeds, 0, config, **equations)
    train(agent, evaluations=0)
    with torch.no_grad():
        return agent.online(torch.tensor([[-1.0], [0.0], [1.0]]).repeat(n_seeds, 1)).unflatten(0, (n_seeds, 3))


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


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_learns_the_two_steps(variant):
    q = learned("two steps", dataclasses.replace(SMALL, **VARIANTS[variant]))
    torch.testing.assert_close(q[:, 1], torch.full((3, 2), 0.5), atol=0.15, rtol=0)


def test_truncation_bootstraps_and_termination_does_not():
    """A reward of 1 at each step for ever is worth 1 / (1 - 1/2) = 2, though each episode is cut after one step."""
    config = dataclasses.replace(SMALL, total_steps=1200)
    torch.testing.assert_close(
        learned("constant reward", config, truncates=True)[:, 1], torch.full((3, 2), 2.0), atol=0.2, rtol=0
    )
    torch.testing.assert_close(learned("constant reward", config)[:, 1], torch.ones(3, 2), atol=0.15, rtol=0)


def loop_q_target(reward, terminated, next_q, gamma):
    B, A = next_q.shape
    return torch.stack([reward[i] + (0 if terminated[i] else gamma * next_q[i].max()) for i in range(B)])


def test_a_students_functions_drive_it_to_the_same_weights():
    def follow(target, online, tau):
        with torch.no_grad():
            for slow, fast in zip(target.parameters(), online.parameters(), strict=True):
                slow.copy_((1 - tau) * slow + tau * fast)

    own = {
        "q_target": loop_q_target,
        "huber_loss": lambda x, delta: torch.nn.functional.huber_loss(x, torch.zeros_like(x), "none", delta),
        "polyak_update": follow,
        "epsilon_greedy": lambda q, e: [
            e / len(q) + (1 - e) * float(i == max(range(len(q)), key=lambda j: q[j])) for i in range(len(q))
        ],
    }
    torch.testing.assert_close(learned("both matter", **own), learned("both matter"), atol=1e-3, rtol=0)


def test_a_reward_that_is_nan_stops_it_and_says_whose_and_when():
    class Broken(Probe):
        def step(self, action):
            obs, _, *rest = super().step(action)
            return obs, float("nan"), *rest

    with pytest.raises(
        FloatingPointError, match=r"the gradient of seed 0 is NaN or infinite at step 50: look at the rewards"
    ):
        train(DQN(lambda: Broken("constant reward"), 1, 0, SMALL), evaluations=0)


def test_a_nan_leaves_each_seeds_best_policy_in_the_agent():
    """Seed 0 does well at first, seed 1 later; then the world returns NaN."""

    class Breaks(Probe):
        left = 60

        def step(self, action):
            Breaks.left -= 1
            obs, reward, *rest = super().step(action)
            return obs, float("nan") if Breaks.left < 0 else reward, *rest

    agent = DQN(lambda: Probe("action matters"), 2, 0, SMALL)
    weights, evaluated = [], iter([np.array([1.0, 0.0]), np.array([0.5, 2.0]), np.array([0.0, 1.0])])
    best = Best(agent)
    for returns in evaluated:
        best.keep(returns)
        weights.append([p.detach().clone() for p in agent.online.parameters()])
        with torch.no_grad():
            for p in agent.online.parameters():
                p.add_(1.0)
    agent.seeds.diverged[0] = 7
    assert "return 1.0, 2.0" in str(best.diverged())
    for p, first, second, _ in zip(agent.online.parameters(), *weights, strict=True):
        assert torch.equal(p[0], first[0]) and torch.equal(p[1], second[1])

    def world():
        return Breaks("action matters")

    with pytest.raises(Diverged, match="gradient of seed 0, 1 is NaN .*; it had not been evaluated yet"):
        train(DQN(world, 2, 0, SMALL), evaluations=1)
    Breaks.left = 5_000
    with pytest.raises(Diverged, match=r"the agent holds the best policies before it \(return "):
        train(DQN(world, 2, 0, dataclasses.replace(SMALL, total_steps=6_000)), evaluations=60)


def test_a_target_of_another_shape_is_never_broadcast():
    def column(r, d, q, g):
        return (r + g * q.max(1).values).unsqueeze(1)

    wrong = DQN(lambda: Probe("constant reward"), 1, 0, SMALL, q_target=column)
    with pytest.raises(ValueError, match=r"q_target: got shape \(32, 1\) back from it, expected \(32,\)"):
        train(wrong, evaluations=0)


@pytest.mark.parametrize(
    "env, says",
    [
        ("Pendulum-v1", "action_space: got Box.* expected Discrete actions"),
        ("FrozenLake-v1", "observation_space: got Discrete.* expected a Box"),
    ],
)
def test_what_it_cannot_serve_is_said(env, says):
    with pytest.raises(ValueError, match=says):
        DQN(env)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"gamma": 1.5}, "gamma: got 1.5"),
        ({"steps_per_update": 0}, "steps_per_update: got 0"),
        ({"capacity": 0}, "capacity: got 0"),
        ({"capacity": 10, "batch_size": 20}, "capacity: got 10, expected at least batch_size = 20"),
        ({"epsilon_end": 1.2}, "epsilon_end: got 1.2"),
    ],
)
def test_a_config_that_makes_no_sense_is_said(change, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(SMALL, **change)


def test_a_copy_that_would_never_be_called_is_said():
    with pytest.raises(ValueError, match="polyak_update: got a function that these settings never call"):
        DQN("CartPole-v1", polyak_update=lambda target, online, tau: None)


def test_epsilon_falls_linearly_and_then_stays():
    agent = DQN("CartPole-v1", config=Config(hidden=(4,), total_steps=1_000, exploration=0.5, epsilon_end=0.1))
    seen = []
    for agent.steps in (0, 250, 500, 1_000):
        seen.append(agent.epsilon)
    assert seen == pytest.approx([1.0, 0.55, 0.1, 0.1])


def test_evaluation_is_apart_from_training():
    agent = DQN("CartPole-v1", 2, 0, SMALL)
    before = agent.steps, len(agent.buffer), [p.clone() for p in agent.online.parameters()]
    first, again = evaluate(agent, episodes=3), evaluate(agent, episodes=3)
    assert np.array_equal(first, again) and first.shape == (2,)  # and it is the same each time
    assert (agent.steps, len(agent.buffer)) == before[:2]
    assert all(torch.equal(a, b) for a, b in zip(before[2], agent.online.parameters(), strict=True))


def test_the_batch_sees_what_was_observed():
    agent = DQN(lambda: Probe("constant reward"), 2, 0, SMALL)
    obs = np.zeros((2, 1), np.float32)
    flags = np.zeros(2, bool)
    agent.buffer.add(Step(obs, np.ones(2, int), np.array([3.0, 4.0]), obs, ~flags, flags))
    batch = agent.buffer.sample(1)
    assert batch.rewards.tolist() == [[3.0, 4.0]] and batch.action.tolist() == [1, 1] and batch.terminated.all()


def test_whole_numbers_of_a_picture_are_served_as_shares_of_one():
    class Picture(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(0, 255, (10, 10, 3), np.uint8)
        action_space = gymnasium.spaces.Discrete(2)

        def reset(self, *, seed=None, options=None):
            return np.full((10, 10, 3), 255, np.uint8), {}

        def step(self, action):
            return np.full((10, 10, 3), 255, np.uint8), 1.0, True, False, {}

    agent = DQN(Picture, 2, 0, SMALL)
    bright = np.full((2, 10, 10, 3), 255, np.uint8)
    scaled, net = agent.online(bright), agent.online.net
    torch.testing.assert_close(scaled, net(torch.ones(2, 1, 10, 10, 3)).flatten(0, 1))
