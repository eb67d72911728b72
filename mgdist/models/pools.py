"""Pools: the states of a unit's samples become one vector.

Masked samples never count. A unit whose samples are all masked gives zeros.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

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
    """A mean with learned weights.

    After Yang et al., "Hierarchical Attention Networks for Document Classification", NAACL 2016.

    Args:
        width: D of each state.
    """

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, width)
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, states: Float[Tensor, "N S D"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N D"]:
        """Return one vector a unit."""
        seen = mask.unsqueeze(2)
        weights = softmax(self.score(torch.tanh(self.hidden(states))), seen, dim=1)
        return (states * seen * weights).sum(1)
