"""Problem set 2: wrong versions of its functions, as people really write them, each with the hint that it earns."""

import torch

from rlcourse.staff.bank.ps2_cases import (
    CATEGORICAL_PROJECTION,
    DOUBLE_Q_TARGET,
    DUELING_Q,
    HUBER_LOSS,
    IMPORTANCE_WEIGHTS,
    N_STEP_RETURNS,
    PRIORITY,
    Q_TARGET,
    TD_TARGET,
)


@TD_TARGET.mistake("no-terminal-mask", "Where the episode terminated nothing follows: the target is r alone.")
def _(reward, terminated, next_value, gamma):
    return (reward + gamma * next_value).detach()


@TD_TARGET.mistake("the-end-drops-the-reward", "The last reward counts: (1 - d) multiplies only what follows it.")
def _(reward, terminated, next_value, gamma):
    return ((reward + gamma * next_value) * ~terminated).detach()


@TD_TARGET.mistake("mask-the-wrong-way-round", "The next value counts where the episode goes on: 1 - d, not d.")
def _(reward, terminated, next_value, gamma):
    return (reward + gamma * next_value * terminated).detach()


@TD_TARGET.mistake("no-discount", "What follows is worth gamma times as much: gamma is missing.")
def _(reward, terminated, next_value, gamma):
    return (reward + next_value * ~terminated).detach()


@TD_TARGET.mistake("discounts-the-reward", "The reward comes at once: gamma multiplies only what follows.")
def _(reward, terminated, next_value, gamma):
    return (gamma * (reward + next_value * ~terminated)).detach()


@TD_TARGET.mistake(
    "gradient-flows", "The numbers are right, but the target would be bent towards the prediction: detach it."
)
def _(reward, terminated, next_value, gamma):
    return reward + gamma * next_value * ~terminated


def _best(next_q):
    """The largest action value of each state [B]."""
    return next_q.amax(1)


@Q_TARGET.mistake("no-terminal-mask", "Where the episode terminated nothing follows: the target is r alone.")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * _best(next_q)


@Q_TARGET.mistake("the-end-drops-the-reward", "The last reward counts: (1 - d) multiplies only what follows it.")
def _(reward, terminated, next_q, gamma):
    return ~terminated * (reward + gamma * _best(next_q))


@Q_TARGET.mistake("one-maximum-for-the-batch", "Each next state has its own maximum: take it along the actions, dim=1.")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * ~terminated * next_q.max()


@Q_TARGET.mistake("mean-instead-of-max", "Q-learning assumes the best next action: the maximum over a', not the mean.")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * ~terminated * next_q.mean(1)


@Q_TARGET.mistake("index-instead-of-value", "argmax is the number of the best action; its value is max.")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * ~terminated * next_q.argmax(1)


@Q_TARGET.mistake(
    "broadcasts-to-a-square", "[B] beside [B, 1] gives [B, B], each target with each reward: no keepdim here."
)
def _(reward, terminated, next_q, gamma):
    return reward + gamma * ~terminated * next_q.amax(1, keepdim=True)


def _of(q, action):
    """The value [B] of one action in each state."""
    return q[torch.arange(len(q)), action]


@DOUBLE_Q_TARGET.mistake("networks-swapped", "The online network chooses the action, the target network values it.")
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * ~terminated * _of(next_q_online, next_q.argmax(1))


@DOUBLE_Q_TARGET.mistake(
    "max-of-the-target-network", "That is plain DQN: here the online network chooses which action to value."
)
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * ~terminated * _best(next_q)


@DOUBLE_Q_TARGET.mistake(
    "max-of-the-online-network", "The online network only chooses: the value is the target network's."
)
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * ~terminated * _best(next_q_online)


@DOUBLE_Q_TARGET.mistake("minimum-of-both", "That is TD3: double DQN takes the target's value of the online's choice.")
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * ~terminated * torch.minimum(_best(next_q), _best(next_q_online))


