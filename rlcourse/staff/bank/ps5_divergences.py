"""Problem set 5, divergences: wrong versions, as people really write them, each with its hint."""

import math

import torch

from rlcourse.staff.bank.ps5_cases import CATEGORICAL_KL, GAUSSIAN_KL


def _logs(p_logits, q_logits):
    return p_logits.log_softmax(1), q_logits.log_softmax(1)


@CATEGORICAL_KL.mistake("reversed", "KL(p || q) weighs with p, the first one: you have KL(q || p).")
def _(p_logits, q_logits):
    log_p, log_q = _logs(p_logits, q_logits)
    return (log_q.exp() * (log_q - log_p)).sum(1)


@CATEGORICAL_KL.mistake("negative", "A divergence is never below 0: log p - log q, not log q - log p.")
def _(p_logits, q_logits):
    log_p, log_q = _logs(p_logits, q_logits)
    return (log_p.exp() * (log_q - log_p)).sum(1)


@CATEGORICAL_KL.mistake("weighted-with-q", "The mean is taken under p: its probabilities are the weights.")
def _(p_logits, q_logits):
    log_p, log_q = _logs(p_logits, q_logits)
    return (log_q.exp() * (log_p - log_q)).sum(1)


@CATEGORICAL_KL.mistake("cross-entropy", "That is the cross-entropy: subtract p's own entropy, or use log p - log q.")
def _(p_logits, q_logits):
    log_p, log_q = _logs(p_logits, q_logits)
    return -(log_p.exp() * log_q).sum(1)


@CATEGORICAL_KL.mistake("logits-for-log-probabilities", "Logits are no log-probabilities: log_softmax makes them so.")
def _(p_logits, q_logits):
    return (p_logits.softmax(1) * (p_logits - q_logits)).sum(1)


@CATEGORICAL_KL.mistake(
    "log-of-a-rounded-zero", "A probability may be rounded to 0, and 0 log 0 is NaN: use log_softmax."
)
def _(p_logits, q_logits):
    p, q = p_logits.softmax(1), q_logits.softmax(1)
    return (p * (p / q).log()).sum(1)


@CATEGORICAL_KL.mistake("mean-over-the-actions", "The probabilities are the weights already: sum over the actions.")
def _(p_logits, q_logits):
    log_p, log_q = _logs(p_logits, q_logits)
    return (log_p.exp() * (log_p - log_q)).mean(1)


@CATEGORICAL_KL.mistake("not-weighted", "An expectation: weigh each log p - log q with p before you add them up.")
def _(p_logits, q_logits):
    log_p, log_q = _logs(p_logits, q_logits)
    return (log_p - log_q).sum(1)


@CATEGORICAL_KL.mistake("one-number-for-all", "Return the divergence in each state [N]: whoever asks takes the mean.")
def _(p_logits, q_logits):
    log_p, log_q = _logs(p_logits, q_logits)
    return (log_p.exp() * (log_p - log_q)).sum(1).mean()


@CATEGORICAL_KL.mistake("in-bits", "The divergence is in nats here: the natural logarithm, not that of base 2.")
def _(p_logits, q_logits):
    log_p, log_q = _logs(p_logits, q_logits)
    return (log_p.exp() * (log_p - log_q)).sum(1) / math.log(2)


@CATEGORICAL_KL.mistake("softmax-over-the-states", "The probabilities of one state sum to 1: softmax along dim=-1.")
def _(p_logits, q_logits):
    log_p, log_q = p_logits.log_softmax(0), q_logits.log_softmax(0)
    return (log_p.exp() * (log_p - log_q)).sum(1)


@CATEGORICAL_KL.mistake("both-ways", "KL(p || q) alone: do not add or average the one the other way round.")
def _(p_logits, q_logits):
    log_p, log_q = _logs(p_logits, q_logits)
    return ((log_p.exp() - log_q.exp()) * (log_p - log_q)).sum(1) / 2


@CATEGORICAL_KL.mistake("cuts-the-gradient", "The numbers are right, but q could not be kept near p: do not detach it.")
def _(p_logits, q_logits):
    log_p, log_q = _logs(p_logits.detach(), q_logits.detach())
    return (log_p.exp() * (log_p - log_q)).sum(1)


def _gaussian(pm, ps, qm, qs):
    """In each dimension."""
    return qs - ps + ((2 * ps).exp() + (pm - qm).square()) / (2 * (2 * qs).exp()) - 0.5


