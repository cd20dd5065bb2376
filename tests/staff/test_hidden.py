"""Hidden checks: right answers pass and wrong versions fail on every seed; policies are judged by exact value."""

import numpy as np
import pytest
from right_answers import STYLES, functions

from rlcourse import scenarios
from rlcourse.agents.planning import q_iteration
from rlcourse.checks import compare
from rlcourse.functional import tabular
from rlcourse.scenarios import run
from rlcourse.staff.bank import bank, entry
from rlcourse.staff.hidden import cases_of, hidden, judge_frozen_lake, judge_slippery_grid, set_seed

BANK = bank("ps1")
WRONG = [(name, mistake) for name, of in BANK.items() for mistake in of.misconceptions]
SEEDS = range(20)


@pytest.fixture(autouse=True)
def default_seed():
    yield
    set_seed(None)


def grade(function, name, part=None):
    """The words of a failure, or "" for a pass."""
    try:
        hidden(function, part, name)
    except AssertionError as reason:
        return str(reason)
    return ""


@pytest.mark.parametrize("style", STYLES)
def test_right_answers_pass_on_every_seed(style):
    for name, function in functions(style).items():
        for seed in SEEDS[:5]:
            set_seed(seed)
            assert grade(function, name) == "", f"{name}, seed {seed}"


@pytest.mark.parametrize("name", BANK)
def test_the_library_passes_each_part(name):
    for seed in SEEDS:
        set_seed(seed)
        hidden(BANK[name].function)
    hidden(BANK[name].function, "values")
    hidden(BANK[name].function, "edges")


@pytest.mark.parametrize(("name", "mistake"), WRONG, ids=[f"{name}-{mistake.id}" for name, mistake in WRONG])
def test_no_misconception_passes_on_any_seed(name, mistake):
    set_seed(0)
    assert grade(mistake.function, name) == mistake.hint
    of = entry(name)
    for seed in SEEDS:  # by the hidden cases alone, too: the public answers could have been copied
        drawn = of.draw(np.random.default_rng(seed))
        assert any(compare(case.ask(mistake.function), case.ask(of.function)) for case in drawn), f"seed {seed}"


def test_parts_give_partial_credit():
    first = next(m for m in BANK["greedy_policy"].misconceptions if m.id == "first-of-the-ties")
    assert grade(first.function, "greedy_policy", "values") == ""
    assert grade(first.function, "greedy_policy", "edges") == first.hint
    unmasked = next(m for m in BANK["q_learning_update"].misconceptions if m.id == "no-terminal-mask")
    assert grade(unmasked.function, "q_learning_update", "values") == ""
    assert grade(unmasked.function, "q_learning_update", "edges") == unmasked.hint


def test_an_unknown_part_or_function_is_the_graders_error():
    with pytest.raises(ValueError, match="part: got 'all', expected one of edges, values"):
        hidden(tabular.q_backup, "all")
    with pytest.raises(ValueError, match="name: got 'sarsa_update'"):
        hidden(tabular.sarsa_update)


def test_a_stub_is_not_attempted():
    def q_backup(P, R, Q, gamma):
        raise NotImplementedError(f"P is {P}")

    with pytest.raises(NotImplementedError, match="^not attempted$"):
        hidden(q_backup)


def test_a_failure_shows_neither_inputs_nor_what_an_exception_said():
    def q_backup(P, R, Q, gamma):
        raise RuntimeError(f"P is {P}")

    words = grade(q_backup, "q_backup", "edges")
    assert words.startswith("q_backup is wrong on: gamma 0: only the reward counts; gamma 1: no discount; ")
    assert "RuntimeError" not in words and "P is" not in words
    assert "[" not in grade(lambda *arguments: 3.0, "q_backup")


def test_the_seed_comes_from_the_environment_and_changes_the_cases(monkeypatch):
    def drawn():
        return [repr(case.arguments) for case in cases_of("q_backup", BANK["q_backup"])]

    default = drawn()
    assert drawn() == default
    monkeypatch.setenv("RLCOURSE_GRADER_SEED", "7")
    seven = drawn()
    assert seven != default
    monkeypatch.delenv("RLCOURSE_GRADER_SEED")
    set_seed(7)
    assert drawn() == seven


