"""The @graded marker: the catalogue, and checks that cost a loop nothing."""

import inspect

import numpy as np
import pytest

from rlcourse.contracts import graded as marker
from rlcourse.contracts.graded import PROBLEM_SETS, equation, graded
from rlcourse.contracts.inputs import Array, Number
from rlcourse.functional import tabular
from rlcourse.homework.catalogue import catalogue

TABULAR = (
    "policy_evaluation value_backup q_backup policy_backup bellman_residual greedy_policy state_visitation "
    "q_learning_update sarsa_update epsilon_greedy epsilon_soft boltzmann"
).split()


@pytest.fixture
def own_catalogue(monkeypatch):
    """A catalogue of the test's own, so that nothing marked here turns up among the exercises."""
    monkeypatch.setattr(marker, "CATALOGUE", {})


def test_catalogue_holds_every_tabular_name():
    exercises = catalogue()
    assert set(TABULAR) <= set(exercises)
    for name in TABULAR:
        exercise = exercises[name]
        assert exercise.function is getattr(tabular, name)
        assert exercise.problem_set == "ps1" and exercise.lecture in {"01", "02"} and exercise.points >= 0


def test_catalogue_comes_in_the_order_of_the_course():
    order = [(exercise.problem_set, exercise.lecture) for exercise in catalogue().values()]
    assert order == sorted(order) and {problem_set for problem_set, _ in order} <= set(PROBLEM_SETS)


def test_every_argument_of_every_graded_function_is_documented():
    for exercise in catalogue().values():
        text = inspect.getdoc(exercise.function)
        assert ".. math::" in text and "Source:" in text and "Raises:" in text, exercise.name
        for argument in inspect.signature(exercise.function).parameters:
            assert f"    {argument}: " in text, f"{exercise.name} says nothing about {argument}"


def test_the_checked_function_keeps_its_name_and_signature(own_catalogue):
    @graded(lecture="01", problem_set="ps1", x=Array("N"))
    def doubled(x, factor=2.0):
        """Twice x."""
        return factor * x

    assert doubled.__name__ == "doubled" and doubled.__doc__ == "Twice x."
    assert list(inspect.signature(doubled).parameters) == ["x", "factor"]
    assert doubled([1, 2]).tolist() == doubled(x=[1, 2], factor=2.0).tolist() == [2.0, 4.0]
    assert doubled.exercise.points == 0


def test_body_is_the_equation_without_its_checks(own_catalogue):
    @graded(lecture="01", problem_set="ps1", x=Number(0, 1))
    def f(x):
        return x

    with pytest.raises(ValueError, match="x: got 2, expected numbers in"):
        f(2)
    assert equation(f)(2) == 2 and equation(f) is f.body
    assert equation(len) is len, "a student's function is its own body"


def test_require_sees_all_arguments_after_their_checks(own_catalogue):
    seen = {}

    @graded(lecture="01", problem_set="ps1", require=lambda **arguments: seen.update(arguments), x=Array("N"))
    def f(x, y=3):
        return x.sum() + y

    assert f([1, 2]) == 6
    assert isinstance(seen["x"], np.ndarray) and seen["y"] == 3


@pytest.mark.parametrize(
    "settings", [{"problem_set": "ps1", "z": Number()}, {"problem_set": "ps99"}], ids=["argument", "problem set"]
)
def test_an_author_slip_shows_at_once(own_catalogue, settings):
    with pytest.raises(TypeError, match="f"):

        @graded(lecture="01", **settings)
        def f(x):
            return x


def test_a_name_stands_for_one_exercise(own_catalogue):
    def f(x):
        return x

    graded(lecture="01", problem_set="ps1")(f)
    with pytest.raises(TypeError, match="twice"):
        graded(lecture="02", problem_set="ps1")(f)
