"""Plausible wrong answers to problem set 3, as people really write them, each with the mistake behind it.

`@wrong("elite_mask", "the-worst")`: a check must reject it, and may name no other mistake than the-worst. Several ids:
each of them would be true of it. No id: it may not be named at all, for it holds more than one mistake, or a rare one.
"""

# ruff: noqa: F811, E741

import math

import numpy as np
import torch
from corpus import corpus

WRONG, wrong = corpus()


# elite_mask


@wrong("elite_mask", "threshold-by-quantile")
def _(scores, fraction):
    return scores >= torch.quantile(scores, 1 - fraction)


@wrong("elite_mask", "fraction-taken-for-a-count")
def _(scores, n_elite):
    mask = torch.zeros(len(scores), dtype=torch.bool)
    best = scores.argsort(descending=True, stable=True)[: int(n_elite)]
    mask[best] = True
    return mask


@wrong("elite_mask", "argsort-taken-for-ranks")
def _(scores, fraction):
    rank = torch.argsort(scores, descending=True, stable=True)
    return rank < round(fraction * len(scores))


@wrong("elite_mask", "argsort-taken-for-ranks")
def _(scores, fraction):
    ranks = np.argsort(-scores.numpy(), kind="stable")
    return [bool(r < round(fraction * len(scores))) for r in ranks]


@wrong("elite_mask", "last-of-the-ascending", "later-ones-first")
def _(scores, fraction):
    n = round(fraction * len(scores))
    mask = np.zeros(len(scores), dtype=bool)
    mask[np.argsort(scores.numpy(), kind="stable")[-n:]] = True
    return mask


@wrong("elite_mask", "always-rounded-up")
def _(scores, fraction):
    k = math.ceil(len(scores) * fraction)
    chosen = [False] * len(scores)
    for i in sorted(range(len(scores)), key=lambda i: -scores[i].item())[:k]:
        chosen[i] = True
    return chosen


@wrong("elite_mask", "at-least-one")
def _(scores, fraction):
    k = max(1, round(fraction * len(scores)))
    idx = torch.sort(scores, descending=True, stable=True)[1][:k]
    mask = torch.zeros_like(scores).bool()
    mask[idx] = True
    return mask


@wrong("elite_mask", "always-rounded-down")
def _(scores, fraction):
    k = int(fraction * len(scores))
    place = torch.argsort(torch.argsort(scores, descending=True, stable=True))
    return place < k


@wrong("elite_mask", "the-scores-themselves")
def _(scores, fraction):
    return torch.sort(scores, descending=True).values[: round(fraction * len(scores))]


@wrong("elite_mask", "all-at-the-threshold")
def _(scores, fraction):
    n = round(fraction * len(scores))
    if n == 0:
        return torch.zeros(len(scores)).bool()
    threshold = sorted(scores.tolist())[-n]
    return torch.tensor([s >= threshold for s in scores.tolist()])


@wrong("elite_mask", "the-worst")
def _(scores, fraction):
    n = round(len(scores) * fraction)
    return torch.argsort(torch.argsort(scores, stable=True)) < n


@wrong("elite_mask", "above-the-mean")
def _(scores, fraction):
    return scores > scores.mean()


# cem_refit


def top(samples, scores, n):
    return samples[torch.argsort(scores, descending=True, stable=True)[:n]]


@wrong("cem_refit", "mean-of-all")
def _(samples, scores, n_elite, min_std):
    elite = top(samples, scores, n_elite)
    mu = samples.mean(dim=0)
    sigma = elite.std(dim=0, unbiased=False)
    return mu, torch.clamp(sigma, min=min_std)


@wrong("cem_refit", "around-the-mean-of-all")
def _(samples, scores, n_elite, min_std):
    elite = top(samples, scores, n_elite)
    variance = ((elite - samples.mean(0)) ** 2).mean(0)
    return elite.mean(0), variance.sqrt().clamp(min=min_std)


