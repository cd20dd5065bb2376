"""Trust regions, against dense solves in NumPy, Fisher matrices made of scores, and what the words promise."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parameters_to_vector

from rlcourse.functional.distributions import categorical_kl, gaussian_kl
from rlcourse.functional.trust_region import (
    backtracking_line_search,
    conjugate_gradient,
    fisher_vector_product,
    kfac_precondition,
    kfac_step_size,
    natural_step,
)

torch.set_num_threads(1)
quick = settings(derandomize=True, deadline=None, max_examples=60)
close = torch.testing.assert_close
seeds = st.integers(0, 10**6)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def draws(seed, *shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def positive_definite(seed, n):
    """A symmetric matrix [n, n] with eigenvalues above 0.1."""
    half = draws(seed, n, n)
    return half @ half.T / n + 0.1 * torch.eye(n, dtype=torch.float64)


def solve(matrix, right):
    """By NumPy's dense LU decomposition."""
    return torch.from_numpy(np.linalg.solve(matrix.numpy(), right.numpy()))


# conjugate_gradient


@quick
@given(seeds, st.integers(1, 8))
def test_conjugate_gradients_end_where_a_dense_solve_does(seed, n):
    F, g = positive_definite(seed, n), draws(seed + 1, n)
    close(conjugate_gradient(lambda v: F @ v, g, 3 * n, 1e-12), solve(F, g), rtol=1e-6, atol=1e-8)


def test_as_many_products_as_there_are_eigenvalues_are_enough():
    Q, _ = torch.linalg.qr(draws(0, 20, 20))
    F, g, products = Q @ tensor(*[1.0] * 8, *[5.0] * 8, *[0.2] * 4).diag() @ Q.T, draws(1, 20), []

    def product(v):
        products.append(v)
        return F @ v

    close(conjugate_gradient(product, g, 20, 1e-10), solve(F, g))
    assert len(products) == 3
    for i in range(3):
        for j in range(i):
            assert abs(products[i] @ F @ products[j]) < 1e-9, "each direction is at right angles to those before"


@pytest.mark.parametrize("n", range(1, 6))
def test_each_step_is_the_best_in_the_space_it_has_seen(n):
    """After n products x has the least error, as F measures it, of all combinations of g, F g, .., F^(n-1) g."""
    F, g = positive_definite(3, 10), draws(4, 10)
    seen = torch.stack([torch.linalg.matrix_power(F, k) @ g for k in range(n)], dim=1)
    best = seen @ solve(seen.T @ F @ seen, seen.T @ g)
    close(conjugate_gradient(lambda v: F @ v, g, n, 0.0), best, rtol=1e-5, atol=1e-7)


def test_it_stops_as_soon_as_little_is_left_in_proportion_to_b():
    F, g = positive_definite(5, 12), draws(6, 12)
    for scale in (1.0, 1e6):
        for tol in (0.5, 1e-2, 1e-4):
            products = []
            x = conjugate_gradient(lambda v: products.append(v) or F @ v, scale * g, 50, tol)  # noqa: B023
            left = [
                (scale * g - F @ conjugate_gradient(lambda v: F @ v, scale * g, n, 0.0)).norm() / (scale * g).norm()
                for n in (len(products) - 1, len(products))
            ]
            assert left[0] > tol >= left[1]
            close((scale * g - F @ x).norm() / (scale * g).norm(), left[1])


def test_nothing_to_solve_and_nothing_to_do():
    assert conjugate_gradient(lambda v: 1 / 0, torch.zeros(3), 10, 0.0).tolist() == [0, 0, 0]
    assert conjugate_gradient(lambda v: 1 / 0, torch.ones(3), 0, 0.0).tolist() == [0, 0, 0]
    assert conjugate_gradient(lambda v: 4 * v, torch.tensor([8.0]), 10, 0.0).tolist() == [2]  # exact: no 0 / 0 follows
    b = torch.ones(2)
    conjugate_gradient(lambda v: 3 * v, b, 5, 0.0)
    assert b.tolist() == [1, 1]


# fisher_vector_product


