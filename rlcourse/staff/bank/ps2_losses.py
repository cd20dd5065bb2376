"""Problem set 2: wrong versions of huber_loss, priority and importance_weights, each with its hint."""

import torch

from rlcourse.staff.bank.ps2_cases import HUBER_LOSS, IMPORTANCE_WEIGHTS, PRIORITY


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
    return torch.where(td_error.abs() <= delta, 0.5 * td_error**2, delta * td_error.abs())


@HUBER_LOSS.mistake("slope-one-beyond-delta", "Beyond delta the slope is delta, not 1, or the derivative jumps there.")
def _(td_error, delta=1.0):
    return torch.where(td_error.abs() <= delta, 0.5 * td_error**2, td_error.abs() - 0.5 * delta)


@HUBER_LOSS.mistake("no-half", "The parabola is x^2 / 2: twice that has twice the gradient, and misses the line.")
def _(td_error, delta=1.0):
    return torch.where(td_error.abs() <= delta, td_error**2, delta * (td_error.abs() - 0.5 * delta))


@HUBER_LOSS.mistake("only-positive-errors", "An error of -5 is as large as one of 5: compare and use |x|.")
def _(td_error, delta=1.0):
    return torch.where(td_error < delta, 0.5 * td_error**2, delta * (td_error - 0.5 * delta))


@HUBER_LOSS.mistake("squares-everywhere", "Half of x^2, and beyond delta a straight line: delta (|x| - delta / 2).")
def _(td_error, delta=1.0):
    return td_error.square()


@HUBER_LOSS.mistake("smooth-l1", "smooth_l1_loss is this loss divided by delta: multiply by it, or use huber_loss.")
def _(td_error, delta=1.0):
    return torch.where(td_error.abs() <= delta, td_error**2 / (2 * delta), td_error.abs() - 0.5 * delta)


@HUBER_LOSS.mistake("clips-the-error", "Beyond delta the loss still grows, along a line: clipped, its gradient is 0.")
def _(td_error, delta=1.0):
    return 0.5 * td_error.clamp(-delta, delta) ** 2


@HUBER_LOSS.mistake("pieces-swapped", "The parabola is for small errors, the line for |x| beyond delta.")
def _(td_error, delta=1.0):
    return torch.where(td_error.abs() > delta, 0.5 * td_error**2, delta * (td_error.abs() - 0.5 * delta))


@HUBER_LOSS.mistake("line-without-absolute-value", "The line rises on both sides: delta (|x| - delta / 2).")
def _(td_error, delta=1.0):
    return torch.where(td_error.abs() <= delta, 0.5 * td_error**2, delta * (td_error - 0.5 * delta))


@HUBER_LOSS.mistake("half-delta-not-its-square", "Subtract half of delta squared: delta (|x| - delta / 2).")
def _(td_error, delta=1.0):
    return torch.where(td_error.abs() <= delta, 0.5 * td_error**2, delta * td_error.abs() - 0.5 * delta)


@HUBER_LOSS.mistake("pseudo-huber", "That is the smooth pseudo-Huber loss: here a parabola and a line meet at delta.")
def _(td_error, delta=1.0):
    return delta**2 * (torch.sqrt(1 + (td_error / delta) ** 2) - 1)


@HUBER_LOSS.mistake("summed-over-all", "Return the loss of each element: the agent averages (and weighs) itself.")
def _(td_error, delta=1.0):
    return torch.nn.functional.huber_loss(td_error, torch.zeros_like(td_error), delta=delta, reduction="sum")


@HUBER_LOSS.mistake("absolute-error-beyond", "Beyond delta: delta (|x| - delta / 2), not |x| itself.")
def _(td_error, delta=1.0):
    return torch.where(td_error.abs() <= delta, 0.5 * td_error**2, td_error.abs())


@HUBER_LOSS.mistake("half-delta-missing", "Subtract delta / 2 from |x|, not delta: delta (|x| - delta / 2).")
def _(td_error, delta=1.0):
    return torch.where(td_error.abs() <= delta, 0.5 * td_error**2, delta * (td_error.abs() - delta))


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


@PRIORITY.mistake("alpha-multiplies", "alpha is an exponent: (|delta| + eps)^alpha.")
def _(td_error, alpha, eps):
    return alpha * (td_error.abs() + eps)


@PRIORITY.mistake("eps-inside-the-absolute-value", "Take |delta| first and add eps then: |delta| + eps.")
def _(td_error, alpha, eps):
    return torch.abs(td_error + eps) ** alpha


@PRIORITY.mistake("squared-error", "The size of the error is |delta|, not its square.")
def _(td_error, alpha, eps):
    return (td_error.square() + eps) ** alpha


@PRIORITY.mistake("clamped-to-eps", "Add eps to every error: (|delta| + eps)^alpha, no clamp.")
def _(td_error, alpha, eps):
    return td_error.abs().clamp(min=eps) ** alpha


@PRIORITY.mistake("inverse-exponent", "The exponent is alpha, not 1 / alpha.")
def _(td_error, alpha, eps):
    return (td_error.abs() + eps) ** (1 / max(alpha, 1e-8))


@PRIORITY.mistake("negative-exponent", "A larger error is drawn more often: the exponent is plus alpha.")
def _(td_error, alpha, eps):
    return (td_error.abs() + eps) ** -alpha


@PRIORITY.mistake(
    "by-rank", "That is the rank-based variant: here the priority is |delta| + eps itself, to the power alpha."
)
def _(td_error, alpha, eps):
    rank = td_error.abs().argsort(descending=True).argsort() + 1
    return (1.0 / rank) ** alpha


@PRIORITY.mistake("clipped-at-one", "Nothing is clipped: a larger error has a larger priority, above 1 too.")
def _(td_error, alpha, eps):
    return (td_error.abs() + eps).clamp(max=1.0) ** alpha


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


@IMPORTANCE_WEIGHTS.mistake("divided-by-the-mean", "Divide by the largest weight of the batch, not by the mean.")
def _(probabilities, buffer_size, beta):
    weights = (buffer_size * probabilities) ** -beta
    return weights / weights.mean()


@IMPORTANCE_WEIGHTS.mistake("clipped-at-one", "Divide all by the largest weight: a clamp makes several of them 1.")
def _(probabilities, buffer_size, beta):
    return ((buffer_size * probabilities) ** -beta).clamp(max=1)


@IMPORTANCE_WEIGHTS.mistake("one-minus-beta", "The exponent is -beta: beta = 1 makes up for all, 0 for nothing.")
def _(probabilities, buffer_size, beta):
    weights = (buffer_size * probabilities) ** (beta - 1)
    return weights / weights.max()


@IMPORTANCE_WEIGHTS.mistake("no-buffer-size-and-not-normalised", "N is missing, and divide by the largest weight.")
def _(probabilities, buffer_size, beta):
    return probabilities**-beta


@IMPORTANCE_WEIGHTS.mistake("one-minus-probability", "The weight is the inverse, (N P)^-beta, not 1 - P.")
def _(probabilities, buffer_size, beta):
    weights = (1 - probabilities) ** beta
    return weights / weights.max()


@IMPORTANCE_WEIGHTS.mistake("beta-on-the-buffer-size-alone", "beta is the exponent of the whole product: (N P)^-beta.")
def _(probabilities, buffer_size, beta):
    weights = buffer_size**-beta * probabilities
    return weights / weights.max()


@IMPORTANCE_WEIGHTS.mistake("beta-multiplies", "beta is an exponent: (N P)^-beta, not beta times 1 / (N P).")
def _(probabilities, buffer_size, beta):
    weights = beta / (buffer_size * probabilities)
    return weights / weights.max()
