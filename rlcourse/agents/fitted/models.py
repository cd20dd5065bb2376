"""Action values that are functions, K seeds side by side: linear in features, or a net (lecture 03).

A model has n_seeds, n_actions and dtype; q(obs) -> [K, N, A]; regression(obs, action), a function that fits y [K, N];
and step(obs, action, y), one gradient step towards y.
"""

from collections.abc import Callable, Sequence

import torch
from numpy import ndarray
from torch import Tensor, nn

from rlcourse.contracts.inputs import Number, bad_argument
from rlcourse.parts.nets import generators_for, mlp

Features = Callable[[ndarray], ndarray]  # observations [K, N, ...] to features [K, N, F]


class LinearQ(nn.Module):
    """Q(s, a) = x(s) . w_a: features of the state, a vector of weights for each action. One-hot features are a table.

    Args:
        features: x, observations [K, N, ...] to [K, N, F].
        n_features, n_actions: F and A.
        n_seeds: K.
        alpha: step size of `step`.
    """

    dtype = torch.float64

    def __init__(
        self, features: Features, n_features: int, n_actions: int, n_seeds: int = 1, alpha: float = 0.1
    ) -> None:
        super().__init__()
        Number(0, open_ends="low").check("alpha", alpha, {})
        self.features, self.n_actions, self.n_seeds, self.alpha = features, n_actions, n_seeds, alpha
        self.register_buffer("w", torch.zeros(n_seeds, n_features, n_actions, dtype=self.dtype))

    def x(self, obs: ndarray) -> Tensor:
        """The features [K, N, F]."""
        x = torch.as_tensor(self.features(obs), dtype=self.dtype)
        expected = (self.n_seeds, obs.shape[1], self.w.shape[1])
        if x.shape != expected:
            raise bad_argument("features", f"shape {tuple(x.shape)} back from it", f"[K, N, F] = {expected}")
        return x

    def q(self, obs: ndarray) -> Tensor:
        return self.x(obs) @ self.w

    def regression(self, obs: ndarray, action: ndarray) -> Callable[[Tensor], None]:
        """Exact least squares; of many solutions the shortest, so what was never tried keeps the value 0."""
        tried = nn.functional.one_hot(torch.as_tensor(action).long(), self.n_actions).transpose(1, 2)  # [K, A, N]
        inverse = torch.linalg.pinv(self.x(obs).unsqueeze(1) * tried.unsqueeze(-1), rtol=1e-10)  # [K, A, F, N]

        def fit(y: Tensor) -> None:
            self.w = torch.einsum("kafn,kn->kfa", inverse, y)

        return fit

    def step(self, obs: ndarray, action: ndarray, y: Tensor) -> None:
        """w_a <- w_a + alpha (y - Q(s, a)) x(s), the mean over N. The gradient of Q(s, a) is x(s)."""
        x, chosen = self.x(obs), nn.functional.one_hot(torch.as_tensor(action).long(), self.n_actions)
        error = (y - (x @ self.w * chosen).sum(-1)).unsqueeze(-1) * chosen  # [K, N, A], 0 where not chosen
        self.w = self.w + self.alpha * x.transpose(1, 2) @ error / y.shape[1]


class NetQ(nn.Module):
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
        super().__init__()
        for name, value in {"steps": steps, "batch_size": batch_size}.items():
            Number(1).check(name, value, {})
        Number(0, open_ends="low").check("learning_rate", learning_rate, {})
        self.n_actions, self.n_seeds, self.steps, self.batch_size = n_actions, n_seeds, steps, batch_size
        self.generators = generators_for(n_seeds, seed)
        self.net = mlp((n_inputs, *hidden, n_actions), self.generators)
        self.optimizer = torch.optim.Adam(self.net.parameters(), learning_rate)

    def q(self, obs: ndarray | Tensor) -> Tensor:
        return self.net(torch.as_tensor(obs, dtype=self.dtype))

    def regression(self, obs: ndarray, action: ndarray) -> Callable[[Tensor], None]:
        """`steps` gradient steps, each on a minibatch drawn anew."""
        inputs, action = torch.as_tensor(obs, dtype=self.dtype), torch.as_tensor(action)
        seeds = torch.arange(self.n_seeds).unsqueeze(1)

        def fit(y: Tensor) -> None:
            for _ in range(self.steps):
                size = (min(self.batch_size, y.shape[1]),)
                drawn = torch.stack([torch.randint(y.shape[1], size, generator=g) for g in self.generators])
                self.step(inputs[seeds, drawn], action[seeds, drawn], y[seeds, drawn])

        return fit

    def step(self, obs: ndarray | Tensor, action: ndarray | Tensor, y: Tensor) -> None:
        """One step of Adam down the squared error to y, which is held fixed."""
        q = self.q(obs).gather(2, torch.as_tensor(action).long().unsqueeze(2)).squeeze(2)
        self.optimizer.zero_grad()
        ((y.detach() - q) ** 2).mean(1).sum().backward()  # the sum: each seed gets the gradient of its own mean
        self.optimizer.step()


Model = LinearQ | NetQ
