"""Planning: the promised loss against all policies tried one by one, and students' own equations in the loop."""

import itertools
import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from rlcourse.agents.tabular.planning import modified_policy_iteration, policy_iteration, q_iteration, value_iteration
from rlcourse.functional.tabular import policy_evaluation
from rlcourse.worlds.grids import chain, cliff_walk, grid_world, random_mdp
from rlcourse.worlds.mdp import MDP

quick = settings(derandomize=True, deadline=None, max_examples=60)
close = np.testing.assert_allclose


def small_mdp(seed):
    """A few states, some of them ended, and rewards of any size."""
    rng = np.random.default_rng(seed)
    S, A = int(rng.integers(2, 5)), int(rng.integers(1, 4))
    weights = rng.random((S, A, S)) * (rng.random((S, A, S)) < 0.6)
    weights[np.arange(S), :, rng.integers(S, size=S)] += 0.05
    R = rng.normal(size=(S, A)) * 10.0 ** rng.integers(-1, 2)
    ended = rng.random(S) < 0.3
    weights[ended] = np.eye(S)[ended][:, None, :]
    R[ended] = 0
    return MDP(weights / weights.sum(axis=2, keepdims=True), R, np.full(S, 1 / S))


def value_of(mdp, pi, gamma):
    """V of a policy, for policies [.., S, A] stacked along leading axes: the linear system, set up by hand."""
    P_pi = np.einsum("...sa,san->...sn", pi, mdp.dense)
    R_pi = np.einsum("...sa,sa->...s", pi, mdp.R)
    return np.linalg.solve(np.eye(mdp.n_states) - gamma * P_pi, R_pi[..., None])[..., 0]


def best_value(mdp, gamma):
    """V*: the best of all deterministic policies."""
    every = np.array(list(itertools.product(range(mdp.n_actions), repeat=mdp.n_states)))
    return value_of(mdp, np.eye(mdp.n_actions)[every], gamma).max(axis=0)


SOLVERS = {
    "value iteration, span": lambda mdp, gamma, eps, **more: value_iteration(mdp, gamma, eps, "span", **more),
    "value iteration, sup": lambda mdp, gamma, eps, **more: value_iteration(mdp, gamma, eps, "sup", **more),
    "Q-iteration, span": lambda mdp, gamma, eps, **more: q_iteration(mdp, gamma, eps, "span", **more),
    "Q-iteration, sup": lambda mdp, gamma, eps, **more: q_iteration(mdp, gamma, eps, "sup", **more),
    "policy iteration": lambda mdp, gamma, eps, **more: policy_iteration(mdp, gamma, eps, **more),
    "modified, span": modified_policy_iteration,
}
every_solver = pytest.mark.parametrize("name", SOLVERS)


@every_solver
@quick
@given(
    seed=st.integers(0, 10**6),
    gamma=st.sampled_from([0, 0.3, 0.8, 0.95, 0.99]),
    eps=st.sampled_from([1e-6, 0.01, 1.0, 10.0, 300.0]),
)
def test_the_policy_loses_no_more_than_its_bound_and_the_bound_is_below_eps(name, seed, gamma, eps):
    mdp = small_mdp(seed)
    V_star = best_value(mdp, gamma)
    Q_star = mdp.R + gamma * np.einsum("san,n->sa", mdp.dense, V_star)
    plan = SOLVERS[name](mdp, gamma, eps)
    rounding = 1e-9 * (1 + np.abs(V_star).max())
    assert (V_star - value_of(mdp, plan.pi, gamma)).max() <= plan.loss_bound + rounding
    assert plan.loss_bound <= eps
    error = plan.loss_bound / 2 if "span" in name else plan.loss_bound
    assert np.abs(plan.V - V_star).max() <= error + rounding
    assert np.abs(plan.Q - Q_star).max() <= error + rounding
    assert not plan.V[mdp.terminal].any() and not plan.Q[mdp.terminal].any()


