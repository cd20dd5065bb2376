"""REINFORCE: its gradient is the sum over whole episodes of its own policy; probes; a student's functions drive it."""

import dataclasses

import gymnasium
import numpy as np
import pytest
import torch
from torch.distributions import Categorical, Independent, Normal

from rlcourse.agents.reinforce import Config, Reinforce
from rlcourse.parts import rollouts
from rlcourse.training.loop import Diverged, train
from rlcourse.worlds.envs import Envs
from rlcourse.worlds.probes import Probe

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other

CONFIG = Config(
    gamma=0.5, total_steps=1_500, hidden=(16,), learning_rate=1e-2, value_learning_rate=2e-2, anneal=False, n_episodes=4
)
BASELINES = ("none", "average", "value", "optimal")
DISCRETE, BOX = gymnasium.spaces.Discrete(3), gymnasium.spaces.Box(-2, 2, (2,), np.float32)


def changed(**changes):
    return dataclasses.replace(CONFIG, **changes)


def trained(kind: str, truncates: bool = False, config: Config = CONFIG, **equations) -> Reinforce:
    agent = Reinforce(lambda: Probe(kind, truncates), 2, 0, config, **equations)
    train(agent, evaluations=0)
    return agent


@torch.no_grad()
def learned(agent: Reinforce) -> tuple[torch.Tensor, torch.Tensor]:
    """pi(. | s) [K, 3, 2] and V [K, 3] for the observations -1, 0, 1."""
    K = len(agent.seeds)
    seen = torch.tensor([-1.0, 0.0, 1.0]).repeat(K).unsqueeze(1)
    values = agent.critic(seen) if hasattr(agent, "critic") else torch.zeros(3 * K)
    return agent.policy(seen).logits.softmax(-1).view(K, 3, 2), values.view(K, 3)


@pytest.mark.parametrize("kind", Probe.KINDS)
def test_it_solves_each_probe(kind):
    pi, values = learned(trained(kind))
    expected = {  # observation: its value, by hand; gamma is 1/2
        "constant reward": {1: 1.0},
        "reward by observation": {0: -1.0, 2: 1.0},
        "two steps": {1: 0.5, 2: 1.0},
        "action matters": {1: 1.0},
        "both matter": {0: 1.0, 2: 1.0},
    }[kind]
    for seen, value in expected.items():
        torch.testing.assert_close(values[:, seen], torch.full((2,), value), atol=0.15, rtol=0)
    if kind == "action matters":
        assert (pi[:, 1, 1] > 0.9).all()
    if kind == "both matter":
        assert (pi[:, 0, 0] > 0.9).all() and (pi[:, 2, 1] > 0.9).all()


def test_truncation_bootstraps():
    """A reward of 1 at each step for ever is worth 2, though each episode is cut after one step."""
    _, values = learned(trained("constant reward", True, changed(total_steps=3_000)))
    torch.testing.assert_close(values[:, 1], torch.full((2,), 2.0), atol=0.2, rtol=0)


@pytest.mark.parametrize("baseline", BASELINES)
def test_every_baseline_finds_the_action_that_matters(baseline):
    pi, _ = learned(trained("both matter", config=changed(baseline=baseline)))
    assert (pi[:, 0, 0] > 0.8).all() and (pi[:, 2, 1] > 0.8).all()


class Walk(gymnasium.Env):
    """Observes and pays noise; an episode has 1 to 6 steps and may end by truncation."""

    observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float32)

    def __init__(self, action_space=DISCRETE):
        self.action_space = action_space

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.length, self.t = int(self.np_random.integers(1, 7)), 0
        return self.np_random.normal(size=2).astype(np.float32), {}

    def step(self, action):
        self.t += 1
        over, cut = self.t == self.length, bool(self.np_random.random() < 0.5)
        seen = self.np_random.normal(size=2).astype(np.float32)
        return seen, float(self.np_random.normal() + 3), over and not cut, over and cut, {}


