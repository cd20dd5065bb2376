"""Plausible wrong answers to problem set 5, as people really write them; as wrong_answers_ps3.py."""

# ruff: noqa: F811, E741

import numpy as np
import torch
import torch.nn.functional as F
from corpus import corpus
from torch.distributions import Categorical, Normal, kl_divergence

WRONG, wrong = corpus()


# surrogate_loss


@wrong("surrogate_loss", "no-minus")
def _(ratio, advantage):
    return torch.mean(advantage.detach() * ratio)


@wrong("surrogate_loss", "gradient-through-the-advantage")
def _(ratio, advantage):
    return (-ratio * advantage).sum() / len(ratio)


@wrong("surrogate_loss", "logarithm-of-the-ratio")
def _(ratio, advantage):
    return -(torch.log(ratio) * advantage.detach()).mean()


@wrong("surrogate_loss", "cuts-the-gradient")
def _(ratio, advantage):
    return -np.mean(ratio.detach().numpy() * advantage.detach().numpy())


@wrong("surrogate_loss", "normalised-advantage")
def _(ratio, advantage):
    A = advantage.detach()
    A = (A - A.mean()) / (A.std() + 1e-8)
    return -(ratio * A).mean()


# ppo_clip_loss


@wrong("ppo_clip_loss", "smaller-ratio-times-A")
def _(ratio, advantage, eps):
    smaller = torch.min(ratio, torch.clamp(ratio, 1 - eps, 1 + eps))
    return -torch.mean(smaller * advantage.detach())


@wrong("ppo_clip_loss", "smaller-ratio-times-A")
def _(ratio, advantage, eps):
    return -(torch.clamp(ratio, max=1 + eps) * advantage.detach()).mean()  # what that comes to


@wrong("ppo_clip_loss", "smaller-of-the-losses")
def _(ratio, advantage, eps):
    A = advantage.detach()
    loss1 = -ratio * A
    loss2 = -torch.clamp(ratio, 1 - eps, 1 + eps) * A
    return torch.min(loss1, loss2).mean()


@wrong("ppo_clip_loss", "smaller-of-the-losses")
def _(ratio, advantage, eps):
    A = advantage.detach()
    return -torch.max(ratio * A, ratio.clip(1 - eps, 1 + eps) * A).mean()


@wrong("ppo_clip_loss", "clipped-product-alone")
def _(ratio, advantage, eps):
    return torch.mean(-advantage.detach() * torch.clip(ratio, 1 - eps, 1 + eps))


@wrong("ppo_clip_loss", "clipped-from-above-alone")
def _(ratio, advantage, eps):
    A = advantage.detach()
    return -torch.min(ratio * A, torch.clamp(ratio, max=1 + eps) * A).mean()


@wrong("ppo_clip_loss", "clipped-from-above-alone")
def _(ratio, advantage, eps):
    A = advantage.detach()
    return -torch.where((A > 0) & (ratio > 1 + eps), (1 + eps) * A, ratio * A).mean()


@wrong("ppo_clip_loss", "smaller-of-the-means")
def _(ratio, advantage, eps):
    A = advantage.detach()
    return -min((ratio * A).mean(), (torch.clamp(ratio, 1 - eps, 1 + eps) * A).mean())


@wrong("ppo_clip_loss", "gradient-through-the-advantage")
def _(ratio, advantage, eps):
    return -torch.min(ratio * advantage, torch.clamp(ratio, 1 - eps, 1 + eps) * advantage).mean()


@wrong("ppo_clip_loss", "sum-instead-of-mean")
def _(ratio, advantage, eps):
    A = advantage.detach()
    return -torch.sum(torch.min(ratio * A, torch.clamp(ratio, 1 - eps, 1 + eps) * A))


@wrong("ppo_clip_loss")
def _(ratio, advantage, eps):
    A = advantage.detach()
    return -torch.min(ratio * A, torch.clamp(ratio, 1 / (1 + eps), 1 + eps) * A).mean()


# adaptive_kl_coef