@DOUBLE_Q_TARGET.mistake("no-terminal-mask", "Where the episode terminated nothing follows: the target is r alone.")
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * _of(next_q, next_q_online.argmax(1))


@DOUBLE_Q_TARGET.mistake("no-discount", "What follows is worth gamma times as much: gamma is missing.")
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + ~terminated * _of(next_q, next_q_online.argmax(1))


@DUELING_Q.mistake("no-centring", "V + A is not centred: subtract the mean advantage of the state.")
def _(value, advantage):
    return torch.add(value, advantage)  # written so that a lecture may show a plain sum


@DUELING_Q.mistake("centred-by-the-maximum", "That is the paper's equation 8: here the mean is subtracted, equation 9.")
def _(value, advantage):
    return value + (advantage - advantage.amax(1, keepdim=True))


@DUELING_Q.mistake(
    "mean-over-the-batch", "Each state has its own mean: take it along the actions (dim=1), not over everything."
)
def _(value, advantage):
    return value + (advantage - advantage.mean())


@DUELING_Q.mistake("mean-of-each-action", "The mean is over the actions of one state: dim=1, not dim=0.")
def _(value, advantage):
    return value + (advantage - advantage.mean(0))


@DUELING_Q.mistake("adds-the-mean", "The mean advantage is subtracted: the mean of Q over the actions is V.")
def _(value, advantage):
    return value + (advantage + advantage.mean(1, keepdim=True))


@DUELING_Q.mistake("cuts-the-gradient", "The numbers are right, but the network could not learn: no detach here.")
def _(value, advantage):
    return (value + (advantage - advantage.mean(1, keepdim=True))).detach()


@HUBER_LOSS.mistake("quadratic-everywhere", "Beyond delta the loss is a straight line: delta (|x| - delta / 2).")
def _(td_error, delta=1.0):
    return td_error.square() / 2  # written so that a lecture may show a squared error


@HUBER_LOSS.mistake("ignores-delta", "delta is where it turns linear, and it need not be 1.")
def _(td_error, delta=1.0):
    return torch.where(td_error.abs() < 1, 0.5 * td_error**2, td_error.abs() - 0.5)


@HUBER_LOSS.mistake("one-number-for-all", "Return the loss of each element: the agent averages (and weighs) itself.")
def _(td_error, delta=1.0):
    return torch.nn.functional.huber_loss(td_error, torch.zeros_like(td_error), delta=delta)


@HUBER_LOSS.mistake("jumps-at-delta", "The line must meet the parabola at delta: subtract delta^2 / 2 from it.")
def _(td_error, delta=1.0):
    return torch.where(td_error.abs() < delta, 0.5 * td_error**2, delta * td_error.abs())


@HUBER_LOSS.mistake("slope-one-beyond-delta", "Beyond delta the slope is delta, not 1, or the derivative jumps there.")
def _(td_error, delta=1.0):
    return torch.where(td_error.abs() < delta, 0.5 * td_error**2, td_error.abs() - 0.5 * delta)


@HUBER_LOSS.mistake("no-half", "The parabola is x^2 / 2: twice that has twice the gradient, and misses the line.")
def _(td_error, delta=1.0):
    return torch.where(td_error.abs() < delta, td_error**2, delta * (td_error.abs() - 0.5 * delta))


@HUBER_LOSS.mistake("only-positive-errors", "An error of -5 is as large as one of 5: compare and use |x|.")
def _(td_error, delta=1.0):
    return torch.where(td_error < delta, 0.5 * td_error**2, delta * (td_error - 0.5 * delta))


@PRIORITY.mistake("no-absolute-value", "Errors of both signs surprise: take |delta|, or a power of it is NaN.")
def _(td_error, alpha, eps):
    return (td_error + eps) ** alpha


@PRIORITY.mistake("alpha-applied-twice", "The exponent alpha comes once, here: the buffer adds none.")
def _(td_error, alpha, eps):
    return (td_error.abs() + eps) ** alpha**2


@PRIORITY.mistake("no-exponent", "alpha is missing: it says how much the error counts in drawing.")
def _(td_error, alpha, eps):
    return td_error.abs() + eps


