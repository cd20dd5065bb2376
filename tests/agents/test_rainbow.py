"""Rainbow: its tricks, alone and together, find the right values; without any it is DQN, and what C51 adds is right."""

import dataclasses

import gymnasium
import numpy as np
import pytest
import torch

from rlcourse.agents import dqn
from rlcourse.agents.rainbow import Config, Rainbow
from rlcourse.functional.targets import double_q_target, q_target
from rlcourse.parts.nets import NoisyLinear, resample
from rlcourse.training.loop import train
from rlcourse.worlds.probes import Probe

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other

SHARED = {
    "total_steps": 700,
    "warm_up": 50,
    "hidden": (32,),
    "learning_rate": 3e-3,
    "tau": 0.05,
    "gamma": 0.5,
    "batch_size": 32,
    "capacity": 1000,
}
SMALL = Config(**SHARED, support=(-2.5, 2.5), n_atoms=21)
OFF = {
    "double": False,
    "dueling": False,
    "prioritized": False,
    "n_step": 1,
    "distributional": False,
    "noisy": False,
}
WITHOUT = {
    "nothing": {},
    "double": {"double": False},
    "dueling": {"dueling": False},
    "priorities": {"prioritized": False},
    "n-step returns": {"n_step": 1},
    "distributions": {"distributional": False},
    "noise": {"noisy": False},
}
ALONE = {
    "double": {"double": True},
    "dueling": {"dueling": True},
    "priorities": {"prioritized": True},
    "three steps": {"n_step": 3},
    "distributions": {"distributional": True, "support": (-2.5, 2.5), "n_atoms": 21},
    "noise": {"noisy": True},
    "all of values": {"double": True, "dueling": True, "prioritized": True, "n_step": 3, "anneal": True},
}
VALUES = Config(**SHARED | OFF)
OBSERVATIONS = torch.tensor([[-1.0], [0.0], [1.0]])


def learned(kind: str, config: Config, n_seeds: int = 2, truncates: bool = False, **equations) -> torch.Tensor:
    """Q [K, 3, A] for the observations -1, 0, 1 of a probe after training, without noise."""
    agent = Rainbow(lambda: Probe(kind, truncates), n_seeds, 0, config, **equations)
    train(agent, evaluations=0)
    with torch.no_grad():
        return agent.online.eval()(OBSERVATIONS.repeat(n_seeds, 1)).unflatten(0, (n_seeds, 3))


@pytest.mark.parametrize("without", WITHOUT)
def test_it_learns_the_two_steps_with_any_trick_taken_away(without):
    q = learned("two steps", dataclasses.replace(SMALL, **WITHOUT[without]))
    torch.testing.assert_close(q[:, 1], torch.full((2, 2), 0.5), atol=0.15, rtol=0)
    torch.testing.assert_close(q[:, 2], torch.ones(2, 2), atol=0.15, rtol=0)


@pytest.mark.parametrize("trick", ALONE)
def test_every_trick_alone_learns_the_two_steps(trick):
    q = learned("two steps", dataclasses.replace(VALUES, **ALONE[trick]), n_seeds=3)
    torch.testing.assert_close(q[:, 1], torch.full((3, 2), 0.5), atol=0.15, rtol=0)


def test_without_any_trick_it_is_dqn_draw_for_draw():
    settings = SHARED | {"tau": None, "steps_per_copy": 30, "anneal": True, "n_envs": 2}
    mine = Rainbow(lambda: Probe("both matter"), 2, 3, Config(**settings | OFF))
    plain = dqn.DQN(lambda: Probe("both matter"), 2, 3, dqn.Config(**settings))
    curves = [train(agent, evaluations=3, episodes=2).returns for agent in (mine, plain)]
    assert np.array_equal(*curves)
    for a, b in zip(mine.online.parameters(), plain.online.parameters(), strict=True):
        assert torch.equal(a, b)


def test_it_finds_the_action_that_matters():
    q = learned("both matter", SMALL)
    assert (q[:, 0].argmax(-1) == 0).all() and (q[:, 2].argmax(-1) == 1).all()
    torch.testing.assert_close(q[:, 2, 1], torch.ones(2), atol=0.15, rtol=0)


