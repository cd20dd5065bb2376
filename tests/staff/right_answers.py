"""Right answers as different people write them: each style is a whole submission, as source text.

`functions("loops")` runs one and gives its functions; `cells("loops")` its sources, one function each. The styles of
problem set 1 stand here, those of later ones in right_answers_ps2.py and so on: `functions("loops", "ps2")`.
"""

import ast
from collections.abc import Callable

import right_answers_ps2
import right_answers_ps3
import right_answers_ps4
import right_answers_ps5

STYLES = {
    "loops": """
def q_backup(P, R, Q, gamma):
    n_states, n_actions = R.shape
    updated = np.zeros((n_states, n_actions))
    for state in range(n_states):
        for action in range(n_actions):
            total = 0.0
            for successor in range(n_states):
                if P[state, action, successor] > 0:
                    best = Q[successor, 0]
                    for other in range(1, n_actions):
                        if Q[successor, other] > best:
                            best = Q[successor, other]
                    total += P[state, action, successor] * best
            updated[state, action] = R[state, action] + gamma * total
    return updated


def greedy_policy(Q):
    table = np.zeros(Q.shape)
    for s, row in enumerate(Q):
        winners = [a for a, value in enumerate(row) if value == max(row)]
        for a in winners:
            table[s, a] = 1 / len(winners)
    return table


def q_learning_update(table, state, action, reward, successor, over, step_size, discount):
    fresh = np.array(table)
    if over:
        goal = reward
    else:
        goal = reward + discount * max(table[successor])
    fresh[state, action] = (1 - step_size) * table[state, action] + step_size * goal
    return fresh


def epsilon_greedy(values, eps):
    probabilities = []
    n_best = sum(1 for v in values if v == max(values))
    for v in values:
        p = eps / len(values)
        if v == max(values):
            p += (1 - eps) / n_best
        probabilities.append(p)
    return np.array(probabilities)


def boltzmann(values, tau):
    import math

    top = max(values)
    exponentials = [math.exp((v - top) / tau) for v in values]
    return np.array([e / sum(exponentials) for e in exponentials])


def policy_evaluation(P, R, pi, gamma):
    n = len(R)
    values, change = np.zeros(n), 1.0
    while change > 1e-10:
        old = values.copy()
        for s in range(n):
            values[s] = sum(pi[s, a] * (R[s, a] + gamma * P[s, a].dot(values)) for a in range(R.shape[1]))
        change = abs(values - old).max()
    return values
""",
    "lists": """
def q_backup(P, R, Q, gamma):
    best = [max(row) for row in Q]
    return [
        [r + gamma * sum(p * v for p, v in zip(row, best)) for r, row in zip(rewards, rows)]
        for rewards, rows in zip(R, P)
    ]


def greedy_policy(Q):
    def row(values):
        best = [float(v == max(values)) for v in values]
        return [b / sum(best) for b in best]

    return [row(list(values)) for values in Q]


def q_learning_update(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = [[float(v) for v in row] for row in Q]
    future = 0 if terminated else gamma * max(new[s_next])
    new[s][a] += alpha * (r + future - new[s][a])
    return new


def epsilon_greedy(q, epsilon):
    return [epsilon / len(q) + (1 - epsilon) * share for share in greedy_policy([q])[0]]


def boltzmann(q, temperature):
    # 1 / sum_b exp((q_b - q_a) / tau), with what would overflow cut off where it is 0 anyway
    return tuple(float(1 / sum(np.exp(min((b - a) / temperature, 700)) for b in q)) for a in q)


def policy_evaluation(P, R, pi, gamma):
    old, V = None, [0.0] * len(R)
    while V != old:
        old = V
        V = [
            sum(p * (r + gamma * sum(t * v for t, v in zip(row, V))) for p, r, row in zip(probs, rewards, rows))
            for probs, rewards, rows in zip(pi.tolist(), R.tolist(), P.tolist())
        ]
        if max(abs(a - b) for a, b in zip(old, V)) < 1e-12 * (1 + max(map(abs, V))):
            break
    return V
""",
    "float32": """
def q_backup(P, R, Q, gamma):
    V = Q.astype(np.float32).max(-1)
    return (R + gamma * np.tensordot(P.astype(np.float32), V, axes=1)).astype(np.float32)


def greedy_policy(Q):
    Q = Q.astype(np.float32)
    best = (Q == Q.max(1, keepdims=True)).astype(np.float32)
    return best / best.sum(1, keepdims=True)


def q_learning_update(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = Q.astype(np.float32)
    not_over = np.float32(not terminated)
    new[s][a] = new[s][a] * (1 - alpha) + alpha * (r + not_over * gamma * np.amax(new[s_next]))
    return new


def epsilon_greedy(q, epsilon):
    p = np.full(len(q), epsilon / len(q), dtype=np.float32)
    best = np.flatnonzero(q == q.max())
    p[best] += np.float32((1 - epsilon) / len(best))
    return p


def boltzmann(q, temperature):
    x = ((q - q.max()) / temperature).astype(np.float32)
    return np.exp(x - np.log(np.exp(x).sum()))


def policy_evaluation(P, R, pi, gamma):
    P_pi = np.einsum("sa,sat->st", pi, P).astype(np.float32)
    R_pi = np.einsum("sa,sa->s", pi, R).astype(np.float32)
    return np.linalg.inv(np.eye(len(R), dtype=np.float32) - np.float32(gamma) * P_pi) @ R_pi
""",
    "torch": """
import torch


def q_backup(P, R, Q, gamma):
    P, R, Q = (torch.as_tensor(x) for x in (P, R, Q))
    return R + gamma * (P @ Q.max(dim=1).values)


def greedy_policy(Q):
    Q = torch.as_tensor(Q)
    best = (Q == Q.max(dim=-1, keepdim=True).values).double()
    return best / best.sum(-1, keepdim=True)


def q_learning_update(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = torch.tensor(Q)
    target = torch.tensor(float(r)) if terminated else r + gamma * new[s_next].max()
    new[s, a] = torch.lerp(new[s, a], target.double(), alpha)
    return new


def epsilon_greedy(q, epsilon):
    return epsilon / len(q) + (1 - epsilon) * greedy_policy(q)


def boltzmann(q, temperature):
    return torch.softmax(torch.as_tensor(q) / temperature, dim=0)


def policy_evaluation(P, R, pi, gamma):
    P, R, pi = (torch.as_tensor(x) for x in (P, R, pi))
    chain = torch.einsum("sat,sa->st", P, pi)
    return torch.linalg.solve(torch.eye(len(R), dtype=P.dtype) - gamma * chain, (R * pi).sum(1))
""",
    "terse": """
def q_backup(P, R, Q, gamma):
    return np.einsum("sat,t->sa", P, gamma * np.sort(Q)[:, -1]) + R


def greedy_policy(Q):
    ranks = (Q[:, :, None] < Q[:, None, :]).sum(-1)
    return (ranks == 0) / (ranks == 0).sum(1)[:, None]


def q_learning_update(Q, s, a, r, s_next, terminated, alpha, gamma):
    here = np.zeros_like(Q)
    here[s, a] = 1
    return Q + alpha * here * (r + gamma * Q[s_next].max() * (not terminated) - Q)


def epsilon_greedy(q, epsilon):
    best = q >= q.max()
    return np.where(best, (1 - epsilon) / best.sum(), 0) + epsilon * np.ones_like(q) / q.size


def boltzmann(q, temperature):
    z = q / temperature
    return np.exp(z - z.max() - np.log(np.sum(np.exp(z - z.max()))))


def policy_evaluation(P, R, pi, gamma):
    S, A = R.shape
    Q = np.linalg.lstsq(np.eye(S * A) - gamma * (P[..., None] * pi).reshape(S * A, S * A), R.ravel(), rcond=None)[0]
    return (Q.reshape(S, A) * pi).sum(1)
""",
}


BY_SET = {
    "ps1": STYLES,
    "ps2": right_answers_ps2.STYLES,
    "ps3": right_answers_ps3.STYLES,
    "ps4": right_answers_ps4.STYLES,
    "ps5": right_answers_ps5.STYLES,
}
IMPORTS = {key: "import numpy as np\n" + "import torch\n" * (key != "ps1") for key in BY_SET}


def functions(style: str, problem_set: str = "ps1") -> dict[str, Callable]:
    """The functions of a style by name."""
    namespace: dict = {}
    exec(IMPORTS[problem_set] + BY_SET[problem_set][style], namespace)
    return {name: namespace[name] for name in cells(style, problem_set)}


def cells(style: str, problem_set: str = "ps1") -> dict[str, str]:
    """The source of each function of a style by name; what it imports stands first in each."""
    source = BY_SET[problem_set][style].lstrip("\n")
    tree = ast.parse(source)
    imports = [ast.get_source_segment(source, node) for node in tree.body if isinstance(node, ast.Import)]
    return {
        node.name: "\n".join((*imports, ast.get_source_segment(source, node)))
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }
