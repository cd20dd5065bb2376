"""Control from samples: known answers, known differences between the algorithms, and students' own equations."""

import itertools
import math
import re

import numpy as np
import pytest
from scipy.sparse import csr_array

from rlcourse.agents.tabular.control import double_q_learning, expected_sarsa, q_learning, sarsa
from rlcourse.agents.tabular.planning import q_iteration
from rlcourse.worlds.grids import chain, cliff_walk, grid_world, random_mdp
from rlcourse.worlds.mdp import MDP

close = np.testing.assert_allclose
ALL = [q_learning, sarsa, expected_sarsa, double_q_learning]
every_algorithm = pytest.mark.parametrize("algorithm", ALL, ids=lambda f: f.__name__)


def slowly(n):
    """Step sizes that meet the conditions of Robbins and Monro: their sum has no end, that of their squares has one."""
    return 1 / n**0.8


# What each learns


def test_q_learning_finds_q_star_from_a_random_walk():
    mdp = random_mdp(5, 2, branching=2, seed=4)
    Q_star = q_iteration(mdp, 0.7, 1e-10).Q
    walked = q_learning(mdp, 0.7, 12_000, epsilon=1.0, alpha=slowly, checkpoints=0).Q
    assert np.abs(walked - Q_star).max() < 0.05 * np.abs(Q_star).max(), "in each of eight seeds"


@pytest.mark.parametrize("algorithm", [sarsa, expected_sarsa], ids=lambda f: f.__name__)
def test_on_policy_algorithms_learn_the_value_of_the_policy_that_walks(algorithm):
    n = 4
    large_steps = {"alpha": lambda n: 1 / n**0.6}  # so that the zeros it starts from are forgotten by then
    Q = algorithm(chain(n), 1.0, 12_000, epsilon=1.0, checkpoints=0, **large_steps).Q.mean(axis=0)
    cells = np.arange(1, n + 1)
    close(Q[1:-1, 0], (cells - 1) / (n + 1), atol=0.03)  # a step to the left, then a fair walk from there
    close(Q[1:-1, 1], (cells + 1) / (n + 1), atol=0.03)
    assert not Q[[0, -1]].any()


def test_q_learning_on_the_same_walk_learns_the_best_instead():
    Q = q_learning(chain(4), 0.9, 12_000, epsilon=1.0, alpha=0.5, checkpoints=0).Q
    close(Q[:, 1:-1, 1], np.tile(0.9 ** np.arange(3, -1, -1), (8, 1)), atol=1e-6)


def path(mdp, Q, s):
    """The states that the greedy policy visits in a deterministic world, at most 40 of them."""
    states = [s]
    while not mdp.terminal[s] and len(states) <= 40:
        s = int(mdp.dense[s, Q[s].argmax()].argmax())
        states.append(s)
    return states


def test_sarsa_keeps_away_from_the_cliff_and_earns_more_while_it_learns():
    mdp, earned = cliff_walk(), {}
    for algorithm in (q_learning, sarsa):
        learned = algorithm(mdp, 0.99, 8000, alpha=0.25, epsilon=0.1, checkpoints=0, max_episode_steps=500)
        earned[algorithm] = np.array([ends[ends[:, 0] > 4000, 1].mean() for ends in learned.episodes])
        for Q in learned.Q:
            states = path(mdp, Q, 36)
            at_the_edge = len({s for s in states if 24 <= s < 36})
            if algorithm is q_learning:
                assert at_the_edge == 12 and len(states) == 14, "the shortest way, along the edge"
            else:  # with a constant step size its policy never quite settles, but it keeps away
                assert at_the_edge <= 6, "the safe way, further up"
    assert (earned[sarsa] > earned[q_learning] + 5).all(), "in each of eight seeds"
    assert earned[sarsa].mean() > earned[q_learning].mean() + 15


def test_expected_sarsa_without_exploration_is_q_learning():
    mdp = random_mdp(6, 3, seed=2)
    settings = {"epsilon": 0.0, "alpha": 0.2, "checkpoints": 0, "max_episode_steps": 20}
    close(expected_sarsa(mdp, 0.9, 500, **settings).Q, q_learning(mdp, 0.9, 500, **settings).Q, atol=1e-12)


