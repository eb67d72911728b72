"""Arithmetic under a mask, such that what is masked can neither leak nor overflow.

No huge constants: -1e4 in place of a masked number would stretch the range of an integer tensor
until nothing else is left of it. A masked number is replaced by the lowest one around instead.
"""

import torch
from jaxtyping import Float
from torch import Tensor

LEAST = 1e-6
"""Below the smallest sum of a masked softmax: one of 4096 equal samples has 2.4e-4."""


def masked(x: Float[Tensor, "*any"], mask: Float[Tensor, "*#any"] | None) -> Float[Tensor, "*any"]:
    """Return the numbers, zero where masked; None stands for a mask that hides nothing."""
    return x if mask is None else x * mask


def sunk(
    x: Float[Tensor, "*any"], mask: Float[Tensor, "*#any"], *, dim: int | tuple[int, ...]
) -> Float[Tensor, "*any"]:
    """Replace what is masked by a number that is nowhere above an unmasked one along ``dim``.

    Where all is masked the result is 0.
    """
    kept = x * mask
    return kept + kept.amin(dim, keepdim=True) * (1 - mask)


def softmax(scores: Float[Tensor, "*any"], mask: Float[Tensor, "*#any"], *, dim: int) -> Float[Tensor, "*any"]:
    """Share 1 among the unmasked numbers along ``dim``; nothing is shared where all is masked."""
    shares = torch.softmax(sunk(scores, mask, dim=dim), dim) * mask
    return shares / shares.sum(dim, keepdim=True).clamp(min=LEAST)