@wrong("adaptive_kl_coef", "doubles-where-it-halves")
def _(beta, kl, target_kl):
    if kl > 1.5 * target_kl:
        return beta / 2
    if kl < target_kl / 1.5:
        return beta * 2
    return beta


@wrong("adaptive_kl_coef", "no-bounds")
def _(beta, kl, target_kl):
    return beta * 2 if kl > target_kl else beta / 2 if kl < target_kl else beta


@wrong("adaptive_kl_coef", "one-bound-for-both")
def _(beta, kl, target_kl):
    if kl < target_kl * 1.5:
        return beta / 2
    if kl > target_kl * 1.5:
        return beta * 2
    return beta


@wrong("adaptive_kl_coef")
def _(beta, kl, target_kl):
    if kl < target_kl / 1.5:
        return beta / 2
    if kl > target_kl * 1.5:
        return beta * 2


# categorical_kl


@wrong("categorical_kl", "reversed")
def _(p_logits, q_logits):
    return kl_divergence(Categorical(logits=q_logits), Categorical(logits=p_logits))


@wrong("categorical_kl", "reversed")
def _(p_logits, q_logits):
    p, q = F.log_softmax(p_logits, dim=-1), F.softmax(q_logits, dim=-1)
    return F.kl_div(p, q, reduction="none").sum(-1)


@wrong("categorical_kl", "one-number-for-all")
def _(p_logits, q_logits):
    return F.kl_div(q_logits.log_softmax(-1), p_logits.softmax(-1), reduction="batchmean")


@wrong("categorical_kl", "log-of-a-rounded-zero")
def _(p_logits, q_logits):
    p, q = torch.softmax(p_logits, -1), torch.softmax(q_logits, -1)
    return torch.sum(p * torch.log(p / q), dim=-1)


@wrong("categorical_kl", "logits-for-log-probabilities")
def _(p_logits, q_logits):
    p = torch.softmax(p_logits, dim=1)
    return torch.einsum("na,na->n", p, p_logits - q_logits)


@wrong("categorical_kl", "cuts-the-gradient")
def _(p_logits, q_logits):
    with torch.no_grad():
        return kl_divergence(Categorical(logits=p_logits), Categorical(logits=q_logits))


@wrong("categorical_kl")
def _(p_logits, q_logits):
    p, q = p_logits.softmax(-1) + 1e-3, q_logits.softmax(-1) + 1e-3
    return (p * (p / q).log()).sum(-1)


# gaussian_kl


@wrong("gaussian_kl", "reversed")
def _(p_mean, p_log_std, q_mean, q_log_std):
    return kl_divergence(Normal(q_mean, q_log_std.exp()), Normal(p_mean, p_log_std.exp())).sum(-1)


@wrong("gaussian_kl", "not-summed")
def _(p_mean, p_log_std, q_mean, q_log_std):
    return kl_divergence(Normal(p_mean, p_log_std.exp()), Normal(q_mean, q_log_std.exp()))


@wrong("gaussian_kl", "one-half-subtracted-once")
def _(p_mean, p_log_std, q_mean, q_log_std):
    p_var, q_var = (2 * p_log_std).exp(), (2 * q_log_std).exp()
    return ((p_var + (p_mean - q_mean) ** 2) / (2 * q_var) + q_log_std - p_log_std).sum(1) - 0.5


@wrong("gaussian_kl", "deviations-not-squared")
def _(p_mean, p_log_std, q_mean, q_log_std):
    p_std, q_std = p_log_std.exp(), q_log_std.exp()
    return (torch.log(q_std / p_std) + (p_std + (p_mean - q_mean) ** 2) / (2 * q_std) - 0.5).sum(1)


@wrong("gaussian_kl", "logarithm-upside-down")
def _(p_mean, p_log_std, q_mean, q_log_std):
    p_std, q_std = p_log_std.exp(), q_log_std.exp()
    return (torch.log(p_std / q_std) + (p_std**2 + (p_mean - q_mean) ** 2) / (2 * q_std**2) - 0.5).sum(1)


# conjugate_gradient


