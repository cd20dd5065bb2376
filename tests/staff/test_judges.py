"""The judges of what was trained: policies by exact value, values against hand-made ones, weights by playing."""

import numpy as np
import pytest
import torch
from right_answers import functions

from rlcourse.agents.tabular.planning import q_iteration
from rlcourse.functional import tabular
from rlcourse.homework.scenarios import ps1, run
from rlcourse.homework.scenarios.ps2 import PROBE_VALUES
from rlcourse.homework.scenarios.ps4 import ACTOR_CRITIC_POLICIES, ACTOR_CRITIC_VALUES
from rlcourse.staff.bank import bank
from rlcourse.staff.judges.ps1 import judge_frozen_lake, judge_slippery_maze
from rlcourse.staff.judges.ps2 import judge_cart_pole, judge_probes
from rlcourse.staff.judges.ps3 import judge_reinforce, judge_search, judge_small_worlds
from rlcourse.staff.judges.ps4 import judge_actor_critic_probes, judge_cart_pole_on_policy

torch.set_num_threads(1)

BANK = {name: of for key in ("ps1", "ps2", "ps3", "ps4", "ps5") for name, of in bank(key).items()}


def test_frozen_lake_is_judged_by_value():
    mdp = ps1.frozen_lake()
    best = q_iteration(mdp, 0.99).pi
    for right in (best, best.tolist(), best.astype(np.float32), np.eye(4)[best.argmax(1)]):
        judge_frozen_lake(right)
    for wrong, words in [
        (
            np.full((64, 4), 0.25),
            r"FrozenLake 8x8: share of the best value 0\.\d% \(needed: at least 99.0%\)",
        ),
        (best.argmax(1), r"the policy: got the shape \[64\], expected \[64, 4\]"),
        (best * 2, "the policy: is not a policy, for each row must hold probabilities that sum to 1"),
        (best * np.nan, "the policy: holds NaN or infinity"),
        (None, r"the policy: returned None \(did you forget return\?\)"),
        ("best", "the policy: returned a str"),
    ]:
        with pytest.raises(AssertionError, match=words):
            judge_frozen_lake(wrong)


def test_the_slippery_maze_forgives_one_seed_of_four():
    mdp = ps1.slippery_maze()
    best = q_iteration(mdp, ps1.SLIPPERY_MAZE_GAMMA).pi
    policies = np.stack([best] * 4)
    judge_slippery_maze(policies)
    policies[3] = 0.25
    judge_slippery_maze(policies)
    policies[2] = 0.25
    with pytest.raises(AssertionError, match=r"2 of 4 seeds reach a share of .* \(needed: 3\)"):
        judge_slippery_maze(policies)
    with pytest.raises(AssertionError, match=r"the policies: got the shape \[3, 15, 4\], expected \[4, 15, 4\]"):
        judge_slippery_maze(policies[:3])
    with pytest.raises(AssertionError, match="the policy of seed 0: is not a policy"):
        judge_slippery_maze(np.ones((4, 15, 4)))


def test_right_answers_reach_both_goals():
    mine = functions("loops")
    judge_frozen_lake(run("solve_frozen_lake", mine["q_backup"], mine["greedy_policy"]))
    judge_slippery_maze(run("learn_slippery_maze", mine["q_learning_update"], mine["epsilon_greedy"]))


@pytest.mark.parametrize("seed", [100, 300])
def test_the_slippery_maze_is_learned_from_any_seed(seed):
    judge_slippery_maze(run("learn_slippery_maze", tabular.q_learning_update, tabular.epsilon_greedy, seed))


@pytest.mark.parametrize(
    "mistake",
    ["the-end-drops-the-reward", "this-state-instead-of-the-next", "no-step-size", "moves-away-from-the-target"],
)
def test_a_wrong_update_does_not_learn_the_slippery_maze(mistake):
    wrong = next(m for m in BANK["q_learning_update"].misconceptions if m.id == mistake)
    with pytest.raises(AssertionError, match=r"slippery maze: [01] of 4 seeds .* not passed"):
        judge_slippery_maze(run("learn_slippery_maze", wrong.function, tabular.epsilon_greedy))


