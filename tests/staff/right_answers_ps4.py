"""Right answers to problem set 4 as different people write them; as right_answers.py."""

STYLES = {
    "loops": """
def lambda_returns(rewards, next_values, terminated, truncated, gamma, lam):
    T, B = rewards.shape
    answer = torch.zeros(T, B)
    for b in range(B):
        longer = 0.0
        for t in range(T - 1, -1, -1):
            if terminated[t, b]:
                answer[t, b] = rewards[t, b]
            elif truncated[t, b] or t == T - 1:
                answer[t, b] = rewards[t, b] + gamma * next_values[t, b]
            else:
                answer[t, b] = rewards[t, b] + gamma * ((1 - lam) * next_values[t, b] + lam * longer)
            longer = answer[t, b].item()
    return answer


def gae(rewards, values, next_values, terminated, truncated, gamma, lam):
    T, B = rewards.shape
    answer = torch.zeros(T, B)
    for b in range(B):
        for t in range(T - 1, -1, -1):
            delta = rewards[t, b] - values[t, b]
            if not terminated[t, b]:
                delta += gamma * next_values[t, b]
            answer[t, b] = delta
            if t < T - 1 and not terminated[t, b] and not truncated[t, b]:
                answer[t, b] += gamma * lam * answer[t + 1, b]
    return answer


def entropy(logits):
    rows = []
    for row in logits:
        log_p = torch.nn.functional.log_softmax(row, dim=0)
        total = 0.0
        for x in log_p:
            total = total - torch.exp(x) * x
        rows.append(total)
    return torch.stack(rows)


def a2c_loss(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    T, B = log_prob.shape
    total = 0.0
    for t in range(T):
        for b in range(B):
            total = total - advantage[t, b].item() * log_prob[t, b]
            total = total + value_coef * (value_target[t, b].item() - value[t, b]) ** 2
            total = total - entropy_coef * entropy[t, b]
    return total / (T * B)


def vtrace(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    T, B = rewards.shape
    vs, advantages = torch.zeros(T, B), torch.zeros(T, B)
    for b in range(B):
        for t in reversed(range(T)):
            rho, c = min(rho_bar, ratios[t, b].item()), min(c_bar, ratios[t, b].item())
            reached = 0.0 if terminated[t, b] else next_values[t, b].item()
            vs[t, b] = values[t, b] + rho * (rewards[t, b] + gamma * reached - values[t, b])
            target = reached
            if t < T - 1 and not (terminated[t, b] or truncated[t, b]):
                vs[t, b] += gamma * c * (vs[t + 1, b] - reached)
                target = vs[t + 1, b]
            advantages[t, b] = rho * (rewards[t, b] + gamma * target - values[t, b])
    return vs, advantages
""",
    "named-axes": """
def lambda_returns(rewards, next_values, terminated, truncated, gamma, lam):
    T, B = rewards.shape
    goes_on = 1 - (terminated | truncated).float()
    goes_on[T - 1] = 0
    V = torch.where(terminated, torch.zeros(T, B), next_values)
    G = torch.zeros(T + 1, B)
    for t in range(T - 1, -1, -1):
        weight = lam * goes_on[t]
        G[t] = rewards[t] + gamma * ((1 - weight) * V[t] + weight * G[t + 1])
    return G[:T]


def gae(rewards, values, next_values, terminated, truncated, gamma, lam):
    T, B = rewards.shape
    advantages = torch.zeros_like(rewards)
    last = torch.zeros(B)
    for t in range(T - 1, -1, -1):
        V = torch.where(terminated[t], torch.zeros(B), next_values[t])
        not_done = 1.0 - torch.logical_or(terminated[t], truncated[t]).float()
        delta = rewards[t] + gamma * V - values[t]
        last = delta + gamma * lam * not_done * last
        advantages[t] = last
    return advantages


def entropy(logits):
    N, A = logits.shape
    return torch.distributions.Categorical(logits=logits).entropy()


def a2c_loss(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    actor = torch.mean(-log_prob * advantage.detach())
    critic = torch.nn.functional.mse_loss(value, value_target.detach())
    return actor + value_coef * critic - entropy_coef * torch.mean(entropy)


def vtrace(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    T, B = rewards.shape
    rho = torch.minimum(ratios, torch.full((T, B), float(rho_bar)))
    c = torch.minimum(ratios, torch.full((T, B), float(c_bar)))
    reached = next_values.masked_fill(terminated, 0.0)
    stop = (terminated | truncated).float()
    delta = rho * (rewards + gamma * reached - values)
    difference = torch.zeros(T, B)
    running = torch.zeros(B)
    for t in range(T - 1, -1, -1):
        running = delta[t] + gamma * (1 - stop[t]) * c[t] * running
        difference[t] = running
    vs = values + difference
    ahead = torch.zeros(T, B)
    ahead[-1] = reached[-1]
    ahead[:-1] = stop[:-1] * reached[:-1] + (1 - stop[:-1]) * vs[1:]
    return vs, rho * (rewards + gamma * ahead - values)
""",
    "numpy": """
def lambda_returns(rewards, next_values, terminated, truncated, gamma, lam):
    r, v = rewards.numpy().astype(float), np.where(terminated.numpy(), 0, next_values.numpy()).astype(float)
    over = terminated.numpy() | truncated.numpy()
    G = np.zeros(r.shape)
    for t, b in np.ndindex(*r.shape):  # the weighted mean of the returns of 1, 2, .. steps
        ends = np.flatnonzero(over[t:, b])
        m = ends[0] + 1 if len(ends) else len(r) - t
        for n in range(1, m + 1):
            G_n = r[t : t + n, b] @ gamma ** np.arange(n) + gamma**n * v[t + n - 1, b]
            G[t, b] += (lam ** (n - 1) if n == m else (1 - lam) * lam ** (n - 1)) * G_n
    return G


def gae(rewards, values, next_values, terminated, truncated, gamma, lam):
    r, v, w = rewards.numpy(), values.numpy(), next_values.numpy()
    d, e = terminated.numpy(), terminated.numpy() | truncated.numpy()
    delta = r + gamma * np.where(d, 0, w) - v
    A = np.array(delta, dtype=np.float32)
    for t in range(len(r) - 2, -1, -1):
        A[t] += gamma * lam * A[t + 1] * ~e[t]
    return A


def entropy(logits):
    shifted = logits - logits.max(dim=-1, keepdim=True)[0]
    Z = torch.exp(shifted).sum(-1)
    return torch.log(Z) - (torch.exp(shifted) * shifted).sum(-1) / Z


def a2c_loss(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    A, y = torch.tensor(advantage.detach().numpy()), torch.tensor(value_target.detach().numpy())
    each = -A * log_prob + value_coef * (value - y) ** 2 - entropy_coef * entropy
    return each.sum() / each.numel()


def vtrace(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    r, v, w = rewards.numpy(), values.numpy(), ratios.numpy()
    d, e = terminated.numpy(), terminated.numpy() | truncated.numpy()
    nv = np.where(d, 0, next_values.numpy())
    T, B = r.shape
    rho, c = np.minimum(w, rho_bar), np.minimum(w, c_bar)
    vs = np.zeros((T, B))
    for t, b in np.ndindex(T, B):  # the sum, as in the paper
        weight, total = 1.0, 0.0
        for k in range(t, T):
            total += weight * rho[k, b] * (r[k, b] + gamma * nv[k, b] - v[k, b])
            if e[k, b]:
                break
            weight *= gamma * c[k, b]
        vs[t, b] = v[t, b] + total
    ahead = np.concatenate([vs[1:], nv[-1:]])
    ahead[e] = nv[e]
    return vs, rho * (r + gamma * ahead - v)
""",
    "float64": """
def lambda_returns(rewards, next_values, terminated, truncated, gamma, lam):
    r, V = rewards.double(), next_values.double().masked_fill(terminated, 0)
    G = [r[-1] + gamma * V[-1]]
    for t in reversed(range(len(r) - 1)):
        mixed = V[t] + lam * (G[0] - V[t])
        G = [r[t] + gamma * torch.where(terminated[t] | truncated[t], V[t], mixed), *G]
    return torch.stack(G)


def gae(rewards, values, next_values, terminated, truncated, gamma, lam):
    V = next_values.double().clone()
    V[terminated] = 0
    delta = rewards.double() + gamma * V - values.double()
    over = terminated | truncated
    A = delta.clone()
    weight, shifted, running = 1.0, delta, torch.ones_like(delta)
    for k in range(1, len(delta)):
        stays = (~over).double()
        weight = weight * gamma * lam
        running = running[:-1] * stays[k - 1 : len(delta) - 1]
        A[: len(delta) - k] += weight * running * delta[k:]
    return A


def entropy(logits):
    x = logits.double()
    log_p = x - torch.logsumexp(x, dim=1, keepdim=True)
    return torch.special.entr(log_p.exp()).sum(dim=1)


def a2c_loss(log_prob, advantage, value, value_target, entropy, value_coef, entropy_coef):
    with torch.no_grad():
        A, y = advantage.double().clone(), value_target.double().clone()
    policy_loss = (A * log_prob).mean().neg()
    return policy_loss + value_coef * (y - value).pow(2).mean() + entropy_coef * (-entropy).mean()


def vtrace(rewards, values, next_values, terminated, truncated, ratios, gamma, rho_bar=1.0, c_bar=1.0):
    r, v, w = rewards.double(), values.double(), ratios.double()
    V = next_values.double().masked_fill(terminated, 0)
    T = len(r)
    cut = (terminated | truncated).clone()
    cut[T - 1] = True
    rho, c = torch.clamp(w, max=rho_bar), torch.clamp(w, max=c_bar)
    vs = v + rho * (r + gamma * V - v)
    ahead = V.clone()
    for t in range(T - 2, -1, -1):
        on = ~cut[t]
        ahead[t][on] = vs[t + 1][on]
        vs[t] += gamma * c[t] * (ahead[t] - V[t])
    return [vs, rho * (r + gamma * ahead - v)]
""",
}
