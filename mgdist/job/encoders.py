"""The encoders and pools that a level of detail can ask for."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag

from mgdist.job.strict import Folder, Spec, as_tuple


class AttentionPoolSpec(Spec):
    """A mean with learned weights (Yang et al., 2016), for each of several parts of the numbers its own."""

    kind: Literal["attention"]
    heads: int = Field(1, ge=1, le=32)
    """parts of a state's numbers, each with weights of its own; they divide the width of the level"""


def _form(value: Any) -> str:
    # A mistake in a name stands where the name stands: what ends with a bracket is left out of its path.
    return "name]" if isinstance(value, str) else "attention"


def _listed(value: Any) -> Any:
    """Let one pool alone stand for a list."""
    return as_tuple([value] if isinstance(value, dict | AttentionPoolSpec) else value)


Pool = Annotated[
    Annotated[Literal["mean", "max", "attention", "last", "all"], Tag("name]")]
    | Annotated[AttentionPoolSpec, Tag("attention")],
    Discriminator(_form),
]


class NoneSpec(Spec):
    """Nothing is learned: the samples are the states, as in linear and logistic models."""

    kind: Literal["none"]


class BagSpec(Spec):
    """No context: each sample by itself, so that the mean pool gives a bag of words."""

    kind: Literal["bag"]


class MlpSpec(Spec):
    """Each sample by itself, through fully connected layers with ReLU (Rumelhart et al., 1986)."""

    kind: Literal["mlp"]
    layers: int = Field(2, ge=1, le=12)
    """layers, one after another, all as wide as the level"""


Kernel = Annotated[int, Field(ge=1, le=63)]


