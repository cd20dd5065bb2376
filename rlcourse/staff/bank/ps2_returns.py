"""Problem set 2: wrong versions of n_step_returns and categorical_projection, each with its hint."""

import torch

from rlcourse.staff.bank.ps2_cases import CATEGORICAL_PROJECTION, N_STEP_RETURNS


def _windows(
    rewards,
    next_values,
    terminated,
    truncated,
    gamma,
    n,
    *,
    stops=True,
    cuts_stop=True,
    cut_is_end=False,
    cut_wins=False,
    tail=True,
    mask=True,
    gammas=lambda m: m,
    late=0,
    first=False,
):
    """n-step returns window by window, with switches for what goes wrong."""
    T, B = rewards.shape
    rewards, next_values, terminated, truncated = (x.tolist() for x in (rewards, next_values, terminated, truncated))
    result = torch.zeros(T, B)
    for t in range(T):
        for b in range(B):
            last, total = min(t + n, T) - 1, 0.0
            for k in range(t, last + 1):
                total += gamma ** (k - t) * rewards[k][b]
                if stops and (terminated[k][b] or cuts_stop and truncated[k][b]):
                    last = k
                    break
            over = mask and terminated[last][b] and not (cut_wins and truncated[last][b])
            over = over or cut_is_end and truncated[last][b]
            if not over and (tail or t + n <= T or truncated[last][b]):
                at = t if first else min(last + late, T - 1)
                total += gamma ** gammas(last - t + 1) * next_values[at][b]
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
    return _windows(*arguments, mask=False)


@N_STEP_RETURNS.mistake("gamma-to-the-n-on-a-short-window", "A window of m < n steps bootstraps with gamma^m.")
def _(rewards, next_values, terminated, truncated, gamma, n):
    return _windows(rewards, next_values, terminated, truncated, gamma, n, gammas=lambda m: n)


@N_STEP_RETURNS.mistake("no-bootstrap-at-the-rollouts-end", "The last windows are shorter, and bootstrap all the same.")
def _(*arguments):
    return _windows(*arguments, tail=False)


@N_STEP_RETURNS.mistake("one-step-too-many", "The window has n rewards, k = 0 .. n - 1, and then the value.")
def _(rewards, next_values, terminated, truncated, gamma, n):
    return _windows(rewards, next_values, terminated, truncated, gamma, n + 1)


@N_STEP_RETURNS.mistake("rewards-not-discounted", "The k-th reward of a window counts gamma^k.")
def _(rewards, next_values, terminated, truncated, gamma, n):
    with_value = _windows(rewards, next_values, terminated, truncated, gamma, n)
    nothing = torch.zeros_like(rewards)
    discounted = _windows(rewards, nothing, terminated, truncated, gamma, n)
    return with_value - discounted + _windows(rewards, nothing, terminated, truncated, 1.0, n)


@N_STEP_RETURNS.mistake(
    "looks-across-a-truncation", "A truncated step ends its window too: what follows is another one."
)
def _(*arguments):
    return _windows(*arguments, cuts_stop=False)


@N_STEP_RETURNS.mistake(
    "truncation-counts-where-both-are-set", "Where both flags are set it has terminated: no bootstrap there."
)
def _(*arguments):
    return _windows(*arguments, cut_wins=True)


@N_STEP_RETURNS.mistake("value-one-step-late", "next_values[k] is of the state after step k: no k + 1.")
def _(*arguments):
    return _windows(*arguments, late=1)


@N_STEP_RETURNS.mistake("value-of-the-first-step", "Bootstrap from the window's last step, not from its first.")
def _(*arguments):
    return _windows(*arguments, first=True)


@N_STEP_RETURNS.mistake("one-gamma-too-few", "After m rewards the value counts gamma^m, not gamma^(m - 1).")
def _(*arguments):
    return _windows(*arguments, gammas=lambda m: m - 1)


@N_STEP_RETURNS.mistake("value-not-discounted", "The value comes m steps later: it counts gamma^m.")
def _(*arguments):
    return _windows(*arguments, gammas=lambda m: 0)


