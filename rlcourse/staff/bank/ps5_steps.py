"""Problem set 5, natural step and line search: wrong versions, as people really write them, each with its hint."""

import torch

from rlcourse.staff.bank.ps5_trust_cases import BACKTRACKING_LINE_SEARCH, NATURAL_STEP


def _stepped(g, x, square, along=None):
    """sqrt(square) times a direction; 0 where there is no gradient."""
    return torch.where(g @ x > 0, square, 0.0).sqrt() * (x if along is None else along)


@NATURAL_STEP.mistake("no-2", "KL is half of step' F step: a 2 stands before the bound.")
def _(gradient, natural_gradient, max_kl):
    return _stepped(gradient, natural_gradient, max_kl / (gradient @ natural_gradient))


@NATURAL_STEP.mistake("two-below", "The 2 stands above, before the bound: KL is half of step' F step.")
def _(gradient, natural_gradient, max_kl):
    return _stepped(gradient, natural_gradient, max_kl / (2 * gradient @ natural_gradient))


@NATURAL_STEP.mistake("no-root", "The divergence grows with the square of the step: take the root of 2 delta / g'x.")
def _(gradient, natural_gradient, max_kl):
    return _stepped(gradient, natural_gradient, (2 * max_kl / (gradient @ natural_gradient)) ** 2)


@NATURAL_STEP.mistake("upside-down", "The smaller g'x, the longer the step: the bound is divided by it.")
def _(gradient, natural_gradient, max_kl):
    return _stepped(gradient, natural_gradient, gradient @ natural_gradient / (2 * max_kl))


@NATURAL_STEP.mistake("along-the-gradient", "The step goes along x, the natural gradient, not along g.")
def _(gradient, natural_gradient, max_kl):
    square = 2 * max_kl / (gradient @ natural_gradient)
    return _stepped(gradient, natural_gradient, square, along=gradient)


@NATURAL_STEP.mistake("length-of-x", "F measures the step: x'Fx is g'x, and x'x is not.")
def _(gradient, natural_gradient, max_kl):
    return _stepped(gradient, natural_gradient, 2 * max_kl / (natural_gradient @ natural_gradient))


@NATURAL_STEP.mistake("length-of-g", "F measures the step: x'Fx is g'x, and g'g is not.")
def _(gradient, natural_gradient, max_kl):
    return _stepped(gradient, natural_gradient, 2 * max_kl / (gradient @ gradient))


@NATURAL_STEP.mistake("downhill", "The objective is to rise: the step goes along x, without a minus.")
def _(gradient, natural_gradient, max_kl):
    return -_stepped(gradient, natural_gradient, 2 * max_kl / (gradient @ natural_gradient))


@NATURAL_STEP.mistake("factor-alone", "Return the step: that factor times x.")
def _(gradient, natural_gradient, max_kl):
    one = torch.tensor(1.0)
    return _stepped(gradient, natural_gradient, 2 * max_kl / (gradient @ natural_gradient), along=one)


@NATURAL_STEP.mistake("nan-without-a-gradient", "Where g is 0, so is g'x, and 0 / 0 is NaN: return a step of 0 there.")
def _(gradient, natural_gradient, max_kl):
    return (2 * max_kl / (gradient @ natural_gradient)).sqrt() * natural_gradient


@NATURAL_STEP.mistake(
    "bound-of-each-number", "The bound is on the whole step: g'x is one number, a sum over all parameters."
)
def _(gradient, natural_gradient, max_kl):
    each = (gradient * natural_gradient).abs()
    return torch.where(each > 0, 2 * max_kl / each, 0.0).sqrt() * natural_gradient


def _searched(objective, kl, start, step, max_kl, shares, good=None, ends=None):
    """A line search with switches.

    Args:
        shares: of the step, in the order in which they are tried.
        good: whether a try will do, of its objective, the one at start and its divergence; default: as it should be.
        ends: where it ends if no try will do; default: at start.
    """
    before, tried = float(objective(start)), start
    for share in shares:
        tried = start + share * step
        now, moved = float(objective(tried)), float(kl(tried))
        if (now > before and moved <= max_kl) if good is None else good(now, before, moved):
            return tried
    return start if ends is None else ends(tried)


@BACKTRACKING_LINE_SEARCH.mistake(
    "no-divergence-test", "A try must stay within max_kl, too: the step's length came from an approximation."
)
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    shares = [shrink**j for j in range(max_tries)]
    return _searched(objective, kl, start, step, max_kl, shares, lambda now, before, moved: now > before)


