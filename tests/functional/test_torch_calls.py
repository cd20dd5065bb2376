"""One right call of every torch equation: of other types and shapes, and with one argument at a time made wrong."""

import inspect
import re

import numpy as np
import pytest
import torch

from rlcourse.functional.distributions import categorical_kl, gaussian_kl
from rlcourse.functional.policy_losses import (
    a2c_loss,
    entropy,
    kl_penalty_loss,
    off_policy_weights,
    optimal_baseline,
    ppo_clip_loss,
    score_function_loss,
    surrogate_loss,
)
from rlcourse.functional.replay import importance_weights, priority
from rlcourse.functional.returns import discounted_returns, gae, lambda_returns, n_step_returns, vtrace
from rlcourse.functional.search import cem_refit
from rlcourse.functional.targets import (
    categorical_projection,
    double_q_target,
    dueling_q,
    huber_loss,
    q_target,
    td_target,
)

GENERATOR = torch.Generator().manual_seed(0)


def numbers(*shape):
    return torch.randn(*shape, generator=GENERATOR)


B, A, N = 4, 3, 5
STEP = {"reward": numbers(B), "terminated": torch.tensor([False, True, False, True])}
ROLLOUT = {
    "rewards": numbers(6, B),
    "next_values": numbers(6, B),
    "terminated": torch.arange(6 * B).reshape(6, B) % 7 == 3,
    "truncated": torch.arange(6 * B).reshape(6, B) % 5 == 2,
}
SURROGATE = {"ratio": numbers(B).exp(), "advantage": numbers(B)}
ROLLOUT_AND_VALUES = {"rewards": ROLLOUT["rewards"], "values": numbers(6, B), **ROLLOUT}
RIGHT = {
    td_target: {**STEP, "next_value": numbers(B), "gamma": 0.9},
    q_target: {**STEP, "next_q": numbers(B, A), "gamma": 0.9},
    double_q_target: {**STEP, "next_q": numbers(B, A), "next_q_online": numbers(B, A), "gamma": 0.9},
    dueling_q: {"value": numbers(B, 1), "advantage": numbers(B, A)},
    huber_loss: {"td_error": numbers(B), "delta": 0.5},
    categorical_projection: {
        "next_probs": numbers(B, N).softmax(-1),
        **STEP,
        "gamma": 0.9,
        "support": torch.linspace(-2, 2, N),
    },
    priority: {"td_error": numbers(B), "alpha": 0.6, "eps": 0.01},
    importance_weights: {"probabilities": torch.tensor([0.1, 0.2, 0.3, 0.05]), "buffer_size": 10, "beta": 0.4},
    n_step_returns: {**ROLLOUT, "gamma": 0.9, "n": 3},
    discounted_returns: {"rewards": numbers(6, B), "gamma": 0.9},
    lambda_returns: {**ROLLOUT, "gamma": 0.9, "lam": 0.7},
    gae: {**ROLLOUT_AND_VALUES, "gamma": 0.9, "lam": 0.7},
    vtrace: {**ROLLOUT_AND_VALUES, "ratios": numbers(6, B).exp(), "gamma": 0.9, "rho_bar": 1.5, "c_bar": 1.2},
    score_function_loss: {"log_prob": numbers(B), "weight": numbers(B)},
    optimal_baseline: {"score_sq": numbers(B) ** 2, "returns": numbers(B)},
    entropy: {"logits": numbers(B, A)},
    a2c_loss: {
        **{name: numbers(B) for name in ("log_prob", "advantage", "value", "value_target", "entropy")},
        "value_coef": 0.5,
        "entropy_coef": 0.01,
    },
    cem_refit: {"samples": numbers(6, 2), "scores": numbers(6), "n_elite": 3, "min_std": 0.1},
    categorical_kl: {"p_logits": numbers(B, A), "q_logits": numbers(B, A)},
    gaussian_kl: {name: numbers(B, A) for name in ("p_mean", "p_log_std", "q_mean", "q_log_std")},
    off_policy_weights: {"log_prob": numbers(6, B), "behaviour_log_prob": numbers(6, B)},
    surrogate_loss: SURROGATE,
    ppo_clip_loss: {**SURROGATE, "eps": 0.2},
    kl_penalty_loss: {**SURROGATE, "kl": numbers(B) ** 2, "beta": 0.5},
}
every_function = pytest.mark.parametrize("function", RIGHT, ids=lambda function: function.__name__)
RETURNS = [n_step_returns, lambda_returns, gae, vtrace]
TARGETS = [td_target, q_target, double_q_target, categorical_projection, *RETURNS, discounted_returns]