@wrong("cem_refit", "max-of-a-number-and-a-tensor")
def _(samples, scores, n_elite, min_std):
    elite = top(samples, scores, n_elite)
    mu = elite.mean(0)
    sigma = ((elite - mu) ** 2).mean(0).sqrt()
    return mu, max(min_std, sigma)


@wrong("cem_refit", "divided-by-n-minus-1")
def _(samples, scores, n_elite, min_std):
    elite = top(samples, scores, n_elite)
    return elite.mean(0), elite.std(0).clamp(min=min_std)


@wrong("cem_refit", "divided-by-n-minus-1")
def _(samples, scores, n_elite, min_std):
    elite = top(samples, scores, n_elite).numpy()
    return elite.mean(axis=0), np.maximum(min_std, elite.std(axis=0, ddof=1))


@wrong("cem_refit", "along-the-parameters")
def _(samples, scores, n_elite, min_std):
    elite = top(samples, scores, n_elite)
    return elite.mean(1), elite.std(1, unbiased=False).clamp(min=min_std)


@wrong("cem_refit", "floor-before-the-root")
def _(samples, scores, n_elite, min_std):
    elite = top(samples, scores, n_elite)
    mean = elite.mean(0)
    var = ((elite - mean) ** 2).sum(0) / n_elite
    return mean, var.clamp(min=min_std).sqrt()


@wrong("cem_refit", "later-ones-first")
def _(samples, scores, n_elite, min_std):
    elite = samples[scores.argsort(stable=True)[-n_elite:]]
    return elite.mean(0), elite.std(0, correction=0).clamp(min=min_std)


@wrong("cem_refit", "all-at-the-threshold")
def _(samples, scores, n_elite, min_std):
    threshold = scores.sort(descending=True).values[n_elite - 1]
    elite = samples[scores >= threshold]
    return elite.mean(0), elite.std(0, correction=0).clamp(min=min_std)


@wrong("cem_refit", "divided-by-all")
def _(samples, scores, n_elite, min_std):
    elite = top(samples, scores, n_elite)
    mean = elite.sum(0) / len(samples)
    std = (((elite - mean) ** 2).sum(0) / len(samples)) ** 0.5
    return mean, std.clamp(min=min_std)


@wrong("cem_refit", "deviation-before-mean")
def _(samples, scores, n_elite, min_std):
    elite = top(samples, scores, n_elite)
    return elite.std(0, correction=0).clamp(min=min_std), elite.mean(0)


@wrong("cem_refit", "variance")
def _(samples, scores, n_elite, min_std):
    order = sorted(range(len(scores)), key=lambda i: scores[i], reverse=True)[:n_elite]
    mean = sum(samples[i] for i in order) / n_elite
    spread = sum((samples[i] - mean) ** 2 for i in order) / n_elite
    return mean, torch.maximum(spread, torch.tensor(float(min_std)))


@wrong("cem_refit", "the-first-samples")
def _(samples, scores, n_elite, min_std):
    elite = samples[:n_elite]
    return elite.mean(0), elite.std(0, correction=0).clamp(min=min_std)


# finite_difference_gradient


@wrong("finite_difference_gradient", "no-copy")
def _(f, theta, eps):
    grad = torch.zeros_like(theta)
    for i in range(len(theta)):
        plus = theta
        minus = theta
        plus[i] += eps
        minus[i] -= eps
        grad[i] = (f(plus) - f(minus)) / (2 * eps)
    return grad


@wrong("finite_difference_gradient", "no-copy", "half-of-one-side")
def _(f, theta, eps):
    grad = torch.zeros_like(theta)
    for i in range(len(theta)):
        plus = theta
        plus[i] = plus[i] + eps
        high = f(plus)
        minus = theta
        minus[i] = minus[i] - eps
        grad[i] = (high - f(minus)) / (2 * eps)
    return grad


