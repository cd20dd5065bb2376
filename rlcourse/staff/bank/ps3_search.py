"""Problem set 3, search: wrong versions, as people really write them, each with the hint that it earns."""

import math

import torch

from rlcourse.staff.bank.ps3_cases import CEM_REFIT, ELITE_MASK, FINITE_DIFFERENCE_GRADIENT


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


@ELITE_MASK.mistake(
    "last-of-the-ascending", "[-k:] keeps the later of equal ones, and all where k is 0: sort descending, [:k]."
)
def _(scores, fraction):
    return _places(scores.argsort(stable=True).flip(0), round(fraction * len(scores)) or len(scores))


@ELITE_MASK.mistake(
    "threshold-by-quantile", "A quantile lies between two scores: count round(fraction N) of them instead."
)
def _(scores, fraction):
    return scores >= scores.quantile(1 - fraction)


@ELITE_MASK.mistake("fraction-taken-for-a-count", "fraction is a share, 0 to 1: keep round(fraction * N) samples.")
def _(scores, fraction):
    return _places(scores.argsort(descending=True, stable=True), int(fraction))


@ELITE_MASK.mistake(
    "argsort-taken-for-ranks", "argsort gives places, not ranks: set the mask at its first places to True."
)
def _(scores, fraction):
    return scores.argsort(descending=True, stable=True) < round(fraction * len(scores))


@ELITE_MASK.mistake(
    "ascending-argsort-taken-for-ranks", "argsort gives places, not ranks: sort descending, and set those."
)
def _(scores, fraction):
    return scores.argsort(stable=True) >= len(scores) - round(fraction * len(scores))


@ELITE_MASK.mistake("always-rounded-up", "Round fraction times N to the nearest whole number: ceil rounds up.")
def _(scores, fraction):
    return _places(scores.argsort(descending=True, stable=True), math.ceil(fraction * len(scores)))


@ELITE_MASK.mistake("at-least-one", "Exactly round(fraction N) are kept, and that may be none.")
def _(scores, fraction):
    return _places(scores.argsort(descending=True, stable=True), max(1, round(fraction * len(scores))))


@ELITE_MASK.mistake(
    "one-too-many", "That keeps one more: ranks count from 0, so the elite's are below round(fraction N)."
)
def _(scores, fraction):
    return _places(scores.argsort(descending=True, stable=True), round(fraction * len(scores)) + 1)


@ELITE_MASK.mistake("the-rest", "True stands for those that are kept: you have marked all the others.")
def _(scores, fraction):
    return ~_places(scores.argsort(descending=True, stable=True), round(fraction * len(scores)))


@ELITE_MASK.mistake("the-scores-themselves", "Return True or False for each sample, not the scores of the elite.")
def _(scores, fraction):
    return scores.sort(descending=True).values[: round(fraction * len(scores))]


@ELITE_MASK.mistake(
    "above-the-mean", "The fraction says how many are kept: being better than the average is not enough."
)
def _(scores, fraction):
    return scores > torch.full_like(scores, float(scores.mean()))


@ELITE_MASK.mistake(
    "threshold-between", "Count them: a share of the way from the worst score to the best is no share of N."
)
def _(scores, fraction):
    return scores >= torch.lerp(scores.max(), scores.min(), float(fraction))


@ELITE_MASK.mistake("share-of-the-best-score", "fraction is the share of the samples that pass, not of the best score.")
def _(scores, fraction):
    return scores >= fraction * scores.max()


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


@CEM_REFIT.mistake("mean-of-all", "The mean is that of the elite, not of all samples.")
def _(samples, scores, n_elite, min_std):
    return samples.mean(0), _best(samples, scores, n_elite).std(0, correction=0).clamp(min=min_std)


@CEM_REFIT.mistake("all-samples", "Fit the elite alone, the n_elite best: you have fitted all samples.")
def _(samples, scores, n_elite, min_std):
    return samples.mean(0), samples.std(0, correction=0).clamp(min=min_std)


@CEM_REFIT.mistake(
    "around-the-mean-of-all", "Deviations are from mu, the elite's own mean, not from that of all samples."
)
def _(samples, scores, n_elite, min_std):
    elite = _best(samples, scores, n_elite)
    return elite.mean(0), (elite - samples.mean(0)).square().mean(0).sqrt().clamp(min=min_std)