@every_solver
def test_ending_at_once_beats_staying_for_ever_even_with_a_coarse_eps(name):
    """The bounds on V* move by a constant, an ended state's value does not: the policy must not be read off between."""
    stay_or_end = np.zeros((2, 2, 2))
    stay_or_end[0, 0, 1] = stay_or_end[0, 1, 0] = stay_or_end[1, :, 1] = 1
    mdp = MDP(stay_or_end, np.array([[1.0, -3.9], [0, 0]]), np.array([1.0, 0]))
    for eps in (9.5, 1.0, 1e-6):
        plan = SOLVERS[name](mdp, 0.9, eps)
        assert 1 - value_of(mdp, plan.pi, 0.9)[0] <= plan.loss_bound + 1e-9 <= eps + 1e-9


@every_solver
def test_known_worlds(name):
    close(SOLVERS[name](chain(6), 0.9, 1e-8).V[1:-1], 0.9 ** np.arange(5, -1, -1), atol=1e-8)
    plan = SOLVERS[name](cliff_walk(), 0.99, 1e-8)
    assert plan.V[36] == pytest.approx(-(1 - 0.99**13) / 0.01, abs=1e-7)
    mdp = cliff_walk()
    s, path = 36, []
    while not mdp.terminal[s]:
        s = int(mdp.dense[s, plan.pi[s].argmax()].argmax())
        path.append(s)
    assert path == [24, *range(25, 36), 47], "along the edge, the shortest way"


@every_solver
def test_sparse_and_dense_agree(name):
    mdp = random_mdp(12, 3, branching=4, seed=3)
    dense = MDP(mdp.dense, mdp.R, mdp.rho0)
    assert isinstance(mdp.P, csr_array)
    sparse_plan, dense_plan = SOLVERS[name](mdp, 0.9, 1e-8), SOLVERS[name](dense, 0.9, 1e-8)
    close(sparse_plan.V, dense_plan.V)
    assert (sparse_plan.pi == dense_plan.pi).all() and sparse_plan.sweeps == dense_plan.sweeps


def test_sweeps_are_counted_where_their_number_is_known():
    forever = MDP(np.ones((1, 1, 1)), np.array([[1.0]]), np.ones(1))  # the k-th change is gamma^(k - 1)
    for solve in (value_iteration, q_iteration):
        sup = solve(forever, 0.9, 1e-3, "sup")
        assert sup.sweeps == math.ceil(math.log(1e-3 * 0.1 / 2) / math.log(0.9))
        assert sup.loss_bound == pytest.approx(2 * 0.9**sup.sweeps / 0.1)
        span = solve(forever, 0.9, 1e-3, "span")
        assert (span.sweeps, span.loss_bound) == (1, 0) and span.V == pytest.approx([10])
    assert policy_iteration(forever, 0.9).sweeps == 1
    assert value_iteration(chain(6), 0.9, 1e-9, "sup").sweeps == 7, "six sweeps carry the reward to the far end"


def test_the_span_needs_far_fewer_sweeps_where_mixing_is_fast_and_not_on_a_grid():
    fast = random_mdp(60, 4, seed=0)
    span, sup = (q_iteration(fast, 0.99, 1e-3, stop) for stop in ("span", "sup"))
    assert span.sweeps <= 10 and sup.sweeps > 500
    assert (span.pi == sup.pi).all()
    grid = grid_world("S....\n.#.#.\n...#G", slip=0.2, step_reward=-0.1)
    span, sup = (value_iteration(grid, 0.99, 1e-3, stop) for stop in ("span", "sup"))
    assert 0.7 * sup.sweeps <= span.sweeps <= sup.sweeps


def test_history_holds_every_sweep_from_the_start_on():
    mdp, Vs, Qs, evaluated = chain(3), [], [], []
    plan = value_iteration(mdp, 0.9, 1e-9, "sup", history=Vs)
    want = [[0, 0, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0.9, 1, 0], [0, 0.81, 0.9, 1, 0], [0, 0.81, 0.9, 1, 0]]
    close(Vs, want)
    assert plan.sweeps == 4
    assert q_iteration(mdp, 0.9, 1e-9, Q0=np.ones((5, 2)), history=Qs).sweeps == len(Qs) - 1
    assert (Qs[0] == 1).all()
    assert policy_iteration(mdp, 0.9, history=evaluated).sweeps == len(evaluated)
    assert all((later >= earlier - 1e-12).all() for earlier, later in itertools.pairwise(evaluated))


