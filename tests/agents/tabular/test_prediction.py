"""Prediction: Monte Carlo and TD(0) against i / (n + 1), averages counted by hand, and episodes cut short."""

import re

import numpy as np
import pytest

from rlcourse.agents.tabular.prediction import monte_carlo_prediction, sample_episodes, td0_prediction
from rlcourse.worlds.grids import chain, grid_world, random_mdp
from rlcourse.worlds.mdp import MDP

close = np.testing.assert_allclose
WALK = chain(5)
FAIR = np.full((7, 2), 0.5)
RIGHTWARDS = np.tile([0.0, 1], (7, 1))


def test_monte_carlo_comes_to_i_over_n_plus_one():
    V = monte_carlo_prediction(WALK, FAIR, 1.0, 300)
    assert V.shape == (8, 301, 7)
    want = np.arange(7) / 6
    # 2,400 independent episodes; the walk passes the middle in each of them, and any inner cell about as often
    close(V[:, -1, 1:-1].mean(axis=0), want[1:-1], atol=4.5 * np.sqrt(0.25 / 2400))
    assert not V[:, :, [0, -1]].any()


def test_td_comes_to_i_over_n_plus_one():
    V = td0_prediction(WALK, FAIR, 1.0, 400, alpha=0.05, V0=0.5)
    close(V[:, 200:, 1:-1].mean(axis=(0, 1)), np.arange(1, 6) / 6, atol=0.02)  # means over seeds and episodes
    assert (V[:, 0, 1:-1] == 0.5).all() and not V[:, :, [0, -1]].any()


def test_monte_carlo_is_the_average_of_the_returns_after_every_visit():
    mdp = grid_world("S..\n.#X\n..G", slip=0.2, step_reward=-0.1)
    pi = np.random.default_rng(0).dirichlet(np.ones(4), size=9)
    V = monte_carlo_prediction(mdp, pi, 0.9, 30, n_seeds=2, seed=5)
    for k, episodes in enumerate(sample_episodes(mdp, pi, 30, n_seeds=2, seed=5)):
        returns = {s: [] for s in range(9)}
        for episode in episodes:
            for t, s in enumerate(episode.states[:-1]):
                returns[int(s)].append(sum(0.9**i * r for i, r in enumerate(episode.rewards[t:])))
        for s, of_state in returns.items():
            assert V[k, -1, s] == pytest.approx(np.mean(of_state) if of_state else 0.0)


def test_the_first_sweeps_by_hand():
    mc = monte_carlo_prediction(WALK, RIGHTWARDS, 0.5, 2, alpha=0.5, n_seeds=1)[0]
    close(mc[:, 3:6], [[0, 0, 0], [0.125, 0.25, 0.5], [0.1875, 0.375, 0.75]])  # returns 0.25, 0.5, 1, halfway each time
    td = td0_prediction(WALK, RIGHTWARDS, 0.5, 3, alpha=0.5, n_seeds=1)[0]
    close(td[:, 3:6], [[0, 0, 0], [0, 0, 0.5], [0, 0.125, 0.75], [0.03125, 0.25, 0.875]])  # one cell an episode
    close(monte_carlo_prediction(WALK, RIGHTWARDS, 0.9, 1, n_seeds=1)[0, -1, 3:6], [0.81, 0.9, 1])


def test_a_truncated_episode_has_no_return_but_td_bootstraps_from_where_it_was_cut():
    never_ends = MDP(np.array([[[0.0, 1, 0]], [[0, 1, 0]], [[0, 0, 1]]]), np.array([[1.0], [1], [0]]), [1, 0, 0])
    pi = np.ones((3, 1))
    td = td0_prediction(never_ends, pi, 0.5, 60, alpha=0.5, V0=6.0, max_episode_steps=1)
    close(td[:, -1], [[1 + 0.5 * 6, 6, 0]] * 8)
    mc = monte_carlo_prediction(never_ends, pi, 0.5, 60, V0=6.0, max_episode_steps=1)
    assert (mc == [6, 6, 0]).all()
    ends = monte_carlo_prediction(WALK, RIGHTWARDS, 1.0, 5, max_episode_steps=3)
    assert (ends[:, -1, 3:6] == 1).all(), "an end on the last step allowed is an end"


def test_both_see_the_same_episodes_and_each_seed_its_own():
    mdp = grid_world("S..\n.#X\n..G", slip=0.2)
    pi = np.full((9, 4), 0.25)
    together, alone = sample_episodes(mdp, pi, 6, n_seeds=5), sample_episodes(mdp, pi, 6, n_seeds=1, seed=3)
    for ours, theirs in zip(together[3], alone[0], strict=True):
        assert ours.states.tolist() == theirs.states.tolist() and ours.rewards.tolist() == theirs.rewards.tolist()
    assert [len(e.rewards) for e in together[0]] != [len(e.rewards) for e in together[3]]
    for method in (monte_carlo_prediction, td0_prediction):
        close(method(mdp, pi, 0.9, 6, n_seeds=5)[3], method(mdp, pi, 0.9, 6, n_seeds=1, seed=3)[0])


def test_episodes_are_whole():
    mdp = grid_world("S..\n.#X\n..G", slip=0.2)
    for episodes in sample_episodes(mdp, np.full((9, 4), 0.25), 20, max_episode_steps=12):
        assert len(episodes) == 20
        for episode in episodes:
            assert len(episode.states) == len(episode.rewards) + 1 <= 13 and episode.states[0] == 0
            assert episode.terminated == mdp.terminal[episode.states[-1]]
            assert not mdp.terminal[episode.states[:-1]].any()
            assert episode.terminated or len(episode.rewards) == 12
            for s, s_next in zip(episode.states[:-1], episode.states[1:], strict=True):
                assert mdp.dense[s, :, s_next].any()


@pytest.mark.parametrize("method", [monte_carlo_prediction, td0_prediction], ids=lambda f: f.__name__)
@pytest.mark.parametrize(
    "changed, name, came",
    [
        ({"gamma": 1.5}, "gamma", "1.5"),
        ({"gamma": np.nan}, "gamma", "NaN"),
        ({"alpha": 0}, "alpha", "0"),
        ({"alpha": 2}, "alpha", "2"),
        ({"V0": np.nan}, "V0", "NaN"),
        ({"n_episodes": 0}, "n_episodes", "0"),
        ({"n_episodes": -3}, "n_episodes", "-3"),
        ({"n_seeds": 0}, "n_seeds", "0"),
        ({"n_seeds": -1}, "n_seeds", "-1"),
        ({"max_episode_steps": 0}, "max_episode_steps", "0"),
        ({"pi": FAIR[:3]}, "pi", "shape (3, 2)"),
        ({"pi": FAIR * 2}, "pi", "off 1 by 1"),
        ({"mdp": random_mdp(7, 2)}, "max_episode_steps", "None"),
    ],
)
def test_bad_input_is_named(method, changed, name, came):
    with pytest.raises(ValueError) as error:
        method(**{"mdp": WALK, "pi": FAIR, "gamma": 0.9, "n_episodes": 5, **changed})
    named, got, expected = re.fullmatch(r"(.*?): got (.*), expected (.*)", str(error.value)).groups()
    assert named == name and came in got and expected, str(error.value)
