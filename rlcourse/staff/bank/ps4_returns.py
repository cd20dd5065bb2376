"""Problem set 4, returns and advantages: wrong versions, as people really write them, each with its hint."""

import torch

from rlcourse.staff.bank.drawing import by_n_minus_1
from rlcourse.staff.bank.ps4_cases import GAE, LAMBDA_RETURNS


def _later(flags):
    """At each step the flag of the step after it; the last has none."""
    return torch.cat([flags[1:], torch.zeros_like(flags[:1])])


def _earlier(flags):
    return torch.cat([torch.zeros_like(flags[:1]), flags[:-1]])


def _and_last(flags):
    """Flags with the rollout's last row set."""
    return torch.cat([flags[:-1], torch.ones_like(flags[:1])])


def _shifted(values, next_values):
    """V(s_{t+1}) taken from the next row: after an ending, that of the next episode."""
    return torch.cat([values[1:], next_values[-1:]])


def _mixed(rewards, future, stops, gamma, lam, *, one_step=None, trace=None, start=None):
    """lambda-returns backwards, with switches for what goes wrong: the weights of V and of the longer returns."""
    one_step, trace = 1 - lam if one_step is None else one_step, lam if trace is None else trace
    following = future[-1] if start is None else start
    rows = []
    for t in reversed(range(len(rewards))):
        ahead = torch.where(stops[t], future[t], one_step * future[t] + trace * following)
        following = rewards[t] + gamma * ahead
        rows.insert(0, following)
    return torch.stack(rows) if rows else rewards


@LAMBDA_RETURNS.mistake("no-terminal-mask", "Where the episode terminated nothing follows: the return is r alone.")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    return _mixed(rewards, next_values, terminated | truncated, gamma, lam)


@LAMBDA_RETURNS.mistake(
    "truncation-has-no-future", "A truncated episode was cut off, not over: bootstrap from its value."
)
def _(rewards, next_values, terminated, truncated, gamma, lam):
    ends = terminated | truncated
    return _mixed(rewards, next_values * ~ends, ends, gamma, lam)


@LAMBDA_RETURNS.mistake(
    "looks-across-endings", "The next row belongs to another episode where one ended: V stands in its place."
)
def _(rewards, next_values, terminated, truncated, gamma, lam):
    return _mixed(rewards, next_values * ~terminated, terminated & False, gamma, lam)


@LAMBDA_RETURNS.mistake(
    "looks-across-a-truncation", "Truncated steps end an episode too: V alone stands for what would have followed."
)
def _(rewards, next_values, terminated, truncated, gamma, lam):
    return _mixed(rewards, next_values * ~terminated, terminated, gamma, lam)


@LAMBDA_RETURNS.mistake(
    "weights-swapped", "1 - lambda is for V, lambda for the longer returns: lambda = 0 looks one step."
)
def _(rewards, next_values, terminated, truncated, gamma, lam):
    return _mixed(rewards, next_values * ~terminated, terminated | truncated, gamma, 1 - lam)


@LAMBDA_RETURNS.mistake("weights-above-one", "V counts 1 - lambda, not 1: the weights of the bracket sum to 1.")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    V, ends = next_values * ~terminated, _and_last(terminated | truncated)
    return _mixed(rewards, V, ends, gamma, lam, one_step=1.0)


@LAMBDA_RETURNS.mistake(
    "weights-above-one-to-the-end", "V counts 1 - lambda, not 1; and in the last row it stands alone."
)
def _(rewards, next_values, terminated, truncated, gamma, lam):
    return _mixed(rewards, next_values * ~terminated, terminated | truncated, gamma, lam, one_step=1.0)


@LAMBDA_RETURNS.mistake("gamma-twice", "gamma stands before the bracket, once: the longer return has its own already.")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    V, ends = next_values * ~terminated, _and_last(terminated | truncated)
    return _mixed(rewards, V, ends, gamma, lam, trace=gamma * lam)


