"""Attention heads that matter least are taken out whole.

After Michel, Levy and Neubig, "Are Sixteen Heads Really Better than One?", NeurIPS 2019.
"""

import torch
from jaxtyping import Int
from torch import Tensor, nn

from mgdist.models.encoders.transformer import Attention


def take_out_heads(attention: Attention, heads: list[int]) -> None:
    """Take heads out of an attention, in place."""
    count = attention.out.in_features // attention.each
    kept = torch.tensor([head for head in range(count) if head not in heads])
    numbers = (kept[:, None] * attention.each + torch.arange(attention.each)).flatten()
    asks = torch.cat([numbers + part * attention.out.in_features for part in range(3)])
    attention.ask.weight, attention.ask.bias = _rows(attention.ask.weight, asks), _rows(attention.ask.bias, asks)
    attention.ask.out_features = len(asks)
    attention.out.weight = nn.Parameter(attention.out.weight.detach()[:, numbers])
    attention.out.in_features = len(numbers)


def _rows(weight: Tensor, kept: Int[Tensor, " A"]) -> nn.Parameter:
    return nn.Parameter(weight.detach()[kept])