def results(function, arguments):
    """What a call gives, as a tuple: most functions give one tensor, some two."""
    result = function(**arguments)
    return result if isinstance(result, tuple) else (result,)


def each_tensor(arguments, change):
    return {name: change(x) if isinstance(x, torch.Tensor) else x for name, x in arguments.items()}


def to(dtype):
    return lambda x: x if x.dtype == torch.bool else x.to(dtype)


@every_function
def test_float32_stays_float32_and_float64_stays_float64_to_its_last_digits(function):
    single = results(function, each_tensor(RIGHT[function], to(torch.float32)))
    double = results(function, each_tensor(RIGHT[function], to(torch.float64)))
    assert {x.dtype for x in single} == {torch.float32} and {x.dtype for x in double} == {torch.float64}
    torch.testing.assert_close(single, double, rtol=1e-5, atol=1e-6, check_dtype=False)
    if "gamma" in RIGHT[function]:  # 0.9 is not a float32: one that passed through float32 shows here
        tensor = torch.tensor(0.9, dtype=torch.float64)
        precise = results(function, {**each_tensor(RIGHT[function], to(torch.float64)), "gamma": tensor})
        torch.testing.assert_close(double, precise, rtol=1e-14, atol=1e-14)


@every_function
def test_lists_arrays_numpy_numbers_and_flags_of_0_and_1_serve_as_well(function):
    expected = function(**RIGHT[function])
    for kind in (torch.Tensor.tolist, torch.Tensor.numpy, lambda x: x.float() if x.dtype == torch.bool else x):
        result = function(**each_tensor(RIGHT[function], kind))
        torch.testing.assert_close(result, expected)  # a list has no precision of its own: it gets torch's, float32
    in_numpy = {name: np.float64(x) if isinstance(x, float) else x for name, x in RIGHT[function].items()}
    torch.testing.assert_close(function(**in_numpy), expected)


@every_function
def test_whole_numbers_count_as_floats(function):
    whole = {**each_tensor(RIGHT[function], lambda x: torch.ones_like(x).long()), "support": torch.arange(N)}
    if function is categorical_projection:
        whole["next_probs"] = torch.eye(N).long()[:B]
    whole = {name: whole[name] for name in RIGHT[function]}
    expected = function(**each_tensor(whole, torch.Tensor.float))
    torch.testing.assert_close(function(**whole), expected)


@every_function
def test_no_argument_is_written_to(function):
    arguments = each_tensor(RIGHT[function], torch.clone)
    function(**arguments)
    function.body(**arguments)
    for name, x in arguments.items():
        assert torch.equal(x, RIGHT[function][name]) if isinstance(x, torch.Tensor) else x == RIGHT[function][name]


@every_function
def test_the_bare_equation_gives_the_same_numbers(function):
    torch.testing.assert_close(function.body(**RIGHT[function]), function(**RIGHT[function]), rtol=0, atol=0)


@every_function
def test_the_bare_equation_stays_on_the_device_of_its_arguments(function):
    """On "meta", a device without numbers, which as a GPU does refuses tensors of another one."""
    on_meta = each_tensor(RIGHT[function], lambda x: x.to("meta"))
    assert {x.device.type for x in results(function.body, on_meta)} == {"meta"}


@every_function
def test_targets_carry_no_gradient_and_losses_and_q_values_do(function):
    asks = each_tensor(RIGHT[function], lambda x: x if x.dtype == torch.bool else x.clone().requires_grad_())
    for call in (function, function.body):
        assert {x.requires_grad for x in results(call, asks)} == {function not in TARGETS}


SURROGATES = [surrogate_loss, ppo_clip_loss, kl_penalty_loss]
OF_A_WHOLE_BATCH = [importance_weights, score_function_loss, optimal_baseline, a2c_loss, cem_refit, *SURROGATES]
OF_A_WHOLE_BATCH += [off_policy_weights]