@LAMBDA_RETURNS.mistake(
    "gamma-twice-to-the-end", "gamma stands before the bracket, once: the longer return has its own."
)
def _(rewards, next_values, terminated, truncated, gamma, lam):
    return _mixed(rewards, next_values * ~terminated, terminated | truncated, gamma, lam, trace=gamma * lam)


@LAMBDA_RETURNS.mistake(
    "nothing-after-the-rollout", "At the rollout's end the last next_values stand in place of the whole bracket."
)
def _(rewards, next_values, terminated, truncated, gamma, lam):
    start = torch.zeros_like(rewards[0])
    return _mixed(rewards, next_values * ~terminated, terminated | truncated, gamma, lam, start=start)


@LAMBDA_RETURNS.mistake("flags-a-step-late", "terminated[t] belongs to step t, as rewards[t] does: not t + 1.")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    return _mixed(rewards, next_values * ~_later(terminated), _later(terminated | truncated), gamma, lam)


@LAMBDA_RETURNS.mistake(
    "looks-across-a-termination", "1 - d stands before the whole bracket: where the episode terminated no G follows."
)
def _(rewards, next_values, terminated, truncated, gamma, lam):
    return _mixed(rewards, next_values * ~terminated, truncated, gamma, lam)


@LAMBDA_RETURNS.mistake("truncated-counts-where-both", "Where both flags are set terminated counts: nothing follows.")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    V = torch.where(terminated & ~truncated, 0.0, next_values)
    return _mixed(rewards, V, terminated | truncated, gamma, lam)


@LAMBDA_RETURNS.mistake("last-row-bootstraps", "The last row may have terminated, too: then nothing follows it.")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    V = torch.cat([(next_values * ~terminated)[:-1], next_values[-1:]])
    return _mixed(rewards, V, terminated | truncated, gamma, lam)


@LAMBDA_RETURNS.mistake("last-row-is-the-value", "The last row has a reward, too: r + gamma V there, not V.")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    V, ends = next_values * ~terminated, terminated | truncated
    return torch.cat([_mixed(rewards[:-1], V[:-1], ends[:-1], gamma, lam, start=V[-1]), V[-1:]])


@LAMBDA_RETURNS.mistake("no-last-row", "The last row has a return, too: r + gamma V of where it led.")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    V, ends, last = next_values * ~terminated, terminated | truncated, torch.zeros_like(rewards[:1])
    return torch.cat([_mixed(rewards[:-1], V[:-1], ends[:-1], gamma, lam, start=last[0]), last])


@LAMBDA_RETURNS.mistake("not-turned-round", "You go backwards, so the last step comes first: turn the rows round.")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    return _mixed(rewards, next_values * ~terminated, terminated | truncated, gamma, lam).flip(0)


@LAMBDA_RETURNS.mistake(
    "no-discount", "What follows is worth gamma times as much: gamma is missing before the bracket."
)
def _(rewards, next_values, terminated, truncated, gamma, lam):
    return _mixed(rewards, next_values * ~terminated, terminated | truncated, 1.0, lam)


@LAMBDA_RETURNS.mistake(
    "no-discount-of-the-return", "gamma stands before the whole bracket: before lambda G_{t+1}, too."
)
def _(rewards, next_values, terminated, truncated, gamma, lam):
    V, ends, rows = next_values * ~terminated, _and_last(terminated | truncated), []
    for t in reversed(range(len(rewards))):
        longer = gamma * (1 - lam) * V[t] + lam * rows[0] if rows else V[t]
        rows.insert(0, rewards[t] + torch.where(ends[t], gamma * V[t], longer))
    return torch.stack(rows)


@LAMBDA_RETURNS.mistake("lambda-ignored", "That is lambda = 1: mix V and the longer return, 1 - lambda to lambda.")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    return _mixed(rewards, next_values * ~terminated, terminated | truncated, gamma, 1.0)


@LAMBDA_RETURNS.mistake("one-step-only", "That is lambda = 0: mix V and the longer return, 1 - lambda to lambda.")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    return torch.addcmul(rewards, next_values * ~terminated, torch.tensor(float(gamma)))


