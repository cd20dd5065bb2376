"""Plausible wrong answers to problem set 4, as people really write them; as wrong_answers_ps3.py."""

# ruff: noqa: F811, E741

import numpy as np
import torch
import torch.nn.functional as F
from corpus import corpus
from torch.distributions import Categorical

WRONG, wrong = corpus()


# lambda_returns


@wrong("lambda_returns", "truncation-has-no-future")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    not_done = 1 - (terminated | truncated).float()
    G = torch.zeros_like(rewards)
    last = next_values[-1]
    for t in reversed(range(len(rewards))):
        last = rewards[t] + gamma * not_done[t] * ((1 - lam) * next_values[t] + lam * last)
        G[t] = last
    return G


@wrong("lambda_returns", "looks-across-a-truncation")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    T, B = rewards.shape
    alive = 1 - terminated.float()
    G = torch.zeros(T, B)
    nxt = next_values[T - 1]
    for t in range(T - 1, -1, -1):
        G[t] = rewards[t] + gamma * alive[t] * ((1 - lam) * next_values[t] + lam * nxt)
        nxt = G[t]
    return G


@wrong("lambda_returns", "no-terminal-mask")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    T, B = rewards.shape
    G = np.zeros((T, B))
    for b in range(B):
        for t in range(T - 1, -1, -1):
            v = float(next_values[t, b])
            if t == T - 1 or terminated[t, b] or truncated[t, b]:
                G[t, b] = float(rewards[t, b]) + gamma * v
            else:
                G[t, b] = float(rewards[t, b]) + gamma * ((1 - lam) * v + lam * G[t + 1, b])
    return G


@wrong("lambda_returns", "nothing-after-the-rollout")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    V = torch.where(terminated, torch.zeros_like(next_values), next_values)
    ends = terminated | truncated
    G = torch.zeros(len(rewards) + 1, rewards.shape[1])
    for t in reversed(range(len(rewards))):
        mix = torch.where(ends[t], V[t], (1 - lam) * V[t] + lam * G[t + 1])
        G[t] = rewards[t] + gamma * mix
    return G[:-1]


@wrong("lambda_returns", "truncated-counts-where-both")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    T, B = rewards.shape
    G = torch.zeros(T, B)
    for b in range(B):
        for t in reversed(range(T)):
            if truncated[t, b] or (t == T - 1 and not terminated[t, b]):
                G[t, b] = rewards[t, b] + gamma * next_values[t, b]
            elif terminated[t, b]:
                G[t, b] = rewards[t, b]
            else:
                G[t, b] = rewards[t, b] + gamma * ((1 - lam) * next_values[t, b] + lam * G[t + 1, b])
    return G


@wrong("lambda_returns", "not-turned-round")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    V = next_values.masked_fill(terminated, 0)
    G, out = V[-1], []
    for t in range(len(rewards) - 1, -1, -1):
        blend = (1 - lam) * V[t] + lam * G
        G = rewards[t] + gamma * torch.where(terminated[t] | truncated[t], V[t], blend)
        out.append(G)
    return torch.stack(out)


@wrong("lambda_returns", "gamma-twice")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    V = next_values.masked_fill(terminated, 0)
    end = terminated | truncated
    G = torch.zeros_like(rewards)
    G[-1] = rewards[-1] + gamma * V[-1]
    for t in range(len(rewards) - 2, -1, -1):
        boot = torch.where(end[t], V[t], (1 - lam) * V[t])
        G[t] = rewards[t] + gamma * boot + gamma * lam * gamma * G[t + 1] * ~end[t]
    return G


@wrong("lambda_returns", "no-discount")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    V = next_values.masked_fill(terminated, 0)
    nxt, G = V[-1], torch.zeros_like(rewards)
    for t in reversed(range(len(rewards))):
        nxt = rewards[t] + torch.where(terminated[t] | truncated[t], V[t], (1 - lam) * V[t] + lam * nxt)
        G[t] = nxt
    return G


@wrong("lambda_returns", "weights-swapped")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    V = next_values.masked_fill(terminated, 0)
    nxt, G = V[-1], torch.zeros_like(rewards)
    for t in reversed(range(len(rewards))):
        nxt = rewards[t] + gamma * torch.where(terminated[t] | truncated[t], V[t], torch.lerp(nxt, V[t], lam))
        G[t] = nxt
    return G


