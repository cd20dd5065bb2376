"""Walking through an MDP: one seed alone or among others, at the right frequencies, with the right flags."""

import numpy as np
import pytest

from rlcourse.parts.seeds import Seeds
from rlcourse.worlds import walks as module
from rlcourse.worlds.grids import chain, grid_world, random_mdp
from rlcourse.worlds.mdp import MDP, Outcomes
from rlcourse.worlds.walks import Walks, pick

GRID = "S..\n.#X\n..G"


def record(mdp, n_seeds, seed, steps, max_episode_steps=None, policy=None):
    """All transitions of a walk under a policy, columns [steps, K], and the state after each step."""
    walks = Walks(mdp, Seeds(seed, n_seeds)("walks"), max_episode_steps)
    pi = np.full(mdp.R.shape, 1 / mdp.n_actions) if policy is None else policy
    taken, after = [], [walks.state.copy()]
    for _ in range(steps):
        taken.append(walks.step(walks.choose(pi[walks.state])))
        after.append(walks.state.copy())
    return type(taken[0])(*(np.array(column) for column in zip(*taken, strict=True))), np.array(after)


@pytest.mark.parametrize("mdp", [grid_world(GRID, slip=0.3), random_mdp(9, 3, branching=4)], ids=["grid", "random"])
def test_seed_three_of_eight_is_that_seed_alone(mdp, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 16)  # so that many blocks of random numbers are drawn
    together, after = record(mdp, 8, seed=0, steps=100, max_episode_steps=7)
    alone, after_alone = record(mdp, 1, seed=3, steps=100, max_episode_steps=7)
    for of_all, of_one in zip(together, alone, strict=True):
        np.testing.assert_array_equal(of_all[:, 3], of_one[:, 0])
    np.testing.assert_array_equal(after[:, 3], after_alone[:, 0])
    assert any((together.a[:, 3] != together.a[:, k]).any() for k in range(3)), "the seeds differ"
    again, _ = record(mdp, 8, seed=0, steps=100, max_episode_steps=7)
    assert all((x == y).all() for x, y in zip(together, again, strict=True))


@pytest.mark.parametrize("branching", [None, 2], ids=["dense", "sparse"])
def test_frequencies_are_the_probabilities_within_a_binomial_bound(branching):
    mdp = random_mdp(4, 2, branching, seed=5)
    pi = np.array([[0.3, 0.7], [0.5, 0.5], [1.0, 0.0], [0.9, 0.1]])
    steps, _ = record(mdp, 50, seed=1, steps=400, policy=pi)
    counts = np.zeros((4, 2, 4))
    np.add.at(counts, (steps.s, steps.a, steps.s_next), 1)

    def within(seen, trials, p):
        return (np.abs(seen - trials * p) <= 4.5 * np.sqrt(trials * p * (1 - p)) + 1e-9).all()

    assert within(counts, counts.sum(axis=2, keepdims=True), mdp.dense)
    assert within(counts.sum(axis=2), counts.sum(axis=(1, 2))[:, None], pi)
    np.testing.assert_array_equal(steps.r, mdp.R[steps.s, steps.a])


def test_first_states_follow_rho0_at_the_start_and_after_every_end():
    mdp = grid_world("SS#\n.SG")  # three first cells of four
    first = Walks(mdp, Seeds(0, 3000)("walks")).state
    _, after = record(mdp, 300, seed=7, steps=40)
    again = after[1:][record(mdp, 300, seed=7, steps=40)[0].terminated]
    for states in (first, again):
        counts = np.bincount(states, minlength=6)
        assert set(np.flatnonzero(counts)) == {0, 1, 4}
        error = 4.5 * np.sqrt(len(states) * (1 / 3) * (2 / 3))
        assert (np.abs(counts[[0, 1, 4]] - len(states) / 3) <= error).all()


