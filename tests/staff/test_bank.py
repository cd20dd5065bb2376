"""The banks: stub, solution and every wrong version of each function; and right answers in any style."""

import json
import shutil

import numpy as np
import pytest
import torch
from right_answers import BY_SET, STYLES, cells, functions

from rlcourse.agents.tabular.control import q_learning
from rlcourse.agents.tabular.planning import policy_iteration, q_iteration
from rlcourse.homework.catalogue import catalogue
from rlcourse.homework.checks import check, check_data
from rlcourse.homework.compare import compare
from rlcourse.staff.bank import bank, entry, misconceptions
from rlcourse.staff.check_data import FOLDER, PACKAGE, is_fresh, main, sources, write_check_data
from rlcourse.worlds.grids import grid_world, random_mdp

torch.set_num_threads(1)

SETS = ("ps1", "ps2", "ps3", "ps4", "ps5")
BANK = {name: entry for key in SETS for name, entry in bank(key).items()}
WRONG = [(name, mistake) for key in SETS for name, mistakes in misconceptions(key).items() for mistake in mistakes]
ALL_STYLES = [(key, style) for key in SETS for style in BY_SET[key]]
STYLED = [(key, style, name) for key, style in ALL_STYLES for name in bank(key)]


@pytest.mark.parametrize("key", SETS)
def test_the_bank_holds_the_exercises_of_its_problem_set(key):
    asked = {e.name for e in catalogue().values() if e.problem_set == key and e.points}
    assert set(bank(key)) == asked
    assert all(of.function is catalogue()[name].function for name, of in bank(key).items())
    assert bank("ps7") == {} or "pgql_q" in bank("ps7")


def test_unknown_names_are_errors():
    with pytest.raises(ValueError, match="problem_set: got 'ps9', expected one of ps1"):
        bank("ps9")
    with pytest.raises(ValueError, match="name: got 'no_such', which no bank knows"):
        entry("no_such")


@pytest.mark.parametrize("name", BANK)
def test_the_triple(name):
    def stub(*arguments):
        raise NotImplementedError

    assert check(stub, name).state == "not attempted"
    assert check(BANK[name].function).state == "correct"
    assert 4 <= len(BANK[name].misconceptions) <= 32
    assert {case.part for case in BANK[name].cases} == {"values", "edges"}


@pytest.mark.parametrize(("name", "mistake"), WRONG, ids=[f"{name}-{mistake.id}" for name, mistake in WRONG])
def test_every_wrong_version_is_rejected_under_its_own_hint(name, mistake):
    outcome = check(mistake.function, name)
    assert (outcome.state, outcome.misconception, outcome.hint) == ("incorrect", mistake.id, mistake.hint)
    assert len(mistake.hint) < 110 and mistake.hint.endswith(".")


@pytest.mark.parametrize(("key", "style", "name"), STYLED)
def test_right_answers_pass_whatever_their_style(key, style, name):
    outcome = check(functions(style, key)[name])
    assert outcome.state == "correct", str(outcome)


@pytest.mark.parametrize(("key", "style"), ALL_STYLES)
def test_a_style_is_a_whole_submission(key, style):
    assert set(cells(style, key)) == set(bank(key))
    for name, source in cells(style, key).items():
        compile(source, name, "exec")


@pytest.mark.parametrize("style", STYLES)
def test_right_answers_plan_as_the_librarys_do(style):
    mine = functions(style)
    mdp = random_mdp(5, 3, seed=4)
    for gamma in (0.5, 0.9):
        plan, best = q_iteration(mdp, gamma, 1e-3, q_backup=mine["q_backup"]), q_iteration(mdp, gamma, 1e-3)
        assert compare(plan.Q, best.Q) == ""
        assert plan.pi.argmax(1).tolist() == best.pi.argmax(1).tolist()
        halves = {name: mine[name] for name in ("policy_evaluation", "greedy_policy")}
        plan, best = policy_iteration(mdp, gamma, 1e-3, **halves), policy_iteration(mdp, gamma, 1e-3)
        assert compare(plan.V, best.V) == ""