@wrong("lambda_returns", "no-last-row")
def _(rewards, next_values, terminated, truncated, gamma, lam):
    V = next_values.masked_fill(terminated, 0)
    G = torch.zeros_like(rewards)
    for t in range(len(rewards) - 2, -1, -1):
        blend = (1 - lam) * V[t] + lam * G[t + 1]
        G[t] = rewards[t] + gamma * torch.where(terminated[t] | truncated[t], V[t], blend)
    return G


# gae


@wrong("gae", "truncation-has-no-future")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    done = (terminated | truncated).float()
    adv = torch.zeros_like(rewards)
    last = 0
    for t in reversed(range(len(rewards))):
        delta = rewards[t] + gamma * next_values[t] * (1 - done[t]) - values[t]
        last = delta + gamma * lam * (1 - done[t]) * last
        adv[t] = last
    return adv


@wrong("gae", "trace-runs-across-a-truncation")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    mask = 1.0 - terminated.float()
    deltas = rewards + gamma * next_values * mask - values
    adv, running = torch.zeros_like(deltas), torch.zeros(deltas.shape[1])
    for t in range(deltas.shape[0] - 1, -1, -1):
        running = deltas[t] + gamma * lam * mask[t] * running
        adv[t] = running
    return adv


@wrong("gae", "trace-runs-across-endings")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    delta = rewards + gamma * next_values * ~terminated - values
    A = delta.clone()
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * lam * A[t + 1]
    return A


@wrong("gae", "the-next-episodes-value")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    T = len(rewards)
    adv, last = torch.zeros_like(rewards), 0.0
    for t in reversed(range(T)):
        v_next = values[t + 1] if t + 1 < T else next_values[t]
        delta = rewards[t] + gamma * v_next * (~terminated[t]) - values[t]
        last = delta + gamma * lam * ~(terminated[t] | truncated[t]) * last
        adv[t] = last
    return adv


@wrong("gae", "returns-not-advantages")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    delta = rewards + gamma * next_values * ~terminated - values
    A = delta.clone()
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * lam * A[t + 1] * ~(terminated[t] | truncated[t])
    return A + values


@wrong("gae", "normalised")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    delta = rewards + gamma * next_values * ~terminated - values
    A = delta.clone()
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * lam * A[t + 1] * ~(terminated[t] | truncated[t])
    return (A - A.mean()) / (A.std() + 1e-8)


@wrong("gae", "no-gamma-in-the-trace")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    delta = rewards + gamma * next_values * ~terminated - values
    A = delta.clone()
    for t in range(len(A) - 2, -1, -1):
        A[t] += lam * A[t + 1] * ~(terminated[t] | truncated[t])
    return A


@wrong("gae", "value-not-subtracted")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    delta = rewards + gamma * next_values * ~terminated
    A = delta.clone()
    for t in range(len(A) - 2, -1, -1):
        A[t] += gamma * lam * A[t + 1] * ~(terminated[t] | truncated[t])
    return A


@wrong("gae", "starts-from-a-value")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    delta = rewards + gamma * torch.where(terminated, 0.0, next_values) - values
    following, A = next_values[-1], torch.zeros_like(rewards)
    for t in reversed(range(len(rewards))):
        following = delta[t] + gamma * lam * torch.where(terminated[t] | truncated[t], 0.0, following)
        A[t] = following
    return A


@wrong("gae", "no-gamma-in-the-error")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    delta = rewards + torch.where(terminated, 0.0, next_values) - values
    following, A = torch.zeros(rewards.shape[1]), torch.zeros_like(rewards)
    for t in reversed(range(len(rewards))):
        following = delta[t] + gamma * lam * torch.where(terminated[t] | truncated[t], 0.0, following)
        A[t] = following
    return A


@wrong("gae", "flags-a-step-late")
def _(rewards, values, next_values, terminated, truncated, gamma, lam):
    T = len(rewards)
    A, last = torch.zeros_like(rewards), 0.0
    for t in reversed(range(T)):
        if t == T - 1:
            d, e = torch.tensor(False), torch.tensor(False)
        else:
            d, e = terminated[t + 1], terminated[t + 1] | truncated[t + 1]
        delta = rewards[t] + gamma * next_values[t] * ~d - values[t]
        last = delta + gamma * lam * last * ~e
        A[t] = last
    return A


