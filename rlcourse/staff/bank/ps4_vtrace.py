"""Problem set 4, V-trace: wrong versions, as people really write them, each with the hint that it earns."""

import torch

from rlcourse.staff.bank.ps4_cases import VTRACE


def _corrected(rewards, values, future, stops, rho, c, gamma, *, ahead=None, weight=None, decay=None, delta=None):
    """V-trace, with switches for what goes wrong: `ahead` is v_{t+1} in the advantage, made from v."""
    delta = rho * (rewards + gamma * future - values) if delta is None else delta
    decay = gamma * c if decay is None else decay
    rows, following = [], torch.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        following = delta[t] + decay[t] * following * ~stops[t]
        rows.insert(0, following)
    vs = values + torch.stack(rows)
    following = torch.cat([vs[1:], future[-1:]])
    ahead = torch.where(stops, future, following) if ahead is None else ahead(following)
    return vs, (rho if weight is None else weight) * (rewards + gamma * ahead - values)


def _clipped(ratios, rho_bar, c_bar):
    return ratios.clamp(max=rho_bar), ratios.clamp(max=c_bar)


@VTRACE.mistake(
    "inverse-ratio", "ratios are pi / mu already, of the learned policy and the one that acted: use them as they are."
)
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    ends, clipped = terminated | truncated, _clipped(1 / ratios, rho_bar, c_bar)
    return _corrected(rewards, values, next_values * ~terminated, ends, *clipped, gamma)


@VTRACE.mistake("bars-swapped", "rho-bar clips the ratio of the error and the advantage, c-bar that of the trace.")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    ends, clipped = terminated | truncated, _clipped(ratios, c_bar, rho_bar)
    return _corrected(rewards, values, next_values * ~terminated, ends, *clipped, gamma)


@VTRACE.mistake(
    "never-clipped",
    "Ratios are clipped from above, at rho-bar in the error, at c-bar in the trace: their products explode.",
)
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    return _corrected(rewards, values, next_values * ~terminated, terminated | truncated, ratios, ratios, gamma)


@VTRACE.mistake(
    "advantage-without-rho", "The advantage is weighted by the clipped ratio as well: the action came from mu."
)
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    ends, clipped = terminated | truncated, _clipped(ratios, rho_bar, c_bar)
    return _corrected(rewards, values, next_values * ~terminated, ends, *clipped, gamma, weight=1.0)


@VTRACE.mistake(
    "value-for-target-in-the-advantage", "The advantage looks ahead to v_{t+1}, the corrected one, not to V."
)
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    ends, clipped = terminated | truncated, _clipped(ratios, rho_bar, c_bar)
    future = next_values * ~terminated
    return _corrected(rewards, values, future, ends, *clipped, gamma, ahead=lambda following: future)


@VTRACE.mistake(
    "advantage-looks-across-endings", "v_{t+1} is another episode's where one ended: 0 there, or V if it was cut off."
)
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    ends, clipped = terminated | truncated, _clipped(ratios, rho_bar, c_bar)
    return _corrected(
        rewards, values, next_values * ~terminated, ends, *clipped, gamma, ahead=lambda following: following
    )


@VTRACE.mistake(
    "the-next-episodes-target", "After a truncation the advantage bootstraps from next_values, not from the next row."
)
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    ends, clipped = terminated | truncated, _clipped(ratios, rho_bar, c_bar)
    return _corrected(
        rewards,
        values,
        next_values * ~terminated,
        ends,
        *clipped,
        gamma,
        ahead=lambda following: following * ~terminated,
    )


@VTRACE.mistake("truncation-has-no-future", "A truncated episode was cut off, not over: bootstrap from its value.")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    ends, clipped = terminated | truncated, _clipped(ratios, rho_bar, c_bar)
    return _corrected(rewards, values, next_values * ~ends, ends, *clipped, gamma)


@VTRACE.mistake("no-terminal-mask", "Where the episode terminated nothing follows: no V(s') and no v_{t+1} there.")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    ends, clipped = terminated | truncated, _clipped(ratios, rho_bar, c_bar)
    return _corrected(rewards, values, next_values, ends, *clipped, gamma)


@VTRACE.mistake("trace-runs-across-endings", "The next row belongs to another episode where one ended: stop the trace.")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    ends, clipped = terminated | truncated, _clipped(ratios, rho_bar, c_bar)
    future = next_values * ~terminated
    return _corrected(
        rewards,
        values,
        future,
        ends & False,
        *clipped,
        gamma,
        ahead=lambda following: torch.where(ends, future, following),
    )


def _trace(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar, c_bar, **changes):
    """V-trace of right arguments, with the switches of `_corrected`, or c in another way."""
    (rho, c), ends = _clipped(ratios, rho_bar, c_bar), terminated | truncated
    c, stops = changes.pop("c", c), changes.pop("stops", ends)
    return _corrected(rewards, values, next_values * ~terminated, stops, rho, c, gamma, **changes)


@VTRACE.mistake("no-c-in-the-trace", "The ratio clipped at c-bar stands before what is carried back: multiply by it.")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    given = rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar, c_bar
    return _trace(*given, c=torch.ones_like(ratios))


