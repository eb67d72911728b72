"""Neighbouring samples: convolutions along one axis."""

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor, nn

from mgdist.models.encoders.stages import Norm, stages_of, through


class ConvEncoder(nn.Module):
    """1-D convolutions with ReLU along the samples of a unit.

    After Kim, "Convolutional Neural Networks for Sentence Classification", EMNLP 2014; several kernels side by side
    after Fawaz et al., "InceptionTime", 2020; dilated ones after Bai et al., "An Empirical Evaluation of Generic
    Convolutional and Recurrent Networks for Sequence Modeling", 2018; depthwise ones after Chollet, "Xception",
    CVPR 2017.

    Args:
        channels: C of what it reads.
        width: D of each state; a multiple of 2 ** (stages - 1).
        layers: convolutions of each stage, at least 1.
        kernels: filter widths in samples, side by side; odd, so that a unit keeps its length.
        stages: each after the first halves the number of states and doubles their width, up to D.
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
            axes=1,
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
        """Return the states, zero where masked, and their mask; T is S, halved by stages, and less if valid."""
        row, seen = through(self.stages, x.unsqueeze(1).permute(0, 3, 1, 2), mask[:, None, None])
        return row.permute(0, 2, 3, 1).squeeze(1), seen[:, 0, 0]
