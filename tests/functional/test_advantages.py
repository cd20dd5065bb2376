"""GAE and V-trace, against numbers published with rlax, their sums written out, and exact expectations on an MDP."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rlcourse.functional.returns import gae, lambda_returns, vtrace
from rlcourse.functional.tabular import policy_evaluation
from rlcourse.worlds.grids import random_mdp

torch.set_num_threads(1)
quick = settings(derandomize=True, deadline=None, max_examples=60)
close = torch.testing.assert_close
rollouts = st.tuples(st.integers(1, 6), st.integers(1, 3), st.integers(0, 10**6), st.sampled_from([0.0, 0.2, 0.6]))
lambdas = st.sampled_from([0.0, 0.3, 0.95, 1.0])


def tensor(values):
    return torch.tensor(values, dtype=torch.float64)


def a_rollout(T, B, seed, endings):
    """Random, with endings anywhere; next_values[t] is values[t + 1] as long as the episode goes on."""
    draw = torch.Generator().manual_seed(seed)
    rewards, values, elsewhere = torch.randn(3, T, B, generator=draw, dtype=torch.float64)
    terminated, truncated = torch.rand(2, T, B, generator=draw) < endings
    goes_on = ~(terminated | truncated)
    goes_on[-1] = False
    next_values = torch.where(goes_on, values.roll(-1, 0), elsewhere)
    gamma, uniform = torch.rand(2, T, B, generator=draw, dtype=torch.float64)
    arguments = {"rewards": rewards, "values": values, "next_values": next_values}
    return {**arguments, "terminated": terminated, "truncated": truncated, "gamma": gamma}, 3 * uniform + 0.01


def without_values(arguments):
    return {name: x for name, x in arguments.items() if name != "values"}


def episode_after(t, b, terminated, truncated):
    """The steps from t to the ending of its episode, or to that of the rollout."""
    steps = []
    for k in range(t, len(terminated)):
        steps.append(k)
        if terminated[k, b] or truncated[k, b]:
            break
    return steps


def every_step(arguments, of_one_step):
    T, B = arguments["rewards"].shape
    return tensor([[float(of_one_step(t, b)) for b in range(B)] for t in range(T)])


def td_error(t, b, rewards, values, next_values, terminated, truncated, gamma):
    future = 0 if terminated[t, b] else gamma[t, b] * next_values[t, b]
    return rewards[t, b] + future - values[t, b]


# gae


def test_an_advantage_by_hand():
    arguments = {
        "rewards": tensor([[1], [2], [4], [8]]),
        "values": tensor([[3], [6], [5], [7]]),
        "next_values": tensor([[6], [99], [20], [40]]),
        "terminated": tensor([[0], [1], [0], [0]]),
        "truncated": tensor([[0], [0], [1], [0]]),
    }
    # errors 1 + 3 - 3, 2 - 6, 4 + 10 - 5, 8 + 20 - 7; only the first has one after it in its episode
    assert gae(**arguments, gamma=0.5, lam=0.5).flatten().tolist() == [1 - 4 / 4, -4, 9, 21]


@pytest.mark.parametrize(
    "lam, expected",
    [
        (1.0, [[-1.45118, -4.4557, 2.5396, 0.5249, -0.49], [3, 2, 1, 0, -4.9]]),
        (0.7, [[-0.676979, -5.248167, 2.4846, 0.6704, -0.49], [2.2899, 1.73, 1, 0, -4.9]]),
        (0.4, [[0.56731, -6.042, 2.3431, 0.815, -0.49], [1.725, 1.46, 1, 0, -4.9]]),
    ],
    ids=["lambda1", "lambda0.7", "lambda0.4"],
)
def test_advantages_published_with_rlax(lam, expected):
    """rlax, multistep_test.py: TruncatedGeneralizedAdvantageEstimationTest; a discount of 0 is a termination."""
    values = tensor([[1, 4, -3, -2, -1, -1], [-3, -2, -1, 0, 5, -1]]).T
    rewards = tensor([[0, 0, 1, 0, -0.5], [0, 0, 0, 0, 1]]).T
    terminated = tensor([[0, 0, 0, 0, 0], [0, 0, 0, 1, 0]]).T
    gamma = tensor([0.99, 0.9])
    result = gae(rewards, values[:-1], values[1:], terminated, torch.zeros(5, 2), gamma, lam)
    close(result, tensor(expected).T, atol=1e-3, rtol=0)  # they are rounded to about that


@quick
@given(rollouts, lambdas)
def test_gae_is_the_sum_of_the_errors_ahead(rollout, lam):
    arguments, _ = a_rollout(*rollout)
    arguments["next_values"] = arguments["next_values"].flip(0)  # it holds for any numbers
    terminated, truncated, gamma = (arguments[name] for name in ("terminated", "truncated", "gamma"))

    def one(t, b):
        steps = episode_after(t, b, terminated, truncated)
        return sum(lam ** (k - t) * gamma[t:k, b].prod() * td_error(k, b, **arguments) for k in steps)

    close(gae(**arguments, lam=lam), every_step(arguments, one))


@quick
@given(rollouts, lambdas)
def test_gae_is_the_weighted_mean_of_n_step_advantages_and_the_lambda_return_less_the_value(rollout, lam):
    arguments, _ = a_rollout(*rollout)
    rewards, values, next_values, terminated, truncated, gamma = arguments.values()

    def n_step_advantage(t, b, n):
        last = t + n - 1
        total = sum(gamma[t:k, b].prod() * rewards[k, b] for k in range(t, t + n))
        return total + gamma[t : t + n, b].prod() * (0 if terminated[last, b] else next_values[last, b]) - values[t, b]

    def one(t, b):
        horizon = len(episode_after(t, b, terminated, truncated))
        shorter = sum(lam ** (n - 1) * n_step_advantage(t, b, n) for n in range(1, horizon))
        return (1 - lam) * shorter + lam ** (horizon - 1) * n_step_advantage(t, b, horizon)

    close(gae(**arguments, lam=lam), every_step(arguments, one))
    close(gae(**arguments, lam=lam), lambda_returns(**without_values(arguments), lam=lam) - values)


@quick
@given(rollouts)
def test_lambda_0_is_the_error_of_one_step_and_perfect_values_have_no_advantage(rollout):
    arguments, _ = a_rollout(*rollout)
    close(gae(**arguments, lam=0), every_step(arguments, lambda t, b: td_error(t, b, **arguments)))
    true = lambda_returns(**without_values(arguments), lam=1)
    goes_on = ~(arguments["terminated"] | arguments["truncated"])
    goes_on[-1] = False
    perfect = {"values": true, "next_values": torch.where(goes_on, true.roll(-1, 0), arguments["next_values"])}
    close(gae(**{**arguments, **perfect}, lam=0.7), torch.zeros_like(true))


# vtrace


def test_vtrace_by_hand():
    arguments = {
        "rewards": tensor([[1], [2], [4]]),
        "values": tensor([[4], [6], [2]]),
        "next_values": tensor([[6], [10], [8]]),
        "terminated": torch.zeros(3, 1),
        "truncated": tensor([[0], [1], [0]]),
        "ratios": tensor([[0.5], [4], [0.25]]),
    }
    vs, advantages = vtrace(**arguments, gamma=0.5, rho_bar=2, c_bar=1)
    # rho 1/2, 2, 1/4; errors 0, 2 * (2 + 5 - 6), 1/4 * (4 + 4 - 2); the first goes on with c = 1/2
    assert vs.flatten().tolist() == [4 + 0 + 0.5 * 0.5 * 2, 8, 3.5]
    # v_1 = 8 after the first step; after the cut the 10 of the state reached, not the next episode's 3.5
    assert advantages.flatten().tolist() == [0.5 * (1 + 4 - 4), 2 * (2 + 5 - 6), 0.25 * (4 + 4 - 2)]


def test_vtrace_published_with_rlax():
    """rlax, vtrace_test.py; their errors are vs - V, and a discount of 0 is a termination."""
    behaviour = tensor(
        [[[8.9, 0.7], [5.0, 1.0], [0.6, 0.1], [-0.9, -0.1]], [[0.3, -5.0], [1.0, -8.0], [0.3, 1.7], [4.7, 3.3]]]
    )
    target = tensor(
        [[[0.4, 0.5], [9.2, 8.8], [0.7, 4.4], [7.9, 1.4]], [[1.0, 0.9], [1.0, -1.0], [-4.3, 8.7], [0.8, 0.3]]]
    )
    taken = torch.tensor([[0, 1, 0, 0], [1, 0, 0, 1]]).unsqueeze(-1)
    ratios = (target.softmax(-1).gather(-1, taken) / behaviour.softmax(-1).gather(-1, taken)).squeeze(-1).T
    values = tensor([[2.1, 1.1, -3.1, 0.0], [3.1, 0.1, -1.1, 7.4]]).T
    gamma = tensor([[0.0, 0.89, 0.85, 0.99], [0.88, 1.0, 0.83, 0.95]]).T
    vs, advantages = vtrace(
        rewards=tensor([[-1.3, -1.3, 2.3, 42.0], [1.3, 5.3, -3.3, -5.0]]).T,
        values=values,
        next_values=torch.cat([values[1:], tensor([[8.4, -1.2]])]),
        terminated=gamma == 0,
        truncated=torch.zeros(4, 2),
        ratios=ratios,
        gamma=torch.where(gamma == 0, 0.9, gamma),
    )
    published = [[-1.6155143, -3.4973226, 1.8670533, 5.0316002e1], [1.4662437, 3.6116405, -8.3327293e-5, -1.354e1]]
    close(vs - values, tensor(published).T, rtol=1e-5, atol=1e-6)
    close(advantages, tensor(published).T, rtol=1e-5, atol=1e-6)  # the same to these digits, as it is there


@quick
@given(rollouts, st.sampled_from([(1.0, 1.0), (2.0, 0.5), (0.7, 1.5), (math.inf, math.inf), (1.0, 0.0)]))
def test_vtrace_is_its_definition(rollout, bars):
    """Equation 1 of Espeholt et al.: v_s = V_s + the sum of gamma^(t-s) c_s .. c_(t-1) rho_t times the error at t."""
    arguments, ratios = a_rollout(*rollout)
    rho, c = (ratios.clamp(max=bar) for bar in bars)
    rewards, values, next_values, terminated, truncated, gamma = arguments.values()

    def v(t, b):
        steps = episode_after(t, b, terminated, truncated)
        return values[t, b] + sum(
            gamma[t:k, b].prod() * c[t:k, b].prod() * rho[k, b] * td_error(k, b, **arguments) for k in steps
        )

    def advantage(t, b):
        goes_on = len(episode_after(t, b, terminated, truncated)) > 1
        future = 0 if terminated[t, b] else v(t + 1, b) if goes_on else next_values[t, b]
        return rho[t, b] * (rewards[t, b] + gamma[t, b] * future - values[t, b])

    vs, advantages = vtrace(**arguments, ratios=ratios, rho_bar=bars[0], c_bar=bars[1])
    close(vs, every_step(arguments, v))
    close(advantages, every_step(arguments, advantage))


@quick
@given(rollouts)
def test_on_policy_vtrace_is_the_return_up_to_the_ending(rollout):
    arguments, ratios = a_rollout(*rollout)
    vs, advantages = vtrace(**arguments, ratios=torch.ones_like(ratios))
    close(vs, lambda_returns(**without_values(arguments), lam=1))
    close(advantages, gae(**arguments, lam=1))
    close(vtrace(**arguments, ratios=ratios + 1), (vs, advantages))  # ratios above 1 are clipped to it


@quick
@given(rollouts, st.integers(0, 5))
def test_nothing_after_an_ending_and_no_other_column_is_looked_at(rollout, at):
    arguments, ratios = a_rollout(*rollout)
    arguments["ratios"] = ratios
    T, B = ratios.shape
    at = at % T
    for ending in ("terminated", "truncated"):
        ended = {**arguments, ending: arguments[ending].index_fill(0, torch.tensor(at), True)}
        changed = {name: x.clone() for name, x in ended.items()}
        for name, x in a_rollout(T, B, 12345, 0.5)[0].items():
            changed[name][at + 1 :] = x[at + 1 :]
        column = {name: x[:, -1:] for name, x in ended.items()}
        for function in (lambda ratios, **rest: gae(**rest, lam=0.7), lambda **all: torch.stack(vtrace(**all), dim=-1)):
            before, after = function(**ended), function(**changed)
            assert torch.equal(before[: at + 1], after[: at + 1])
            close(function(**column), before[:, -1:])


@pytest.mark.parametrize("rho_bar, c_bar", [(1.0, 1.0), (0.7, 0.5), (2.0, 1.0), (1e-3, 1e-3), (100.0, 1.0)])
def test_the_value_of_the_clipped_policy_is_the_fixed_point(rho_bar, c_bar):
    """Exactly: every trajectory of three steps of an MDP, weighted by the probability that the behaviour takes it."""
    S, A, T, gamma = 3, 2, 3, 0.8
    mdp, rng = random_mdp(S, A, seed=1), np.random.default_rng(2)
    pi, mu = rng.dirichlet(np.ones(A), S), rng.dirichlet(2 * np.ones(A), S)
    clipped = np.minimum(rho_bar * mu, pi)
    clipped /= clipped.sum(axis=1, keepdims=True)
    V = policy_evaluation(mdp.P, mdp.R, clipped, gamma)
    Q = mdp.R + gamma * mdp.P @ V

    paths = np.array(list(itertools.product(*[range(S), range(A)] * T, range(S)))).T
    states, actions = paths[0:-1:2], paths[1::2]
    taken = np.prod(mu[states, actions] * mdp.P[states, actions, paths[2::2]], axis=0)  # given the first state
    rollout = {
        "rewards": mdp.R[states, actions],
        "terminated": np.zeros(states.shape),
        "truncated": np.zeros(states.shape),
        "ratios": (pi / mu)[states, actions],
        "gamma": gamma,
        "rho_bar": rho_bar,
        "c_bar": c_bar,
    }
    vs, advantages = vtrace(values=V[states], next_values=V[paths[2::2]], **rollout)
    close(np.bincount(states[0], taken * vs[0].numpy(), S), V)
    # where V is the fixed point, the policy's advantage of an action is rho (Q - V)
    pairs = states[0] * A + actions[0]
    of_pairs = np.bincount(pairs, taken * advantages[0].numpy(), S * A).reshape(S, A) / mu
    close(of_pairs, np.minimum(rho_bar, pi / mu) * (Q - V[:, None]))
    # from any other values it moves closer to it, at a rate that the paper bounds
    other = V + np.array([1.0, -1.0, 0.5])
    vs, _ = vtrace(values=other[states], next_values=other[paths[2::2]], **rollout)
    moved = np.bincount(states[0], taken * vs[0].numpy(), S)
    beta = np.minimum(rho_bar * mu, pi).sum(axis=1).min()
    assert np.abs(moved - V).max() <= (1 - (1 - gamma) * beta) * np.abs(other - V).max() + 1e-12
    assert np.abs(moved - V).max() > 1e-4


@pytest.mark.parametrize("rho_bar, whose", [(1e-3, "behaviour"), (100.0, "learned")])
def test_rho_bar_says_whose_values_they_are(rho_bar, whose):
    """One step: with rho clipped to a constant V-trace knows nothing of pi, unclipped it is importance sampling."""
    mdp, rng = random_mdp(4, 3, seed=3), np.random.default_rng(4)
    pi, mu = rng.dirichlet(3 * np.ones(3), 4), rng.dirichlet(3 * np.ones(3), 4)
    V = policy_evaluation(mdp.P, mdp.R, mu if whose == "behaviour" else pi, 0.8)
    s, a, s_next = np.array(list(itertools.product(range(4), range(3), range(4)))).T
    never = np.zeros((1, len(s)))
    one_step = (mdp.R[s, a][None], V[s][None], V[s_next][None], never, never, (pi / mu)[s, a][None])
    vs, _ = vtrace(*one_step, 0.8, rho_bar)
    close(np.bincount(s, mu[s, a] * mdp.P[s, a, s_next] * vs[0].numpy(), 4), V)
