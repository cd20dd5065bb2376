"""The MDPs: grids by hand, Gymnasium's tables against a sweep over those tables, and each as an environment."""

import re
from collections import Counter

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from scipy.sparse import csr_array, csr_matrix

from rlcourse.functional.tabular import policy_evaluation, value_backup
from rlcourse.worlds import mdp as module
from rlcourse.worlds.grids import chain, cliff_walk, grid_world, random_mdp, two_state_world
from rlcourse.worlds.mdp import MDP
from rlcourse.worlds.toy_text import from_gymnasium

close = np.testing.assert_allclose
UP, RIGHT, DOWN, LEFT = range(4)


def newest(family):
    """The id of the newest registered version: Gymnasium drops old ones (Taxi-v3 until 1.2, Taxi-v4 from 1.3 on)."""
    versions = [int(name.split("-v")[1]) for name in gymnasium.registry if re.fullmatch(rf"{family}-v\d+", name)]
    return f"{family}-v{max(versions)}"


TOY_TEXT = {
    "lake": ("FrozenLake", {}),
    "large lake": ("FrozenLake8x8", {}),
    "dry lake": ("FrozenLake", {"is_slippery": False}),
    "cliff": ("CliffWalking", {}),
    "taxi": ("Taxi", {}),
}
TOY_TEXT = {name: (newest(family), options) for name, (family, options) in TOY_TEXT.items()}
BUILT = {
    "grid": lambda: grid_world("S.#\n.XG", slip=0.2, step_reward=-0.1),
    "grid without S": lambda: grid_world("..G"),
    "cliff walk": cliff_walk,
    "two states": two_state_world,
    "chain": lambda: chain(4, slip=0.1),
    "random": lambda: random_mdp(6, 3, seed=1),
    "random, sparse": lambda: random_mdp(6, 3, branching=2, seed=1),
}


def make(name):
    family, options = TOY_TEXT[name]
    return gymnasium.make(family, **options)


def swept(table, gamma):
    """Optimal values of a table P[s][a] = [(p, s', r, done), ..] by sweeps over its entries; done ends the sum."""
    V = dict.fromkeys(table, 0.0)
    change = 1.0
    while change > 1e-10:
        new = {
            s: max(
                sum(p * (r + gamma * (0.0 if done else V[int(n)])) for p, n, r, done in branches)
                for branches in actions.values()
            )
            for s, actions in table.items()
        }
        change = max(abs(new[s] - V[s]) for s in table)
        V = new
    return V


def optimal(mdp, gamma):
    V, change = np.zeros(mdp.n_states), 1.0
    while change > 1e-10:
        new = value_backup.body(mdp.rows, mdp.R, V, gamma)
        V, change = new, np.abs(new - V).max()
    return V


# From Gymnasium


@pytest.mark.parametrize(
    "name, ended",
    [
        ("lake", [5, 7, 11, 12, 15]),  # the letters H and G of SFFF FHFH FFFH HFFG
        ("dry lake", [5, 7, 11, 12, 15]),
        ("large lake", [19, 29, 35, 41, 42, 46, 49, 52, 54, 59, 63]),
        ("cliff", [47]),
        ("taxi", [500]),  # one state more: its places of arrival are also driven through
    ],
)
def test_tables_of_gymnasium_keep_their_values(name, ended):
    env = make(name)
    mdp = from_gymnasium(env)
    close(mdp.dense.sum(axis=2), 1)
    assert (mdp.dense >= 0).all()
    assert np.flatnonzero(mdp.terminal).tolist() == ended
    V, want = optimal(mdp, 0.95), swept(env.unwrapped.P, 0.95)
    assert (V[ended] == 0).all(), "what has ended is worth nothing"
    for s in want:
        if s not in ended:
            assert V[s] == pytest.approx(want[s], abs=1e-7), f"state {s}"
    close(mdp.rho0[: len(want)], env.unwrapped.initial_state_distrib)


