"""Learning from each transition as it comes, with functions in place of tables: Q-learning and TD (lecture 03).

Sources: Watkins (1989); Sutton (1988), semi-gradient TD. Seeds side by side; equations see [K * B], never K.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from rlcourse.agents.fitted.fitted_q import target_of
from rlcourse.agents.fitted.models import Model
from rlcourse.contracts.graded import each_state, equation
from rlcourse.contracts.inputs import Array, Number, bad_argument
from rlcourse.functional import tabular, targets
from rlcourse.parts.replay import fold, unfold
from rlcourse.training.progress import progress
from rlcourse.worlds.envs import Step
from rlcourse.worlds.mdp import MDP
from rlcourse.worlds.walks import Walks


class OnlineQ:
    """Q-learning with a model, a step of each transition as it comes: no memory. For rlcourse.training.loop.train.

    Args:
        model: changed in place.
        gamma: discount in [0, 1].
        epsilon: how often to explore.
        seed: of the first seed's exploration.
        q_target, epsilon_greedy: the equations, a student's or the library's.
    """

    def __init__(
        self,
        model: Model,
        gamma: float = 0.99,
        epsilon: float = 0.1,
        seed: int = 0,
        *,
        q_target: Callable[..., Tensor] = targets.q_target,
        epsilon_greedy: Callable[..., ndarray] = tabular.epsilon_greedy,
    ) -> None:
        for name, value in {"gamma": gamma, "epsilon": epsilon}.items():
            Number(0, 1).check(name, value, {})
        self.model = self.policy = model
        self.gamma, self.epsilon, self.n_seeds = gamma, epsilon, model.n_seeds
        self.q_target, self.epsilon_greedy = q_target, epsilon_greedy
        self.explorers = [np.random.default_rng([seed + k, 0]) for k in range(self.n_seeds)]

    @torch.no_grad()
    def act(self, obs: ndarray) -> ndarray:
        """Actions [K, B] that explore."""
        probabilities = each_state(self.epsilon_greedy, self.model.q(obs).double().numpy(), self.epsilon)
        uniform = np.stack([explorer.random(obs.shape[1]) for explorer in self.explorers])
        return (probabilities.cumsum(-1) > uniform[..., None] * probabilities.sum(-1, keepdims=True)).argmax(-1)

    @torch.no_grad()
    def greedy(self, obs: ndarray) -> ndarray:
        """The best actions [K, B]."""
        return self.model.q(obs).argmax(-1).numpy()

    def observe(self, step: Step) -> None:
        """One gradient step towards the target of this transition, then forget it."""
        reward = fold(torch.as_tensor(step.reward, dtype=self.model.dtype))
        terminated = fold(torch.as_tensor(step.terminated))
        with torch.no_grad():
            y = target_of(self.q_target, reward, terminated, fold(self.model.q(step.next_obs)), self.gamma)
        if not torch.isfinite(y).all():
            raise FloatingPointError("a target is NaN or infinite: the values diverge, try a smaller step size")
        self.model.step(step.obs, step.action, unfold(y, self.n_seeds))


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
    walks, td_target = Walks(mdp, n_seeds, seed), equation(td_target)
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
