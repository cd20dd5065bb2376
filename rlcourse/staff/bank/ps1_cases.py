"""Problem set 1: the public cases, and how the hidden ones are drawn. The wrong versions are in ps1.py.

Action values and rewards are rounded, so that ties are exact and everything else is clearly no tie.
"""

from collections.abc import Iterator

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from rlcourse.functional import tabular
from rlcourse.staff.bank import Case, Entry, keeps_arguments
from rlcourse.worlds.grids import chain, two_state_world
from rlcourse.worlds.mdp import MDP


def _tenths(rng: Generator, *shape: int) -> ndarray:
    """Random distributions over the last axis, in tenths."""
    return rng.multinomial(10, np.full(shape[-1], 1 / shape[-1]), shape[:-1]) / 10


def _world(rng: Generator, S: int, A: int) -> tuple[ndarray, ndarray]:
    """P [S, A, S] and R [S, A] of a world that goes on for ever."""
    return _tenths(rng, S, A, S), _table(rng, S, A)


def _table(rng: Generator, *shape: int) -> ndarray:
    """Action values or rewards in quarters, without a tie along the last axis."""
    return (rng.permuted(np.broadcast_to(np.arange(-12.0, 13.0), (*shape[:-1], 25)), axis=-1)[..., : shape[-1]]) / 4


def _tied(rng: Generator, S: int, A: int) -> ndarray:
    """Action values whose best two, or all, are equal: which ones, differs by state. A >= 3."""
    Q = _table(rng, S, A)
    first, second = rng.permuted(np.tile(np.arange(A), (S, 1)), axis=1)[:, :2].T
    Q[np.arange(S), first] = Q[np.arange(S), second] = 4
    Q[0] = -1.5
    return Q


def _sizes(rng: Generator) -> tuple[int, int]:
    """Numbers of states and actions that differ, so that no axis passes for another."""
    A = int(rng.integers(2, 5))
    return A + int(rng.integers(1, 4)), A


def _ending(rng: Generator, mdp: MDP) -> ndarray:
    """Action values of an MDP, 0 where it has ended."""
    return _table(rng, *mdp.R.shape) * ~mdp.terminal[:, None]


_seeded = np.random.default_rng(1)
_CHAIN, _TWO_STATES = chain(2, slip=0.2), two_state_world()
_P, _R = _world(_seeded, 4, 3)
_SQUARE_P, _SQUARE_R = _world(_seeded, 3, 3)
_PAIR_P, _PAIR_R = _tenths(_seeded, 2, 2, 2), np.array([[-1.0, -4.0], [-2.5, -0.5]])
_Q = _table(_seeded, 4, 3)
_CHAIN_Q = np.array([[0.0, 0.0], [-0.5, 1.0], [0.25, 2.0], [0.0, 0.0]])


def _draw_q_backup(rng: Generator) -> Iterator[Case]:
    for _ in range(3):
        S, A = _sizes(rng)
        yield Case("a random world", (*_world(rng, S, A), _table(rng, S, A), round(rng.uniform(0.5, 0.95), 2)))
    mdp = chain(int(rng.integers(2, 5)), slip=0.1)
    yield Case("a chain whose ends end the episode", (mdp.P, mdp.R, _ending(rng, mdp), 0.9))
    P, R = _world(rng, 5, 3)
    yield Case("gamma 0", (P, R, _table(rng, 5, 3), 0.0), "edges")
    yield Case("gamma 1", (P, R, _table(rng, 5, 3), 1.0), "edges")
    yield Case("actions that are equally good", (P, R, _tied(rng, 5, 3), 0.8), "edges")
    yield keeps_arguments(P, R, _table(rng, 5, 3), 0.9)


Q_BACKUP = Entry(
    tabular.q_backup,
    "q_backup(P, R, Q, gamma)",
    (
        Case("a chain of two cells between two ends", (_CHAIN.P, _CHAIN.R, _CHAIN_Q, 0.9)),
        Case("a random world of four states", (_P, _R, _Q, 0.9)),
        Case("as many actions as states", (_SQUARE_P, _SQUARE_R, _table(_seeded, 3, 3), 0.5)),
        Case("all rewards negative", (_PAIR_P, _PAIR_R, np.array([[-3.0, -8.0], [-6.0, -2.0]]), 0.8)),
        Case("gamma 0: only the reward counts", (_P, _R, _Q, 0.0), "edges"),
        Case("gamma 1: no discount", (_CHAIN.P, _CHAIN.R, _CHAIN_Q, 1.0), "edges"),
        Case(
            "the world of two states, where all actions end the episode",
            (_TWO_STATES.P, _TWO_STATES.R, _TWO_STATES.R, 0.9),
            "edges",
        ),
        Case(
            "one action only",
            (np.array([[[0.5, 0.5]], [[0.0, 1.0]]]), np.array([[1.0], [-1.0]]), _R[:2, :1], 0.9),
            "edges",
        ),
        keeps_arguments(_P, _R, _Q, 0.9),
    ),
    _draw_q_backup,
)