# entropy


@wrong("entropy", "not-weighted")
def _(logits):
    return -torch.log_softmax(logits, dim=-1).sum(dim=-1)


@wrong("entropy", "softmax-twice")
def _(logits):
    p = torch.softmax(logits, dim=-1)
    return Categorical(logits=p).entropy()


@wrong("entropy", "summed-over-the-states")
def _(logits):
    log_p = F.log_softmax(logits, dim=1)
    return -(log_p.exp() * log_p).sum(dim=0)


@wrong("entropy", "divided-by-log-A")
def _(logits):
    H = Categorical(logits=logits).entropy()
    return H / np.log(logits.shape[-1])


@wrong("entropy", "exp-overflows")
def _(logits):
    z = torch.exp(logits)
    p = z / z.sum(dim=1, keepdim=True)
    return -(p * torch.log(p + 1e-10)).sum(dim=1)


@wrong("entropy", "logits-taken-for-probabilities")
def _(logits):
    return -(logits * torch.log(logits)).sum(-1)


@wrong("entropy", "in-bits")
def _(logits):
    p = F.softmax(logits, dim=-1)
    return -torch.sum(p * torch.log2(p.clamp(min=1e-30)), dim=-1)


@wrong("entropy", "softmax-over-the-states")
def _(logits):
    p = torch.nn.Softmax(dim=0)(logits)
    return torch.special.entr(p).sum(1)


# a2c_loss


@wrong("a2c_loss", "huber")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy = -(log_prob * advantage.detach()).mean()
    return policy + value_coef * F.smooth_l1_loss(value, value_target.detach()) - entropy_coef * entropy.mean()


@wrong("a2c_loss", "value-error-halved")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy = -(log_prob * advantage.detach()).mean()
    critic = 0.5 * (value_target.detach() - value).pow(2).mean()
    return policy + value_coef * critic - entropy_coef * entropy.mean()


@wrong("a2c_loss", "advantage-squared")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy = -(log_prob * advantage.detach()).mean()
    return policy + value_coef * advantage.pow(2).mean() - entropy_coef * entropy.mean()


@wrong("a2c_loss", "normalised-advantage")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    A = advantage.detach()
    A = (A - A.mean()) / (A.std() + 1e-8)
    value_loss = F.mse_loss(value, value_target.detach())
    return -(log_prob * A).mean() + value_coef * value_loss - entropy_coef * entropy.mean()


@wrong("a2c_loss", "product-of-means")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    value_loss = F.mse_loss(value, value_target.detach())
    return -log_prob.mean() * advantage.detach().mean() + value_coef * value_loss - entropy_coef * entropy.mean()


@wrong("a2c_loss", "gradient-through-the-advantage", "gradient-through-both")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    value_loss = F.mse_loss(value, value_target)
    return -(log_prob * advantage).mean() + value_coef * value_loss - entropy_coef * entropy.mean()


@wrong("a2c_loss", "error-not-squared")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    value_loss = (value - value_target.detach()).abs().mean()
    return -(log_prob * advantage.detach()).mean() + value_coef * value_loss - entropy_coef * entropy.mean()


@wrong("a2c_loss", "sums-instead-of-means")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    value_loss = F.mse_loss(value, value_target.detach(), reduction="sum")
    return -(log_prob * advantage.detach()).sum() + value_coef * value_loss - entropy_coef * entropy.sum()


@wrong("a2c_loss", "no-entropy")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    return -(log_prob * advantage.detach()).mean() + value_coef * F.mse_loss(value, value_target.detach())