def a_policy(seed, n_out=3):
    """A small network in double precision, states, and the network's parameters."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, n_out)).double()
    return net, draws(seed, 6, 2), list(net.parameters())


def jacobian(outputs, params):
    """d outputs [...] / d params as [..., D], one backward pass for each number."""
    rows = [
        torch.cat([g.reshape(-1) for g in torch.autograd.grad(one, params, retain_graph=True, materialize_grads=True)])
        if one.requires_grad
        else None
        for one in outputs.flatten()
    ]
    return torch.stack(rows).unflatten(0, outputs.shape)


@pytest.mark.parametrize("seed", range(5))
def test_products_are_those_with_the_mean_of_scores_times_scores(seed):
    """F = E_s E_{a ~ pi} grad log pi (grad log pi)', summed over all actions: no second derivative is taken."""
    net, states, params = a_policy(seed)
    logits = net(states)
    scores, p = jacobian(logits.log_softmax(-1), params), logits.detach().softmax(-1)
    fisher = torch.einsum("sa,sai,saj->ij", p, scores, scores) / len(states)
    vector = draws(seed + 9, len(fisher))
    for damping in (0.0, 0.3):
        product = fisher_vector_product(
            lambda: categorical_kl(logits.detach(), net(states)).mean(), params, vector, damping
        )
        close(product, fisher @ vector + damping * vector)
        assert not product.requires_grad


@pytest.mark.parametrize("seed", range(5))
def test_products_for_gaussian_policies_with_a_parameter_for_their_width(seed):
    """A Gaussian's Fisher matrix is 1 / sigma^2 for its mean and 2 for the logarithm of sigma."""
    net, states, params = a_policy(seed, n_out=2)
    log_std = draws(seed + 1, 2).requires_grad_()
    params = [*params, log_std]
    mean = net(states)
    J = jacobian(mean, params[:-1])
    fisher = torch.einsum("sdi,d,sdj->ij", J, (-2 * log_std.detach()).exp(), J) / len(states)
    fisher = torch.block_diag(fisher, 2 * torch.eye(2, dtype=torch.float64))
    vector = draws(seed + 9, len(fisher))
    old = log_std.detach()
    product = fisher_vector_product(
        lambda: gaussian_kl(mean.detach(), old.expand_as(mean), net(states), log_std.expand_as(mean)).mean(),
        params,
        vector,
        0.1,
    )
    close(product, fisher @ vector + 0.1 * vector)


def test_products_of_a_quadratic_by_hand_and_of_a_parameter_that_does_not_count():
    x, idle = tensor(1, 2).requires_grad_(), tensor(5).requires_grad_()
    H = tensor([2, 1], [1, 3])

    def kl():
        return 0.5 * x @ H @ x

    close(fisher_vector_product(kl, [x, idle], tensor(1, -1, 7), 0.5), tensor(2 - 1 + 0.5, 1 - 3 - 0.5, 3.5))
    assert x.grad is None, "nothing is left behind in the parameters"


def test_it_is_the_matrix_of_conjugate_gradients():
    net, states, params = a_policy(0)
    old = net(states).detach()

    def product(v):
        return fisher_vector_product(lambda: categorical_kl(old, net(states)).mean(), params, v, 0.1)

    fisher = torch.stack([product(e) for e in torch.eye(len(parameters_to_vector(params)), dtype=torch.float64)])
    close(fisher, fisher.T)
    assert (torch.linalg.eigvalsh(fisher) > 0.1 - 1e-9).all()
    g = draws(1, len(fisher))
    close(conjugate_gradient(product, g, 100, 1e-10), solve(fisher, g), rtol=1e-5, atol=1e-7)


# natural_step


@quick
@given(seeds, st.integers(1, 6), st.floats(1e-4, 1))
def test_the_natural_step_is_the_best_of_all_that_the_divergence_allows(seed, n, max_kl):
    F, g = positive_definite(seed, n), draws(seed + 1, n)
    step = natural_step(g, solve(F, g), max_kl)
    assert (0.5 * step @ F @ step).item() == pytest.approx(max_kl)
    others = draws(seed + 2, 200, n)
    others *= (2 * max_kl / torch.einsum("bi,ij,bj->b", others, F, others)).sqrt().unsqueeze(1)
    assert (others @ g <= step @ g + 1e-9).all()


