"""Right answers to problem set 5 as different people write them; as right_answers.py."""

STYLES = {
    "loops": """
def surrogate_loss(ratio, advantage):
    total = 0.0
    for r, a in zip(ratio, advantage):
        total = total - r * a.item()
    return total / len(ratio)


def categorical_kl(p_logits, q_logits):
    rows = []
    for p_row, q_row in zip(p_logits, q_logits):
        log_p = torch.nn.functional.log_softmax(p_row, dim=0)
        log_q = torch.nn.functional.log_softmax(q_row, dim=0)
        total = 0.0
        for x, y in zip(log_p, log_q):
            total = total + torch.exp(x) * (x - y)
        rows.append(total)
    return torch.stack(rows)


def gaussian_kl(p_mean, p_log_std, q_mean, q_log_std):
    N, D = p_mean.shape
    rows = []
    for n in range(N):
        total = 0.0
        for i in range(D):
            p_std, q_std = torch.exp(p_log_std[n, i]), torch.exp(q_log_std[n, i])
            above = p_std**2 + (p_mean[n, i] - q_mean[n, i]) ** 2
            total = total + torch.log(q_std / p_std) + above / (2 * q_std**2) - 0.5
        rows.append(total)
    return torch.stack(rows)


def conjugate_gradient(matvec, b, iterations, tol):
    D = len(b)
    x, v = [0.0] * D, b.tolist()
    p, square = list(v), sum(n * n for n in v)
    length = square**0.5
    k = 0
    while k < iterations and square**0.5 > tol * length:
        Fp = matvec(torch.tensor(p, dtype=b.dtype)).tolist()
        alpha = square / sum(p[i] * Fp[i] for i in range(D))
        for i in range(D):
            x[i] += alpha * p[i]
            v[i] -= alpha * Fp[i]
        new = sum(n * n for n in v)
        for i in range(D):
            p[i] = v[i] + new / square * p[i]
        square = new
        k += 1
    return x


def fisher_vector_product(kl, params, vector, damping):
    slopes = torch.autograd.grad(kl(), params, create_graph=True)
    answer = damping * vector
    place = 0
    for slope in slopes:
        for one in slope.flatten():  # a row of the matrix at a time; it is symmetric
            row = torch.autograd.grad(one, params, retain_graph=True)
            answer = answer + vector[place] * torch.cat([r.flatten() for r in row])
            place += 1
    return answer


def natural_step(gradient, natural_gradient, max_kl):
    square = sum(g.item() * x.item() for g, x in zip(gradient, natural_gradient))
    if square <= 0:
        return [0.0 for _ in gradient]
    return [(2 * max_kl / square) ** 0.5 * x.item() for x in natural_gradient]


def backtracking_line_search(objective, kl, start, step, max_kl, shrink, max_tries):
    before = objective(start)
    step = step.clone()
    while max_tries > 0:
        theta = start + step
        if objective(theta) > before:
            if kl(theta) <= max_kl:
                return theta
        step *= shrink
        max_tries -= 1
    return start


def ppo_clip_loss(ratio, advantage, eps):
    total = 0.0
    for r, a in zip(ratio, advantage):
        a = a.item()
        if a >= 0 and r > 1 + eps:
            total = total - (1 + eps) * a
        elif a < 0 and r < 1 - eps:
            total = total - (1 - eps) * a
        else:
            total = total - r * a
    return torch.as_tensor(total) / len(ratio)


def adaptive_kl_coef(beta, kl, target_kl):
    if kl > 1.5 * target_kl:
        beta = beta * 2
    if kl < target_kl / 1.5:
        beta = beta / 2
    return beta


def kfac_precondition(gradient, input_cov, output_cov, damping):
    O, I = gradient.shape
    F = torch.zeros(O * I, O * I, dtype=torch.float64)
    for i in range(O):
        for j in range(I):
            for k in range(O):
                for m in range(I):
                    F[i * I + j, k * I + m] = output_cov[i, k] * input_cov[j, m]
            F[i * I + j, i * I + j] += damping
    return torch.linalg.solve(F, gradient.double().flatten()).reshape(O, I)
""",
    "named-axes": """
def surrogate_loss(ratio, advantage):
    (N,) = ratio.shape
    return torch.mean(-ratio * advantage.detach())


def categorical_kl(p_logits, q_logits):
    p = torch.distributions.Categorical(logits=p_logits)
    q = torch.distributions.Categorical(logits=q_logits)
    return torch.distributions.kl_divergence(p, q)


def gaussian_kl(p_mean, p_log_std, q_mean, q_log_std):
    N, D = p_mean.shape
    p = torch.distributions.Normal(p_mean, p_log_std.exp())
    q = torch.distributions.Normal(q_mean, q_log_std.exp())
    return torch.distributions.kl_divergence(p, q).sum(dim=1)


def conjugate_gradient(matvec, b, iterations, tol):
    (D,) = b.shape
    x = torch.zeros(D)
    r, p = b.clone(), b.clone()
    rdotr = r.dot(r)
    small = tol * torch.linalg.norm(b)
    for i in range(iterations):
        if torch.sqrt(rdotr) <= small:
            break
        z = matvec(p)
        v = rdotr / p.dot(z)
        x += v * p
        r -= v * z
        newrdotr = r.dot(r)
        mu = newrdotr / rdotr
        p = r + mu * p
        rdotr = newrdotr
    return x


def fisher_vector_product(kl, params, vector, damping):
    (D,) = vector.shape
    grads = torch.autograd.grad(kl(), params, create_graph=True)
    parts = torch.split(vector, [p.numel() for p in params])
    dot = sum((g * u.view_as(g)).sum() for g, u in zip(grads, parts))
    hvp = torch.autograd.grad(dot, params)
    return torch.cat([h.reshape(-1) + damping * u for h, u in zip(hvp, parts)])


def natural_step(gradient, natural_gradient, max_kl):
    (D,) = gradient.shape
    shs = 0.5 * (gradient * natural_gradient).sum()
    if shs <= 0:
        return torch.zeros(D)
    return natural_gradient / torch.sqrt(shs / max_kl)


def backtracking_line_search(objective, kl, start, step, max_kl, shrink, max_tries):
    (D,) = start.shape
    fval = objective(start)
    for fraction in shrink ** np.arange(max_tries):
        xnew = start + float(fraction) * step
        improve = objective(xnew) - fval
        if improve.item() > 0 and kl(xnew).item() <= max_kl:
            return xnew
    return start


def ppo_clip_loss(ratio, advantage, eps):
    (N,) = ratio.shape
    A = advantage.detach()
    surr1 = ratio * A
    surr2 = torch.clamp(ratio, 1.0 - eps, 1.0 + eps) * A
    return -torch.min(surr1, surr2).mean()


def adaptive_kl_coef(beta, kl, target_kl):
    if kl < target_kl / 1.5:
        return beta * 0.5
    elif kl > target_kl * 1.5:
        return beta * 2.0
    else:
        return beta


def kfac_precondition(gradient, input_cov, output_cov, damping):
    O, I = gradient.shape
    d, Q_in = torch.linalg.eigh(input_cov)
    e, Q_out = torch.linalg.eigh(output_cov)
    v = torch.einsum("oa,oi,ib->ab", Q_out, gradient, Q_in)
    v = v / (torch.outer(e, d) + damping)
    return torch.einsum("oa,ab,ib->oi", Q_out, v, Q_in)
""",
    "numpy": """
def surrogate_loss(ratio, advantage):
    A = torch.tensor(advantage.detach().numpy())
    return -(ratio @ A) / ratio.numel()


def categorical_kl(p_logits, q_logits):
    log_q = torch.log_softmax(q_logits, dim=-1)
    p = torch.softmax(p_logits, dim=-1)
    return torch.nn.functional.kl_div(log_q, p, reduction="none").sum(-1)


def gaussian_kl(p_mean, p_log_std, q_mean, q_log_std):
    d = q_log_std - p_log_std
    z = (p_mean - q_mean) * torch.exp(-q_log_std)
    return (d + 0.5 * torch.exp(-2 * d) + 0.5 * z * z).sum(-1) - p_mean.shape[-1] / 2


def conjugate_gradient(matvec, b, iterations, tol):
    g = b.detach().numpy()
    x, r = np.zeros_like(g), g.copy()
    p = r.copy()
    for k in range(iterations):
        if np.linalg.norm(r) <= tol * np.linalg.norm(g):
            return x
        Fp = matvec(torch.from_numpy(p)).detach().numpy()
        alpha = r @ r / (p @ Fp)
        x = x + alpha * p
        r_new = r - alpha * Fp
        p = r_new + (r_new @ r_new) / (r @ r) * p
        r = r_new
    return x


def fisher_vector_product(kl, params, vector, damping):
    for p in params:
        p.grad = None
    kl().backward(create_graph=True)
    grads = [p.grad for p in params]
    for p in params:
        p.grad = None
    (torch.nn.utils.parameters_to_vector(grads) * vector).sum().backward()
    product = np.concatenate([p.grad.numpy().ravel() for p in params])
    for p in params:
        p.grad = None
    return product + damping * vector.numpy()


def natural_step(gradient, natural_gradient, max_kl):
    g, x = gradient.detach().numpy(), natural_gradient.detach().numpy()
    square = np.sum(g * x, dtype=np.float64)
    return np.sqrt(2 * max_kl / square) * x if square > 0 else np.zeros_like(x)


def backtracking_line_search(objective, kl, start, step, max_kl, shrink, max_tries):
    theta, change = start.detach().numpy(), step.detach().numpy()
    before = objective(start).item()
    for j in range(max_tries):
        new = torch.from_numpy(theta + shrink**j * change)
        if np.isnan(objective(new).item()) or np.isnan(kl(new).item()):
            continue
        if kl(new).item() > max_kl or objective(new).item() <= before:
            continue
        return new.numpy()
    return theta


def ppo_clip_loss(ratio, advantage, eps):
    A = torch.from_numpy(advantage.detach().numpy())
    bound = torch.where(A > 0, 1 + eps, 1 - eps)
    return -torch.minimum(ratio * A, bound * A).mean()


def adaptive_kl_coef(beta, kl, target_kl):
    return np.where(kl < target_kl / 1.5, beta / 2, np.where(kl > target_kl * 1.5, beta * 2, beta))


def kfac_precondition(gradient, input_cov, output_cov, damping):
    w, W = np.linalg.eigh(input_cov.numpy())
    u, U = np.linalg.eigh(output_cov.numpy())
    inner = (U.T @ gradient.numpy() @ W) / (u[:, None] * w[None, :] + damping)
    return U @ inner @ W.T
""",
    "float64": """
def surrogate_loss(ratio, advantage):
    with torch.no_grad():
        A = advantage.double().clone()
    return (A * ratio).sum().neg() / A.numel()


def categorical_kl(p_logits, q_logits):
    x, y = p_logits.double(), q_logits.double()
    p = x.softmax(1).detach()
    log_p, log_q = x - x.logsumexp(1, keepdim=True), y - y.logsumexp(1, keepdim=True)
    return torch.xlogy(p, p).sum(1) - (p * log_q).sum(1) + 0 * log_p.sum(1).detach()


def gaussian_kl(p_mean, p_log_std, q_mean, q_log_std):
    a, s, b, t = (x.double() for x in (p_mean, p_log_std, q_mean, q_log_std))
    V, W = s.exp() ** 2, t.exp() ** 2
    return torch.sum(0.5 * torch.log(W / V) + (V + (a - b) ** 2) / (2 * W) - 1 / 2, dim=1)


def conjugate_gradient(matvec, b, iterations, tol):
    def F(v):
        return matvec(v.to(b.dtype)).double()

    g = b.double()
    x = torch.zeros_like(g)
    r = g - 0 * x
    p = 1.0 * r
    for _ in range(iterations):
        old = r @ r
        if old <= (tol * g.norm()) ** 2:
            break
        Fp = F(p)
        alpha = old / (p @ Fp)
        x.add_(p, alpha=alpha.item())
        r.sub_(alpha * Fp)
        p.mul_((r @ r) / old).add_(r)
    return x


def fisher_vector_product(kl, params, vector, damping):
    grads = torch.autograd.grad(kl(), params, create_graph=True)
    g = torch.hstack([grad.ravel() for grad in grads])
    u = vector.detach().to(g.dtype)
    h = torch.autograd.grad((g * u).sum() + 0 * g.sum(), params, retain_graph=True)
    return torch.hstack([one.ravel() for one in h]).double() + damping * vector.double()


def natural_step(gradient, natural_gradient, max_kl):
    g, x = gradient.double(), natural_gradient.double()
    xFx = (g * x).sum()
    return torch.nan_to_num(torch.sqrt(2 * max_kl / xFx) * x, nan=0.0)


def backtracking_line_search(objective, kl, start, step, max_kl, shrink, max_tries):
    with torch.no_grad():
        J = float(objective(start))
        tries = (start + step * shrink**j for j in range(max_tries))
        return next((t for t in tries if float(objective(t)) > J and float(kl(t)) <= max_kl), start)


def ppo_clip_loss(ratio, advantage, eps):
    A, r = advantage.detach().double(), ratio.double()
    too_far = ((A > 0) & (r > 1 + eps)) | ((A < 0) & (r < 1 - eps))
    kept = torch.where(too_far, r.detach().clamp(1 - eps, 1 + eps), r)
    return (kept * A).mean().mul(-1)


def adaptive_kl_coef(beta, kl, target_kl):
    low, high = target_kl / 1.5, 1.5 * target_kl
    return torch.tensor(beta, dtype=torch.float64) * (0.5 if kl < low else 1.0) * (2.0 if kl > high else 1.0)


def kfac_precondition(gradient, input_cov, output_cov, damping):
    g, A, B = gradient.double(), input_cov.double(), output_cov.double()
    F = torch.kron(B, A) + damping * torch.eye(g.numel(), dtype=torch.float64)
    return (torch.linalg.inv(F) @ g.reshape(-1, 1)).reshape(g.shape)
""",
}
