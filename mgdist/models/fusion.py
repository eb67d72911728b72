"""Fusion: one vector of an example from its levels' summaries."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn


class Even(nn.Module):
    """Each level's summary at the same length, times a factor that is learned.

    After Zhang and Sennrich, "Root Mean Square Layer Normalization", NeurIPS 2019, with one factor a level.

    Args:
        levels: summaries that come.
    """

    def __init__(self, *, levels: int) -> None:
        super().__init__()
        self.factors = nn.Parameter(torch.ones(levels))

    def forward(self, summaries: list[Float[Tensor, "B _"]]) -> list[Float[Tensor, "B _"]]:
        """Return the summaries, in their order."""
        return [
            summary * torch.rsqrt(summary.square().mean(1, keepdim=True) + 1e-6) * self.factors[level]
            for level, summary in enumerate(summaries)
        ]


class ConcatFusion(nn.Module):
    """The summaries side by side.

    Args:
        widths: numbers of each level's summary.
        norm: what is done to each summary first.
    """

    def __init__(self, *, widths: Sequence[int], norm: Literal["rms"] | None = None) -> None:
        super().__init__()
        self.width = sum(widths)
        self.norm = Even(levels=len(widths)) if norm == "rms" else nn.Identity()

    def forward(self, summaries: list[Float[Tensor, "B _"]]) -> Float[Tensor, "B F"]:
        """Return the fused vectors."""
        return torch.cat(self.norm(summaries), 1)


class GatedFusion(nn.Module):
    """The summaries, each projected to D numbers, weighted by a gate and added.

    After Arevalo et al., "Gated Multimodal Units for Information Fusion", 2017.

    Args:
        widths: numbers of each level's summary.
        width: D of the fused vector.
        norm: what is done to each summary first.
    """

    def __init__(self, *, widths: Sequence[int], width: int, norm: Literal["rms"] | None = None) -> None:
        super().__init__()
        self.width = width
        self.norm = Even(levels=len(widths)) if norm == "rms" else nn.Identity()
        self.project = nn.ModuleList(nn.Linear(each, width) for each in widths)
        self.gate = nn.Linear(len(widths) * width, len(widths))

    def forward(self, summaries: list[Float[Tensor, "B _"]]) -> Float[Tensor, "B F"]:
        """Return the fused vectors."""
        even = self.norm(summaries)
        projected = [project(summary) for project, summary in zip(self.project, even, strict=True)]
        gate = torch.softmax(self.gate(torch.cat(projected, 1)), 1)
        return (torch.stack(projected, 1) * gate.unsqueeze(2)).sum(1)


class DeepFusion(nn.Module):
    """Fully connected layers behind a fusion: a multi-layer perceptron over all that the levels say.

    Args:
        fusion: of the summaries.
        width: numbers that it gives.
        hidden: widths of the layers, at least one.
        dropout: share of the numbers between two layers dropped in training.
    """

    def __init__(self, *, fusion: nn.Module, width: int, hidden: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.width = hidden[-1]
        self.fusion = fusion
        layers: list[nn.Module] = []
        for into, out in pairwise((width, *hidden)):
            layers += [nn.Dropout(dropout), nn.Linear(into, out), nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, summaries: list[Float[Tensor, "B _"]]) -> Float[Tensor, "B F"]:
        """Return the vectors of the last layer."""
        fused: Tensor = self.layers(self.fusion(summaries))
        return fused
