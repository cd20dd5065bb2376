"""Gymnasium's toy-text environments as MDPs."""

import gymnasium
import numpy as np

from rlcourse.contracts.inputs import bad_argument
from rlcourse.worlds.mdp import MDP, from_triples


def from_gymnasium(env: gymnasium.Env) -> MDP:
    """The MDP behind a Gymnasium toy-text environment, from its table `P[s][a] = [(p, s', r, done), ..]`.

    The table says of a transition that it ends the episode; an MDP knows only states that have ended. Where a state is
    entered by ending transitions alone (the goal and the holes of FrozenLake) that state becomes absorbing; where it is
    also passed through (Taxi) the ending transitions lead to one more state, the last one. Read naively, as if the
    episode went on, Taxi's start is worth over 800 instead of about 6.

    Raises:
        ValueError: where the environment has no such table.
    """
    table, start = getattr(env.unwrapped, "P", None), getattr(env.unwrapped, "initial_state_distrib", None)
    if table is None or start is None:
        raise bad_argument("env", f"{env}", "a toy-text environment with a table P (FrozenLake, Taxi, CliffWalking)")
    S, A = env.observation_space.n, env.action_space.n
    outcomes = [
        (s, a, p, s_next, float(r), done)
        for s in range(S)
        for a in range(A)
        for p, s_next, r, done in table[s][a]
        if p > 0
    ]
    ends_at = {s_next for *_, s_next, _, done in outcomes if done}
    passed = {s_next for s, _, _, s_next, _, done in outcomes if not done and s_next != s}
    passed.update(np.flatnonzero(start).tolist())
    absorbing = ends_at - passed
    extra = bool(ends_at & passed)
    n = S + extra
    triples = [(s * A + a, s, 1.0, 0.0) for s in [*absorbing, *([S] if extra else [])] for a in range(A)]
    for s, a, p, s_next, r, done in outcomes:
        if s not in absorbing:
            triples.append((s * A + a, S if done and s_next not in absorbing else int(s_next), p, r))
    P, rewards = from_triples(triples, n, A)
    rho0 = np.zeros(n)
    rho0[:S] = start
    map_ = getattr(env.unwrapped, "desc", None)
    grid, actions = (), ()
    if map_ is not None and S == np.size(map_):  # FrozenLake, whose H is our X
        grid = tuple("".join(cell.decode() for cell in row).replace("H", "X") for row in map_)
        actions = ("left", "down", "right", "up")
    elif hasattr(env.unwrapped, "shape") and S == np.prod(env.unwrapped.shape):  # CliffWalking
        rows, columns = env.unwrapped.shape
        grid = ("." * columns,) * (rows - 1) + ("S" + "C" * (columns - 2) + "G",)
        actions = ("up", "right", "down", "left")
    return MDP(P, rewards, rho0, env.spec.id if env.spec else type(env.unwrapped).__name__, grid, actions)