@wrong("conjugate_gradient", "beta-inverted")
def _(matvec, b, iterations, tol):
    x, r, p = torch.zeros_like(b), b.clone(), b.clone()
    for _ in range(iterations):
        if r.norm() <= tol * b.norm():
            break
        Ap = matvec(p)
        alpha = (r @ r) / (p @ Ap)
        x = x + alpha * p
        r_new = r - alpha * Ap
        p = r_new + (r @ r) / (r_new @ r_new) * p
        r = r_new
    return x


@wrong("conjugate_gradient", "one-tensor-under-two-names")
def _(matvec, b, iterations, tol):
    x = torch.zeros_like(b)
    r = p = b.clone()
    rr = r.dot(r)
    for _ in range(iterations):
        if rr.sqrt() <= tol * b.norm():
            break
        z = matvec(p)
        v = rr / p.dot(z)
        x += v * p
        r -= v * z
        new = r.dot(r)
        p = r + new / rr * p
        rr = new
    return x


@wrong("conjugate_gradient", "never-stops")
def _(matvec, b, iterations, tol):
    x, r, p = torch.zeros_like(b), b.clone(), b.clone()
    for _ in range(iterations):
        Ap = matvec(p)
        alpha = (r @ r) / (p @ Ap)
        x = x + alpha * p
        r_new = r - alpha * Ap
        p = r_new + (r_new @ r_new) / (r @ r) * p
        r = r_new
    return x


@wrong("conjugate_gradient", "absolute-tol")
def _(matvec, b, iterations, tol):
    x, r, p = torch.zeros_like(b), b.clone(), b.clone()
    rdotr = r.dot(r)
    for _ in range(iterations):
        if rdotr.sqrt() <= tol:
            break
        z = matvec(p)
        v = rdotr / p.dot(z)
        x, r = x + v * p, r - v * z
        newrdotr = r.dot(r)
        p = r + newrdotr / rdotr * p
        rdotr = newrdotr
    return x


@wrong("conjugate_gradient", "steepest-descent")
def _(matvec, b, iterations, tol):
    x = torch.zeros_like(b)
    for _ in range(iterations):
        r = b - matvec(x)
        if r.norm() <= tol * b.norm():
            break
        x = x + (r @ r) / (r @ matvec(r)) * r
    return x


# fisher_vector_product


@wrong("fisher_vector_product", "no-damping")
def _(kl, params, vector, damping):
    grads = torch.autograd.grad(kl(), params, create_graph=True)
    flat = torch.cat([g.reshape(-1) for g in grads]) + damping * vector
    products = torch.autograd.grad((flat * vector).sum(), params)
    return torch.cat([p.reshape(-1) for p in products])


@wrong("fisher_vector_product", "damping-without-the-vector")
def _(kl, params, vector, damping):
    grads = torch.autograd.grad(kl(), params, create_graph=True)
    flat = torch.cat([g.view(-1) for g in grads])
    products = torch.autograd.grad((flat * vector).sum(), params)
    return torch.cat([p.contiguous().view(-1) for p in products]) + damping


@wrong("fisher_vector_product", "one-derivative")
def _(kl, params, vector, damping):
    g = torch.cat([g.reshape(-1) for g in torch.autograd.grad(kl(), params)])
    return g * (g @ vector) + damping * vector


@wrong("fisher_vector_product", "layer-by-layer")
def _(kl, params, vector, damping):
    out, start = [], 0
    for p in params:
        (g,) = torch.autograd.grad(kl(), p, create_graph=True)
        u = vector[start : start + p.numel()].view_as(p)
        (h,) = torch.autograd.grad((g * u).sum(), p)
        out.append(h.flatten() + damping * u.flatten())
        start += p.numel()
    return torch.cat(out)


@wrong("fisher_vector_product")
def _(kl, params, vector, damping):
    grads = torch.autograd.grad(kl(), params)
    flat = torch.cat([g.reshape(-1) for g in grads])
    products = torch.autograd.grad((flat * vector).sum(), params)  # no graph to go back through
    return torch.cat([p.reshape(-1) for p in products]) + damping * vector


# natural_step


