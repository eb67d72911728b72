"""The encoders and pools that a level of detail can ask for."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from mgdist.job.strict import Spec, as_tuple

Pool = Literal["mean", "max", "attention"]


class BagSpec(Spec):
    """No context: each sample by itself, so that the mean pool gives a bag of words."""

    kind: Literal["bag"]


class ConvSpec(Spec):
    """1-D convolutions (Kim, 2014)."""

    kind: Literal["conv"]
    layers: int = Field(1, ge=1, le=12)
    """convolutions, one after another"""
    kernel: int = Field(3, ge=1, le=31)
    """filter width in samples; odd, so that a unit keeps its length"""
    residual: bool = False
    """add each layer's input to its output"""


class RecurrentSpec(Spec):
    """What GRU and LSTM have in common."""

    layers: int = Field(1, ge=1, le=4)
    """recurrent layers, one on top of another"""
    bidirectional: bool = True
    """read both ways; each direction has half of the width"""


class GruSpec(RecurrentSpec):
    """Gated recurrent units (Cho et al., 2014)."""

    kind: Literal["gru"]


class LstmSpec(RecurrentSpec):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997)."""

    kind: Literal["lstm"]


class TransformerSpec(Spec):
    """Self-attention with a feed-forward block (Vaswani et al., 2017), normalised first."""

    kind: Literal["transformer"]
    layers: int = Field(2, ge=1, le=24)
    """blocks of attention and feed-forward"""
    heads: int = Field(4, ge=1, le=32)
    """attention heads; model.width must be a multiple"""
    expansion: int = Field(2, ge=1, le=8)
    """width of the feed-forward block as a multiple of model.width"""


Encoder = Annotated[BagSpec | ConvSpec | GruSpec | LstmSpec | TransformerSpec, Field(discriminator="kind")]


class LevelSpec(Spec):
    """One granularity: how long its units are, and how a unit becomes a vector."""

    length: int = Field(ge=1, le=4096)
    """samples that a unit holds at most: words of a sentence, sentences of a paragraph, ..."""
    encoder: Encoder
    """how the samples of a unit see each other"""
    pool: Annotated[tuple[Pool, ...], BeforeValidator(as_tuple), Field(min_length=1, max_length=3)] = ("mean",)
    """how the samples of a unit become one vector; several are put side by side"""
    skip: bool = False
    """put the samples themselves in front of the pools, added and divided by the root of their number: a bag of words
    beside what the encoder sees"""

    def unit_width(self, channels: int, width: int) -> int:
        """Return how many numbers a unit's vector has.

        Args:
            channels: C of a sample.
            width: D of a state.
        """
        return len(self.pool) * width + (channels if self.skip else 0)
