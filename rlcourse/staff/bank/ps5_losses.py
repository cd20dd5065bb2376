"""Problem set 5, surrogate, clipped loss and price: wrong versions, as people really write them, each with its hint."""

import torch

from rlcourse.staff.bank.drawing import by_n_minus_1
from rlcourse.staff.bank.ps5_cases import ADAPTIVE_KL_COEF, PPO_CLIP_LOSS, SURROGATE_LOSS


@SURROGATE_LOSS.mistake("no-minus", "A loss is descended: minus the mean of the ratio times A.")
def _(ratio, advantage):
    return (ratio * advantage.detach()).mean()


@SURROGATE_LOSS.mistake("sum-instead-of-mean", "A mean over the steps: with a sum the step would grow with the batch.")
def _(ratio, advantage):
    return -(ratio * advantage.detach()).sum()


@SURROGATE_LOSS.mistake("inverse-ratio", "The ratio is pi / mu already, new over old: multiply A by it.")
def _(ratio, advantage):
    return -(advantage.detach() / ratio).mean()


@SURROGATE_LOSS.mistake(
    "logarithm-of-the-ratio", "The surrogate weighs A with the ratio itself, not with its logarithm."
)
def _(ratio, advantage):
    return -(ratio.log() * advantage.detach()).mean()


@SURROGATE_LOSS.mistake(
    "gradient-through-the-advantage", "The numbers are right, but A counts as given: detach it, or it bends the critic."
)
def _(ratio, advantage):
    return -(ratio * advantage).mean()


@SURROGATE_LOSS.mistake(
    "cuts-the-gradient", "The number is right, but nothing could be learned from it: the ratio carries the gradient."
)
def _(ratio, advantage):
    return -(ratio.detach() * advantage.detach()).mean()


@SURROGATE_LOSS.mistake("product-of-means", "Each step has its own ratio: multiply first, elementwise, then average.")
def _(ratio, advantage):
    return -ratio.mean() * advantage.detach().mean()


@SURROGATE_LOSS.mistake(
    "ratio-minus-1", "Its slope is right, but the surrogate is the ratio times A, not (ratio - 1) A."
)
def _(ratio, advantage):
    return -((ratio - 1) * advantage.detach()).mean()


@SURROGATE_LOSS.mistake("normalised-advantage", "The advantage counts as given: do not centre or scale it here.")
def _(ratio, advantage):
    A = advantage.detach() - advantage.detach().mean()
    return -(ratio * A / (by_n_minus_1(A) + 1e-8)).mean()


@SURROGATE_LOSS.mistake("weighted-mean", "Divide by the number of steps, not by the sum of the ratios.")
def _(ratio, advantage):
    return -(ratio * advantage.detach()).sum() / ratio.sum()


@SURROGATE_LOSS.mistake("one-loss-for-each", "A loss is one number: take the mean over the steps.")
def _(ratio, advantage):
    return -ratio * advantage.detach()


@PPO_CLIP_LOSS.mistake(
    "smaller-ratio-times-A", "The smaller product counts, not the smaller ratio: with A < 0 that is the larger ratio."
)
def _(ratio, advantage, eps):
    return -(torch.minimum(ratio, ratio.clamp(1 - eps, 1 + eps)) * advantage.detach()).mean()


@PPO_CLIP_LOSS.mistake(
    "smaller-of-the-losses", "With the minus inside, the smaller product is the larger loss: maximum, or minus outside."
)
def _(ratio, advantage, eps):
    A = advantage.detach()
    return torch.minimum(-ratio * A, -ratio.clamp(1 - eps, 1 + eps) * A).mean()


@PPO_CLIP_LOSS.mistake(
    "clipped-product-alone", "Without the minimum a step that went the wrong way has no slope back: compare both."
)
def _(ratio, advantage, eps):
    return -(ratio.clamp(1 - eps, 1 + eps) * advantage.detach()).mean()


@PPO_CLIP_LOSS.mistake(
    "clipped-from-above-alone", "Clip on both sides: with A < 0 it is 1 - eps that stops the policy."
)
def _(ratio, advantage, eps):
    A = advantage.detach()
    return -torch.minimum(ratio * A, ratio.clamp(max=1 + eps) * A).mean()


@PPO_CLIP_LOSS.mistake(
    "clipped-from-below-alone", "Clip on both sides: with A > 0 it is 1 + eps that stops the policy."
)
def _(ratio, advantage, eps):
    A = advantage.detach()
    return -torch.minimum(ratio * A, ratio.clamp(min=1 - eps) * A).mean()


@PPO_CLIP_LOSS.mistake("never-clipped", "That is the surrogate alone: clip the ratio, and take the smaller product.")
def _(ratio, advantage, eps):
    return -(ratio * advantage.detach()).mean()


@PPO_CLIP_LOSS.mistake("inverse-ratio", "The ratio is pi / mu already, new over old: use it as it is.")
def _(ratio, advantage, eps):
    A = advantage.detach()
    return -torch.minimum(A / ratio, (1 / ratio).clamp(1 - eps, 1 + eps) * A).mean()


@PPO_CLIP_LOSS.mistake("no-minus", "A loss is descended: minus the mean of the smaller products.")
def _(ratio, advantage, eps):
    A = advantage.detach()
    return torch.minimum(ratio * A, ratio.clamp(1 - eps, 1 + eps) * A).mean()


@PPO_CLIP_LOSS.mistake("sum-instead-of-mean", "A mean over the steps: with a sum the step would grow with the batch.")
def _(ratio, advantage, eps):
    A = advantage.detach()
    return -torch.minimum(ratio * A, ratio.clamp(1 - eps, 1 + eps) * A).sum()