@wrong("natural_step", "no-2")
def _(gradient, natural_gradient, max_kl):
    square = (gradient * natural_gradient).sum()
    return torch.sqrt(max_kl / square) * natural_gradient if square > 0 else torch.zeros_like(gradient)


@wrong("natural_step", "nan-without-a-gradient")
def _(gradient, natural_gradient, max_kl):
    return natural_gradient * np.sqrt(2 * max_kl / torch.dot(gradient, natural_gradient))


@wrong("natural_step", "length-of-x")
def _(gradient, natural_gradient, max_kl):
    norm = natural_gradient.norm()
    return natural_gradient / norm * (2 * max_kl) ** 0.5 if norm > 0 else natural_gradient


@wrong("natural_step", "along-the-gradient")
def _(gradient, natural_gradient, max_kl):
    square = gradient @ natural_gradient
    return torch.sqrt(2 * max_kl / square) * gradient if square > 0 else 0 * gradient


@wrong("natural_step")
def _(gradient, natural_gradient, max_kl):
    return natural_gradient * torch.sqrt(2 * max_kl / (gradient @ natural_gradient + 0.1))


# backtracking_line_search


@wrong("backtracking_line_search", "no-divergence-test")
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    old = objective(start)
    for j in range(max_tries):
        new = start + shrink**j * step
        if objective(new) > old:
            return new
    return start


@wrong("backtracking_line_search", "no-restore")
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    old, new = objective(start), start
    for j in range(max_tries):
        new = start + shrink**j * step
        if objective(new) > old and kl(new) <= max_kl:
            break
    return new


@wrong("backtracking_line_search", "nan-passes")
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    old = objective(start)
    for j in range(max_tries):
        new = start + shrink**j * step
        if objective(new) <= old or kl(new) > max_kl:
            continue
        return new
    return start


@wrong("backtracking_line_search", "whole-step-left-out")
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    old = objective(start)
    for _ in range(max_tries):
        step = step * shrink
        if objective(start + step) > old and kl(start + step) <= max_kl:
            return start + step
    return start


@wrong("backtracking_line_search", "shrinks-ever-faster")
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    old = objective(start)
    for j in range(max_tries):
        step = step * shrink**j
        if objective(start + step) > old and kl(start + step) <= max_kl:
            return start + step
    return start


@wrong("backtracking_line_search")
def _(objective, kl, start, step, max_kl, shrink, max_tries):
    old = objective(start)
    for j in range(max_tries):
        start += shrink**j * step
        if objective(start) > old and kl(start) <= max_kl:
            return start
        start -= shrink**j * step
    return start


# kfac_precondition


@wrong("kfac_precondition", "factors-swapped")
def _(gradient, input_cov, output_cov, damping):
    matrix = torch.kron(input_cov, output_cov)
    matrix = matrix + damping * torch.eye(len(matrix))
    return torch.linalg.solve(matrix, gradient.flatten()).view(gradient.shape)


@wrong("kfac_precondition", "each-damped-by-the-root")
def _(gradient, input_cov, output_cov, damping):
    root = damping**0.5
    A = input_cov + root * torch.eye(len(input_cov))
    G = output_cov + root * torch.eye(len(output_cov))
    return torch.linalg.inv(G) @ gradient @ torch.linalg.inv(A)


@wrong("kfac_precondition", "multiplied")
def _(gradient, input_cov, output_cov, damping):
    matrix = torch.kron(output_cov, input_cov)
    matrix = matrix + damping * torch.eye(len(matrix))
    return (matrix @ gradient.flatten()).view(gradient.shape)


@wrong("kfac_precondition")
def _(gradient, input_cov, output_cov, damping):
    return torch.linalg.inv(output_cov) @ gradient @ torch.linalg.inv(input_cov)


@wrong("kfac_precondition")
def _(gradient, input_cov, output_cov, damping):
    A = input_cov + damping * torch.eye(len(input_cov))
    G = output_cov + damping * torch.eye(len(output_cov))
    return torch.linalg.inv(A) @ gradient @ torch.linalg.inv(G)
