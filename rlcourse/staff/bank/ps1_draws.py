"""Problem set 1: how the hidden cases are drawn.

Action values and rewards are quarters, so that ties are exact; what is nearly a tie differs in single precision too.
Each draw mixes in one state and one action, up to 200 of them, large and small numbers, and every setting at its ends.
"""

from collections.abc import Iterator

import numpy as np
from numpy import ndarray
from numpy.random import Generator

from rlcourse.staff.bank import Case, keeps_arguments
from rlcourse.worlds.grids import chain
from rlcourse.worlds.mdp import MDP

EXACT = "far ahead counts, and small rewards do: solve the linear system, for sweeps stop too early"
SMALL, LARGE = 2.0**-12, 2.0**20  # powers of two keep quarters exact; beyond what float16 and int16 hold


def tenths(rng: Generator, *shape: int) -> ndarray:
    """Random distributions over the last axis, in tenths."""
    return rng.multinomial(10, np.full(shape[-1], 1 / shape[-1]), shape[:-1]) / 10


def world(rng: Generator, S: int, A: int) -> tuple[ndarray, ndarray]:
    """P [S, A, S] and R [S, A] of a world that goes on for ever."""
    return tenths(rng, S, A, S), table(rng, S, A)


def table(rng: Generator, *shape: int) -> ndarray:
    """Action values or rewards in quarters, without a tie along the last axis."""
    quarters = np.arange(-12.0, max(13, shape[-1] - 12))
    return rng.permuted(np.broadcast_to(quarters, (*shape[:-1], len(quarters))), axis=-1)[..., : shape[-1]] / 4


def tied(rng: Generator, S: int, A: int) -> ndarray:
    """Action values whose best two, or all, are equal: which ones, differs by state. A >= 3."""
    Q = table(rng, S, A)
    first, second = rng.permuted(np.tile(np.arange(A), (S, 1)), axis=1)[:, :2].T
    Q[np.arange(S), first] = Q[np.arange(S), second] = 1 + Q.max()
    Q[0] = -1.5
    return Q


def nearly_tied(rng: Generator, S: int, A: int) -> ndarray:
    """Action values whose best two are neighbours in single precision: which ones, differs by state. A >= 2."""
    Q = table(rng, S, A) + 1000
    first, second = rng.permuted(np.tile(np.arange(A), (S, 1)), axis=1)[:, :2].T
    Q[np.arange(S), second] = best = np.float32(1100 + np.arange(S))
    Q[np.arange(S), first] = np.nextafter(best, np.float32(np.inf))
    return Q


def _sizes(rng: Generator) -> tuple[int, int]:
    """Numbers of states and actions that differ, so that no axis passes for another."""
    A = int(rng.integers(2, 5))
    return A + int(rng.integers(1, 4)), A


def _odd_sizes(rng: Generator) -> list[tuple[int, int]]:
    """Numbers of states and actions: one of either, one of both, and many."""
    return [(1, 3), (int(rng.integers(11, 20)), 1), (1, 1), (int(rng.integers(21, 40)), 3)]


def _ending(rng: Generator, mdp: MDP) -> ndarray:
    """Action values of an MDP, 0 where it has ended."""
    return table(rng, *mdp.R.shape) * ~mdp.terminal[:, None]


def _two_digits(rng: Generator, low: float, high: float) -> float:
    return round(rng.uniform(low, high), 2)


