"""The tabular equations, each against a closed form or a computation written out in plain Python loops."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from rlcourse.functional.tabular import (
    bellman_residual,
    boltzmann,
    epsilon_greedy,
    epsilon_soft,
    greedy_policy,
    policy_backup,
    policy_evaluation,
    q_backup,
    q_learning_update,
    sarsa_update,
    state_visitation,
    value_backup,
)

quick = settings(derandomize=True, deadline=None, max_examples=30)
close = np.testing.assert_allclose


def random_model(seed, S=None, A=None):
    """A random P [S, A, S] with many zeros, and R [S, A]."""
    rng = np.random.default_rng(seed)
    S, A = S or int(rng.integers(1, 6)), A or int(rng.integers(1, 5))
    weights = rng.random((S, A, S)) * (rng.random((S, A, S)) < 0.5)
    weights[np.arange(S), :, rng.permutation(S)] += 0.1  # no row is empty
    return weights / weights.sum(axis=2, keepdims=True), rng.normal(size=(S, A)) * 3


def random_policy(seed, S, A):
    return np.random.default_rng(seed).dirichlet(np.ones(A), size=S)


def as_sparse(P):
    return csr_array(P.reshape(-1, P.shape[2]))


both_kinds = pytest.mark.parametrize("kind", [np.asarray, as_sparse], ids=["dense", "sparse"])
seeds = st.integers(0, 10**6)
discounts = st.sampled_from([0, 0.3, 0.9, 0.99])


def outcomes(P):
    """{(s, a): [(probability, s_next), ..]}, from the array one entry at a time."""
    S, A, _ = P.shape
    return {(s, a): [(float(P[s, a, n]), n) for n in range(S) if P[s, a, n]] for s in range(S) for a in range(A)}


def expected_next(P, values):
    """{(s, a): the mean of values over the successors}, by loops."""
    return {pair: sum(p * float(values[n]) for p, n in successors) for pair, successors in outcomes(P).items()}


def chain_of(P, R, pi):
    """P_pi [S, S] and R_pi [S], summed entry by entry."""
    S, A, _ = P.shape
    P_pi, R_pi = np.zeros((S, S)), np.zeros(S)
    for (s, a), successors in outcomes(P).items():
        R_pi[s] += pi[s, a] * R[s, a]
        for p, n in successors:
            P_pi[s, n] += pi[s, a] * p
    return P_pi, R_pi


def optimal_by_enumeration(P, R, gamma):
    """V* and Q*: every deterministic policy is tried, its value a power series."""
    S, A, _ = P.shape
    best = np.full(S, -np.inf)
    for actions in itertools.product(range(A), repeat=S):
        P_pi, R_pi = chain_of(P, R, np.eye(A)[list(actions)])
        V = np.zeros(S)
        for _ in range(math.ceil(math.log(1e-12) / math.log(gamma)) if gamma else 1):
            V = R_pi + gamma * P_pi @ V
        best = np.maximum(best, V)
    future = expected_next(P, best)
    return best, np.array([[R[s, a] + gamma * future[s, a] for a in range(A)] for s in range(S)])


# policy_evaluation


@both_kinds
def test_a_policy_is_worth_the_sum_of_its_discounted_rewards(kind):
    for seed in range(8):
        P, R = random_model(seed)
        pi = random_policy(seed, *R.shape)
        P_pi, R_pi = chain_of(P, R, pi)
        gamma, V, where = 0.9, np.zeros(len(R)), np.eye(len(R))  # where[s]: distribution after t steps from s
        for t in range(300):
            V += gamma**t * where @ R_pi
            where = where @ P_pi
        close(policy_evaluation(kind(P), R, pi, gamma), V, atol=1e-10)


@both_kinds
@pytest.mark.parametrize("n", [1, 2, 5, 19])
def test_the_random_walk_ends_right_with_probability_i_over_n_plus_one(kind, n):
    P, R = np.zeros((n + 2, 2, n + 2)), np.zeros((n + 2, 2))
    for i in range(1, n + 1):
        P[i, 0, i - 1] = P[i, 1, i + 1] = 1
    P[0, :, 0] = P[n + 1, :, n + 1] = 1
    R[n, 1] = 1
    V = policy_evaluation(kind(P), R, np.full((n + 2, 2), 0.5), 1)
    close(V, [0, *(i / (n + 1) for i in range(1, n + 1)), 0], atol=1e-12)


@both_kinds
def test_waiting_for_a_coin_takes_two_throws_on_average(kind):
    P = np.array([[[0.5, 0.5]], [[0, 1]]])
    close(policy_evaluation(kind(P), np.array([[-1.0], [0]]), np.ones((2, 1)), 1.0), [-2, 0])


@both_kinds
def test_one_state_for_ever_is_a_geometric_series(kind):
    P = np.ones((1, 1, 1))
    close(policy_evaluation(kind(P), np.array([[3.0]]), np.ones((1, 1)), 0.75), [12])
    assert policy_evaluation(kind(P), np.array([[3.0]]), np.ones((1, 1)), 0).tolist() == [3]


def test_gamma_one_is_refused_exactly_where_the_policy_may_never_end():
    P = np.zeros((3, 2, 3))  # action 0 stays, action 1 moves right; state 2 has ended
    P[[0, 1], 0, [0, 1]] = P[[0, 1], 1, [1, 2]] = P[2, :, 2] = 1
    R = np.array([[0.0, -1], [0, -1], [0, 0]])
    close(policy_evaluation(P, R, np.array([[0.5, 0.5], [0.5, 0.5], [1, 0]]), 1), [-2, -1, 0])
    stays = np.array([[0.0, 1], [1, 0], [1, 0]])
    for kind in (np.asarray, as_sparse):
        with pytest.raises(ValueError, match="gamma: got 1, expected less than 1, since from state 0 this policy"):
            policy_evaluation(kind(P), R, stays, 1)
    paying = R + np.array([[0, 0], [0, 0], [1, 0]])  # a state that pays for ever has not ended
    with pytest.raises(ValueError, match="gamma: got 1"):
        policy_evaluation(P, paying, np.full((3, 2), 0.5), 1.0)


# The backups


@both_kinds
@pytest.mark.parametrize("gamma", [0, 1, 0.9])
def test_backups_equal_sums_over_the_outcomes_one_by_one(kind, gamma):
    for seed in range(8):
        P, R = random_model(seed)
        (S, A), rng = R.shape, np.random.default_rng(seed)
        V, Q, pi = rng.normal(size=S), rng.normal(size=(S, A)), random_policy(seed, S, A)
        after_V = expected_next(P, V)
        after_max = expected_next(P, [max(row) for row in Q.tolist()])
        after_pi = expected_next(P, [sum(p * q for p, q in zip(pi[s], Q[s], strict=True)) for s in range(S)])
        want_V = [max(R[s, a] + gamma * after_V[s, a] for a in range(A)) for s in range(S)]
        want_Q = [[R[s, a] + gamma * after_max[s, a] for a in range(A)] for s in range(S)]
        want_pi = [[R[s, a] + gamma * after_pi[s, a] for a in range(A)] for s in range(S)]
        close(value_backup(kind(P), R, V, gamma), want_V, atol=1e-12)
        close(q_backup(kind(P), R, Q, gamma), want_Q, atol=1e-12)
        close(policy_backup(kind(P), R, Q, pi, gamma), want_pi, atol=1e-12)
        residual = max(abs(want_Q[s][a] - Q[s, a]) for s in range(S) for a in range(A))
        close(bellman_residual(kind(P), R, Q, gamma), residual, atol=1e-12)


def operators(seed, gamma):
    """The three operators of one random model, as functions of one table, and the shape of the table."""
    P, R = random_model(seed)
    pi = random_policy(seed, *R.shape)
    return [
        (lambda V: value_backup(P, R, V, gamma), R.shape[:1]),
        (lambda Q: q_backup(P, R, Q, gamma), R.shape),
        (lambda Q: policy_backup(P, R, Q, pi, gamma), R.shape),
    ]


@quick
@given(seed=seeds, gamma=discounts)
def test_backups_contract_in_the_sup_norm_by_gamma(seed, gamma):
    for T, shape in operators(seed, gamma):
        x, y = np.random.default_rng(seed).normal(size=(2, *shape)) * 10
        assert np.abs(T(x) - T(y)).max() <= gamma * np.abs(x - y).max() + 1e-12


@quick
@given(seed=seeds, gamma=discounts)
def test_backups_are_monotone(seed, gamma):
    for T, shape in operators(seed, gamma):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=shape)
        assert (T(x + rng.random(shape)) >= T(x) - 1e-12).all()


@quick
@given(seed=seeds, gamma=discounts, c=st.floats(-100, 100))
def test_adding_a_constant_adds_gamma_times_it(seed, gamma, c):
    for T, shape in operators(seed, gamma):
        x = np.random.default_rng(seed).normal(size=shape)
        close(T(x + c), T(x) + gamma * c, atol=1e-9)


@settings(quick, max_examples=10)
@given(seed=seeds, gamma=st.sampled_from([0.3, 0.8, 0.95]))
def test_the_best_of_all_policies_is_the_fixed_point_and_the_residual_bounds_the_error(seed, gamma):
    P, R = random_model(seed, S=3, A=2)
    V_star, Q_star = optimal_by_enumeration(P, R, gamma)
    close(value_backup(P, R, V_star, gamma), V_star, atol=1e-9)
    close(q_backup(P, R, Q_star, gamma), Q_star, atol=1e-9)
    assert bellman_residual(P, R, Q_star, gamma) < 1e-9
    Q = Q_star + np.random.default_rng(seed).normal(size=R.shape)
    assert np.abs(Q - Q_star).max() <= bellman_residual(P, R, Q, gamma) / (1 - gamma) + 1e-9
    close(bellman_residual(P, R, Q_star + 2, gamma), 2 * (1 - gamma), atol=1e-9)  # where the bound is tight
    close(policy_evaluation(P, R, greedy_policy(Q_star), gamma), V_star, atol=1e-8)


@quick
@given(seed=seeds, gamma=discounts)
def test_a_policys_value_is_the_fixed_point_of_its_backup(seed, gamma):
    P, R = random_model(seed)
    pi = random_policy(seed, *R.shape)
    future = expected_next(P, policy_evaluation(P, R, pi, gamma))
    Q = np.array([[R[s, a] + gamma * future[s, a] for a in range(R.shape[1])] for s in range(R.shape[0])])
    close(policy_backup(P, R, Q, pi, gamma), Q, atol=1e-8)


# state_visitation


@both_kinds
def test_visits_are_the_sum_of_the_powers_of_the_chain(kind):
    for seed in range(8):
        P, R = random_model(seed)
        S, A = R.shape
        pi, rho0 = random_policy(seed, S, A), np.random.default_rng(seed).dirichlet(np.ones(S))
        P_pi, R_pi = chain_of(P, R, pi)
        want = sum(0.9**t * rho0 @ np.linalg.matrix_power(P_pi, t) for t in range(300))
        rho = state_visitation(kind(P), pi, rho0, 0.9)
        close(rho, want, atol=1e-10)
        close(rho.sum(), 1 / (1 - 0.9))
        close(rho @ R_pi, rho0 @ policy_evaluation(P, R, pi, 0.9))  # two ways to the same return
        close(state_visitation(kind(P), pi, rho0, 0), rho0)


# Choosing actions


def test_greedy_policy_by_hand_with_ties():
    Q = [[1, 2, 0], [3, 1, 3], [0, 0, 0], [-np.inf, -1, -2]]
    assert greedy_policy(Q).tolist() == [[0, 1, 0], [0.5, 0, 0.5], [1 / 3] * 3, [0, 1, 0]]
    assert greedy_policy([2.0, 5.0]).tolist() == [0, 1]
    assert greedy_policy(np.zeros((2, 3, 4))).shape == (2, 3, 4)


tied = st.lists(st.integers(-2, 2), min_size=2, max_size=5)


@quick
@given(q=tied, epsilon=st.floats(0, 1))
def test_exploring_policies_by_the_words_of_their_definitions(q, epsilon):
    best = [a for a, value in enumerate(q) if value == max(q)]
    n, greedy, soft = len(q), [0.0] * len(q), [0.0] * len(q)
    for winner in best:  # tied actions take turns in being the best
        for a in range(n):
            greedy[a] += (epsilon / n + (1 - epsilon) * (a == winner)) / len(best)
            soft[a] += ((1 - epsilon) if a == winner else epsilon / (n - 1)) / len(best)
    close(epsilon_greedy(q, epsilon), greedy, atol=1e-12)
    close(epsilon_soft(q, epsilon), soft, atol=1e-12)
    # The two forms are one family: exploring all |A| actions leaves the best one (|A| - 1) / |A| of the time.
    close(epsilon_soft(q, epsilon * (n - 1) / n), epsilon_greedy(q, epsilon), atol=1e-12)


def test_exploring_policies_at_their_ends():
    q = np.array([1.0, 4.0, 2.0, 2.0])
    assert epsilon_greedy(q, 0).tolist() == epsilon_soft(q, 0).tolist() == greedy_policy(q).tolist() == [0, 1, 0, 0]
    assert epsilon_greedy(q, 1).tolist() == [0.25] * 4
    close(epsilon_soft(q, 1), [1 / 3, 0, 1 / 3, 1 / 3])
    assert epsilon_greedy([7.0], 0.3).tolist() == [1], "with one action there is nothing to explore"
    close(epsilon_greedy(np.array([[0.0, 1], [2, 0]]), 0.2), [[0.1, 0.9], [0.9, 0.1]])


@quick
@given(q=st.lists(st.floats(-30, 30), min_size=1, max_size=5), temperature=st.floats(0.1, 100))
def test_boltzmann_by_exponentials_one_by_one_and_shift_invariance(q, temperature):
    total = sum(math.exp(x / temperature) for x in q)
    want = [math.exp(x / temperature) / total for x in q]
    close(boltzmann(q, temperature), want, rtol=1e-9, atol=1e-300)
    close(boltzmann(np.array(q) + 17, temperature), want, rtol=1e-9, atol=1e-12)


def test_boltzmann_becomes_greedy_uniform_and_never_overflows():
    q = np.array([1e4, 0.0, -1e4, 1e4 - 1])
    close(boltzmann(q, 1.0), [1 / (1 + math.exp(-1)), 0, 0, 1 / (1 + math.e)])
    with np.errstate(all="raise", under="ignore"):
        assert boltzmann(q, 1e-3).tolist() == [1, 0, 0, 0]
    close(boltzmann([3.0, 3.0, 0.0], 1e-6), [0.5, 0.5, 0])
    close(boltzmann(q, 1e12), [0.25] * 4, atol=1e-7)
    close(boltzmann([0.0, math.log(3)], 1), [0.25, 0.75])


# The updates


def test_updates_by_hand():
    Q = np.array([[1.0, 2.0], [5.0, 3.0]])
    assert q_learning_update(Q, 0, 1, 10.0, 1, False, 0.5, 0.8).tolist() == [[1, 2 + 0.5 * (10 + 0.8 * 5 - 2)], [5, 3]]
    assert sarsa_update(Q, 0, 1, 10.0, 1, 1, False, 0.5, 0.8)[0, 1] == pytest.approx(2 + 0.5 * (10 + 0.8 * 3 - 2))
    for terminated in (True, 1, np.True_):
        assert q_learning_update(Q, 0, 1, 10.0, 1, terminated, 0.5, 0.8)[0, 1] == 2 + 0.5 * (10 - 2)
        assert sarsa_update(Q, 0, 1, 10.0, 1, 1, terminated, 0.5, 0.8)[0, 1] == 2 + 0.5 * (10 - 2)
    assert q_learning_update(Q, 1, 0, 4.0, 1, False, 1, 1)[1, 0] == 9, "gamma and alpha may be 1"
    assert q_learning_update(Q, 1, 0, 4.0, 1, False, 0.5, 0)[1, 0] == 4.5, "and gamma 0"
    assert q_learning_update(Q, 1, 0, 4.0, 1, False, 0, 0.9).tolist() == Q.tolist(), "and alpha 0"
    assert Q.tolist() == [[1, 2], [5, 3]], "Q itself was changed"


def test_q_star_is_where_q_learning_rests():
    P = np.array([[[0, 1], [1, 0]], [[1, 0], [0, 1]]], float)  # deterministic: the update sees all there is
    R = np.array([[1.0, -2], [0.5, 3]])
    _, Q_star = optimal_by_enumeration(P, R, 0.8)
    for s, a in itertools.product(range(2), range(2)):
        s_next = int(P[s, a].argmax())
        close(q_learning_update(Q_star, s, a, R[s, a], s_next, False, 0.7, 0.8), Q_star, atol=1e-9)
        a_next = int(Q_star[s_next].argmax())
        close(sarsa_update(Q_star, s, a, R[s, a], s_next, a_next, False, 0.7, 0.8), Q_star, atol=1e-9)


def test_a_step_of_one_on_every_pair_is_a_sweep_of_q_iteration():
    P = np.eye(4)[np.random.default_rng(1).integers(0, 4, (4, 3))]
    R, Q = np.random.default_rng(2).normal(size=(2, 4, 3))
    s, a = (x.ravel() for x in np.indices((4, 3)))
    s_next = P[s, a].argmax(axis=1)
    swept = [[R[i, j] + 0.9 * Q[P[i, j].argmax()].max() for j in range(3)] for i in range(4)]
    close(q_learning_update(Q, s, a, R[s, a], s_next, np.zeros(12, bool), 1, 0.9), swept)


def test_integer_tables_and_lists_are_read_as_floats():
    for Q in ([[1, 2], [5, 3]], np.array([[1, 2], [5, 3]])):
        assert q_learning_update(Q, 0, 0, 1, 1, False, 0.5, 0.5)[0, 0] == 1 + 0.5 * (1 + 0.5 * 5 - 1)
        assert sarsa_update(Q, 0, 0, 1, 1, 1, False, 0.5, 0.5)[0, 0] == 1 + 0.5 * (1 + 0.5 * 3 - 1)


def test_arrays_of_transitions_equal_one_at_a_time():
    rng = np.random.default_rng(0)
    Q = rng.normal(size=(8, 3))
    pairs = rng.permutation(18)[:7]
    s, a = pairs // 3, pairs % 3
    s_next, a_next = rng.integers(6, 8, 7), rng.integers(0, 3, 7)  # states that no update touches: order is no matter
    r, terminated = rng.normal(size=7), rng.random(7) < 0.5
    one, one_sarsa = Q, Q
    for i in range(7):
        step = int(s[i]), int(a[i]), float(r[i]), int(s_next[i])
        one = q_learning_update(one, *step, bool(terminated[i]), 0.3, 0.9)
        one_sarsa = sarsa_update(one_sarsa, *step, int(a_next[i]), bool(terminated[i]), 0.3, 0.9)
    close(q_learning_update(Q, s, a, r, s_next, terminated, 0.3, 0.9), one)
    close(sarsa_update(Q, s, a, r, s_next, a_next, terminated, 0.3, 0.9), one_sarsa)
    as_lists = [x.tolist() for x in (Q, s, a, r, s_next, terminated)]
    close(q_learning_update(*as_lists, 0.3, 0.9), one)