@N_STEP_RETURNS.mistake("value-discounted-once", "The value comes m steps later: it counts gamma^m, not gamma.")
def _(*arguments):
    return _windows(*arguments, gammas=lambda m: 1)


@N_STEP_RETURNS.mistake("one-step-too-few", "The window has n rewards, k = 0 .. n - 1: here it has n - 1.")
def _(rewards, next_values, terminated, truncated, gamma, n):
    if n == 1:
        return torch.where(terminated, 0.0, next_values)
    return _windows(rewards, next_values, terminated, truncated, gamma, n - 1)


@N_STEP_RETURNS.mistake("never-bootstraps", "After the rewards comes the value that the window ends at: gamma^m V.")
def _(rewards, next_values, terminated, truncated, gamma, n):
    return _windows(rewards, torch.zeros_like(rewards), terminated, truncated, gamma, n)


@N_STEP_RETURNS.mistake("discounts-the-reward", "The first reward comes at once: gamma^0, and gamma^m for the value.")
def _(rewards, next_values, terminated, truncated, gamma, n):
    return gamma * _windows(rewards, next_values / max(gamma, 1e-8), terminated, truncated, gamma, n)


@N_STEP_RETURNS.mistake("everything-one-gamma-too-many", "The first reward counts gamma^0, the value gamma^m.")
def _(rewards, next_values, terminated, truncated, gamma, n):
    return gamma * _windows(rewards, next_values, terminated, truncated, gamma, n)


@N_STEP_RETURNS.mistake("ignores-n", "A window ends after n steps at the latest: this one runs up to the ending.")
def _(rewards, next_values, terminated, truncated, gamma, n):
    return _windows(rewards, next_values, terminated, truncated, gamma, len(rewards))


@N_STEP_RETURNS.mistake("one-step-alone", "That is the target of one step: n rewards come before the value.")
def _(rewards, next_values, terminated, truncated, gamma, n):
    return _windows(rewards, next_values, terminated, truncated, gamma, 1)


@N_STEP_RETURNS.mistake(
    "one-end-ends-all", "Each environment has its own end: the others' windows go on, mask by mask."
)
def _(rewards, next_values, terminated, truncated, gamma, n):
    over = (terminated | truncated).any(1, keepdim=True).expand_as(terminated)
    return _windows(rewards, next_values, terminated, over & ~terminated, gamma, n)


@N_STEP_RETURNS.mistake("the-end-drops-the-reward", "The last reward counts: (1 - d) multiplies only what follows it.")
def _(rewards, next_values, terminated, truncated, gamma, n):
    return _windows(torch.where(terminated, 0.0, rewards), next_values, terminated, truncated, gamma, n)


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


def _put(next_probs, place, support):
    """Each atom's probability shared between the atoms beside its new place, which is clamped."""
    place = place.clamp(0, len(support) - 1)
    return _shared(next_probs, place, 1 - place + place.floor(), place - place.floor())


@CATEGORICAL_PROJECTION.mistake(
    "assigns-instead-of-adding", "Several atoms may land beside one: add up (scatter_add_, +=), or the last one wins."
)
def _(next_probs, reward, terminated, gamma, support):
    place = _places(reward, terminated, gamma, support).clamp(0, len(support) - 1)
    projected = torch.zeros_like(next_probs)
    for i in range(len(place)):
        for j in range(len(support)):
            lower = min(int(place[i, j]), len(support) - 2)
            projected[i, lower] = next_probs[i, j] * (lower + 1 - place[i, j])
            projected[i, lower + 1] = next_probs[i, j] * (place[i, j] - lower)
    return projected


@CATEGORICAL_PROJECTION.mistake(
    "lower-atom-only", "Share the probability: l + 1 - b to the lower atom, b - l to the next."
)
def _(next_probs, reward, terminated, gamma, support):
    place = _places(reward, terminated, gamma, support).clamp(0, len(support) - 1)
    return torch.zeros_like(next_probs).scatter_add_(1, place.long(), next_probs)


