"""Each sample by itself, through hidden layers."""

from jaxtyping import Float
from torch import Tensor, nn


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
        self.layers = nn.ModuleList(nn.Linear(width if layer else channels, width) for layer in range(layers))
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"], layers: int | None = None
    ) -> tuple[Float[Tensor, "N S D"], Float[Tensor, "N S"]]:
        """Return the states, zero where masked, and their mask; of the first ``layers``, or of all."""
        for layer in self.layers[:layers]:
            x = self.dropout(layer(x).relu())
        return x * mask.unsqueeze(2), mask
