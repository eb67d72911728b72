"""Fusion: one vector of an example from its levels' summaries."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ConcatFusion(nn.Module):
    """The summaries side by side.

    Args:
        widths: numbers of each level's summary.
    """

    def __init__(self, *, widths: Sequence[int]) -> None:
        super().__init__()
        self.width = sum(widths)

    def forward(self, summaries: list[Float[Tensor, "B _"]]) -> Float[Tensor, "B F"]:
        """Return the fused vectors."""
        return torch.cat(summaries, 1)


class GatedFusion(nn.Module):
    """The summaries, each projected to D numbers, weighted by a gate and added.

    After Arevalo et al., "Gated Multimodal Units for Information Fusion", 2017.

    Args:
        widths: numbers of each level's summary.
        width: D of the fused vector.
    """

    def __init__(self, *, widths: Sequence[int], width: int) -> None:
        super().__init__()
        self.width = width
        self.project = nn.ModuleList(nn.Linear(each, width) for each in widths)
        self.gate = nn.Linear(len(widths) * width, len(widths))

    def forward(self, summaries: list[Float[Tensor, "B _"]]) -> Float[Tensor, "B F"]:
        """Return the fused vectors."""
        projected = [project(summary) for project, summary in zip(self.project, summaries, strict=True)]
        gate = torch.softmax(self.gate(torch.cat(projected, 1)), 1)
        return (torch.stack(projected, 1) * gate.unsqueeze(2)).sum(1)
