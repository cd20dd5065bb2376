"""Memory for K seeds at once: a GRU, the flag that says where episodes begin, a task that needs both (lecture 09).

Source: Cho et al. (2014), in the form of torch.nn.GRUCell. A memory belongs to an environment: [K, B, H] for B of them.
"""

import torch
from torch import Tensor, nn

from rlcourse.parts.nets import Generators, StackedLinear


class GRU(nn.Module):
    r"""K gated recurrent units side by side: what to remember next, of what is seen and what was remembered.

    .. math:: r, z = \sigma(W x + U h), \quad n = \tanh(W_n x + r \odot U_n h), \quad h' = (1 - z) n + z h

    z says how much of the old memory stays, r how much of it is looked at; biases are left out of the formula. An
    observation's last number is 1 where an episode begins (see Begins): there h counts as 0.
    """

    def __init__(self, n_in: int, n_hidden: int, generators: Generators) -> None:
        super().__init__()
        self.seen = StackedLinear(n_in, 3 * n_hidden, generators)
        self.remembered = StackedLinear(n_hidden, 3 * n_hidden, generators)

    def forward(self, obs: Tensor, memory: Tensor) -> Tensor:
        """Observations [K, N, n_in] and memories [K, N, H] to the next memories [K, N, H]."""
        memory = memory * (1 - obs[..., -1:])
        (r, z, n), (r_h, z_h, n_h) = self.seen(obs).chunk(3, dim=-1), self.remembered(memory).chunk(3, dim=-1)
        r, z = (r + r_h).sigmoid(), (z + z_h).sigmoid()
        return (1 - z) * (n + r * n_h).tanh() + z * memory

    def unroll(self, obs: Tensor, memory: Tensor) -> Tensor:
        """Observations [T, K, B, n_in] from the memories [K, B, H] on: the memories after each of them [T, K, B, H]."""
        memories = []
        for now in obs:
            memory = self(now, memory)
            memories.append(memory)
        return torch.stack(memories)