@GAUSSIAN_KL.mistake("reversed", "KL(p || q) has q's variance below the line: you have KL(q || p).")
def _(p_mean, p_log_std, q_mean, q_log_std):
    return _gaussian(q_mean, q_log_std, p_mean, p_log_std).sum(1)


@GAUSSIAN_KL.mistake("logarithm-upside-down", "The logarithm is that of q's deviation over p's: q_log_std - p_log_std.")
def _(p_mean, p_log_std, q_mean, q_log_std):
    return (_gaussian(p_mean, p_log_std, q_mean, q_log_std) - 2 * (q_log_std - p_log_std)).sum(1)


@GAUSSIAN_KL.mistake("variance-of-p-below", "Both terms are divided by q's variance, not by p's.")
def _(p_mean, p_log_std, q_mean, q_log_std):
    below = 2 * (2 * p_log_std).exp()
    above = (2 * p_log_std).exp() + (p_mean - q_mean).square()
    return (q_log_std - p_log_std + above / below - 0.5).sum(1)


@GAUSSIAN_KL.mistake("no-minus-one-half", "Subtract 1/2 in each dimension: of a policy from itself the KL is 0.")
def _(p_mean, p_log_std, q_mean, q_log_std):
    return (_gaussian(p_mean, p_log_std, q_mean, q_log_std) + 0.5).sum(1)


@GAUSSIAN_KL.mistake("one-half-subtracted-once", "The 1/2 belongs to each dimension: subtract it inside the sum.")
def _(p_mean, p_log_std, q_mean, q_log_std):
    return (_gaussian(p_mean, p_log_std, q_mean, q_log_std) + 0.5).sum(1) - 0.5


@GAUSSIAN_KL.mistake("no-2-below", "What stands above is divided by twice q's variance.")
def _(p_mean, p_log_std, q_mean, q_log_std):
    above = (2 * p_log_std).exp() + (p_mean - q_mean).square()
    return (q_log_std - p_log_std + above / (2 * q_log_std).exp() - 0.5).sum(1)


@GAUSSIAN_KL.mistake(
    "deviations-not-squared", "exp(log_std) is the standard deviation; the formula wants its square, the variance."
)
def _(p_mean, p_log_std, q_mean, q_log_std):
    above = p_log_std.exp() + (p_mean - q_mean).square()
    return (q_log_std - p_log_std + above / (2 * q_log_std.exp()) - 0.5).sum(1)


@GAUSSIAN_KL.mistake("logarithms-for-deviations", "log_std is a logarithm: the deviation is exp(log_std).")
def _(p_mean, p_log_std, q_mean, q_log_std):
    above = p_log_std.square() + (p_mean - q_mean).square()
    return ((q_log_std / p_log_std).log() + above / (2 * q_log_std.square()) - 0.5).sum(1)


@GAUSSIAN_KL.mistake("distance-not-squared", "The distance of the means is squared.")
def _(p_mean, p_log_std, q_mean, q_log_std):
    above = (2 * p_log_std).exp() + (p_mean - q_mean).abs()
    return (q_log_std - p_log_std + above / (2 * (2 * q_log_std).exp()) - 0.5).sum(1)


@GAUSSIAN_KL.mistake("means-alone", "Deviations may differ, too: the terms with sigma of p belong to it.")
def _(p_mean, p_log_std, q_mean, q_log_std):
    return ((p_mean - q_mean).square() / (2 * (2 * q_log_std).exp())).sum(1)


@GAUSSIAN_KL.mistake("mean-over-the-dimensions", "The dimensions are independent: their divergences add up, sum(-1).")
def _(p_mean, p_log_std, q_mean, q_log_std):
    return _gaussian(p_mean, p_log_std, q_mean, q_log_std).mean(1)


@GAUSSIAN_KL.mistake("not-summed", "Sum over the dimensions, dim=-1: one number for each state.")
def _(p_mean, p_log_std, q_mean, q_log_std):
    return _gaussian(p_mean, p_log_std, q_mean, q_log_std)


@GAUSSIAN_KL.mistake("one-number-for-all", "Return the divergence in each state [N]: whoever asks takes the mean.")
def _(p_mean, p_log_std, q_mean, q_log_std):
    return _gaussian(p_mean, p_log_std, q_mean, q_log_std).sum(1).mean()


@GAUSSIAN_KL.mistake("cuts-the-gradient", "The numbers are right, but q could not be kept near p: do not detach it.")
def _(p_mean, p_log_std, q_mean, q_log_std):
    with torch.no_grad():
        return _gaussian(p_mean, p_log_std, q_mean, q_log_std).sum(1)