def test_the_taxi_that_never_stops_earning():
    env = make("taxi")
    mdp = from_gymnasium(env)
    honest = mdp.rho0 @ optimal(mdp, 0.99)
    entries = [
        (s * mdp.n_actions + a, n, p, r)
        for s, actions in env.unwrapped.P.items()
        for a, branches in actions.items()
        for p, n, r, _ in branches  # reading naively: done is overlooked
    ]
    pair, successor, p, r = (np.array(column) for column in zip(*entries, strict=True))
    S = len(env.unwrapped.P)
    P = csr_array((p, (pair, successor)), shape=(S * mdp.n_actions, S))
    start = env.unwrapped.initial_state_distrib
    naive = MDP(P, np.bincount(pair, p * r).reshape(S, -1), start)
    assert honest == pytest.approx(6.3, abs=0.05)
    assert start @ optimal(naive, 0.99) > 800


def test_known_values_of_frozen_lake():
    mdp = from_gymnasium(make("lake"))
    assert optimal(mdp, 0.99)[0] == pytest.approx(0.542, abs=5e-4)  # printed in many courses
    assert optimal(from_gymnasium(make("dry lake")), 0.9)[0] == pytest.approx(0.9**5), "six steps to the goal"
    assert mdp.grid == ("SFFF", "FXFX", "FFFX", "XFFG")
    assert mdp.actions == ("left", "down", "right", "up")


class Table(gymnasium.Env):
    """A toy-text environment with a table of one's own."""

    action_space = gymnasium.spaces.Discrete(1)

    def __init__(self, table, start):
        self.P = {s: {0: branches} for s, branches in enumerate(table)}
        self.initial_state_distrib = np.array(start)
        self.observation_space = gymnasium.spaces.Discrete(len(table))


def test_an_end_that_is_also_a_start_is_both():
    mdp = from_gymnasium(Table([[(1.0, 1, 2.0, True)], [(1.0, 0, 3.0, False)]], [0.5, 0.5]))
    close(optimal(mdp, 0.5), [2, 3 + 0.5 * 2, 0])
    close(mdp.rho0, [0.5, 0.5, 0])


def test_equal_outcomes_are_merged_and_impossible_ones_dropped():
    table = [
        [(0.25, 1, 4.0, True), (0.25, 1, 0.0, True), (0.5, 0, 1.0, False), (0.0, 0, 99.0, False)],
        [(1.0, 1, 0, True)],
    ]
    mdp = from_gymnasium(Table(table, [1.0, 0.0]))
    close(mdp.P[:, 0], [[0.5, 0.5], [0, 1]])
    close(mdp.R[:, 0], [0.25 * 4 + 0.5 * 1, 0])


@pytest.mark.parametrize("name", ["CartPole-v1", "Blackjack-v1"])
def test_an_environment_without_a_table_is_refused(name):
    with pytest.raises(ValueError, match="env: got .*, expected a toy-text environment with a table P"):
        from_gymnasium(gymnasium.make(name))


@pytest.mark.parametrize("name", TOY_TEXT)
def test_random_play_looks_the_same_in_the_mdp_and_in_the_real_environment(name):
    """Counts of (first action's) successors, rewards and ends, each against the table within 4.5 standard errors."""
    real, mdp = make(name), from_gymnasium(make(name))
    for env in (real, mdp.env(max_steps=200)):
        rng, tried, seen = np.random.default_rng(3), Counter(), Counter()
        earned, due, spread = 0.0, 0.0, 0.0
        s, _ = env.reset(seed=3)
        for _ in range(3000):
            a = int(rng.integers(mdp.n_actions))
            s_next, r, terminated, truncated, _ = env.step(a)
            tried[s, a] += 1
            seen[s, a, "ended" if terminated else int(s_next)] += 1
            branches = real.unwrapped.P[int(s)][a]
            mean = sum(p * reward for p, _, reward, _ in branches)
            earned, due = earned + float(r), due + mean
            spread += sum(p * (reward - mean) ** 2 for p, _, reward, _ in branches)
            s = env.reset()[0] if terminated or truncated else s_next
        assert abs(earned - due) <= 4.5 * np.sqrt(spread) + 1e-9
        for (s, a, _), _ in seen.items():
            chances = Counter()
            for p, n, _, done in real.unwrapped.P[int(s)][a]:
                chances["ended" if done else int(n)] += p
            assert {n for s_, a_, n in seen if (s_, a_) == (s, a)} <= {n for n, p in chances.items() if p}
            for n, p in chances.items():
                error = 4.5 * np.sqrt(tried[s, a] * p * (1 - p)) + 1e-9
                assert abs(seen[s, a, n] - tried[s, a] * p) <= error, (s, a, n)


