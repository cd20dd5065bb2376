"""The student edition holds no answer, keeps everything else, and drives the agents with a student's own functions."""

import ast
import inspect
import json
import subprocess
import sys

import pytest
from course import ROOT

from rlcourse.contracts.graded import PROBLEM_SETS
from rlcourse.homework.catalogue import catalogue
from rlcourse.staff import answers, edition, guard

LEFT_OUT = {"cli.py", "__main__.py"}  # for those who teach, as is staff/
PS1 = {name: exercise for name, exercise in catalogue().items() if exercise.problem_set == "ps1"}
FULL = (edition.PACKAGE / "functional" / "tabular.py").read_text(encoding="utf-8")
STRIPPED = edition.edition_sources("ps1")["functional/tabular.py"]


def run(folder, code: str) -> dict:
    """What code prints as JSON, run with the edition in a folder, in a process of its own."""
    command = [sys.executable, "-P", "-c", f"import sys; sys.path.insert(0, {str(folder)!r})\n{code}"]
    environment = {"PATH": "", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def ps1(tmp_path_factory):
    folder = tmp_path_factory.mktemp("edition")
    edition.student_edition("ps1", folder)
    return folder


def test_every_module_is_handed_out_or_left_out_by_name():
    files = {path.relative_to(edition.PACKAGE).as_posix() for path in edition.PACKAGE.rglob("*.py")}
    assert set(edition.modules()) == {name for name in files if not name.startswith("staff/")} - LEFT_OUT
    assert list(edition.modules()) == sorted(edition.modules())


def test_only_listed_files_are_written(ps1):
    written = {path.relative_to(ps1).as_posix() for path in ps1.rglob("*") if path.is_file()}
    data = {f"rlcourse/homework/check_data/ps1{kind}.json" for kind in ("", "_silent_bug")}
    assert written == {f"rlcourse/{name}" for name in edition.modules()} | data


@pytest.mark.parametrize("key", ["ps1", "ps2", "ps3", "ps4", "ps5"])
def test_no_answer_is_in_the_edition(key):
    secret = guard.secrets(key, ROOT)
    asked = [name for name, exercise in catalogue().items() if exercise.problem_set == key]
    assert {f"the body of {name}" for name in asked} <= {answer.what for answer in secret}
    assert {"misconception", "solution cell"} <= {
        word for word in ("misconception", "solution cell") if word in str(secret)
    }
    for name, source in edition.edition_sources(key).items():
        assert answers.find(source, secret) == [], name
    modules = (edition.PACKAGE / "functional").glob("*.py")
    found = [what for path in modules for _, what in answers.find(path.read_text(encoding="utf-8"), secret)]
    assert len(found) >= len(asked), "the search finds them where they are"


@pytest.mark.parametrize("key", ["ps1", "ps2", "ps3", "ps4", "ps5"])
def test_no_answer_is_in_the_lectures(key):
    secret = guard.secrets(key, ROOT)
    for path in guard.lectures(key, ROOT):
        assert list(guard.faults_of_notebook(guard.notebooks.read(path), secret)) == []


@pytest.mark.parametrize("name", PS1)
def test_a_stripped_function_keeps_its_signature_docstring_and_checks(name):
    def function(source):
        return next(node for node, _, _ in answers.graded_functions(ast.parse(source)) if node.name == name)

    full, stripped = function(FULL), function(STRIPPED)
    assert ast.get_docstring(stripped) == ast.get_docstring(full)
    decorators = [[ast.dump(node) for node in function.decorator_list] for function in (full, stripped)]
    assert decorators[0] == decorators[1]
    assert ast.dump(full.args) == ast.dump(stripped.args)
    assert len(stripped.body) == 2
    arguments = ", ".join(argument.arg for argument in full.args.args)
    assert ast.unparse(stripped.body[1]) == f"return mine('{name}')({arguments})"


def test_all_else_keeps_its_text():
    new = ("    return mine(", "from rlcourse.homework.mine import mine")
    kept = [
        line for line in STRIPPED.splitlines() if line and not line.startswith(new) and edition.AS_ASKED not in line
    ]
    lines = iter(FULL.splitlines())
    assert all(line in lines for line in kept), "the lines that are left are the old ones, in their order"
    assert edition.strip(FULL, []) == FULL
    for name, source in edition.edition_sources("ps1").items():
        if not name.startswith("functional/"):
            assert source == (edition.PACKAGE / name).read_text(encoding="utf-8")


def test_helpers_that_only_the_bodies_used_go_with_them():
    assert "def _solve(" in FULL and "def _solve(" not in STRIPPED
    assert "def require_an_end(" in STRIPPED, "the input check of policy_evaluation uses it"


def test_trailing_comments_go_with_the_body():
    source = 'import a\n\n\n@graded(problem_set="ps1")\ndef f(x, *, y=1):\n    return x\n    # as x is x\n\n\n# next\n'
    stripped = 'import a\nfrom rlcourse.homework.mine import mine\n\n\n@graded(problem_set="ps1")\ndef f(x, *, y=1):\n'
    stripped += f'    return mine("f")(x, y)\n\n\nf{edition.AS_ASKED}\n\n\n# next\n'
    assert edition.strip(source, ["ps1"]) == stripped


def test_earlier_bodies_stay_and_solutions_bring_this_ones():
    later = edition.edition_sources("ps2")["functional/tabular.py"]
    assert later == FULL
    assert edition.edition_sources("ps1", solutions=True)["functional/tabular.py"] == FULL
    assert answers.not_before("ps6") == ["ps6", "ps7"]


def test_an_unknown_problem_set_is_named():
    with pytest.raises(ValueError, match=f"got 'ps8', expected one of {', '.join(PROBLEM_SETS)}"):
        edition.edition_sources("ps8")


def test_every_module_is_imported_and_a_missing_function_says_which_exercise_it_is(ps1):
    modules = [name.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for name in edition.modules()]
    code = f"""
import importlib, json, numpy as np
for name in {modules[1:]}:
    assert importlib.import_module("rlcourse." + name).__file__.startswith({str(ps1)!r})
from rlcourse.homework.checks import check
from rlcourse.homework.silent_bugs import silent_bug_curves
from rlcourse.functional import tabular
said = {{}}
for call in (lambda: tabular.greedy_policy(np.eye(2)), lambda: tabular.epsilon_greedy([1, 2], 2.0)):
    try: call()
    except Exception as error: said[type(error).__name__] = str(error)
said["curves"] = len(silent_bug_curves()["steps"])
said["check"] = check(tabular.greedy_policy).state
print(json.dumps(said))
"""
    said = run(ps1, code)
    assert said["NotWritten"] == "greedy_policy is an exercise of ps1_q_iteration: pass your own"
    assert said["ValueError"].startswith("epsilon: got 2"), "bad input is named first, as in the library"
    assert said["check"] == "not attempted"
    assert said["curves"] > 10


def drive_the_agents() -> dict:
    """Every agent of lectures 01 and 02 with a student's functions, and what each says without them."""
    import functools

    import numpy as np

    from rlcourse.agents.tabular import control as tabular
    from rlcourse.agents.tabular import planning
    from rlcourse.worlds.grids import grid_world

    mdp = grid_world("S..\n.#.\nX.G", slip=0.2)

    def value_backup(P, R, V, gamma):
        return np.max(R + gamma * np.einsum("ijk,k->ij", P, V), axis=1)

    def q_backup(P, R, Q, gamma):
        return R + gamma * np.einsum("ijk,k->ij", P, np.max(Q, axis=1))

    def greedy_policy(Q):
        best = 1.0 * (Q == Q.max(-1, keepdims=True))
        return best / best.sum(-1, keepdims=True)

    def policy_evaluation(P, R, pi, gamma):
        moves, pay = np.einsum("sa,sat->st", pi, P), np.einsum("sa,sa->s", pi, R)
        return np.linalg.solve(np.identity(len(pay)) - gamma * moves, pay)

    def epsilon_greedy(q, epsilon):
        return epsilon / len(q) + (1 - epsilon) * greedy_policy(q)

    def boltzmann(q, temperature):
        odds = np.exp(q / temperature)
        return odds / odds.sum()

    def q_learning_update(Q, s, a, r, s_next, terminated, alpha, gamma):
        new = np.array(Q)
        new[s, a] = (1 - alpha) * Q[s, a] + alpha * (r + (0 if terminated else gamma * max(Q[s_next])))
        return new

    def sarsa_update(Q, s, a, r, s_next, a_next, terminated, alpha, gamma):
        new = np.array(Q)
        new[s, a] = (1 - alpha) * Q[s, a] + alpha * (r + (0 if terminated else gamma * Q[s_next, a_next]))
        return new

    softly = {"steps": 60, "n_seeds": 2, "checkpoints": 3, "boltzmann": boltzmann, "temperature": 0.5}
    softly |= {"greedy_policy": greedy_policy, "policy_evaluation": policy_evaluation}
    learn = {name: value for name, value in softly.items() if name not in ("boltzmann", "temperature")}
    learn |= {"epsilon_greedy": epsilon_greedy}
    plan = functools.partial
    runs = {
        "value_iteration": plan(planning.value_iteration, value_backup=value_backup, greedy_policy=greedy_policy),
        "q_iteration": plan(planning.q_iteration, q_backup=q_backup, greedy_policy=greedy_policy),
        "policy_iteration": plan(
            planning.policy_iteration, policy_evaluation=policy_evaluation, greedy_policy=greedy_policy
        ),
        "q_learning": plan(tabular.q_learning, q_learning_update=q_learning_update, **learn),
        "boltzmann": plan(tabular.q_learning, q_learning_update=q_learning_update, **softly),
        "sarsa": plan(tabular.sarsa, sarsa_update=sarsa_update, **learn),
        "expected_sarsa": plan(tabular.expected_sarsa, **learn),
        "double_q_learning": plan(tabular.double_q_learning, **learn),
    }
    results = {name: agent(mdp, gamma=0.9).Q.round(6).tolist() for name, agent in runs.items()}
    missing = {}
    for name, agent in runs.items():
        try:
            agent.func(mdp, gamma=0.9, **{"steps": 60} if "steps" in agent.keywords else {})
        except NotImplementedError as error:
            missing[name] = str(error)
    return {"results": results, "missing": missing}


def test_the_agents_run_with_a_students_functions_as_with_the_librarys(ps1):
    code = f"import json\n{inspect.getsource(drive_the_agents)}\nprint(json.dumps(drive_the_agents()))"
    in_edition, in_library = run(ps1, code), drive_the_agents()
    assert in_edition["results"] == in_library["results"]
    assert in_library["missing"] == {}
    assert set(in_edition["missing"]) == set(in_edition["results"]), "each says which function it lacks"
    assert all("ps1_q_iteration" in text for text in in_edition["missing"].values())
