"""One granularity: its units become vectors."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Level(nn.Module):
    """An encoder along the samples of a unit, then pools side by side.

    Args:
        encoder: (N, S, C) and its mask -> states (N, S, D).
        pools: each (N, S, D) and its mask -> (N, D).
    """

    def __init__(self, *, encoder: nn.Module, pools: Sequence[nn.Module]) -> None:
        super().__init__()
        self.encoder = encoder
        self.pools = nn.ModuleList(pools)

    def forward(self, samples: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N W"]:
        """Return one vector a unit, of W = P x D numbers; whatever the masked samples hold is ignored."""
        states = self.encoder(samples * mask.unsqueeze(2), mask)
        return torch.cat([pool(states, mask) for pool in self.pools], 1)
