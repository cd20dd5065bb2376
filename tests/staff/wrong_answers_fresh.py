"""Forty more wrong answers to problem sets 3 and 4, as wrong_answers_ps3.py; written before any was asked about.

When they were asked for the first time, 27 were named rightly, 12 not, and one as its neighbour (one-bar-for-both as
bars-ignored). The bank has learned from them since.
"""

# ruff: noqa: F811, E741

import numpy as np
import torch
import torch.nn.functional as F
from corpus import corpus
from torch.distributions import Categorical

WRONG, wrong = corpus()


# elite_mask


@wrong("elite_mask", "always-rounded-down")
def _(scores, fraction):
    n = len(scores) * fraction // 1
    order = torch.argsort(scores, descending=True, stable=True)
    mask = torch.zeros(len(scores), dtype=torch.bool)
    for i in order[: int(n)]:
        mask[i] = True
    return mask


@wrong("elite_mask", "later-ones-first")
def _(scores, fraction):
    pairs = sorted((float(s), i) for i, s in enumerate(scores))[::-1]
    keep = {i for _, i in pairs[: round(fraction * len(scores))]}
    return [i in keep for i in range(len(scores))]


@wrong("elite_mask", "threshold-between")
def _(scores, fraction):
    cut = scores.min() + (1 - fraction) * (scores.max() - scores.min())
    return scores >= cut


@wrong("elite_mask", "places-not-a-mask")
def _(scores, fraction):
    return torch.topk(scores, round(fraction * len(scores))).indices


# cem_refit


@wrong("cem_refit", "variance")
def _(samples, scores, n_elite, min_std):
    idx = np.argsort(-scores.numpy(), kind="stable")[:n_elite]
    best = samples.numpy()[idx]
    return best.mean(0), np.maximum(best.var(0), min_std)


@wrong("cem_refit", "along-the-parameters")
def _(samples, scores, n_elite, min_std):
    best = samples[torch.argsort(scores, descending=True, stable=True)][:n_elite]
    mu = best.mean(dim=-1)
    sigma = torch.sqrt(((best - mu[:, None]) ** 2).mean(dim=-1))
    return mu, sigma.clamp(min=min_std)


@wrong("cem_refit", "weighted-by-the-scores")
def _(samples, scores, n_elite, min_std):
    idx = torch.argsort(scores, descending=True, stable=True)[:n_elite]
    w = torch.softmax(scores[idx], dim=0)[:, None]
    mu = (w * samples[idx]).sum(0)
    sigma = ((w * (samples[idx] - mu) ** 2).sum(0)).sqrt()
    return mu, sigma.clamp(min=min_std)


# finite_difference_gradient


@wrong("finite_difference_gradient", "downhill")
def _(f, theta, eps):
    g = torch.zeros_like(theta)
    for i in range(len(theta)):
        lo, hi = theta.clone(), theta.clone()
        lo[i] = lo[i] - eps
        hi[i] = hi[i] + eps
        g[i] = (f(lo) - f(hi)) / (hi[i] - lo[i])
    return g


@wrong("finite_difference_gradient", "divided-by-eps-squared")
def _(f, theta, eps):
    out = []
    for i in range(len(theta)):
        d = torch.zeros(len(theta), dtype=theta.dtype)
        d[i] = eps
        out.append((f(theta + d) - f(theta - d)) / (2 * eps**2))
    return torch.stack(out)


@wrong("finite_difference_gradient", "moved-and-left-there")
def _(f, theta, eps):
    g = torch.zeros_like(theta)
    p = theta.clone()
    for i in range(len(theta)):
        p[i] += eps
        a = f(p).item()
        p[i] -= eps * 2
        b = f(p).item()
        g[i] = (a - b) / (eps * 2)
    return g


@wrong("finite_difference_gradient", "steps-of-theta")
def _(f, theta, eps):
    g = torch.zeros_like(theta)
    for i in range(len(theta)):
        up, down = theta.clone(), theta.clone()
        up[i] *= 1 + eps
        down[i] *= 1 - eps
        g[i] = (f(up) - f(down)) / (2 * eps)
    return g


# discounted_returns


@wrong("discounted_returns", "discounts-the-reward")
def _(rewards, gamma):
    G = torch.zeros_like(rewards)
    R = 0
    for t in reversed(range(len(rewards))):
        R = gamma * (rewards[t] + R)
        G[t] = R
    return G


@wrong("discounted_returns", "one-return-for-the-episode")
def _(rewards, gamma):
    T, B = rewards.shape
    total = torch.zeros(B)
    for t in range(T):
        total += gamma**t * rewards[t]
    return total.repeat(T, 1)


