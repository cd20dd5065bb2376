"""Right answers to problem set 2 as different people write them; as right_answers.py."""

STYLES = {
    "loops": """
def td_target(reward, terminated, next_value, gamma):
    discounts = gamma if torch.is_tensor(gamma) else [gamma] * len(reward)
    answer = torch.zeros(len(reward))
    for i in range(len(reward)):
        answer[i] = reward[i]
        if not terminated[i]:
            answer[i] += discounts[i] * next_value[i].item()
    return answer


def q_target(reward, terminated, next_q, gamma):
    n_transitions, n_actions = next_q.shape
    answer = []
    for i in range(n_transitions):
        best = next_q[i, 0]
        for a in range(1, n_actions):
            if next_q[i, a] > best:
                best = next_q[i, a]
        discount = gamma[i] if torch.is_tensor(gamma) else gamma
        answer.append(reward[i] + (0 if terminated[i] else discount * best))
    return torch.stack(answer)


def double_q_target(reward, terminated, next_q, next_q_online, gamma):
    answer = torch.zeros(len(reward))
    for i in range(len(reward)):
        choice = next_q_online[i].argmax()
        discount = gamma[i] if torch.is_tensor(gamma) else gamma
        answer[i] = reward[i]
        if not terminated[i]:
            answer[i] += discount * next_q[i, choice]
    return answer


def dueling_q(value, advantage):
    B, A = advantage.shape
    rows = []
    for b in range(B):
        mean = sum(advantage[b, a] for a in range(A)) / A
        rows.append(value[b] + advantage[b] - mean)
    return torch.stack(rows)


def huber_loss(td_error, delta=1.0):
    losses = []
    for x in td_error:
        if abs(x) <= delta:
            losses.append(0.5 * x * x)
        else:
            losses.append(delta * (abs(x) - 0.5 * delta))
    return torch.stack(losses)


def priority(td_error, alpha, eps):
    return torch.tensor([(abs(float(x)) + eps) ** alpha for x in td_error])


def importance_weights(probabilities, buffer_size, beta):
    weights = [1 / (buffer_size * float(p)) ** beta for p in probabilities]
    return torch.tensor([w / max(weights) for w in weights])


def n_step_returns(rewards, next_values, terminated, truncated, gamma, n):
    T, B = rewards.shape
    answer = torch.zeros(T, B)
    for b in range(B):
        for t in range(T):
            total, k = 0.0, 0
            while True:
                total += gamma**k * rewards[t + k, b].item()
                k += 1
                last = t + k - 1
                if terminated[last, b]:
                    break
                if truncated[last, b] or k == n or last == T - 1:
                    total += gamma**k * next_values[last, b].item()
                    break
            answer[t, b] = total
    return answer


def categorical_projection(next_probs, reward, terminated, gamma, support):
    import math

    B, N = next_probs.shape
    low, high = support[0].item(), support[-1].item()
    width = (high - low) / (N - 1)
    answer = torch.zeros(B, N)
    for b in range(B):
        discount = 0 if terminated[b] else (float(gamma[b]) if torch.is_tensor(gamma) else gamma)
        for j in range(N):
            z = min(max(reward[b].item() + discount * support[j].item(), low), high)
            place = (z - low) / width
            lower = min(math.floor(place), N - 1)
            upper = min(lower + 1, N - 1)
            answer[b, lower] += next_probs[b, j] * (1 - (place - lower))
            answer[b, upper] += next_probs[b, j] * (place - lower)
    return answer
""",
    "named-axes": """
def td_target(reward, terminated, next_value, gamma):
    (B,) = reward.shape
    with torch.no_grad():
        return reward + gamma * next_value.masked_fill(terminated, 0)


def q_target(reward, terminated, next_q, gamma):
    B, A = next_q.shape
    best = torch.max(next_q, 1)[0]
    return reward + gamma * torch.where(terminated, torch.zeros(B), best)


def double_q_target(reward, terminated, next_q, next_q_online, gamma):
    B, A = next_q.shape
    best = torch.max(next_q_online, dim=1)[1]
    chosen = next_q[range(B), best]
    return torch.where(terminated, reward, reward + gamma * chosen)


def dueling_q(value, advantage):
    B, A = advantage.shape
    return value.expand(B, A) + advantage - advantage.mean(dim=1).unsqueeze(1)


def huber_loss(td_error, delta=1.0):
    return torch.nn.functional.huber_loss(td_error, torch.zeros_like(td_error), reduction="none", delta=delta)


def priority(td_error, alpha, eps):
    return torch.pow(torch.abs(td_error) + eps, alpha)


def importance_weights(probabilities, buffer_size, beta):
    (M,) = probabilities.shape
    w = 1 / torch.pow(buffer_size * probabilities, beta)
    return w / torch.max(w, 0)[0]


def n_step_returns(rewards, next_values, terminated, truncated, gamma, n):
    T, B = rewards.shape
    over = terminated | truncated
    future = torch.where(terminated, torch.zeros(T, B), next_values)
    result = torch.zeros(T, B)
    for t in range(T):
        running = torch.ones(B, dtype=torch.bool)
        for k in range(min(n, T - t)):
            result[t] += running * gamma**k * rewards[t + k]
            stops = running & (over[t + k] | (k == n - 1) | (t + k == T - 1))
            result[t] += stops * gamma ** (k + 1) * future[t + k]
            running = running & ~stops
    return result


def categorical_projection(next_probs, reward, terminated, gamma, support):
    B, N = next_probs.shape
    width = support[1] - support[0]
    discount = (gamma * (1 - terminated.float())).reshape(B, 1)
    z = (reward.reshape(B, 1) + discount * support.reshape(1, N)).clamp(support[0].item(), support[-1].item())
    place = (z - support[0]) / width
    lower, upper = place.floor().long(), place.ceil().long()
    lower[(upper > 0) & (lower == upper)] -= 1
    upper[(lower < N - 1) & (lower == upper)] += 1
    rows = torch.arange(B).reshape(B, 1) * N
    answer = torch.zeros(B * N)
    answer.index_add_(0, (lower + rows).flatten(), (next_probs * (upper - place)).flatten())
    answer.index_add_(0, (upper + rows).flatten(), (next_probs * (place - lower)).flatten())
    return answer.reshape(B, N)
""",
    "numpy": """
def td_target(reward, terminated, next_value, gamma):
    r, d, v = reward.numpy(), terminated.numpy(), next_value.detach().numpy()
    return r + np.asarray(gamma) * np.where(d, 0, v)


def q_target(reward, terminated, next_q, gamma):
    best = next_q.numpy().max(axis=1)
    return reward.numpy() + np.asarray(gamma) * np.where(terminated.numpy(), 0, best)


def double_q_target(reward, terminated, next_q, next_q_online, gamma):
    choice = np.argmax(next_q_online.numpy(), axis=1)
    value = np.take_along_axis(next_q.numpy(), choice[:, None], axis=1)[:, 0]
    return reward.numpy() + np.asarray(gamma) * np.where(terminated.numpy(), 0, value)


def dueling_q(value, advantage):
    centred = advantage - advantage.sum(1, keepdim=True) / advantage.shape[1]
    return centred + value


def huber_loss(td_error, delta=1.0):
    inside = td_error.clamp(-delta, delta)
    return inside * (td_error - 0.5 * inside)


def priority(td_error, alpha, eps):
    return (np.abs(td_error.numpy()) + eps) ** alpha


def importance_weights(probabilities, buffer_size, beta):
    p = probabilities.numpy()
    return (p / p.min()) ** -beta


def n_step_returns(rewards, next_values, terminated, truncated, gamma, n):
    r, v = rewards.numpy().astype(float), next_values.numpy().astype(float)
    d, c = terminated.numpy(), truncated.numpy()
    T, B = r.shape
    G = np.zeros((T, B))
    for t, b in np.ndindex(T, B):
        window = np.arange(t, min(t + n, T))
        ends = np.flatnonzero(d[window, b] | c[window, b])
        window = window[: ends[0] + 1] if len(ends) else window
        G[t, b] = r[window, b] @ gamma ** np.arange(len(window))
        G[t, b] += 0 if d[window[-1], b] else gamma ** len(window) * v[window[-1], b]
    return G


def categorical_projection(next_probs, reward, terminated, gamma, support):
    p, r, z = next_probs.numpy(), reward.numpy(), support.numpy()
    discount = np.broadcast_to(np.asarray(gamma), r.shape) * ~terminated.numpy()
    answer = np.zeros(p.shape)
    for b in range(len(p)):
        moved = np.clip(r[b] + discount[b] * z, z[0], z[-1])
        for i in range(len(z)):  # a hat function around each atom
            answer[b, i] = np.interp(moved, z, np.eye(len(z))[i]) @ p[b]
    return answer
""",
    "float64": """
def td_target(reward, terminated, next_value, gamma):
    return reward.double() + torch.where(terminated, 0.0, gamma * next_value.data.double())


def q_target(reward, terminated, next_q, gamma):
    values = next_q.double().sort(dim=-1).values[..., -1]
    values[terminated] = 0
    return reward.double() + gamma * values


def double_q_target(reward, terminated, next_q, next_q_online, gamma):
    one_hot = torch.nn.functional.one_hot(next_q_online.argmax(1), next_q.shape[1])
    value = (one_hot * next_q.double()).sum(1)
    value[terminated] = 0
    return reward.double() + gamma * value


def dueling_q(value, advantage):
    return (value + advantage).double() - advantage.double().mean(-1, True)


def huber_loss(td_error, delta=1.0):
    x = td_error.double()
    excess = torch.relu(x.abs() - delta)
    return 0.5 * x.pow(2) - 0.5 * excess.pow(2)


def priority(td_error, alpha, eps):
    return torch.exp(alpha * torch.log(td_error.double().abs() + eps))


def importance_weights(probabilities, buffer_size, beta):
    log_w = -beta * torch.log(buffer_size * probabilities.double())
    return torch.exp(log_w - log_w.max())


def n_step_returns(rewards, next_values, terminated, truncated, gamma, n):
    T, B = rewards.shape
    stop = (terminated | truncated).clone()
    stop[T - 1] = True
    V = next_values.double().masked_fill(terminated, 0)
    G = rewards.double() + gamma * V
    for _ in range(n - 1):
        later = torch.cat([G[1:], torch.zeros(1, B)])
        G = rewards + gamma * torch.where(stop, V, later)
    return G


def categorical_projection(next_probs, reward, terminated, gamma, support):
    N = len(support)
    z = support.double()
    g = torch.as_tensor(gamma).double() * ~terminated
    b = ((reward[:, None] + g[:, None] * z - z[0]) / (z[1] - z[0])).clamp(0, N - 1)
    out = torch.zeros(len(reward), N, dtype=torch.float64)
    for i in range(N):
        out[:, i] = (torch.relu(1 - (b - i).abs()) * next_probs).sum(1)
    return out
""",
}