@PRIORITY.mistake("eps-outside-the-power", "eps belongs to the error: (|delta| + eps)^alpha.")
def _(td_error, alpha, eps):
    return td_error.abs() ** alpha + eps


@PRIORITY.mistake("no-eps", "eps is missing: a transition without error would never be drawn again.")
def _(td_error, alpha, eps):
    return td_error.abs() ** alpha


@PRIORITY.mistake("normalised", "Return the priorities as they are: the buffer divides by their sum.")
def _(td_error, alpha, eps):
    weights = (td_error.abs() + eps) ** alpha
    return weights / weights.sum()


@IMPORTANCE_WEIGHTS.mistake("exponent-of-the-wrong-sign", "What is drawn often counts less: the exponent is -beta.")
def _(probabilities, buffer_size, beta):
    weights = (buffer_size * probabilities) ** beta
    return weights / weights.max()


@IMPORTANCE_WEIGHTS.mistake("divided-by-the-minimum", "Divide by the largest weight, so that no step is scaled up.")
def _(probabilities, buffer_size, beta):
    weights = (buffer_size * probabilities) ** -beta
    return weights / weights.min()


@IMPORTANCE_WEIGHTS.mistake("not-normalised", "Divide by the largest weight of the batch: the largest becomes 1.")
def _(probabilities, buffer_size, beta):
    return (buffer_size * probabilities) ** -beta


@IMPORTANCE_WEIGHTS.mistake("sums-to-one", "Divide by the largest weight, not by their sum: they are no probabilities.")
def _(probabilities, buffer_size, beta):
    weights = (buffer_size * probabilities) ** -beta
    return weights / weights.sum()


@IMPORTANCE_WEIGHTS.mistake("ignores-beta", "beta is missing: it says how much of the bias is made up for.")
def _(probabilities, buffer_size, beta):
    weights = 1 / (buffer_size * probabilities)
    return weights / weights.max()


def _windows(
    rewards,
    next_values,
    terminated,
    truncated,
    gamma,
    n,
    *,
    stops=True,
    cut_is_end=False,
    tail=True,
    fixed=False,
    mask=1,
):
    """n-step returns window by window, with switches for what goes wrong."""
    T, B = rewards.shape
    result = torch.zeros(T, B)
    for t in range(T):
        for b in range(B):
            last, total = min(t + n, T) - 1, 0.0
            for k in range(t, last + 1):
                total += gamma ** (k - t) * rewards[k, b]
                if stops and (terminated[k, b] or truncated[k, b]):
                    last = k
                    break
            over = mask and terminated[last, b] or cut_is_end and truncated[last, b]
            if not over and (tail or t + n <= T):
                total += gamma ** (n if fixed else last - t + 1) * next_values[last, b]
            result[t, b] = total
    return result


@N_STEP_RETURNS.mistake(
    "looks-across-an-ending", "A window ends with its episode: what follows belongs to the next one."
)
def _(*arguments):
    return _windows(*arguments, stops=False)


@N_STEP_RETURNS.mistake(
    "truncation-has-no-future", "A truncated episode was cut off, not over: bootstrap from its value."
)
def _(*arguments):
    return _windows(*arguments, cut_is_end=True)


@N_STEP_RETURNS.mistake("termination-has-a-future", "Where the episode terminated nothing follows: no bootstrap there.")
def _(*arguments):
    return _windows(*arguments, mask=0)


@N_STEP_RETURNS.mistake("gamma-to-the-n-on-a-short-window", "A window of m < n steps bootstraps with gamma^m.")
def _(*arguments):
    return _windows(*arguments, fixed=True)


@N_STEP_RETURNS.mistake("no-bootstrap-at-the-rollouts-end", "The last windows are shorter, and bootstrap all the same.")
def _(*arguments):
    return _windows(*arguments, tail=False)


