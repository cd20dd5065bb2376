"""A student's functions as the library finds them: which cells are run, what comes of them, what a kernel remembers."""

import ast
import json
import pickle

import numpy as np
import pytest
import torch

from rlcourse.functional import tabular
from rlcourse.homework import mine, recorded
from rlcourse.homework.catalogue import catalogue
from rlcourse.homework.follows import FOLLOWS

catalogue()  # a bundle's functions are in it before they are asked for

SETUP = "import numpy as np\nfrom rlcourse.homework.checks import check"
GREEDY = """def greedy_policy(Q):
    return share(Q == Q.max(axis=-1, keepdims=True))"""
SHARE = "def share(x):\n    return x / np.sum(x, axis=-1, keepdims=True)"


def cell(source: str, kind: str = "code", **nbgrader) -> dict:
    return {"cell_type": kind, "id": "x", "source": source.splitlines(True), "metadata": {"nbgrader": nbgrader}}


def write(path, *cells: dict | str) -> None:
    cells = [cell(one) if isinstance(one, str) else one for one in cells]
    path.write_text(json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}))


@pytest.mark.parametrize(
    ("source", "bound", "used"),
    [
        ("x = [k * y for k in z]", {"x"}, {"y", "z"}),
        ("def f(a):\n    b = a\n    return lambda c: b + c + d", {"f"}, {"d"}),
        ("import a.b as c\nfrom d import e\nclass G(h): pass", {"c", "e", "G"}, {"h"}),
        ("for i in (w := q): t[i] = 1", {"i", "w"}, {"q", "t", "i"}),
        ("def f(n):\n    return f(n - 1)", {"f"}, {"f"}),
    ],
)
def test_names_bound_and_used(source, bound, used):
    assert recorded.names_in(source) == (bound, used)


def test_the_cells_that_define_the_exercises_are_run_and_no_others(tmp_path):
    path = tmp_path / "ps1_q_iteration.ipynb"
    write(
        path,
        cell(SETUP, locked=True),
        cell("# Intro\n\n## 1. Backups\n", "markdown"),
        cell("%matplotlib inline\n!pip list\n" + SHARE),  # a helper that was added
        "Q = np.eye(3)\nprint(greedy_policy(Q))",  # tried: binds a name that no function uses
        cell("## 2. The greedy policy", "markdown"),
        cell(GREEDY, solution=True),
        cell("check(greedy_policy)", grade=True),
        cell("policy = greedy_policy(np.ones(2))\nshare = None", grade=True),
        "raise SystemExit",
        "this is no Python",
    )
    cells, tasks = mine.cells_for({"greedy_policy", "q_backup"}, path)
    assert [text.strip() for text in cells] == [SETUP, SHARE, GREEDY]
    assert tasks == {"greedy_policy": "2"}
    greedy = mine.run(cells)["greedy_policy"]
    assert greedy(np.array([[1.0, 1.0], [0.0, 1.0]])).tolist() == [[0.5, 0.5], [0.0, 1.0]]


def test_a_cell_that_raises_costs_what_it_did_not_define():
    defined = mine.run(["a = 1\nb = 1 / 0", "c = a + 1", "d = b"])
    assert (defined["a"], defined["c"]) == (1, 2)
    assert "b" not in defined and "d" not in defined


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"cells": [1]}', '{"cells": [{}]}', "\x89PNG"])
def test_what_is_no_notebook_defines_nothing(tmp_path, text):
    (tmp_path / "a.ipynb").write_text(text)
    assert mine.cells_for({"q_backup"}, tmp_path / "a.ipynb") == ([], {})
    assert mine.cells_for({"q_backup"}, tmp_path / "none.ipynb") == ([], {})


def test_where_there_is_no_bundle_it_is_said_whose_exercise_it_is(tmp_path, monkeypatch):
    (tmp_path / "lectures").mkdir()
    monkeypatch.chdir(tmp_path / "lectures")
    for name, why in {
        "q_backup": "is an exercise of ps1_q_iteration: pass your own",
        "sarsa_update": "comes with the answers of ps1_q_iteration",
    }.items():
        with pytest.raises(mine.NotWritten, match=f"{name} {why}"):
            mine.mine(name)
    assert issubclass(mine.NotWritten, NotImplementedError)
    error = pickle.loads(pickle.dumps(mine.NotWritten("why")))  # it may come from another process
    assert error._render_traceback_() == ["why"]


