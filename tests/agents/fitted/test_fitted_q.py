"""Fitted Q-iteration, online Q-learning and semi-gradient TD: exact where they can be, and student-driven."""

import itertools

import gymnasium
import numpy as np
import pytest
import torch

from rlcourse.agents.fitted.fitted_q import fitted_q_iteration
from rlcourse.agents.fitted.models import LinearQ, NetQ
from rlcourse.agents.fitted.online_q import Config, OnlineQ
from rlcourse.agents.fitted.prediction import semi_gradient_td
from rlcourse.agents.tabular.planning import q_iteration
from rlcourse.agents.tabular.prediction import td0_prediction
from rlcourse.functional.tabular import policy_evaluation
from rlcourse.parts.batches import collect, pick
from rlcourse.training.loop import Diverged, evaluate, train
from rlcourse.worlds.envs import Step
from rlcourse.worlds.grids import chain, grid_world, random_mdp
from rlcourse.worlds.mdp import MDP
from rlcourse.worlds.probes import Probe

torch.set_num_threads(1)  # the nets are small: threads would only wait for each other

GRID = grid_world("...G\n.#.X\nS...", slip=0.2, step_reward=-0.04)


def every_transition(mdp: MDP, copies: int, n_seeds: int = 1) -> Step:
    """Each transition `copies` times its probability, so that averages over the batch are expectations."""
    rows = []
    for s, a, s_next in itertools.product(range(mdp.n_states), range(mdp.n_actions), range(mdp.n_states)):
        if not mdp.terminal[s]:
            row = (s, a, mdp.rewards[s, a, s_next], s_next, mdp.terminal[s_next], False)
            rows += [row] * round(copies * mdp.dense[s, a, s_next])
    return Step(*(np.array(column * n_seeds) for column in zip(*rows, strict=True)))


def table(mdp: MDP, n_seeds: int = 1, alpha: float = 0.1) -> LinearQ:
    return LinearQ(lambda s: np.eye(mdp.n_states)[s], mdp.n_states, mdp.n_actions, n_seeds, alpha=alpha)


def batch_of(n_seeds: int = 1, n: int = 4, **changed: object) -> Step:
    """A batch of ones, with something about it changed."""
    ones, no = np.ones(n_seeds * n), np.zeros(n_seeds * n, bool)
    return Step(ones[..., None], ones.astype(int), ones, ones[..., None], no, no)._replace(**changed)


def loop_q_target(reward, terminated, next_q, gamma):
    return torch.stack([r if d else r + gamma * max(q) for r, d, q in zip(reward, terminated, next_q, strict=True)])


def test_with_one_hot_features_and_all_transitions_it_is_q_iteration():
    model, sweeps, fits = table(GRID), [], []
    fitted_q_iteration(
        model, every_transition(GRID, 10), 0.95, 300, after=lambda k: fits.append(model.w[0].numpy().copy())
    )
    plan = q_iteration(GRID, 0.95, eps=1e-11, history=sweeps)
    alive = ~GRID.terminal
    for fit, sweep in zip(fits[:20], sweeps[1:21], strict=True):
        np.testing.assert_allclose(fit[alive], sweep[alive], atol=1e-10)
    np.testing.assert_allclose(fits[-1][alive], plan.Q[alive], atol=1e-6)


@pytest.mark.parametrize("method", [fitted_q_iteration, None], ids=["fitted", "online"])
def test_a_students_target_drives_it_to_the_same_values(method):
    batch, results = every_transition(GRID, 10), []
    for equation in ({}, {"q_target": loop_q_target}):
        model = table(GRID)
        if method:
            method(model, batch, 0.9, 10, **equation)
        else:
            agent = OnlineQ(GRID.env, model, Config(gamma=0.9), **equation)
            for i in range(100):
                agent.observe(pick(batch, slice(i, i + 1), 1))
        results.append(model.w)
    torch.testing.assert_close(results[1], results[0])
    assert results[0].abs().max() > 0.1