def test_double_q_learning_does_not_overestimate_a_noisy_maximum():
    """After van Hasselt (2010): eight actions, each worth -0.1, whose rewards 0.9 and -1.1 are a coin's."""
    P, rewards = np.zeros((4, 8, 4)), np.zeros((4, 8, 4))
    P[0, :, 1] = P[2, :, 2] = P[3, :, 3] = 1  # from the first state to the noisy one
    P[1, :, 2:] = 0.5
    rewards[1, :, 2], rewards[1, :, 3] = 0.9, -1.1
    mdp = MDP(P, rewards, [1, 0, 0, 0])
    settings = {"epsilon": 1.0, "alpha": 0.1, "checkpoints": 0, "n_seeds": 100}
    start = {f: f(mdp, 1.0, 4000, **settings).Q[:, 0].mean(axis=1) for f in (q_learning, double_q_learning)}
    error = {f: values.std(ddof=1) / 10 for f, values in start.items()}
    assert abs(start[double_q_learning].mean() - -0.1) < 4.5 * error[double_q_learning], "unbiased"
    # A table at step size 0.1 has deviation sqrt(0.1 / 1.9); the mean maximum of eight such is 1.42 of them too much.
    assert start[q_learning].mean() == pytest.approx(-0.1 + 1.42 * math.sqrt(0.1 / 1.9), abs=0.06)
    assert start[q_learning].mean() - start[double_q_learning].mean() > 0.2


# Probes: the smallest world in which one thing can go wrong


@every_algorithm
def test_probe_one_step_to_the_end_is_worth_its_reward(algorithm):
    mdp = MDP(np.array([[[0.0, 1]], [[0, 1]]]), np.array([[3.0], [0]]), [1, 0])
    Q = algorithm(mdp, 0.9, 200, alpha=0.5, initial_q=7.0, checkpoints=0).Q
    close(Q[:, 0, 0], 3, atol=1e-8)
    assert not Q[:, 1].any(), "an ended state is worth 0 whatever the tables start with"


@every_algorithm
def test_probe_truncation_bootstraps_from_the_state_really_reached(algorithm):
    """Cut after one step, state 1 is never left, so its value stays 6; the walk starts anew in state 0, worth 1 + 3."""
    mdp = MDP(np.array([[[0.0, 1]], [[0, 1]]]), np.array([[1.0], [1.0]]), [1, 0])
    learned = algorithm(mdp, 0.5, 200, alpha=0.5, initial_q=6.0, max_episode_steps=1, checkpoints=0)
    close(learned.Q[:, :, 0], [[1 + 0.5 * 6, 6]] * 8, atol=1e-8)
    assert all(len(ends) == 200 for ends in learned.episodes), "each step was an episode"


@pytest.mark.parametrize("algorithm", [sarsa, expected_sarsa], ids=lambda f: f.__name__)
def test_probe_the_next_action_is_that_of_the_state_really_reached(algorithm):
    """Two states lead to one another, each with a good action of its own, and every episode is cut after one step."""
    swap = np.array([[[0, 1.0], [0, 1.0]], [[1.0, 0], [1.0, 0]]])
    mdp = MDP(swap, np.array([[1.0, 0], [0, 1.0]]), [0.5, 0.5])
    Q = algorithm(mdp, 0.5, 3000, alpha=slowly, epsilon=0.2, max_episode_steps=1, checkpoints=0).Q.mean(axis=0)
    v = 0.9 / (1 - 0.5)  # the good action is taken nine times in ten
    close(Q, [[1 + 0.5 * v, 0.5 * v], [0.5 * v, 1 + 0.5 * v]], atol=0.06)


@every_algorithm
def test_probe_the_reward_travels_back_by_gamma(algorithm):
    mdp = MDP(np.eye(3)[[1, 2, 2]][:, None, :], np.array([[0.0], [1.0], [0]]), [1, 0, 0])
    close(algorithm(mdp, 0.8, 400, alpha=0.5, checkpoints=0).Q[:, :, 0], [[0.8, 1, 0]] * 8, atol=1e-8)


@every_algorithm
def test_probe_it_finds_the_better_action(algorithm):
    mdp = MDP(np.array([[[0.0, 1], [0, 1]], [[0, 1], [0, 1]]]), np.array([[1.0, 2.0], [0, 0]]), [1, 0])
    learned = algorithm(mdp, 0.9, 300, alpha=0.5, epsilon=0.2, checkpoints=3)
    close(learned.Q[:, 0], [[1, 2]] * 8, atol=1e-3)
    close(learned.curve[:, [0, -1]], [[1.5, 2.0]] * 8)  # at first a tie, whose actions share


# The run: seeds, records, exploration