@CATEGORICAL_PROJECTION.mistake(
    "the-end-drops-the-reward", "At an end all atoms move to r: (1 - d) multiplies gamma z."
)
def _(next_probs, reward, terminated, gamma, support):
    zero = -support[0] / (support[1] - support[0])
    place = torch.where(terminated[:, None], zero, _places(reward, terminated, gamma, support))
    return _put(next_probs, place, support)


@CATEGORICAL_PROJECTION.mistake("discounts-the-reward", "The reward comes at once: gamma multiplies the atoms alone.")
def _(next_probs, reward, terminated, gamma, support):
    place = _places(gamma * reward, terminated, gamma, support)
    return _put(next_probs, place, support)


@CATEGORICAL_PROJECTION.mistake(
    "spacing-by-the-number-of-atoms", "N atoms have N - 1 spaces between them: Delta z = (z_max - z_min) / (N - 1)."
)
def _(next_probs, reward, terminated, gamma, support):
    place = _places(reward, terminated, gamma, support) * (len(support) / (len(support) - 1))
    return _put(next_probs, place, support)


@CATEGORICAL_PROJECTION.mistake("forgets-the-lowest-atom", "Places are counted from the lowest atom: subtract z_0.")
def _(next_probs, reward, terminated, gamma, support):
    place = _places(reward, terminated, gamma, support) + support[0] / (support[1] - support[0])
    return _put(next_probs, place, support)


@CATEGORICAL_PROJECTION.mistake("forgets-the-spacing", "Places are counted in atoms: divide by the distance Delta z.")
def _(next_probs, reward, terminated, gamma, support):
    return _put(next_probs, _places(reward, terminated, gamma, support) * (support[1] - support[0]), support)


@CATEGORICAL_PROJECTION.mistake("reward-missing", "The reward is missing: an atom moves to r + gamma z.")
def _(next_probs, reward, terminated, gamma, support):
    return _put(next_probs, _places(0 * reward, terminated, gamma, support), support)


@CATEGORICAL_PROJECTION.mistake("mask-the-wrong-way-round", "The atoms count where the episode goes on: 1 - d, not d.")
def _(next_probs, reward, terminated, gamma, support):
    return _put(next_probs, _places(reward, ~terminated, gamma, support), support)


@CATEGORICAL_PROJECTION.mistake(
    "not-projected", "The probabilities have to move with the atoms: these are as they came."
)
def _(next_probs, reward, terminated, gamma, support):
    return next_probs.clone()


@CATEGORICAL_PROJECTION.mistake("moved-the-other-way", "Atom j gives to where it lands: this one takes from there.")
def _(next_probs, reward, terminated, gamma, support):
    place = _places(reward, terminated, gamma, support).clamp(0, len(support) - 1)
    lower = place.floor().clamp(max=len(support) - 2)
    return next_probs.gather(1, lower.long()) * (1 - place + lower) + next_probs.gather(1, lower.long() + 1) * (
        place - lower
    )


@CATEGORICAL_PROJECTION.mistake(
    "adds-with-an-index",
    "m[rows, l] += p adds once for each place: where several atoms land, scatter_add_ adds them all.",
)
def _(next_probs, reward, terminated, gamma, support):
    place = _places(reward, terminated, gamma, support).clamp(0, len(support) - 1)
    lower = place.long().clamp(max=len(support) - 2)
    rows = torch.arange(len(place))[:, None]
    projected = torch.zeros_like(next_probs)
    projected[rows, lower] += next_probs * (lower + 1 - place)
    projected[rows, lower + 1] += next_probs * (place - lower)
    return projected


@CATEGORICAL_PROJECTION.mistake(
    "shares-swapped-on-an-atom-too", "The nearer atom gets more: the lower one l + 1 - b, the upper one b - l."
)
def _(next_probs, reward, terminated, gamma, support):
    place = _places(reward, terminated, gamma, support).clamp(0, len(support) - 1)
    lower = place.long().clamp(max=len(support) - 2)
    projected = torch.zeros_like(next_probs).scatter_add_(1, lower, next_probs * (place - lower))
    return projected.scatter_add_(1, lower + 1, next_probs * (lower + 1 - place))
