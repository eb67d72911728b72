"""The encoder of a pre-trained checkpoint, in operators that convert, with masks that hold."""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mgdist.models.encoders.transformer import Attention
from mgdist.models.recompute import call

ACTIVATIONS: dict[Literal["gelu", "relu"], Callable[[], nn.Module]] = {"gelu": nn.GELU, "relu": nn.ReLU}


class PretrainedEncoder(nn.Module):
    """Blocks of self-attention and feed-forward that normalise last, behind vectors for the places.

    After Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers", NAACL 2019. The vectors of the tokens
    come from the level's embedding; that of the first segment is in those of the places.

    Args:
        width: D of each state, and C of what it reads.
        length: samples of a unit at most.
        layers: blocks.
        heads: attention heads; they divide D.
        inner: width of the feed-forward blocks.
        activation: between their two layers.
        epsilon: added to a variance by the norms.
        learning: blocks that learn, from the last on; None: all, and the places too. Dropout is for those that learn.
        dropout: share of each block's numbers dropped in training.
    """

    def __init__(
        self,
        *,
        width: int,
        length: int,
        layers: int,
        heads: int,
        inner: int,
        activation: Literal["gelu", "relu"],
        epsilon: float,
        learning: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.recompute = False
        self.places = nn.Parameter(torch.randn(length, width) * 0.02)
        self.norm = nn.LayerNorm(width, eps=epsilon)
        first = 0 if learning is None else layers - learning
        self.blocks = nn.ModuleList(
            PostNormBlock(
                width=width,
                heads=heads,
                inner=inner,
                activation=ACTIVATIONS[activation](),
                epsilon=epsilon,
                dropout=dropout if number >= first else 0.0,
            )
            for number in range(layers)
        )
        if learning is not None:
            self.places.requires_grad_(False)
            self.norm.requires_grad_(False)
            self.blocks[:first].requires_grad_(False)

    def forward(
        self, x: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]
    ) -> tuple[Float[Tensor, "N S D"], Float[Tensor, "N S"]]:
        """Return the states, zero where masked, and their mask.

        What does not learn makes no graph: neither its numbers nor the embedding's ask for a gradient.
        """
        x = self.norm(x + self.places[: x.shape[1]])
        for block in self.blocks:
            x = call(block, x, mask, again=self.recompute)
        return x * mask.unsqueeze(2), mask


class PostNormBlock(nn.Module):
    """Self-attention, then a feed-forward block, each added to what came in, and then normalised.

    Args:
        width: D of each state.
        heads: attention heads; they divide D.
        inner: width of the feed-forward block.
        activation: between its two layers.
        epsilon: added to a variance by the norms.
        dropout: share of the added numbers dropped in training.
    """

    def __init__(
        self, *, width: int, heads: int, inner: int, activation: nn.Module, epsilon: float, dropout: float
    ) -> None:
        super().__init__()
        self.attention = Attention(width=width, heads=heads)
        self.after_attention = nn.LayerNorm(width, eps=epsilon)
        self.feed = nn.Sequential(nn.Linear(width, inner), activation, nn.Linear(inner, width))
        self.after_feed = nn.LayerNorm(width, eps=epsilon)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "N S D"], mask: Float[Tensor, "N S"]) -> Float[Tensor, "N S D"]:
        """Return states; those of masked samples are finite, and nobody looks at them."""
        x = self.after_attention(x + self.dropout(self.attention(x, mask)))
        fed: Tensor = self.after_feed(x + self.dropout(self.feed(x)))
        return fed