def test_what_comes_back_is_what_the_library_returns():
    """Lists, arrays and other precisions become tensors of the arguments' precision; gradients are kept."""
    scores, two = torch.tensor([1.0, 3.0, 2.0]), torch.arange(6.0).reshape(3, 2)
    mask = mine.in_place_of("elite_mask", lambda scores, fraction: [0, 1, 0])(scores, 0.3)
    assert mask.dtype == torch.bool and two[mask].tolist() == [[2.0, 3.0]]
    for returned in (([1, 2], [3.0, 4.0]), (np.ones(2), [torch.tensor(1.0), 2.0]), torch.ones(2, 2)):
        mean, std = mine.in_place_of("cem_refit", lambda *_, out=returned: out)(two.double(), scores.double(), 1, 0.1)
        assert mean.dtype == std.dtype == torch.float64 and mean.shape == std.shape == (2,)
    log_prob = torch.zeros(2, requires_grad=True)
    entropies = mine.in_place_of("entropy", lambda x: [x[0] * 2, x[1] * 3])(log_prob)
    entropies.sum().backward()
    assert log_prob.grad.tolist() == [2.0, 3.0]
    assert mine.in_place_of("q_backup", lambda *_: [[1, 2]])(0, 0, 0, 0).dtype == float


@pytest.mark.parametrize(
    ("source", "line", "not_made"),
    [
        ("a = 1\nb = f(a)\nc = b", 2, {"a", "b", "c"}),  # a may have been changed by f
        ("import a\ndef b(): pass\nc = 1\nd = b(a)", 4, {"d"}),
        ("steps.append(f())", 1, {"steps"}),
        ("table[s].row[0] = f(world)", 1, {"table"}),
        ("for run in runs:\n    results[run] = f(run)\nplt.show()", 2, {"run", "results"}),
        ("a = 1\nb = 2\nprint(f(b))", 3, {"b"}),
    ],
)
def test_what_a_cell_that_stopped_did_not_make(source, line, not_made):
    assert recorded.not_made(ast.parse(source).body, line) == not_made


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("for x, y in xs:\n    z = f(x)\n    if z: break", ["x, y = xs", "z = f(x)", "z", "break"]),
        ("with style() as s, b:\n    a.x = s", ["s = style()", "_ = b", "a.x = s"]),
        ("while x > 1:\n    x -= 1\nelse:\n    y = x", ["x > 1", "x -= 1", "y = x"]),
        ("def f(x):\n    return y", ["def f(x):\n    return y"]),
    ],
)
def test_the_parts_of_a_statement(source, parts):
    [statement] = ast.parse(source).body
    assert [ast.unparse(part) for part in recorded.parts(statement)] == parts
    for part in parts:
        recorded.names_in(part)


def test_what_follows_from_an_exercise_is_what_the_library_computes():
    rng = np.random.default_rng(0)
    P, pi = rng.dirichlet(np.ones(4), (4, 3)), rng.dirichlet(np.ones(3), 4)
    R, Q = rng.normal(size=(2, 4, 3))
    calls = {
        "value_backup": (P, R, Q[:, 0], 0.9),
        "policy_backup": (P, R, Q, pi, 0.9),
        "bellman_residual": (P, R, Q, 0.9),
        "sarsa_update": (Q, 2, 1, 0.5, 2, 0, False, 0.3, 0.9),
        "epsilon_soft": (Q[0], 0.3),
    }
    ratio, advantage, kl, step = (torch.from_numpy(rng.uniform(0.1, 2, 6)) for _ in range(4))
    calls |= {
        "kl_penalty_loss": (ratio, advantage, kl, 0.3),
        "kfac_step_size": (step, 3 * step * ratio, 0.01, 0.25),
    }
    assert calls.keys() == FOLLOWS.keys()
    for name, arguments in calls.items():
        got = FOLLOWS[name](lambda exercise: catalogue()[exercise].function.body, *arguments)
        np.testing.assert_allclose(got, catalogue()[name].function(*arguments), err_msg=name)
    for arguments in ((step, 1e-6 * step, 0.01, 0.25), (0 * step, 0 * step, 0.01, 0.25)):
        assert FOLLOWS["kfac_step_size"](lambda _: catalogue()["natural_step"].function.body, *arguments) == 0.25
    ended = FOLLOWS["sarsa_update"](lambda _: tabular.q_learning_update.body, Q, 2, 1, 0.5, 2, 0, True, 0.3, 0.9)
    np.testing.assert_allclose(ended, tabular.sarsa_update(Q, 2, 1, 0.5, 2, 0, True, 0.3, 0.9))
