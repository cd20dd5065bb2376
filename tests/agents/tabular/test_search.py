"""The cross-entropy method over a table: a grid, a lottery by hand; episodes add up; a student's mask drives it."""

import numpy as np
import pytest
import torch

from rlcourse.agents.tabular.search import play, tabular_cem
from rlcourse.functional.tabular import policy_evaluation
from rlcourse.worlds.grids import grid_world, random_mdp
from rlcourse.worlds.mdp import MDP, Outcomes

GRID = grid_world("S....\n.##..\n...#G")


def start_value(mdp: MDP, pi: np.ndarray, gamma: float) -> float:
    return float(mdp.rho0 @ policy_evaluation(mdp.P, mdp.R, pi, gamma))


@pytest.mark.parametrize("per_state", [False, True])
def test_the_table_finds_the_shortest_way(per_state):
    for seed in range(5):
        found = tabular_cem(GRID, 20, gamma=0.9, n_episodes=100, max_steps=50, per_state=per_state, seed=seed)
        likeliest = np.eye(4)[found.pi.argmax(axis=1)]
        assert start_value(GRID, likeliest, 0.9) == pytest.approx(0.9**5)  # six steps; the last one pays
        assert start_value(GRID, found.pi, 0.9) > 0.95 * 0.9**5
        np.testing.assert_allclose(found.policies.sum(axis=2), 1)


def bandit(win: float, pays: float) -> MDP:
    """Action 0 pays 1; action 1 pays `pays` with probability `win`, else 0 (a state apart); then it is over."""
    P, rewards = np.zeros((3, 2, 3)), np.zeros((3, 2, 3))
    P[0, 0, 1], P[0, 1, 1], P[0, 1, 2], P[1:, :, 1:] = 1, win, 1 - win, np.eye(2)[:, None]
    rewards[0, 0, 1], rewards[0, 1, 1] = 1, pays
    return MDP(P, rewards, np.eye(3)[0])


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.6])
def test_on_a_lottery_it_follows_the_quantile_as_computed_by_hand(fraction):
    """Winners are the elite, then those who played safe: the lottery's share p becomes min(1, win p / fraction)."""
    win, p = 0.3, 0.5
    settings = {"n_episodes": 20_000, "fraction": fraction, "smoothing": 0, "step_size": 1}
    found = tabular_cem(bandit(win, 2.0), 3, **settings)
    for policy in found.policies:
        assert policy[0, 1] == pytest.approx(p, abs=0.03)
        p = min(1.0, win * p / fraction)


def test_episodes_have_the_value_of_their_policy_and_add_up():
    mdp, gamma, rng = random_mdp(4, 2, seed=3), 0.8, np.random.default_rng(0)
    pi = rng.dirichlet(np.ones(2), size=4)
    s, a, to_go, played = play(mdp, Outcomes.of(mdp), pi, 4_000, gamma, 60, rng)
    assert s.shape == a.shape == to_go.shape == played.shape == (60, 4_000) and played.all()
    assert abs(to_go[0].mean() - start_value(mdp, pi, gamma)) < 4 * to_go[0].std() / np.sqrt(4_000)
    np.testing.assert_allclose(to_go[:-1] - gamma * to_go[1:], mdp.R[s, a][:-1])  # rewards depend on (s, a) alone

    s, _, to_go, played = play(GRID, Outcomes.of(GRID), np.full((15, 4), 0.25), 50, 1.0, 1000, rng)
    assert (to_go[0] == 1).all() and not (s[played] == 14).any()  # cell 14 is the goal: nothing is played there


def numpys_mask(scores, fraction):
    order = np.lexsort((np.arange(len(scores)), -np.asarray(scores)))
    mask = np.zeros(len(scores), bool)
    mask[order[: round(fraction * len(scores))]] = True
    return torch.from_numpy(mask)


def test_a_students_mask_drives_it_to_the_same_answer():
    settings = {"gamma": 0.9, "n_episodes": 50, "max_steps": 30}
    theirs, ours = tabular_cem(GRID, 5, elite_mask=numpys_mask, **settings), tabular_cem(GRID, 5, **settings)
    np.testing.assert_array_equal(theirs.policies, ours.policies)


def test_what_comes_back_in_another_shape_is_said():
    with pytest.raises(ValueError, match=r"elite_mask: got int64 \(3,\) back from it, expected True or False \(200,\)"):
        tabular_cem(GRID, 1, elite_mask=lambda scores, fraction: torch.tensor([0, 1, 2]))


@pytest.mark.parametrize(
    "change, says",
    [
        ({"n_episodes": 0}, "n_episodes: got 0"),
        ({"fraction": -0.1}, "fraction: got -0.1"),
        ({"smoothing": -1}, "smoothing: got -1"),
        ({"step_size": 2}, "step_size: got 2"),
        ({"max_steps": 0}, "max_steps: got 0"),
    ],
)
def test_settings_of_the_table_that_make_no_sense_are_said(change, says):
    with pytest.raises(ValueError, match=says):
        tabular_cem(GRID, 1, **change)
