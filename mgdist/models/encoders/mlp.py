"""Each sample by itself, through hidden layers."""

from typing import cast

from jaxtyping import Float
from torch import Tensor, nn

from mgdist.job.cost import kept
from mgdist.job.phases import WHOLE, Part
from mgdist.models.narrow import NarrowLinear


class MlpEncoder(nn.Module):
    """Fully connected layers with ReLU, the same for every sample.

    After Rumelhart, Hinton and Williams, "Learning representations by back-propagating errors", Nature 1986.

    Args:
        channels: C of what it reads.
        width: D of each state, and of each hidden layer.
        layers: layers, at least 1.
        dropout: share of each layer's numbers dropped in training.
    """

    def __init__(self, *, channels: int, width: int, layers: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.width = width
        self.layers = nn.ModuleList(NarrowLinear(width if layer else channels, width) for layer in range(layers))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"], part: Part = WHOLE
    ) -> tuple[Float[Tensor, "N S D"], Float[Tensor, "N S"]]:
        """Return the states, zero where masked, and their mask; of a part of the layers, or of all."""
        *hidden, last = self.layers[: part.layers]
        for layer in hidden:
            x = self.dropout(layer(x, self._kept(part.width)).relu())
        return self.dropout(last(x).relu()) * mask.unsqueeze(2), mask

    def begin_narrow(self, share: float) -> None:
        """Let the hidden numbers beyond a share count nothing at first."""
        for layer in list(self.layers)[1:]:
            cast(NarrowLinear, layer).ignore(kept(self.width, share))

    def _kept(self, share: float) -> int | None:
        return kept(self.width, share) if share < 1 else None