@pytest.mark.parametrize("style", STYLES)
def test_right_answers_learn_as_the_librarys_do(style):
    mine = functions(style)
    mdp = grid_world("S..\n.X.\n..G", slip=0.2)
    for explore in ({"epsilon": 0.3}, {"temperature": 0.5}):
        settings = {"alpha": 0.1, "n_seeds": 2, "checkpoints": 0} | explore
        names = ("q_learning_update", "epsilon_greedy" if "epsilon" in explore else "boltzmann")
        learned = q_learning(mdp, 0.9, 400, **settings, **{name: mine[name] for name in names})
        assert compare(learned.Q, q_learning(mdp, 0.9, 400, **settings).Q) == ""


@pytest.mark.parametrize("key", SETS)
def test_the_committed_check_data_is_what_the_bank_writes(key):
    text = (FOLDER / f"{key}.json").read_text(encoding="utf-8")
    again = f"run: python -m rlcourse.staff.check_data {key}"
    assert is_fresh(key, text), again
    committed, written = json.loads(text), json.loads(write_check_data(key))
    assert alike(committed, written) == "", again
    assert len(text) < 300_000
    assert max(map(len, text.splitlines())) < 12_000


def alike(one, other, at: str = "") -> str:
    """Where two JSON values differ, numbers by more than another processor's rounding; "" where they do not."""
    if isinstance(one, dict) and isinstance(other, dict) and set(one) == set(other):
        return next(filter(None, (alike(one[key], other[key], f"{at}/{key}") for key in one)), "")
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        places = (alike(a, b, f"{at}/{n}") for n, (a, b) in enumerate(zip(one, other, strict=True)))
        return next(filter(None, places), "")
    if isinstance(one, float) and isinstance(other, float):
        return "" if one == other or one == pytest.approx(other, rel=2e-5, abs=1e-6, nan_ok=True) else at
    return "" if type(one) is type(other) and one == other else at


def test_stored_numbers_have_at_most_six_digits():
    def numbers(data):
        if isinstance(data, float):
            yield data
        elif isinstance(data, dict | list):
            for item in data.values() if isinstance(data, dict) else data:
                yield from numbers(item)

    for key in SETS:
        for number in numbers(json.loads((FOLDER / f"{key}.json").read_text(encoding="utf-8"))):
            assert not np.isfinite(number) or number == float(f"{number:.6g}")


def test_freshness_is_a_matter_of_sources_not_of_numbers(tmp_path):
    """Another processor's last digits are no reason to refuse; a changed bank or equation is."""
    package = tmp_path / "rlcourse"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__", "check_data"))
    shutil.copytree(PACKAGE.parent / "solutions", tmp_path / "solutions")
    before = sources("ps3")
    assert sources("ps3", package) == before
    crlf = package / "functional" / "search.py"
    crlf.write_bytes(crlf.read_bytes().replace(b"\n", b"\r\n"))
    assert sources("ps3", package) == before, "a checkout with other line ends"
    for name in ("staff/bank/ps3_cases.py", "functional/search.py"):
        text = (package / name).read_text(encoding="utf-8")
        (package / name).write_text(text + "# changed\n", encoding="utf-8")
        assert sources("ps3", package) != before
        (package / name).write_text(text, encoding="utf-8")
    master = tmp_path / "solutions" / "ps3_reinforce" / "ps3_reinforce.ipynb"
    master.write_text(master.read_text(encoding="utf-8").replace('"points": 1', '"points": 5'), encoding="utf-8")
    assert sources("ps3", package) != before, "what a part is worth"
    text = (FOLDER / "ps3.json").read_text(encoding="utf-8")
    assert is_fresh("ps3", text) and is_fresh("ps3", text.replace("0.75", "0.750001"))
    assert not any(is_fresh(key, old) for key, old in [("ps4", text), ("ps3", "{}"), ("ps3", "["), ("ps3", "[]")])


@pytest.mark.parametrize("key", SETS)
def test_check_data_knows_what_each_part_is_worth(key):
    marked = {e.name: e.points for e in catalogue().values() if e.problem_set == key and e.points}
    written = {name: check_data()[name]["points"] for name in bank(key)}
    assert {name: sum(parts.values()) for name, parts in written.items()} == marked
    assert all(set(parts) in ({"values", "edges"}, {"all"}) for parts in written.values())