def test_an_answer_that_learned_the_public_cases_by_heart_fails():
    public = {
        repr(case.arguments): case.ask(tabular.boltzmann) for case in BANK["boltzmann"].cases if not case.scenario
    }
    words = grade(lambda *arguments: public.get(repr(arguments), 0.5), "boltzmann")
    assert words.startswith("boltzmann is wrong on: random action values")


def test_frozen_lake_is_judged_by_value():
    mdp = scenarios.frozen_lake()
    best = q_iteration(mdp, 0.99).pi
    for right in (best, best.tolist(), best.astype(np.float32), np.eye(4)[best.argmax(1)]):
        judge_frozen_lake(right)
    for wrong, words in [
        (np.full((64, 4), 0.25), "is worth 0% of the best one from the start, expected 99%"),
        (best.argmax(1), r"the policy has the shape \[64\], expected \[S, A\] = \[64, 4\]"),
        (best * 2, "the policy is not a policy: each row must hold probabilities that sum to 1"),
        (best * np.nan, "the policy holds NaN or infinity"),
        (None, r"the policy: returned None \(did you forget return\?\)"),
        ("best", "the policy: returned a str"),
    ]:
        with pytest.raises(AssertionError, match=words):
            judge_frozen_lake(wrong)


def test_the_slippery_grid_forgives_one_seed_of_eight():
    mdp = scenarios.slippery_grid()
    best = q_iteration(mdp, scenarios.SLIPPERY_GRID_GAMMA).pi
    policies = np.stack([best] * 8)
    judge_slippery_grid(policies)
    policies[3] = 0.25
    judge_slippery_grid(policies)
    policies[4] = 0.25
    with pytest.raises(AssertionError, match="6 of 8 seeds reach 95% of the best policy's value, expected at least 7"):
        judge_slippery_grid(policies)
    with pytest.raises(AssertionError, match=r"the policies have the shape \[7, 25, 4\], expected \[8, 25, 4\]"):
        judge_slippery_grid(policies[:7])
    with pytest.raises(AssertionError, match="the policy of seed 0 is not a policy"):
        judge_slippery_grid(np.ones((8, 25, 4)))


def test_right_answers_reach_both_goals():
    mine = functions("loops")
    judge_frozen_lake(run("solve_frozen_lake", mine["q_backup"], mine["greedy_policy"]))
    judge_slippery_grid(run("learn_slippery_grid", mine["q_learning_update"], mine["epsilon_greedy"]))


@pytest.mark.parametrize("seed", [100, 300])
def test_the_slippery_grid_is_learned_from_any_seed(seed):
    judge_slippery_grid(run("learn_slippery_grid", tabular.q_learning_update, tabular.epsilon_greedy, seed))


@pytest.mark.parametrize(
    "mistake",
    ["the-end-drops-the-reward", "this-state-instead-of-the-next", "no-step-size", "moves-away-from-the-target"],
)
def test_a_wrong_update_does_not_learn_the_slippery_grid(mistake):
    wrong = next(m for m in BANK["q_learning_update"].misconceptions if m.id == mistake)
    with pytest.raises(AssertionError, match="^[0-2] of 8 seeds"):
        judge_slippery_grid(run("learn_slippery_grid", wrong.function, tabular.epsilon_greedy))


@pytest.mark.parametrize("mistake", ["no-discount", "mean-instead-of-max", "this-state-instead-of-the-next"])
def test_a_wrong_backup_does_not_solve_frozen_lake(mistake):
    wrong = next(m for m in BANK["q_backup"].misconceptions if m.id == mistake)
    with pytest.raises(AssertionError, match="of the best one"):
        judge_frozen_lake(run("solve_frozen_lake", wrong.function, tabular.greedy_policy))
