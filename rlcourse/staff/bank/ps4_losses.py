"""Problem set 4, entropy and the loss: wrong versions, as people really write them, each with its hint."""

import math

import torch

from rlcourse.staff.bank.drawing import by_n_minus_1
from rlcourse.staff.bank.ps4_cases import A2C_LOSS, ENTROPY


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


@ENTROPY.mistake("not-weighted", "An expectation: weigh each log pi with its pi before you add them up.")
def _(logits):
    return -logits.log_softmax(1).sum(1)


@ENTROPY.mistake("softmax-twice", "log_softmax takes logits, not probabilities: the softmax is in it already.")
def _(logits):
    log_p = torch.log_softmax(logits.softmax(1), 1)
    return -(torch.exp(log_p) * log_p).sum(1)


@ENTROPY.mistake("summed-over-the-states", "Sum over the actions, dim=-1: one number for each state.")
def _(logits):
    log_p = torch.log_softmax(logits, 1)
    return -(torch.exp(log_p) * log_p).sum(0)


@ENTROPY.mistake("one-sum-for-all", "Return the entropy of each state [N]: sum over the actions alone, dim=-1.")
def _(logits):
    log_p = torch.log_softmax(logits, 1)
    return -(torch.exp(log_p) * log_p).sum()


@ENTROPY.mistake("divided-by-log-A", "Return it in nats: it is not divided by the largest that it could be, log A.")
def _(logits):
    log_p = torch.log_softmax(logits, 1)
    return -(torch.exp(log_p) * log_p).sum(1) / torch.tensor(float(logits.shape[1])).log()


@ENTROPY.mistake("exp-overflows", "exp of a large logit is infinite: log_softmax subtracts the largest first.")
def _(logits):
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    return -(p * p.log()).sum(1)


@ENTROPY.mistake("logits-taken-for-probabilities", "Logits are no probabilities: softmax makes them so.")
def _(logits):
    return -(logits * logits.log()).sum(1)


@ENTROPY.mistake("perplexity", "That is exp(H), as if so many actions were equally likely: return H itself.")
def _(logits):
    log_p = torch.log_softmax(logits, 1)
    return (-(torch.exp(log_p) * log_p).sum(1)).exp()


@ENTROPY.mistake("of-the-likeliest-alone", "All actions count, each with its probability: not the likeliest alone.")
def _(logits):
    return -torch.log_softmax(logits, 1).amax(1)


@ENTROPY.mistake("states-as-actions", "Softmax and sum both run along the actions, dim=-1: rows are states.")
def _(logits):
    log_p = torch.log_softmax(logits, 0)
    return -(torch.exp(log_p) * log_p).sum(0)


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


@A2C_LOSS.mistake("gradient-through-both", "The numbers are right, but A and y count as given: detach both.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    error = (value_target - value).square().mean()
    return -(advantage * log_prob).mean() + value_coef * error - entropy_coef * entropy.mean()


@A2C_LOSS.mistake(
    "cuts-the-gradient", "The number is right, but nothing could be learned from it: stay in torch, no item()."
)
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, advantage, value, value_target, entropy)
    return (policy + value_coef * error - entropy_coef * H).detach()


@A2C_LOSS.mistake(
    "no-gradient-to-the-entropy", "The numbers are right, but the entropy could not grow: do not detach it."
)
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, advantage, value, value_target, entropy.detach())
    return policy + value_coef * error - entropy_coef * H


@A2C_LOSS.mistake("huber", "The error is squared, also where it is large: Huber's loss is another one.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, _, H = _terms(log_prob, advantage, value, value_target, entropy)
    error = torch.nn.functional.smooth_l1_loss(value, value_target.detach())
    return policy + value_coef * error - entropy_coef * H


@A2C_LOSS.mistake("error-not-squared", "The error y - V is squared before the mean.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, _, H = _terms(log_prob, advantage, value, value_target, entropy)
    return policy + value_coef * (value_target.detach() - value).abs().mean() - entropy_coef * H


@A2C_LOSS.mistake("advantage-squared", "The critic learns from y - V, not from A: the advantage has no gradient.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, _, H = _terms(log_prob, advantage, value, value_target, entropy)
    return policy + value_coef * advantage.square().mean() - entropy_coef * H


@A2C_LOSS.mistake("normalised-advantage", "The advantage counts as given: do not centre or scale it here.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    A = advantage.detach() - advantage.detach().mean()
    policy, error, H = _terms(log_prob, A / (by_n_minus_1(A.flatten()) + 1e-8), value, value_target, entropy)
    return policy + value_coef * error - entropy_coef * H


@A2C_LOSS.mistake("product-of-means", "Each action has its own advantage: multiply first, elementwise, then average.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    _, error, H = _terms(log_prob, advantage, value, value_target, entropy)
    return -log_prob.mean() * advantage.detach().mean() + value_coef * error - entropy_coef * H


@A2C_LOSS.mistake("probabilities", "The score is the gradient of log pi: weigh log_prob itself, not its exp.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob.exp(), advantage, value, value_target, entropy)
    return policy + value_coef * error - entropy_coef * H


@A2C_LOSS.mistake("no-entropy", "The bonus for entropy is missing: subtract c_H times its mean.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, _ = _terms(log_prob, advantage, value, value_target, entropy)
    return policy + value_coef * error


@A2C_LOSS.mistake("no-loss-of-values", "The critic's loss is missing: add c_V times the mean squared error.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, _, H = _terms(log_prob, advantage, value, value_target, entropy)
    return policy - entropy_coef * H


@A2C_LOSS.mistake("entropy-without-its-coefficient", "The mean entropy counts c_H times, not once.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, advantage, value, value_target, entropy)
    return policy + value_coef * error - H


@A2C_LOSS.mistake("values-without-their-coefficient", "The mean squared error counts c_V times, not once.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, advantage, value, value_target, entropy)
    return policy + error - entropy_coef * H


@A2C_LOSS.mistake(
    "entropy-summed", "The bonus is c_H times the *mean* entropy: with a sum it would grow with the batch."
)
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, advantage, value, value_target, entropy)
    return policy + value_coef * error - entropy_coef * H * entropy.numel()


@A2C_LOSS.mistake("one-loss-for-each", "A loss is one number: take the mean of each term.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    error = (value_target.detach() - value).square()
    return -advantage.detach() * log_prob + value_coef * error - entropy_coef * entropy


@A2C_LOSS.mistake("three-losses", "A loss is one number: add up the three terms.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, advantage, value, value_target, entropy)
    return torch.stack([policy, value_coef * error, -entropy_coef * H])


@A2C_LOSS.mistake("detaches-the-value", "The target is what stays fixed: detach value_target, and let the value learn.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, _, H = _terms(log_prob, advantage, value, value_target, entropy)
    return policy + value_coef * (value_target - value.detach()).square().mean() - entropy_coef * H


@A2C_LOSS.mistake(
    "advantage-computed-anew", "The advantage is given: target minus value is another one, where lambda is not 1."
)
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, value_target - value, value, value_target, entropy)
    return policy + value_coef * error - entropy_coef * H


@A2C_LOSS.mistake(
    "square-of-the-mean-error", "Square each error, then take the mean: errors of both signs must not cancel."
)
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, _, H = _terms(log_prob, advantage, value, value_target, entropy)
    return policy + value_coef * (value_target.detach() - value).mean().square() - entropy_coef * H


@A2C_LOSS.mistake("summed-over-the-steps", "A mean over all steps of all environments: no sum over time.")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy, error, H = _terms(log_prob, advantage, value, value_target, entropy)
    return (policy + value_coef * error - entropy_coef * H) * len(log_prob)