@wrong("a2c_loss", "entropy-without-its-coefficient")
def _(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    policy = -(log_prob * advantage.detach() + entropy).mean()
    return policy + value_coef * F.mse_loss(value, value_target.detach())


# vtrace


def parts(rewards, values, next_values, terminated, ratios, gamma, rho_bar, c_bar):
    rho, c = torch.clamp(ratios, max=rho_bar), torch.clamp(ratios, max=c_bar)
    V_next = torch.where(terminated, 0.0, next_values)
    return rho, c, V_next, rho * (rewards + gamma * V_next - values)


def backwards(deltas, weights):
    out, acc = torch.zeros_like(deltas), torch.zeros(deltas.shape[1])
    for t in reversed(range(len(deltas))):
        acc = deltas[t] + weights[t] * acc
        out[t] = acc
    return out


@wrong("vtrace", "no-c-in-the-trace")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    rho, c, V_next, delta = parts(rewards, values, next_values, terminated, ratios, gamma, rho_bar, c_bar)
    end = terminated | truncated
    vs = values + backwards(delta, gamma * ~end)
    ahead = torch.where(end, V_next, torch.cat([vs[1:], V_next[-1:]]))
    return vs, rho * (rewards + gamma * ahead - values)


@wrong("vtrace", "no-gamma-in-the-trace")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    rho, c, V_next, delta = parts(rewards, values, next_values, terminated, ratios, gamma, rho_bar, c_bar)
    end = terminated | truncated
    vs = values + backwards(delta, c * ~end)
    ahead = torch.where(end, V_next, torch.cat([vs[1:], V_next[-1:]]))
    return vs, rho * (rewards + gamma * ahead - values)


@wrong("vtrace", "correction-not-target")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    rho, c, V_next, delta = parts(rewards, values, next_values, terminated, ratios, gamma, rho_bar, c_bar)
    end = terminated | truncated
    correction = backwards(delta, gamma * c * ~end)
    ahead = torch.where(end, V_next, torch.cat([(values + correction)[1:], V_next[-1:]]))
    return correction, rho * (rewards + gamma * ahead - values)


@wrong("vtrace", "advantages-first")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    rho, c, V_next, delta = parts(rewards, values, next_values, terminated, ratios, gamma, rho_bar, c_bar)
    end = terminated | truncated
    vs = values + backwards(delta, gamma * c * ~end)
    ahead = torch.where(end, V_next, torch.cat([vs[1:], V_next[-1:]]))
    return rho * (rewards + gamma * ahead - values), vs


@wrong("vtrace", "bars-ignored")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    rho, c, V_next, delta = parts(rewards, values, next_values, terminated, ratios, gamma, 1.0, 1.0)
    end = terminated | truncated
    vs = values + backwards(delta, gamma * c * ~end)
    ahead = torch.where(end, V_next, torch.cat([vs[1:], V_next[-1:]]))
    return vs, rho * (rewards + gamma * ahead - values)


@wrong("vtrace", "difference-as-advantage")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    rho, c, V_next, delta = parts(rewards, values, next_values, terminated, ratios, gamma, rho_bar, c_bar)
    vs = values + backwards(delta, gamma * c * ~(terminated | truncated))
    return vs, vs - values


@wrong("vtrace", "never-clipped")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    V_next = torch.where(terminated, 0.0, next_values)
    end = terminated | truncated
    vs = values + backwards(ratios * (rewards + gamma * V_next - values), gamma * ratios * ~end)
    ahead = torch.where(end, V_next, torch.cat([vs[1:], V_next[-1:]]))
    return vs, ratios * (rewards + gamma * ahead - values)


@wrong("vtrace", "ratios-below-the-bars-raised")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    rho, c = torch.clamp(ratios, min=rho_bar), torch.clamp(ratios, min=c_bar)
    V_next = torch.where(terminated, 0.0, next_values)
    end = terminated | truncated
    vs = values + backwards(rho * (rewards + gamma * V_next - values), gamma * c * ~end)
    ahead = torch.where(end, V_next, torch.cat([vs[1:], V_next[-1:]]))
    return vs, rho * (rewards + gamma * ahead - values)


@wrong("vtrace", "nothing-after-the-rollout")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    rho, c, V_next, delta = parts(rewards, values, next_values, terminated, ratios, gamma, rho_bar, c_bar)
    end = terminated | truncated
    vs = values + backwards(delta, gamma * c * ~end)
    ahead = torch.where(end, V_next, torch.cat([vs[1:], torch.zeros_like(vs[:1])]))
    return vs, rho * (rewards + gamma * ahead - values)


@wrong("vtrace", "rho-on-the-reward-alone")
def _(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    rho, c, V_next, _ = parts(rewards, values, next_values, terminated, ratios, gamma, rho_bar, c_bar)
    delta = rho * (rewards + gamma * V_next) - values
    end = terminated | truncated
    vs = values + backwards(delta, gamma * c * ~end)
    ahead = torch.where(end, V_next, torch.cat([vs[1:], V_next[-1:]]))
    return vs, rho * (rewards + gamma * ahead) - values
