"""One right call of every tabular equation: of other types, and with one argument at a time made wrong."""

import inspect
import re

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix

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

close = np.testing.assert_allclose


def as_sparse(P):
    return csr_array(P.reshape(-1, P.shape[2]))


RNG = np.random.default_rng(0)
MODEL = {"P": RNG.dirichlet(np.ones(4), size=(4, 3)), "R": RNG.normal(size=(4, 3))}
TABLE = np.arange(12.0).reshape(4, 3)
POLICY = RNG.dirichlet(np.ones(3), size=4)
STEP = {"Q": TABLE, "s": 0, "a": 1, "r": 2.0, "s_next": 3}
RATES = {"terminated": False, "alpha": 0.1, "gamma": 0.9}
RIGHT = {
    policy_evaluation: {**MODEL, "pi": POLICY, "gamma": 0.9},
    value_backup: {**MODEL, "V": np.arange(4.0), "gamma": 0.9},
    q_backup: {**MODEL, "Q": TABLE, "gamma": 0.9},
    policy_backup: {**MODEL, "Q": TABLE, "pi": POLICY, "gamma": 0.9},
    bellman_residual: {**MODEL, "Q": TABLE, "gamma": 0.9},
    state_visitation: {"P": MODEL["P"], "pi": POLICY, "rho0": np.full(4, 0.25), "gamma": 0.9},
    greedy_policy: {"Q": TABLE},
    epsilon_greedy: {"q": TABLE[0], "epsilon": 0.1},
    epsilon_soft: {"q": TABLE[0], "epsilon": 0.1},
    boltzmann: {"q": TABLE[0], "temperature": 2.0},
    q_learning_update: {**STEP, **RATES},
    sarsa_update: {**STEP, "a_next": 2, **RATES},
}
every_function = pytest.mark.parametrize("function", RIGHT, ids=lambda function: function.__name__)


@every_function
@pytest.mark.parametrize("kind", [np.asarray, as_sparse], ids=["dense", "sparse"])
def test_float32_stays_float32_and_float64_stays_float64(function, kind):
    results = []
    for dtype in (np.float32, np.float64):
        arguments = {name: x.astype(dtype) if isinstance(x, np.ndarray) else x for name, x in RIGHT[function].items()}
        if "P" in arguments:
            arguments["P"] = kind(arguments["P"])
        results.append(function(**arguments))
        assert results[-1].dtype == dtype
    close(*results, rtol=1e-4, atol=1e-5)


@every_function
def test_no_argument_is_written_to(function):
    arguments = {name: x.copy() if isinstance(x, np.ndarray) else x for name, x in RIGHT[function].items()}
    for value in arguments.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
    function(**arguments)


def test_older_sparse_matrices_serve_as_well():
    for function, arguments in RIGHT.items():
        if "P" in arguments:
            old = csr_matrix(arguments["P"].reshape(12, 4))
            close(function(**{**arguments, "P": old}), function(**arguments), atol=1e-12)


def spoiled(x, value):
    """A copy of x whose first entry is value."""
    x = np.array(x, float)
    x.flat[0] = value
    return x