@N_STEP_RETURNS.mistake("one-step-too-many", "The window has n rewards, k = 0 .. n - 1, and then the value.")
def _(rewards, next_values, terminated, truncated, gamma, n):
    return _windows(rewards, next_values, terminated, truncated, gamma, n + 1)


@N_STEP_RETURNS.mistake("rewards-not-discounted", "The k-th reward of a window counts gamma^k.")
def _(rewards, next_values, terminated, truncated, gamma, n):
    with_value = _windows(rewards, next_values, terminated, truncated, gamma, n)
    discounted = _windows(rewards, 0 * next_values, terminated, truncated, gamma, n)
    return with_value - discounted + _windows(rewards, 0 * next_values, terminated, truncated, 1.0, n)


def _shared(next_probs, place, lower_gets, upper_gets):
    """Each atom's probability put onto the two atoms beside its new place [B, N]."""
    lower, upper = place.floor().long(), place.ceil().long()
    projected = torch.zeros_like(next_probs)
    projected.scatter_add_(1, lower, next_probs * lower_gets)
    return projected.scatter_add_(1, upper, next_probs * upper_gets)


def _places(reward, terminated, gamma, support):
    """Where each atom moves to [B, N], counted in atoms, not clamped."""
    discount = (gamma * ~terminated)[:, None]
    return (reward[:, None] + discount * support - support[0]) / (support[1] - support[0])


@CATEGORICAL_PROJECTION.mistake(
    "loses-what-lands-on-an-atom", "On an atom lower = upper, and u - b and b - l are both 0: give it to that atom."
)
def _(next_probs, reward, terminated, gamma, support):
    place = _places(reward, terminated, gamma, support).clamp(0, len(support) - 1)
    return _shared(next_probs, place, place.ceil() - place, place - place.floor())


@CATEGORICAL_PROJECTION.mistake(
    "shares-swapped", "The nearer atom gets more: the lower one u - b, the upper one b - l."
)
def _(next_probs, reward, terminated, gamma, support):
    place = _places(reward, terminated, gamma, support).clamp(0, len(support) - 1)
    return _shared(next_probs, place, place - place.floor(), 1 - place + place.floor())


@CATEGORICAL_PROJECTION.mistake("not-clamped", "What moves beyond the support goes to its ends: clamp b to [0, N - 1].")
def _(next_probs, reward, terminated, gamma, support):
    place = _places(reward, terminated, gamma, support)
    inside = (place >= 0) & (place <= len(support) - 1)
    place = place.clamp(0, len(support) - 1)
    return _shared(next_probs * inside, place, 1 - place + place.floor(), place - place.floor())


@CATEGORICAL_PROJECTION.mistake(
    "no-terminal-mask", "Where the episode terminated every atom moves to r: gamma (1 - d) z."
)
def _(next_probs, reward, terminated, gamma, support):
    place = _places(reward, terminated & False, gamma, support).clamp(0, len(support) - 1)
    return _shared(next_probs, place, 1 - place + place.floor(), place - place.floor())


@CATEGORICAL_PROJECTION.mistake("nearest-atom", "Share the probability between both neighbours, or the mean is off.")
def _(next_probs, reward, terminated, gamma, support):
    place = _places(reward, terminated, gamma, support).clamp(0, len(support) - 1)
    return torch.zeros_like(next_probs).scatter_add_(1, place.round().long(), next_probs)


@CATEGORICAL_PROJECTION.mistake("no-discount", "The atoms shrink by gamma before the reward shifts them: r + gamma z.")
def _(next_probs, reward, terminated, gamma, support):
    place = _places(reward, terminated, 1.0, support).clamp(0, len(support) - 1)
    return _shared(next_probs, place, 1 - place + place.floor(), place - place.floor())


BANK = {
    entry.function.__name__: entry
    for entry in (
        TD_TARGET,
        Q_TARGET,
        DOUBLE_Q_TARGET,
        DUELING_Q,
        HUBER_LOSS,
        PRIORITY,
        IMPORTANCE_WEIGHTS,
        N_STEP_RETURNS,
        CATEGORICAL_PROJECTION,
    )
}