def test_natural_steps_by_hand():
    assert natural_step([3.0, 4.0], [3.0, 4.0], 12.5).tolist() == [3, 4]  # g'x = 25: sqrt(25 / 25)
    close(natural_step(tensor(2, 0), tensor(8, 0), 0.5), tensor(2, 0))  # F = 1/4: 1/2 * 1/4 * 2^2 = 1/2
    assert natural_step([0.0, 0.0], [0.0, 0.0], 0.01).tolist() == [0, 0]


# backtracking_line_search


def test_the_first_length_that_is_good_is_taken():
    """Uphill until x = 3, at most sqrt(2) away from the start at 0: of 8, 4, 2, 1, .. that is 1."""
    tried = []

    def objective(x):
        tried.append(x.item())
        return -((x - 3) ** 2).sum()

    found = backtracking_line_search(objective, lambda x: 0.5 * (x**2).sum(), tensor(0), tensor(8), 1.0, 0.5, 10)
    assert found.tolist() == [1] and tried == [0, 8, 4, 2, 1]
    within = backtracking_line_search(objective, lambda x: 0.0, tensor(0), tensor(8), 1.0, 0.5, 10)
    assert within.tolist() == [4], "4 is better than the start, 8 is not"
    assert backtracking_line_search(objective, lambda x: x, tensor(0), tensor(2), 2.0, 0.5, 1).tolist() == [2]


@pytest.mark.parametrize(
    ("objective", "kl", "tries"),
    [
        (lambda x: -x.sum(), lambda x: 0.0, 10),  # downhill
        (lambda x: 1.0, lambda x: 0.0, 10),  # as good as before is not better
        (lambda x: x.sum(), lambda x: 1.0, 10),  # always too far
        (lambda x: torch.nan * x.sum(), lambda x: 0.0, 10),
        (lambda x: x.sum(), lambda x: torch.nan, 10),
        (lambda x: x.sum(), lambda x: (x - 1).abs().max(), 3),  # it would take a fourth one
        (lambda x: x.sum(), lambda x: 0.0, 0),
    ],
)
def test_where_no_length_is_good_it_is_back_at_the_start(objective, kl, tries):
    start = tensor(1, 1)
    found = backtracking_line_search(objective, kl, start, tensor(1, 1), 0.125, 0.5, tries)
    assert torch.equal(found, tensor(1, 1)) and torch.equal(start, tensor(1, 1))


@quick
@given(seeds, st.floats(0.3, 0.9))
def test_what_it_returns_is_better_and_within_or_the_start(seed, shrink):
    F, g, start, step = positive_definite(seed, 3), draws(seed, 3), draws(seed + 1, 3), 5 * draws(seed + 2, 3)

    def objective(x):
        return g @ x - 0.5 * x @ F @ x

    def kl(x):
        return 0.5 * (x - start) @ F @ (x - start)

    found = backtracking_line_search(objective, kl, start, step, 0.1, shrink, 12)
    good = [
        start + shrink**j * step
        for j in range(12)
        if objective(start + shrink**j * step) > objective(start) and kl(start + shrink**j * step) <= 0.1
    ]
    close(found, good[0] if good else start)


def test_it_is_called_without_gradients():
    start = tensor(1).requires_grad_()
    found = backtracking_line_search(lambda x: x.sum(), lambda x: x.sum() * 0, start, tensor(1), 1.0, 0.5, 2)
    assert found.tolist() == [2] and not found.requires_grad


# kfac_precondition


@quick
@given(seeds, st.integers(1, 5), st.integers(1, 4), st.floats(1e-3, 10))
def test_it_is_the_dense_solve_with_the_kronecker_product(seed, n_in, n_out, damping):
    A, S, g = positive_definite(seed, n_in), positive_definite(seed + 1, n_out), draws(seed + 2, n_out, n_in)
    dense = np.kron(S.numpy(), A.numpy()) + damping * np.eye(n_in * n_out)
    expected = torch.from_numpy(np.linalg.solve(dense, g.numpy().reshape(-1)).reshape(n_out, n_in))
    close(kfac_precondition(g, A, S, damping), expected)