NOT_A_NUMBER = [(np.nan, "NaN", "numbers"), (None, "values of type object", "real numbers"), ("a", "type", "numbers")]
NOT_A_RATE = [*NOT_A_NUMBER, (-0.1, "-0.1", "[0, 1"), (1.1, "1.1", "[0, 1")]
NOT_A_VALUE_TABLE = [
    (spoiled(TABLE, np.nan), "NaN", "numbers"),
    ([[1, 2, 3], [1, 2]], "rows of different lengths", "rectangular"),
    (2.0, "shape ()", "A]"),
]
NOT_A_STATE = [
    (4, "4", "0..3"),
    (-1, "-1", "0..3"),
    (1.0, "1.0", "whole"),
    (np.nan, "nan", "whole"),
    ([0, 9], "9", "0..3"),
]
NOT_AN_ACTION = [(3, "3", "0..2"), (-1, "-1", "0..2"), (0.5, "0.5", "whole"), (True, "True", "whole")]
WRONG = {
    "P": [
        (MODEL["P"][:, :, :3], "shape (4, 3, 3)", "as many successors as states"),
        (MODEL["P"][0], "shape (3, 4)", "[S, A, S]"),
        (MODEL["P"] * 1.1, "off 1 by 0.1", "sum to 1"),
        (np.tile([1.5, -0.5, 0, 0], (4, 3, 1)), "a negative probability", ">= 0"),
        (spoiled(MODEL["P"], np.nan), "NaN", "numbers"),
        (csr_array(np.full((7, 4), 0.25)), "shape (7, 4)", "[S*A, S]"),
        (csr_array(np.full((12, 4), 0.3)), "off 1 by 0.2", "sum to 1"),
        (csr_array(np.tile([1.5, -0.5, 0, 0], (12, 1))), "-0.5", "[0, inf]"),
    ],
    "R": [
        (MODEL["R"].T, "shape (3, 4)", "S = 4, A = 3"),
        (MODEL["R"][:, 0], "shape (4,)", "[S, A]"),
        (MODEL["P"], "shape (4, 3, 4)", "[S, A]"),
        (spoiled(MODEL["R"], np.nan), "NaN", "numbers"),
        (spoiled(MODEL["R"], np.inf), "infinity", "finite"),
    ],
    "pi": [
        (POLICY.T, "shape (3, 4)", "S = 4, A = 3"),
        (POLICY[0], "shape (3,)", "[S, A]"),
        (POLICY * 0.9, "off 1 by 0.1", "sum to 1"),
        (np.tile([1.5, -0.5, 0], (4, 1)), "a negative probability", ">= 0"),
        (spoiled(POLICY, np.nan), "NaN", "numbers"),
    ],
    "V": [
        (np.zeros(3), "shape (3,)", "S = 4"),
        (np.zeros((4, 1)), "shape (4, 1)", "[S]"),
        ([0, 0, 0, np.nan], "NaN", "numbers"),
    ],
    "rho0": [(np.full(3, 1 / 3), "shape (3,)", "S = 4"), (np.full(4, 0.3), "off 1 by 0.2", "sum to 1")],
    "Q": NOT_A_VALUE_TABLE,
    "q": NOT_A_VALUE_TABLE,
    "gamma": NOT_A_RATE,
    "alpha": NOT_A_RATE,
    "epsilon": NOT_A_RATE,
    "temperature": [*NOT_A_NUMBER, (0, "0", "(0, inf]"), (-1.0, "-1", "(0, inf]"), (np.inf, "infinity", "finite")],
    "s": NOT_A_STATE,
    "s_next": NOT_A_STATE,
    "a": NOT_AN_ACTION,
    "a_next": NOT_AN_ACTION,
    "r": [*NOT_A_NUMBER, (np.inf, "infinity", "finite")],
    "terminated": [(2, "2", "True or False"), (np.nan, "nan", "True or False"), ([0, 0.5], "0.5", "True or False")],
}
BESIDE_A_MODEL = [(TABLE.T, "shape (3, 4)", "S = 4, A = 3"), (TABLE[0], "shape (3,)", "[S, A]")]
WRONG_CALLS = [
    *((f, name, *case) for f, arguments in RIGHT.items() for name in arguments for case in WRONG[name]),
    *((f, "Q", *case) for f, arguments in RIGHT.items() if {"P", "Q"} <= set(arguments) for case in BESIDE_A_MODEL),
    (policy_evaluation, "gamma", 1, "1", "less than 1"),
    (state_visitation, "gamma", 1, "1", "[0, 1)"),
    (greedy_policy, "Q", TABLE[:, :0], "shape (4, 0)", "at least 1"),
    (epsilon_soft, "q", [1.0], "shape (1,)", "at least 2"),
    (boltzmann, "q", [1.0, -np.inf], "infinity", "finite"),
    (q_learning_update, "Q", TABLE[0], "shape (3,)", "[S, A]"),
    (q_learning_update, "r", [1.0, 2.0], "shape (2,)", "shape of s, ()"),
    (sarsa_update, "a_next", [0, 1], "shape (2,)", "shape of s, ()"),
]


def test_every_argument_of_every_function_is_made_wrong_at_least_once():
    tried = {(function, name) for function, name, *_ in WRONG_CALLS}
    assert tried >= {(function, name) for function, arguments in RIGHT.items() for name in arguments}
    assert all(list(inspect.signature(function).parameters) == list(a) for function, a in RIGHT.items())


@pytest.mark.parametrize(
    "function, name, value, came, expected", WRONG_CALLS, ids=lambda x: getattr(x, "__name__", None)
)
def test_a_wrong_argument_is_named_with_what_came_and_what_was_expected(function, name, value, came, expected):
    with pytest.raises(ValueError) as error:
        function(**{**RIGHT[function], name: value})
    named, got, wanted = re.fullmatch(r"(.*?): got (.*), expected (.*)", str(error.value), re.DOTALL).groups()
    assert (named, came in got, expected in wanted) == (name, True, True), str(error.value)


def test_one_table_takes_one_update_a_pair():
    for update, a_next in ((q_learning_update, {}), (sarsa_update, {"a_next": [0, 0]})):
        step = {"Q": TABLE, "s": [1, 1], "r": 0.0, "s_next": [0, 0], "terminated": False, "alpha": 0.1, "gamma": 0.9}
        assert update(a=[0, 1], **step, **a_next).shape == (4, 3)
        with pytest.raises(ValueError, match="s, a: got the same pair twice, expected transitions whose pairs"):
            update(a=[1, 1], **step, **a_next)