@wrong("discounted_returns", "normalised-by-episode")
def _(rewards, gamma):
    G = rewards.clone()
    for t in range(len(G) - 2, -1, -1):
        G[t] += gamma * G[t + 1]
    return (G - G.mean(dim=0)) / (G.std(dim=0) + 1e-8)


@wrong("discounted_returns", "discounted-to-the-end")
def _(rewards, gamma):
    T = len(rewards)
    discounts = gamma ** torch.arange(T - 1, -1, -1.0)
    return (rewards * discounts[:, None]).flip(0).cumsum(0).flip(0)


# score_function_loss


@wrong("score_function_loss", "probabilities")
def _(log_prob, weight):
    return -torch.mean(torch.exp(log_prob) * weight.detach())


@wrong("score_function_loss", "wrong-sign")
def _(log_prob, weight):
    return (log_prob * weight.data).sum() / len(log_prob)


@wrong("score_function_loss", "product-of-sums")
def _(log_prob, weight):
    return -(log_prob.sum() * weight.detach().sum()) / len(log_prob)


# optimal_baseline


@wrong("optimal_baseline", "scores-not-squared")
def _(score_sq, returns):
    s = torch.sqrt(score_sq)
    return torch.where(s.sum() > 0, (s * returns).sum() / s.sum().clamp(min=1e-12), returns.mean())


@wrong("optimal_baseline", "divided-by-the-returns")
def _(score_sq, returns):
    if score_sq.sum() == 0:
        return returns.mean()
    return torch.sum(score_sq * returns) / torch.sum(returns)


# lambda_returns


@wrong("lambda_returns", "looks-across-endings-to-the-last")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    G = next_values[-1]
    out = []
    for t in reversed(range(len(rewards))):
        v = next_values[t] * (1 - terminated[t].float())
        G = rewards[t] + gamma * ((1 - lam) * v + lam * G)
        out.insert(0, G)
    return torch.stack(out)


@wrong("lambda_returns", "weights-above-one-to-the-end")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    G = torch.zeros_like(rewards)
    last = next_values[-1]
    for t in reversed(range(len(rewards))):
        v = torch.where(terminated[t], 0.0, next_values[t])
        last = rewards[t] + gamma * torch.where(terminated[t] | truncated[t], v, v + lam * last)
        G[t] = last
    return G


@wrong("lambda_returns", "truncation-has-no-future")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    T, B = rewards.shape
    G = torch.zeros(T, B)
    for b in range(B):
        nxt = next_values[T - 1, b]
        for t in range(T - 1, -1, -1):
            if terminated[t, b] or truncated[t, b]:
                nxt = rewards[t, b]
            else:
                nxt = rewards[t, b] + gamma * ((1 - lam) * next_values[t, b] + lam * nxt)
            G[t, b] = nxt
    return G


@wrong("lambda_returns", "one-environments-flag-for-all")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    G, last = torch.zeros_like(rewards), next_values[-1]
    for t in reversed(range(len(rewards))):
        if terminated[t].any():
            last = rewards[t]
        elif truncated[t].any() or t == len(rewards) - 1:
            last = rewards[t] + gamma * next_values[t]
        else:
            last = rewards[t] + gamma * ((1 - lam) * next_values[t] + lam * last)
        G[t] = last
    return G


@wrong("lambda_returns", "reward-masked")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    G, last = torch.zeros_like(rewards), next_values[-1]
    for t in reversed(range(len(rewards))):
        ahead = torch.where(truncated[t], next_values[t], (1 - lam) * next_values[t] + lam * last)
        last = (rewards[t] + gamma * ahead) * ~terminated[t]
        G[t] = last
    return G


# gae


@wrong("gae", "no-terminal-mask")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    done = torch.logical_or(terminated, truncated).float()
    A = torch.zeros_like(rewards)
    last = torch.zeros(rewards.shape[1])
    for t in range(len(rewards) - 1, -1, -1):
        delta = rewards[t] + gamma * next_values[t] - values[t]
        A[t] = last = delta + gamma * lam * (1 - done[t]) * last
    return A


@wrong("gae", "truncation-has-no-future")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    adv = np.zeros(tuple(rewards.shape), dtype=np.float32)
    r, v, nv = rewards.numpy(), values.numpy(), next_values.numpy()
    live = 1.0 - (terminated | truncated).numpy()
    gae = 0
    for t in range(len(r))[::-1]:
        gae = r[t] + gamma * nv[t] * live[t] - v[t] + gamma * lam * live[t] * gae
        adv[t] = gae
    return adv