def test_a_linear_fit_is_the_least_squares_fit():
    rng = np.random.default_rng(0)
    X, action, y = rng.normal(size=(2, 40, 3)), rng.integers(2, size=(2, 40)), rng.normal(size=(2, 40))
    model = LinearQ(lambda x: x, 3, 2, n_seeds=2)
    model.regression(X.reshape(80, 3), action.ravel())(torch.from_numpy(y).flatten())
    for k, a in itertools.product(range(2), range(2)):
        rows = action[k] == a
        np.testing.assert_allclose(model.w[k, :, a], np.linalg.lstsq(X[k, rows], y[k, rows], rcond=None)[0], atol=1e-10)


def test_what_was_never_tried_keeps_the_value_0():
    model = LinearQ(lambda x: x, 1, 3)
    fitted_q_iteration(model, batch_of(), 0.5, 3)
    torch.testing.assert_close(model.w[0, 0], torch.tensor([0, 1.75, 0], dtype=torch.float64))  # 1 + 1/2 + 1/4


def test_a_linear_step_goes_down_the_squared_error_to_a_fixed_target():
    rng = np.random.default_rng(0)
    X, action, y = rng.normal(size=(6, 3)), rng.integers(2, size=6), torch.from_numpy(rng.normal(size=6))
    model = LinearQ(lambda x: x, 3, 2, alpha=0.1)
    model.w += torch.from_numpy(rng.normal(size=(1, 3, 2)))
    start = model.w.clone()

    def loss(w: torch.Tensor) -> float:
        q = (torch.from_numpy(X) @ w[0])[range(6), action]
        return float(0.5 * ((y - q) ** 2).mean())

    expected = torch.zeros_like(start)
    for i, a in itertools.product(range(3), range(2)):
        h = torch.zeros_like(start)
        h[0, i, a] = 1e-5
        expected[0, i, a] = -0.1 * (loss(start + h) - loss(start - h)) / 2e-5
    model.step(X, action, y)
    torch.testing.assert_close(model.w - start, expected, atol=1e-9, rtol=0)


def test_exact_fits_diverge_where_tsitsiklis_and_van_roy_say():
    """Values w and 2 w, 1 leads to 2, 2 to itself nine times in ten: w grows by (6 - 4/10) gamma / 5 a fit."""
    s, s_next = np.repeat([1, 2], 10), np.append(np.full(19, 2), 0)
    no = np.zeros(20, bool)
    batch = Step(s, no.astype(int), no.astype(float), s_next, s_next == 0, no)
    model = LinearQ(lambda s: s[..., None], 1, 1)
    model.w += 1
    fitted_q_iteration(model, batch, 0.99, 5)
    assert model.w.item() == pytest.approx((5.6 * 0.99 / 5) ** 5)
    with pytest.raises(FloatingPointError, match=r"seed 0 are .* in iteration \d+: the chain of fits diverges"):
        fitted_q_iteration(model, batch, 0.99, 10_000)


@pytest.mark.parametrize("kind", ["linear", "net"])
def test_a_seed_whose_fits_diverge_is_frozen_and_its_neighbour_goes_on_as_alone(kind):
    def run(seed: int, rewards: list) -> tuple[torch.nn.Module, np.ndarray]:
        K = len(rewards)
        models = {"linear": lambda: LinearQ(lambda x: x, 1, 2, K, seed), "net": lambda: NetQ(1, 2, K, seed, steps=5)}
        model = models[kind]()
        batch = batch_of(K, 4, reward=np.repeat(rewards, 4))
        grows = {"q_target": lambda r, d, q, gamma: r + 0.5 * q.max(1).values + 1e30 * (r > 1) * (1 + q.max(1).values)}
        return model, fitted_q_iteration(model, batch, 0.9, 30, strict=False, **grows)

    both, losses = run(0, [2.0, 1.0])
    alone, alone_losses = run(1, [1.0])
    assert list(both.seeds.diverged) == [0] and 1 <= both.seeds.diverged[0] <= 30 and not alone.seeds.diverged
    assert all(value.isfinite().all() for value in both.state_dict().values())
    assert np.isfinite(losses[1]).all() and not np.isfinite(losses[0, -1])
    np.testing.assert_allclose(losses[1], alone_losses[0], rtol=1e-4)
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(both.state_dict()[name][1], value[0], atol=1e-5, rtol=0)


