"""Mixed precision: each layer in as few bits as the budget allows, the most sensitive ones in more.

After Dong et al., "HAWQ: Hessian AWare Quantization of Neural Networks with Mixed-Precision", ICCV 2019, with the
measured change of the outputs in place of the Hessian.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from mgdist.compress.candidate import Layer
from mgdist.compress.quantize import BITS, Format

LADDERS: dict[str, tuple[Format, ...]] = {
    "EMBEDDING_LOOKUP": ("float32", "int8", "int4", "int2"),
    "FULLY_CONNECTED": ("float32", "int8", "int4"),
    "CONV_2D": ("float32", "int8", "int4"),
}
"""The formats that LiteRT computes an operator's weights in, from many bits to few; others have float32 and int8."""

WORTH = 0.02
"""Share of the weights' bytes that one more step must save, to be measured by itself."""


@dataclass(frozen=True)
class Step:
    """One layer, taken one format down.

    Attributes:
        layer: its name.
        format: that it has then.
        harm: by how much more the outputs change than in the format above, with all other layers in float32.
        saved: bytes.
    """

    layer: str
    format: Format
    harm: float
    saved: float


def steps(layers: Sequence[Layer], harm: Callable[[Layer, Format], float]) -> list[Step]:
    """Return all steps, those first that save most for the least harm; of one layer in the order of its ladder.

    Args:
        layers: of the model.
        harm: measures by how much the outputs change if one layer alone has a format.
    """
    chains = [list(_chain(layer, harm)) for layer in layers]
    found: list[Step] = []
    while any(chains):
        best = min((chain for chain in chains if chain), key=lambda chain: chain[0].harm / chain[0].saved)
        found.append(best.pop(0))
    return found


def _chain(layer: Layer, harm: Callable[[Layer, Format], float]) -> Iterator[Step]:
    before, bits = 0.0, 32
    for format in _ladder(layer)[1:]:
        changed = harm(layer, format)
        yield Step(layer.name, format, max(changed - before, 0.0), layer.numbers * (bits - BITS[format]) / 8)
        before, bits = changed, BITS[format]


def formats(taken: Sequence[Step], layers: Sequence[Layer]) -> dict[str, Format]:
    """Return what format each layer has after some steps."""
    return {**plain(layers), **{step.layer: step.format for step in taken}}


def plain(layers: Sequence[Layer]) -> dict[str, Format]:
    """Return the format of each layer before any step: float32."""
    return {layer.name: "float32" for layer in layers}


def lowest(layers: Sequence[Layer]) -> dict[str, Format]:
    """Return the format with the fewest bits for each layer: no mixed model is smaller."""
    return {layer.name: _ladder(layer)[-1] for layer in layers}


def _ladder(layer: Layer) -> tuple[Format, ...]:
    return LADDERS.get(layer.operator, ("float32", "int8"))


def furthest(
    walk: Sequence[Step], layers: Sequence[Layer], keeps: Callable[[Mapping[str, Format]], bool]
) -> dict[str, Format]:
    """Return the formats after as many steps as the budget allows.

    How far the walk may go is found by halving. The step that breaks the budget ends the way of its layer; those of
    others are tried behind it, one by one, where they are worth it.

    Args:
        walk: all steps, the least harmful first.
        layers: of the model.
        keeps: measures whether a model with such formats keeps the budget; that all layers in float32 do is given.
    """
    if keeps(formats(walk, layers)):
        return formats(walk, layers)
    low, high = 0, len(walk)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if keeps(formats(walk[:middle], layers)) else (low, middle)
    taken, ended = list(walk[:low]), {walk[low].layer}
    left = sum(layer.numbers * 4 for layer in layers) - sum(step.saved for step in taken)
    for step in walk[high:]:
        if step.layer not in ended and step.saved > WORTH * left and keeps(formats([*taken, step], layers)):
            taken.append(step)
            left -= step.saved
        else:
            ended.add(step.layer)
    return formats(taken, layers)