@wrong("finite_difference_gradient", "times-eps")
def _(f, theta, eps):
    grad = []
    for i in range(len(theta)):
        e = torch.zeros_like(theta)
        e[i] = eps
        grad.append((f(theta + e) - f(theta - e)) / 2 * eps)
    return torch.stack(grad)


@wrong("finite_difference_gradient", "one-sided")
def _(f, theta, eps):
    base = f(theta)
    grad = torch.empty(theta.shape)
    for i in range(theta.numel()):
        moved = theta.clone()
        moved[i] += eps
        grad[i] = (f(moved) - base) / eps
    return grad


@wrong("finite_difference_gradient", "backward")
def _(f, theta, eps):
    grad = torch.empty(theta.shape)
    for i in range(theta.numel()):
        moved = theta.clone()
        moved[i] -= eps
        grad[i] = (f(theta) - f(moved)) / eps
    return grad


@wrong("finite_difference_gradient", "exact-gradient")
def _(f, theta, eps):
    x = theta.clone().requires_grad_(True)
    f(x).backward()
    return x.grad


@wrong("finite_difference_gradient", "half-steps")
def _(f, theta, eps):
    return [
        float(f(theta + eps / 2 * row) - f(theta - eps / 2 * row)) / eps
        for row in torch.eye(len(theta), dtype=theta.dtype)
    ]


@wrong("finite_difference_gradient", "all-at-once", "one-number")
def _(f, theta, eps):
    return (f(theta + eps) - f(theta - eps)) / (2 * eps)


@wrong("finite_difference_gradient", "divided-by-eps")
def _(f, theta, eps):
    g = np.zeros(len(theta))
    for k in range(len(theta)):
        up, down = theta.clone(), theta.clone()
        up[k] += eps
        down[k] -= eps
        g[k] = (f(up) - f(down)) / eps
    return g


@wrong("finite_difference_gradient", "second-difference")
def _(f, theta, eps):
    grad = torch.zeros_like(theta)
    for i in range(len(theta)):
        e = torch.zeros_like(theta)
        e[i] = eps
        grad[i] = (f(theta + e) - 2 * f(theta) + f(theta - e)) / eps**2
    return grad


# discounted_returns


@wrong("discounted_returns", "not-turned-round")
def _(rewards, gamma):
    returns = []
    G = torch.zeros(rewards.shape[1])
    for r in reversed(rewards):
        G = r + gamma * G
        returns.append(G)
    return torch.stack(returns)


@wrong("discounted_returns", "without-its-own-reward")
def _(rewards, gamma):
    G = torch.zeros_like(rewards)
    for t in range(len(rewards) - 2, -1, -1):
        G[t] = gamma * (rewards[t + 1] + G[t + 1])
    return G


@wrong("discounted_returns", "of-the-next-step")
def _(rewards, gamma):
    returns, running = [], torch.zeros(rewards.shape[1])
    for t in range(len(rewards) - 1, -1, -1):
        returns.insert(0, running)
        running = rewards[t] + gamma * running
    return torch.stack(returns)


@wrong("discounted_returns", "along-the-episodes")
def _(rewards, gamma):
    G = rewards.clone()
    T, B = rewards.shape
    for b in range(B - 2, -1, -1):
        G[:, b] += gamma * G[:, b + 1]
    return G


@wrong("discounted_returns", "no-last-reward")
def _(rewards, gamma):
    G = torch.zeros_like(rewards)
    for t in reversed(range(len(rewards) - 1)):
        G[t] = rewards[t] + gamma * G[t + 1]
    return G


@wrong("discounted_returns", "one-step-only")
def _(rewards, gamma):
    following = torch.cat([rewards[1:], torch.zeros(1, rewards.shape[1])])
    return rewards + gamma * following


@wrong("discounted_returns", "carried-over")
def _(rewards, gamma):
    T, B = rewards.shape
    out = torch.zeros(T, B)
    running = 0.0
    for b in range(B):
        for t in range(T - 1, -1, -1):
            running = float(rewards[t, b]) + gamma * running
            out[t, b] = running
    return out