@pytest.mark.parametrize("mistake", ["no-discount", "mean-instead-of-max", "this-state-instead-of-the-next"])
def test_a_wrong_backup_does_not_solve_frozen_lake(mistake):
    wrong = next(m for m in BANK["q_backup"].misconceptions if m.id == mistake)
    with pytest.raises(AssertionError, match="share of the best value"):
        judge_frozen_lake(run("solve_frozen_lake", wrong.function, tabular.greedy_policy))


TRICKS = ("double_q_target", "huber_loss", "dueling_q", "n_step_returns", "priority", "importance_weights")


def solve_probes(**changes):
    """The learned values of the probes with the library's functions, but for some."""
    given = {name: BANK[name].function for name in ("q_target", *TRICKS)} | changes
    return run("solve_probes", *given.values())


def wrong(name, id):
    return {name: next(m.function for m in BANK[name].misconceptions if m.id == id)}


def test_probes_are_judged_by_their_exact_values():
    exact = {probe: np.zeros((3, 3, 2)) for probe in PROBE_VALUES}
    for probe, values in PROBE_VALUES.items():
        for observation, q in values.items():
            exact[probe][:, observation + 1] = q
    judge_probes(exact)
    judge_probes({probe: q.tolist() for probe, q in exact.items()})
    for change, words in [
        ({"cut off": exact["cut off"] / 2}, r"cut off: error of Q 1 \(needed: at most 0.15\): not passed"),
        ({"plain": exact["plain"] * np.nan}, "plain: holds NaN or infinity"),
        ({"plain": exact["plain"][0]}, r"plain: got the shape \[3, 2\], expected \[3, 3, 2\]"),
        ({"double": None}, r"double: returned None"),
        (
            {"more": 1.0},
            "the learned values: expected a dict of plain, double, three steps, ",
        ),
    ]:
        with pytest.raises(AssertionError, match=words):
            judge_probes(exact | change)
    with pytest.raises(AssertionError, match="the learned values: expected"):
        judge_probes(None)


@pytest.mark.parametrize("style", ["numpy", pytest.param("named-axes", marks=pytest.mark.slow)])
def test_right_answers_solve_the_probes(style):
    mine = functions(style, "ps2")
    judge_probes(solve_probes(**{name: mine[name] for name in ("q_target", *TRICKS)}))


@pytest.mark.parametrize(
    ("name", "id", "probe"),
    [
        ("q_target", "no-terminal-mask", "plain"),
        pytest.param("double_q_target", "no-discount", "double", marks=pytest.mark.slow),
        pytest.param("n_step_returns", "rewards-not-discounted", "three steps", marks=pytest.mark.slow),
    ],  # a dueling head that is centred wrongly still learns: only its own check sees the mistake
)
def test_a_wrong_function_fails_the_probe_that_needs_it(name, id, probe):
    with pytest.raises(AssertionError, match=f"^{probe}: "):
        judge_probes(solve_probes(**wrong(name, id)))


def cart_pole_weights(seed=0, **changes):
    from rlcourse.homework.scenarios import ps2 as scenarios_dqn

    given = {name: BANK[name].function for name in TRICKS} | changes
    return scenarios_dqn.learn_cart_pole(*given.values(), seed=seed)


def test_right_functions_learn_cart_pole_and_the_weights_are_judged():
    weights = cart_pole_weights()
    judge_cart_pole(weights)
    judge_cart_pole({name: weight.astype(float).tolist() for name, weight in weights.items()})
    name, first = next(iter(weights.items()))
    for change, words in [
        ({name: first * np.nan}, "the weights: holds NaN or infinity"),
        ({name: first[:7]}, "the weights are not those of eight networks as the agent has them"),
        ({"more": first}, "the weights are not those of eight networks as the agent has them"),
        ({name: None}, r"the weights: returned None"),
        (
            {name: -first for name, first in weights.items()},
            r"CartPole: [0-3] of 8 seeds reach a mean return of at least 50 \(needed: 7\)",
        ),
    ]:
        with pytest.raises(AssertionError, match=words):
            judge_cart_pole(weights | change)
    with pytest.raises(AssertionError, match="expected the weights of the networks by name"):
        judge_cart_pole(None)