class ConvSpec(Spec):
    """Convolutions (Kim, 2014): along one axis, and along both axes of an image."""

    kind: Literal["conv"]
    layers: int = Field(1, ge=1, le=12)
    """convolutions of each stage, one after another"""
    kernel: int = Field(3, ge=1, le=31)
    """filter width in samples; odd, so that a unit keeps its length"""
    kernels: Annotated[tuple[Kernel, ...], BeforeValidator(as_tuple), Field(min_length=2, max_length=5)] | None = None
    """several filter widths side by side, in place of kernel (Fawaz et al., "InceptionTime", 2020)"""
    stages: int = Field(1, ge=1, le=6)
    """each after the first halves every axis, keeping the largest of two neighbours, and doubles the numbers of a
    state, so that the last stage is as wide as the level"""
    dilation: int = Field(1, ge=1, le=4)
    """how much further apart a filter's samples stand in each layer than in the one before; 2 sees far along a long
    series (Bai et al., 2018)"""
    padding: Literal["same", "valid"] = "same"
    """same: zeros stand beyond the ends of a unit, which keeps its length; valid: each layer keeps only those states
    whose filters see nothing but samples of the unit; of images and of series of one length"""
    depthwise: bool = False
    """each channel by itself, then all channels of each sample: fewer weights (Chollet, "Xception", 2017)"""
    residual: bool = False
    """add each layer's input to its output (He et al., 2016)"""
    norm: Literal["batch", "layer"] | None = None
    """of each layer's numbers: over the samples of a batch (Ioffe and Szegedy, 2015), or over the channels of each
    sample (Ba et al., 2016); null: as they are"""

    @property
    def filters(self) -> tuple[int, ...]:
        """The filter widths that stand side by side."""
        return self.kernels or (self.kernel,)

    def lost(self, layer: int) -> int:
        """Return how many states a layer, from 0, takes off each end of a unit."""
        return self.dilation**layer * (max(self.filters) // 2) if self.padding == "valid" else 0

    def sides(self, length: int) -> list[list[int]]:
        """Return the states along an axis before each layer of each stage, and behind the last one.

        Args:
            length: samples of the unit along that axis.
        """
        found = []
        for stage in range(self.stages):
            left = [halved(length) if stage else length]
            for layer in range(self.layers):
                left.append(left[-1] - 2 * self.lost(layer))
            found.append(left)
            length = left[-1]
        return found

    def left(self, length: int) -> int:
        """Return the states along an axis of a unit of so many samples; below 1 where nothing is left of it."""
        return self.sides(length)[-1][-1]


class RecurrentSpec(Spec):
    """What RNN, GRU and LSTM have in common."""

    layers: int = Field(1, ge=1, le=4)
    """recurrent layers, one on top of another"""
    bidirectional: bool = True
    """read both ways; each direction has half of the width"""


class RnnSpec(RecurrentSpec):
    """Plain recurrent units (Elman, 1990)."""

    kind: Literal["rnn"]


class GruSpec(RecurrentSpec):
    """Gated recurrent units (Cho et al., 2014)."""

    kind: Literal["gru"]


class LstmSpec(RecurrentSpec):
    """Long short-term memory (Hochreiter and Schmidhuber, 1997)."""

    kind: Literal["lstm"]
    fused: bool = False
    """one operator on the device that reads all samples of a unit, in place of the operators of a step for each sample:
    a smaller file, and faster where units are long; in 8 bits it has one scale for all numbers of a gate; the browser
    has no such operator, and static formats cannot be had"""


class TransformerSpec(Spec):
    """Self-attention with a feed-forward block (Vaswani et al., 2017), normalised first."""

    kind: Literal["transformer"]
    layers: int = Field(2, ge=1, le=24)
    """blocks of attention and feed-forward"""
    heads: int = Field(4, ge=1, le=32)
    """attention heads; the width of the level must be a multiple"""
    expansion: int = Field(2, ge=1, le=8)
    """width of the feed-forward block as a multiple of the level's"""
    positions: Literal["learned", "none"] = "learned"
    """a learned vector for each place of a unit; none: the order of the samples does not matter"""


def _learning(value: Any) -> str:
    return "name]" if isinstance(value, str) else "number]"


class PretrainedSpec(Spec):
    """A pre-trained encoder (Devlin et al., "BERT", 2019), of words that its own tokenizer makes.

    The widths of the level and of the embedding are those of the checkpoint.
    """

    kind: Literal["pretrained"]
    path: Folder
    """folder of the checkpoint, as transformers saves it: config.json and model.safetensors"""
    layers: int | None = Field(None, ge=1, le=96)
    """blocks that are kept, from the first on; null: all"""
    train: Annotated[
        Annotated[Literal["all", "none"], Tag("name]")] | Annotated[int, Field(ge=1, le=96), Tag("number]")],
        Discriminator(_learning),
    ] = "all"
    """what goes on learning: all, the embedding too; the last so many blocks; or none"""
    lr_factor: float = Field(1.0, gt=0, le=1)
    """its learning rate as a share of train.lr, which what stands above it has"""


Encoder = Annotated[
    NoneSpec | BagSpec | MlpSpec | ConvSpec | RnnSpec | GruSpec | LstmSpec | TransformerSpec | PretrainedSpec,
    Field(discriminator="kind"),
]


class LevelSpec(Spec):
    """One granularity: how long its units are, and how a unit becomes a vector."""

    length: int = Field(ge=1, le=4096)
    """samples that a unit holds at most along an axis: words of a sentence, readings of a window, pixels of a side"""
    scale: int | None = Field(None, ge=1)
    """readings (pixels along a side) that are averaged into one sample of a raw view; null: at the first level 1, at a
    later one build on the finer units, which length then counts"""
    width: int | None = Field(None, ge=1, le=4096)
    """D, the numbers of a state; those of model.width where it is null"""
    encoder: Encoder
    """how the samples of a unit see each other"""
    pool: Annotated[tuple[Pool, ...], BeforeValidator(_listed), Field(min_length=1, max_length=3)] = ("mean",)
    """how the states of a unit become one vector; several are put side by side; all: every state, side by side"""
    skip: bool = False
    """put the samples themselves in front of the pools, added and divided by the root of their number: a bag of words
    beside what the encoder sees"""

    def state_width(self, channels: int, model_width: int) -> int:
        """Return D, how many numbers a state has.

        Args:
            channels: C of a sample.
            model_width: of levels that do not say their own.
        """
        return channels if isinstance(self.encoder, NoneSpec) else self.width or model_width

    def samples(self, axes: int = 1) -> int:
        """Return S, how many samples a full unit has along all axes together."""
        return int(self.length**axes)

    def states(self, axes: int = 1) -> int:
        """Return S', how many states a full unit has: a strided encoder makes fewer than there are samples."""
        side = self.encoder.left(self.length) if isinstance(self.encoder, ConvSpec) else self.length
        return int(max(0, side) ** axes)

    def unit_width(self, channels: int, model_width: int, axes: int = 1) -> int:
        """Return W, how many numbers a unit's vector has.

        Args:
            channels: C of a sample.
            model_width: of levels that do not say their own.
            axes: 2 where the samples of a unit are a square, as in an image.
        """
        state = self.state_width(channels, model_width)
        pooled = sum(state * (self.states(axes) if pool == "all" else 1) for pool in self.pool)
        return pooled + (channels if self.skip else 0)


def halved(length: int) -> int:
    """Return how many pairs of neighbours there are; the last one may be alone."""
    return (length + 1) // 2