def test_where_an_episode_begins_does_not_depend_on_how_the_last_one_ended():
    P = np.eye(4)[:, None, :]
    P[:2, 0] = [0, 0, 0.5, 0.5]
    steps, after = record(MDP(P, np.array([[1.0], [1], [0], [0]]), [0.5, 0.5, 0, 0]), 40, seed=2, steps=200)
    joint = np.zeros((4, 2))
    np.add.at(joint, (steps.s_next, after[1:]), 1)
    n = steps.r.size
    assert (np.abs(joint[2:] - n / 4) <= 4.5 * np.sqrt(n * (1 / 4) * (3 / 4))).all()


def test_s_next_is_the_state_really_reached_and_state_where_one_stands():
    mdp = grid_world(GRID, slip=0.2)
    steps, after = record(mdp, 20, seed=0, steps=300, max_episode_steps=9)
    over = steps.terminated | steps.truncated
    np.testing.assert_array_equal(steps.s, after[:-1])
    assert (mdp.dense[steps.s, steps.a, steps.s_next] > 0).all(), "a step that the MDP does not have"
    np.testing.assert_array_equal(steps.terminated, mdp.terminal[steps.s_next])
    assert (after[1:][over] == 0).all(), "a new episode begins at S"
    np.testing.assert_array_equal(after[1:][~over], steps.s_next[~over])
    assert (steps.s_next[over] != 0).any(), "s_next is not the state of the reset"


def test_truncation_is_the_limit_and_termination_the_end_and_never_both():
    right = np.tile([0.0, 1], (7, 1))  # the chain's middle is three steps from its right end
    for limit, terminated, truncated in [
        (None, [0, 0, 1] * 4, [0] * 12),
        (3, [0, 0, 1] * 4, [0] * 12),  # on the last step allowed it ends by itself: no truncation
        (4, [0, 0, 1] * 4, [0] * 12),
        (2, [0] * 12, [0, 1] * 6),
        (1, [0] * 12, [1] * 12),
    ]:
        steps, _ = record(chain(5), 2, 0, 12, limit, right)
        for k in range(2):
            assert steps.terminated[:, k].tolist() == terminated and steps.truncated[:, k].tolist() == truncated
    assert steps.terminated.dtype == steps.truncated.dtype == bool


def test_each_transition_pays_its_own_reward():
    P = np.array([[[0.5, 0.5]], [[1, 0]]])
    steps, _ = record(MDP(P, np.array([[[8.0, 4.0]], [[5.0, 0.0]]]), [1, 0]), 4, 0, 50)
    assert set(zip(steps.s.ravel(), steps.s_next.ravel(), steps.r.ravel(), strict=True)) == {
        (0, 0, 8),
        (0, 1, 4),
        (1, 0, 5),
    }


def test_pick_never_takes_what_cannot_happen():
    cumulative = np.array([[0.0, 0.5, np.inf]])
    assert [int(pick(cumulative, np.array([u]))[0]) for u in (0.0, 0.49, 0.5, 0.999)] == [1, 1, 2, 2]
    outcomes = Outcomes.of(random_mdp(30, 2, branching=7))
    assert (pick(outcomes.cumulative, np.full(60, np.nextafter(1, 0))) == 6).all(), "rounding left a gap at the end"
    ragged = Outcomes.of(grid_world(GRID, slip=0.2))
    last = ragged.successor[np.arange(36), pick(ragged.cumulative, np.full(36, np.nextafter(1, 0)))]
    assert (grid_world(GRID, slip=0.2).rows[np.arange(36), last] > 0).all()


def test_choosing_again_uses_the_same_draw():
    walks = Walks(chain(), Seeds(0, 64)("walks"))
    pi = np.full((64, 2), 0.5)
    first = walks.choose(pi)
    assert (walks.choose(pi, again=True) == first).all() and (walks.choose(pi) != first).any()
    assert walks.spare_uniform().shape == (64,)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="generators: got none, expected at least 1"):
        Walks(chain(), [])
    with pytest.raises(ValueError, match="max_episode_steps: got 0, expected at least 1"):
        Walks(chain(), Seeds()("walks"), max_episode_steps=0)
    with pytest.raises(ValueError, match="max_steps: got 0, expected at least 1"):
        chain().env(max_steps=0)