@pytest.mark.parametrize("name", [*BUILT, *TOY_TEXT])
def test_every_mdp_is_an_environment_that_gymnasium_accepts(name, recwarn):
    mdp = BUILT[name]() if name in BUILT else from_gymnasium(make(name))
    check_env(mdp.env(), skip_render_check=True)
    assert not [w for w in recwarn if "reward" in str(w.message) or "obs" in str(w.message)]


def test_a_picture_shows_the_agent_where_it_is():
    env = grid_world("S.\n#G").env(render_mode="rgb_array")
    check_env(env, skip_render_check=True)
    env.reset(seed=0)
    before = env.render()
    env.step(RIGHT)
    after, half = env.render(), env.unwrapped.cell
    assert before.shape == after.shape == (2 * half, 2 * half, 3) and before.dtype == np.uint8
    changed = (before != after).any(axis=2)
    assert changed[:half, :half].any() and changed[:half, half:].any() and not changed[half:].any()


def test_environment_ends_and_refuses():
    env = grid_world("SG").env(max_steps=3)
    with pytest.raises((RuntimeError, gymnasium.error.ResetNeeded)):
        grid_world("SG").env().step(0)
    assert env.reset(seed=1)[0] == 0
    assert [env.step(LEFT)[2:4] for _ in range(3)] == [(False, False), (False, False), (False, True)]
    env.reset()
    assert env.step(RIGHT)[:4] == (1, 1.0, True, False)
    with pytest.raises(ValueError, match="action: got 4, expected a number in 0..3"):
        grid_world("SG").env().step(4)
    with pytest.raises(ValueError, match="render_mode: got 'human', expected"):
        grid_world("SG").env(render_mode="human")


# Grids


def row(mdp, s, a):
    """What action a does in state s: {successor: probability}."""
    return {int(n): pytest.approx(mdp.dense[s, a, n]) for n in np.flatnonzero(mdp.dense[s, a])}


def test_a_slippery_grid_by_hand():
    mdp = grid_world(
        """
        S.G
        .#X
        """,
        slip=0.2,
        step_reward=-0.04,
    )
    # cells 0 S, 1 ., 2 G / 3 ., 4 #, 5 X
    assert row(mdp, 0, UP) == {0: 0.9, 1: 0.1}  # up 0.8 and left 0.1 hit the border, right 0.1
    assert row(mdp, 0, RIGHT) == {0: 0.1, 1: 0.8, 3: 0.1}
    assert row(mdp, 0, DOWN) == {3: 0.8, 0: 0.1, 1: 0.1}
    assert row(mdp, 0, LEFT) == {0: 0.9, 3: 0.1}
    assert row(mdp, 1, DOWN) == {1: 0.8, 2: 0.1, 0: 0.1}  # the wall below keeps one in place
    assert row(mdp, 1, RIGHT) == {2: 0.8, 1: 0.2}
    assert row(mdp, 3, RIGHT) == {3: 0.9, 0: 0.1}
    close(mdp.R[1], [-0.04 + 0.1 * 1.04, -0.04 + 0.8 * 1.04, -0.04 + 0.1 * 1.04, -0.04])
    close(mdp.R[0], -0.04)
    assert mdp.terminal.tolist() == [False, False, True, False, True, True] and not mdp.R[mdp.terminal].any()
    assert mdp.rho0.tolist() == [1, 0, 0, 0, 0, 0]
    assert mdp.grid == ("S.G", ".#X") and mdp.actions == ("up", "right", "down", "left")