def _draw_greedy_policy(rng: Generator) -> Iterator[Case]:
    for _ in range(3):
        yield Case("random action values", (_table(rng, *_sizes(rng)),))
    yield Case("actions that are equally good", (_tied(rng, 5, 3),), "edges")
    yield Case("actions that are equally good", (_tied(rng, 3, 4),), "edges")
    yield keeps_arguments(_tied(rng, 4, 3))


GREEDY_POLICY = Entry(
    tabular.greedy_policy,
    "greedy_policy(Q)",
    (
        Case("three states, two actions", (np.array([[1.0, 2.0], [0.5, -0.5], [-3.0, -1.0]]),)),
        Case("as many actions as states", (np.array([[0.0, 1.0, 5.0], [2.0, 0.5, 4.0], [-1.0, -2.0, -3.0]]),)),
        Case("large values", (np.array([[100.0, 300.0, 200.0], [-900.0, -700.0, -800.0]]),)),
        Case("two actions equally good", (np.array([[1.0, 1.0, 0.0], [-2.0, -1.0, -1.0]]),), "edges"),
        Case("all actions equally good", (np.zeros((2, 4)),), "edges"),
        Case("one action only", (np.array([[3.0], [-3.0]]),), "edges"),
        keeps_arguments(np.array([[1.0, 1.0, 0.0], [2.0, 1.0, 1.0]])),
    ),
    _draw_greedy_policy,
)


def _draw_q_learning_update(rng: Generator) -> Iterator[Case]:
    def transition(terminated: bool) -> tuple:
        S, A = _sizes(rng)
        s, s_next = (int(i) for i in rng.permutation(S)[:2])
        numbers = (round(rng.uniform(low, high), 2) for low, high in ((1, 3), (0.1, 0.9), (0.5, 0.95)))
        r, alpha, gamma = numbers
        return _table(rng, S, A) + 5, s, int(rng.integers(A)), r, s_next, terminated, alpha, gamma

    for _ in range(4):
        yield Case("a step inside an episode", transition(False))
    yield Case("a step that ends the episode", transition(True), "edges")
    yield Case("a step that ends the episode", transition(True), "edges")
    yield keeps_arguments(*transition(False))


_TABLE = np.array([[1.0, -2.0], [3.0, 0.5], [-1.0, -4.0]])

Q_LEARNING_UPDATE = Entry(
    tabular.q_learning_update,
    "q_learning_update(Q, s, a, r, s_next, terminated, alpha, gamma)",
    (
        Case("a step from state 0 to state 1", (_TABLE, 0, 1, 2.0, 1, False, 0.5, 0.9)),
        Case("a step to a state whose values are negative", (_TABLE, 1, 0, -1.0, 2, False, 0.1, 0.9)),
        Case("a step that stays where it was", (_TABLE, 0, 1, 0.5, 0, False, 0.25, 0.8)),
        Case("a reward of 0", (_TABLE, 2, 1, 0.0, 0, False, 0.5, 0.5)),
        Case("a step that ends the episode", (_TABLE, 0, 0, 10.0, 1, True, 0.5, 0.9), "edges"),
        Case("an end that costs", (_TABLE, 1, 1, -5.0, 2, True, 0.2, 0.9), "edges"),
        Case("alpha 1: the target replaces the old value", (_TABLE, 2, 0, 1.0, 1, False, 1.0, 0.9), "edges"),
        Case("gamma 0: only the reward counts", (_TABLE, 0, 1, 2.0, 1, False, 0.5, 0.0), "edges"),
        keeps_arguments(_TABLE, 0, 1, 2.0, 1, False, 0.5, 0.9),
    ),
    _draw_q_learning_update,
)


def _draw_epsilon_greedy(rng: Generator) -> Iterator[Case]:
    def epsilon() -> float:
        return round(rng.uniform(0.1, 0.9), 2)

    for n_actions in (2, 4, int(rng.integers(3, 8))):
        yield Case("random action values", (_table(rng, n_actions), epsilon()))
    for q in _tied(rng, 3, 5):
        yield Case("actions that are equally good", (q, epsilon()), "edges")
    yield Case("epsilon 0", (_table(rng, 4), 0.0), "edges")
    yield Case("epsilon 1", (_table(rng, 4), 1.0), "edges")
    yield keeps_arguments(_table(rng, 4), 0.3)