@LAMBDA_RETURNS.mistake("flags-a-step-early", "terminated[t] belongs to step t, as rewards[t] does: not t - 1.")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    return _mixed(rewards, next_values * ~_earlier(terminated), _earlier(terminated | truncated), gamma, lam)


@LAMBDA_RETURNS.mistake(
    "looks-across-endings-to-the-last", "1 - d masks the whole bracket, V and G; and any ending stops the next row's G."
)
def _(rewards, next_values, terminated, truncated, gamma, lam):
    start, never = next_values[-1], terminated & False
    return _mixed(rewards, next_values * ~terminated, never, gamma, lam, start=start)


@LAMBDA_RETURNS.mistake("reward-masked", "The reward of a terminated step counts: only what follows it is masked.")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    live = ~terminated
    return _mixed(rewards * live, next_values * live, terminated | truncated, gamma, lam)


@LAMBDA_RETURNS.mistake(
    "no-bootstrap-at-the-rollouts-end", "The rollout ends, the episode goes on: the last row bootstraps as well."
)
def _(rewards, next_values, terminated, truncated, gamma, lam):
    ends = terminated | truncated
    before = _mixed(rewards[:-1], (next_values * ~terminated)[:-1], ends[:-1], gamma, lam, start=rewards[-1])
    return torch.cat([before, rewards[-1:]])


@LAMBDA_RETURNS.mistake(
    "less-of-the-value-at-an-ending", "At a cut V stands for all that follows: whole, not 1 - lambda of it."
)
def _(rewards, next_values, terminated, truncated, gamma, lam):
    ends = _and_last(terminated | truncated)
    return _mixed(rewards, next_values * ~terminated * torch.where(ends, 1 - lam, 1.0), ends, gamma, lam)


def _traced(rewards, values, future, stops, gamma, decay, *, start=None):
    """The temporal-difference errors ahead, with what is bootstrapped and where the trace stops as given."""
    delta = rewards + gamma * future - values
    rows, following = [], torch.zeros_like(rewards[0]) if start is None else start
    for t in reversed(range(len(rewards))):
        following = delta[t] + decay * following * ~stops[t]
        rows.insert(0, following)
    return torch.stack(rows)


@GAE.mistake("no-terminal-mask", "Where the episode terminated nothing follows: delta is r - V(s).")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return _traced(rewards, values, next_values, terminated | truncated, gamma, gamma * lam)


