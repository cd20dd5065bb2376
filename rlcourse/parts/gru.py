"""Memory for K seeds at once: a GRU (lecture 09).

Source: Cho et al. (2014), in the form of torch.nn.GRUCell. Each environment has a memory of its own, [N, H].
"""

from typing import Any

import torch
from torch import Tensor, nn

from rlcourse.parts.nets import SideBySide, StackedLinear
from rlcourse.parts.seeds import Stream


class GRU(nn.Module):
    r"""K gated recurrent units side by side: what to remember next, of what is seen and what was remembered.

    .. math:: r, z = \sigma(W x + U h), \quad n = \tanh(W_n x + r \odot U_n h), \quad h' = (1 - z) n + z h

    z says how much of the old memory stays, r how much of it is looked at; biases are left out of the formula. An
    observation's last number is 1 where an episode begins (see Begins): there h counts as 0.
    """

    def __init__(self, n_in: int, gru_width: int, chance: Stream) -> None:
        super().__init__()
        self.seen = SideBySide(StackedLinear(n_in, 3 * gru_width, chance), len(chance))
        self.remembered = SideBySide(StackedLinear(gru_width, 3 * gru_width, chance), len(chance))

    def forward(self, obs: Any, memory: Tensor) -> Tensor:
        """Observations [..., N, n_in] and memories [..., N, H] to the next memories [..., N, H]."""
        obs = torch.as_tensor(obs, dtype=torch.float32)
        memory = memory * (1 - obs[..., -1:])
        (r, z, n), (r_h, z_h, n_h) = self.seen(obs).chunk(3, dim=-1), self.remembered(memory).chunk(3, dim=-1)
        r, z = (r + r_h).sigmoid(), (z + z_h).sigmoid()
        return (1 - z) * (n + r * n_h).tanh() + z * memory

    def unroll(self, obs: Tensor, memory: Tensor) -> Tensor:
        """Observations [T, N, n_in] from the memories [N, H] on: the memories after each of them [T, N, H]."""
        memories = []
        for now in obs:
            memory = self(now, memory)
            memories.append(memory)
        return torch.stack(memories)
