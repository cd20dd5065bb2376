"""Plausible wrong answers to problem set 2, as people really write them; as wrong_answers_ps1.py."""

# ruff: noqa: F811, E741

import numpy as np
import torch
import torch.nn.functional as F
from corpus import corpus

WRONG, wrong = corpus()


# td_target


@wrong("td_target", "no-terminal-mask")
def _(reward, terminated, next_value, gamma):
    return reward + gamma * next_value


@wrong("td_target", "the-end-drops-the-reward")
def _(reward, terminated, next_value, gamma):
    target = reward + gamma * next_value.detach()
    target[terminated] = 0
    return target


@wrong("td_target", "infinity")
def _(reward, terminated, next_value, gamma):
    return (reward + gamma * (1 - terminated.float()) * next_value).detach()


@wrong("td_target", "mask-the-wrong-way-round")
def _(reward, terminated, next_value, gamma):
    return reward + gamma * terminated.float() * next_value.detach()


@wrong("td_target", "gradient-flows")
def _(reward, terminated, next_value, gamma):
    return reward + gamma * torch.where(terminated, torch.zeros_like(next_value), next_value)


# q_target


@wrong("q_target", "no-discount")
def _(reward, terminated, next_q, gamma):
    return reward + (~terminated) * next_q.max(1).values


@wrong("q_target", "mask-the-wrong-way-round")
def _(reward, terminated, next_q, gamma):
    return torch.where(terminated, reward + gamma * next_q.max(1)[0], reward)


@wrong("q_target", "discounts-the-reward")
def _(reward, terminated, next_q, gamma):
    best = next_q.max(1)[0].masked_fill(terminated, 0)
    return gamma * (reward + best)


@wrong("q_target", "index-instead-of-value")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * next_q.max(dim=1).indices * (1 - terminated.float())


@wrong("q_target", "returns-a-column")
def _(reward, terminated, next_q, gamma):
    best = next_q.max(1, keepdim=True)[0].masked_fill(terminated[:, None], 0)
    g = gamma[:, None] if torch.is_tensor(gamma) else gamma
    return reward.unsqueeze(1) + g * best


@wrong("q_target", "one-maximum-for-the-batch")
def _(reward, terminated, next_q, gamma):
    return torch.stack(
        [r if d else r + g * next_q.max() for r, d, g in zip(reward, terminated, gamma + 0 * reward, strict=True)]
    )


@wrong("q_target")
def _(reward, terminated, next_q, gamma):
    return reward + gamma * (1 - terminated) * next_q.max(1)[0]


# double_q_target


@wrong("double_q_target", "networks-swapped")
def _(reward, terminated, next_q, next_q_online, gamma):
    a = next_q.argmax(1, keepdim=True)
    q = next_q_online.gather(1, a).squeeze(1)
    return reward + gamma * q * (1 - terminated.float())


@wrong("double_q_target", "broadcasts-to-a-square")
def _(reward, terminated, next_q, next_q_online, gamma):
    a = next_q_online.argmax(1, keepdim=True)
    return reward + gamma * next_q.gather(1, a) * (1 - terminated.float())


@wrong("double_q_target", "every-choice-for-every-row")
def _(reward, terminated, next_q, next_q_online, gamma):
    a = next_q_online.argmax(1)
    return reward + gamma * next_q[:, a] * ~terminated


@wrong("double_q_target", "index-instead-of-value")
def _(reward, terminated, next_q, next_q_online, gamma):
    return reward + gamma * (~terminated) * next_q_online.argmax(1)


@wrong("double_q_target", "the-end-drops-the-reward")
def _(reward, terminated, next_q, next_q_online, gamma):
    best = next_q_online.argmax(1)
    q = next_q[torch.arange(len(best)), best]
    return (reward + gamma * q) * (1 - terminated.float())


@wrong("double_q_target", "minimum-of-both")
def _(reward, terminated, next_q, next_q_online, gamma):
    both = torch.min(next_q.max(1)[0], next_q_online.max(1)[0])
    return torch.where(terminated, reward, reward + gamma * both)


# dueling_q


@wrong("dueling_q", "sum-instead-of-mean")
def _(value, advantage):
    return value + advantage - advantage.sum(dim=1, keepdim=True)


@wrong("dueling_q", "standardised")
def _(value, advantage):
    return value + (advantage - advantage.mean(1, keepdim=True)) / (advantage.std(1, keepdim=True) + 1e-8)


@wrong("dueling_q", "mean-over-the-batch")
def _(value, advantage):
    return value + advantage - torch.mean(advantage)


@wrong("dueling_q", "cuts-the-gradient")
def _(value, advantage):
    with torch.no_grad():
        return value + advantage - advantage.mean(1, keepdim=True)


@wrong("dueling_q", "no-gradient-through-the-mean")
def _(value, advantage):
    return value + advantage - advantage.mean(1, keepdim=True).detach()


# huber_loss


@wrong("huber_loss", "smooth-l1")
def _(td_error, delta=1.0):
    return F.smooth_l1_loss(td_error, torch.zeros_like(td_error), reduction="none", beta=delta)