@pytest.mark.parametrize("function", [f for f in RIGHT if "rewards" not in RIGHT[f] and f not in OF_A_WHOLE_BATCH])
def test_any_batch_serves_and_each_element_stands_alone(function):
    """[B] is as good as [2, B / 2] or one transition at a time."""
    batched = [name for name, x in RIGHT[function].items() if isinstance(x, torch.Tensor) and name != "support"]
    expected = function(**RIGHT[function])
    folded = {**RIGHT[function], **{name: RIGHT[function][name].unflatten(0, (2, B // 2)) for name in batched}}
    torch.testing.assert_close(function(**folded).flatten(0, 1), expected)
    for b in range(B):
        alone = {**RIGHT[function], **{name: RIGHT[function][name][b] for name in batched}}
        torch.testing.assert_close(function(**alone), expected[b])


@pytest.mark.parametrize("function", TARGETS)
def test_gamma_may_be_a_tensor_that_broadcasts(function):
    shape = RIGHT[function].get("reward", RIGHT[function].get("rewards")).shape
    expected = function(**RIGHT[function])
    for of_gamma in [shape, (1,) * len(shape), ()]:
        result = function(**{**RIGHT[function], "gamma": torch.full(of_gamma, 0.9)})
        torch.testing.assert_close(result, expected)
    per_column = torch.tensor([0.0, 0.3, 0.9, 1.0])
    result = results(function, {**RIGHT[function], "gamma": per_column})
    for b, gamma in enumerate(per_column.tolist()):
        column = (slice(None), b) if len(shape) == 2 else b
        alone = results(function, {**RIGHT[function], "gamma": gamma})
        torch.testing.assert_close([x[column] for x in result], [x[column] for x in alone])
    torch.testing.assert_close(results(function, {**RIGHT[function], "gamma": per_column.tolist()}), result)


@pytest.mark.parametrize("function", [f for f in TARGETS if f is not discounted_returns])
@pytest.mark.parametrize("says", [1e30, -1e30, torch.inf, -torch.inf])
def test_what_a_network_says_beyond_a_terminated_step_is_never_looked_at(function, says):
    name = next(name for name in ("next_value", "next_q", "next_probs", "next_values") if name in RIGHT[function])
    if name == "next_probs":  # probabilities are all that it can say
        says = torch.eye(N)[0]
    wild = RIGHT[function][name].clone()
    wild[RIGHT[function]["terminated"]] = says
    torch.testing.assert_close(function(**{**RIGHT[function], name: wild}), function(**RIGHT[function]))


# One wrong argument at a time


def spoiled(x, value):
    x = x.clone()
    x.view(-1)[0] = value
    return x


def not_like(x):
    """Cases for an argument whose right value is the tensor x: a column more, one transition less, NaN, no numbers."""
    return [
        (x.unsqueeze(-1), f"shape {(*x.shape, 1)}", ""),
        (x[:-1], f"shape {(len(x) - 1, *x.shape[1:])}", ""),
        (spoiled(x.float(), torch.nan), "NaN", "numbers"),
        (None, "values of type object", "real numbers"),
    ]


NOT_A_NUMBER = [
    (torch.nan, "NaN", "numbers"),
    (None, "values of type object", "real numbers"),
    ("a", "type", "numbers"),
    (torch.inf, "inf", "numbers"),
]
SEVERAL = [(torch.ones(B), "shape (4,)", "a single number"), ([1.0], "shape (1,)", "a single number")]
NOT_A_GAMMA = [
    *NOT_A_NUMBER[:3],
    (-0.1, "-0.1", "[0, 1]"),
    (1.1, "1.1", "[0, 1]"),
    (torch.tensor([0.5, 2, 0.5, 0.5]), "2", "[0, 1]"),
    (torch.full((B, 1), 0.9), "shape (4, 1)", "a number, or numbers that broadcast to"),
    (torch.full((3,), 0.9), "shape (3,)", "a number, or numbers that broadcast to"),
]


def infinite(x):
    return (spoiled(x, torch.inf), "infinity", "finite")


def wrong_arguments(function, arguments):
    for name, x in arguments.items():
        if name == "gamma":
            yield from ((function, name, *case) for case in NOT_A_GAMMA)
        elif not isinstance(x, torch.Tensor):
            cases = NOT_A_NUMBER[:3] if name in ("rho_bar", "c_bar") else NOT_A_NUMBER  # infinity clips nothing
            yield from ((function, name, *case) for case in cases + SEVERAL)
        elif name == next(iter(arguments)):  # the first one says what "..." is: only the next ones can differ
            yield from ((function, name, *case) for case in not_like(x)[2:])
        else:
            yield from ((function, name, *case) for case in not_like(x))


NOT_LOGITS = [
    (spoiled(numbers(B, A), torch.inf), "inf", "[-inf, inf)"),
    (numbers(B, A).index_fill(0, torch.tensor(1), -torch.inf), "all masked", "at least one"),
]
PROBS, SUPPORT = RIGHT[categorical_projection]["next_probs"], RIGHT[categorical_projection]["support"]
WRONG_CALLS = [
    *(call for function, arguments in RIGHT.items() for call in wrong_arguments(function, arguments)),
    *((function, "reward", *infinite(numbers(B))) for function in (td_target, q_target, double_q_target)),
    (td_target, "terminated", torch.full((B,), 2), "2", "True or False"),
    (td_target, "terminated", [0.5] * B, "0.5", "True or False"),
    (td_target, "reward", torch.ones(0), "shape (0,)", "at least 1"),
    (q_target, "next_q", numbers(B), "shape (4,)", "[4, A]"),
    (q_target, "next_q", numbers(1, B, A), "shape (1, 4, 3)", "[4, A]"),
    (double_q_target, "next_q_online", numbers(B, A + 1), "shape (4, 4)", "[4, A] with A = 3"),
    (dueling_q, "value", numbers(B), "shape (4,)", "[..., 1]"),
    (dueling_q, "value", numbers(B, A), "shape (4, 3)", "[..., 1]"),
    (dueling_q, "value", *infinite(numbers(B, 1))),
    (dueling_q, "advantage", *infinite(numbers(B, A))),
    (huber_loss, "td_error", *infinite(numbers(B))),
    *((huber_loss, "delta", *case) for case in [(0, "0", "(0, inf]"), (-1.0, "-1", "(0, inf]")]),
    (categorical_projection, "next_probs", PROBS * 0.9, "off 1 by 0.1", "sum to 1"),
    (categorical_projection, "next_probs", torch.tensor([[1.5, -0.5, 0, 0, 0]] * B), "a negative", ">= 0"),
    (categorical_projection, "reward", *infinite(numbers(B))),
    (categorical_projection, "support", SUPPORT[:, None], "shape (5, 1)", "[N] with N = 5"),
    (categorical_projection, "support", SUPPORT.flip(0), "2 followed by 1", "increasing"),
    (categorical_projection, "support", torch.zeros(N), "0 followed by 0", "increasing"),
    (categorical_projection, "support", SUPPORT**3, "steps from 1 to 7", "evenly spaced"),
    (categorical_projection, "support", *infinite(SUPPORT)),
    *((priority, name, -0.1, "-0.1", "[0, inf]") for name in ("alpha", "eps")),
    (priority, "td_error", *infinite(numbers(B))),
    (importance_weights, "probabilities", torch.tensor([0.1, 0.0]), "0", "(0, 1]"),
    (importance_weights, "probabilities", torch.tensor([0.1, -0.1]), "-0.1", "(0, 1]"),
    (importance_weights, "probabilities", torch.tensor([0.1, 1.1]), "1.1", "(0, 1]"),
    (importance_weights, "probabilities", torch.full((B, 1), 0.1), "shape (4, 1)", "[B]"),
    (importance_weights, "probabilities", 0.1, "shape ()", "[B]"),
    (importance_weights, "probabilities", [], "shape (0,)", "at least 1"),
    *((importance_weights, "beta", *case) for case in [(-0.1, "-0.1", "[0, 1]"), (1.5, "1.5", "[0, 1]")]),
    *((importance_weights, "buffer_size", *case) for case in [(0, "0", "[1, inf]"), (1.5, "1.5", "a whole number")]),
    *((n_step_returns, "n", *case) for case in [(0, "0", "[1, inf]"), (-1, "-1", ""), (2.5, "2.5", "a whole number")]),
    *((f, "rewards", numbers(6), "shape (6,)", "[T, B]") for f in [*RETURNS, discounted_returns]),
    *((f, "rewards", numbers(0, B), "shape (0, 4)", "at least 1") for f in [*RETURNS, discounted_returns]),
    *((f, "rewards", *infinite(ROLLOUT["rewards"])) for f in [*RETURNS, discounted_returns]),
    *((f, "gamma", torch.full((6,), 0.9), "shape (6,)", "(6, 4)") for f in [*RETURNS, discounted_returns]),
    *((f, "next_values", ROLLOUT["next_values"][:, :1], "(6, 1)", "[T, B] with T = 6, B = 4") for f in RETURNS),
    *((f, "truncated", ROLLOUT["truncated"] * 2, "2", "True or False") for f in RETURNS),
    *((f, "values", *infinite(ROLLOUT["rewards"])) for f in (gae, vtrace)),
    *((f, "lam", lam, f"{lam:g}", "[0, 1]") for f in (lambda_returns, gae) for lam in (-0.1, 1.1)),
    *((vtrace, "ratios", spoiled(numbers(6, B).exp(), x), f"{x:g}", "(0, inf]") for x in (0, -0.5)),
    (vtrace, "ratios", *infinite(numbers(6, B).exp())),
    (vtrace, "rho_bar", 0, "0", "(0, inf]"),
    (vtrace, "c_bar", -1, "-1", "[0, inf]"),
    *((score_function_loss, name, *infinite(numbers(B))) for name in RIGHT[score_function_loss]),
    (optimal_baseline, "score_sq", spoiled(numbers(B) ** 2, -0.1), "-0.1", "[0, inf]"),
    *((optimal_baseline, name, *infinite(numbers(B) ** 2)) for name in RIGHT[optimal_baseline]),
    *((a2c_loss, name, *infinite(numbers(B))) for name in list(RIGHT[a2c_loss])[:5]),
    *((a2c_loss, name, -0.1, "-0.1", "[0, inf]") for name in ("value_coef", "entropy_coef")),
    *((f, name, *case) for f in (entropy, categorical_kl) for name in RIGHT[f] for case in NOT_LOGITS),
    (categorical_kl, "q_logits", numbers(B, A + 1), "shape (4, 4)", "[4, A] with A = 3"),
    *((gaussian_kl, name, *infinite(numbers(B, A))) for name in RIGHT[gaussian_kl]),
    (gaussian_kl, "p_log_std", numbers(A), "shape (3,)", "[4, D] with D = 3"),
    (off_policy_weights, "log_prob", numbers(6), "shape (6,)", "[T, B]"),
    *((off_policy_weights, name, *infinite(numbers(6, B))) for name in RIGHT[off_policy_weights]),
    *((f, "ratio", spoiled(numbers(B).exp(), -0.1), "-0.1", "[0, inf]") for f in SURROGATES),
    *((f, name, *infinite(numbers(B).exp())) for f in SURROGATES for name in SURROGATE),
    (kl_penalty_loss, "kl", *infinite(numbers(B))),
    (ppo_clip_loss, "eps", -0.1, "-0.1", "[0, inf]"),
    (kl_penalty_loss, "beta", -0.1, "-0.1", "[0, inf]"),
    (cem_refit, "samples", numbers(6), "shape (6,)", "[N, D]"),
    (cem_refit, "samples", *infinite(numbers(6, 2))),
    *((cem_refit, "n_elite", *case) for case in [(0, "0", "[1, inf]"), (1.5, "1.5", "whole"), (7, "7", "at most 6")]),
    (cem_refit, "min_std", -0.1, "-0.1", "[0, inf]"),
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


def test_where_the_first_argument_is_the_odd_one_the_next_is_named_with_the_shape_it_should_have():
    with pytest.raises(ValueError, match=re.escape("terminated: got shape (4,), expected [4, 1]")):
        td_target(**{**RIGHT[td_target], "reward": numbers(B, 1)})
    with pytest.raises(ValueError, match=re.escape("terminated: got shape (4,), expected a single number")):
        td_target(**{**RIGHT[td_target], "reward": 1.0})
    with pytest.raises(ValueError, match=re.escape("advantage: got shape (4, 3), expected [2, A]")):
        dueling_q(numbers(2, 1), RIGHT[dueling_q]["advantage"])


def test_a_support_of_one_value_is_none():
    with pytest.raises(ValueError, match="support: got one value, expected at least two"):
        categorical_projection([[1.0]], [0.0], [False], 0.9, [0.0])
