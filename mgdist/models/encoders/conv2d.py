"""Neighbouring samples of an image: convolutions along two axes."""

from collections.abc import Sequence
from math import isqrt

from jaxtyping import Float
from torch import Tensor, nn

from mgdist.models.encoders.stages import Norm, stages_of, through


class Conv2dEncoder(nn.Module):
    """2-D convolutions with ReLU over units that are squares of samples.

    After LeCun et al., "Gradient-Based Learning Applied to Document Recognition", 1998; residual after He et al.,
    "Deep Residual Learning for Image Recognition", CVPR 2016; depthwise after Chollet, "Xception", CVPR 2017.

    Args:
        channels: C of what it reads.
        width: D of each state; a multiple of 2 ** (stages - 1).
        layers: convolutions of each stage, at least 1.
        kernels: filter widths in samples along each side, side by side; odd, so that a unit keeps its size.
        stages: each after the first halves both sides and doubles the width, up to D.
        dilation: a filter's samples stand ``dilation ** layer`` apart.
        valid: each layer leaves out the states whose filters see beyond a unit's ends; real samples stand first.
        depthwise: each channel by itself, then all channels of each sample.
        residual: add each layer's input to its output; what comes into a stage is projected first where it must be.
        norm: of each layer: over the batch, or over the channels of each sample.
        dropout: share of each layer's numbers dropped in training.
    """

    def __init__(
        self,
        *,
        channels: int,
        width: int,
        layers: int,
        kernels: Sequence[int],
        stages: int = 1,
        dilation: int = 1,
        valid: bool = False,
        depthwise: bool = False,
        residual: bool = False,
        norm: Norm | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.stages = stages_of(
            axes=2,
            channels=channels,
            width=width,
            stages=stages,
            layers=layers,
            kernels=kernels,
            dilation=dilation,
            valid=valid,
            depthwise=depthwise,
            residual=residual,
            norm=norm,
            dropout=dropout,
        )

    def forward(
        self, x: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]
    ) -> tuple[Float[Tensor, "N T D"], Float[Tensor, "N T"]]:
        """Return the states row by row, zero where masked, and their mask; S is a square, and comes row by row."""
        side = isqrt(x.shape[1])
        square = (len(x), side, side)
        grid, seen = through(self.stages, x.view(*square, -1).permute(0, 3, 1, 2), mask.view(*square).unsqueeze(1))
        return grid.permute(0, 2, 3, 1).flatten(1, 2), seen.flatten(1)