@wrong("huber_loss", "ignores-delta")
def _(td_error, delta=1.0):
    return F.smooth_l1_loss(td_error, torch.zeros_like(td_error), reduction="none")


@wrong("huber_loss", "clips-the-error")
def _(td_error, delta=1.0):
    return 0.5 * td_error.clamp(-delta, delta) ** 2


@wrong("huber_loss", "pieces-swapped")
def _(td_error, delta=1.0):
    return torch.where(td_error.abs() > delta, 0.5 * td_error**2, delta * (td_error.abs() - 0.5 * delta))


@wrong("huber_loss", "line-without-absolute-value")
def _(td_error, delta=1.0):
    return torch.where(td_error.abs() <= delta, 0.5 * td_error**2, delta * (td_error - 0.5 * delta))


@wrong("huber_loss", "half-delta-not-its-square")
def _(td_error, delta=1.0):
    a = torch.abs(td_error)
    return torch.where(a <= delta, 0.5 * a**2, delta * a - 0.5 * delta)


@wrong("huber_loss", "pseudo-huber")
def _(td_error, delta=1.0):
    return delta**2 * (torch.sqrt(1 + (td_error / delta) ** 2) - 1)


@wrong("huber_loss", "one-number-for-all")
def _(td_error, delta=1.0):
    a = td_error.abs()
    return torch.where(a <= delta, 0.5 * a**2, delta * (a - 0.5 * delta)).mean()


@wrong("huber_loss", "only-positive-errors")
def _(td_error, delta=1.0):
    return torch.where(td_error <= delta, 0.5 * td_error**2, delta * (td_error.abs() - 0.5 * delta))


# priority


@wrong("priority", "alpha-multiplies")
def _(td_error, alpha, eps):
    return alpha * (td_error.abs() + eps)


@wrong("priority", "eps-inside-the-absolute-value")
def _(td_error, alpha, eps):
    return torch.abs(td_error + eps) ** alpha


@wrong("priority", "squared-error")
def _(td_error, alpha, eps):
    return (td_error**2 + eps) ** alpha


@wrong("priority", "clamped-to-eps")
def _(td_error, alpha, eps):
    return td_error.abs().clamp(min=eps) ** alpha


@wrong("priority", "normalised")
def _(td_error, alpha, eps):
    p = torch.pow(td_error.abs() + eps, alpha)
    return p / torch.sum(p)


# importance_weights


@wrong("importance_weights", "divided-by-the-mean")
def _(probabilities, buffer_size, beta):
    w = (buffer_size * probabilities) ** (-beta)
    return w / w.mean()


@wrong("importance_weights", "clipped-at-one")
def _(probabilities, buffer_size, beta):
    return ((buffer_size * probabilities) ** (-beta)).clamp(max=1.0)


@wrong("importance_weights", "beta-multiplies")
def _(probabilities, buffer_size, beta):
    w = beta / (buffer_size * probabilities)
    return w / w.max()


@wrong("importance_weights", "one-minus-beta")
def _(probabilities, buffer_size, beta):
    w = (buffer_size * probabilities) ** -(1 - beta)
    return w / w.max()


# n_step_returns


@wrong("n_step_returns", "looks-across-a-truncation")
def _(rewards, next_values, terminated, truncated, gamma, n):
    T, B = rewards.shape
    G = torch.zeros(T, B)
    for t in range(T):
        for b in range(B):
            for k in range(n):
                G[t, b] += gamma**k * rewards[t + k, b]
                if terminated[t + k, b]:
                    break
                if k == n - 1 or t + k == T - 1:
                    G[t, b] += gamma ** (k + 1) * next_values[t + k, b]
                    break
    return G


@wrong("n_step_returns", "truncation-counts-where-both-are-set")
def _(rewards, next_values, terminated, truncated, gamma, n):
    T, B = rewards.shape
    G = torch.zeros(T, B)
    for t in range(T):
        for b in range(B):
            for k in range(n):
                i = t + k
                G[t, b] += gamma**k * rewards[i, b]
                if truncated[i, b] or i == T - 1 or k == n - 1:
                    if truncated[i, b] or not terminated[i, b]:
                        G[t, b] += gamma ** (k + 1) * next_values[i, b]
                    break
                if terminated[i, b]:
                    break
    return G


@wrong("n_step_returns", "truncation-has-no-future")
def _(rewards, next_values, terminated, truncated, gamma, n):
    T, B = rewards.shape
    done = terminated | truncated
    G = torch.zeros(T, B)
    for t in range(T):
        alive = torch.ones(B)
        for k in range(min(n, T - t)):
            G[t] += gamma**k * alive * rewards[t + k]
            alive = alive * (1 - done[t + k].float())
        last = min(t + n, T) - 1
        G[t] += torch.where(alive > 0, gamma ** (last - t + 1) * next_values[last], torch.zeros(B))
    return G


