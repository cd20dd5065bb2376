"""Plausible wrong answers to problem set 1, as people really write them, each with the mistake behind it.

`@wrong("q_backup", "no-discount")`: a check must reject it, and may name no other mistake than no-discount. Several
ids: each of them would be true of it. No id: it may not be named at all, for it holds more than one mistake, or a rare
one.
"""

# ruff: noqa: F811, E741

import math

import numpy as np
from corpus import corpus

WRONG, wrong = corpus()


# q_backup


@wrong("q_backup", "no-discount")
def _(P, R, Q, gamma):
    new = np.zeros_like(Q)
    for s in range(Q.shape[0]):
        for a in range(Q.shape[1]):
            new[s, a] = R[s, a] + sum(P[s, a, t] * max(Q[t]) for t in range(Q.shape[0]))
    return new


@wrong("q_backup", "no-maximum")
def _(P, R, Q, gamma):
    return R[:, :, None] + gamma * np.einsum("sat,tb->sab", P, Q)


@wrong("q_backup", "maximum-outside-the-mean")
def _(P, R, Q, gamma):
    S, A = R.shape
    new = np.zeros((S, A))
    for s in range(S):
        for a in range(A):
            new[s, a] = R[s, a] + gamma * max(P[s, a] @ Q[:, b] for b in range(A))
    return new


@wrong("q_backup", "index-instead-of-value")
def _(P, R, Q, gamma):
    best_action = np.argmax(Q, axis=1)
    return R + gamma * P.dot(best_action)


@wrong("q_backup", "gamma-on-the-reward-alone")
def _(P, R, Q, gamma):
    return gamma * R + np.einsum("ijk,k->ij", P, np.max(Q, axis=1))


@wrong("q_backup", "most-likely-next-state")
def _(P, R, Q, gamma):
    s_next = P.argmax(axis=-1)
    return R + gamma * Q[s_next].max(axis=-1)


@wrong("q_backup", "transposed")
def _(P, R, Q, gamma):
    V = Q.max(axis=1)
    return R + gamma * np.einsum("tas,t->sa", P, V)


@wrong("q_backup", "returns-values")
def _(P, R, Q, gamma):
    backup = R + gamma * np.dot(P, Q.max(1))
    return np.max(backup, axis=1)


@wrong("q_backup")
def _(P, R, Q, gamma):
    return R + gamma * P @ Q.max(axis=0)


@wrong("q_backup", "this-state-instead-of-the-next")
def _(P, R, Q, gamma):
    new = Q.copy()
    for s in range(len(R)):
        for a in range(len(R[s])):
            new[s, a] = R[s, a] + gamma * sum(P[s, a, t] * max(Q[s]) for t in range(len(R)))
    return new


@wrong("q_backup", "changes")
def _(P, R, Q, gamma):
    V = Q.max(1)
    for s in range(len(Q)):
        for a in range(Q.shape[1]):
            Q[s, a] = R[s, a] + gamma * P[s, a] @ V
    return Q


# greedy_policy


@wrong("greedy_policy", "first-of-the-ties")
def _(Q):
    return np.eye(Q.shape[1])[np.argmax(Q, axis=1)]


@wrong("greedy_policy", "last-of-the-ties")
def _(Q):
    pi = np.zeros(Q.shape)
    for s in range(Q.shape[0]):
        best, place = -np.inf, 0
        for a in range(Q.shape[1]):
            if Q[s, a] >= best:
                best, place = Q[s, a], a
        pi[s, place] = 1.0
    return pi


@wrong("greedy_policy", "ties-with-a-tolerance")
def _(Q):
    best = np.isclose(Q, Q.max(axis=1, keepdims=True))
    return best / best.sum(axis=1, keepdims=True)


@wrong("greedy_policy", "ties-not-shared")
def _(Q):
    return (Q.T == Q.max(axis=1)).T


@wrong("greedy_policy", "divided-by-the-number-of-actions")
def _(Q):
    best = (Q == Q.max(axis=1)[:, None]).astype(float)
    return best / Q.shape[1]


@wrong("greedy_policy", "divided-by-all-of-the-best")
def _(Q):
    best = np.where(Q == np.max(Q, axis=1, keepdims=True), 1.0, 0.0)
    return best / best.sum()


@wrong("greedy_policy", "one-maximum-for-all-states", "one-maximum-for-the-whole-table")
def _(Q):
    best = Q == np.max(Q)
    return best / best.sum(axis=1, keepdims=True)


