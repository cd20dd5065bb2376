import pytest

from rlcourse.cli import main
from rlcourse.homework.catalogue import catalogue


def test_exercises_lists_every_graded_function_once(capsys):
    assert main(["exercises"]) == 0
    heading, *rows = capsys.readouterr().out.splitlines()
    assert heading.split() == ["function", "lecture", "problem", "set", "points", "what", "it", "is"]
    assert [row.split()[0] for row in rows] == list(catalogue())


def test_exercises_shows_where_a_function_is_taught_and_what_it_is_worth(capsys):
    main(["exercises", "ps1"])
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert rows["q_backup"].split()[1:4] == ["01", "ps1", "3"]
    assert rows["q_backup"].endswith("One sweep of Q-iteration, the Bellman optimality operator T* on Q.")
    # Not asked for: no points stand in the column, and the columns stay aligned.
    assert rows["value_backup"].split()[1:4] == ["01", "ps1", "One"]
    assert rows["value_backup"].index("One sweep") == rows["q_backup"].index("One sweep")


def test_a_problem_set_without_functions_says_so(capsys, monkeypatch):
    monkeypatch.setattr("rlcourse.contracts.graded.CATALOGUE", {})
    assert main(["exercises", "ps7"]) == 0
    assert capsys.readouterr().out == "ps7 has no functions yet\n"


@pytest.mark.parametrize(
    ("arguments", "came", "expected"),
    [
        (["exercises", "ps9"], "'ps9'", "ps7"),
        (["exrcises"], "'exrcises'", "exercises"),
        ([], "COMMAND", "required"),
        (["exercises", "ps1", "--loud"], "--loud", "unrecognized"),
    ],
)
def test_bad_input_names_what_came_and_what_was_expected(arguments, came, expected, capsys):
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    printed = capsys.readouterr()
    assert exit.value.code == 2
    assert printed.out == ""
    assert came in printed.err
    assert expected in printed.err
