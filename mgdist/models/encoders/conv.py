"""Neighbouring samples: convolutions."""

from jaxtyping import Float
from torch import Tensor, nn


class ConvEncoder(nn.Module):
    """1-D convolutions with ReLU along the samples of a unit.

    After Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014.

    Args:
        channels: C of what it reads.
        width: D of each state.
        layers: convolutions, at least 1.
        kernel: filter width in samples; odd, so that a unit keeps its length.
        residual: add each layer's input to its output; C is projected to D first where they differ.
        dropout: share of each layer's numbers dropped in training.
    """

    def __init__(
        self, *, channels: int, width: int, layers: int, kernel: int, residual: bool = False, dropout: float = 0.0
    ) -> None:
        super().__init__()
        project = residual and channels != width
        self.project = nn.Linear(channels, width) if project else nn.Identity()
        first = width if project else channels
        self.layers = nn.ModuleList(
            nn.Conv1d(first if layer == 0 else width, width, kernel, padding=kernel // 2) for layer in range(layers)
        )
        for name, parameter in self.layers.named_parameters():
            if name.endswith("bias"):  # a constant would drown the small numbers that an embedding starts with
                nn.init.zeros_(parameter)
        self.residual = residual
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N S D"]:
        """Return the states, zero where masked."""
        seen = mask.unsqueeze(1)
        x = self.project(x).transpose(1, 2) * seen
        for layer in self.layers:
            y = self.dropout(layer(x).relu())
            # Without the mask the next layer would see this one's bias behind the unit's end.
            x = (x + y if self.residual else y) * seen
        return x.transpose(1, 2)