@wrong("gae", "gamma-twice")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    delta = rewards + gamma * next_values * ~terminated - values
    A = delta.clone()
    for t in range(len(A) - 2, -1, -1):
        A[t] = delta[t] + gamma * (gamma * lam) * ~(terminated[t] | truncated[t]) * A[t + 1]
    return A


@wrong("gae", "no-lambda")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    T = len(rewards)
    G = torch.zeros_like(rewards)
    for t in reversed(range(T)):
        follows = next_values[t] if t == T - 1 else torch.where(truncated[t], next_values[t], G[t + 1])
        G[t] = rewards[t] + gamma * torch.where(terminated[t], 0.0, follows)
    return G - values


@wrong("gae", "error-masked")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    A, last = torch.zeros_like(rewards), 0.0
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + gamma * next_values[t] * ~terminated[t] - values[t]
        last = (delta + gamma * lam * last) * ~(terminated[t] | truncated[t])
        A[t] = last
    return A


# entropy


@wrong("entropy", "negative")
def _(logits):
    p = F.softmax(logits, dim=-1)
    return (p * F.log_softmax(logits, dim=-1)).sum(-1)


@wrong("entropy", "one-number-for-all")
def _(logits):
    return Categorical(logits=logits).entropy().mean()


@wrong("entropy", "mean-over-the-actions")
def _(logits):
    p = F.softmax(logits, dim=-1)
    return torch.mean(-p * F.log_softmax(logits, dim=-1), dim=-1)


# a2c_loss


@wrong("a2c_loss", "entropy-is-a-penalty")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    actor = -(log_prob * advantage.detach()).mean()
    critic = F.mse_loss(value, value_target.detach())
    return actor + value_coef * critic + entropy_coef * entropy.mean()


@wrong("a2c_loss", "no-gradient-to-the-value")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    actor = -(log_prob * advantage.detach()).mean()
    critic = ((value_target.detach() - value.detach()) ** 2).mean()
    return actor + value_coef * critic - entropy_coef * entropy.mean()


@wrong("a2c_loss", "three-losses")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    actor = -(log_prob * advantage.detach()).mean()
    critic = F.mse_loss(value, value_target.detach())
    return actor, value_coef * critic, -entropy_coef * entropy.mean()


@wrong("a2c_loss", "one-loss-for-each")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    error = (value_target.detach() - value) ** 2
    return -log_prob * advantage.detach() + value_coef * error - entropy_coef * entropy


# vtrace


def ahead_of(vs, V, ends):
    return torch.where(ends, V, torch.cat([vs[1:], V[-1:]]))


@wrong("vtrace", "rho-in-the-trace")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    rho = torch.clamp(ratios, max=rho_bar)
    V = torch.where(terminated, 0.0, next_values)
    ends = terminated | truncated
    acc, out = torch.zeros(rewards.shape[1]), torch.zeros_like(rewards)
    for t in reversed(range(len(rewards))):
        acc = rho[t] * (rewards[t] + gamma * V[t] - values[t]) + gamma * rho[t] * acc * ~ends[t]
        out[t] = acc
    vs = values + out
    return vs, rho * (rewards + gamma * ahead_of(vs, V, ends) - values)


@wrong("vtrace", "advantage-without-rho")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    rho, c = torch.clamp(ratios, max=rho_bar), torch.clamp(ratios, max=c_bar)
    V = torch.where(terminated, 0.0, next_values)
    ends = terminated | truncated
    vs = torch.zeros_like(rewards)
    for t in reversed(range(len(rewards))):
        vs[t] = values[t] + rho[t] * (rewards[t] + gamma * V[t] - values[t])
        if t < len(rewards) - 1:
            vs[t] += torch.where(ends[t], 0.0, gamma * c[t] * (vs[t + 1] - V[t]))
    return vs, rewards + gamma * ahead_of(vs, V, ends) - values


@wrong("vtrace", "one-bar-for-both")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    rho = torch.clamp(ratios, max=min(rho_bar, c_bar))
    V = torch.where(terminated, 0.0, next_values)
    ends = terminated | truncated
    acc, out = torch.zeros(rewards.shape[1]), torch.zeros_like(rewards)
    for t in reversed(range(len(rewards))):
        acc = rho[t] * (rewards[t] + gamma * V[t] - values[t]) + gamma * rho[t] * acc * ~ends[t]
        out[t] = acc
    vs = values + out
    return vs, rho * (rewards + gamma * ahead_of(vs, V, ends) - values)
