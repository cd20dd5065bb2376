"""The hidden half of a test cell: `hidden(q_backup)`, `hidden(q_backup, "edges")`, and the judges of trained policies.

A function is compared with the library's own on the public cases and on cases drawn from the grader's seed. A failure
is an AssertionError with an author's words: never an input, an output, or what an exception said. It works on a plain
function (stock nbgrader) as on a stand-in for one in another process.
"""

import copy
import os
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy import ndarray

from rlcourse import scenarios
from rlcourse.agents.planning import q_iteration
from rlcourse.checks import Answer, as_numbers, ask, compare, name_misconception
from rlcourse.functional import tabular
from rlcourse.mdps import MDP
from rlcourse.staff.bank import Case, Entry, entry

_seed: int | None = None


def set_seed(seed: int | None) -> None:
    """From which seed hidden cases are drawn; None: from the environment's RLCOURSE_GRADER_SEED, else 0."""
    global _seed
    _seed = seed


def cases_of(name: str, of: Entry, part: str | None = None) -> list[Case]:
    """The public cases of a function and those drawn from the grader's seed, the same whatever was drawn before."""
    seed = int(os.environ.get("RLCOURSE_GRADER_SEED") or 0) if _seed is None else _seed
    cases = [*of.cases, *of.draw(np.random.default_rng([seed, zlib.crc32(name.encode())]))]
    chosen = [case for case in cases if part in (None, case.part)]
    if not chosen:
        raise ValueError(f"part: got {part!r}, expected one of {', '.join(sorted({case.part for case in cases}))}")
    return chosen


def hidden(function: Callable, part: str | None = None, name: str | None = None) -> None:
    """Pass where a function is right on all cases, or on those of one part.

    Args:
        function: the student's function, or a stand-in for it.
        part: "values" or "edges"; None: both.
        name: which exercise it is, where that is not the function's own name.

    Raises:
        AssertionError: with the hint for whoever wrote it.
        NotImplementedError: "not attempted".
    """
    name = name or function.__name__
    of = entry(name)
    cases = cases_of(name, of, part)
    answers = [ask(function, copy.deepcopy(case.arguments), case.scenario) for case in cases]
    if all(isinstance(answer.error, NotImplementedError) for answer in answers):
        raise NotImplementedError("not attempted")
    expected = [case.ask(of.function) for case in cases]
    failed = [case for case, answer, right in zip(cases, answers, expected, strict=True) if _differs(answer, right)]
    if failed:
        raise AssertionError(_hint(of, cases, answers, expected) or f"{name} is wrong on: {_list(failed)}")


def _differs(answer: Answer, right: Any) -> bool:
    return answer.error is not None or bool(compare(answer.value, right))


def _hint(of: Entry, cases: list[Case], answers: list[Answer], expected: list) -> str:
    """The hint of the known misconception that gives these answers, or ""."""
    wrong: list[dict[str, Any]] = []
    for case, right in zip(cases, expected, strict=True):
        outputs = {mistake.id: case.ask(mistake.function) for mistake in of.misconceptions}
        wrong.append({id: output for id, output in outputs.items() if compare(output, right)})
    named = name_misconception(answers, expected, wrong)
    return next((mistake.hint for mistake in of.misconceptions if mistake.id == named), "")


def _list(failed: list[Case]) -> str:
    """What is special about the failed cases, each once."""
    return "; ".join(dict.fromkeys(case.otherwise or case.about for case in failed))


def _policy(policy: Any, mdp: MDP, what: str) -> ndarray:
    """A policy table that is one. Raises AssertionError in plain words."""
    try:
        pi = as_numbers(policy)
    except ValueError as complaint:
        raise AssertionError(f"{what}: {complaint}") from None
    if pi.shape != mdp.R.shape:
        raise AssertionError(f"{what} has the shape {list(pi.shape)}, expected [S, A] = {list(mdp.R.shape)}")
    if not np.isfinite(pi).all():
        raise AssertionError(f"{what} holds NaN or infinity")
    if (pi < -1e-6).any() or not np.allclose(pi.sum(axis=1), 1, atol=1e-4):
        raise AssertionError(f"{what} is not a policy: each row must hold probabilities that sum to 1")
    pi = pi.clip(0)
    return pi / pi.sum(axis=1, keepdims=True)


def _share_of_optimal(policy: Any, mdp: MDP, gamma: float, what: str) -> float:
    """The exact value of a policy at the start, as a share of the best that any policy reaches."""
    value = mdp.rho0 @ tabular.policy_evaluation(mdp.P, mdp.R, _policy(policy, mdp, what), gamma)
    return value / (mdp.rho0 @ q_iteration(mdp, gamma).V)


def judge_frozen_lake(policy: Any, share: float = 0.99) -> None:
    """Pass where a policy's exact value on FrozenLake 8x8 is at least this share of the optimal one."""
    reached = _share_of_optimal(policy, scenarios.frozen_lake(), scenarios.FROZEN_LAKE_GAMMA, "the policy")
    if reached < share:
        raise AssertionError(f"the policy is worth {reached:.0%} of the best one from the start, expected {share:.0%}")


def judge_slippery_grid(policies: Any, share: float = 0.95, at_least: int = 7) -> None:
    """Pass where at least 7 of the 8 learned policies are worth at least 95 % of the optimal one, exactly."""
    mdp = scenarios.slippery_grid()
    try:
        tables = as_numbers(policies)
    except ValueError as complaint:
        raise AssertionError(f"the policies: {complaint}") from None
    if tables.shape != (8, *mdp.R.shape):
        raise AssertionError(f"the policies have the shape {list(tables.shape)}, expected {[8, *mdp.R.shape]}")
    reached = [
        _share_of_optimal(table, mdp, scenarios.SLIPPERY_GRID_GAMMA, f"the policy of seed {seed}")
        for seed, table in enumerate(tables)
    ]
    good = sum(value >= share for value in reached)
    if good < at_least:
        raise AssertionError(
            f"{good} of 8 seeds reach {share:.0%} of the best policy's value, expected at least {at_least}; "
            f"the middle one reaches {np.median(reached):.0%}"
        )