@every_algorithm
@pytest.mark.parametrize("exploration", [{"epsilon": 0.3}, {"temperature": 0.5}], ids=["epsilon", "boltzmann"])
def test_seed_three_of_eight_is_that_seed_alone(algorithm, exploration):
    mdp = grid_world("S..\n.#X\n..G", slip=0.2, step_reward=-0.1)
    settings = {"alpha": slowly, "max_episode_steps": 15, "checkpoints": 4, **exploration}
    together = algorithm(mdp, 0.9, 1200, n_seeds=8, seed=0, **settings)
    alone = algorithm(mdp, 0.9, 1200, n_seeds=1, seed=3, **settings)
    close(together.Q[3], alone.Q[0], rtol=1e-12)
    close(together.curve[3], alone.curve[0], rtol=1e-12)
    close(together.episodes[3], alone.episodes[0], rtol=1e-12)
    assert (together.Q[0] != together.Q[3]).any()


def test_records_of_a_run():
    seen = []

    def measure(Q):
        seen.append(Q.copy())
        return float(Q.sum())

    learned = q_learning(chain(3), 0.9, 100, n_seeds=2, checkpoints=4, measure=measure, initial_q=0.25, epsilon=1.0)
    assert learned.steps.tolist() == [0, 25, 50, 75, 100]
    assert learned.curve.shape == (2, 5) and len(seen) == 10
    assert (learned.curve[:, 0] == 0.25 * 3 * 2).all(), "the two ends start at 0"
    close(learned.curve[:, -1], learned.Q.sum(axis=(1, 2)))
    for ends in learned.episodes:
        assert (np.diff(ends[:, 0]) >= 2).all() and ends[-1, 0] <= 100 and set(ends[:, 1]) <= {0.0, 1.0}
    assert q_learning(chain(3), 0.9, 10, checkpoints=0).curve.shape == (8, 0)


def test_returns_of_episodes_are_undiscounted_sums():
    corridor = grid_world("S..G", step_reward=-1.0)
    learned = q_learning(corridor, 0.5, 2000, epsilon=0.5, checkpoints=0)
    for ends in learned.episodes:
        lengths = np.diff(np.concatenate([[0], ends[:, 0]]))
        close(ends[:, 1], -1.0 * (lengths - 1) + 1)


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
def test_the_curve_is_nan_only_where_gamma_is_one_and_the_policy_does_not_end(sparse):
    mdp = cliff_walk()
    mdp = MDP(csr_array(mdp.rows), mdp.R, mdp.rho0) if sparse else mdp
    learned = q_learning(mdp, 1.0, 5000, alpha=0.5, n_seeds=2, checkpoints=50, max_episode_steps=500)
    assert np.isnan(learned.curve[:, 1]).all(), "after a hundred steps it still runs against the border"
    close(learned.curve[:, -1], [-13, -13])  # whatever it would do in places that it never comes to


def test_step_sizes_may_depend_on_the_visits_of_the_pair():
    mdp = MDP(np.array([[[0.0, 0.5, 0.5]], [[0, 1, 0]], [[0, 0, 1]]]), np.zeros((3, 1, 3)), [1, 0, 0])
    rewards = np.zeros((3, 1, 3))
    rewards[0, 0] = [0, 1, 2]
    learned = q_learning(MDP(mdp.P, rewards, [1, 0, 0]), 0.9, 40, alpha=lambda n: 1 / n, checkpoints=0, initial_q=50.0)
    means = [ends[:, 1].mean() for ends in learned.episodes]
    close(learned.Q[:, 0, 0], means)  # 1/n makes it the average reward, and forgets where it began


# A student's own equations


def loop_q_learning_update(Q, s, a, r, s_next, terminated, alpha, gamma):
    Q = [list(row) for row in Q]
    target = r if terminated else r + gamma * max(Q[s_next])
    Q[s][a] = (1 - alpha) * Q[s][a] + alpha * target
    return Q


def in_place_q_learning_update(Q, s, a, r, s_next, terminated, alpha, gamma):
    Q[s, a] += alpha * (r + gamma * (not terminated) * np.max(Q[s_next]) - Q[s, a])
    return Q


def float32_q_learning_update(Q, s, a, r, s_next, terminated, alpha, gamma):
    return np.array(loop_q_learning_update(Q, s, a, r, s_next, terminated, alpha, gamma), np.float32)


def loop_sarsa_update(Q, s, a, r, s_next, a_next, terminated, alpha, gamma):
    Q = [list(row) for row in Q]
    target = r if terminated else r + gamma * Q[s_next][a_next]
    Q[s][a] = (1 - alpha) * Q[s][a] + alpha * target
    return Q


