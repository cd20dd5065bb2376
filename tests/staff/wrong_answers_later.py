"""Twenty-four more wrong answers to problem sets 3 and 4, as wrong_answers_fresh.py, written when the bank knew those.

When they were asked for the first time, 21 were named rightly and three not.
"""

# ruff: noqa: F811, E741

import numpy as np
import torch
import torch.nn.functional as F
from corpus import corpus

WRONG, wrong = corpus()


@wrong("elite_mask", "the-rest")
def _(scores, fraction):
    out = torch.ones(len(scores), dtype=torch.bool)
    out[torch.argsort(-scores, stable=True)[: round(fraction * len(scores))]] = False
    return out


@wrong("elite_mask", "one-too-many")
def _(scores, fraction):
    k = round(fraction * len(scores))
    return torch.argsort(torch.argsort(scores, descending=True, stable=True)) <= k


@wrong("elite_mask", "the-worst")
def _(scores, fraction):
    k = round(fraction * len(scores))
    worst = np.argsort(scores.numpy(), kind="stable")[:k]
    return [i in worst for i in range(len(scores))]


@wrong("cem_refit", "min-std-added")
def _(samples, scores, n_elite, min_std):
    _, idx = scores.sort(descending=True, stable=True)
    e = samples[idx[:n_elite]].numpy()
    return np.mean(e, axis=0), np.std(e, axis=0) + min_std


@wrong("cem_refit", "the-worst")
def _(samples, scores, n_elite, min_std):
    best = sorted(zip(scores.tolist(), samples.tolist(), strict=True), key=lambda p: p[0])[:n_elite]
    e = torch.tensor([x for _, x in best])
    return e.mean(0), e.std(0, unbiased=False).clamp(min=min_std)


@wrong("cem_refit", "one-spread-for-all-parameters")
def _(samples, scores, n_elite, min_std):
    e = samples[scores.argsort(descending=True, stable=True)[:n_elite]]
    return e.mean(0), e.std(unbiased=False).clamp(min=min_std).repeat(samples.shape[1])


@wrong("finite_difference_gradient", "one-sided")
def _(f, theta, eps):
    return torch.stack([(f(theta + eps * e) - f(theta)) / eps for e in torch.eye(len(theta), dtype=theta.dtype)])


@wrong("finite_difference_gradient", "not-divided")
def _(f, theta, eps):
    eye = torch.eye(len(theta), dtype=theta.dtype)
    return torch.stack([f(theta + eps * e) - f(theta - eps * e) for e in eye])


@wrong("discounted_returns", "no-discount")
def _(rewards, gamma):
    return torch.stack([rewards[t:].sum(0) for t in range(len(rewards))])


@wrong("discounted_returns", "discounted-from-the-start")
def _(rewards, gamma):
    T = len(rewards)
    G = torch.zeros_like(rewards)
    for t in range(T):
        for k in range(t, T):
            G[t] += gamma**k * rewards[k]
    return G


@wrong("discounted_returns", "no-last-reward")
def _(rewards, gamma):
    T = len(rewards)
    G = torch.zeros_like(rewards)
    for t in range(T):
        for k in range(t, T - 1):
            G[t] += gamma ** (k - t) * rewards[k]
    return G


@wrong("score_function_loss", "one-loss-for-each")
def _(log_prob, weight):
    return -(log_prob * weight.detach())


@wrong("score_function_loss", "weight-cut-from-the-wrong-side", "cuts-the-gradient", "log-prob-detached")
def _(log_prob, weight):
    return -(log_prob.detach() * weight).mean()


@wrong("optimal_baseline", "sum-over-mean")
def _(score_sq, returns):
    if not score_sq.any():
        return returns.mean()
    return (score_sq * returns).sum() / torch.mean(score_sq)


@wrong("optimal_baseline", "mean-return")
def _(score_sq, returns):
    return torch.mean(score_sq) * torch.mean(returns) / torch.mean(score_sq)


@wrong("lambda_returns", "weights-swapped")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    T = len(rewards)
    G = torch.zeros_like(rewards)
    for t in reversed(range(T)):
        v = next_values[t].masked_fill(terminated[t], 0.0)
        if t == T - 1:
            G[t] = rewards[t] + gamma * v
        else:
            mix = lam * v + (1 - lam) * G[t + 1]
            G[t] = rewards[t] + gamma * torch.where(terminated[t] | truncated[t], v, mix)
    return G


@wrong("lambda_returns", "looks-across-a-truncation")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    T = len(rewards)
    G = torch.zeros_like(rewards)
    for t in reversed(range(T)):
        boot = next_values[t] if t == T - 1 else (1 - lam) * next_values[t] + lam * G[t + 1]
        G[t] = rewards[t] + gamma * (~terminated[t]) * boot
    return G


@wrong("gae", "this-state-instead-of-the-next")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    A, last = torch.zeros_like(rewards), 0.0
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + gamma * values[t] * ~terminated[t] - values[t]
        A[t] = last = delta + gamma * lam * ~(terminated[t] | truncated[t]) * last
    return A


@wrong("gae", "lambda-squared")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    A, last = torch.zeros_like(rewards), 0.0
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + gamma * next_values[t] * ~terminated[t] - values[t]
        A[t] = last = delta + gamma * lam**2 * ~(terminated[t] | truncated[t]) * last
    return A


@wrong("gae", "wrong-sign")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    delta = values - (rewards + gamma * torch.where(terminated, 0.0, next_values))
    A = delta.clone()
    for t in range(len(A) - 2, -1, -1):
        A[t] = delta[t] + gamma * lam * torch.where(terminated[t] | truncated[t], 0.0, A[t + 1])
    return A


@wrong("entropy", "not-weighted")
def _(logits):
    return -torch.log(F.softmax(logits, dim=-1)).sum(-1)


@wrong("a2c_loss", "coefficients-swapped")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    critic = F.mse_loss(value, value_target.detach())
    return -(log_prob * advantage.detach()).mean() + entropy_coef * critic - value_coef * entropy.mean()


@wrong("a2c_loss", "no-minus-before-the-policy")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    critic = ((value_target.detach() - value) ** 2).mean()
    return (log_prob * advantage.detach()).mean() + value_coef * critic - entropy_coef * entropy.mean()


@wrong("vtrace", "value-for-target-in-the-advantage")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    rho, c = torch.clamp(ratios, max=rho_bar), torch.clamp(ratios, max=c_bar)
    V = torch.where(terminated, 0.0, next_values)
    delta = rho * (rewards + gamma * V - values)
    acc, vs = torch.zeros(rewards.shape[1]), torch.zeros_like(rewards)
    for t in reversed(range(len(rewards))):
        acc = delta[t] + gamma * c[t] * acc * ~(terminated[t] | truncated[t])
        vs[t] = values[t] + acc
    return vs, delta