def test_an_unknown_problem_set_is_named(capsys):
    assert main(["ps0"]) == 2
    assert "got 'ps0', expected one of ps1" in capsys.readouterr().err


def test_check_data_holds_no_wrong_output_that_is_right():
    for name, data in check_data().items():
        assert set(data["hints"]) == {mistake.id for mistake in BANK[name].misconceptions}
        for case in data["cases"]:
            for wrong in case["wrong"]["dict"].values():
                assert wrong != case["expected"], (name, case["about"])


def expected(name: str, about: str = "") -> object:
    """What check data expects in the first case of a function, or in the one that is about something."""
    case = next(case for case in check_data()[name]["cases"] if about in case["about"])
    return case["expected"].get("array", case["expected"].get("tensor"))


def near(numbers) -> object:
    """Numbers that are stored with six digits."""
    return pytest.approx(numbers, rel=1e-5, abs=1e-6)


def test_public_expectations_of_ps1_by_hand():
    """A few of them, worked out on paper: the oracle is not only compared with itself."""
    # chain, cell 1, right: 0.9 * (0.8 * 2.0 + 0.2 * 0)
    assert expected("q_backup")[1] == [0.36, 1.44]
    assert expected("greedy_policy") == [[0, 1], [1, 0], [0, 1]]
    # -2 + 0.5 * (2 + 0.9 * 3 - (-2)) = 1.35
    assert expected("q_learning_update") == [[1.0, 1.35], [3.0, 0.5], [-1.0, -4.0]]
    assert expected("epsilon_greedy") == [0.1, 0.8, 0.1]
    e = np.e
    assert expected("boltzmann") == near([1 / (1 + e + 1 / e), e / (1 + e + 1 / e), 1 / (1 + e * e + e)])
    # cells x, y with right 0.5 and 0.8 * 0.7 ...: x = 0.9 (p y), y = r + 0.9 (1 - q) x
    p, q = 0.2 * 0.2 + 0.8 * 0.8, 0.3 * 0.2 + 0.7 * 0.8
    y = q / (1 - 0.81 * p * (1 - q))
    assert expected("policy_evaluation") == near([0, 0.9 * p * y, y, 0])


def test_public_expectations_of_ps2_by_hand():
    assert expected("td_target", "two of four") == [1 + 0.5 * 2, -0.5, 2 + 0.5 * -1, 0.25]
    assert expected("td_target", "a network") == [0, 0, 0, 0]
    assert expected("q_target", "two of four") == [1 + 0.5 * 2, -0.5, 2 + 0.5 * 4, 0.25]
    # the online network chooses the actions 0, 1, 1, 0, which the target network values 1, -0.5, -2, -3
    assert expected("double_q_target") == [1.5, -0.75, 1.0, -1.25]
    assert expected("dueling_q")[0] == [1 + 1 - 3, 1 + 2 - 3, 1 + 6 - 3]
    assert expected("huber_loss", "delta 2") == [0.125, 0.03125, 2 * (3 - 1), 2 * (4 - 1), 0, 0.28125]
    # the slope, times the weights 1 to 6
    assert expected("huber_loss", "the gradient") == [1 * 0.5, 2 * -0.25, 3 * 2, 4 * -2, 0, 6 * 0.75]
    assert expected("priority") == [2, 1, 1, 3]
    # N P = 25, 4, 1, 16: one over the root is 1/5, 1/2, 1, 1/4
    assert expected("importance_weights") == near([0.2, 0.5, 1, 0.25])
    # first column: 1 - 0.5 + 0.25 * 6, .., the last window has one step: -0.5 + 0.5 * 16
    assert [row[0] for row in expected("n_step_returns")] == [2, -1 + 0.25 + 0.5, 0.5 + 1 + 2, 2 - 0.25 + 4, 7.5]
    # cut off after step 1: 1 + 0.5 * (-1) + 0.25 * 6, and -1 + 0.5 * 6
    assert [row[0] for row in expected("n_step_returns", "cut off inside")][:2] == [2, 2]
    # the end of the second episode: r = -0.75 lies between the atoms -1 and 0, nearer to -1
    assert expected("categorical_projection", "the second step")[1] == [0, 0.75, 0.25, 0, 0]
    assert expected("categorical_projection", "land on atoms")[1] == [0, 0, 0, 1, 0]


