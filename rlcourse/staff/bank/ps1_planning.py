"""Problem set 1: wrong versions of q_backup, greedy_policy and policy_evaluation, each with the hint that it earns."""

import numpy as np

from rlcourse.staff.bank.ps1_cases import GREEDY_POLICY, POLICY_EVALUATION, Q_BACKUP


@Q_BACKUP.mistake("no-discount", "What follows is worth gamma times as much: gamma is missing.")
def _(P, R, Q, gamma):
    return R + P @ Q.max(axis=1)


@Q_BACKUP.mistake("mean-instead-of-max", "T* assumes the best next action: take the maximum over a', not the mean.")
def _(P, R, Q, gamma):
    return R + gamma * P @ Q.mean(axis=1)


@Q_BACKUP.mistake("one-maximum-for-all-states", "Each next state s' has its own maximum: take it along the actions.")
def _(P, R, Q, gamma):
    return R + gamma * P @ np.full(len(Q), Q.max())


@Q_BACKUP.mistake("this-state-instead-of-the-next", "The maximum belongs to s', weighted by P(s' | s, a), not to s.")
def _(P, R, Q, gamma):
    return R + gamma * Q.max(axis=1)[:, None]


@Q_BACKUP.mistake("discounts-the-reward", "The reward comes at once: gamma multiplies only what follows.")
def _(P, R, Q, gamma):
    return gamma * (R + P @ Q.max(axis=1))


@Q_BACKUP.mistake("overwrites-as-it-goes", "A sweep reads the old Q throughout: write into a new table.")
def _(P, R, Q, gamma):
    for s in range(len(Q)):
        for a in range(Q.shape[1]):
            Q[s, a] = R[s, a] + gamma * P[s, a] @ Q.max(axis=1)
    return Q


@Q_BACKUP.mistake("same-action-in-the-next-state", "The best action at s' may be another one: the maximum over a'.")
def _(P, R, Q, gamma):
    return R + gamma * np.einsum("sat,ta->sa", P, Q)


@Q_BACKUP.mistake("no-maximum", "What follows is worth its best action: take the maximum over a' of Q first, [S].")
def _(P, R, Q, gamma):
    return R[:, :, None] + gamma * np.einsum("sat,tb->sab", P, Q)


@Q_BACKUP.mistake("maximum-outside-the-mean", "Each s' has its own best action: maximum first, then the mean over s'.")
def _(P, R, Q, gamma):
    return R + gamma * np.max(P @ Q, axis=-1)


@Q_BACKUP.mistake("index-instead-of-value", "argmax is the number of the best action; its value is max.")
def _(P, R, Q, gamma):
    return R + gamma * P @ Q.argmax(axis=1)


@Q_BACKUP.mistake("gamma-on-the-reward-alone", "gamma belongs to what follows: the reward itself comes at once.")
def _(P, R, Q, gamma):
    return gamma * R + P @ Q.max(axis=1)


@Q_BACKUP.mistake(
    "most-likely-next-state", "Every s' counts with its probability P(s' | s, a), not the likeliest alone."
)
def _(P, R, Q, gamma):
    return R + gamma * Q.max(axis=1)[P.argmax(axis=2)]


@Q_BACKUP.mistake("transposed", "P[s, a, s'] leads from the first axis to the last: sum over the last one.")
def _(P, R, Q, gamma):
    return R + gamma * np.einsum("tas,t->sa", P, Q.max(axis=1))


@Q_BACKUP.mistake("returns-values", "Return the new action values [S, A]: no maximum over the result.")
def _(P, R, Q, gamma):
    return np.max(R + gamma * P @ Q.max(axis=1), axis=1)


@Q_BACKUP.mistake("minimum-instead-of-maximum", "T* assumes the best next action: take the maximum, not the minimum.")
def _(P, R, Q, gamma):
    return R + gamma * P @ Q.min(axis=1)


@Q_BACKUP.mistake("reward-missing", "The reward R(s, a) is missing: it comes first, then what follows.")
def _(P, R, Q, gamma):
    return gamma * P @ Q.max(axis=1)


@Q_BACKUP.mistake("next-states-not-weighted", "Weigh the next states with P(s' | s, a): this is their plain sum.")
def _(P, R, Q, gamma):
    return R + gamma * np.sum((P > 0) * Q.max(axis=1), axis=2)


@Q_BACKUP.mistake("adds-the-old-value", "The right-hand side holds no Q(s, a): the new value replaces the old one.")
def _(P, R, Q, gamma):
    return Q + R + gamma * P @ Q.max(axis=1)


@Q_BACKUP.mistake("reward-of-the-next-state", "R[s, a] is paid at s, before the step: it is not looked up at s'.")
def _(P, R, Q, gamma):
    return np.einsum("sat,ta->sa", P, R + gamma * Q.max(axis=1, keepdims=True))


@GREEDY_POLICY.mistake(
    "indices-instead-of-probabilities", "Return pi [S, A], a probability for each action of each state."
)
def _(Q):
    return Q.argmax(axis=1)