@wrong("greedy_policy", "softmax")
def _(Q):
    return np.exp(Q) / np.exp(Q).sum(axis=1, keepdims=True)


@wrong("greedy_policy", "indices-instead-of-probabilities")
def _(Q):
    return [int(np.argmax(row)) for row in Q]


@wrong("greedy_policy")
def _(Q):
    rng = np.random.default_rng(0)
    pi = np.zeros_like(Q)
    for s in range(len(Q)):
        pi[s, rng.choice(np.flatnonzero(Q[s] == Q[s].max()))] = 1
    return pi


# q_learning_update


@wrong("q_learning_update", "no-terminal-mask")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = np.array(Q)
    best = np.argmax(Q[s_next])
    new[s, a] = Q[s, a] + alpha * (r + gamma * Q[s_next, best] - Q[s, a])
    return new


@wrong("q_learning_update", "changes-the-table-it-was-given")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = Q
    target = r if terminated else r + gamma * max(Q[s_next])
    new[s, a] = (1 - alpha) * Q[s, a] + alpha * target
    return new


@wrong("q_learning_update", "same-action-in-the-next-state")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = Q.copy()
    new[s, a] += alpha * (r + gamma * (not terminated) * Q[s_next, a] - Q[s, a])
    return new


@wrong("q_learning_update", "index-instead-of-value")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = Q.copy()
    future = 0 if terminated else Q[s_next].argmax()
    new[s, a] += alpha * (r + gamma * future - Q[s, a])
    return new


@wrong("q_learning_update", "decays-the-whole-table")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = (1 - alpha) * Q
    new[s, a] += alpha * (r + gamma * (1 - terminated) * Q[s_next].max())
    return new


@wrong("q_learning_update", "nothing-learned-at-the-end")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = Q.copy()
    if not terminated:
        new[s, a] += alpha * (r + gamma * Q[s_next].max() - Q[s, a])
    return new


@wrong("q_learning_update", "no-step-size-at-the-end")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = Q.copy()
    if terminated:
        new[s, a] = r
    else:
        new[s, a] += alpha * (r + gamma * Q[s_next].max() - Q[s, a])
    return new


@wrong("q_learning_update", "mask-the-wrong-way-round")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = Q.copy()
    target = r + gamma * np.max(Q[s_next]) if terminated else r
    new[s, a] += alpha * (target - new[s, a])
    return new


@wrong("q_learning_update", "one-maximum-for-all-states")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = Q.copy()
    new[s, a] += alpha * (r + gamma * Q.max() * (1 - terminated) - Q[s, a])
    return new


@wrong("q_learning_update", "discounts-the-reward")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = Q.copy()
    new[s, a] = (1 - alpha) * new[s, a] + alpha * gamma * (r + (1 - terminated) * Q[s_next].max())
    return new


@wrong("q_learning_update", "alpha-on-the-reward-alone")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = Q.copy()
    new[s, a] = Q[s, a] + alpha * r + gamma * (1 - terminated) * Q[s_next].max() - Q[s, a]
    return new


@wrong("q_learning_update", "alpha-the-wrong-way-round")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = Q.copy()
    new[s, a] = alpha * Q[s, a] + (1 - alpha) * (r + gamma * (1 - terminated) * Q[s_next].max())
    return new


# epsilon_greedy


@wrong("epsilon_greedy", "first-of-the-ties")
def _(q, epsilon):
    probs = np.ones(len(q)) * epsilon / len(q)
    probs[np.argmax(q)] = 1 - epsilon + epsilon / len(q)
    return probs


@wrong("epsilon_greedy", "the-best-loses-its-share-and-first-of-the-ties")
def _(q, epsilon):
    probs = np.ones(len(q)) * epsilon / len(q)
    probs[np.argmax(q)] = 1 - epsilon
    return probs


@wrong("epsilon_greedy", "exploring-never-takes-the-best-and-first-of-the-ties")
def _(q, epsilon):
    probs = np.full(len(q), epsilon / max(len(q) - 1, 1))
    probs[q.argmax()] = 1 - epsilon
    return probs


@wrong("epsilon_greedy", "an-action-instead-of-probabilities")
def _(q, epsilon):
    if np.random.random() < epsilon:
        return np.random.randint(len(q))
    return np.argmax(q)