def test_rewards_are_paid_on_entering_by_the_letter_of_the_cell():
    mdp = grid_world("SaXG", rewards={"a": 5.0, "X": -7.0})
    close([mdp.R[0, RIGHT], mdp.R[1, RIGHT], mdp.R[0, LEFT], mdp.R[1, LEFT]], [5, -7, 0, 0])
    assert not mdp.R[[2, 3]].any() and mdp.rho0.tolist() == [1, 0, 0, 0]
    plain = grid_world("S.XG")
    close([plain.R[1, RIGHT], plain.R[1, LEFT], plain.R[0, RIGHT]], [-1, 0, 0])
    assert grid_world(".#G").rho0.tolist() == [1, 0, 0], "without an S one starts on any floor"
    assert grid_world("SSG").rho0.tolist() == [0.5, 0.5, 0]


def test_slipping_moves_at_a_right_angle_and_full_slip_never_forward():
    mdp = grid_world("...\n.S.\n...", slip=1.0)
    assert row(mdp, 4, UP) == {3: 0.5, 5: 0.5} and row(mdp, 4, LEFT) == {1: 0.5, 7: 0.5}


def test_the_cliff_of_the_book():
    mdp = cliff_walk()
    assert (mdp.n_states, mdp.n_actions) == (48, 4) and mdp.rho0[36] == 1
    assert row(mdp, 36, RIGHT) == {36: 1} and mdp.R[36, RIGHT] == -100
    assert row(mdp, 30, DOWN) == {36: 1} and mdp.R[30, DOWN] == -100
    assert row(mdp, 35, DOWN) == {47: 1} and mdp.R[35, DOWN] == -1 and mdp.terminal[47]
    assert optimal(mdp, 1.0)[36] == -13, "up, eleven times right, down"
    assert optimal(mdp, 0.9)[36] == pytest.approx(-(1 - 0.9**13) / 0.1)
    real = swept(make("cliff").unwrapped.P, 0.9)  # the same world as Gymnasium's, where the cliff itself is no place
    close(optimal(mdp, 0.9)[:37], [real[s] for s in range(37)], atol=1e-8)


def test_the_two_states_of_the_lecture():
    mdp = two_state_world()
    close(optimal(mdp, 0.7), [2, 100, 0])
    close(mdp.rho0, [0.5, 0.5, 0])
    assert mdp.terminal.tolist() == [False, False, True]


