"""Semi-gradient TD: the value of a policy, linear in features, from each transition as it comes (lecture 03).

Sources: Sutton (1988); Sutton and Barto (2018), section 11.1, off-policy. Walks of all seeds side by side.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.contracts.graded import equation
from rlcourse.contracts.inputs import Array, Number, bad_argument
from rlcourse.functional import targets
from rlcourse.parts.seeds import Seeds
from rlcourse.training.progress import progress
from rlcourse.worlds.mdp import MDP
from rlcourse.worlds.walks import Walks


def semi_gradient_td(
    mdp: MDP,
    pi: ndarray,
    X: ndarray,
    gamma: float,
    steps: int,
    *,
    behaviour: ndarray | None = None,
    alpha: float = 0.1,
    w0: ndarray | None = None,
    n_seeds: int = 8,
    seed: int = 0,
    checkpoints: int = 50,
    td_target: Callable[..., Tensor] = targets.td_target,
) -> tuple[ndarray, ndarray]:
    r"""TD(0) with linear values V(s) = x(s) . w, from walks of the policy pi or, weighted by rho, of another one.

    .. math:: w \leftarrow w + \alpha \, \rho \, \big( y - V(s) \big) \, x(s), \qquad
        y = r + \gamma (1 - d) V(s'), \quad \rho = \pi(a \mid s) / b(a \mid s)

    Source: Sutton (1988); Sutton and Barto (2018), section 11.1, off-policy.

    Args:
        mdp: sampled, never looked into.
        pi: the policy to value [S, A].
        X: the features of every state [S, F]; the identity is a table.
        gamma: discount in [0, 1].
        steps: of each seed.
        behaviour: b, the policy that walks [S, A]; default pi itself.
        alpha: step size.
        w0: first weights [F]; default 0.
        n_seeds, seed: seeds seed, seed + 1, ...
        checkpoints: how many times, evenly spread, the weights are remembered.
        td_target: the equation, a student's or the library's.

    Returns:
        The steps [C + 1] from 0 on, and the weights then [K, C + 1, F].
    """
    sizes = {"S": mdp.n_states, "A": mdp.n_actions}
    pi = Array("S A", distribution=True).check("pi", pi, sizes)
    b = pi if behaviour is None else Array("S A", distribution=True).check("behaviour", behaviour, sizes)
    if ((pi > 0) & (b == 0)).any():
        raise bad_argument("behaviour", "an action of pi that it never takes", "b > 0 wherever pi > 0")
    X = torch.as_tensor(Array("S F", finite=True).check("X", X, sizes))
    Number(0, 1).check("gamma", gamma, {})
    Number(1, steps).check("checkpoints", checkpoints, {})
    w = np.zeros(sizes["F"]) if w0 is None else Array("F", finite=True).check("w0", w0, sizes)
    w = torch.as_tensor(np.tile(w, (n_seeds, 1)))
    walks, td_target = Walks(mdp, Seeds(seed, n_seeds)("walks")), equation(td_target)
    marks, history = np.unique(np.linspace(0, steps, checkpoints + 1).astype(int)), [w]
    for n in progress(range(1, steps + 1), "semi-gradient TD"):
        step = walks.step(walks.choose(b[walks.state]))
        x, next_value = X[step.s], (X[step.s_next] * w).sum(1)
        y = td_target(torch.from_numpy(step.r), torch.from_numpy(step.terminated), next_value, gamma)
        rho = torch.from_numpy(pi[step.s, step.a] / b[step.s, step.a])
        w = w + (alpha * rho * (y - (x * w).sum(1))).unsqueeze(1) * x
        if n in marks:
            history.append(w)
    return marks, torch.stack(history, dim=1).numpy()