@CEM_REFIT.mistake("along-the-parameters", "The mean is over the samples, dim=0: one number for each parameter.")
def _(samples, scores, n_elite, min_std):
    elite = _best(samples, scores, n_elite)
    return elite.mean(1), elite.std(1, correction=0).clamp(min=min_std)


@CEM_REFIT.mistake("floor-before-the-root", "min_std is a standard deviation: take the root first, then the maximum.")
def _(samples, scores, n_elite, min_std):
    elite = _best(samples, scores, n_elite)
    return elite.mean(0), elite.var(0, correction=0).clamp(min=min_std).sqrt()


@CEM_REFIT.mistake(
    "min-std-in-the-root", "min_std is a floor, max(min_std, sigma): it is not added, under the root either."
)
def _(samples, scores, n_elite, min_std):
    elite = _best(samples, scores, n_elite)
    return elite.mean(0), (elite.var(0, correction=0) + min_std**2).sqrt()


@CEM_REFIT.mistake("later-ones-first", "Of equal scores the earlier come first: sort descending with stable=True.")
def _(samples, scores, n_elite, min_std):
    elite = samples[scores.argsort(stable=True)[-n_elite:]]
    return elite.mean(0), elite.std(0, correction=0).clamp(min=min_std)


@CEM_REFIT.mistake("all-at-the-threshold", "Of equal scores only as many as are left may pass, the earlier ones.")
def _(samples, scores, n_elite, min_std):
    elite = samples[scores >= scores.sort(descending=True).values[n_elite - 1]]
    return elite.mean(0), elite.std(0, correction=0).clamp(min=min_std)


@CEM_REFIT.mistake("divided-by-all", "Divide by n, the number of the elite, not by that of all samples.")
def _(samples, scores, n_elite, min_std):
    elite, N = _best(samples, scores, n_elite), len(samples)
    mean = elite.sum(0) / N
    return mean, ((elite - mean).square().sum(0) / N).sqrt().clamp(min=min_std)


@CEM_REFIT.mistake(
    "deviation-before-mean", "First the mean, then the standard deviation: you return them the other way round."
)
def _(samples, scores, n_elite, min_std):
    elite = _best(samples, scores, n_elite)
    return elite.std(0, correction=0).clamp(min=min_std), elite.mean(0)


@CEM_REFIT.mistake("the-first-samples", "The elite are those with the highest scores, not those that stand first.")
def _(samples, scores, n_elite, min_std):
    elite = samples[:n_elite]
    return elite.mean(0), elite.std(0, correction=0).clamp(min=min_std)


@CEM_REFIT.mistake("standard-error", "That is the error of a mean: the deviation is not divided by the root of n.")
def _(samples, scores, n_elite, min_std):
    elite = _best(samples, scores, n_elite)
    return elite.mean(0), (elite.std(0, correction=0) / n_elite**0.5).clamp(min=min_std)


@CEM_REFIT.mistake("root-missing-the-division", "Divide the sum of squares by n before you take the root.")
def _(samples, scores, n_elite, min_std):
    elite = _best(samples, scores, n_elite)
    return elite.mean(0), (elite - elite.mean(0)).square().sum(0).sqrt().clamp(min=min_std)


@CEM_REFIT.mistake(
    "samples-sorted", "The best samples are those with the highest scores: order by scores, not by the samples."
)
def _(samples, scores, n_elite, min_std):
    elite = samples.sort(dim=0, descending=True).values[:n_elite]
    return elite.mean(0), elite.std(0, correction=0).clamp(min=min_std)


@CEM_REFIT.mistake(
    "one-spread-for-all-parameters", "Each parameter has a spread of its own: along dim=0, not over all numbers."
)
def _(samples, scores, n_elite, min_std):
    elite = _best(samples, scores, n_elite)
    return elite.mean(0), elite.std(correction=0).clamp(min=min_std).expand(samples.shape[1])


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


@FINITE_DIFFERENCE_GRADIENT.mistake(
    "no-copy", "plus = theta is no copy: both are moved, and back again. Use theta.clone()."
)
def _(f, theta, eps):
    return theta * 0.0 + (float(f(theta)) - float(f(theta)))