def test_without_a_terminal_mask_no_seed_learns_cart_pole():
    with pytest.raises(AssertionError, match=": 0 of 8 seeds"):
        judge_cart_pole(cart_pole_weights(**wrong("double_q_target", "no-terminal-mask")))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [100, 200])
def test_cart_pole_is_learned_from_any_seed(seed):
    judge_cart_pole(cart_pole_weights(seed))


def search_worlds(elite_mask=None, finite_difference_gradient=None):
    """The policies of the two small worlds, with the library's functions where none is given."""
    given = {"elite_mask": elite_mask, "finite_difference_gradient": finite_difference_gradient}
    return run("search_small_worlds", *(function or BANK[name].function for name, function in given.items()))


def test_small_worlds_are_judged_by_the_exact_value_of_their_policies():
    found = search_worlds()
    judge_small_worlds(found)
    uniform = np.full((9, 4), 0.25)
    for policies, words in [
        (None, "the policies: expected a dict of elite, differences"),
        (found | {"elite": found["elite"][:2]}, r"got the shape \[2, 25, 4\], expected \[3, 25, 4\]"),
        (found | {"elite": "best"}, "the policies of the elite: returned a str"),
        (
            found | {"differences": uniform},
            r"nine cells, differences: .* \(needed: at least 95.0%\)",
        ),
        (found | {"differences": 2 * uniform}, "the policy of differences: is not a policy"),
        (
            found | {"elite": found["elite"] * 0 + 0.25},
            "grid, elite episodes: .*at least 85.0%",
        ),
    ]:
        with pytest.raises(AssertionError, match=words):
            judge_small_worlds(policies)


@pytest.mark.parametrize(
    ("name", "id", "what"),
    [
        ("elite_mask", "the-worst", "elite"),
        ("elite_mask", "mask-of-the-sorted", "elite"),
        ("finite_difference_gradient", "all-at-once", "differences"),
        ("finite_difference_gradient", "downhill", "differences"),
    ],
)
def test_a_wrong_function_finds_no_policy_in_the_small_worlds(name, id, what):
    with pytest.raises(AssertionError, match=f"{what}.*: share of the best value"):
        judge_small_worlds(search_worlds(**wrong(name, id)))


def test_the_search_balances_the_pole_and_its_policies_are_judged():
    weights = run("search_cart_pole", functions("numpy", "ps3")["cem_refit"])
    judge_search(weights)
    name, first = next(iter(weights.items()))
    for change, words in [
        ({name: first * np.inf}, "the weights: holds NaN or infinity"),
        ({name: first[:7]}, "the weights are not those of eight networks as the agent has them"),
        ({"more": first}, "the weights are not those of eight networks as the agent has them"),
        (
            {name: -first for name, first in weights.items()},
            r": 0 of 8 seeds .* of at least 475 \(needed: 5\)",
        ),
    ]:
        with pytest.raises(AssertionError, match=words):
            judge_search(weights | change)


@pytest.mark.slow
@pytest.mark.parametrize("id", ["the-worst", "a-ceiling", "variance"])
def test_a_wrong_refit_does_not_balance_the_pole(id):
    with pytest.raises(AssertionError, match=": [0-3] of 8 seeds|the weights: holds NaN"):
        judge_search(run("search_cart_pole", wrong("cem_refit", id)["cem_refit"]))


REINFORCE = ("discounted_returns", "score_function_loss", "optimal_baseline")


@pytest.mark.slow
@pytest.mark.parametrize("style", ["numpy", "named-axes"])
def test_right_functions_balance_the_pole_by_reinforce(style):
    mine = functions(style, "ps3")
    judge_reinforce(run("reinforce_cart_pole", *(mine[name] for name in REINFORCE)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "id"), [("discounted_returns", "only-the-reward"), ("discounted_returns", "from-the-front")]
)
def test_a_wrong_function_does_not_balance_the_pole_by_reinforce(name, id):
    given = {name: BANK[name].function for name in REINFORCE} | wrong(name, id)
    with pytest.raises(AssertionError, match=": 0 of 8 seeds"):
        judge_reinforce(run("reinforce_cart_pole", *given.values()))