@GREEDY_POLICY.mistake(
    "first-of-the-ties", "argmax picks the first of equally good actions: they share the probability."
)
def _(Q):
    pi = np.zeros_like(Q)
    pi[np.arange(len(Q)), Q.argmax(axis=1)] = 1
    return pi


@GREEDY_POLICY.mistake("ties-not-shared", "Each row must sum to 1: divide by the number of equally good actions.")
def _(Q):
    return 1.0 * (Q == Q.max(axis=1, keepdims=True))


@GREEDY_POLICY.mistake("softmax", "Greedy takes only the best actions: all others have probability 0.")
def _(Q):
    weights = np.exp(Q - Q.max(axis=1)[:, None])
    return weights / weights.sum(axis=1)[:, None]


@GREEDY_POLICY.mistake(
    "best-state-of-each-action", "Compare the actions of one state: the maximum is along the last axis."
)
def _(Q):
    best = Q == Q.max(axis=0)
    return best / best.sum(axis=0)


@GREEDY_POLICY.mistake("one-maximum-for-all-states", "Every state has a best action of its own: one maximum a row.")
def _(Q):
    return (Q == Q.max()) / (Q == Q.max()).sum()


@GREEDY_POLICY.mistake(
    "last-of-the-ties", "Only the last of equally good actions is taken: they share the probability."
)
def _(Q):
    pi = np.zeros_like(Q)
    pi[np.arange(len(Q)), Q.shape[1] - 1 - Q[:, ::-1].argmax(axis=1)] = 1
    return pi


@GREEDY_POLICY.mistake("ties-with-a-tolerance", "Nearly as good is no tie: compare with ==, not with np.isclose.")
def _(Q):
    best = np.isclose(Q, Q.max(axis=1, keepdims=True))
    return best / best.sum(axis=1, keepdims=True)


@GREEDY_POLICY.mistake(
    "divided-by-the-number-of-actions", "Only the best actions share: divide by how many of them there are, not by |A|."
)
def _(Q):
    return (Q == Q.max(axis=1, keepdims=True)) / Q.shape[1]


@GREEDY_POLICY.mistake("divided-by-all-of-the-best", "Each row sums to 1 by itself: sum along axis 1, keepdims=True.")
def _(Q):
    best = Q == Q.max(axis=1, keepdims=True)
    return best / best.sum()


@GREEDY_POLICY.mistake(
    "one-maximum-for-the-whole-table", "Every state has a best action of its own: the maximum along axis 1, not of all."
)
def _(Q):
    best = Q == Q.max()
    return best / best.sum(axis=1, keepdims=True)


@GREEDY_POLICY.mistake("the-worst", "Greedy takes the best action, whose value is the maximum, not the minimum.")
def _(Q):
    best = Q == Q.min(axis=1, keepdims=True)
    return best / best.sum(axis=1, keepdims=True)


@GREEDY_POLICY.mistake("values-instead-of-probabilities", "Return pi [S, A], probabilities, not the best values.")
def _(Q):
    return Q.max(axis=1)


@GREEDY_POLICY.mistake("proportional-to-the-values", "Greedy compares: only the best actions have any probability.")
def _(Q):
    return Q / Q.sum(axis=1, keepdims=True)


def _solved(P_pi, R_pi, gamma):
    """The x with x = R_pi + gamma P_pi x."""
    return np.linalg.solve(np.eye(len(R_pi)) - gamma * P_pi, R_pi)


def _averaged(P, weights):
    """The Markov chain [S, S] of a policy."""
    return np.einsum("sa,sat->st", weights, P)


@POLICY_EVALUATION.mistake("value-of-the-best-policy", "Average over the actions with pi: the maximum is V*, not V^pi.")
def _(P, R, pi, gamma):
    V = np.zeros(len(R))
    for _ in range(30):  # policy iteration: exact after a few
        best = np.argmax(R + gamma * P @ V, axis=1)
        V = _solved(P[np.arange(len(R)), best], R[np.arange(len(R)), best], gamma)
    return V


@POLICY_EVALUATION.mistake(
    "all-actions-alike", "Weigh the actions with pi(a | s): this is the value of the uniform policy."
)
def _(P, R, pi, gamma):
    return _solved(P.mean(axis=1), R.mean(axis=1), gamma)


@POLICY_EVALUATION.mistake("rewards-not-weighted-by-the-policy", "R has to be averaged with pi as well as P.")
def _(P, R, pi, gamma):
    return _solved(_averaged(P, pi), R.mean(axis=1), gamma)


@POLICY_EVALUATION.mistake(
    "transposed", "P_pi [s, s'] leads from the row to the column: V = R_pi + gamma P_pi V, not P_pi.T."
)
def _(P, R, pi, gamma):
    return _solved(_averaged(P, pi).T, np.sum(pi * R, axis=1), gamma)


@POLICY_EVALUATION.mistake("discounts-the-reward", "The reward comes at once: gamma multiplies only what follows.")
def _(P, R, pi, gamma):
    return gamma * _solved(_averaged(P, pi), np.sum(pi * R, axis=1), gamma)


@POLICY_EVALUATION.mistake(
    "a-hundred-sweeps", "After 100 sweeps gamma^100 of the error is left: solve the linear system."
)
def _(P, R, pi, gamma):
    V = np.zeros(len(R))
    for _ in range(100):
        V = np.sum(pi * (R + gamma * P @ V), axis=1)
    return V


@POLICY_EVALUATION.mistake(
    "rewards-of-every-action", "A state has one value: average R with pi, R_pi [S], before solving."
)
def _(P, R, pi, gamma):
    return _solved(_averaged(P, pi), R, gamma)


@POLICY_EVALUATION.mistake("returns-action-values", "That is Q^pi [S, A]: V^pi is its average under the policy, [S].")
def _(P, R, pi, gamma):
    return R + gamma * P @ _solved(_averaged(P, pi), np.sum(pi * R, axis=1), gamma)


@POLICY_EVALUATION.mistake(
    "most-likely-action-only", "All actions count with pi(a | s): here only each state's likeliest action does."
)
def _(P, R, pi, gamma):
    s, a = np.arange(len(R)), pi.argmax(axis=1)
    return _solved(P[s, a], R[s, a], gamma)


@POLICY_EVALUATION.mistake("plus-instead-of-minus", "Bring gamma P_pi V to the left: I minus gamma P_pi, not plus.")
def _(P, R, pi, gamma):
    return _solved(_averaged(P, pi), np.sum(pi * R, axis=1), -gamma)


@POLICY_EVALUATION.mistake("rewards-summed", "Average R with pi(a | s): a plain sum counts every action whole.")
def _(P, R, pi, gamma):
    return _solved(_averaged(P, pi), R.sum(axis=1), gamma)


@POLICY_EVALUATION.mistake("transitions-not-weighted-by-the-policy", "P has to be averaged with pi as well as R.")
def _(P, R, pi, gamma):
    return _solved(P.mean(axis=1), np.sum(pi * R, axis=1), gamma)


@POLICY_EVALUATION.mistake(
    "best-reward", "Average the rewards with pi(a | s): the policy does not always get the largest."
)
def _(P, R, pi, gamma):
    return _solved(_averaged(P, pi), R.max(axis=1), gamma)


@POLICY_EVALUATION.mistake(
    "one-sweep", "One sweep from V = 0 sees the first reward alone: solve V = R_pi + gamma P_pi V."
)
def _(P, R, pi, gamma):
    return np.sum(pi * R, axis=1)


@POLICY_EVALUATION.mistake("no-discount-in-the-system", "gamma is missing in I - gamma P_pi.")
def _(P, R, pi, gamma):
    return np.linalg.pinv(np.eye(len(R)) - _averaged(P, pi)) @ np.sum(pi * R, axis=1)


def _swept(P, R, pi, gamma, change):
    """Sweeps until no value changes by more."""
    V, old = np.sum(pi * R, axis=1), np.zeros(len(R))
    while np.max(np.abs(V - old)) > change:
        V, old = np.sum(pi * (R + gamma * P @ V), axis=1), V
    return V


STOPPED = "Sweeps that stop where little changes are not exact yet: solve the linear system (np.linalg.solve)."


@POLICY_EVALUATION.mistake("stopped-at-a-hundredth", STOPPED)
def _(P, R, pi, gamma):
    return _swept(P, R, pi, gamma, 1e-2)


@POLICY_EVALUATION.mistake("stopped-at-a-thousandth", STOPPED)
def _(P, R, pi, gamma):
    return _swept(P, R, pi, gamma, 1e-3)


@POLICY_EVALUATION.mistake("stopped-at-a-tenthousandth", STOPPED)
def _(P, R, pi, gamma):
    return _swept(P, R, pi, gamma, 1e-4)


@POLICY_EVALUATION.mistake(
    "policy-of-the-next-state", "The action is chosen at s: pi[s, a] weighs P[s, a, s'], not pi[s', a]."
)
def _(P, R, pi, gamma):
    return np.linalg.solve(np.eye(len(R)) - gamma * np.einsum("sat,ta->st", P, pi), (pi * R).sum(axis=1))


def _sweeps(P, R, pi, gamma, n):
    """Iterative evaluation from zero, stopped after n sweeps."""
    V = np.zeros(len(R))
    for _ in range(n):
        V = (pi * (R + gamma * P @ V)).sum(axis=1)
    return V


@POLICY_EVALUATION.mistake(
    "stops-after-ten-sweeps", "Ten sweeps are not the end: solve the equations, or go on until nothing changes."
)
def _(P, R, pi, gamma):
    return _sweeps(P, R, pi, gamma, 10)


@POLICY_EVALUATION.mistake(
    "stops-after-twenty-sweeps", "Twenty sweeps are not the end: solve the equations, or go on until nothing changes."
)
def _(P, R, pi, gamma):
    return _sweeps(P, R, pi, gamma, 20)