@VTRACE.mistake("rho-in-the-trace", "What is carried back is weighted by the ratio clipped at c-bar, not at rho-bar.")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    given = rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar, c_bar
    return _trace(*given, c=ratios.clamp(max=rho_bar))


@VTRACE.mistake("no-gamma-in-the-trace", "What is carried back is discounted as well: gamma times the clipped ratio.")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    given = rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar, c_bar
    return _trace(*given, decay=ratios.clamp(max=c_bar))


@VTRACE.mistake("bars-ignored", "Clip at rho_bar and c_bar as they are given: they need not be 1.")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    return _trace(rewards, values, next_values, terminated, truncated, ratios, gamma, 1.0, 1.0)


@VTRACE.mistake("ratios-below-the-bars-raised", "A bar is the most a ratio may be: clamp(max=..), not min.")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    ends, rho, c = terminated | truncated, ratios.clamp(min=rho_bar), ratios.clamp(min=c_bar)
    return _corrected(rewards, values, next_values * ~terminated, ends, rho, c, gamma)


@VTRACE.mistake("correction-not-target", "v is V(s) plus what is carried back: add the values.")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    vs, A = _trace(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar, c_bar)
    return vs - values, A


@VTRACE.mistake("advantages-first", "First the targets v, then the advantages: you return them the other way round.")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    return _trace(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar, c_bar)[::-1]


@VTRACE.mistake(
    "difference-as-advantage",
    "A is the clipped ratio times (r + gamma v_{t+1} - V), one step to the next v: not v - V.",
)
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    vs, _ = _trace(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar, c_bar)
    return vs, vs - values


@VTRACE.mistake("advantage-from-the-target", "A subtracts V(s), what was expected, not the corrected v.")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    vs, A = _trace(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar, c_bar)
    return vs, A + ratios.clamp(max=rho_bar) * (values - vs)


@VTRACE.mistake(
    "nothing-after-the-rollout", "In the last row V(s_{t+1}) stands in place of v_{t+1}: A needs next_values there."
)
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    given = rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar, c_bar
    V, ends = next_values * ~terminated, terminated | truncated
    without = torch.where(ends, V, torch.cat([_trace(*given)[0][1:], torch.zeros_like(V[:1])]))
    return _trace(*given, ahead=lambda following: without)


@VTRACE.mistake("rho-on-the-reward-alone", "The clipped ratio weighs the whole error, r + gamma V(s') - V(s).")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    rho, V = ratios.clamp(max=rho_bar), next_values * ~terminated
    given = rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar, c_bar
    vs, A = _trace(*given, delta=rho * (rewards + gamma * V) - values)
    return vs, A + rho * values - values


@VTRACE.mistake(
    "error-without-rho", "delta is weighted by the ratio, clipped at rho-bar: the action came from the other policy."
)
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    V = next_values * ~terminated
    given = rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar, c_bar
    return _trace(*given, delta=rewards + gamma * V - values)


@VTRACE.mistake("trace-runs-across-a-truncation", "A truncated step ends its episode, too: stop the trace there.")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    given, V = (rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar, c_bar), next_values
    ahead = lambda v: torch.where(terminated | truncated, V * ~terminated, v)  # noqa: E731
    return _trace(*given, stops=terminated, ahead=ahead)


@VTRACE.mistake("truncated-counts-where-both", "Where both flags are set terminated counts: nothing follows.")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    V, clipped = torch.where(terminated & ~truncated, 0.0, next_values), _clipped(ratios, rho_bar, c_bar)
    return _corrected(rewards, values, V, terminated | truncated, *clipped, gamma)


@VTRACE.mistake(
    "looks-across-a-truncation", "Truncated steps end an episode too: v_{t+1} is another episode's, V stands for it."
)
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    (rho, c), future = _clipped(ratios, rho_bar, c_bar), next_values * ~terminated
    v, A = values.clone(), values.clone()
    following = future[-1]
    for t in reversed(range(len(rewards))):
        A[t] = rho[t] * (rewards[t] + gamma * following * ~terminated[t] - values[t])
        carried = c[t] * (following - future[t]) * ~terminated[t]
        v[t] = values[t] + rho[t] * (rewards[t] + gamma * future[t] - values[t]) + gamma * carried
        following = v[t]
    return v, A


@VTRACE.mistake(
    "this-value-in-the-trace", "What is carried back is v_{t+1} - V(s_{t+1}), both of the state after the step."
)
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    (rho, c), ends, future = _clipped(ratios, rho_bar, c_bar), terminated | truncated, next_values * ~terminated
    v = values + rho * (rewards + gamma * future - values)
    ahead = future.clone()
    for t in reversed(range(len(rewards) - 1)):
        v[t] = v[t] + gamma * c[t] * (v[t + 1] - values[t]) * ~ends[t]
        ahead[t] = torch.where(ends[t], future[t], v[t + 1])
    return v, rho * (rewards + gamma * ahead - values)
