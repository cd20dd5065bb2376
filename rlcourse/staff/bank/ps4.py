"""Problem set 4: wrong versions of its functions, as people really write them, each with the hint that it earns."""

import math

import torch

from rlcourse.staff.bank.ps4_cases import A2C_LOSS, ENTROPY, GAE, LAMBDA_RETURNS, VTRACE


def _later(flags):
    """At each step the flag of the step after it; the last has none."""
    return torch.cat([flags[1:], torch.zeros_like(flags[:1])])


def _earlier(flags):
    return torch.cat([torch.zeros_like(flags[:1]), flags[:-1]])


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
    return torch.stack(rows)


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
    return _mixed(rewards, next_values * ~terminated, terminated | truncated, gamma, lam, one_step=1.0)


@LAMBDA_RETURNS.mistake("gamma-twice", "gamma stands before the bracket, once: the longer return has its own already.")
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


def _traced(rewards, values, future, stops, gamma, decay):
    """The temporal-difference errors ahead, with what is bootstrapped and where the trace stops as given."""
    delta = rewards + gamma * future - values
    rows, following = [], torch.zeros_like(rewards[0])
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


@ENTROPY.mistake("negative", "Entropy is positive: log pi is negative, so a minus stands before the sum.")
def _(logits):
    log_p = torch.log_softmax(logits, 1)
    return (torch.exp(log_p) * log_p).sum(1)


@ENTROPY.mistake("in-bits", "Entropy is in nats here: the natural logarithm, not that of base 2.")
def _(logits):
    log_p = torch.log_softmax(logits, 1)
    return -(torch.exp(log_p) * log_p).sum(1) / math.log(2)


@ENTROPY.mistake("log-of-a-rounded-zero", "A probability may be rounded to 0, and 0 log 0 is NaN: use log_softmax.")
def _(logits):
    p = logits.softmax(1)
    return -(p * p.log()).sum(1)


@ENTROPY.mistake("logits-for-log-probabilities", "Logits are no log-probabilities: log_softmax makes them so.")
def _(logits):
    return -(logits.softmax(1) * logits).sum(1)


@ENTROPY.mistake("mean-over-the-actions", "The probabilities are the weights already: sum over the actions.")
def _(logits):
    log_p = torch.log_softmax(logits, 1)
    return -(torch.exp(log_p) * log_p).mean(1)


@ENTROPY.mistake("one-number-for-all", "Return the entropy of each state [N]: the loss takes the mean itself.")
def _(logits):
    log_p = torch.log_softmax(logits, 1)
    return -(torch.exp(log_p) * log_p).sum(1).mean()


@ENTROPY.mistake(
    "softmax-over-the-states", "The probabilities of one state sum to 1: softmax along the actions, dim=-1."
)
def _(logits):
    log_p = torch.log_softmax(logits, 0)
    return -(torch.exp(log_p) * log_p).sum(1)


@ENTROPY.mistake("cuts-the-gradient", "The numbers are right, but the policy could not learn from it: no detach here.")
def _(logits):
    log_p = torch.log_softmax(logits.detach(), 1)
    return -(torch.exp(log_p) * log_p).sum(1)


def _terms(log_prob, advantage, value, value_target, entropy):
    """The three terms, as they should be."""
    policy = -(advantage.detach() * log_prob).mean()
    return policy, (value_target.detach() - value).square().mean(), entropy.mean()


@A2C_LOSS.mistake(
    "no-minus-before-the-policy", "A loss is descended: minus the mean of A log pi makes good actions likelier."
)
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, advantage, value, value_target, entropy)
    return -policy + value_coef * error - entropy_coef * H


@A2C_LOSS.mistake("entropy-is-a-penalty", "Entropy is a bonus, and a loss is descended: subtract c_H times its mean.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, advantage, value, value_target, entropy)
    return policy + value_coef * error + entropy_coef * H


@A2C_LOSS.mistake("value-error-subtracted", "The squared error is to become small: add it, with c_V.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, advantage, value, value_target, entropy)
    return policy - value_coef * error - entropy_coef * H


@A2C_LOSS.mistake("value-error-halved", "The squared error is not halved here: c_V alone scales it.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, advantage, value, value_target, entropy)
    return policy + 0.5 * value_coef * error - entropy_coef * H


@A2C_LOSS.mistake("sums-instead-of-means", "Each term is a mean: with a sum the step would grow with the batch.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, advantage, value, value_target, entropy)
    return (policy + value_coef * error - entropy_coef * H) * log_prob.numel()


@A2C_LOSS.mistake("coefficients-swapped", "c_V belongs to the values, c_H to the entropy.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, advantage, value, value_target, entropy)
    return policy + entropy_coef * error - value_coef * H


@A2C_LOSS.mistake(
    "gradient-through-the-advantage", "The numbers are right, but A counts as given: detach it, or it bends the critic."
)
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    _, error, H = _terms(log_prob, advantage, value, value_target, entropy)
    return -(advantage * log_prob).mean() + value_coef * error - entropy_coef * H


@A2C_LOSS.mistake(
    "gradient-through-the-target", "The numbers are right, but the target is an answer to learn: detach it."
)
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, _, H = _terms(log_prob, advantage, value, value_target, entropy)
    return policy + value_coef * (value_target - value).square().mean() - entropy_coef * H


@A2C_LOSS.mistake("no-gradient-to-the-value", "The numbers are right, but V could not learn: detach y, not V.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, advantage, value.detach(), value_target, entropy)
    return policy + value_coef * error - entropy_coef * H


def _corrected(rewards, values, future, stops, rho, c, gamma, *, ahead=None, weight=None):
    """V-trace, with switches for what goes wrong: `ahead` is v_{t+1} in the advantage, made from v."""
    delta = rho * (rewards + gamma * future - values)
    rows, following = [], torch.zeros_like(rewards[0])
    for t in reversed(range(len(rewards))):
        following = delta[t] + gamma * c[t] * following * ~stops[t]
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
    "never-clipped", "Ratios are clipped from above, rho at rho-bar and c at c-bar: their products explode."
)
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    return _corrected(rewards, values, next_values * ~terminated, terminated | truncated, ratios, ratios, gamma)


@VTRACE.mistake("advantage-without-rho", "The advantage is weighted by rho_t as well: the action came from mu.")
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


BANK = {entry.function.__name__: entry for entry in (LAMBDA_RETURNS, GAE, ENTROPY, A2C_LOSS, VTRACE)}
