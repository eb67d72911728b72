"""All samples at once: self-attention."""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mgdist.job.cost import kept
from mgdist.job.phases import WHOLE, Part
from mgdist.models.masking import softmax
from mgdist.models.narrow import NarrowLinear
from mgdist.models.recompute import call


class TransformerEncoder(nn.Module):
    """Blocks of self-attention and feed-forward along the samples of a unit.

    After Vaswani et al., "Attention Is All You Need", 2017; each block normalises first, after Xiong
    et al., "On Layer Normalization in the Transformer Architecture", 2020.

    Args:
        channels: C of what it reads.
        width: D of each state.
        length: samples of a unit at most, each place with a vector of its own; None where order does not matter.
        layers: blocks.
        heads: attention heads; they divide D.
        expansion: width of the feed-forward block in multiples of D.
        dropout: share of each block's numbers dropped in training.
    """

    def __init__(
        self,
        *,
        channels: int,
        width: int,
        length: int | None,
        layers: int,
        heads: int,
        expansion: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.recompute = False
        self.project = nn.Identity() if channels == width else nn.Linear(channels, width)
        self.places = None if length is None else nn.Parameter(torch.randn(length, width) * 0.02)
        self.blocks = nn.ModuleList(
            Block(width=width, heads=heads, expansion=expansion, dropout=dropout) for _ in range(layers)
        )
        self.norm = nn.LayerNorm(width)

    def forward(
        self, x: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"], part: Part = WHOLE
    ) -> tuple[Float[Tensor, "N S D"], Float[Tensor, "N S"]]:
        """Return the states, zero where masked, and their mask; of a part of the blocks, or of all."""
        x = self.project(x)
        x = x if self.places is None else x + self.places[: x.shape[1]]
        for block in self.blocks[: part.layers]:
            x = call(block, x, mask, part.width, again=self.recompute)
        return self.norm(x) * mask.unsqueeze(2), mask

    def begin_narrow(self, share: float) -> None:
        """Let the hidden numbers beyond a share count nothing at first."""
        for block in self.blocks:
            cast(Block, block).feed.begin_narrow(share)


class Block(nn.Module):
    """Self-attention, then a feed-forward block, each added to what came in.

    Args:
        width: D of each state.
        heads: attention heads; they divide D.
        expansion: width of the feed-forward block in multiples of D.
        dropout: share of the added numbers dropped in training.
    """

    def __init__(self, *, width: int, heads: int, expansion: int, dropout: float) -> None:
        super().__init__()
        self.before_attention = nn.LayerNorm(width)
        self.attention = Attention(width=width, heads=heads)
        self.before_feed = nn.LayerNorm(width)
        self.feed = Feed(width=width, hidden=expansion * width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "N S D"], mask: Float[Tensor, "N S"], share: float = 1.0
    ) -> Float[Tensor, "N S D"]:
        """Return states; those of masked samples are finite, and nobody looks at them."""
        x = x + self.dropout(self.attention(self.before_attention(x), mask))
        fed: Tensor = x + self.dropout(self.feed(self.before_feed(x), share))
        return fed


class Feed(nn.Sequential):
    """A wide layer with ReLU, and one back to the width of the states.

    Args:
        width: D.
        hidden: numbers between the two layers.
    """

    def __init__(self, *, width: int, hidden: int) -> None:
        super().__init__(NarrowLinear(width, hidden), nn.ReLU(), NarrowLinear(hidden, width))
        self.hidden = hidden

    def forward(self, x: Float[Tensor, "N S D"], share: float = 1.0) -> Float[Tensor, "N S D"]:
        """Return as many numbers as came in, of a share of the hidden ones."""
        wide, relu, back = self
        fed: Tensor = back(relu(wide(x, kept(self.hidden, share) if share < 1 else None)))
        return fed

    def begin_narrow(self, share: float) -> None:
        """Let the hidden numbers beyond a share count nothing at first."""
        cast(NarrowLinear, self[2]).ignore(kept(self.hidden, share))


class Attention(nn.Module):
    """Each sample gathers from all unmasked ones, once a head.

    Args:
        width: D of each state.
        heads: parts of the width that look separately; they divide D. Fewer of them are left where some were pruned.
    """

    def __init__(self, *, width: int, heads: int) -> None:
        super().__init__()
        self.each = width // heads
        self.ask = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: Float[Tensor, "N S D"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N S D"]:
        """Return what each sample gathered."""
        units, samples, _ = x.shape
        query, key, value = (
            part.view(units, samples, -1, self.each).transpose(1, 2) for part in self.ask(x).chunk(3, 2)
        )
        scores = query @ key.transpose(2, 3) * self.each**-0.5
        gathered = softmax(scores, mask[:, None, None, :], dim=3) @ value
        out: Tensor = self.out(gathered.transpose(1, 2).reshape(units, samples, -1))
        return out
