"""The search for answers in what is handed out finds them under other names, and nothing else."""

import ast
import builtins

import pytest

from rlcourse.staff import answers, edition

BODIES = list(answers.graded_bodies(["ps1"], edition.PACKAGE))
SOURCE = "\n".join((edition.PACKAGE / "functional" / name).read_text() for name in ("tabular.py",))
FUNCTIONS = {node.name: node for node, _, _ in answers.graded_functions(ast.parse(SOURCE))}
Q_BACKUP = [answer for answer in BODIES if answer.what.endswith(" q_backup")]


class Rename(ast.NodeTransformer):
    """Other names for everything that is not Python's or NumPy's."""

    def name(self, old: str) -> str:
        return old if old == "np" or hasattr(builtins, old) else f"{old}_of_mine"

    def visit_Name(self, node):
        node.id = self.name(node.id)
        return node

    def visit_arg(self, node):
        node.arg, node.annotation = self.name(node.arg), None
        return node


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_graded_body_is_found_under_other_names(name):
    function = ast.parse(ast.unparse(FUNCTIONS[name])).body[0]
    function.decorator_list, function.name = [], "mine"
    found = answers.find(ast.unparse(Rename().visit(function)), BODIES)
    assert f"the body of {name}" in [what for _, what in found]


@pytest.mark.parametrize(
    "source",
    [
        "backup = lambda T, r, values, g: r + g * (T @ values.max(axis=1)).reshape(r.shape)",
        "new = rewards + g * (T @ table.max(axis=1)).reshape(rewards.shape)",
        "print((rewards + g * (T @ table.max(axis=1)).reshape(rewards.shape)).round(2))",
        "class A:\n    def f(self, T, r, q, g: float) -> list:\n        'text'\n"
        "        if g:\n            return r + g * (T @ q.max(axis=1)).reshape(r.shape)",
        "x = 1  # return R + gamma * (P @ Q.max(axis=1)).reshape(R.shape)",
    ],
)
def test_q_backup_is_found_in_every_dress(source):
    assert [what for _, what in answers.find(source, Q_BACKUP)] == ["the body of q_backup"]


@pytest.mark.parametrize(
    "source",
    [
        "new = R + gamma * (P @ V).reshape(R.shape)",
        "new = R + gamma * (P @ Q.min(axis=1)).reshape(R.shape)",
        "new = R + gamma * (P @ Q.max(axis=0)).reshape(R.shape)",
        "new = R + gamma * (P @ Q.max(axis=1)).reshape(Q.shape)",  # another variable stands there twice
        "new = R + gamma * (P @ R.max(axis=1)).reshape(R.shape)",
    ],
)
def test_what_is_nearly_q_backup_is_not_it(source):
    assert answers.find(source, Q_BACKUP) == []


def test_statements_are_found_in_a_bigger_function_with_others_between():
    source = """
def learn(table, x, y, reward, z, over, rate, discount):
    print("before")
    aim = reward + discount * (1 - over) * table[z].max(axis=-1)
    print(aim)
    copy = table.copy()
    copy[x, y] += rate * (aim - table[x, y])
    return copy
"""
    body = [answer for answer in BODIES if answer.what.endswith("q_learning_update")]
    assert answers.find(source, body) == [(8, "the body of q_learning_update")]
    assert answers.find(source.replace("copy[x, y] +=", "copy[x, y] -="), body) == []


def wrong_maximum(P, R, Q, gamma):
    """What a misconception looks like."""
    return Q.max(axis=0)


def test_a_misconception_counts_as_a_whole_function_only():
    secret = list(answers.of_function("the misconception", wrong_maximum))
    assert answers.find("def f(a, b, c, d):\n    return c.max(axis=0)", secret) == [(2, "the misconception")]
    assert answers.find("f = lambda c: c.max(axis=0)", secret) == [(1, "the misconception")]
    assert answers.find("best = Q.max(axis=0)", secret) == []


def test_a_lambda_may_be_a_misconception():
    wrong = (lambda q, epsilon: epsilon / (q.shape[-1] - 1), 1)[0]
    secret = list(answers.of_function("the misconception", wrong))
    assert [what for _, what in answers.find("f = lambda x, e: e / (x.shape[-1] - 1)", secret)] == ["the misconception"]