def test_where_it_starts_does_not_matter():
    mdp = small_mdp(7)
    want = best_value(mdp, 0.8)
    for stop in ("span", "sup"):
        close(value_iteration(mdp, 0.8, 1e-8, stop, V0=[50.0] * mdp.n_states).V, want, atol=2e-8)
        close(q_iteration(mdp, 0.8, 1e-8, stop, Q0=np.full(mdp.R.shape, -50)).V, want, atol=2e-8)
    first_action = np.eye(mdp.n_actions)[np.zeros(mdp.n_states, int)]
    close(policy_iteration(mdp, 0.8, 1e-8, pi0=first_action).V, want, atol=2e-8)


# A student's own equations: loops, lists, float32, in place


def loop_q_backup(P, R, Q, gamma):
    S, A = len(R), len(R[0])
    return [
        [R[s][a] + gamma * sum(P[s][a][n] * max(Q[n]) for n in range(S)) for a in range(A)] for s in range(S)
    ]  # a list of lists


def loop_value_backup(P, R, V, gamma):
    V = V.tolist()
    return [
        max(R[s, a] + gamma * sum(P[s, a, n] * V[n] for n in range(len(V))) for a in range(R.shape[1]))
        for s in range(len(V))
    ]


def in_place_q_backup(P, R, Q, gamma):
    old = Q.copy()
    for s in range(len(R)):
        for a in range(R.shape[1]):
            Q[s, a] = R[s, a] + gamma * P[s, a] @ old.max(axis=1)
    return Q


def float32_q_backup(P, R, Q, gamma):
    return (R + gamma * P @ Q.max(axis=1)).astype(np.float32)


def float32_value_backup(P, R, V, gamma):
    return np.float32((R + gamma * P @ V).max(axis=1))


def list_greedy_policy(Q):
    return [[float(q == max(row)) / list(row).count(max(row)) for q in row] for row in Q]


def series_policy_evaluation(P, R, pi, gamma):
    V = [0.0] * len(R)
    for _ in range(400):
        V = [
            sum(
                pi[s][a] * (R[s, a] + gamma * sum(p * v for p, v in zip(P[s, a], V, strict=True)))
                for a in range(R.shape[1])
            )
            for s in range(len(R))
        ]
    return V


@pytest.mark.parametrize("mdp", [chain(3), random_mdp(4, 2, branching=2, seed=1)], ids=["dense", "sparse"])
@pytest.mark.parametrize("stop", ["span", "sup"])
def test_a_students_function_plans_as_the_librarys_does(mdp, stop):
    for solve, own, eps in [
        (q_iteration, {"q_backup": loop_q_backup, "greedy_policy": list_greedy_policy}, 1e-6),
        (q_iteration, {"q_backup": in_place_q_backup}, 1e-6),
        (q_iteration, {"q_backup": float32_q_backup}, 1e-3),
        (value_iteration, {"value_backup": loop_value_backup}, 1e-6),
        (value_iteration, {"value_backup": float32_value_backup}, 1e-3),
    ]:
        mine, ours = solve(mdp, 0.9, eps, stop, **own), solve(mdp, 0.9, eps, stop)
        close(mine.V, ours.V, atol=1e-5)
        close(mine.Q, ours.Q, atol=1e-5)
        assert (mine.pi == ours.pi).all() and mine.sweeps == ours.sweeps
        assert isinstance(mine.pi, np.ndarray) and isinstance(mine.V, np.ndarray)