@pytest.mark.parametrize("config", [VALUES, dataclasses.replace(VALUES, n_step=3), SMALL], ids=["1", "3", "all"])
def test_truncation_bootstraps_and_termination_does_not(config):
    """A reward of 1 at each step for ever is worth 2, though each episode is cut after one step."""
    config = dataclasses.replace(config, total_steps=1500)
    cut, over = (learned("constant reward", config, truncates=cut) for cut in (True, False))
    torch.testing.assert_close(cut[:, 1], torch.full((2, 2), 2.0), atol=0.2, rtol=0)
    torch.testing.assert_close(over[:, 1], torch.ones(2, 2), atol=0.15, rtol=0)


def filled(config: Config, kind: str = "two steps") -> Rainbow:
    """An agent of two seeds with a little experience and different online and target networks."""
    agent = Rainbow(lambda: Probe(kind), 2, 0, dataclasses.replace(config, warm_up=10_000))
    train(agent, steps=64, evaluations=0)
    with torch.no_grad():
        for parameter in agent.target.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(7)))
    return agent


@pytest.mark.parametrize("double", [True, False])
def test_the_mean_of_the_target_distribution_is_the_target_of_its_means(double):
    """With a support that is wide and fine; what a window collected and how it ended is read off it, step by step."""
    agent = filled(dataclasses.replace(SMALL, double=double, support=(-20.0, 20.0), n_atoms=401))
    batch, seen = agent.buffer.sample(32, 3), {}
    resample(agent.online, agent.noise)
    project = agent.losses.categorical_projection
    agent.losses.categorical_projection = lambda *arguments: seen.setdefault("y", project(*arguments))
    agent.losses(agent.online, agent.target, batch)
    with torch.no_grad():
        next_q, chosen_by = (net(batch.next_obs) for net in (agent.target, agent.online))
    assert (next_q.argmax(1) != chosen_by.argmax(1)).any()  # else the two would be one
    collected = sum(0.5**t * batch.rewards[t] for t in range(3))
    window = collected, batch.terminated.any(dim=0), 0.5 ** batch.length.float()
    y = (
        double_q_target(*window[:2], next_q, chosen_by, window[2])
        if double
        else q_target(*window[:2], next_q, window[2])
    )
    torch.testing.assert_close(seen["y"] @ agent.online.atoms, y, atol=1e-3, rtol=0)


def test_the_priority_is_the_divergence_which_is_zero_where_nothing_is_left_to_learn():
    agent = filled(dataclasses.replace(SMALL, noisy=False))
    batch = agent.buffer.sample(32, 3)
    loss, error, _ = agent.losses(agent.online, agent.target, batch)
    assert (error > 0).all() and (loss >= error - 1e-5).all()
    with torch.no_grad():
        p = agent.online.log_probabilities(batch.obs).exp()
    taken = p[torch.arange(len(p)), batch.action]
    agent.losses.categorical_projection = lambda *arguments: taken  # what it predicts already
    assert agent.losses(agent.online, agent.target, batch)[1].abs().max() < 1e-5


def test_what_the_support_clamps_is_reported():
    """A reward of 1 for ever is worth 2. A support that ends at 1 clamps it, one that ends at 2.5 does not."""
    shares = {}
    for support in ((-1.0, 1.0), (-2.5, 2.5)):
        agent = Rainbow(
            lambda: Probe("constant reward", True), 2, 0, dataclasses.replace(SMALL, support=support, n_step=1)
        )
        train(agent, evaluations=0)
        shares[support] = agent.report["clamped"]
        assert shares[support].shape == (2,)
    assert (shares[-1.0, 1.0] > 0.9).all() and (shares[-2.5, 2.5] < 0.05).all()


def test_the_support_has_no_default():
    """Values that are wrong without a word were what a default support brought: there is none."""
    with pytest.raises(ValueError, match=r"support: got None, expected the least and the largest discounted return"):
        Rainbow("Acrobot-v1")
    assert Config(distributional=False).support is None


def test_noise_explores_and_the_greedy_policy_has_none():
    agent = Rainbow(lambda: Probe("action matters"), 2, 0, SMALL)
    observation = np.zeros((2, 1), np.float32)
    assert agent.epsilon == 0
    tried = np.stack([agent.act(observation) for _ in range(60)])
    assert set(tried[:, 0]) == set(tried[:, 1]) == {0, 1}
    assert len({tuple(agent.greedy(observation).tolist()) for _ in range(20)}) == 1
    plain = Rainbow(lambda: Probe("action matters"), 1, 0, dataclasses.replace(SMALL, noisy=False))
    assert plain.epsilon == 1.0