def test_without_damping_it_is_an_inverse_on_either_side():
    A, S, g = positive_definite(0, 5), positive_definite(1, 3), draws(2, 3, 5)
    close(kfac_precondition(g, A, S, 0.0), torch.linalg.inv(S) @ g @ torch.linalg.inv(A))


def test_factors_damped_one_by_one_are_another_matrix():
    A, S, g = positive_definite(0, 5), positive_definite(1, 3), draws(2, 3, 5)
    apart = torch.linalg.inv(S + 0.3 * torch.eye(3)) @ g @ torch.linalg.inv(A + 0.3 * torch.eye(5))
    assert (kfac_precondition(g, A, S, 0.09) - apart).abs().max() > 0.1


def test_covariances_without_full_rank_are_damped():
    """Inputs that never vary, or never come: in float32 eigenvalues of 0 come out at -1e-8 or so."""
    a, s = torch.randn(8, generator=torch.Generator().manual_seed(0)), torch.tensor([1.0, -2.0, 0.0])
    g = torch.ones(3, 8)
    x = kfac_precondition(g, a.outer(a), s.outer(s), 1e-3)
    dense = np.kron(s.outer(s).double().numpy(), a.outer(a).double().numpy()) + 1e-3 * np.eye(24)
    expected = np.linalg.solve(dense, np.ones(24)).reshape(3, 8)
    close(x, torch.from_numpy(expected).float(), rtol=2e-3, atol=1e-1)
    assert x.isfinite().all()


def test_for_one_layer_with_one_input_the_factors_are_the_fisher_matrix():
    """The same input in every state: F = E[score score'] is exactly Gamma kron Omega."""
    a, W = draws(0, 3), draws(1, 4, 3)
    p = (W @ a).softmax(-1)
    output_scores = torch.eye(4, dtype=torch.float64) - p  # of log pi(action) with respect to the logits, a row each
    scores = torch.einsum("ko,i->koi", output_scores, a).flatten(1)
    fisher = torch.einsum("k,ki,kj->ij", p, scores, scores)
    output_cov = torch.einsum("k,ko,kp->op", p, output_scores, output_scores)
    g = draws(2, 4, 3)
    expected = solve(fisher + 0.01 * torch.eye(12), g.flatten()).view(4, 3)
    close(kfac_precondition(g, a.outer(a), output_cov, 0.01), expected)


# kfac_step_size


@quick
@given(seeds, st.floats(1e-4, 1), st.floats(1e-2, 10))
def test_a_step_is_as_long_as_the_divergence_allows_and_never_longer_than_it_may(seed, max_kl, max_step):
    F, step = positive_definite(seed, 4), draws(seed + 1, 4)
    size = kfac_step_size(step, F @ step, max_kl, max_step)
    assert size.shape == ()
    reached = (0.5 * (size * step) @ F @ (size * step)).item()
    assert 0 < size <= max_step and reached <= max_kl * (1 + 1e-9)
    assert size == max_step or reached == pytest.approx(max_kl)


def test_step_sizes_by_hand():
    assert kfac_step_size([2.0, 0.0], [4.0, 9.0], 1.0, 1.0).item() == 0.5  # sqrt(2 / 8)
    assert kfac_step_size([2.0, 0.0], [4.0, 9.0], 1.0, 0.25).item() == 0.25
    assert kfac_step_size([0.0, 0.0], [0.0, 0.0], 1.0, 0.25).item() == 0.25
    assert kfac_step_size([[2.0], [0.0]], [[4.0], [9.0]], 1.0, 1.0).item() == 0.5


# Bad input


