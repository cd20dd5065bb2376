"""Problem set 1: the public cases. How the hidden ones are drawn is in ps1_draws.py, the wrong versions in ps1.py."""

import numpy as np

from rlcourse.functional import tabular
from rlcourse.staff.bank import Case, Entry, keeps_arguments
from rlcourse.staff.bank import ps1_draws as draws
from rlcourse.worlds.grids import chain, two_state_world

_seeded = np.random.default_rng(1)
_CHAIN, _TWO_STATES = chain(2, slip=0.2), two_state_world()
_P, _R = draws.world(_seeded, 4, 3)
_SQUARE_P, _SQUARE_R = draws.world(_seeded, 3, 3)
_PAIR_P, _PAIR_R = draws.tenths(_seeded, 2, 2, 2), np.array([[-1.0, -4.0], [-2.5, -0.5]])
_Q = draws.table(_seeded, 4, 3)
_CHAIN_Q = np.array([[0.0, 0.0], [-0.5, 1.0], [0.25, 2.0], [0.0, 0.0]])


Q_BACKUP = Entry(
    tabular.q_backup,
    "q_backup(P, R, Q, gamma)",
    (
        Case("a chain of two cells between two ends", (_CHAIN.P, _CHAIN.R, _CHAIN_Q, 0.9)),
        Case("a random world of four states", (_P, _R, _Q, 0.9)),
        Case("as many actions as states", (_SQUARE_P, _SQUARE_R, draws.table(_seeded, 3, 3), 0.5)),
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
        Case("one state only", (np.ones((1, 3, 1)), _R[:1], _Q[:1], 0.5), "edges"),
        keeps_arguments(_P, _R, _Q, 0.9),
    ),
    draws.draw_q_backup,
)


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
        Case("one state only", (np.array([[0.5, 2.0, 2.0]]),), "edges"),
        Case("nearly as good is no tie", (np.array([[512.001, 512.0, 511.0], [1e-9, 2e-9, -1e-9]]),), "edges"),
        keeps_arguments(np.array([[1.0, 1.0, 0.0], [2.0, 1.0, 1.0]])),
    ),
    draws.draw_greedy_policy,
)


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
        Case("an end where it was", (_TABLE, 1, 0, -1.0, 1, True, 0.5, 0.9), "edges"),
        Case("alpha 0: nothing is learned", (_TABLE, 1, 0, -1.0, 2, False, 0.0, 0.9), "edges"),
        keeps_arguments(_TABLE, 0, 1, 2.0, 1, False, 0.5, 0.9),
        keeps_arguments(_TABLE, 0, 1, 2.0, 1, True, 0.5, 0.9),
    ),
    draws.draw_q_learning_update,
)


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
        Case("nearly as good is no tie", (np.array([512.0, 512.001, 511.0]), 0.3), "edges"),
        Case("one action only", (np.array([-1.0]), 0.3), "edges"),
        keeps_arguments(np.array([2.0, 0.0, 2.0]), 0.3),
    ),
    draws.draw_epsilon_greedy,
)


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
        Case("values far from each other", (np.array([0.0, 2000.0, -2000.0, 1999.5]), 1.0), "edges"),
        Case("one action only", (np.array([-1.0]), 0.5), "edges"),
        keeps_arguments(np.array([1.0, 3.0, 2.0]), 2.0),
    ),
    draws.draw_boltzmann,
)


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
        Case("one state, one action", (np.ones((1, 1, 1)), np.array([[0.5]]), np.ones((1, 1)), 0.5), "edges"),
        Case("gamma 0.99", (_P, _R, _MIXED, 0.99), "edges", "", draws.EXACT),
        Case("small rewards", (_P, _R / 4096, _MIXED, 0.9), "edges", "", draws.EXACT),
        keeps_arguments(_P, _R, _MIXED, 0.9),
    ),
    draws.draw_policy_evaluation,
)
