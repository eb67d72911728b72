"""What convolutions along one axis and along two have in common.

All of it reads channels first, (N, C, H, W), and a mask (N, 1, H, W). One axis alone is a grid of one row: torch trains
2-D convolutions twice as fast as 1-D ones where the channels lie last in memory, and the converter wraps each
1-D convolution in two transpositions, but takes those of 2-D ones out.
"""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mgdist.job.cost import shares
from mgdist.models.encoders.norms import BatchNorm, SampleNorm
from mgdist.models.masking import masked, sunk

Norm = Literal["batch", "layer"]
Grid = Float[Tensor, "N _ H W"]
Mask = Float[Tensor, "N 1 H W"]


def through(stages: nn.ModuleList, grid: Grid, mask: Mask) -> tuple[Tensor, Tensor]:
    """Return the states that the stages make of a grid, zero where masked, and their mask.

    Where nothing is masked, as in images and in windows of one length, no work is done for the mask: in training it
    costs as much as the convolutions. A graph that is exported is for any mask.
    """
    if torch.compiler.is_exporting() or not bool(mask.all()):
        for stage in stages:
            grid, mask = stage(grid, mask)
        return grid, mask
    for stage in stages:
        grid, _ = stage(grid, None)
    return grid, mask.new_ones(len(grid), 1, *grid.shape[2:])


def stages_of(
    *,
    axes: int,
    channels: int,
    width: int,
    stages: int,
    layers: int,
    kernels: Sequence[int],
    dilation: int,
    valid: bool,
    depthwise: bool,
    residual: bool,
    norm: Norm | None,
    dropout: float,
) -> nn.ModuleList:
    """Return the stages: width D at the last one, half of it before, and so on; all but the first halve the axes."""
    made, reach = nn.ModuleList(), max(kernels) // 2 if valid else 0
    for stage in range(stages):
        wide = width >> (stages - 1 - stage)
        first = wide if residual else channels
        project = residual and channels != wide
        made.append(
            Stage(
                halving=Halving(axes=axes, below_zero=residual) if stage else None,
                project=_convolution(axes, channels, wide, 1) if project else None,
                layers=[
                    Layer(
                        filters=[
                            _filter(axes, wide if layer else first, share, kernel, dilation**layer, depthwise, norm)
                            for kernel, share in zip(kernels, shares(wide, len(kernels)), strict=True)
                        ],
                        norm=_norm(norm, wide),
                        lost=(dilation**layer * reach if axes == 2 else 0, dilation**layer * reach),
                        residual=residual,
                        dropout=dropout,
                    )
                    for layer in range(layers)
                ],
            )
        )
        channels = wide
    return made


class Stage(nn.Module):
    """Layers of one width on one grid.

    Args:
        halving: makes the grid smaller first.
        project: from what comes to the width of the layers.
        layers: one after another.
    """

    def __init__(self, *, halving: nn.Module | None, project: nn.Module | None, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.halving = halving
        self.project = project
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Grid, mask: Mask | None) -> tuple[Tensor, Tensor | None]:
        """Return the states, zero where masked, and their mask; None stands for a mask that hides nothing."""
        if self.halving is not None:
            x, mask = self.halving(x, mask)
        x = x if self.project is None else masked(self.project(x), mask)
        for layer in self.layers:
            x, mask = layer(x, mask)
        return x, mask


class Layer(nn.Module):
    """Filters side by side, a norm, and ReLU.

    Args:
        filters: each (N, C, H, W) -> a share of the width.
        norm: of the channels and a mask.
        lost: states that are left out at each end of both axes, those whose filters see beyond it; real samples stand
            before all masked ones.
        residual: add what came in (He et al., "Deep Residual Learning for Image Recognition", CVPR 2016).
        dropout: share of the numbers dropped in training.
    """

    def __init__(
        self,
        *,
        filters: Sequence[nn.Module],
        norm: nn.Module | None,
        lost: tuple[int, int],
        residual: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.filters = nn.ModuleList(filters)
        self.norm = norm
        self.lost = lost
        self.residual = residual
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Grid, mask: Mask | None) -> tuple[Tensor, Tensor | None]:
        """Return the states and their mask. Without it the next layer would see this one's bias behind a unit's end."""
        seen = [filter(x) for filter in self.filters]
        y = seen[0] if len(seen) == 1 else torch.cat(seen, 1)
        if any(self.lost):
            x, y = self._inner(x), self._inner(y)
            down, across = self.lost
            mask = None if mask is None else mask[:, :, 2 * down :, 2 * across :]  # the last sample that a filter sees
        y = y if self.norm is None else self.norm(y, mask)
        y = self.dropout(y.relu())
        return masked(x + y if self.residual else y, mask), mask

    def _inner(self, x: Tensor) -> Tensor:
        down, across = self.lost
        return x[:, :, down : x.shape[2] - down, across : x.shape[3] - across]


class Halving(nn.Module):
    """The largest real number of each two neighbours along each axis.

    Args:
        axes: 1 halves rows, 2 columns too.
        below_zero: numbers may be; else the zeros of what is masked are never above a real one.
    """

    def __init__(self, *, axes: int, below_zero: bool) -> None:
        super().__init__()
        self.window = (axes, 2)
        self.below_zero = below_zero

    def forward(self, x: Grid, mask: Mask | None) -> tuple[Tensor, Tensor | None]:
        """Return the numbers, and which of the pairs hold a real one."""
        if mask is None:
            return F.max_pool2d(x, self.window, ceil_mode=True), None
        down, across = (-size % step for size, step in zip(x.shape[2:], self.window, strict=True))
        if down or across:
            x, mask = F.pad(x, (0, across, 0, down)), F.pad(mask, (0, across, 0, down))
        seen = F.max_pool2d(mask, self.window)
        if not self.below_zero:
            return F.max_pool2d(x, self.window), seen
        return F.max_pool2d(sunk(x, mask, dim=(2, 3)), self.window) * seen, seen


def _filter(
    axes: int, channels: int, width: int, kernel: int, dilation: int, depthwise: bool, norm: Norm | None
) -> nn.Module:
    bias = norm != "batch"  # which would take it away again
    made: nn.Module
    if not depthwise:
        made = last = _convolution(axes, channels, width, kernel, dilation, bias=bias)
    else:
        each = _convolution(axes, channels, channels, kernel, dilation, bias=False, groups=channels)
        last = _convolution(axes, channels, width, 1, bias=bias)
        made = nn.Sequential(each, last)
    if isinstance(last.bias, Tensor):  # a constant would drown the small numbers that an embedding starts with
        nn.init.zeros_(last.bias)
    return made


def _convolution(
    axes: int, channels: int, width: int, kernel: int, dilation: int = 1, *, bias: bool = True, groups: int = 1
) -> nn.Conv2d:
    window = (kernel if axes == 2 else 1, kernel)
    return nn.Conv2d(
        channels,
        width,
        window,
        padding=(dilation * (window[0] // 2), dilation * (window[1] // 2)),
        dilation=dilation,
        bias=bias,
        groups=groups,
    )


def _norm(norm: Norm | None, width: int) -> nn.Module | None:
    match norm:
        case "batch":
            return BatchNorm(width=width)
        case "layer":
            return SampleNorm(width=width)
        case None:
            return None