def test_the_target_network_has_noise_of_its_own():
    agent = Rainbow(lambda: Probe("action matters"), 1, 0, SMALL)
    resample(agent.online, agent.noise)
    resample(agent.target, agent.target_noise)
    here, there = (
        next(layer for layer in network.modules() if isinstance(layer, NoisyLinear)).noise_in
        for network in (agent.online, agent.target)
    )
    assert here.abs().min() > 0 and not torch.allclose(here, there)


@pytest.mark.parametrize("config", [SMALL, dataclasses.replace(SMALL, distributional=False)], ids=["C51", "values"])
def test_a_seed_whose_rewards_are_nan_diverges_alone(config):
    """Priorities and projections of the others go on as if it were not there."""

    class Torn(Probe):
        made = 0

        def __init__(self):
            super().__init__("both matter")
            Torn.made += 1
            self.number = Torn.made

        def step(self, action):
            obs, reward, *rest = super().step(action)
            return obs, float("nan") if self.number == torn else reward, *rest

    def run():
        agent = Rainbow(Torn, 2, 0, dataclasses.replace(config, total_steps=200))
        Torn.made = 0
        return agent, train(agent, evaluations=0, strict=False)

    torn = 1
    agent, result = run()
    torn = None
    whole, _ = run()
    assert list(result.diverged) == [0]
    for mine, beside in zip(agent.online.parameters(), whole.online.parameters(), strict=True):
        assert mine.isfinite().all()
        torch.testing.assert_close(mine[1], beside[1], atol=1e-6, rtol=0)


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


def test_a_students_functions_drive_it_to_the_same_values():
    def loop_double(reward, terminated, next_q, next_q_online, gamma):
        B, A = next_q.shape
        best = [max(range(A), key=lambda a, i=i: next_q_online[i, a]) for i in range(B)]
        return [
            float(reward[i]) + (0 if terminated[i] else float(gamma[i]) * float(next_q[i, best[i]])) for i in range(B)
        ]

    def streams(value, advantage):
        B, A = advantage.shape
        return torch.cat([value + advantage[:, [a]] - advantage.mean(1, keepdim=True) for a in range(A)], dim=1)

    config = dataclasses.replace(VALUES, **ALONE["all of values"], total_steps=200)
    own = {
        "double_q_target": loop_double,
        "dueling_q": streams,
        "priority": lambda error, alpha, eps: [(abs(float(x)) + eps) ** alpha for x in error],
        "importance_weights": lambda p, n, beta: (p.numpy() / p.numpy().min()) ** -beta,
    }
    torch.testing.assert_close(learned("both matter", config, **own), learned("both matter", config), atol=1e-3, rtol=0)


def test_a_target_of_another_shape_is_never_broadcast():
    def column(r, d, q, g):
        return (r + g * q.max(1).values).unsqueeze(1)

    for equations in ({"q_target": column}, {"categorical_projection": lambda p, *rest: p.unsqueeze(1)}):
        (name,) = equations
        config = VALUES if name == "q_target" else SMALL
        agent = Rainbow(lambda: Probe("constant reward"), 1, 0, config, **equations)
        with pytest.raises(ValueError, match=rf"{name}: got shape \(32, 1.* back from it, expected \(32,"):
            train(agent, steps=100, evaluations=0)


def test_images_are_served():
    class Picture(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(0, 1, (10, 10, 4), bool)
        action_space = gymnasium.spaces.Discrete(3)

        def reset(self, *, seed=None, options=None):
            return np.zeros((10, 10, 4), bool), {}

        def step(self, action):
            return np.zeros((10, 10, 4), bool), 1.0, True, False, {}

    agent = Rainbow(Picture, 2, 0, dataclasses.replace(SMALL, total_steps=60, n_step=1))
    result = train(agent, evaluations=1, episodes=2)
    assert result.returns.tolist() == [[1.0], [1.0]]


@pytest.mark.parametrize(
    "change, says",
    [
        ({"support": (1.0, 1.0)}, r"support: got \(1.0, 1.0\), expected two numbers, the first one smaller"),
        ({"support": (0.0, float("inf"))}, "support: got"),
        ({"support": None}, "support: got None"),
        ({"n_atoms": 1}, "n_atoms: got 1"),
        ({"n_step": 0}, "n_step: got 0"),
        ({"sigma": -0.1}, "sigma: got -0.1"),
        ({"gamma": 2.0}, "gamma: got 2"),
        ({"capacity": 10, "batch_size": 20}, "capacity: got 10, expected at least batch_size = 20"),
    ],
)
def test_a_config_that_makes_no_sense_is_said(change, says):
    with pytest.raises(ValueError, match=says):
        dataclasses.replace(SMALL, **change)