@wrong("n_step_returns", "value-one-step-late")
def _(rewards, next_values, terminated, truncated, gamma, n):
    T, B = rewards.shape
    G = torch.zeros(T, B)
    for t in range(T):
        for b in range(B):
            for k in range(n):
                i = t + k
                G[t, b] += gamma**k * rewards[i, b]
                if terminated[i, b]:
                    break
                if truncated[i, b] or i == T - 1 or k == n - 1:
                    G[t, b] += gamma ** (k + 1) * next_values[min(i + 1, T - 1), b]
                    break
    return G


@wrong("n_step_returns", "one-gamma-too-few")
def _(rewards, next_values, terminated, truncated, gamma, n):
    T, B = rewards.shape
    G = np.zeros((T, B))
    for t in range(T):
        for b in range(B):
            for k in range(n):
                i = t + k
                G[t, b] += gamma**k * rewards[i, b].item()
                if terminated[i, b]:
                    break
                if truncated[i, b] or i == T - 1 or k == n - 1:
                    G[t, b] += gamma**k * next_values[i, b].item()
                    break
    return G


@wrong("n_step_returns", "never-bootstraps")
def _(rewards, next_values, terminated, truncated, gamma, n):
    T, B = rewards.shape
    G = torch.zeros(T, B)
    for t in range(T):
        for b in range(B):
            for k in range(min(n, T - t)):
                G[t, b] += gamma**k * rewards[t + k, b]
                if terminated[t + k, b] or truncated[t + k, b]:
                    break
    return G


@wrong("n_step_returns", "discounts-the-reward")
def _(rewards, next_values, terminated, truncated, gamma, n):
    T, B = rewards.shape
    G = torch.zeros(T, B)
    for t in range(T):
        for b in range(B):
            for k in range(1, n + 1):
                i = t + k - 1
                G[t, b] += gamma**k * rewards[i, b]
                if terminated[i, b]:
                    break
                if truncated[i, b] or i == T - 1 or k == n:
                    G[t, b] += gamma**k * next_values[i, b]
                    break
    return G


@wrong("n_step_returns", "ignores-n")
def _(rewards, next_values, terminated, truncated, gamma, n):
    T, B = rewards.shape
    G = torch.zeros(T, B)
    after = next_values[-1]
    for t in reversed(range(T)):
        after = torch.where(truncated[t], next_values[t], after)
        after = torch.where(terminated[t], torch.zeros(B), after)
        after = rewards[t] + gamma * after
        G[t] = after
    return G


# categorical_projection


def _place(reward, terminated, gamma, support):
    """Where the atoms land, in atoms."""
    discount = torch.as_tensor(gamma) * ~terminated
    z = reward[:, None] + discount[:, None] * support
    return ((z - support[0]) / (support[1] - support[0])).clamp(0, len(support) - 1)


@wrong("categorical_projection", "assigns-instead-of-adding")
def _(next_probs, reward, terminated, gamma, support):
    b = _place(reward, terminated, gamma, support)
    out = torch.zeros_like(next_probs)
    for i in range(len(out)):
        for j in range(len(support)):
            l = min(int(b[i, j]), len(support) - 2)
            out[i, l] = next_probs[i, j] * (l + 1 - b[i, j])
            out[i, l + 1] = next_probs[i, j] * (b[i, j] - l)
    return out


@wrong("categorical_projection", "loses-what-lands-on-an-atom")
def _(next_probs, reward, terminated, gamma, support):
    b = _place(reward, terminated, gamma, support)
    l, u = b.floor().long(), b.ceil().long()
    out = torch.zeros_like(next_probs)
    for i in range(len(out)):
        out[i].index_add_(0, l[i], next_probs[i] * (u[i].float() - b[i]))
        out[i].index_add_(0, u[i], next_probs[i] * (b[i] - l[i].float()))
    return out


@wrong("categorical_projection", "lower-atom-only")
def _(next_probs, reward, terminated, gamma, support):
    b = _place(reward, terminated, gamma, support)
    return torch.zeros_like(next_probs).scatter_add(1, b.long(), next_probs)


@wrong("categorical_projection", "the-end-drops-the-reward")
def _(next_probs, reward, terminated, gamma, support):
    gamma = torch.as_tensor(gamma) * torch.ones_like(reward)
    z = (reward[:, None] + gamma[:, None] * support) * (1 - terminated.float())[:, None]
    b = ((z - support[0]) / (support[1] - support[0])).clamp(0, len(support) - 1)
    share = (1 - (b[:, None] - torch.arange(len(support))[:, None]).abs()).clamp(min=0)
    return (share * next_probs[:, None]).sum(2)


@wrong("categorical_projection", "spacing-by-the-number-of-atoms")
def _(next_probs, reward, terminated, gamma, support):
    N = len(support)
    dz = (support[-1] - support[0]) / N
    discount = torch.as_tensor(gamma) * ~terminated
    z = (reward[:, None] + discount[:, None] * support).clamp(support[0].item(), support[-1].item())
    b = ((z - support[0]) / dz).clamp(0, N - 1)
    share = (1 - (b[:, None] - torch.arange(N)[:, None]).abs()).clamp(min=0)
    return (share * next_probs[:, None]).sum(2)