@wrong("discounted_returns", "normalised-with-n-minus-1")
def _(rewards, gamma):
    G = torch.zeros_like(rewards)
    acc = torch.zeros(rewards.shape[1])
    for t in reversed(range(len(rewards))):
        acc = rewards[t] + gamma * acc
        G[t] = acc
    return (G - G.mean()) / (G.std() + 1e-8)


@wrong("discounted_returns", "from-the-front")
def _(rewards, gamma):
    out = [rewards[0]]
    for r in rewards[1:]:
        out.append(r + gamma * out[-1])
    return torch.stack(out)


@wrong("discounted_returns", "discounted-from-the-start")
def _(rewards, gamma):
    T = len(rewards)
    weights = torch.tensor([float(gamma) ** t for t in range(T)])[:, None]
    weighted = rewards * weights
    return torch.stack([weighted[t:].sum(0) for t in range(T)])


# score_function_loss


@wrong("score_function_loss", "centred-weights")
def _(log_prob, weight):
    w = (weight - weight.mean()).detach()
    return -(w * log_prob).mean()


@wrong("score_function_loss", "normalised-with-n-minus-1")
def _(log_prob, weight):
    w = weight.detach()
    w = (w - w.mean()) / (w.std() + 1e-8)
    return -(w * log_prob).mean()


@wrong("score_function_loss", "divided-by-the-weights")
def _(log_prob, weight):
    w = weight.detach()
    return -(w * log_prob).sum() / w.sum()


@wrong("score_function_loss", "cuts-the-gradient")
def _(log_prob, weight):
    return -(weight * log_prob).mean().item()


@wrong("score_function_loss", "cuts-the-gradient")
def _(log_prob, weight):
    return torch.tensor(-np.mean(weight.detach().numpy() * log_prob.detach().numpy()))


@wrong("score_function_loss", "weight-with-gradient")
def _(log_prob, weight):
    return torch.mean(-log_prob * weight)


@wrong("score_function_loss", "sum-instead-of-mean")
def _(log_prob, weight):
    loss = 0
    for lp, w in zip(log_prob, weight, strict=True):
        loss -= w.detach() * lp
    return loss


@wrong("score_function_loss", "log-twice")
def _(log_prob, weight):
    return -(torch.log(log_prob) * weight.detach()).mean()


# optimal_baseline


@wrong("optimal_baseline", "added-to-the-denominator")
def _(score_sq, returns):
    return (score_sq * returns).mean() / (score_sq.mean() + 1e-8)


@wrong("optimal_baseline", "zero-where-all-are-zero")
def _(score_sq, returns):
    if score_sq.sum() == 0:
        return torch.tensor(0.0)
    return (score_sq * returns).sum() / score_sq.sum()


@wrong("optimal_baseline", "mean-over-sum")
def _(score_sq, returns):
    return torch.mean(score_sq * returns) / torch.sum(score_sq) if score_sq.any() else returns.mean()


@wrong("optimal_baseline", "mean-where-one-is-zero")
def _(score_sq, returns):
    if (score_sq == 0).any():
        return returns.mean()
    return (score_sq * returns).mean() / score_sq.mean()


@wrong("optimal_baseline", "zero-by-zero")
def _(score_sq, returns):
    return torch.dot(score_sq, returns) / score_sq.sum()


@wrong("optimal_baseline", "no-mean")
def _(score_sq, returns):
    return score_sq * returns / score_sq.mean()


@wrong("optimal_baseline", "squared-twice")
def _(score_sq, returns):
    w = score_sq**2
    return (w * returns).sum() / w.sum() if w.sum() > 0 else returns.mean()


@wrong("optimal_baseline", "no-denominator")
def _(score_sq, returns):
    if torch.all(score_sq == 0):
        return returns.mean()
    return torch.mean(score_sq * returns)