def updates(agent: Reinforce, wanted: int):
    """What each of so many updates of all seeds together was given: (seeds, their episodes), before it happens."""
    given, learn = [], agent.learn

    def remember(ready, episodes):
        given.append((list(ready), episodes))
        learn(ready, episodes)

    agent.learn = remember
    envs = Envs(agent.env, agent.seeds.numbers("environments", agent.config.n_envs))
    while sum(len(ready) for ready, _ in given) < wanted:
        agent.steps += agent.config.n_envs
        before = len(given)
        agent.observe(envs.step(agent.act(envs.observation)))
        if len(given) > before:
            yield given[-1]


def log_prob_and_score_sq(agent: Reinforce, k: int, obs, action):
    """Of seed k's policy, through torch.distributions; the score by autograd."""
    weights = [p[k] for p in agent.policy.net.parameters()]
    out = torch.tanh(obs @ weights[0] + weights[1]) @ weights[2] + weights[3]
    leaf = out.detach().requires_grad_()
    if agent.policy.discrete:
        of = lambda out: Categorical(logits=out)  # noqa: E731
    else:
        std = agent.policy.log_std[k].exp()
        of = lambda out: Independent(Normal(out, std), 1)  # noqa: E731
    (score,) = torch.autograd.grad(of(leaf).log_prob(action).sum(), leaf)
    return of(out).log_prob(action), (score**2).sum(-1), of(out).entropy()


def value(critic, k: int, obs):
    """Of seed k, by the weights alone."""
    weights = [p[k] for p in critic]
    return (torch.tanh(obs @ weights[0] + weights[1]) @ weights[2] + weights[3]).squeeze(-1)


@pytest.mark.parametrize("actions", [DISCRETE, BOX], ids=["discrete", "box"])
@pytest.mark.parametrize("baseline", BASELINES)
@pytest.mark.parametrize(
    "form",
    [{}, {"discount_gradient": True}, {"reward_to_go": False}, {"entropy_coef": 0.1}],
    ids=["to go", "discounted", "whole return", "entropy"],
)
def test_an_update_goes_down_the_sum_over_whole_episodes(actions, baseline, form):
    """By a loop over episodes and steps: each seed's gradient is the mean over its episodes of the sum over steps."""
    config = changed(baseline=baseline, n_episodes=3, n_envs=2, learning_rate=1e-3, **form)
    agent, gamma = Reinforce(lambda: Walk(actions), 3, 0, config), config.gamma
    before = {k: [] for k in range(3)}  # mean returns of each seed's earlier updates
    parameters, together = list(agent.policy.parameters()), []
    frozen, critic = [p.detach().clone() for p in parameters], None
    if baseline == "value":
        critic = [p.detach().clone() for p in agent.critic.parameters()]
    for ready, episodes in updates(agent, 12):
        after = [p.detach().clone() for p in parameters]
        gradient = [p.grad.clone() for p in parameters]
        after_critic = [p.detach().clone() for p in agent.critic.parameters()] if critic else None
        with torch.no_grad():  # the weights that the update began with
            for p, old in zip(parameters, frozen, strict=True):
                p.copy_(old)
        for row, k in enumerate(ready):
            parts = []  # an episode's observations, actions and what each action answers for
            for column in range(3 * row, 3 * row + 3):
                T = int(episodes.played[:, column].sum())
                obs, action, rewards = (x[:T, column] for x in (episodes.obs, episodes.action, episodes.rewards))
                rewards = rewards.tolist()

                if baseline == "value" and episodes.truncated[T - 1, column]:
                    rewards[-1] += gamma * float(value(critic, k, episodes.next_obs[T - 1, column]))
                G = [sum(gamma ** (j - t) * rewards[j] for j in range(t, T)) for t in range(T)]
                G = torch.tensor(G if config.reward_to_go else [G[0]] * T)
                parts.append((obs, action, G, value(critic, k, obs) if critic else None))
            quantities = [log_prob_and_score_sq(agent, k, obs, action) for obs, action, *_ in parts]
            pooled = torch.cat([G for _, _, G, _ in parts])
            score_sq = torch.cat([squared for _, squared, _ in quantities])
            number = {"optimal": (score_sq * pooled).sum() / score_sq.sum(), "none": 0.0, "average": 0.0}
            for mean in before[k]:
                number["average"] = 0.9 * number["average"] + 0.1 * mean
            before[k].append(float(pooled.mean()))
            total = 0.0
            for (_, _, G, V), (log_prob, _, entropy) in zip(parts, quantities, strict=True):
                weight = G - (V if critic else number[baseline])
                if config.discount_gradient:
                    weight = weight * gamma ** torch.arange(len(G))
                total = total - (weight * log_prob).sum() / 3 - config.entropy_coef * entropy.sum() / 3
            expected = torch.autograd.grad(total, parameters, allow_unused=True)
            for got, by_loop in zip(gradient, expected, strict=True):
                torch.testing.assert_close(got[k], by_loop[k], rtol=1e-3, atol=1e-5)
        for p, moved in zip(parameters, after, strict=True):
            p.data.copy_(moved)
        frozen, critic = after, after_critic
        together.append(len(ready))
    assert 1 in together


