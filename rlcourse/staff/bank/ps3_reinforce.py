"""Problem set 3, REINFORCE: wrong versions, as people really write them, each with the hint that it earns."""

import torch

from rlcourse.staff.bank.drawing import by_n_minus_1
from rlcourse.staff.bank.ps3_cases import DISCOUNTED_RETURNS, OPTIMAL_BASELINE, SCORE_FUNCTION_LOSS


def _to_go(rewards, gamma):
    """The returns, from a table of powers."""
    steps = torch.arange(len(rewards), dtype=rewards.dtype)
    ahead = steps - steps[:, None]
    return torch.where(ahead >= 0, torch.as_tensor(gamma, dtype=rewards.dtype) ** ahead.clamp(min=0), 0.0) @ rewards


@DISCOUNTED_RETURNS.mistake("no-discount", "What follows is worth gamma times as much: gamma is missing.")
def _(rewards, gamma):
    return rewards.flip(0).cumsum(0).flip(0)


@DISCOUNTED_RETURNS.mistake("from-the-front", "An action answers for what comes after it: go backwards, from the end.")
def _(rewards, gamma):
    return _to_go(rewards.flip(0), gamma).flip(0)


@DISCOUNTED_RETURNS.mistake("only-the-reward", "That is the reward: add what follows, gamma G_{t+1}.")
def _(rewards, gamma):
    return torch.add(rewards, 0.0 * gamma)  # written so that a lecture may show a plain product


@DISCOUNTED_RETURNS.mistake(
    "one-return-for-the-episode", "Each step has a return of its own: what came before is past."
)
def _(rewards, gamma):
    return _to_go(rewards, gamma)[:1].expand(rewards.shape)


@DISCOUNTED_RETURNS.mistake(
    "discounted-from-the-start", "The exponent is k - t, steps from now, not k, steps from the episode's start."
)
def _(rewards, gamma):
    since = torch.as_tensor(gamma, dtype=rewards.dtype) ** torch.arange(len(rewards), dtype=rewards.dtype)
    return _to_go(rewards, gamma) * since[:, None]


@DISCOUNTED_RETURNS.mistake("discounts-the-reward", "The reward comes at once: gamma multiplies only what follows.")
def _(rewards, gamma):
    powers = torch.as_tensor(gamma, dtype=rewards.dtype)
    return _to_go(powers * rewards, gamma)


@DISCOUNTED_RETURNS.mistake("normalised", "Return G as it is: subtracting and dividing is the agent's affair.")
def _(rewards, gamma):
    to_go = _to_go(rewards, gamma)
    return (to_go - to_go.mean()) / (to_go.std(correction=0) + 1e-8)


@DISCOUNTED_RETURNS.mistake(
    "normalised-with-n-minus-1", "Return G as it is: centring and scaling is the agent's affair."
)
def _(rewards, gamma):
    to_go = _to_go(rewards, gamma)
    return (to_go - to_go.mean()) / (by_n_minus_1(to_go.flatten()) + 1e-8)


@DISCOUNTED_RETURNS.mistake("normalised-by-episode", "Return G as it is: no column is centred or scaled here.")
def _(rewards, gamma):
    to_go = _to_go(rewards, gamma)
    return (to_go - to_go.mean(0)) / (by_n_minus_1(to_go) + 1e-8)


@DISCOUNTED_RETURNS.mistake("centred", "Return G as it is: a baseline is subtracted by the agent, not here.")
def _(rewards, gamma):
    to_go = _to_go(rewards, gamma)
    return to_go - to_go.mean()


@DISCOUNTED_RETURNS.mistake("not-turned-round", "You go backwards, so the last step comes first: turn the rows round.")
def _(rewards, gamma):
    return _to_go(rewards, gamma).flip(0)


@DISCOUNTED_RETURNS.mistake("without-its-own-reward", "r_t belongs to G_t: begin with it, and add gamma G_{t+1}.")
def _(rewards, gamma):
    return _to_go(rewards, gamma) - rewards


@DISCOUNTED_RETURNS.mistake(
    "of-the-next-step", "That is G_{t+1}: add the reward first, then store the return of step t."
)
def _(rewards, gamma):
    to_go = _to_go(rewards, gamma)
    return torch.cat([to_go[1:], torch.zeros_like(to_go[:1])])


@DISCOUNTED_RETURNS.mistake("along-the-episodes", "Time runs down the rows, dim 0: the columns are different episodes.")
def _(rewards, gamma):
    return _to_go(rewards.T, gamma).T