@pytest.mark.parametrize("n", [1, 2, 5, 8])
@pytest.mark.parametrize("slip", [0.0, 0.3])
def test_the_chain_is_worth_i_over_n_plus_one(n, slip):
    mdp = chain(n, slip)
    close(policy_evaluation(mdp.P, mdp.R, np.full(mdp.R.shape, 0.5), 1)[1:-1], np.arange(1, n + 1) / (n + 1))
    assert mdp.rho0[(n + 1) // 2] == 1 and mdp.terminal.tolist() == [True] + [False] * n + [True]
    assert row(mdp, n, 1) == {n + 1: 1 - slip, **({n - 1: slip} if slip else {})}
    assert row(mdp, n, 0) == {n - 1: 1 - slip, **({n + 1: slip} if slip else {})}
    if not slip:
        close(optimal(mdp, 0.9)[1:-1], 0.9 ** np.arange(n - 1, -1, -1))


# Random MDPs, and what is sparse


def test_random_mdps_are_dense_or_of_a_given_branching():
    dense, sparse = random_mdp(7, 3, seed=2), random_mdp(7, 3, branching=2, seed=2)
    assert dense.P.shape == (7, 3, 7) and (dense.P > 0).all()
    assert isinstance(sparse.P, csr_array) and sparse.P.shape == (21, 7)
    assert ((sparse.dense > 0).sum(axis=2) == 2).all()
    close(sparse.dense.sum(axis=2), 1)
    assert not dense.terminal.any() and not sparse.terminal.any()
    assert (random_mdp(7, 3, branching=2, seed=2).dense == sparse.dense).all()
    assert (random_mdp(7, 3, seed=3).P != dense.P).any(), "another seed, another MDP"
    close(sparse.rows.toarray(), sparse.dense.reshape(21, 7))
    close(dense.rows, dense.P.reshape(21, 7))


def test_a_large_grid_keeps_its_successors_sparse(monkeypatch):
    text = "S...\n.#..\n..XG"
    small = grid_world(text, slip=0.2, step_reward=-0.1)
    monkeypatch.setattr(module, "DENSE_LIMIT", 12 * 4 * 12 - 1)
    large = grid_world(text, slip=0.2, step_reward=-0.1)
    assert isinstance(small.P, np.ndarray) and isinstance(large.P, csr_array)
    close(large.dense, small.dense)
    close(large.R, small.R)
    close(optimal(large, 0.9), optimal(small, 0.9))
    assert large.terminal.tolist() == small.terminal.tolist()
    check_env(large.env(), skip_render_check=True)


def test_rewards_of_transitions_are_averaged_into_those_of_pairs():
    P = np.array([[[0.25, 0.75]], [[0, 1]]])
    rewards = np.array([[[8.0, 4.0]], [[5.0, 0.0]]])
    sparse = P.reshape(2, 2), rewards.reshape(2, 2)
    for kind, rewards_kind in [
        (P, rewards),
        (P.tolist(), rewards.tolist()),
        *((a(sparse[0]), b(sparse[1])) for a in (csr_array, csr_matrix) for b in (csr_array, csr_matrix, np.asarray)),
    ]:
        mdp = MDP(kind, rewards_kind, [1, 0])
        close(mdp.R, [[0.25 * 8 + 0.75 * 4], [0]])
        assert mdp.terminal.tolist() == [False, True]
        seen = {mdp.env().reset(seed=0)[0]}
        env = mdp.env()
        for seed in range(40):
            env.reset(seed=seed)
            seen.add(env.step(0)[:2])
        assert seen == {0, (0, 8.0), (1, 4.0)}, "the environment pays each transition its own reward"


# Bad input

P, R, START = np.full((2, 1, 2), 0.5), np.ones((2, 1)), np.array([1.0, 0])


@pytest.mark.parametrize(
    "build, name, came",
    [
        (lambda: MDP(P[:1], R, START), "P", "shape (1, 1, 2)"),
        (lambda: MDP(P * 2, R, START), "P", "off 1 by 1"),
        (lambda: MDP(P, R.T, START), "rewards", "shape (1, 2)"),
        (lambda: MDP(P, [[1.0], [2.0, 3.0]], START), "rewards", "rows of different lengths"),
        (lambda: MDP(P, 3.0, START), "rewards", "shape ()"),
        (lambda: MDP(P, R * np.nan, START), "rewards", "NaN"),
        (lambda: MDP(P, csr_array(np.ones((3, 3))), START), "rewards", "shape (3, 3)"),
        (lambda: MDP(P, R, [1.0]), "rho0", "shape (1,)"),
        (lambda: MDP(P, R, [0.5, 0.6]), "rho0", "off 1 by 0.1"),
        (lambda: grid_world("S.\n.G."), "text", "lines of lengths [2, 3]"),
        (lambda: grid_world("  \n "), "text", "lines of lengths"),
        (lambda: grid_world("#G"), "text", "a map without a free cell"),
        (lambda: grid_world("SG", slip=1.5), "slip", "1.5"),
        (lambda: grid_world("SG", slip=np.nan), "slip", "nan"),
        (lambda: grid_world("SG", step_reward=np.nan), "rewards", "NaN"),
        (lambda: chain(0), "n", "0"),
        (lambda: chain(3, slip=-0.1), "slip", "-0.1"),
        (lambda: random_mdp(0, 2), "n_states, n_actions, branching", "0, 2, None"),
        (lambda: random_mdp(3, 2, branching=4), "n_states, n_actions, branching", "3, 2, 4"),
    ],
)
def test_bad_input_is_named(build, name, came):
    with pytest.raises(ValueError) as error:
        build()
    named, got, expected = re.fullmatch(r"(.*?): got (.*), expected (.*)", str(error.value)).groups()
    assert named == name and came in got and expected, str(error.value)