@BACKTRACKING_LINE_SEARCH.mistake(
    "no-improvement-test", "A try must raise the objective, too: within max_kl is not enough."
)
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    shares = [shrink**j for j in range(max_tries)]
    return _searched(objective, kl, start, step, max_kl, shares, lambda now, before, moved: moved <= max_kl)


@BACKTRACKING_LINE_SEARCH.mistake(
    "one-of-both", "Both must hold: the objective rises *and* the divergence is within max_kl."
)
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    shares = [shrink**j for j in range(max_tries)]
    good = lambda now, before, moved: now > before or moved <= max_kl  # noqa: E731
    return _searched(objective, kl, start, step, max_kl, shares, good)


@BACKTRACKING_LINE_SEARCH.mistake(
    "no-restore", "Where no try was good, return start: the last one was tried and failed."
)
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    shares = [shrink**j for j in range(max_tries)]
    return _searched(objective, kl, start, step, max_kl, shares, ends=lambda last: last)


@BACKTRACKING_LINE_SEARCH.mistake(
    "grows", "Each try is shorter than the one before: multiply by shrink, do not divide."
)
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    return _searched(objective, kl, start, step, max_kl, [shrink**-j for j in range(max_tries)])


@BACKTRACKING_LINE_SEARCH.mistake("whole-step-left-out", "The first try is the whole step, j = 0.")
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    return _searched(objective, kl, start, step, max_kl, [shrink ** (j + 1) for j in range(max_tries)])


@BACKTRACKING_LINE_SEARCH.mistake("one-try-too-many", "max_tries lengths at most, the whole step counted.")
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    return _searched(objective, kl, start, step, max_kl, [shrink**j for j in range(max_tries + 1)])


@BACKTRACKING_LINE_SEARCH.mistake(
    "shrinks-ever-faster",
    "Each try is c times the one before: shrink the step by c, or the first one by c^j, not both.",
)
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    return _searched(objective, kl, start, step, max_kl, [shrink ** (j * (j + 1) // 2) for j in range(max_tries)])


@BACKTRACKING_LINE_SEARCH.mistake(
    "as-good-is-enough", "The objective must rise: where it is what it was, nothing is gained."
)
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    shares = [shrink**j for j in range(max_tries)]
    good = lambda now, before, moved: now >= before and moved <= max_kl  # noqa: E731
    return _searched(objective, kl, start, step, max_kl, shares, good)


@BACKTRACKING_LINE_SEARCH.mistake("bound-left-out", "A divergence of just max_kl is within the bound: <=, not <.")
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    shares = [shrink**j for j in range(max_tries)]
    good = lambda now, before, moved: now > before and moved < max_kl  # noqa: E731
    return _searched(objective, kl, start, step, max_kl, shares, good)


@BACKTRACKING_LINE_SEARCH.mistake(
    "nan-passes", "NaN answers no to every comparison: ask what must hold of a good try, not what makes a bad one."
)
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    shares = [shrink**j for j in range(max_tries)]
    good = lambda now, before, moved: not (now <= before or moved > max_kl)  # noqa: E731
    return _searched(objective, kl, start, step, max_kl, shares, good)


@BACKTRACKING_LINE_SEARCH.mistake("descends", "The objective is to rise, it is no loss: larger is better.")
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    shares = [shrink**j for j in range(max_tries)]
    good = lambda now, before, moved: now < before and moved <= max_kl  # noqa: E731
    return _searched(objective, kl, start, step, max_kl, shares, good)


@BACKTRACKING_LINE_SEARCH.mistake("better-than-0", "Compare with the objective at start, which need not be 0.")
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    shares = [shrink**j for j in range(max_tries)]
    good = lambda now, before, moved: now > 0 and moved <= max_kl  # noqa: E731
    return _searched(objective, kl, start, step, max_kl, shares, good)


@BACKTRACKING_LINE_SEARCH.mistake(
    "the-best-of-all", "The first try that will do, and so the longest one: not the best."
)
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    best, found = float(objective(start)), start
    for j in range(max_tries):
        tried = start + shrink**j * step
        if float(objective(tried)) > best and float(kl(tried)) <= max_kl:
            best, found = float(objective(tried)), tried
    return found


@BACKTRACKING_LINE_SEARCH.mistake("step-alone", "Return the new parameters, start plus the step that was found.")
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    return _searched(objective, kl, start, step, max_kl, [shrink**j for j in range(max_tries)]) - start