ACTOR_CRITIC = ("gae", "entropy", "a2c_loss")


def solve_actor_critic_probes(**changes):
    """What was learned in the probes with the library's functions, but for some."""
    given = {name: BANK[name].function for name in (*ACTOR_CRITIC, "lambda_returns")} | changes
    return run("solve_actor_critic_probes", *given.values())


def test_actor_critic_probes_are_judged_by_exact_values_and_policies():
    exact = {probe: {"value": np.zeros((3, 3)), "policy": np.full((3, 3, 2), 0.5)} for probe in ACTOR_CRITIC_VALUES}
    for probe, values in ACTOR_CRITIC_VALUES.items():
        for observation, value in values.items():
            exact[probe]["value"][:, observation + 1] = value
        for observation, p in ACTOR_CRITIC_POLICIES.get(probe, {}).items():
            exact[probe]["policy"][:, observation + 1] = 1 - p, p
    judge_actor_critic_probes(exact)
    uniform = np.full((3, 3, 2), 0.5)
    for change, words in [
        (
            {"cut off": exact["cut off"] | {"value": np.ones((3, 3))}},
            r"cut off: error of V 1 \(needed: at most 0.1\)",
        ),
        ({"both matter": exact["both matter"] | {"policy": uniform}}, "both matter: error of π 0.5"),
        ({"plain": exact["plain"] | {"value": np.ones(3)}}, r"plain: the value: got the shape \[3\], expected"),
        ({"plain": exact["plain"] | {"value": None}}, "plain: the value: returned None"),
        ({"plain": 3.0}, "plain: expected a dict of value, policy"),
        ({"more": 1.0}, "what was learned: expected a dict of plain, two steps, both matter, entropy, cut off, lambda"),
    ]:
        with pytest.raises(AssertionError, match=words):
            judge_actor_critic_probes(exact | change)


@pytest.mark.parametrize("style", ["numpy", pytest.param("named-axes", marks=pytest.mark.slow)])
def test_right_answers_solve_the_actor_critic_probes(style):
    mine = functions(style, "ps4")
    judge_actor_critic_probes(
        solve_actor_critic_probes(**{name: mine[name] for name in (*ACTOR_CRITIC, "lambda_returns")})
    )


@pytest.mark.parametrize(
    ("name", "id", "probe"),
    [
        ("gae", "truncation-has-no-future", "cut off"),
        pytest.param("gae", "no-terminal-mask", "plain", marks=pytest.mark.slow),
        pytest.param("entropy", "negative", "entropy", marks=pytest.mark.slow),
        pytest.param("a2c_loss", "no-minus-before-the-policy", "both matter", marks=pytest.mark.slow),
        pytest.param("lambda_returns", "no-terminal-mask", "lambda", marks=pytest.mark.slow),
    ],
)
def test_a_wrong_function_fails_the_actor_critic_probe_that_needs_it(name, id, probe):
    with pytest.raises(AssertionError, match=f"^{probe}: "):
        judge_actor_critic_probes(solve_actor_critic_probes(**wrong(name, id)))


def on_policy_weights(seed=0, **changes):
    from rlcourse.homework.scenarios import ps4 as scenarios_actor_critic

    given = {name: BANK[name].function for name in ACTOR_CRITIC} | changes
    return scenarios_actor_critic.learn_cart_pole_on_policy(*given.values(), seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 100, 200])
def test_cart_pole_is_learned_on_policy_from_any_seed(seed):
    weights = on_policy_weights(seed)
    judge_cart_pole_on_policy(weights)
    with pytest.raises(AssertionError, match=r"CartPole: 0 of 8 seeds .* of at least 475 \(needed: 4\)"):
        judge_cart_pole_on_policy({name: -weight for name, weight in weights.items()})


@pytest.mark.slow
@pytest.mark.parametrize(("name", "id"), [("gae", "no-terminal-mask"), ("a2c_loss", "no-minus-before-the-policy")])
def test_a_wrong_function_does_not_learn_cart_pole_on_policy(name, id):
    with pytest.raises(AssertionError, match=": 0 of 8 seeds"):
        judge_cart_pole_on_policy(on_policy_weights(**wrong(name, id)))