@PPO_CLIP_LOSS.mistake("smaller-of-the-means", "The minimum is taken for each step, before the mean.")
def _(ratio, advantage, eps):
    A = advantage.detach()
    return -torch.minimum((ratio * A).mean(), (ratio.clamp(1 - eps, 1 + eps) * A).mean())


@PPO_CLIP_LOSS.mistake("clipped-around-0", "A ratio is 1 where nothing changed: clip it to [1 - eps, 1 + eps].")
def _(ratio, advantage, eps):
    A = advantage.detach()
    return -torch.minimum(ratio * A, ratio.clamp(-eps, eps) * A).mean()


@PPO_CLIP_LOSS.mistake("eps-of-the-paper", "Clip at eps as it is given: it need not be 0.2.")
def _(ratio, advantage, eps):
    A = advantage.detach()
    return -torch.minimum(ratio * A, ratio.clamp(0.8, 1.2) * A).mean()


@PPO_CLIP_LOSS.mistake(
    "gradient-through-the-advantage", "The numbers are right, but A counts as given: detach it, or it bends the critic."
)
def _(ratio, advantage, eps):
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - eps, 1 + eps) * advantage).mean()


@PPO_CLIP_LOSS.mistake(
    "cuts-the-gradient", "The number is right, but nothing could be learned from it: the ratio carries the gradient."
)
def _(ratio, advantage, eps):
    r, A = ratio.detach(), advantage.detach()
    return -torch.minimum(r * A, r.clamp(1 - eps, 1 + eps) * A).mean()


@PPO_CLIP_LOSS.mistake(
    "no-gradient-where-it-is-clipped-the-wrong-way",
    "Clip a copy: where the unclipped product is smaller, it has a slope.",
)
def _(ratio, advantage, eps):
    A, inside = advantage.detach(), ((ratio - 1).abs() <= eps).float()
    r = inside * ratio + (1 - inside) * ratio.detach()
    return -torch.minimum(r * A, r.clamp(1 - eps, 1 + eps) * A).mean()


@PPO_CLIP_LOSS.mistake("normalised-advantage", "The advantage counts as given: do not centre or scale it here.")
def _(ratio, advantage, eps):
    A = advantage.detach() - advantage.detach().mean()
    A = A / (by_n_minus_1(A) + 1e-8)
    return -torch.minimum(ratio * A, ratio.clamp(1 - eps, 1 + eps) * A).mean()


@PPO_CLIP_LOSS.mistake("one-loss-for-each", "A loss is one number: take the mean over the steps.")
def _(ratio, advantage, eps):
    A = advantage.detach()
    return -torch.minimum(ratio * A, ratio.clamp(1 - eps, 1 + eps) * A)


def _adapted(beta, kl, low, high, halved=2.0, doubled=2.0):
    """The rule with other bounds and factors."""
    return beta / halved if kl < low else beta * doubled if kl > high else beta


@ADAPTIVE_KL_COEF.mistake(
    "doubles-where-it-halves", "A policy that moved too far has to pay more: double there, halve where it moved little."
)
def _(beta, kl, target_kl):
    return _adapted(beta, kl, target_kl / 1.5, 1.5 * target_kl, 0.5, 0.5)


@ADAPTIVE_KL_COEF.mistake("no-bounds", "Between target / 1.5 and 1.5 target the price stays: that is near enough.")
def _(beta, kl, target_kl):
    return _adapted(beta, kl, target_kl, target_kl)


@ADAPTIVE_KL_COEF.mistake("bounds-of-2", "The bounds are target / 1.5 and 1.5 target; 2 is what the price changes by.")
def _(beta, kl, target_kl):
    return _adapted(beta, kl, target_kl / 2, 2 * target_kl)


@ADAPTIVE_KL_COEF.mistake("changes-by-1.5", "The price is halved and doubled; 1.5 belongs to the bounds.")
def _(beta, kl, target_kl):
    return _adapted(beta, kl, target_kl / 1.5, 1.5 * target_kl, 1.5, 1.5)


@ADAPTIVE_KL_COEF.mistake("never-halves", "Where the policy moved too little, below target / 1.5, the price is halved.")
def _(beta, kl, target_kl):
    return _adapted(beta, kl, -float("inf"), 1.5 * target_kl)


@ADAPTIVE_KL_COEF.mistake("never-doubles", "Where the policy moved too far, above 1.5 target, the price is doubled.")
def _(beta, kl, target_kl):
    return _adapted(beta, kl, target_kl / 1.5, float("inf"))


@ADAPTIVE_KL_COEF.mistake("at-the-bounds-too", "At the bounds themselves the price stays: below and above, not at.")
def _(beta, kl, target_kl):
    return beta / 2 if kl <= target_kl / 1.5 else 2 * beta if kl >= 1.5 * target_kl else beta


@ADAPTIVE_KL_COEF.mistake(
    "one-bound-for-both", "The lower bound is target / 1.5: a divergence near the target is right."
)
def _(beta, kl, target_kl):
    return beta / 2 if kl < 1.5 * target_kl else 2 * beta if kl > 1.5 * target_kl else beta


@ADAPTIVE_KL_COEF.mistake("in-proportion", "The price changes by the factor 2 alone, however far the policy moved.")
def _(beta, kl, target_kl):
    return beta * kl / target_kl


@ADAPTIVE_KL_COEF.mistake(
    "absolute-divergence",
    "An estimate below 0 says that it hardly moved: compare it as it is, without its sign cut off.",
)
def _(beta, kl, target_kl):
    return _adapted(beta, abs(kl), target_kl / 1.5, 1.5 * target_kl)