def right(function):
    """A right call of each function."""
    x = torch.ones(2, requires_grad=True)
    return {
        conjugate_gradient: {"matvec": lambda v: v, "b": torch.ones(2), "iterations": 3, "tol": 1e-6},
        fisher_vector_product: {"kl": lambda: (x**2).sum(), "params": [x], "vector": torch.ones(2), "damping": 0.1},
        natural_step: {"gradient": torch.ones(2), "natural_gradient": torch.ones(2), "max_kl": 0.01},
        backtracking_line_search: {
            "objective": lambda v: v.sum(),
            "kl": lambda v: 0.0,
            "start": torch.ones(2),
            "step": torch.ones(2),
            "max_kl": 0.01,
            "shrink": 0.5,
            "max_tries": 3,
        },
        kfac_precondition: {
            "gradient": torch.ones(3, 2),
            "input_cov": torch.eye(2),
            "output_cov": torch.eye(3),
            "damping": 0.1,
        },
        kfac_step_size: {"step": torch.ones(2), "fisher_step": torch.ones(2), "max_kl": 0.01, "max_step": 1.0},
    }[function]


NOT_A_VECTOR = [torch.ones(2, 2), torch.ones(()), torch.tensor([1, torch.nan]), torch.tensor([1, torch.inf]), [], "a"]
NOT_POSITIVE = [0, -0.1, math.nan, math.inf, torch.ones(2), "a"]
NEGATIVE = [-0.1, math.nan, math.inf, torch.ones(2), "a"]
NO_COUNT = [-1, 2.5, math.nan, math.inf, torch.ones(2), "a"]
LOPSIDED = torch.tensor([[1.0, 0.5], [0.0, 1.0]])
BAD = {
    (conjugate_gradient, "b"): NOT_A_VECTOR,
    (conjugate_gradient, "iterations"): NO_COUNT,
    (conjugate_gradient, "tol"): NEGATIVE,
    (fisher_vector_product, "params"): [[torch.ones(2)], [torch.ones(2, requires_grad=True), 1.0], [None]],
    (fisher_vector_product, "vector"): [*NOT_A_VECTOR, torch.ones(3)],
    (fisher_vector_product, "damping"): NEGATIVE,
    (natural_step, "gradient"): NOT_A_VECTOR,
    (natural_step, "natural_gradient"): [*NOT_A_VECTOR, torch.ones(3), -torch.ones(2)],
    (natural_step, "max_kl"): NOT_POSITIVE,
    (backtracking_line_search, "start"): NOT_A_VECTOR,
    (backtracking_line_search, "step"): [*NOT_A_VECTOR, torch.ones(3)],
    (backtracking_line_search, "max_kl"): NOT_POSITIVE,
    (backtracking_line_search, "shrink"): [*NOT_POSITIVE, 1, 1.5],
    (backtracking_line_search, "max_tries"): NO_COUNT,
    (kfac_precondition, "gradient"): [torch.ones(3), torch.ones(0, 2), torch.full((3, 2), torch.nan)],
    (kfac_precondition, "input_cov"): [torch.eye(3), torch.ones(3, 2), torch.ones(2, 3), torch.ones(2), LOPSIDED],
    (kfac_precondition, "output_cov"): [torch.eye(2), torch.ones(3, 2), torch.ones(3), torch.arange(9.0).view(3, 3)],
    (kfac_precondition, "damping"): NEGATIVE,
    (kfac_step_size, "step"): [torch.tensor([1, torch.nan]), torch.tensor([1, torch.inf])],
    (kfac_step_size, "fisher_step"): [torch.ones(3), torch.ones(2, 1), torch.tensor([1, torch.nan])],
    (kfac_step_size, "max_kl"): NOT_POSITIVE,
    (kfac_step_size, "max_step"): NOT_POSITIVE,
}


@pytest.mark.parametrize(
    ("function", "name", "value"),
    [(*key, value) for key, values in BAD.items() for value in values],
    ids=lambda x: getattr(x, "__name__", None),
)
def test_bad_input_is_named(function, name, value):
    with pytest.raises(ValueError, match=rf"^{name}: got .*, expected "):
        function(**{**right(function), name: value})
    function(**right(function))
    if isinstance(right(function)[name], torch.Tensor):
        function(**{**right(function), name: right(function)[name].tolist()})  # lists serve as well