class Lengths(gymnasium.Env):
    """Episodes of 1 to 20 steps; one sees how many steps the environment had taken when the episode began."""

    observation_space = gymnasium.spaces.Box(0, np.inf, (1,), np.float32)
    action_space = gymnasium.spaces.Discrete(2)
    taken = 0

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.length, self.t, self.began = int(self.np_random.integers(1, 21)), 0, self.taken
        return np.array([self.began], np.float32), {}

    def step(self, action):
        self.t, self.taken = self.t + 1, self.taken + 1
        return np.array([self.began], np.float32), 1.0, self.t == self.length, False, {}


@pytest.mark.parametrize("n_envs, n_episodes", [(1, 2), (4, 4), (4, 6), (6, 4)])
def test_it_learns_from_whole_episodes_of_the_policy_as_it_is_and_not_from_the_shorter_ones(n_envs, n_episodes):
    collected = rollouts.Episodes(n_episodes, n_envs, 2)
    envs, last, lengths = Envs(Lengths, range(2 * n_envs)), [0, 0], []
    for tick in range(1, 12_001):
        batches = collected.add(envs.step(np.zeros(2 * n_envs, int)))
        ready, episodes = batches[0] if batches else ([], None)
        for row, k in enumerate(ready):
            mine = slice(row * n_episodes, (row + 1) * n_episodes)
            played = episodes.played[:, mine]
            assert (episodes.terminated[:, mine].sum(0) == 1).all() and (episodes.rewards[:, mine][~played] == 0).all()
            assert (episodes.terminated[:, mine][played.sum(0) - 1, torch.arange(n_episodes)]).all()
            assert (episodes.obs[0, mine, 0] >= last[k]).all(), "it began after the last update"
            last[k] = tick
            lengths += played.sum(0).tolist()
    mean, error = np.mean(lengths), np.std(lengths) / np.sqrt(len(lengths))
    assert len(lengths) > 1_000 and abs(mean - 10.5) < 4 * error


def test_to_begin_drops_what_is_half_done():
    collected, envs = rollouts.Episodes(2, 1, 1), Envs(Lengths, [0])
    for _ in range(3):
        collected.add(envs.step(np.zeros(1, int)))
    collected.forget()
    envs, batches = Envs(Lengths, [1]), []
    while not batches:
        batches = collected.add(envs.step(np.zeros(1, int)))
    [(_, episodes)] = batches
    assert episodes.obs[0, 0, 0] == 0 and episodes.rewards.sum() == envs._envs[0].taken


def test_the_average_of_returns_stays_among_the_returns_however_long_the_updates_are():
    agent = Reinforce("CartPole-v1", 1, 0, Config(baseline="average"))
    episodes = rollouts.Rollout(played=torch.ones(25_000, 2, dtype=bool))
    for _ in range(60):
        b = agent.constants([0], episodes, torch.ones(25_000, 2), None)
        assert 0 <= b.min() and b.max() <= 1
    torch.testing.assert_close(b, torch.ones(2), atol=0.01, rtol=0)


