"""Problem set 1: wrong versions of q_learning_update, epsilon_greedy and boltzmann, each with its hint."""

import numpy as np

from rlcourse.staff.bank.ps1_cases import BOLTZMANN, EPSILON_GREEDY, Q_LEARNING_UPDATE


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


@Q_LEARNING_UPDATE.mistake(
    "same-action-in-the-next-state", "The best action at s' may be another one: the maximum over a', not Q(s', a)."
)
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * (r + gamma * (1 - terminated) * Q[s_next, a] - Q[s, a]))


@Q_LEARNING_UPDATE.mistake("index-instead-of-value", "argmax is the number of the best action; its value is max.")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * (r + gamma * (1 - terminated) * Q[s_next].argmax() - Q[s, a]))


@Q_LEARNING_UPDATE.mistake("mean-instead-of-max", "Q-learning takes the best next action: the maximum, not the mean.")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * (r + gamma * (1 - terminated) * Q[s_next].mean() - Q[s, a]))


@Q_LEARNING_UPDATE.mistake("one-maximum-for-all-states", "The maximum is over the actions of s' alone: Q[s_next].")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * (r + gamma * (1 - terminated) * Q.max() - Q[s, a]))


@Q_LEARNING_UPDATE.mistake("decays-the-whole-table", "Only Q(s, a) moves: (1 - alpha) multiplies that entry alone.")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    new = (1 - alpha) * Q
    new[s, a] += alpha * (r + gamma * (1 - terminated) * Q[s_next].max())
    return new


@Q_LEARNING_UPDATE.mistake("moves-the-whole-table", "Only Q(s, a) moves: all other entries stay as they are.")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return Q + alpha * (r + gamma * (1 - terminated) * Q[s_next].max() - Q)


@Q_LEARNING_UPDATE.mistake("nothing-learned-at-the-end", "The last step is learned from too: its target is r.")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, (1 - terminated) * alpha * (r + gamma * Q[s_next].max() - Q[s, a]))


@Q_LEARNING_UPDATE.mistake("no-step-size-at-the-end", "At the end, too, move by alpha: r is the target, not the value.")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    step = 1 if terminated else alpha
    return _moved(Q, s, a, step * (r + gamma * (1 - terminated) * Q[s_next].max() - Q[s, a]))


@Q_LEARNING_UPDATE.mistake(
    "mask-the-wrong-way-round", "The next value counts where the episode goes on: 1 - terminated."
)
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * (r + gamma * terminated * Q[s_next].max() - Q[s, a]))


@Q_LEARNING_UPDATE.mistake("discounts-the-reward", "The reward comes at once: gamma multiplies only what follows.")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * (gamma * (r + (1 - terminated) * Q[s_next].max()) - Q[s, a]))


@Q_LEARNING_UPDATE.mistake(
    "alpha-on-the-reward-alone", "alpha multiplies the whole error: put r + gamma max - Q(s, a) in brackets."
)
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * r + gamma * (1 - terminated) * Q[s_next].max() - Q[s, a])


@Q_LEARNING_UPDATE.mistake(
    "alpha-on-the-target-alone", "alpha multiplies the whole error, - Q(s, a) included: it is outside the brackets."
)
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * (r + gamma * (1 - terminated) * Q[s_next].max()) - Q[s, a])


@Q_LEARNING_UPDATE.mistake("alpha-the-wrong-way-round", "The old value keeps 1 - alpha, and the target gets alpha.")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, (1 - alpha) * (r + gamma * (1 - terminated) * Q[s_next].max() - Q[s, a]))


@Q_LEARNING_UPDATE.mistake("minimum-instead-of-maximum", "Q-learning takes the best next action: the maximum.")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return _moved(Q, s, a, alpha * (r + gamma * (1 - terminated) * Q[s_next].min() - Q[s, a]))


@Q_LEARNING_UPDATE.mistake("returns-one-number", "Return the whole new table [S, A], of which one entry moved.")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return Q[s, a] + alpha * (r + gamma * (1 - terminated) * Q[s_next].max() - Q[s, a])


@Q_LEARNING_UPDATE.mistake("returns-the-old-table", "The table that comes back has not changed: return the copy.")
def _(Q, s, a, r, s_next, terminated, alpha, gamma):
    return Q.copy()


def _first(q):
    """All of the greedy part for the first of the best actions."""
    return np.eye(len(q))[q.argmax()]


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


@EPSILON_GREEDY.mistake(
    "the-best-loses-its-share-and-first-of-the-ties",
    "The best is explored too: 1 - epsilon comes on top of its epsilon / |A|; and equally good ones share it.",
)
def _(q, epsilon):
    return np.where(_first(q) > 0, 1 - epsilon, epsilon / len(q))


@EPSILON_GREEDY.mistake(
    "exploring-never-takes-the-best-and-first-of-the-ties",
    "Exploring takes the best too: epsilon / |A| for each action, not / (|A| - 1); and equally good ones share.",
)
def _(q, epsilon):
    return np.where(_first(q) > 0, 1 - epsilon, epsilon / max(len(q) - 1, 1))


@EPSILON_GREEDY.mistake(
    "epsilon-on-the-best-and-first-of-the-ties",
    "Epsilon is the probability of exploring, 1 - epsilon is for the best; and equally good ones share it.",
)
def _(q, epsilon):
    return (1 - epsilon) / len(q) + epsilon * _first(q)


@EPSILON_GREEDY.mistake(
    "the-best-loses-its-share-and-ties-not-shared",
    "The best is explored too: 1 - epsilon comes on top of its epsilon / |A|; and equally good ones share it.",
)
def _(q, epsilon):
    return np.where(q == q.max(), 1 - epsilon, epsilon / len(q))