def test_public_expectations_of_ps3_by_hand():
    # first column: 4, -1 + 0.5 * 4, 2 + 0.5 * 1, 1 + 0.5 * 2.5
    assert [row[0] for row in expected("discounted_returns")] == [2.25, 2.5, 1, 4]
    assert expected("discounted_returns", "at the end alone") == [[1], [2], [4], [8]]
    # -(4 * -0.5 + 1 * -2 + 6 * -1 + 2 * -0.25) / 4
    assert expected("score_function_loss") == 10.5 / 4
    assert expected("score_function_loss", "the gradient") == [-1, -0.25, -1.5, -0.5]
    assert expected("score_function_loss", "a weight that") == [0, 0, 0, 0]
    assert expected("optimal_baseline") == near((8 + 8 + 1 + 54) / 14.25)
    assert expected("optimal_baseline", "all scores are 0") == 5
    assert np.flatnonzero(expected("elite_mask")).tolist() == [1, 3, 6]  # of the scores 5, 9, 7
    assert np.flatnonzero(expected("elite_mask", "at the border")).tolist() == [0, 1, 2, 5]
    # the best are (4, 1), (1, 2) and (2, -2): means 7/3 and 1/3, mean squares 7 and 3
    mean, std = (part["tensor"] for part in check_data()["cem_refit"]["cases"][0]["expected"]["tuple"])
    assert mean == near([7 / 3, 1 / 3])
    assert std == near([(7 - 49 / 9) ** 0.5, (3 - 1 / 9) ** 0.5])
    # A theta + b + 3 c theta^2 at (1, -0.5), and c eps^2 that a central difference adds to it: eps is 1/2
    slopes = [2 - 0.5 + 3 + 3, 1 - 2 - 1 + 1.5]
    assert expected("finite_difference_gradient") == [slopes[0] + 0.25, slopes[1] + 0.5]
    assert expected("finite_difference_gradient", "no curvature") == [3, -1]


def test_public_expectations_of_ps4_by_hand():
    # first column, backwards: -0.5 + 0.5 * -2 = -1.5; 2 + 0.5 * (16 - 1.5) / 2 = 5.625; 0.5 + 0.5 * (8 + 5.625) / 2
    assert expected("lambda_returns")[4][0] == -1.5
    assert expected("lambda_returns")[3][0] == 2 + 0.25 * (16 - 1.5)
    assert expected("lambda_returns")[2][0] == near(0.5 + 0.25 * (8 + 5.625))
    # the first column's episode ends at step 1, with -1; at step 0 V(s_1) = 6
    assert [row[0] for row in expected("lambda_returns", "that end inside")][:2] == near([1 + 0.45 * (6 - 1), -1])
    # cut off there, it reached a state worth 7
    assert expected("lambda_returns", "cut off inside")[1][0] == near(-1 + 0.9 * 7)
    # delta at step 1 is -1 - 6 at an end, -1 + 0.9 * 7 - 6 if cut off; at step 0 it is 1 + 0.9 * 6 - 4 = 2.4
    assert [row[0] for row in expected("gae", "that end inside")][:2] == near([2.4 - 0.45 * 7, -7])
    assert [row[0] for row in expected("gae", "cut off inside")][:2] == near([2.4 - 0.45 * 0.7, -0.7])
    assert expected("entropy", "log 3") == near([np.log(3)] * 2)
    assert expected("entropy", "rounded to 0") == near([np.log(2), 0])
    # A log pi: -1, 1, -0.125, -6, 6, -0.75, mean -0.875 / 6; errors 1, 4, 0.25, 9, 1, 4; entropies sum to 2.375
    assert expected("a2c_loss") == near((0.875 + 0.5 * 19.25 - 0.25 * 2.375) / 6)
    # the gradient of log pi is -A / 6, that of V is 2 c_V (V - y) / 6
    assert expected("a2c_loss", "gradient of log_prob")[0] == near([-2 / 6, 1 / 6])
    assert expected("a2c_loss", "gradient of value")[0] == near([-1 / 6, 2 / 6])
    assert np.abs(expected("a2c_loss", "gradient of advantage")).max() == 0
    # the last step of the first column, ratio 1.25: v = 16 + 1.25 * (-0.5 - 0.5 * 2 - 16), A is the same difference;
    # the step before it, 0.75: v = 8 + 0.75 * (2 + 8 - 8) + 0.5 * 0.75 * (v - 16), and A looks ahead to v
    first = next(case for case in check_data()["vtrace"]["cases"])["expected"]["tuple"]
    vs, advantages = ([row[0] for row in part["tensor"]] for part in first)
    assert vs[3:] == near([8 + 1.5 - 0.375 * 21.875, 16 - 21.875])
    assert advantages[3:] == near([0.75 * (2 - 0.5 * 5.875 - 8), -21.875])