def loop_epsilon_greedy(q, epsilon):
    best = [a for a in range(len(q)) if q[a] == max(q)]
    return [epsilon / len(q) + (1 - epsilon) / len(best) * (a in best) for a in range(len(q))]


def loop_boltzmann(q, temperature):
    weights = [math.exp((x - max(q)) / temperature) for x in q]
    return [w / sum(weights) for w in weights]


@pytest.mark.parametrize(
    "algorithm, own, tolerance",
    [
        (q_learning, {"q_learning_update": loop_q_learning_update, "epsilon_greedy": loop_epsilon_greedy}, 1e-12),
        (q_learning, {"q_learning_update": in_place_q_learning_update}, 1e-12),
        (q_learning, {"q_learning_update": float32_q_learning_update}, 1e-4),
        (q_learning, {"boltzmann": loop_boltzmann, "temperature": 0.3}, 1e-12),
        (sarsa, {"sarsa_update": loop_sarsa_update, "epsilon_greedy": loop_epsilon_greedy}, 1e-12),
        (expected_sarsa, {"epsilon_greedy": loop_epsilon_greedy}, 1e-12),
        (double_q_learning, {"epsilon_greedy": loop_epsilon_greedy}, 1e-12),
    ],
)
def test_a_students_function_learns_as_the_librarys_does(algorithm, own, tolerance):
    mdp = random_mdp(5, 3, seed=6)
    settings = {"alpha": 0.2, "n_seeds": 3, "checkpoints": 2, "max_episode_steps": 11}
    ours = {name: value for name, value in own.items() if not callable(value)}
    mine, theirs = algorithm(mdp, 0.9, 300, **settings, **own), algorithm(mdp, 0.9, 300, **settings, **ours)
    close(mine.Q, theirs.Q, atol=tolerance)
    close(mine.curve, theirs.curve, atol=tolerance * 10)
    assert mine.Q.shape == (3, 5, 3)


def test_the_students_sarsa_sees_the_action_that_is_taken_next():
    calls = []

    def recording(*arguments):
        calls.append(arguments[1:7])
        return loop_sarsa_update(*arguments)

    grid = grid_world("S..\n.#X\n..G", slip=0.2)
    learned = sarsa(grid, 0.9, 400, sarsa_update=recording, n_seeds=1, epsilon=0.5, checkpoints=0, max_episode_steps=8)
    new_episode = {int(end) for end in learned.episodes[0][:, 0]}
    for i, ((*_, s_next, a_next, terminated), (s, a, *_)) in enumerate(itertools.pairwise(calls)):
        if i + 1 in new_episode:
            assert s == 0, "a new episode begins at S"
        else:
            assert (s, a) == (s_next, a_next) and not terminated
    kinds = [type(x) for x in calls[0]]
    assert kinds == [int, int, float, int, int, bool], "plain Python numbers"


# Bad input


@pytest.mark.parametrize(
    "settings, name, came",
    [
        ({"gamma": 1.1}, "gamma", "1.1"),
        ({"gamma": np.nan}, "gamma", "NaN"),
        ({"steps": 0}, "steps", "0"),
        ({"epsilon": -0.1}, "epsilon", "-0.1"),
        ({"epsilon": 2}, "epsilon", "2"),
        ({"alpha": 0}, "alpha", "0"),
        ({"alpha": 1.5}, "alpha", "1.5"),
        ({"temperature": 0}, "temperature", "0"),
        ({"temperature": -1}, "temperature", "-1"),
        ({"initial_q": np.nan}, "initial_q", "NaN"),
        ({"n_seeds": 0}, "n_seeds", "0"),
        ({"max_episode_steps": 0}, "max_episode_steps", "0"),
    ],
)
@every_algorithm
def test_bad_input_is_named(algorithm, settings, name, came):
    with pytest.raises(ValueError) as error:
        algorithm(chain(3), **{"gamma": 0.9, "steps": 10, **settings})
    named, got, expected = re.fullmatch(r"(.*?): got (.*), expected (.*)", str(error.value)).groups()
    assert named == name and came in got and expected, str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"boltzmann": loop_boltzmann},
        {"epsilon_greedy": loop_epsilon_greedy, "temperature": 1.0},
        {"greedy_policy": lambda Q: Q, "measure": np.sum},
        {"policy_evaluation": lambda *_: 0, "measure": np.sum},
    ],
)
@every_algorithm
def test_a_function_that_would_never_be_called_is_an_error(algorithm, settings):
    with pytest.raises(ValueError, match=f"^{next(iter(settings))}: got a function that these settings never call"):
        algorithm(chain(3), 0.9, 10, **settings)
