"""Which line is the student's, which exercise a function is, and whether it can be called."""

import functools
import subprocess
import sys

import nbformat
import numpy as np
import pytest
import torch
from nbclient import NotebookClient

from rlcourse.functional.returns import gae as library_gae
from rlcourse.functional.tabular import greedy_policy as library_greedy
from rlcourse.homework.checks import check


def plain(function):
    return lambda *arguments: function(*arguments)


def with_wraps(function):
    return functools.wraps(function)(lambda *arguments: function(*arguments))


class Agent:
    def __call__(self, Q):
        return library_greedy(Q)

    def greedy_policy(self, Q):
        return library_greedy(Q)


def test_the_name_is_that_of_the_variable():
    greedy_policy = lambda Q: library_greedy(Q)  # noqa: E731
    assert check(greedy_policy).state == "correct"
    greedy_policy = functools.partial(library_greedy)
    assert check(greedy_policy).state == "correct"
    greedy_policy = plain(library_greedy)
    assert check(greedy_policy, part="values").state == "correct"
    greedy_policy = with_wraps(plain(library_greedy))
    assert check(function=greedy_policy).state == "correct"
    greedy_policy = Agent()
    assert check(greedy_policy).name == "greedy_policy"


def test_the_name_is_that_in_the_call():
    agent = Agent()
    assert check(agent.greedy_policy).state == "correct"
    assert check(functools.partial(agent.greedy_policy)).state == "correct"
    outcome = check(
        agent.greedy_policy,
        part="edges",
    )
    assert (outcome.name, outcome.state) == ("greedy_policy", "correct")


def test_the_name_needs_no_source():
    """As where cells are run without IPython: what the caller's variables know."""
    names = {"check": check, "greedy_policy": plain(library_greedy), "partial": functools.partial}
    exec(compile("found = [check(greedy_policy), check(f := greedy_policy)]", "<no source>", "exec"), names)
    assert [outcome.state for outcome in names["found"]] == ["correct"] * 2
    assert check(functools.partial(library_greedy)).state == "correct"


def test_a_scripted_function_is_checked():
    entropy = torch.jit.trace(lambda logits: -(logits.softmax(-1) * logits.log_softmax(-1)).sum(-1), torch.zeros(2, 3))
    assert check(entropy).name == "entropy"
    assert "log 3" not in check(entropy).reason


def test_several_values_may_be_stacked():
    from rlcourse.functional.search import cem_refit as refit

    def cem_refit(samples, scores, n_elite, min_std):
        return torch.stack(refit(samples, scores, n_elite, min_std))

    assert check(cem_refit).state == "correct"


def helper(Q):
    return Q[:, 99]


def test_the_line_is_the_students_not_the_librarys():
    def greedy_policy(Q):
        return np.linalg.inv(Q[0])

    reason = check(greedy_policy).reason
    assert "raised LinAlgError" in reason
    assert reason.endswith("test_student_code.py: return np.linalg.inv(Q[0])")
    assert check(lambda Q: helper(Q), "greedy_policy").reason.endswith("test_student_code.py: return Q[:, 99]")


def test_a_type_error_of_the_students_own_is_not_blamed_on_the_call():
    def greedy_policy(Q):
        return Q + None

    reason = check(greedy_policy).reason
    assert "it is called as" not in reason and reason.endswith("return Q + None")
    assert check(lambda Q, n: Q, "greedy_policy").reason.endswith("it is called as greedy_policy(Q)")
    outcome = check(lambda rewards, *rest: 1 + "", "gae")
    assert "it is called as" not in outcome.reason.split(", in line ")[0]
    # where it is run in a scenario: the library's complaint about what came back is none about the call
    assert "it is called as" not in check(lambda td_error, delta: {}, "huber_loss").reason
    assert check(library_gae).state == "correct"


def test_a_notebooks_cell_is_named_as_in_its_tracebacks(tmp_path):
    cells = [
        "from rlcourse.homework.checks import check",
        "def greedy_policy(Q):\n    missing = 3\n    return Q[missing]",
        "check(greedy_policy)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
    NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    text = notebook.cells[-1].outputs[0].text
    assert "in line 3 of cell In[2]: return Q[missing]" in text


@pytest.mark.parametrize("flag", ["-X no_debug_ranges", "-O"])
def test_a_name_is_found_under_any_flag_of_python(flag):
    code = "from rlcourse.homework.checks import check\ngreedy_policy = lambda Q: Q\ncheck(greedy_policy)"
    run = subprocess.run([sys.executable, *flag.split(), "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("greedy_policy: incorrect")
