"""Pools: the states of a unit's samples become one vector.

Masked samples never count. A unit whose samples are all masked gives zeros.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from mgdist.models.masking import softmax, sunk


class MeanPool(nn.Module):
    """The mean over the samples."""

    def forward(self, states: Float[Tensor, "N S D"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N D"]:
        """Return one vector a unit."""
        total = (states * mask.unsqueeze(2)).sum(1)
        return total / mask.sum(1, keepdim=True).clamp(min=1.0)


class RootPool(nn.Module):
    """The sum over the samples, divided by the root of their number.

    Longer units speak louder, but less than in proportion: the ``sqrtn`` combiner of TensorFlow's embedding lookups.
    """

    def forward(self, states: Float[Tensor, "N S D"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N D"]:
        """Return one vector a unit."""
        total = (states * mask.unsqueeze(2)).sum(1)
        return total / mask.sum(1, keepdim=True).clamp(min=1.0).sqrt()


class MaxPool(nn.Module):
    """The largest number of each channel (Collobert and Weston, 2008)."""

    def forward(self, states: Float[Tensor, "N S D"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N D"]:
        """Return one vector a unit."""
        return sunk(states, mask.unsqueeze(2), dim=1).amax(1)


class AttentionPool(nn.Module):
    """A mean with learned weights, for each part of the numbers its own.

    After Yang et al., "Hierarchical Attention Networks for Document Classification", NAACL 2016; the heads are those
    of Vaswani et al., "Attention Is All You Need", 2017.

    Args:
        width: D of each state.
        heads: parts of the width, each with weights of its own; they divide D.
    """

    def __init__(self, *, width: int, heads: int = 1) -> None:
        super().__init__()
        self.heads = heads
        self.hidden = nn.Linear(width, width)
        self.score = nn.Linear(width, heads, bias=False)

    def forward(self, states: Float[Tensor, "N S D"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N D"]:
        """Return one vector a unit."""
        seen = mask.unsqueeze(2)
        weights = softmax(self.score(torch.tanh(self.hidden(states))), seen, dim=1)
        if self.heads == 1:
            return (states * seen * weights).sum(1)
        units, samples, width = states.shape
        parts = (states * seen).view(units, samples, self.heads, -1) * weights.unsqueeze(3)
        return parts.sum(1).view(units, width)


class LastPool(nn.Module):
    """The state of the last sample, as in sequence models that read to the end (Sutskever et al., 2014)."""

    def forward(self, states: Float[Tensor, "N S D"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N D"]:
        """Return one vector a unit. A unit's padding stands behind its samples."""
        followed = F.pad(mask[:, 1:], (0, 1))
        return (states * (mask * (1 - followed)).unsqueeze(2)).sum(1)


class AllPool(nn.Module):
    """All states side by side, zeros where a unit is shorter: for linear models, for an MLP, for forecasting.

    Args:
        count: T, states of a full unit.
    """

    def __init__(self, *, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, states: Float[Tensor, "N S D"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N W"]:
        """Return one vector a unit, of W = T x D numbers; a batch may be padded to less than T, or to more."""
        kept = (states * mask.unsqueeze(2))[:, : self.count]
        return F.pad(kept, (0, 0, 0, self.count - kept.shape[1])).flatten(1)