@pytest.mark.parametrize("kind", ["two steps", "both matter"])
def test_a_net_knows_a_probes_values_from_random_data(kind):
    batch = collect(lambda: Probe(kind), 200, n_seeds=3)
    model = NetQ(1, 2, n_seeds=3, hidden=(32,), learning_rate=1e-2, steps=60)
    fitted_q_iteration(model, batch, 0.5, 5)
    q = model.q(np.tile([[-1.0], [0.0], [1.0]], (3, 1))).detach().view(3, 3, 2)
    expected = {"two steps": {1: (0.5, 0.5), 2: (1, 1)}, "both matter": {0: (1, -1), 2: (-1, 1)}}[kind]
    for seen, values in expected.items():
        torch.testing.assert_close(q[:, seen], torch.tensor(values).expand(3, 2).float(), atol=0.1, rtol=0)


def test_cartpole_from_random_data_alone():
    batch = collect("CartPole-v1", 1500, n_seeds=3)
    model = NetQ(4, 2, n_seeds=3, learning_rate=2e-3, steps=30)
    fitted_q_iteration(model, batch, 0.98, 25)
    assert (evaluate(OnlineQ("CartPole-v1", model), episodes=5) > 60).all()  # random: 22


def test_truncation_bootstraps_and_termination_does_not():
    batch = collect(lambda: Probe("constant reward", truncates=True), 20)
    assert batch.truncated.all()
    for data, value in ((batch, 2.0), (batch._replace(terminated=batch.truncated), 1.0)):
        model = LinearQ(lambda x: np.ones((len(x), 1)), 1, 2)
        fitted_q_iteration(model, data, 0.5, 60)
        assert model.w[0, 0].tolist() == pytest.approx([value, value])


def test_the_loss_is_the_distance_of_a_fit_to_its_targets():
    """Rewards 0 and 2 in one state, no future: the fit is 1, each target 1 away from it."""
    batch = batch_of(n=2, reward=np.array([0.0, 2.0]), terminated=np.ones(2, bool))
    np.testing.assert_allclose(fitted_q_iteration(LinearQ(lambda x: x, 1, 2), batch, 0.9, 3), np.ones((1, 3)))


def test_online_it_learns_a_chain_from_random_walks():
    mdp = chain(3)
    config = Config(gamma=0.9, epsilon=1.0, total_steps=1500)
    agent = OnlineQ(mdp.env, table(mdp, n_seeds=2, alpha=0.5), config)
    train(agent, evaluations=0)
    for w in agent.model.w:
        np.testing.assert_allclose(w[~mdp.terminal], q_iteration(mdp, 0.9, eps=1e-9).Q[~mdp.terminal], atol=0.02)


@pytest.mark.parametrize("kind", ["linear", "net"])
def test_seed_1_of_3_is_that_seed_alone(kind):
    def run(n_seeds: int, seed: int) -> torch.Tensor:
        kinds = {
            "net": lambda: NetQ(4, 2, n_seeds, seed, hidden=(16,), steps=5),
            "linear": lambda: LinearQ(lambda x: x, 4, 2, n_seeds, seed),
        }
        model = kinds[kind]()
        train(OnlineQ("CartPole-v1", model, Config(gamma=0.9, total_steps=60)), evaluations=0)
        fitted_q_iteration(model, collect("CartPole-v1", 60, n_seeds, seed), 0.9, 3)
        return model.q(np.ones((n_seeds, 4))).detach()

    torch.testing.assert_close(run(3, 0)[1], run(1, 1)[0], atol=1e-5, rtol=0)


class Tripling(gymnasium.Env):
    """Each step pays 1 and goes from 1 to 3, where it is cut off: with a weight w for the value, y = 1 + 3 w."""

    observation_space = gymnasium.spaces.Box(-9, 9, (1,))
    action_space = gymnasium.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        return np.ones(1, np.float32), {}

    def step(self, action):
        return np.full(1, 3, np.float32), 1.0, False, True, {}


def test_values_that_diverge_online_stop_with_a_reason():
    agent = OnlineQ(Tripling, LinearQ(lambda x: x, 1, 2, seed=7, alpha=1.0), Config(gamma=1.0))
    with pytest.raises(Diverged, match="the gradient of seed 7 is NaN or infinite at step"):
        train(agent, evaluations=0)
    assert agent.model.w.isfinite().all()