@EPSILON_GREEDY.mistake("last-of-the-ties", "Only the last of equally good actions is taken: they share 1 - epsilon.")
def _(q, epsilon):
    return epsilon / len(q) + (1 - epsilon) * _first(q[::-1])[::-1]


@EPSILON_GREEDY.mistake("ties-with-a-tolerance", "Nearly as good is no tie: compare with ==, not with a tolerance.")
def _(q, epsilon):
    best = np.isclose(q, q.max())
    return epsilon / len(q) + (1 - epsilon) * best / best.sum()


@EPSILON_GREEDY.mistake("no-exploring-share", "Exploring is missing: every action has epsilon / |A| besides.")
def _(q, epsilon):
    return (1 - epsilon) * _bests(q)


@EPSILON_GREEDY.mistake("epsilon-not-divided", "Exploring is shared by all actions: epsilon / |A| each, not epsilon.")
def _(q, epsilon):
    return epsilon + (1 - epsilon) * _bests(q)


@EPSILON_GREEDY.mistake("always-greedy", "Epsilon is missing: with probability epsilon any action is taken.")
def _(q, epsilon):
    return 1.0 * _bests(q)


@EPSILON_GREEDY.mistake(
    "greedy-part-not-reduced", "The greedy part has 1 - epsilon, so that all sum to 1: here it has 1."
)
def _(q, epsilon):
    return epsilon / len(q) + _bests(q)


@EPSILON_GREEDY.mistake(
    "exploring-takes-only-what-is-not-best",
    "Exploring takes the best too: epsilon / |A| for each action, no one is left out.",
)
def _(q, epsilon):
    best = q == q.max()
    others = np.where(best, 0.0, epsilon / max(len(q) - best.sum(), 1))
    return np.full(len(q), 1 / len(q)) if best.all() else others + (1 - epsilon) * _bests(q)


@EPSILON_GREEDY.mistake(
    "brought-back-to-one-by-dividing", "The greedy part has 1 - epsilon: dividing by the sum gives it more."
)
def _(q, epsilon):
    return (epsilon / len(q) + _bests(q)) / (1 + epsilon)


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


@BOLTZMANN.mistake(
    "multiplies-by-the-temperature-and-overflows",
    "A high temperature flattens: divide q by it; and subtract the largest first, for exp(1000) is infinite.",
)
def _(q, temperature):
    return np.exp(q * temperature) / np.exp(q * temperature).sum()


@BOLTZMANN.mistake(
    "ignores-the-temperature-and-overflows",
    "The temperature is missing: divide q by it; and subtract the largest first, for exp(1000) is infinite.",
)
def _(q, temperature):
    return np.exp(q) / np.exp(q).sum()


@BOLTZMANN.mistake(
    "prefers-the-worst-and-overflows",
    "A better action is more probable: plus q / temperature; and subtract the largest, for exp(1000) is infinite.",
)
def _(q, temperature):
    return np.exp(-q / temperature) / np.exp(-q / temperature).sum()


@BOLTZMANN.mistake(
    "largest-before-the-temperature", "Subtract the largest of q / temperature, not of q: it has to be on one scale."
)
def _(q, temperature):
    weights = np.exp(q / temperature - q.max())
    return weights / weights.sum()


@BOLTZMANN.mistake("subtracts-the-mean", "Subtract the largest, not the mean: what is far above it still overflows.")
def _(q, temperature):
    weights = np.exp((q - q.mean()) / temperature)
    return weights / weights.sum()


@BOLTZMANN.mistake("subtracts-the-smallest", "Subtract the largest, not the smallest: what is far above it overflows.")
def _(q, temperature):
    weights = np.exp((q - q.min()) / temperature)
    return weights / weights.sum()


@BOLTZMANN.mistake(
    "temperature-missing-in-the-sum", "The sum has the same exponentials as the numerator: q / temperature in both."
)
def _(q, temperature):
    return np.exp((q - q.max()) / temperature) / np.exp(q - q.max()).sum()


@BOLTZMANN.mistake("no-exponential", "The exponential is missing: exp(q / temperature), then divide by the sum.")
def _(q, temperature):
    return (q / temperature) / (q / temperature).sum()


@BOLTZMANN.mistake("always-greedy", "Worse actions have a probability too: exp(q / temperature) over the sum of all.")
def _(q, temperature):
    return 1.0 * _bests(q)


@BOLTZMANN.mistake("logarithm", "Return probabilities, not their logarithms: take exp of it.")
def _(q, temperature):
    z = (q - q.max()) / temperature
    return z - np.log(np.exp(z).sum())


@BOLTZMANN.mistake(
    "temperature-on-the-largest-alone", "A bracket is missing: (q - max q) / temperature, all of it is divided."
)
def _(q, temperature):
    weights = np.exp(q - q.max() / temperature)
    return weights / weights.sum()


@BOLTZMANN.mistake(
    "largest-not-subtracted-in-the-sum", "Subtract the largest in the sum as in the numerator, or they do not cancel."
)
def _(q, temperature):
    return np.exp((q - q.max()) / temperature) / np.exp(q / temperature).sum()


@BOLTZMANN.mistake("largest-divided-out", "Subtract the largest: divided by it, the exponents become others.")
def _(q, temperature):
    z = q / temperature
    weights = np.exp(z / np.abs(z).max())
    return weights / weights.sum()


@BOLTZMANN.mistake("divided-by-the-largest-of-q", "Subtract the largest: divided by it, the exponents become others.")
def _(q, temperature):
    weights = np.exp(q / q.max() / temperature)
    return weights / weights.sum()
