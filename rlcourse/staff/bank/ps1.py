"""Problem set 1: wrong versions of the six functions, as people really write them, each with the hint that it earns."""

import numpy as np

from rlcourse.staff.bank.ps1_cases import (
    BOLTZMANN,
    EPSILON_GREEDY,
    GREEDY_POLICY,
    POLICY_EVALUATION,
    Q_BACKUP,
    Q_LEARNING_UPDATE,
)


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


def _moved(Q, s, a, change):
    """Q with one entry changed, in a table of its own."""
    new = Q.copy()
    new[s, a] += change
    return new


@Q_LEARNING_UPDATE.mistake("no-terminal-mask", "Where the episode terminated nothing follows: the target is r alone.")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * (r + gamma * Q[s_next].max() - Q[s, a]))


@Q_LEARNING_UPDATE.mistake(
    "the-end-drops-the-reward", "The last reward counts: (1 - d) multiplies only what follows it."
)
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * ((1 - terminated) * (r + gamma * Q[s_next].max()) - Q[s, a]))


@Q_LEARNING_UPDATE.mistake(
    "this-state-instead-of-the-next", "The maximum is over the actions of s', where one arrived."
)
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * (r + gamma * (1 - terminated) * Q[s].max() - Q[s, a]))


@Q_LEARNING_UPDATE.mistake("no-discount", "What follows is worth gamma times as much: gamma is missing.")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * (r + (1 - terminated) * Q[s_next].max() - Q[s, a]))


@Q_LEARNING_UPDATE.mistake("no-step-size", "Move by alpha times the error: do not replace the value by the target.")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, r + gamma * (1 - terminated) * Q[s_next].max() - Q[s, a])


@Q_LEARNING_UPDATE.mistake(
    "forgets-the-old-value", "Q(s, a) + alpha * target grows without end: subtract Q(s, a) first."
)
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * (r + gamma * (1 - terminated) * Q[s_next].max()))


@Q_LEARNING_UPDATE.mistake(
    "moves-away-from-the-target", "The error is target minus Q(s, a): this one has the other sign."
)
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * (Q[s, a] - r - gamma * (1 - terminated) * Q[s_next].max()))


@Q_LEARNING_UPDATE.mistake(
    "changes-the-table-it-was-given", "The numbers are right, but Q itself changed: begin with Q.copy()."
)
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    Q[s, a] += alpha * (r + gamma * (1 - terminated) * Q[s_next].max() - Q[s, a])
    return Q


def _bests(q):
    """How much of the greedy part each action has, ties sharing."""
    return (q == q.max()) / np.count_nonzero(q == q.max())


@EPSILON_GREEDY.mistake(
    "exploring-never-takes-the-best",
    "Exploring chooses among all actions, the best included: epsilon / |A| each, not epsilon / (|A| - 1).",
)
def _(q, epsilon):
    return (1 - epsilon) * _bests(q) + epsilon / np.float64(len(q) - 1) * (1 - _bests(q))


@EPSILON_GREEDY.mistake("epsilon-on-the-best", "Epsilon is the probability of exploring; 1 - epsilon is for the best.")
def _(q, epsilon):
    return (1 - epsilon) / len(q) + epsilon * _bests(q)


@EPSILON_GREEDY.mistake("first-of-the-ties", "argmax picks the first of equally good actions: they share 1 - epsilon.")
def _(q, epsilon):
    probabilities = np.full(len(q), epsilon / len(q))
    probabilities[q.argmax()] += 1 - epsilon
    return probabilities


@EPSILON_GREEDY.mistake("ties-not-shared", "The sum exceeds 1: equally good actions divide 1 - epsilon among them.")
def _(q, epsilon):
    return np.where(q == q.max(), 1 - epsilon + epsilon / len(q), epsilon / len(q))


@EPSILON_GREEDY.mistake(
    "an-action-instead-of-probabilities", "Return the probability of every action, not one action drawn."
)
def _(q, epsilon):
    return int(q.argmax())


@EPSILON_GREEDY.mistake("the-best-loses-its-share", "The best is explored too: it has 1 - epsilon plus epsilon / |A|.")
def _(q, epsilon):
    return np.where(_bests(q) > 0, (1 - epsilon) * _bests(q), epsilon / len(q))


@BOLTZMANN.mistake("multiplies-by-the-temperature", "A high temperature flattens: divide q by it.")
def _(q, temperature):
    weights = np.exp(q * temperature - max(q * temperature))
    return weights / sum(weights)


@BOLTZMANN.mistake("not-normalised", "Probabilities sum to 1: divide by the sum of all exponentials.")
def _(q, temperature):
    return np.exp(q / temperature)


@BOLTZMANN.mistake("overflows", "exp(1000) is infinite: subtract the largest q first, the probabilities stay the same.")
def _(q, temperature):
    return np.exp(q / temperature) / np.exp(q / temperature).sum()


@BOLTZMANN.mistake("prefers-the-worst", "A better action is more probable: the exponent is plus q / temperature.")
def _(q, temperature):
    weights = np.exp((q.min() - q) / temperature)
    return weights / sum(weights)


@BOLTZMANN.mistake(
    "divides-by-the-largest", "Probabilities sum to 1: divide by the sum, not by the largest exponential."
)
def _(q, temperature):
    return np.exp((q - max(q)) / temperature)


@BOLTZMANN.mistake("ignores-the-temperature", "The temperature is missing: divide q by it before the exponential.")
def _(q, temperature):
    weights = np.exp(q - max(q))
    return weights / sum(weights)


def _solved(P_pi, R_pi, gamma):
    """The x with x = R_pi + gamma P_pi x."""
    return np.linalg.solve(np.eye(len(R_pi)) - gamma * P_pi, R_pi)


def _averaged(P, weights):
    """The Markov chain [S, S] of a policy."""
    return np.einsum("sa,sat->st", weights, P)


@POLICY_EVALUATION.mistake("value-of-the-best-policy", "Average over the actions with pi: the maximum is V*, not V^pi.")
def _(P, R, pi, gamma):
    V = np.zeros(len(R))
    for _ in range(300):
        V = np.max(R + gamma * P @ V, axis=1)
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


BANK = {
    entry.function.__name__: entry
    for entry in (Q_BACKUP, GREEDY_POLICY, Q_LEARNING_UPDATE, EPSILON_GREEDY, BOLTZMANN, POLICY_EVALUATION)
}