def test_a_students_evaluation_and_greedy_policy_drive_policy_iteration():
    mdp = random_mdp(4, 2, branching=2, seed=1)
    own = {"policy_evaluation": series_policy_evaluation, "greedy_policy": list_greedy_policy}
    mine, ours = policy_iteration(mdp, 0.9, **own), policy_iteration(mdp, 0.9)
    close(mine.V, ours.V)
    assert (mine.pi == ours.pi).all() and mine.sweeps == ours.sweeps and isinstance(mine.V, np.ndarray)


# Bad input


@pytest.mark.parametrize(
    "solve, arguments, name, came",
    [
        *(
            (solve, arguments, name, came)
            for solve in (value_iteration, q_iteration, policy_iteration)
            for arguments, name, came in [
                ({"gamma": 1}, "gamma", "1"),
                ({"gamma": -0.1}, "gamma", "-0.1"),
                ({"gamma": np.nan}, "gamma", "NaN"),
                ({"eps": 0}, "eps", "0"),
                ({"eps": -1}, "eps", "-1"),
                ({"eps": np.inf}, "eps", "infinity"),
            ]
        ),
        (value_iteration, {"stop": "norm"}, "stop", "'norm'"),
        (q_iteration, {"stop": None}, "stop", "None"),
        (value_iteration, {"V0": [0.0]}, "V0", "shape (1,)"),
        (value_iteration, {"V0": [np.nan] * 5}, "V0", "NaN"),
        (q_iteration, {"Q0": np.zeros(5)}, "Q0", "shape (5,)"),
        (policy_iteration, {"pi0": np.ones((5, 2))}, "pi0", "off 1 by 1"),
        (q_iteration, {"q_backup": lambda P, R, Q, gamma: Q.max(axis=1)}, "q_backup", "shape (5,)"),
        (value_iteration, {"value_backup": lambda P, R, V, gamma: R}, "value_backup", "shape (5, 2)"),
        (value_iteration, {"value_backup": lambda P, R, V, gamma: V * np.nan}, "value_backup", "NaN"),
    ],
)
def test_bad_input_is_named(solve, arguments, name, came):
    with pytest.raises(ValueError) as error:
        solve(chain(3), **{"gamma": 0.9, **arguments})
    named, got, expected = re.fullmatch(r"(.*?): got (.*), expected (.*)", str(error.value)).groups()
    assert named == name and came in got and expected, str(error.value)


def test_too_few_sweeps_are_an_error_with_the_loss_so_far():
    for solve in (value_iteration, q_iteration):
        with pytest.raises(RuntimeError, match="after 3 sweeps the loss may still be .*, more than eps = 1e-06"):
            solve(random_mdp(5, 2), 0.99, stop="sup", max_sweeps=3)
    with pytest.raises(RuntimeError, match="after 1 sweeps"):
        policy_iteration(random_mdp(5, 2), 0.99, max_sweeps=1)


@pytest.mark.parametrize("evaluations", [0, 1, 20])
def test_modified_policy_iteration_keeps_its_guarantee_in_fewer_full_sweeps(evaluations):
    for mdp in (random_mdp(30, 4, branching=3, seed=2), grid_world("S..G\n.#.X\n....", slip=0.3), chain(4)):
        exact = policy_iteration(mdp, 0.95, 1e-10)
        plan = modified_policy_iteration(mdp, 0.95, 1e-5, evaluations=evaluations)
        loss = (exact.V - policy_evaluation(mdp.P, mdp.R, plan.pi, 0.95)).max()
        assert loss <= plan.loss_bound + 1e-9 and plan.loss_bound <= 1e-5
        assert np.abs(plan.V - exact.V).max() <= plan.loss_bound
        assert plan.sweeps <= value_iteration(mdp, 0.95, 1e-5).sweeps


@pytest.mark.parametrize("arguments, name", [({"evaluations": -1}, "evaluations"), ({"eps": 0}, "eps")])
def test_modified_policy_iteration_names_bad_input(arguments, name):
    with pytest.raises(ValueError, match=f"^{name}: got"):
        modified_policy_iteration(chain(3), **{"gamma": 0.9, **arguments})
