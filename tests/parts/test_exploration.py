import numpy as np

from rlcourse.functional.tabular import epsilon_greedy
from rlcourse.parts.exploration import draw, each_state


def test_a_students_rule_sees_one_state_at_a_time():
    q = np.array([[1.0, 3.0, 2.0], [0.0, 0.0, -1.0]])

    def mine(row, epsilon):
        best = [a for a in range(3) if row[a] == max(row)]
        return [epsilon / 3 + (1 - epsilon) / len(best) * (a in best) for a in range(3)]

    np.testing.assert_allclose(each_state(mine, q, 0.3), each_state(epsilon_greedy, q, 0.3))
    np.testing.assert_allclose(each_state(mine, q, 0.3).sum(axis=1), 1)


def test_actions_are_drawn_as_likely_as_they_are():
    probabilities = np.tile([0.2, 0.0, 0.5, 0.3], (100_000, 1))
    drawn = draw(probabilities, np.random.default_rng(0).random(100_000))
    np.testing.assert_allclose(np.bincount(drawn, minlength=4) / 100_000, [0.2, 0, 0.5, 0.3], atol=0.006)
    assert draw(np.array([[0.0, 1.0]]), np.array([0.0])).tolist() == [1]