def draw_q_backup(rng: Generator) -> Iterator[Case]:
    for _ in range(3):
        S, A = _sizes(rng)
        yield Case("a random world", (*world(rng, S, A), table(rng, S, A), _two_digits(rng, 0.5, 0.95)))
    for S, A in _odd_sizes(rng):
        yield Case("one state or action, or many", (*world(rng, S, A), table(rng, S, A), 0.9), "edges")
    S = int(rng.integers(65, 201))
    yield Case("one state or action, or many", (*world(rng, S, 1), table(rng, S, 1), 0.75), "edges")
    mdp = chain(int(rng.integers(2, 5)), slip=0.1)
    yield Case("a chain whose ends end the episode", (mdp.P, mdp.R, _ending(rng, mdp), 0.9))
    P, R = world(rng, 5, 3)
    for gamma in (0.0, 1.0):
        yield Case(f"gamma {gamma:g}", (P, R, table(rng, 5, 3), gamma), "edges")
        yield keeps_arguments(P, R, table(rng, 5, 3), gamma)
    for scale in (SMALL, LARGE):
        yield Case("small and large numbers", (P, scale * R, scale * table(rng, 5, 3), 0.8), "edges")
    yield Case("actions that are equally good", (P, R, tied(rng, 5, 3), 0.8), "edges")
    yield keeps_arguments(P, R, table(rng, 5, 3), 0.9)


def draw_greedy_policy(rng: Generator) -> Iterator[Case]:
    for _ in range(3):
        yield Case("random action values", (table(rng, *_sizes(rng)),))
    for S, A in (*_odd_sizes(rng), (int(rng.integers(65, 201)), 2), (2, int(rng.integers(65, 201)))):
        yield Case("one state or action, or many", (table(rng, S, A),), "edges")
    yield Case("actions that are equally good", (tied(rng, 5, 3),), "edges")
    yield Case("actions that are equally good", (tied(rng, 3, int(rng.integers(11, 40))),), "edges")
    for scale in (SMALL**3, LARGE):
        yield Case("small and large numbers", (scale * table(rng, 4, 3),), "edges")
    yield Case("actions that are nearly as good", (nearly_tied(rng, 5, 3),), "edges")
    yield Case("actions that are nearly as good", (-nearly_tied(rng, 4, 2),), "edges")
    for Q in (tied(rng, 4, 3), table(rng, 3, 1), table(rng, 3, 2)):
        yield keeps_arguments(Q)


def draw_q_learning_update(rng: Generator) -> Iterator[Case]:
    def transition(terminated: bool, sizes: tuple[int, int] = (), scale: float = 1.0, **changes: object) -> tuple:
        S, A = sizes or _sizes(rng)
        s, s_next = (int(i) for i in rng.permutation(max(S, 2))[:2] % S)
        arguments = {
            "Q": scale * (table(rng, S, A) + 5),
            "s": s,
            "a": int(rng.integers(A)),
            "r": scale * _two_digits(rng, 1, 3),
            "s_next": s_next,
            "terminated": terminated,
            "alpha": _two_digits(rng, 0.1, 0.9),
            "gamma": _two_digits(rng, 0.5, 0.95),
        }
        return tuple((arguments | changes).values())

    for _ in range(4):
        yield Case("a step inside an episode", transition(False))
    for terminated in (False, True):
        yield Case("a step that ends the episode" if terminated else "a step", transition(terminated), "edges")
        yield Case("a step that stays where it was", transition(terminated, s=1, s_next=1), "edges")
        for sizes in (*_odd_sizes(rng), (int(rng.integers(65, 201)), 2)):
            yield Case("one state or action, or many", transition(terminated, sizes), "edges")
        for changes in ({"alpha": 0.0}, {"alpha": 1.0}, {"gamma": 0.0}, {"gamma": 1.0}):
            name, value = next(iter(changes.items()))
            yield Case(f"{name} {value:g}", transition(terminated, **changes), "edges")
            yield keeps_arguments(*transition(terminated, **changes))
        for scale in (SMALL, -LARGE):
            yield Case("small and large numbers", transition(terminated, scale=scale), "edges")
        yield keeps_arguments(*transition(terminated, s=0, s_next=0))
    yield Case("a step that ends the episode", transition(True), "edges")
    yield keeps_arguments(*transition(False))