def test_public_expectations_of_ps5_by_hand():
    # ratio times A: 1, -2, 5, -3/4, 2, 15/16; clipped to 7/8 .. 9/8 the smaller ones: 1, -2, 9/2, -21/8, 9/16, 15/16
    assert expected("surrogate_loss") == near(-6.1875 / 6)
    assert expected("ppo_clip_loss") == near(-2.375 / 6)
    assert expected("ppo_clip_loss", "gradient of ratio") == near([-2 / 6, 1 / 6, 0, 0, 0, -1 / 6])
    assert expected("ppo_clip_loss", "advantages above 0") == near(-(1.2 + 0.5) / 2)
    assert expected("ppo_clip_loss", "advantages below 0") == near((2 + 0.8) / 2)
    prices = [case["expected"] for case in check_data()["adaptive_kl_coef"]["cases"]]
    assert prices == [0.4, 0.4, 0.8, 0.8, 1.6, 1.6, 3, 3, 0.25, 0.25, 0.5]
    # half of log(1/2 : 3/4) and half of log(1/2 : 1/4)
    assert expected("categorical_kl", "coin") == near([np.log(4 / 3) / 2])
    assert expected("gaussian_kl", "deviations of 1") == [(1 + 4) / 2]
    assert expected("conjugate_gradient") == near([0, 1, -1])
    assert expected("conjugate_gradient", "one product") == near([6 / 18 * b for b in (1, 2, -1)])
    # M u = -1, -2.5, 2.25, 3, -7, and half of u = 1, -1, 2, 0.5, -2
    assert expected("fisher_vector_product") == near([-0.5, -3, 3.25, 3.25, -8])
    # g'x = 1 + 2 + 2
    assert expected("natural_step") == near([(0.02 / 5) ** 0.5 * x for x in (0.5, -2, 4)])
    assert expected("backtracking_line_search") == [1.5, -1]
    # d^2 / 20 <= 1/100 where d < 0.45; 2 d > 5 d^2 where d < 0.4
    assert expected("backtracking_line_search", "divergence is too large at first") == [0.75, -1]
    assert expected("backtracking_line_search", "objective is too low at first") == [0.75, -1]
    assert np.array(expected("kfac_precondition", "diagonal")) == near(np.array([[1 / 5, 2 / 2], [-1 / 13, 3 / 4]]))


@pytest.mark.parametrize("name", BANK)
@pytest.mark.parametrize("seed", range(5))
def test_hidden_cases_are_legal_inputs_and_differ_by_seed(name, seed):
    """The library's function checks its arguments: an illegal draw raises."""
    cases = list(BANK[name].draw(np.random.default_rng(seed)))
    others = list(BANK[name].draw(np.random.default_rng(seed + 1)))
    assert {case.part for case in cases} == {"values", "edges"}
    assert [repr(case.arguments) for case in cases] != [repr(case.arguments) for case in others]
    for case in cases:
        case.ask(BANK[name].function)


def test_no_scenario_that_ps1_asks_for_needs_torch():
    assert {case.scenario for of in bank("ps1").values() for case in of.cases} == {"", "keeps_arguments"}