@FINITE_DIFFERENCE_GRADIENT.mistake(
    "half-of-one-side", "The second point is theta itself: move a copy of theta down by eps."
)
def _(f, theta, eps):
    return torch.tensor([(float(f(_moved(theta, i, eps))) - float(f(theta))) / (2 * eps) for i in range(len(theta))])


@FINITE_DIFFERENCE_GRADIENT.mistake(
    "left-ahead", "Each parameter stays moved by eps: begin with a fresh copy of theta for each."
)
def _(f, theta, eps):
    ahead, slopes = theta.clone(), []
    for i in range(len(theta)):
        behind = _moved(ahead, i, -eps)
        ahead[i] += eps
        slopes.append((float(f(ahead)) - float(f(behind))) / (2 * eps))
    return torch.tensor(slopes)


@FINITE_DIFFERENCE_GRADIENT.mistake("times-eps", "/ 2 * eps multiplies by eps: write / (2 * eps).")
def _(f, theta, eps):
    rises = [float(f(_moved(theta, i, eps))) - float(f(_moved(theta, i, -eps))) for i in range(len(theta))]
    return torch.tensor(rises) * eps / 2


@FINITE_DIFFERENCE_GRADIENT.mistake("divided-by-two-alone", "The two points are 2 eps apart: divide by eps as well.")
def _(f, theta, eps):
    rises = [float(f(_moved(theta, i, eps))) - float(f(_moved(theta, i, -eps))) for i in range(len(theta))]
    return torch.tensor(rises) / 2


@FINITE_DIFFERENCE_GRADIENT.mistake("backward", "Step to both sides: f(theta + eps) minus f(theta - eps), over 2 eps.")
def _(f, theta, eps):
    return torch.tensor([(float(f(theta)) - float(f(_moved(theta, i, -eps)))) / eps for i in range(len(theta))])


@FINITE_DIFFERENCE_GRADIENT.mistake(
    "exact-gradient", "Measure it: f is called at theta + eps and theta - eps, without its gradient."
)
def _(f, theta, eps):
    x = theta.clone().requires_grad_()
    return torch.autograd.grad(f(x), x)[0]


@FINITE_DIFFERENCE_GRADIENT.mistake(
    "half-steps", "Move by eps to each side, and divide by 2 eps: not by eps / 2 and eps."
)
def _(f, theta, eps):
    rises = [float(f(_moved(theta, i, eps / 2))) - float(f(_moved(theta, i, -eps / 2))) for i in range(len(theta))]
    return torch.tensor(rises) / eps


@FINITE_DIFFERENCE_GRADIENT.mistake("one-number", "The gradient has a number for each parameter: move one at a time.")
def _(f, theta, eps):
    return torch.tensor((float(f(theta + eps)) - float(f(theta - eps))) / (2 * eps))


@FINITE_DIFFERENCE_GRADIENT.mistake(
    "second-difference", "That is the curvature: the slope is f(theta + eps) - f(theta - eps), over 2 eps."
)
def _(f, theta, eps):
    bends = [float(f(_moved(theta, i, eps))) + float(f(_moved(theta, i, -eps))) for i in range(len(theta))]
    return (torch.tensor(bends) - 2 * float(f(theta))) / eps**2


@FINITE_DIFFERENCE_GRADIENT.mistake(
    "divided-by-eps-squared", "The two points are 2 eps apart: divide by that, eps is not squared."
)
def _(f, theta, eps):
    rises = [float(f(_moved(theta, i, eps))) - float(f(_moved(theta, i, -eps))) for i in range(len(theta))]
    return torch.tensor(rises) / (2 * eps**2)


@FINITE_DIFFERENCE_GRADIENT.mistake(
    "steps-of-theta", "eps is added to a parameter, and subtracted: it is no share of theta."
)
def _(f, theta, eps):
    by = [eps * float(x) for x in theta]
    rises = [float(f(_moved(theta, i, step))) - float(f(_moved(theta, i, -step))) for i, step in enumerate(by)]
    return torch.tensor(rises) / (2 * eps)
