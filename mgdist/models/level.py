"""One granularity: its units become vectors."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mgdist.job.phases import Part
from mgdist.models.pools import RootPool
from mgdist.models.recompute import call


class Level(nn.Module):
    """An encoder along the samples of a unit, then pools side by side.

    Args:
        encoder: samples (N, S, C) and their mask -> states (N, S', D) and theirs; S' is S where nothing is strided.
        pools: each (N, S', D) and its mask -> one vector a unit.
        skip: put the samples themselves in front, added and divided by the root of their number: wide beside deep.
    """

    def __init__(self, *, encoder: nn.Module, pools: Sequence[nn.Module], skip: bool = False) -> None:
        super().__init__()
        self.recompute = False
        self.skip = RootPool() if skip else None
        self.encoder = encoder
        self.pools = nn.ModuleList(pools)

    def forward(
        self, samples: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"], part: Part | None = None
    ) -> Float[Tensor, "N W"]:
        """Return one vector a unit: those of the pools (and C numbers, with skip).

        What masked samples hold is ignored. ``part`` of the encoder runs, or all of it where it is None.
        """
        states, seen = self.states(samples, mask, part)
        return self.vectors(states, seen, samples, mask)

    def states(
        self, samples: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"], part: Part | None = None
    ) -> tuple[Float[Tensor, "N T D"], Float[Tensor, "N T"]]:
        """Return what the encoder makes of the samples, and which states are real; what is masked is zero."""
        given = () if part is None else (part,)
        states, seen = call(self.encoder, samples * mask.unsqueeze(2), mask, *given, again=self.recompute)
        return states, seen

    def vectors(
        self,
        states: Float[Tensor, "N T D"],
        seen: Float[Tensor, "N T"],
        samples: Float[Tensor, "N S C"],
        mask: Float[Tensor, "N S"],
    ) -> Float[Tensor, "N W"]:
        """Return one vector a unit, from the states and the samples that they were made of."""
        vectors = [pool(states, seen) for pool in self.pools]
        return torch.cat(vectors if self.skip is None else [self.skip(samples, mask), *vectors], 1)
