"""The scenarios of problem set 3: differences of a known function, and policies found by search and by REINFORCE.

See __init__.py. What a student's function returns is made into tensors here: arrays and lists drive the agents too.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.agents.cem import CEM
from rlcourse.agents.cem import Config as CEMConfig
from rlcourse.agents.reinforce import Config, Reinforce
from rlcourse.agents.tabular.search import tabular_cem
from rlcourse.functional import tabular
from rlcourse.homework.at_work import Result, by_name, cart_pole, in_shape, share_of_best
from rlcourse.homework.scenarios import as_tensor, results_of, scenario
from rlcourse.homework.scenarios.ps1 import GRID, SHARE, SLIPPERY_GRID_GAMMA
from rlcourse.training.loop import evaluate, train
from rlcourse.worlds.grids import grid_world
from rlcourse.worlds.mdp import MDP

SEARCH = CEMConfig(population=40, fraction=0.15, total_steps=100_000)
REINFORCE = Config(baseline="optimal", n_episodes=4, total_steps=80_000)
CART_POLE_RETURN = 475.0  # from which on the pole counts as balanced; 500 is the most there is
SURE_GRID_BEST, NINE_CELLS_BEST = 0.698337, 0.450680  # what the best policy is worth at the start
NINE_CELLS = """
S..
.X.
..G
"""


def _polynomial(A: Tensor, b: Tensor, c: Tensor, x: Any) -> Tensor:
    """c x^3 + x'Ax/2 + b x, one number."""
    x = torch.as_tensor(x)
    A, b, c = (numbers.to(x.dtype) for numbers in (A, b, c))
    return c @ x**3 + x @ A @ x / 2 + b @ x


@scenario
def differences(
    finite_difference_gradient: Callable, theta: Tensor, eps: float, A: Tensor, b: Tensor, c: Tensor
) -> Any:
    """What a function makes of the slope of a polynomial at theta."""
    return finite_difference_gradient(partial(_polynomial, A, b, c), theta, eps)


@scenario
def differences_keep_theta(
    finite_difference_gradient: Callable, theta: Tensor, eps: float, A: Tensor, b: Tensor, c: Tensor
) -> bool:
    """Whether theta is as it was when the slope has been measured."""
    before = theta.clone()
    finite_difference_gradient(partial(_polynomial, A, b, c), theta, eps)
    return torch.equal(theta, before)


def nine_cells() -> MDP:
    """Nine cells with a pit in the middle, in which one move in five slips to a side."""
    return grid_world(NINE_CELLS, slip=0.2, name="nine cells")


def sure_grid() -> MDP:
    """The grid of problem set 1, where no move slips: no episode is better than another by luck alone."""
    return grid_world(GRID, name="sure grid")


@scenario
def search_small_worlds(
    elite_mask: Callable, finite_difference_gradient: Callable, seed: int = 0
) -> dict[str, ndarray]:
    """Policies found without a gradient of one's own: "elite" [3 seeds, 25, 4], "differences" [9, 4]."""

    def mask(scores: Tensor, fraction: float) -> ndarray:
        return as_tensor(elite_mask(scores, fraction)).numpy().astype(bool)

    settings = {"gamma": SLIPPERY_GRID_GAMMA, "n_episodes": 100, "max_steps": 50, "elite_mask": mask}
    elite = [tabular_cem(sure_grid(), 25, seed=seed + k, **settings).pi for k in range(3)]

    grid = nine_cells()

    def value(logits: Tensor) -> float:
        """The exact value of the softmax policy with these logits [36], from the start."""
        pi = torch.as_tensor(logits).double().view(grid.R.shape).softmax(dim=-1).numpy()
        return float(grid.rho0 @ tabular.policy_evaluation.body(grid.P, grid.R, pi, SLIPPERY_GRID_GAMMA))

    logits = torch.zeros(grid.R.size, dtype=torch.float64)
    for _ in range(150):
        logits = logits + 10 * as_tensor(finite_difference_gradient(value, logits, 0.01)).double()
    return {"elite": np.array(elite), "differences": logits.view(grid.R.shape).softmax(dim=-1).numpy()}


@scenario
def search_cart_pole(cem_refit: Callable, seed: int = 0) -> dict[str, ndarray]:
    """The cross-entropy method on CartPole-v1, eight seeds side by side: the weights [8, ...] of the mean policies."""
    return _trained(CEM("CartPole-v1", 8, seed, SEARCH, cem_refit=cem_refit))


@scenario
def reinforce_cart_pole(
    discounted_returns: Callable, score_function_loss: Callable, optimal_baseline: Callable, seed: int = 0
) -> dict[str, ndarray]:
    """REINFORCE on CartPole-v1, eight seeds side by side: the weights [8, ...] of their policies."""
    equations = {
        "discounted_returns": discounted_returns,
        "score_function_loss": score_function_loss,
        "optimal_baseline": optimal_baseline,
    }
    return _trained(Reinforce("CartPole-v1", 8, seed, REINFORCE, **equations))


def _trained(agent: CEM | Reinforce) -> dict[str, ndarray]:
    train(agent, evaluations=0)
    return {name: weight.numpy() for name, weight in agent.greedy_network.state_dict().items()}


def policy_returns(weights: dict[str, ndarray], episodes: int = 20, seed: int = 0) -> ndarray:
    """The mean return [8] of learned CartPole policies that take the likeliest action, in environments of their own.

    Raises:
        RuntimeError: where the weights are those of neither eight REINFORCE policies nor eight of the search.
    """
    searched = "net.0.weight" in weights
    agent = CEM("CartPole-v1", 8, seed, SEARCH) if searched else Reinforce("CartPole-v1", 8, seed, REINFORCE)
    agent.greedy_network.load_state_dict({name: torch.as_tensor(weight) for name, weight in weights.items()})
    return evaluate(agent, episodes=episodes)


@results_of("search_small_worlds")
def small_worlds_results(policies: Any) -> list[Result]:
    """The share of the best value that each of the policies is worth."""
    found = by_name(policies, ("elite", "differences"), "the policies")
    grid, cells = sure_grid(), nine_cells()
    elite = [
        share_of_best(table, grid, SLIPPERY_GRID_GAMMA, SURE_GRID_BEST, f"the policy of the elite, seed {seed}")
        for seed, table in enumerate(in_shape(found["elite"], (3, *grid.R.shape), "the policies of the elite"))
    ]
    climbed = share_of_best(
        found["differences"], cells, SLIPPERY_GRID_GAMMA, NINE_CELLS_BEST, "the policy of differences"
    )
    return [
        Result("grid, elite episodes", tuple(elite), 0.85, SHARE),
        Result("nine cells, differences", (climbed,), 0.95, SHARE),
    ]


@results_of("search_cart_pole")
def search_results(weights: Any) -> list[Result]:
    """The mean return of each seed's policy."""
    return [cart_pole(weights, policy_returns, CART_POLE_RETURN, 5, "CartPole by search")]


@results_of("reinforce_cart_pole")
def reinforce_results(weights: Any) -> list[Result]:
    """The mean return of each seed's policy."""
    return [cart_pole(weights, policy_returns, CART_POLE_RETURN, 5, "CartPole by REINFORCE")]