@GAE.mistake("truncation-has-no-future", "A truncated episode was cut off, not over: delta bootstraps from its value.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    ends = terminated | truncated
    return _traced(rewards, values, next_values * ~ends, ends, gamma, gamma * lam)


@GAE.mistake("trace-runs-across-endings", "The next row belongs to another episode where one ended: stop the trace.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return _traced(rewards, values, next_values * ~terminated, terminated & False, gamma, gamma * lam)


@GAE.mistake(
    "trace-runs-across-a-truncation", "A truncated step bootstraps, and still ends its episode: stop the trace there."
)
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return _traced(rewards, values, next_values * ~terminated, terminated, gamma, gamma * lam)


@GAE.mistake("flags-a-step-late", "terminated[t] belongs to step t, as rewards[t] does: not t + 1.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    ends = _later(terminated | truncated)
    return _traced(rewards, values, next_values * ~_later(terminated), ends, gamma, gamma * lam)


@GAE.mistake("flags-a-step-early", "terminated[t] belongs to step t, as rewards[t] does: not t - 1.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    ends = _earlier(terminated | truncated)
    return _traced(rewards, values, next_values * ~_earlier(terminated), ends, gamma, gamma * lam)


@GAE.mistake("the-next-episodes-value", "values[t + 1] after an ending is another episode's start: use next_values[t].")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    future = _shifted(values, next_values) * ~terminated
    return _traced(rewards, values, future, terminated | truncated, gamma, gamma * lam)


@GAE.mistake("this-state-instead-of-the-next", "delta bootstraps from V(s'), where one arrived, not from V(s).")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return _traced(rewards, values, values * ~terminated, terminated | truncated, gamma, gamma * lam)


@GAE.mistake("no-lambda", "Each step further counts gamma times lambda as much: lambda is missing.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return _traced(rewards, values, next_values * ~terminated, terminated | truncated, gamma, gamma)


@GAE.mistake("gamma-twice", "Each step further counts gamma times lambda as much: gamma is there once too often.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return _traced(rewards, values, next_values * ~terminated, terminated | truncated, gamma, gamma**2 * lam)


def _right(rewards, values, next_values, terminated, truncated, gamma, lam):
    return _traced(rewards, values, next_values * ~terminated, terminated | truncated, gamma, gamma * lam)


@GAE.mistake("returns-not-advantages", "A + V is the lambda-return: return the advantages A alone.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return values + _right(rewards, values, next_values, terminated, truncated, gamma, lam)


@GAE.mistake("normalised", "Return A as it is: centring and scaling is the agent's affair.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    A = _right(rewards, values, next_values, terminated, truncated, gamma, lam)
    return (A - A.mean()) / (by_n_minus_1(A.flatten()) + 1e-8)


@GAE.mistake("no-gamma-in-the-trace", "Each step further counts gamma times lambda as much: gamma is missing.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return _traced(rewards, values, next_values * ~terminated, terminated | truncated, gamma, lam)


@GAE.mistake("no-gamma-in-the-error", "delta has gamma V(s'): gamma is missing there.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return _traced(rewards, values, next_values * ~terminated, terminated | truncated, 1.0, gamma * lam)


@GAE.mistake("value-not-subtracted", "delta is how much better it went than V(s): subtract that.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return _right(rewards, torch.zeros_like(values), next_values, terminated, truncated, gamma, lam)


@GAE.mistake("wrong-sign", "delta is what came minus what was expected: r + gamma V(s') - V(s), not the reverse.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return -_right(rewards, values, next_values, terminated, truncated, gamma, lam)


@GAE.mistake("value-masked", "Only what follows is masked: V(s) is subtracted where the episode ended, too.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    masked = values * ~terminated
    return _right(rewards, masked, next_values, terminated, truncated, gamma, lam)


@GAE.mistake("starts-from-a-value", "After the last row comes nothing: A_{t+1} begins with 0, V is in delta already.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    ends = terminated | truncated
    return _traced(rewards, values, next_values * ~terminated, ends, gamma, gamma * lam, start=next_values[-1])


@GAE.mistake("no-last-row", "The last row has an advantage, too: its delta.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    all_but_last = (x[:-1] for x in (rewards, values, next_values, terminated, truncated))
    return torch.cat([_right(*all_but_last, gamma, lam) if len(rewards) > 1 else rewards[:0], 0 * rewards[-1:]])


@GAE.mistake("not-turned-round", "You go backwards, so the last step comes first: turn the rows round.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return _right(rewards, values, next_values, terminated, truncated, gamma, lam).flip(0)


@GAE.mistake("truncated-counts-where-both", "Where both flags are set terminated counts: nothing follows.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    only_terminated, ends = terminated & ~truncated, terminated | truncated
    return _traced(rewards, values, torch.where(only_terminated, 0.0, next_values), ends, gamma, gamma * lam)


@GAE.mistake(
    "trace-runs-across-a-termination", "A terminated step ends its episode, too: stop the trace there as well."
)
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return _traced(rewards, values, next_values * ~terminated, truncated, gamma, gamma * lam)


@GAE.mistake("one-step-only", "That is delta: add gamma lambda A_{t+1}, the errors of the steps that follow.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return _right(rewards, values, next_values, terminated, truncated, gamma, 0.0)


@GAE.mistake("error-masked", "delta counts where an episode ends, too: 1 - e stands before A_{t+1} alone.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    live = ~(terminated | truncated)
    return _right(rewards * live, values * live, next_values * live, terminated, truncated, gamma, lam)


@GAE.mistake("flag-of-the-next-step", "Flags belong to the step that they end: at t look at t itself, not at t + 1.")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    return _traced(rewards, values, next_values * ~terminated, _later(terminated | truncated), gamma, gamma * lam)