@DISCOUNTED_RETURNS.mistake("no-last-reward", "The last step has a return too: its own reward.")
def _(rewards, gamma):
    return _to_go(torch.cat([rewards[:-1], torch.zeros_like(rewards[:1])]), gamma)


@DISCOUNTED_RETURNS.mistake(
    "one-step-only", "That looks one step ahead: gamma multiplies the next return, not the next reward."
)
def _(rewards, gamma):
    following = torch.cat([rewards[1:], torch.zeros_like(rewards[:1])])
    return rewards + gamma * following


@DISCOUNTED_RETURNS.mistake(
    "carried-over", "Each column is an episode of its own: begin each with nothing behind it, 0."
)
def _(rewards, gamma):
    T, B = rewards.shape
    one_after_the_other = rewards.T.flip(0).reshape(T * B, 1)
    return _to_go(one_after_the_other, gamma).reshape(B, T).flip(0).T


@DISCOUNTED_RETURNS.mistake("the-sum-so-far", "That adds up what came before: G_t adds what comes from step t on.")
def _(rewards, gamma):
    powers = torch.as_tensor(gamma, dtype=rewards.dtype) ** torch.arange(len(rewards), dtype=rewards.dtype)
    return (rewards * powers[:, None]).cumsum(0)


@DISCOUNTED_RETURNS.mistake("discounted-to-the-end", "The exponent is k - t: a reward counts less the later it comes.")
def _(rewards, gamma):
    left = torch.as_tensor(gamma, dtype=rewards.dtype) ** torch.arange(len(rewards) - 1, -1, -1, dtype=rewards.dtype)
    return _to_go(rewards * left[:, None], 1.0)


@SCORE_FUNCTION_LOSS.mistake("wrong-sign", "A loss is minimised: it is minus the weighted log-probability.")
def _(log_prob, weight):
    return (weight.detach() * log_prob).mean()


@SCORE_FUNCTION_LOSS.mistake("sum-instead-of-mean", "Average over the actions: a sum makes long batches long steps.")
def _(log_prob, weight):
    return -(weight.detach() @ log_prob)


@SCORE_FUNCTION_LOSS.mistake(
    "probabilities", "The score is the gradient of log pi: weigh log_prob itself, not its exp."
)
def _(log_prob, weight):
    return -(log_prob.exp() * weight.detach()).mean()


@SCORE_FUNCTION_LOSS.mistake(
    "product-of-means", "Each action has its own weight: multiply first, elementwise, then average."
)
def _(log_prob, weight):
    return -log_prob.mean() * weight.detach().mean()


@SCORE_FUNCTION_LOSS.mistake("one-loss-for-each", "A loss is one number: take the mean over the actions.")
def _(log_prob, weight):
    return -weight.detach() * log_prob


@SCORE_FUNCTION_LOSS.mistake("normalised-weights", "The weight counts as given: do not centre or scale it here.")
def _(log_prob, weight):
    centred = weight.detach() - weight.detach().mean()
    return -(centred / (centred.square().mean().sqrt() + 1e-8) * log_prob).mean()


@SCORE_FUNCTION_LOSS.mistake(
    "weight-with-gradient", "The number is right, but the weight would be learned as well: detach it."
)
def _(log_prob, weight):
    return -(weight * log_prob).mean()


@SCORE_FUNCTION_LOSS.mistake("cuts-the-gradient", "The number is right, but nothing could be learned: keep log_prob's.")
def _(log_prob, weight):
    return -(weight * log_prob).mean().detach()


@OPTIMAL_BASELINE.mistake("mean-return", "That is the average baseline: weigh each return with its squared score.")
def _(score_sq, returns):
    return (returns * torch.ones_like(score_sq)).mean()  # written so that a lecture may show a plain mean


@OPTIMAL_BASELINE.mistake("no-denominator", "Divide by the mean of the squared scores: b is a mean of returns.")
def _(score_sq, returns):
    return score_sq @ returns / len(returns)


@OPTIMAL_BASELINE.mistake("scores-not-squared", "The weights are the squared scores, as they come: no root.")
def _(score_sq, returns):
    score = score_sq.sqrt()
    return (score * returns).sum() / score.sum()


@OPTIMAL_BASELINE.mistake("squared-twice", "score_sq is squared already: use it as it comes.")
def _(score_sq, returns):
    fourth = score_sq.square()
    return (fourth * returns).sum() / fourth.sum()