@pytest.mark.parametrize("kind", ["linear", "net"])
def test_a_seed_that_diverges_is_frozen_and_its_neighbour_goes_on_as_alone(kind):
    def run(n_seeds: int, seed: int, next_obs: list, reward: list) -> torch.nn.Module:
        models = {
            "linear": lambda: LinearQ(lambda x: x, 1, 2, n_seeds, seed, alpha=1.0),
            "net": lambda: NetQ(1, 2, n_seeds, seed, hidden=(4,)),
        }
        agent = OnlineQ(Tripling, models[kind](), Config(gamma=1.0))
        for agent.steps in range(2000 if kind == "linear" else 20):
            agent.observe(batch_of(n_seeds, 1, next_obs=np.array(next_obs)[:, None], reward=np.array(reward)))
        return agent.model

    infinite = 1.0 if kind == "linear" else np.inf  # the linear one runs away by itself: w to 1 + 3 w
    both, alone = run(2, 0, [3.0, 0.5], [infinite, 1.0]), run(1, 1, [0.5], [1.0])
    assert list(both.seeds.diverged) == [0] and not alone.seeds.diverged
    assert all(value.isfinite().all() for value in both.state_dict().values())
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(both.state_dict()[name][1], value[0], atol=1e-6, rtol=0)


def test_td_with_one_hot_features_is_td0():
    mdp, coin = chain(3), np.full((5, 2), 0.5)
    after, w = semi_gradient_td(mdp, coin, np.eye(5), 0.9, 400, n_seeds=1, checkpoints=400)
    ends = np.flatnonzero(w[0, :, 1:4].any(axis=1))
    V = td0_prediction(mdp, coin, 0.9, 10, n_seeds=1)  # the same seed walks the same walk
    assert ends.size and all(np.abs(w[0] - episode).max(axis=1).min() < 1e-12 for episode in V[0])
    assert list(after) == list(range(401))


@pytest.mark.parametrize("off_policy", [False, True], ids=["on-policy", "off-policy"])
def test_td_finds_the_values_of_the_policy_asked_about(off_policy):
    mdp, rng = random_mdp(4, 2, seed=0), np.random.default_rng(0)
    pi = rng.dirichlet([1, 1], size=4)
    behaviour = np.full((4, 2), 0.5) if off_policy else None
    _, w = semi_gradient_td(mdp, pi, np.eye(4), 0.5, 6000, behaviour=behaviour, alpha=0.02, n_seeds=8)
    truth = policy_evaluation(mdp.P, mdp.R, pi, 0.5)
    np.testing.assert_allclose(w[:, 20:].mean(axis=(0, 1)), truth, atol=0.05)


def test_td_with_shared_features_ends_at_its_fixed_point():
    """Solved exactly: X' D (r + gamma P X w - X w) = 0, D the frequencies of the states on the way."""
    mdp, rng = random_mdp(5, 2, seed=3), np.random.default_rng(0)
    pi, X = np.full((5, 2), 0.5), rng.uniform(size=(5, 2))
    P, R = mdp.dense.mean(axis=1), mdp.R.mean(axis=1)
    D = np.diag(np.linalg.matrix_power(P, 1000)[0])
    fixed_point = np.linalg.solve(X.T @ D @ (X - 0.9 * P @ X), X.T @ D @ R)
    _, w = semi_gradient_td(mdp, pi, X, 0.9, 8000, alpha=0.02, n_seeds=16)
    np.testing.assert_allclose(X @ w[:, 25:].mean(axis=(0, 1)), X @ fixed_point, atol=0.1)


