"""What an encoder or a pool costs: numbers to learn, and multiply-adds.

Legend: C channels of a sample, D width of a state, S samples of a unit.
"""

from itertools import pairwise
from typing import assert_never

from mgdist.job.checkpoint import read_checkpoint
from mgdist.job.encoders import (
    AttentionPoolSpec,
    BagSpec,
    ConvSpec,
    Encoder,
    GruSpec,
    LstmSpec,
    MlpSpec,
    NoneSpec,
    Pool,
    PretrainedSpec,
    RnnSpec,
    TransformerSpec,
)


def linear(channels: int, width: int) -> int:
    """Return the weights and biases of a fully connected layer."""
    return (channels + 1) * width


def kept(width: int, share: float) -> int:
    """Return how many of some hidden numbers are computed, one at least."""
    return max(1, round(width * share))


def encoder_cost(
    spec: Encoder, channels: int, width: int, length: int, axes: int = 1, share: float = 1.0
) -> tuple[int, int]:
    """Return the parameters of an encoder, and the multiply-adds of one full unit.

    Args:
        spec: what is asked for.
        channels: C.
        width: D.
        length: samples of a full unit along one axis.
        axes: 2 where the samples of a unit are a square, as in an image.
        share: of the hidden numbers of an mlp or of a transformer's feed-forward blocks.
    """
    samples = int(length**axes)
    project = 0 if channels == width else linear(channels, width)
    match spec:
        case NoneSpec():
            return 0, 0
        case BagSpec():
            return project, samples * project
        case MlpSpec(layers=layers):
            widths = [channels, *[kept(width, share)] * (layers - 1), width]
            count = sum(linear(into, out) for into, out in pairwise(widths))
            return count, samples * count
        case ConvSpec():
            return _conv(spec, channels, width, length, axes)
        case RnnSpec(layers=layers) | GruSpec(layers=layers) | LstmSpec(layers=layers):
            ways, gates = 2 if spec.bidirectional else 1, {"rnn": 1, "gru": 3, "lstm": 4}[spec.kind]
            state = width // ways
            read = [channels] + [width] * (layers - 1)
            count = sum(ways * gates * (linear(each, state) + linear(state, state)) for each in read)
            return count, samples * count
        case TransformerSpec(layers=layers, expansion=expansion):
            wide = kept(expansion * width, share)
            feed = linear(width, wide) + linear(wide, width)
            block = linear(width, 3 * width) + linear(width, width) + feed
            count = project + layers * block
            places = samples * width if spec.positions == "learned" else 0
            norms = (2 * layers + 1) * 2 * width
            return count + norms + places, samples * (count + layers * 2 * samples * width)
        case PretrainedSpec(layers=first):
            known = read_checkpoint(spec.path)
            block = linear(width, 3 * width) + linear(width, width) + linear(width, known.inner)
            count = (first or known.layers) * (block + linear(known.inner, width))
            norms, looks = (2 * (first or known.layers) + 1) * 2 * width, (first or known.layers) * 2 * samples * width
            return count + norms + samples * width, samples * (count + looks)
        case _ as never:
            assert_never(never)


def _conv(spec: ConvSpec, channels: int, width: int, length: int, axes: int) -> tuple[int, int]:
    parameters = operations = 0
    for stage, sides in enumerate(spec.sides(length)):
        wide = width >> (spec.stages - 1 - stage)
        project = linear(channels, wide) if spec.residual and channels != wide else 0
        parameters, operations = parameters + project, operations + int(sides[0] ** axes) * project
        into = wide if spec.residual else channels
        for layer, side in enumerate(sides[:-1]):
            count = _filters(spec, wide if layer else into, wide, axes) + (2 * wide if spec.norm else 0)
            parameters, operations = parameters + count, operations + int(side**axes) * count
        channels = wide
    return parameters, operations


def _filters(spec: ConvSpec, channels: int, width: int, axes: int) -> int:
    """Return the parameters of the filters of one layer."""
    bias = 0 if spec.norm == "batch" else width
    if spec.depthwise:
        each = sum(int(kernel**axes) * channels for kernel in spec.filters)
        return each + channels * width + bias
    parts = zip(spec.filters, shares(width, len(spec.filters)), strict=True)
    return sum(int(kernel**axes) * channels * part for kernel, part in parts) + bias


def shares(width: int, parts: int) -> list[int]:
    """Divide a width among filters as evenly as whole numbers can."""
    return [width // parts + (part < width % parts) for part in range(parts)]


def pool_cost(pool: Pool, width: int) -> int:
    """Return the parameters of a pool over states of D numbers; each is multiplied once a state."""
    match pool:
        case "mean" | "max" | "last" | "all":
            return 0
        case "attention":
            return linear(width, width) + width
        case AttentionPoolSpec(heads=heads):
            return linear(width, width) + heads * width
        case _ as never:
            assert_never(never)