def draw_epsilon_greedy(rng: Generator) -> Iterator[Case]:
    def epsilon() -> float:
        return _two_digits(rng, 0.1, 0.9)

    for n_actions in (2, 4, int(rng.integers(3, 8))):
        yield Case("random action values", (table(rng, n_actions), epsilon()))
    for n_actions in (1, int(rng.integers(11, 40)), int(rng.integers(65, 201))):
        yield Case("one action or many", (table(rng, n_actions), epsilon()), "edges")
    for q in tied(rng, 3, 5):
        yield Case("actions that are equally good", (q, epsilon()), "edges")
    for end in (0.0, 1.0):
        for q in (table(rng, 4), tied(rng, 2, 5)[1], table(rng, 1)):
            yield Case(f"epsilon {end:g}", (q, end), "edges")
            yield keeps_arguments(q, end)
    for scale in (SMALL**3, LARGE):
        yield Case("small and large numbers", (scale * table(rng, 4), epsilon()), "edges")
    yield Case("a small epsilon", (table(rng, 3), 0.001), "edges")
    yield Case("actions that are nearly as good", (nearly_tied(rng, 3, 4)[2], epsilon()), "edges")
    yield keeps_arguments(table(rng, 4), 0.3)
    yield keeps_arguments(tied(rng, 2, 4)[1], 0.3)


def draw_boltzmann(rng: Generator) -> Iterator[Case]:
    for temperature in (0.5, _two_digits(rng, 1.5, 4), 1.0):
        yield Case("random action values", (table(rng, int(rng.integers(3, 7))), temperature))
    for n_actions in (1, int(rng.integers(11, 40)), int(rng.integers(65, 201))):
        yield Case("one action or many", (table(rng, n_actions), _two_digits(rng, 2, 9)), "edges")
    for shift in (2000.0, -2000.0):
        yield Case("values far from 0", (table(rng, 4) + shift, 2.0), "edges")
    for scale in (SMALL**2, LARGE):
        yield Case("small and large numbers", (scale * table(rng, 5), scale), "edges")
    yield Case("values far from each other", (LARGE * table(rng, 5), 1.0), "edges")
    yield Case("a low temperature", (table(rng, 4) * 20, 0.01), "edges")
    yield Case("a low temperature", (tied(rng, 2, 5)[1], 1e-6), "edges")
    yield Case("a high temperature", (table(rng, 4), 1e6), "edges")
    for temperature in (1e-6, 2.0, 1e6):
        yield keeps_arguments(table(rng, 4), temperature)


def draw_policy_evaluation(rng: Generator) -> Iterator[Case]:
    for _ in range(3):
        S, A = _sizes(rng)
        yield Case("a random world", (*world(rng, S, A), skewed(rng, S, A), _two_digits(rng, 0.9, 0.95)))
    for S, A in _odd_sizes(rng):
        yield Case("one state or action, or many", (*world(rng, S, A), skewed(rng, S, A), 0.7), "edges")
    S = int(rng.integers(65, 201))
    yield Case("one state or action, or many", (*world(rng, S, 1), np.ones((S, 1)), 0.5), "edges")
    P, R = world(rng, 4, 3)
    yield Case("gamma 0", (P, R, skewed(rng, 4, 3), 0.0), "edges")
    yield Case("gamma 0.995", (P, R, skewed(rng, 4, 3), 0.995), "edges", "", EXACT)
    for scale in (SMALL, LARGE):
        yield Case("small and large rewards", (P, scale * R, skewed(rng, 4, 3), 0.9), "edges", "", EXACT)
    yield Case("a policy without chance", (P, R, np.eye(3)[rng.integers(3, size=4)], 0.9), "edges")
    P = P.copy()
    P[2] = np.eye(4)[2]
    yield Case("a state that nothing leaves, and that pays", (P, R, skewed(rng, 4, 3), 0.9), "edges")
    mdp = chain(int(rng.integers(2, 5)), slip=0.1)
    yield Case("a chain whose ends end the episode", (mdp.P, mdp.R, skewed(rng, *mdp.R.shape), 0.9), "edges")
    for gamma in (0.0, 0.9):
        yield keeps_arguments(P, R, skewed(rng, 4, 3), gamma)


def skewed(rng: Generator, S: int, A: int) -> ndarray:
    """A policy in tenths that is far from uniform: one action of each state has at least 0.6."""
    return 0.6 * np.eye(A)[rng.integers(A, size=S)] + 0.4 * tenths(rng, S, A)