@pytest.mark.parametrize(
    "changed, says",
    [
        ({"reward": np.ones((1, 4))}, r"batch.reward: got shape \(1, 4\), expected \[N\], N >= 1"),
        ({"reward": np.ones(0)}, r"batch.reward: got shape \(0,\), expected \[N\], N >= 1"),
        ({"action": np.ones(3, int)}, r"batch.action: got shape \(3,\), expected \[4\] as the rewards"),
        ({"terminated": np.zeros((4, 1), bool)}, r"batch.terminated: got shape \(4, 1\)"),
        ({"reward": np.array([1, 1, np.nan, 1])}, "batch.reward: got NaN or infinity"),
        ({"next_obs": np.full((4, 1), np.inf)}, "batch.next_obs: got NaN or infinity"),
        ({"terminated": np.zeros(4)}, "batch.terminated: got float64, expected True and False"),
        ({"action": np.full(4, 2)}, r"batch.action: .*expected 0..1"),
        ({"action": np.ones(4)}, "batch.action: got float64"),
    ],
    ids=["axes", "empty", "length", "column", "nan", "infinity", "flags", "unknown-action", "real-action"],
)
def test_a_batch_that_does_not_fit_is_said(changed, says):
    with pytest.raises(ValueError, match=says):
        fitted_q_iteration(LinearQ(lambda x: x, 1, 2), batch_of(**changed), 0.9, 1)


def test_a_batch_of_other_seeds_than_the_models_is_said():
    with pytest.raises(ValueError, match=r"batch.reward: got shape \(4,\), expected \[N\], as many .* of the 3 seeds"):
        fitted_q_iteration(LinearQ(lambda x: x, 1, 2, n_seeds=3), batch_of(), 0.9, 1)


def test_a_target_of_another_shape_is_never_broadcast():
    def column(reward, terminated, next_q, gamma):
        return loop_q_target(reward, terminated, next_q, gamma).unsqueeze(1)

    with pytest.raises(ValueError, match=r"q_target: got shape \(4, 1\) back from it, expected \(4,\)"):
        fitted_q_iteration(LinearQ(lambda x: x, 1, 2), batch_of(), 0.9, 1, q_target=column)


@pytest.mark.parametrize(
    "call, says",
    [
        (lambda: fitted_q_iteration(LinearQ(lambda x: x, 1, 2), batch_of(), 1.5, 1), "gamma: got 1.5"),
        (lambda: fitted_q_iteration(LinearQ(lambda x: x, 1, 2), batch_of(), 0.9, 0), "iterations: got 0"),
        (lambda: fitted_q_iteration(LinearQ(lambda x: x, 1, 2), batch_of(), 0.9, 2.5), "iterations: got 2.5"),
        (lambda: LinearQ(lambda x: x, 3, 2).q(np.ones((4, 1))), r"features: got shape \(4, 1\) back from it"),
        (lambda: LinearQ(lambda x: x, 1, 2, alpha=0), "alpha: got 0"),
        (lambda: LinearQ(lambda x: x, 1, 2, n_seeds=0), "n_seeds: got 0"),
        (lambda: NetQ(1, 2, steps=0), "steps: got 0"),
        (lambda: NetQ(1, 2, batch_size=1.5), "batch_size: got 1.5"),
        (lambda: OnlineQ("CartPole-v1", LinearQ(lambda x: x, 4, 2), Config(epsilon=2)), "epsilon: got 2"),
        (
            lambda: OnlineQ("CartPole-v1", LinearQ(lambda x: x, 4, 3)),
            r"action_space: got Discrete\(2\), .*\(3\), as",
        ),
        (lambda: OnlineQ("Pendulum-v1", LinearQ(lambda x: x, 3, 2)), "action_space: got Box"),
        (lambda: semi_gradient_td(chain(3), np.full((5, 2), 0.5), np.eye(4), 0.9, 5), r"X: got shape \(4, 4\)"),
        (
            lambda: semi_gradient_td(
                chain(3), np.full((5, 2), 0.5), np.eye(5), 0.9, 50, behaviour=np.tile([1.0, 0], (5, 1))
            ),
            "behaviour: got an action of pi that it never takes",
        ),
    ],
)
def test_what_makes_no_sense_is_said(call, says):
    with pytest.raises(ValueError, match=says):
        call()


def test_a_student_never_sees_the_seeds():
    shapes = []

    def looks(reward, terminated, next_q, gamma):
        shapes.append((tuple(reward.shape), tuple(terminated.shape), tuple(next_q.shape)))
        return loop_q_target(reward, terminated, next_q, gamma)

    env = gymnasium.make("CartPole-v1")
    model = LinearQ(lambda x: x, 4, int(env.action_space.n), n_seeds=3)
    fitted_q_iteration(model, collect("CartPole-v1", 5, 3), 0.9, 1, q_target=looks)
    assert shapes == [((15,), (15,), (15, 2))]
