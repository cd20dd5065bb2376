r"""Tabular methods: the equations of lectures 01 and 02, in NumPy.

P holds the transition probabilities, an array [S, A, S] or a SciPy CSR matrix [S*A, S] (row s * A + a); R [S, A] the
expected rewards; V [S] and Q [S, A] values, in units of reward; pi [S, A] a policy, each row a distribution over the
actions. gamma is the discount. A state that has ended is absorbing: every action stays there, with reward 0.
Every function raises ValueError, naming the argument, on a wrong shape, a number out of its range, or NaN.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy import ndarray

from rlcourse.contracts.graded import equation, graded
from rlcourse.contracts.inputs import DISCOUNT, Array, Flag, Index, Number, Transitions, bad_argument, is_sparse

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    Matrix = ndarray | csr_array

TABLE = Array("S A")
REWARDS = Array("S A", finite=True)
POLICY = Array("S A", distribution=True)
ACTION_VALUES = Array("... A")
PROBABILITY = Number(0, 1)
TRANSITION = {"s": Index("S"), "a": Index("A"), "r": Number(), "s_next": Index("S"), "terminated": Flag()}


def require_one_update_a_pair(Q: ndarray, s: ndarray, a: ndarray, **rest: ndarray) -> None:
    """Arrays of transitions have one shape, and name no (s, a) twice: the second update would undo the first."""
    for name in ("a", *(name for name in rest if name not in ("alpha", "gamma"))):
        value = a if name == "a" else rest[name]
        if np.shape(value) not in ((), np.shape(s)):
            raise bad_argument(name, f"shape {np.shape(value)}", f"one number, or the shape of s, {np.shape(s)}")
    pairs = np.ravel(np.asarray(s) * Q.shape[1] + np.asarray(a))
    if len(np.unique(pairs)) < len(pairs):
        raise bad_argument("s, a", "the same pair twice", "transitions whose pairs (s, a) all differ")


def ended_states(P: "Matrix", R: ndarray) -> ndarray:
    """Which states [S] have ended: every action stays there, with reward 0."""
    S, A = R.shape
    stay = P[np.arange(S * A), np.repeat(np.arange(S), A)].reshape(S, A) if is_sparse(P) else np.einsum("sas->sa", P)
    return (np.isclose(stay, 1) & (R == 0)).all(axis=1)


def policy_model(P: "Matrix", R: ndarray, pi: ndarray) -> tuple["Matrix", ndarray]:
    """The Markov chain that a policy makes of an MDP: P_pi [S, S] (sparse where P is) and R_pi [S]."""
    R_pi = (pi * R).sum(axis=1)
    if is_sparse(P):
        from scipy.sparse import csr_array  # P came from SciPy: this module itself needs no more than NumPy

        S, A = pi.shape
        weights = csr_array((pi.ravel(), np.arange(S * A), np.arange(0, S * A + 1, A)), shape=(S, S * A))
        return weights @ P, R_pi
    return (pi[:, None, :] @ P)[:, 0, :], R_pi


def _solve(P_pi: "Matrix", b: ndarray, gamma: float) -> ndarray:
    """The x with x = b + gamma P_pi x."""
    if is_sparse(P_pi):
        from scipy.sparse import csc_array, eye_array
        from scipy.sparse.linalg import spsolve

        return spsolve(csc_array(eye_array(len(b)) - gamma * P_pi), b).astype(b.dtype)
    return np.linalg.solve(np.eye(len(b)) - gamma * P_pi, b).astype(b.dtype)


def require_an_end(P: "Matrix", R: ndarray, pi: ndarray, gamma: float) -> None:
    """Raise ValueError where gamma is 1 and, from some state, the policy never reaches an ended state."""
    if gamma != 1:
        return
    reaches = ended_states(P, R)
    for _ in range(len(R)):
        reaches = reaches | ((pi * (P @ reaches.astype(float)).reshape(R.shape)).sum(axis=1) > 0)
    if not reaches.all():
        raise bad_argument("gamma", "1", f"less than 1, since from state {np.argmin(reaches)} this policy never ends")


@graded(
    lecture="01",
    problem_set="ps1",
    points=4,
    require=require_an_end,
    P=Transitions(),
    R=REWARDS,
    pi=POLICY,
    gamma=DISCOUNT,
)
def policy_evaluation(P: "Matrix", R: ndarray, pi: ndarray, gamma: float) -> ndarray:
    r"""The exact value of a policy: the Bellman equation, solved as a linear system.

    .. math:: V^\pi = (I - \gamma P_\pi)^{-1} R_\pi

    Here :math:`I` is the identity matrix.

    Source: Bellman (1957); Puterman, Markov Decision Processes (1994), section 6.1.

    Args:
        P: transition probabilities [S, A, S] or CSR [S*A, S].
        R: expected rewards [S, A].
        pi: policy [S, A].
        gamma: discount in [0, 1]; 1 only where the policy surely ends.

    Returns:
        V [S].

    Raises:
        ValueError: on bad input, and for gamma = 1 where the policy may go on for ever.
    """
    active = ~ended_states(P, R)
    P_pi, R_pi = policy_model(P, R, pi * active[:, None])  # what has ended has no successor, and is worth 0
    return _solve(P_pi, R_pi, gamma)


@graded(lecture="01", problem_set="ps1", P=Transitions(), R=REWARDS, V=Array("S"), gamma=DISCOUNT)
def value_backup(P: "Matrix", R: ndarray, V: ndarray, gamma: float) -> ndarray:
    r"""One sweep of value iteration, the Bellman optimality operator on V.

    .. math:: V_{k+1}(s) = \max_a \Big[ R(s, a) + \gamma \sum_{s'} P(s' | s, a) V_k(s') \Big]

    Source: Bellman (1957); lecture 01.

    Args:
        P: transition probabilities [S, A, S] or CSR [S*A, S].
        R: expected rewards [S, A].
        V: values [S].
        gamma: discount in [0, 1].

    Returns:
        The new values [S].

    Raises:
        ValueError: on bad input.
    """
    return (R + gamma * (P @ V).reshape(R.shape)).max(axis=1)


@graded(lecture="01", problem_set="ps1", points=3, P=Transitions(), R=REWARDS, Q=TABLE, gamma=DISCOUNT)
def q_backup(P: "Matrix", R: ndarray, Q: ndarray, gamma: float) -> ndarray:
    r"""One sweep of Q-iteration, the Bellman optimality operator T* on Q.

    .. math:: Q_{k+1}(s, a) = R(s, a) + \gamma \sum_{s'} P(s' | s, a) \max_{a'} Q_k(s', a')

    Source: Bellman (1957); lecture 01.

    Args:
        P: transition probabilities [S, A, S] or CSR [S*A, S].
        R: expected rewards [S, A].
        Q: action values [S, A].
        gamma: discount in [0, 1].

    Returns:
        The new action values [S, A].

    Raises:
        ValueError: on bad input.
    """
    return R + gamma * (P @ Q.max(axis=1)).reshape(R.shape)


@graded(lecture="01", problem_set="ps1", P=Transitions(), R=REWARDS, Q=TABLE, pi=POLICY, gamma=DISCOUNT)
def policy_backup(P: "Matrix", R: ndarray, Q: ndarray, pi: ndarray, gamma: float) -> ndarray:
    r"""The Bellman operator T^pi of a policy on Q.

    .. math:: (\mathcal{T}^\pi Q)(s, a) = R(s, a) + \gamma \sum_{s'} P(s' | s, a) \sum_{a'} \pi(a' | s') Q(s', a')

    Source: Puterman (1994), section 6.1; lecture 01.

    Args:
        P: transition probabilities [S, A, S] or CSR [S*A, S].
        R: expected rewards [S, A].
        Q: action values [S, A].
        pi: policy [S, A].
        gamma: discount in [0, 1].

    Returns:
        The new action values [S, A].

    Raises:
        ValueError: on bad input.
    """
    return R + gamma * (P @ (pi * Q).sum(axis=1)).reshape(R.shape)


@graded(lecture="01", problem_set="ps1", P=Transitions(), R=REWARDS, Q=TABLE, gamma=DISCOUNT)
def bellman_residual(P: "Matrix", R: ndarray, Q: ndarray, gamma: float) -> float:
    r"""How far Q is from the optimality equation, in the sup norm.

    .. math:: \| \mathcal{T}^* Q - Q \|_\infty
        \quad\text{and}\quad \| Q - Q^* \|_\infty \le \frac{\| \mathcal{T}^* Q - Q \|_\infty}{1 - \gamma}

    Here :math:`\| \cdot \|_\infty`, the sup norm, is the largest absolute value in the table.

    Source: Williams and Baird (1993); lecture 01.

    Args:
        P: transition probabilities [S, A, S] or CSR [S*A, S].
        R: expected rewards [S, A].
        Q: action values [S, A].
        gamma: discount in [0, 1].

    Returns:
        The residual, one number >= 0.

    Raises:
        ValueError: on bad input.
    """
    return np.abs(q_backup(P, R, Q, gamma) - Q).max()


@graded(lecture="01", problem_set="ps1", points=2, Q=ACTION_VALUES)
def greedy_policy(Q: ndarray) -> ndarray:
    r"""The policy that takes the best action; equally good ones share the probability.

    .. math:: \pi(a | s) = \frac{[a \in B(s)]}{|B(s)|}, \qquad B(s) = \arg\max_a Q(s, a)

    Here :math:`B(s)` is the set of best actions, and :math:`[a \in B(s)]` is 1 where a is one of them, else 0.

    Source: lecture 01.

    Args:
        Q: action values [S, A] (any leading axes).

    Returns:
        pi [S, A], rows sum to 1.

    Raises:
        ValueError: on bad input.
    """
    best = (Q == Q.max(axis=-1, keepdims=True)).astype(Q.dtype)
    return best / best.sum(axis=-1, keepdims=True)


@graded(
    lecture="01",
    problem_set="ps1",
    P=Transitions(),
    pi=POLICY,
    rho0=Array("S", distribution=True),
    gamma=Number(0, 1, open_ends="high"),
)
def state_visitation(P: "Matrix", pi: ndarray, rho0: ndarray, gamma: float) -> ndarray:
    r"""How often a policy visits each state, discounted and unnormalised: it sums to 1 / (1 - gamma).

    .. math:: d^\pi(s) = \sum_{t \ge 0} \gamma^t \Pr(s_t = s)
        \quad\text{so}\quad d^\pi = (I - \gamma P_\pi^\top)^{-1} \rho_0

    Here :math:`I` is the identity matrix.

    Source: Sutton, McAllester, Singh and Mansour (2000), section 1.

    Args:
        P: transition probabilities [S, A, S] or CSR [S*A, S].
        pi: policy [S, A].
        rho0: distribution of the first state [S].
        gamma: discount in [0, 1).

    Returns:
        d^pi [S], in discounted visits.

    Raises:
        ValueError: on bad input, gamma = 1 included: the sum has no end.
    """
    P_pi, _ = policy_model(P, np.zeros_like(pi), pi)
    return _solve(P_pi.T, rho0, gamma)


@graded(
    lecture="02",
    problem_set="ps1",
    points=3,
    require=require_one_update_a_pair,
    Q=TABLE,
    alpha=PROBABILITY,
    gamma=DISCOUNT,
    **TRANSITION,
)
def q_learning_update(
    Q: ndarray, s: int, a: int, r: float, s_next: int, terminated: bool, alpha: float, gamma: float
) -> ndarray:
    r"""One step of Q-learning on one transition.

    .. math:: Q(s, a) \leftarrow Q(s, a) + \alpha \big[ r + \gamma (1 - d) \max_{a'} Q(s', a') - Q(s, a) \big]

    with d = 1 where the episode terminated at s'. A truncated episode did not: it bootstraps.

    Source: Watkins (1989); Watkins and Dayan (1992); lecture 02.

    Args:
        Q: action values [S, A].
        s: state.
        a: action.
        r: reward received.
        s_next: the state reached.
        terminated: whether the episode ended there for good.
        alpha: step size in [0, 1].
        gamma: discount in [0, 1].
        (s, a, r, s_next, terminated may be arrays [N] of transitions whose (s, a) all differ.)

    Returns:
        A new table [S, A]; Q itself is left as it was.

    Raises:
        ValueError: on bad input.
    """
    target = r + gamma * (1 - terminated) * Q[s_next].max(axis=-1)
    new_Q = Q.copy()
    new_Q[s, a] += alpha * (target - Q[s, a])
    return new_Q


@graded(
    lecture="02",
    problem_set="ps1",
    require=require_one_update_a_pair,
    Q=TABLE,
    a_next=Index("A"),
    alpha=PROBABILITY,
    gamma=DISCOUNT,
    **TRANSITION,
)
def sarsa_update(
    Q: ndarray, s: int, a: int, r: float, s_next: int, a_next: int, terminated: bool, alpha: float, gamma: float
) -> ndarray:
    r"""One step of SARSA: the target takes the action that the policy takes next, not the best one.

    .. math:: Q(s, a) \leftarrow Q(s, a) + \alpha \big[ r + \gamma (1 - d) Q(s', a') - Q(s, a) \big]

    Source: Rummery and Niranjan (1994); Sutton and Barto (2018), section 6.4; lecture 02.

    Args:
        Q: action values [S, A].
        s: state.
        a: action.
        r: reward received.
        s_next: the state reached.
        a_next: the action taken there.
        terminated: whether the episode ended there for good.
        alpha: step size in [0, 1].
        gamma: discount in [0, 1].
        (All but Q, alpha, gamma may be arrays [N] of transitions whose (s, a) all differ.)

    Returns:
        A new table [S, A]; Q itself is left as it was.

    Raises:
        ValueError: on bad input.
    """
    target = r + gamma * (1 - terminated) * Q[s_next, a_next]
    new_Q = Q.copy()
    new_Q[s, a] += alpha * (target - Q[s, a])
    return new_Q


@graded(lecture="02", problem_set="ps1", points=3, q=ACTION_VALUES, epsilon=PROBABILITY)
def epsilon_greedy(q: ndarray, epsilon: float) -> ndarray:
    r"""Explore with probability epsilon, uniformly over all actions; else take the best, ties sharing.

    .. math:: \pi(a) = \frac{\epsilon}{|A|} + (1 - \epsilon)\, \pi_{\text{greedy}}(a)

    Source: Sutton and Barto (2018), section 2.2; lecture 02.

    Args:
        q: action values of one state [A] (any leading axes).
        epsilon: probability of exploring, in [0, 1].

    Returns:
        Probabilities, shaped as q.

    Raises:
        ValueError: on bad input.
    """
    return epsilon / q.shape[-1] + (1 - epsilon) * equation(greedy_policy)(q)


@graded(lecture="02", problem_set="ps1", q=Array("... A", least=2), epsilon=PROBABILITY)
def epsilon_soft(q: ndarray, epsilon: float) -> ndarray:
    r"""Epsilon-greedy as it is sometimes printed: exploring never takes the greedy action.

    .. math:: \pi(a) = 1 - \epsilon \;\text{ for the best action},
        \quad \frac{\epsilon}{|A| - 1} \;\text{ for each other}

    At epsilon = 1 it is not uniform: it avoids the best action. Tied best actions take turns in being the best.

    Source: Agrawal, Computational Sensorimotor Learning (2021), lecture 4; lecture 02.

    Args:
        q: action values of one state [A], at least two (any leading axes).
        epsilon: probability of another action than the best, in [0, 1].

    Returns:
        Probabilities, shaped as q.

    Raises:
        ValueError: on bad input.
    """
    greedy = equation(greedy_policy)(q)
    return (1 - epsilon) * greedy + epsilon * (1 - greedy) / (q.shape[-1] - 1)


@graded(
    lecture="02",
    problem_set="ps1",
    points=3,
    q=Array("... A", finite=True),
    temperature=Number(0, open_ends="low"),
)
def boltzmann(q: ndarray, temperature: float) -> ndarray:
    r"""Boltzmann exploration: better actions exponentially more often.

    .. math:: \pi(a) = \frac{\exp(Q(a) / T)}{\sum_{a'} \exp(Q(a') / T)}

    The largest value is subtracted first: the probabilities stay the same, and no exponential overflows.

    Source: Luce (1959); Sutton and Barto, 1st edition (1998), section 2.3; lecture 02.

    Args:
        q: action values of one state [A] (any leading axes).
        temperature: T > 0, in units of reward; to 0 it becomes greedy, to infinity uniform.

    Returns:
        Probabilities, shaped as q.

    Raises:
        ValueError: on bad input, a temperature <= 0 included.
    """
    weights = np.exp((q - q.max(axis=-1, keepdims=True)) / temperature)
    return weights / weights.sum(axis=-1, keepdims=True)
