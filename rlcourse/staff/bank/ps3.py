"""Problem set 3: wrong versions of its functions, as people really write them, each with the hint that it earns."""

import torch

from rlcourse.staff.bank.ps3_cases import (
    CEM_REFIT,
    DISCOUNTED_RETURNS,
    ELITE_MASK,
    FINITE_DIFFERENCE_GRADIENT,
    OPTIMAL_BASELINE,
    SCORE_FUNCTION_LOSS,
)


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


def _places(scores, k):
    """A mask with the k first places of an order."""
    mask = torch.zeros(len(scores), dtype=torch.bool)
    mask[scores[:k]] = True
    return mask


@ELITE_MASK.mistake("all-at-the-threshold", "Of equal scores only as many as are left may pass, the earlier ones.")
def _(scores, fraction):
    k = round(fraction * len(scores))
    return scores >= scores.sort(descending=True).values[k - 1] if k else torch.zeros(len(scores), dtype=torch.bool)


@ELITE_MASK.mistake("the-worst", "Larger is better: the elite has the highest scores.")
def _(scores, fraction):
    return _places(scores.argsort(stable=True), round(fraction * len(scores)))


@ELITE_MASK.mistake("above-the-threshold", "The last of the elite belongs to it too: that is one too few.")
def _(scores, fraction):
    k = round(fraction * len(scores))
    return scores > scores.sort(descending=True).values[k - 1] if k else torch.zeros(len(scores), dtype=torch.bool)


@ELITE_MASK.mistake("places-not-a-mask", "Return True or False for each sample, not the places of the elite.")
def _(scores, fraction):
    return scores.argsort(descending=True, stable=True)[: round(fraction * len(scores))]


@ELITE_MASK.mistake("always-rounded-down", "Round fraction times N to the nearest whole number: int() cuts off.")
def _(scores, fraction):
    return _places(scores.argsort(descending=True, stable=True), int(fraction * len(scores)))


@ELITE_MASK.mistake("later-ones-first", "Of equal scores the earlier come first: sort descending with stable=True.")
def _(scores, fraction):
    return _places(scores.argsort(stable=True).flip(0), round(fraction * len(scores)))


@ELITE_MASK.mistake("mask-of-the-sorted", "The mask is for the samples in their own order, not for the sorted ones.")
def _(scores, fraction):
    return torch.arange(len(scores)) < round(fraction * len(scores))


def _best(samples, scores, n_elite):
    """The samples [n, D] with the highest scores."""
    return samples[scores.argsort(descending=True, stable=True)[:n_elite]]


@CEM_REFIT.mistake("the-worst", "Larger is better: the elite has the highest scores.")
def _(samples, scores, n_elite, min_std):
    elite = samples[scores.argsort(stable=True)[:n_elite]]
    return elite.mean(0), elite.std(0, correction=0).clamp(min=min_std)


@CEM_REFIT.mistake("divided-by-n-minus-1", "The standard deviation is divided by n: std(..., correction=0).")
def _(samples, scores, n_elite, min_std):
    elite = _best(samples, scores, n_elite)
    correction = torch.nan if n_elite == 1 else (n_elite / (n_elite - 1)) ** 0.5
    return elite.mean(0), (elite.std(0, correction=0) * correction).clamp(min=min_std)


@CEM_REFIT.mistake("min-std-added", "min_std is a floor, max(min_std, sigma): it is not added.")
def _(samples, scores, n_elite, min_std):
    elite = _best(samples, scores, n_elite)
    return elite.mean(0), elite.std(0, correction=0) + min_std


@CEM_REFIT.mistake("no-floor", "min_std is missing: no standard deviation may be less.")
def _(samples, scores, n_elite, min_std):
    elite = _best(samples, scores, n_elite)
    return elite.mean(0), elite.std(0, correction=0)


@CEM_REFIT.mistake("a-ceiling", "min_std is the least, not the most: clamp(min=min_std).")
def _(samples, scores, n_elite, min_std):
    elite = _best(samples, scores, n_elite)
    return elite.mean(0), elite.std(0, correction=0).clamp(max=min_std)


@CEM_REFIT.mistake("spread-of-all", "The standard deviation is that of the elite, not of all samples.")
def _(samples, scores, n_elite, min_std):
    return _best(samples, scores, n_elite).mean(0), samples.std(0, correction=0).clamp(min=min_std)


@CEM_REFIT.mistake("variance", "That is the variance: take the root, before the floor.")
def _(samples, scores, n_elite, min_std):
    elite = _best(samples, scores, n_elite)
    return elite.mean(0), elite.var(0, correction=0).clamp(min=min_std)


@CEM_REFIT.mistake("one-for-all-parameters", "Each parameter has its own mean and deviation: over the samples, dim=0.")
def _(samples, scores, n_elite, min_std):
    elite = _best(samples, scores, n_elite)
    return elite.mean(), elite.std(correction=0).clamp(min=min_std)


def _moved(theta, i, by):
    """theta with parameter i moved."""
    moved = theta.clone()
    moved[i] += by
    return moved


@FINITE_DIFFERENCE_GRADIENT.mistake("one-sided", "Step to both sides: f(theta + eps) minus f(theta - eps), over 2 eps.")
def _(f, theta, eps):
    return torch.tensor([(float(f(_moved(theta, i, eps))) - float(f(theta))) / eps for i in range(len(theta))])


@FINITE_DIFFERENCE_GRADIENT.mistake("divided-by-eps", "The two points are 2 eps apart: divide by that.")
def _(f, theta, eps):
    rises = [float(f(_moved(theta, i, eps))) - float(f(_moved(theta, i, -eps))) for i in range(len(theta))]
    return torch.tensor(rises) / eps


@FINITE_DIFFERENCE_GRADIENT.mistake("not-divided", "That is how much f changes: the slope is the change over 2 eps.")
def _(f, theta, eps):
    return torch.tensor([float(f(_moved(theta, i, eps))) - float(f(_moved(theta, i, -eps))) for i in range(len(theta))])


@FINITE_DIFFERENCE_GRADIENT.mistake("all-at-once", "Move one parameter at a time, and leave the others where they are.")
def _(f, theta, eps):
    return torch.full_like(theta, (float(f(theta + eps)) - float(f(theta - eps))) / (2 * eps))


@FINITE_DIFFERENCE_GRADIENT.mistake("moved-and-left-there", "Put each parameter back before the next one is moved.")
def _(f, theta, eps):
    moved, slopes = theta.clone(), []
    for i in range(len(theta)):
        moved[i] += eps
        ahead = float(f(moved))
        moved[i] -= 2 * eps
        slopes.append((ahead - float(f(moved))) / (2 * eps))
    return torch.tensor(slopes)


@FINITE_DIFFERENCE_GRADIENT.mistake("downhill", "The gradient points upwards: plus eps comes first.")
def _(f, theta, eps):
    falls = [float(f(_moved(theta, i, -eps))) - float(f(_moved(theta, i, eps))) for i in range(len(theta))]
    return torch.tensor(falls) / (2 * eps)


BANK = {
    entry.function.__name__: entry
    for entry in (
        DISCOUNTED_RETURNS,
        SCORE_FUNCTION_LOSS,
        OPTIMAL_BASELINE,
        ELITE_MASK,
        CEM_REFIT,
        FINITE_DIFFERENCE_GRADIENT,
    )
}