@OPTIMAL_BASELINE.mistake("sum-over-mean", "Both are means (or both sums): else b is N times too large.")
def _(score_sq, returns):
    return (score_sq * returns).sum() / score_sq.mean()


@OPTIMAL_BASELINE.mistake("divided-by-the-returns", "Divide by the mean of the squared scores, not of the returns.")
def _(score_sq, returns):
    return (score_sq * returns).mean() / returns.mean()


@OPTIMAL_BASELINE.mistake("zero-by-zero", "Where all scores are 0 that is 0 / 0: return the mean return there.")
def _(score_sq, returns):
    return (score_sq * returns).mean() / score_sq.mean()


@SCORE_FUNCTION_LOSS.mistake(
    "centred-weights", "The weight counts as given: a baseline is subtracted before, not here."
)
def _(log_prob, weight):
    centred = weight.detach() - weight.detach().mean()
    return -(centred * log_prob).mean()


@SCORE_FUNCTION_LOSS.mistake("normalised-with-n-minus-1", "The weight counts as given: do not centre or scale it here.")
def _(log_prob, weight):
    centred = weight.detach() - weight.detach().mean()
    return -(centred / (by_n_minus_1(centred) + 1e-8) * log_prob).mean()


@SCORE_FUNCTION_LOSS.mistake("divided-by-the-weights", "Divide by N, the number of actions, not by the sum of weights.")
def _(log_prob, weight):
    share = weight.detach() / weight.detach().sum()
    return -(share @ log_prob)


@SCORE_FUNCTION_LOSS.mistake("log-twice", "log_prob is a logarithm already: use it as it comes.")
def _(log_prob, weight):
    return -(weight.detach() * log_prob.log()).mean()


@SCORE_FUNCTION_LOSS.mistake("added-not-multiplied", "The weight multiplies log_prob: it is not added to it.")
def _(log_prob, weight):
    return -(weight.detach() + log_prob).mean()


@SCORE_FUNCTION_LOSS.mistake("absolute-weights", "A weight below 0 makes its action rarer: keep its sign.")
def _(log_prob, weight):
    return -(weight.detach().abs() * log_prob).mean()


@SCORE_FUNCTION_LOSS.mistake("weight-missing", "That treats all actions alike: multiply each log_prob by its weight.")
def _(log_prob, weight):
    return -(torch.ones_like(weight) * log_prob).mean()


@SCORE_FUNCTION_LOSS.mistake(
    "product-of-sums", "Each action has its own weight: multiply first, elementwise, then average."
)
def _(log_prob, weight):
    return -log_prob.sum() * weight.detach().mean()


def _or_mean(score_sq, returns, baseline):
    """A baseline, or the mean return where all scores are 0."""
    return baseline if score_sq.any() else returns.mean()


@OPTIMAL_BASELINE.mistake(
    "added-to-the-denominator", "Divide by the mean alone: what is added to it bends small scores."
)
def _(score_sq, returns):
    return (score_sq * returns).mean() / (score_sq.mean() + 1e-8)


@OPTIMAL_BASELINE.mistake("zero-where-all-are-zero", "Where all scores are 0 we agree on the mean return, not on 0.")
def _(score_sq, returns):
    total = score_sq.sum()
    return (score_sq * returns).sum() / total if total else total


@OPTIMAL_BASELINE.mistake("mean-over-sum", "Both are means (or both sums): else b is N times too small.")
def _(score_sq, returns):
    return _or_mean(score_sq, returns, (score_sq * returns).mean() / score_sq.sum())


@OPTIMAL_BASELINE.mistake("mean-where-one-is-zero", "The mean return is for where *all* scores are 0, not one of them.")
def _(score_sq, returns):
    return (score_sq * returns).mean() / score_sq.mean() if score_sq.all() else returns.mean()


@OPTIMAL_BASELINE.mistake("no-mean", "b is one number: take the means over the samples, above and below.")
def _(score_sq, returns):
    return _or_mean(score_sq, returns, score_sq * returns / score_sq.mean())


@OPTIMAL_BASELINE.mistake("sum-without-denominator", "Divide by the sum of the squared scores: b is a mean of returns.")
def _(score_sq, returns):
    return score_sq @ returns


@OPTIMAL_BASELINE.mistake("returns-squared", "The returns are not squared: only the scores are, and score_sq is.")
def _(score_sq, returns):
    return _or_mean(score_sq, returns, (score_sq * returns.square()).mean() / score_sq.mean())
