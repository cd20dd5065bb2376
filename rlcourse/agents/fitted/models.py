"""Action values that are functions: linear in features, or a net (lecture 03).

A model learns for K seeds side by side, and only it knows K: batches are [N, ...], seed 0's transitions first. It has
q(obs) -> [N, A]; regression(obs, action), which gives a function that fits y [N]; and step(obs, action, y), one
gradient step towards y. A seed whose values overflow has diverged: it is noted in `seeds.diverged` and stays as it was,
while its neighbours go on.
"""

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import torch
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.contracts.inputs import Number, Scalar, bad_argument
from rlcourse.parts.adam import Adam
from rlcourse.parts.nets import SideBySide, mlp
from rlcourse.parts.seeds import Seeds

Features = Callable[[ndarray], ndarray]  # observations [N, ...] to features [N, F]


class Model(nn.Module):
    """What the two kinds share: whose values they are, and which actions there are."""

    dtype: torch.dtype

    def __init__(self, n_actions: int, n_seeds: int, seed: int) -> None:
        super().__init__()
        self.n_actions, self.seeds = n_actions, Seeds(seed, n_seeds)

    def by_seed(self, x: Tensor) -> Tensor:
        """Each seed's part of a batch [N, ...] -> [K, M, ...]."""
        return x.unflatten(0, (len(self.seeds), -1))

    def q(self, obs: ndarray) -> Tensor:
        """The values of all actions [N, A]."""
        raise NotImplementedError

    def regression(self, obs: ndarray, action: ndarray) -> Callable[[Tensor], None]:
        """A function that fits Q(obs, action) to the answers [N] which it is given."""
        raise NotImplementedError

    def step(self, obs: ndarray, action: ndarray, y: Tensor, done: int = 0) -> None:
        """One gradient step of 1/2 (y - Q(s, a))^2, y held fixed, after `done` steps of a run."""
        raise NotImplementedError

    def chosen(self, obs: ndarray | Tensor, action: ndarray | Tensor) -> Tensor:
        """The values Q(s, a) of the actions taken [N]."""
        return self.q(obs).gather(1, torch.as_tensor(action).long().unsqueeze(1)).squeeze(1)


class LinearQ(Model):
    """Q(s, a) = x(s) . w_a: features of the state, a vector of weights for each action. One-hot features are a table.

    Args:
        features: x, observations [N, ...] to [N, F].
        n_features, n_actions: F and A.
        n_seeds, seed: whose values; they are seed, seed + 1, ...
        alpha: step size of `step`.
    """

    dtype = torch.float64

    def __init__(
        self,
        features: Features,
        n_features: int,
        n_actions: int,
        n_seeds: int = 1,
        seed: int = 0,
        alpha: float = 0.1,
    ) -> None:
        super().__init__(n_actions, n_seeds, seed)
        Number(0, open_ends="low").check("alpha", alpha, {})
        self.features, self.alpha = features, alpha
        self.register_buffer("w", torch.zeros(n_seeds, n_features, n_actions, dtype=self.dtype))

    def x(self, obs: ndarray) -> Tensor:
        """The features of each seed's states [K, M, F]."""
        x = torch.as_tensor(self.features(obs), dtype=self.dtype)
        expected = (len(obs), self.w.shape[1])
        if x.shape != expected:
            raise bad_argument("features", f"shape {tuple(x.shape)} back from it", f"[N, F] = {expected}")
        return self.by_seed(x)

    def q(self, obs: ndarray) -> Tensor:
        return (self.x(obs) @ self.w).flatten(0, 1)

    def regression(self, obs: ndarray, action: ndarray) -> Callable[[Tensor], None]:
        """Exact least squares; of many solutions the shortest, so what was never tried keeps the value 0."""
        tried = self.by_seed(self.one_hot(action)).transpose(1, 2)  # [K, A, M]
        inverse = torch.linalg.pinv(self.x(obs).unsqueeze(1) * tried.unsqueeze(-1), rtol=1e-10)  # [K, A, F, M]

        def fit(y: Tensor) -> None:
            self.set(torch.einsum("kafm,km->kfa", inverse, self.by_seed(y)))

        return fit

    def step(self, obs: ndarray, action: ndarray, y: Tensor, done: int = 0) -> None:
        """w_a <- w_a + alpha (y - Q(s, a)) x(s), the mean over a batch. The gradient of Q(s, a) is x(s)."""
        error = self.by_seed((y - self.chosen(obs, action)).unsqueeze(1) * self.one_hot(action))  # [K, M, A]
        self.set(self.w + self.alpha * self.x(obs).transpose(1, 2) @ error / error.shape[1], done)

    def set(self, w: Tensor, done: int = 0) -> None:
        """New weights [K, F, A], but not of seeds that have diverged."""
        for k in (~w.isfinite().flatten(1).all(1)).nonzero().flatten().tolist():
            self.seeds.diverged.setdefault(k, done)
        if self.seeds.diverged:
            w[list(self.seeds.diverged)] = self.w[list(self.seeds.diverged)]
        self.w = w

    def one_hot(self, action: ndarray) -> Tensor:
        """Which action was taken [N, A]."""
        return nn.functional.one_hot(torch.as_tensor(action).long(), self.n_actions)


class NetQ(Model):
    """A net with an output for each action; a fit is some steps of Adam on minibatches, from the weights it has.

    Args:
        n_inputs, n_actions: numbers in an observation, and A.
        n_seeds, seed: seeds seed, seed + 1, ...; each has its own first weights and minibatches.
        hidden: widths of the hidden layers.
        learning_rate, steps, batch_size: of a fit.
    """

    dtype = torch.float32

    def __init__(
        self,
        n_inputs: int,
        n_actions: int,
        n_seeds: int = 1,
        seed: int = 0,
        hidden: Sequence[int] = (64, 64),
        learning_rate: float = 1e-3,
        steps: int = 100,
        batch_size: int = 128,
    ) -> None:
        super().__init__(n_actions, n_seeds, seed)
        for name, value in {"steps": steps, "batch_size": batch_size}.items():
            Scalar(1, whole=True).check(name, value, {})
        Scalar(0, open_ends="low").check("learning_rate", learning_rate, {})
        self.steps, self.batch_size, self.minibatches = steps, batch_size, self.seeds("minibatches")
        self.net = SideBySide(mlp((n_inputs, *hidden, n_actions), self.seeds("q network")), n_seeds)
        plain = SimpleNamespace(learning_rate=learning_rate, anneal=False, max_grad_norm=None)
        self.adam = Adam(self.net, seeds=self.seeds, config=plain, eps=1e-8)

    def q(self, obs: ndarray | Tensor) -> Tensor:
        return self.net(obs)

    def regression(self, obs: ndarray, action: ndarray) -> Callable[[Tensor], None]:
        """`steps` gradient steps, each on a minibatch drawn anew."""
        inputs, action = torch.as_tensor(obs, dtype=self.dtype), torch.as_tensor(action)
        K = len(self.seeds)
        M = len(action) // K
        first = torch.arange(K).unsqueeze(1) * M  # where each seed's transitions begin

        def fit(y: Tensor) -> None:
            for _ in range(self.steps):
                drawn = torch.from_numpy(self.minibatches.integers(M, min(self.batch_size, M)))
                rows = (first + drawn).flatten()
                self.step(inputs[rows], action[rows], y[rows])

        return fit

    def step(self, obs: ndarray | Tensor, action: ndarray | Tensor, y: Tensor, done: int = 0) -> None:
        """One step of Adam down the squared error to y, which is held fixed."""
        self.adam.step(((y.detach() - self.chosen(obs, action)) ** 2).mean(), done)