EPSILON_GREEDY = Entry(
    tabular.epsilon_greedy,
    "epsilon_greedy(q, epsilon)",
    (
        Case("three actions, epsilon 0.3", (np.array([1.0, 3.0, 2.0]), 0.3)),
        Case("two actions, epsilon 0.1", (np.array([-1.0, -2.0]), 0.1)),
        Case("five actions, epsilon 0.8", (np.array([0.0, -1.0, 0.5, 4.0, 2.0]), 0.8)),
        Case("epsilon 0: greedy", (np.array([0.5, -1.0, 0.0]), 0.0), "edges"),
        Case("epsilon 1: all actions alike", (np.array([1.0, 2.0, 3.0, 4.0]), 1.0), "edges"),
        Case("two actions equally good", (np.array([2.0, 0.0, 2.0]), 0.3), "edges"),
        Case("all actions equally good", (np.zeros(4), 0.2), "edges"),
        keeps_arguments(np.array([2.0, 0.0, 2.0]), 0.3),
    ),
    _draw_epsilon_greedy,
)


def _draw_boltzmann(rng: Generator) -> Iterator[Case]:
    for temperature in (0.5, round(rng.uniform(1.5, 4), 2), 1.0):
        yield Case("random action values", (_table(rng, int(rng.integers(3, 7))), temperature))
    for shift in (2000.0, -2000.0):
        yield Case("values far from 0", (_table(rng, 4) + shift, 2.0), "edges")
    yield Case("a low temperature", (_table(rng, 4) * 20, 0.01), "edges")
    yield keeps_arguments(_table(rng, 4), 2.0)


BOLTZMANN = Entry(
    tabular.boltzmann,
    "boltzmann(q, temperature)",
    (
        Case("three actions, temperature 1", (np.array([0.0, 1.0, -1.0]), 1.0)),
        Case("three actions, temperature 2", (np.array([1.0, 3.0, 2.0]), 2.0)),
        Case("a low temperature is nearly greedy", (np.array([0.5, 0.0, 1.0, -0.5]), 0.25)),
        Case("a high temperature is nearly uniform", (np.array([4.0, -4.0]), 50.0)),
        Case("all actions equally good", (np.array([2.0, 2.0, 2.0]), 0.5), "edges"),
        Case("large values", (np.array([1000.0, 1001.0, 999.0]), 1.0), "edges"),
        Case("values far below 0", (np.array([-3000.0, -3002.0]), 2.0), "edges"),
        Case("a very low temperature", (np.array([10.0, 0.0, -10.0]), 0.01), "edges"),
        keeps_arguments(np.array([1.0, 3.0, 2.0]), 2.0),
    ),
    _draw_boltzmann,
)


def _draw_policy_evaluation(rng: Generator) -> Iterator[Case]:
    for _ in range(3):
        S, A = _sizes(rng)
        yield Case("a random world", (*_world(rng, S, A), _skewed(rng, S, A), round(rng.uniform(0.9, 0.95), 2)))
    P, R = _world(rng, 4, 3)
    yield Case("gamma 0", (P, R, _skewed(rng, 4, 3), 0.0), "edges")
    yield Case("a policy without chance", (P, R, np.eye(3)[rng.integers(3, size=4)], 0.9), "edges")
    mdp = chain(int(rng.integers(2, 5)), slip=0.1)
    yield Case("a chain whose ends end the episode", (mdp.P, mdp.R, _skewed(rng, *mdp.R.shape), 0.9), "edges")
    yield keeps_arguments(P, R, _skewed(rng, 4, 3), 0.9)


def _skewed(rng: Generator, S: int, A: int) -> ndarray:
    """A policy in tenths that is far from uniform: one action of each state has at least 0.6."""
    return 0.6 * np.eye(A)[rng.integers(A, size=S)] + 0.4 * _tenths(rng, S, A)


_MOSTLY_RIGHT = np.array([[0.5, 0.5], [0.2, 0.8], [0.3, 0.7], [0.5, 0.5]])
_MIXED = np.array([[0.6, 0.3, 0.1], [0.0, 0.2, 0.8], [0.1, 0.7, 0.2], [1.0, 0.0, 0.0]])

POLICY_EVALUATION = Entry(
    tabular.policy_evaluation,
    "policy_evaluation(P, R, pi, gamma)",
    (
        Case("a chain of two cells between two ends", (_CHAIN.P, _CHAIN.R, _MOSTLY_RIGHT, 0.9)),
        Case("a random world of four states", (_P, _R, _MIXED, 0.9)),
        Case("gamma 0.95: far ahead still counts", (_P, _R, _MIXED, 0.95)),
        Case("all rewards negative", (_PAIR_P, _PAIR_R, np.array([[0.9, 0.1], [0.3, 0.7]]), 0.8)),
        Case("gamma 0: only the reward counts", (_P, _R, _MIXED, 0.0), "edges"),
        Case("a policy without chance", (_P, _R, np.eye(3)[[2, 0, 1, 1]], 0.9), "edges"),
        Case(
            "the world of two states, where all actions end the episode",
            (_TWO_STATES.P, _TWO_STATES.R, np.array([[0.25, 0.75], [0.9, 0.1], [0.5, 0.5]]), 0.9),
            "edges",
        ),
        keeps_arguments(_P, _R, _MIXED, 0.9),
    ),
    _draw_policy_evaluation,
)