def test_a_world_that_never_ends_is_said(monkeypatch):
    monkeypatch.setattr(rollouts, "LONGEST", 50)

    class Endless(Probe):
        def step(self, action):
            return self._observe(), 1.0, False, False, {}

    with pytest.raises(ValueError, match="env: got an episode that has not ended after 50 steps, expected one w"):
        train(Reinforce(lambda: Endless("constant reward"), config=CONFIG), evaluations=0)


@pytest.mark.parametrize("baseline", BASELINES)
def test_a_critic_learns_where_it_is_the_baseline_and_nowhere_else(baseline):
    agent = Reinforce(lambda: Probe("both matter"), 1, 0, changed(baseline=baseline, total_steps=200))
    assert hasattr(agent, "critic") == hasattr(agent, "critic_adam") == (baseline == "value")
    train(agent, evaluations=0)


def loop_returns(rewards, gamma):
    T, B = rewards.shape
    return torch.stack([sum(gamma ** (k - t) * rewards[k] for k in range(t, T)) for t in range(T)]).view(T, B)


def numpys_baseline(score_sq, returns):
    score_sq, returns = score_sq.numpy(), returns.numpy()
    return np.average(returns, weights=score_sq) if score_sq.any() else returns.mean()


def test_a_students_functions_drive_it_to_the_same_weights():
    config = changed(total_steps=200, baseline="optimal", entropy_coef=0.01)
    own = {
        "discounted_returns": loop_returns,
        "score_function_loss": lambda log_prob, weight: -torch.dot(log_prob, weight) / len(weight),
        "optimal_baseline": numpys_baseline,
        "entropy": lambda logits: Categorical(logits=logits).entropy(),
    }
    theirs, ours = trained("two steps", config=config, **own), trained("two steps", config=config)
    for a, b in zip(theirs.policy.parameters(), ours.policy.parameters(), strict=True):
        torch.testing.assert_close(a, b, atol=1e-3, rtol=0)


def test_what_comes_back_in_another_shape_is_said():
    with pytest.raises(ValueError, match=r"discounted_returns: got shape \(1, 16\) back from it, expected \(1, 8\)"):
        trained("constant reward", discounted_returns=lambda rewards, gamma: torch.cat([rewards, rewards], dim=1))
    with pytest.raises(ValueError, match=r"optimal_baseline: got shape \(2, 4\) back from it, expected \(2,\)"):
        trained("both matter", config=changed(baseline="optimal"), optimal_baseline=lambda score_sq, returns: returns)


class Breaks(Probe):
    def step(self, action):
        obs, _, *rest = super().step(action)
        return obs, float("nan"), *rest


@pytest.mark.parametrize("baseline", BASELINES)
def test_a_gradient_that_is_nan_stops_with_the_step(baseline):
    agent = Reinforce(lambda: Breaks("constant reward"), config=changed(baseline=baseline))
    with pytest.raises(Diverged, match="NaN or infinite at step 4: look at the rewards"):
        train(agent, evaluations=0)


@pytest.mark.parametrize(
    "change, says",
    [
        ({"baseline": "best"}, "baseline: got 'best', expected one of 'none', 'average'"),
        ({"gamma": 2.0}, "gamma: got 2"),
        ({"n_episodes": 0}, "n_episodes: got 0"),
        ({"discount_gradient": True, "reward_to_go": False}, "discount_gradient: got True without reward_to_go"),
    ],
)
def test_a_config_that_makes_no_sense_is_said(change, says):
    with pytest.raises(ValueError, match=says):
        changed(**change)


def test_a_function_that_would_never_be_called_is_refused():
    with pytest.raises(ValueError, match="optimal_baseline: got a function that these settings never call"):
        trained("two steps", optimal_baseline=numpys_baseline)
    with pytest.raises(ValueError, match="entropy: got a function that these settings never call"):
        trained("two steps", entropy=lambda logits: logits.sum(-1))


def test_without_a_bonus_no_entropy_is_asked_for(monkeypatch):
    """It belongs to a later problem set, so a student may not have it yet."""
    agent = Reinforce(lambda: Probe("two steps"), config=changed(total_steps=200))
    monkeypatch.setattr(agent.policy, "entropy", None)
    train(agent, evaluations=0)