@wrong("epsilon_greedy", "ties-not-shared")
def _(q, epsilon):
    return epsilon / len(q) + (1 - epsilon) * (q == max(q))


@wrong("epsilon_greedy", "epsilon-on-the-best-and-first-of-the-ties")
def _(q, epsilon):
    probs = np.full_like(q, (1 - epsilon) / q.size)
    probs[np.argmax(q)] += epsilon
    return probs


@wrong("epsilon_greedy", "ties-with-a-tolerance")
def _(q, epsilon):
    best = np.abs(q - q.max()) < 1e-2
    return epsilon / len(q) + (1 - epsilon) * best / best.sum()


# boltzmann


@wrong("boltzmann", "multiplies-by-the-temperature-and-overflows")
def _(q, temperature):
    e = np.exp(q * temperature)
    return e / e.sum()


@wrong("boltzmann", "ignores-the-temperature-and-overflows")
def _(q, temperature):
    return np.exp(q) / np.sum(np.exp(q))


@wrong("boltzmann", "overflows")
def _(q, temperature):
    e = [math.exp(x / temperature) for x in q]
    return [x / sum(e) for x in e]


@wrong("boltzmann", "largest-before-the-temperature")
def _(q, temperature):
    z = q / temperature - q.max()
    return np.exp(z) / np.exp(z).sum()


@wrong("boltzmann", "subtracts-the-mean")
def _(q, temperature):
    z = (q - q.mean()) / temperature
    return np.exp(z) / np.exp(z).sum()


@wrong("boltzmann", "temperature-missing-in-the-sum")
def _(q, temperature):
    q = q - q.max()
    return np.exp(q / temperature) / np.exp(q).sum()


@wrong("boltzmann", "prefers-the-worst-and-overflows")
def _(q, temperature):
    w = np.exp(-q / temperature)
    return w / w.sum()


# policy_evaluation


@wrong("policy_evaluation", "stopped-at-a-thousandth")
def _(P, R, pi, gamma):
    V = np.zeros(len(R))
    while True:
        new = (pi * (R + gamma * P @ V)).sum(axis=1)
        if np.abs(new - V).max() < 1e-3:
            return new
        V = new


@wrong("policy_evaluation")
def _(P, R, pi, gamma):
    V = np.zeros(len(R))
    for _ in range(500):
        for s in range(len(R)):
            V[s] = sum(pi[s, a] * (R[s, a] + gamma * P[s, a] @ V) for a in range(R.shape[1]))
    return V.round(3)


@wrong("policy_evaluation", "rewards-of-every-action")
def _(P, R, pi, gamma):
    P_pi = np.einsum("sa,sat->st", pi, P)
    return np.linalg.solve(np.eye(len(P_pi)) - gamma * P_pi, R)


@wrong("policy_evaluation", "most-likely-action-only")
def _(P, R, pi, gamma):
    s, a = np.arange(len(R)), pi.argmax(axis=1)
    return np.linalg.inv(np.eye(len(R)) - gamma * P[s, a]) @ R[s, a]


@wrong("policy_evaluation", "plus-instead-of-minus")
def _(P, R, pi, gamma):
    P_pi, R_pi = np.einsum("sa,sat->st", pi, P), (pi * R).sum(1)
    return np.linalg.solve(np.eye(len(R)) + gamma * P_pi, R_pi)


@wrong("policy_evaluation", "rewards-summed")
def _(P, R, pi, gamma):
    P_pi = (pi[:, :, None] * P).sum(axis=1)
    return np.linalg.solve(np.eye(len(R)) - gamma * P_pi, R.sum(axis=1))


@wrong("policy_evaluation", "returns-action-values")
def _(P, R, pi, gamma):
    P_pi, R_pi = np.einsum("sa,sat->st", pi, P), np.einsum("sa,sa->s", pi, R)
    V = np.linalg.solve(np.eye(len(R)) - gamma * P_pi, R_pi)
    return R + gamma * P @ V


@wrong("policy_evaluation", "transposed")
def _(P, R, pi, gamma):
    P_pi = np.einsum("sa,sat->ts", pi, P)
    R_pi = np.einsum("sa,sa->s", pi, R)
    return np.linalg.solve(np.eye(len(R)) - gamma * P_pi, R_pi)


@wrong("policy_evaluation", "one-sweep")
def _(P, R, pi, gamma):
    V = np.zeros(len(R))
    return (pi * (R + gamma * P @ V)).sum(axis=1)
