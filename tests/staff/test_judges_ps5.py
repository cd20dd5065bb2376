"""What is trained in problem set 5: judged by exact policies, by how far TRPO's updates went, and by playing."""

import numpy as np
import pytest
import torch
from right_answers import functions

from rlcourse.homework.scenarios import ps5, run
from rlcourse.staff.bank import bank
from rlcourse.staff.judges.ps5 import judge_cart_pole_by_ppo, judge_trust_region_probes

torch.set_num_threads(1)

BANK = bank("ps5")
AT_WORK = (
    "ppo_clip_loss",
    "surrogate_loss",
    "categorical_kl",
    "adaptive_kl_coef",
    "conjugate_gradient",
    "fisher_vector_product",
    "natural_step",
    "backtracking_line_search",
)


def solve_probes(**changes):
    """What was learned in the probes with the library's functions, but for some."""
    given = {name: BANK[name].function for name in AT_WORK} | changes
    return run("solve_trust_region_probes", *given.values())


def wrong(name, id):
    return {name: next(m.function for m in BANK[name].misconceptions if m.id == id)}


def test_probes_are_judged_by_exact_policies_and_by_how_far_updates_went():
    policy = np.full((3, 3, 2), 0.5)
    policy[:, 0], policy[:, 2] = (1, 0), (0, 1)
    moved = np.full(3, ps5.MAX_KL)
    exact = {name: {"policy": policy} for name in ("clip", "price")}
    exact["trust region"] = {"policy": policy, "moved": moved}
    judge_trust_region_probes(exact)
    far = moved + [0, 0, 0.1 * ps5.MAX_KL]
    for change, words in [
        ({"clip": {"policy": policy[:, ::-1]}}, r"clip: error of π 1 \(needed: at most 0.1\): not passed"),
        ({"trust region": {"policy": policy, "moved": far}}, r"trust region: KL of an update 0.022 \(needed: at most"),
        ({"trust region": {"policy": policy, "moved": moved * np.nan}}, "trust region: the divergences: holds NaN"),
        ({"trust region": {"policy": policy}}, "trust region: expected a dict of policy, moved"),
        ({"price": {"policy": policy[0]}}, r"price: the policy: got the shape \[3, 2\], expected \[3, 3, 2\]"),
        ({"price": 3.0}, "price: expected a dict of policy"),
        ({"more": 1.0}, "what was learned: expected a dict of clip, price, trust region"),
    ]:
        with pytest.raises(AssertionError, match=words):
            judge_trust_region_probes(exact | change)
    with pytest.raises(AssertionError, match="what was learned: expected"):
        judge_trust_region_probes(None)


@pytest.mark.parametrize("style", ["numpy", *(pytest.param(s, marks=pytest.mark.slow) for s in ("loops", "float64"))])
def test_right_answers_solve_the_probes(style):
    mine = functions(style, "ps5")
    judge_trust_region_probes(solve_probes(**{name: mine[name] for name in AT_WORK}))


@pytest.mark.parametrize(
    ("name", "id", "probe"),
    [
        ("ppo_clip_loss", "no-minus", "clip"),
        pytest.param("surrogate_loss", "no-minus", "price", marks=pytest.mark.slow),
        pytest.param("natural_step", "downhill", "trust region", marks=pytest.mark.slow),
        pytest.param("fisher_vector_product", "one-derivative", "trust region", marks=pytest.mark.slow),
        pytest.param("backtracking_line_search", "step-alone", "trust region", marks=pytest.mark.slow),
    ],  # with a price that adapts wrongly, or a divergence the wrong way round, it is learned: their own checks see it
)
def test_a_wrong_function_fails_the_probe_that_needs_it(name, id, probe):
    with pytest.raises(AssertionError, match=f"^{probe}: "):
        judge_trust_region_probes(solve_probes(**wrong(name, id)))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [100, 200])
def test_the_probes_are_solved_from_any_seed(seed):
    given = [BANK[name].function for name in AT_WORK]
    judge_trust_region_probes(ps5.solve_trust_region_probes(*given, seed=seed))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 100, 200])
def test_cart_pole_is_learned_by_ppo_from_any_seed(seed):
    weights = ps5.learn_cart_pole_by_ppo(BANK["ppo_clip_loss"].function, seed=seed)
    judge_cart_pole_by_ppo(weights)
    with pytest.raises(AssertionError, match=r"CartPole: 0 of 8 seeds .* of at least 475 \(needed: 5\)"):
        judge_cart_pole_by_ppo({name: -weight for name, weight in weights.items()})


@pytest.mark.slow
@pytest.mark.parametrize("id", ["no-minus", "inverse-ratio"])
def test_a_wrong_loss_does_not_learn_cart_pole(id):
    with pytest.raises(AssertionError, match=": [0-2] of 8 seeds"):
        judge_cart_pole_by_ppo(run("learn_cart_pole_by_ppo", wrong("ppo_clip_loss", id)["ppo_clip_loss"]))
