"""Right answers to problem set 3 as different people write them; as right_answers.py."""

STYLES = {
    "loops": """
def discounted_returns(rewards, gamma):
    T, B = rewards.shape
    answer = torch.zeros(T, B)
    for b in range(B):
        total = 0.0
        for t in range(T - 1, -1, -1):
            total = rewards[t, b].item() + gamma * total
            answer[t, b] = total
    return answer


def score_function_loss(log_prob, weight):
    total = 0
    for i in range(len(log_prob)):
        total = total - weight[i].item() * log_prob[i]
    return total / len(log_prob)


def optimal_baseline(score_sq, returns):
    top, bottom = 0.0, 0.0
    for s, g in zip(score_sq, returns):
        top += float(s) * float(g)
        bottom += float(s)
    if bottom == 0:
        return float(sum(returns)) / len(returns)
    return top / bottom


def elite_mask(scores, fraction):
    n = round(fraction * len(scores))
    mask = [False] * len(scores)
    for _ in range(n):
        best = None
        for i in range(len(scores)):
            if not mask[i] and (best is None or scores[i] > scores[best]):
                best = i
        mask[best] = True
    return mask


def cem_refit(samples, scores, n_elite, min_std):
    order = sorted(range(len(scores)), key=lambda i: -float(scores[i]))
    means, stds = [], []
    for d in range(samples.shape[1]):
        xs = [samples[i, d].item() for i in order[:n_elite]]
        mean = sum(xs) / n_elite
        variance = sum((x - mean) ** 2 for x in xs) / n_elite
        means.append(mean)
        stds.append(max(min_std, variance**0.5))
    return means, stds


def finite_difference_gradient(f, theta, eps):
    slopes = []
    for i in range(len(theta)):
        up, down = theta.clone(), theta.clone()
        up[i] += eps
        down[i] -= eps
        slopes.append((f(up) - f(down)) / (2 * eps))
    return slopes
""",
    "named-axes": """
def discounted_returns(rewards, gamma):
    T, B = rewards.shape
    rows = []
    following = torch.zeros(B)
    for t in reversed(range(T)):
        following = rewards[t] + gamma * following
        rows.append(following)
    return torch.stack(rows[::-1])


def score_function_loss(log_prob, weight):
    (N,) = log_prob.shape
    return torch.dot(-log_prob, weight.data) / N


def optimal_baseline(score_sq, returns):
    (N,) = returns.shape
    if not score_sq.any():
        return returns.mean()
    share = score_sq / score_sq.sum()
    return torch.dot(share, returns)


def elite_mask(scores, fraction):
    (N,) = scores.shape
    order = torch.sort(scores, descending=True, stable=True).indices
    rank = torch.empty(N, dtype=torch.long)
    rank[order] = torch.arange(N)
    return rank < round(N * fraction)


def cem_refit(samples, scores, n_elite, min_std):
    N, D = samples.shape
    order = torch.sort(scores, dim=0, descending=True, stable=True)[1]
    elite = torch.index_select(samples, 0, order[:n_elite])
    mu = elite.sum(0) / n_elite
    sigma = torch.sqrt(((elite - mu) ** 2).sum(0) / n_elite)
    return mu, torch.maximum(sigma, torch.full((D,), float(min_std)))


def finite_difference_gradient(f, theta, eps):
    (D,) = theta.shape
    steps = eps * torch.eye(D, dtype=theta.dtype)
    return torch.stack([torch.as_tensor(f(theta + step) - f(theta - step)) / (2 * eps) for step in steps])
""",
    "numpy": """
def discounted_returns(rewards, gamma):
    r = rewards.numpy().astype(float)
    G = np.zeros_like(r)
    for t in range(len(r)):
        G[t] = gamma ** np.arange(len(r) - t) @ r[t:]
    return G


def score_function_loss(log_prob, weight):
    w = torch.from_numpy(np.array(weight.detach().numpy()))
    return torch.mean(-log_prob * w)


def optimal_baseline(score_sq, returns):
    s, g = score_sq.numpy(), returns.numpy()
    return np.average(g, weights=s) if s.sum() > 0 else np.mean(g)


def elite_mask(scores, fraction):
    order = np.argsort(-scores.numpy(), kind="stable")
    mask = np.zeros(len(order), dtype=bool)
    mask[order[: int(np.rint(fraction * len(order)))]] = True
    return mask


def cem_refit(samples, scores, n_elite, min_std):
    elite = samples.numpy()[np.argsort(-scores.numpy(), kind="stable")[:n_elite]]
    return np.mean(elite, axis=0), np.maximum(np.std(elite, axis=0), min_std)


def finite_difference_gradient(f, theta, eps):
    x = theta.detach().numpy()
    gradient = np.zeros(x.shape)
    for i in range(x.size):
        e = np.zeros(x.shape, x.dtype)
        e[i] = eps
        gradient[i] = (float(f(torch.from_numpy(x + e))) - float(f(torch.from_numpy(x - e)))) / (2.0 * eps)
    return gradient
""",
    "float64": """
def discounted_returns(rewards, gamma):
    G = rewards.double().clone()
    for t in range(len(G) - 2, -1, -1):
        G[t] = G[t] + gamma * G[t + 1]
    return G


def score_function_loss(log_prob, weight):
    products = log_prob.double() * weight.double().detach()
    return -products.sum() / products.numel()


def optimal_baseline(score_sq, returns):
    weight = score_sq.double()
    if weight.sum() == 0:
        weight = torch.ones_like(weight)
    return (weight * returns.double()).mean() / weight.mean()


def elite_mask(scores, fraction):
    s = scores.double()
    i = torch.arange(len(s))
    before = (s[None, :] > s[:, None]) | ((s[None, :] == s[:, None]) & (i[None, :] < i[:, None]))
    return before.sum(1) < round(fraction * len(s))


def cem_refit(samples, scores, n_elite, min_std):
    x, s = samples.double(), scores.double()
    i = torch.arange(len(s))
    before = (s[None, :] > s[:, None]) | ((s[None, :] == s[:, None]) & (i[None, :] < i[:, None]))
    elite = x[before.sum(1) < n_elite]
    spread = elite.var(dim=0, unbiased=False).sqrt()
    return [elite.mean(dim=0), spread.clamp(min=min_std)]


def finite_difference_gradient(f, theta, eps):
    x = theta.double().clone()
    gradient = torch.zeros_like(x)
    for i in range(len(x)):
        here = x[i].item()
        x[i] = here + eps
        ahead = float(f(x))
        x[i] = here - eps
        behind = float(f(x))
        x[i] = here
        gradient[i] = (ahead - behind) / (2 * eps)
    return gradient
""",
}
