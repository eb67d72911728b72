"""One granularity: its units become vectors."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mgdist.models.pools import RootPool


class Level(nn.Module):
    """An encoder along the samples of a unit, then pools side by side.

    Args:
        encoder: (N, S, C) and its mask -> states (N, S, D).
        pools: each (N, S, D) and its mask -> (N, D).
        skip: put the samples themselves in front, added and divided by the root of their number: wide beside deep.
    """

    def __init__(self, *, encoder: nn.Module, pools: Sequence[nn.Module], skip: bool = False) -> None:
        super().__init__()
        self.skip = RootPool() if skip else None
        self.encoder = encoder
        self.pools = nn.ModuleList(pools)

    def forward(self, samples: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N W"]:
        """Return one vector a unit, of W = P x D (and C, with skip) numbers; what masked samples hold is ignored."""
        states = self.encoder(samples * mask.unsqueeze(2), mask)
        vectors = [pool(states, mask) for pool in self.pools]
        return torch.cat(vectors if self.skip is None else [self.skip(samples, mask), *vectors], 1)
