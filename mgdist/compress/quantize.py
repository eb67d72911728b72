"""The candidates' number formats, through ai-edge-quantizer."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, assert_never

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from mgdist.apart import ApartError, apart, needs
from mgdist.compress import lstm
from mgdist.compress.candidate import Layer
from mgdist.compress.flatbuffer import Weights, operator_name, packed, read, weights
from mgdist.compress.layers import layers
from mgdist.errors import ConvertError
from mgdist.job.compress import Method
from mgdist.runs import write

if TYPE_CHECKING:
    from ai_edge_quantizer.qtyping import QuantGranularity
    from ai_edge_quantizer.quantizer import Quantizer

Format = Literal["float32", "int8", "int4", "int2"]
"""What a layer's numbers may be."""
PROMISED: dict[Method, tuple[str, ...]] = {
    "float32": ("float32",),
    "float16": ("float16",),
    "int8_weight": ("int8",),
    "int8_embedding": ("int8", "float32"),
    "int8_dynamic": ("int8",),
    "int8_static": ("int8",),
    "int16_static": ("int8",),
    "int4": ("int4", "int8"),
    "int2": ("int2", "int8"),
}
"""The formats that most weights have, for each method; the first one must be there. Of mixed, nothing is promised."""
ROWS: dict[Method, Format] = {"int8_embedding": "int8", "int4": "int4", "int2": "int2"}
"""What an embedding's numbers are, where that is what a method is about."""
BITS: dict[Format, int] = {"int8": 8, "int4": 4, "int2": 2}
BLOCKED, BLOCK = 4, 32
"""Bits for which an embedding's row may have a scale for each so many numbers."""
Shared = Literal["all", "channel", "block"]
"""What shares a scale: all of a weight, an output channel (of an embedding a row), or 32 numbers of a row."""
Calls = Mapping[str, Sequence[Mapping[str, NDArray[np.generic]]]]
"""Of each signature what it was given, call by call: inputs by name."""
SCALE = 12
"""Bytes that a row's own scale takes: a float32, and a zero point of int64 that is always 0."""


@dataclass(frozen=True)
class Quantized:
    """A device model in another number format.

    Attributes:
        path: the .tflite file.
        method: that was asked for.
        size: bytes of the file.
        weights: what the file really holds.
        layers: its weights, each in the format that it really has.
    """

    path: Path
    method: Method
    size: int
    weights: Weights
    layers: tuple[Layer, ...]


def quantize(
    model: Path,
    method: Method,
    destination: Path,
    *,
    formats: Mapping[str, Format] | None = None,
    calls: Calls | None = None,
    aware: bool = False,
) -> Quantized:
    """Write a float32 model in another number format.

    - ``float16``: half the size; expanded to float32 in memory.
    - ``int8_weight``: a quarter; expanded to float32 in memory, computed in float32.
    - ``int8_dynamic``: a quarter, in memory too; computed in int8, with a scale for each output channel.
    - ``int8_static``, ``int16_static``: what is computed is int8 or int16 too, with ranges that were calibrated.
    - ``int4``, ``int2``: the embedding in so many bits, the rest as ``int8_dynamic``.
    - ``int8_embedding``: the embedding in int8 with one scale, the rest in float32: all that old runtimes get right.
    - ``mixed``: each layer as ``formats`` says.

    An embedding so narrow that scales of its own would make a row a quarter longer has one scale for all.

    Args:
        model: as ``export.litert_route`` wrote it.
        method: the format.
        destination: the file to write, as a whole or not at all.
        formats: of each layer by name, for ``mixed``; those that are not named are int8.
        calls: what the signatures were given on examples, for the static formats.
        aware: the weights were rounded for this method as they learned, and are taken as they are.

    Raises:
        ConvertError: the quantizer stopped, or left the weights as they were.
    """
    try:
        content, parts = apart(quantized, model, method, dict(formats or {}), calls or {}, aware)
        write(destination, content)
    except ApartError as error:
        raise ConvertError(f"{model}: expected a model to write as {method}; the quantizer stopped: {error}") from None
    found = weights(destination)
    prove(method, found, destination)
    return Quantized(destination, method, destination.stat().st_size, found, parts)


def prove(method: Method, found: Weights, path: Path) -> None:
    """Refuse a file that only claims its format: most weights must really be in it."""
    if method == "mixed":
        return
    promised = PROMISED[method]
    share = sum(found.shares.get(format, 0.0) for format in promised)
    if share < 0.5 or promised[0] not in found.shares:
        held = ", ".join(f"{format} {part:.0%}" for format, part in found.shares.items())
        raise ConvertError(
            f"{path}: expected most weights in {' and '.join(promised)}; it holds {held}; "
            f"leave {method} out of compress.methods"
        )


@needs("ai_edge_quantizer.quantizer")
def quantized(
    path: Path, method: Method, formats: Mapping[str, Format], calls: Calls, aware: bool
) -> tuple[bytes, tuple[Layer, ...]]:
    """Return a model in another number format, and its layers; better called through ``apart``."""
    source = read(path.read_bytes())
    given = layers(source)
    model = read(_rewritten(path, given, method, formats, calls, aware=aware))
    lstm.lower(model, _of_lstms(source, given, method, formats))
    _stamp(model)
    found = layers(model)  # as long as the model has its names
    return packed(model), found


def _rewritten(
    path: Path, found: Sequence[Layer], method: Method, formats: Mapping[str, Format], calls: Calls, *, aware: bool
) -> bytes:
    from ai_edge_quantizer.qtyping import TFLOperationName
    from ai_edge_quantizer.quantizer import AlgorithmName, Quantizer

    every = TFLOperationName.ALL_SUPPORTED
    quantizer = Quantizer(str(path))
    match method:
        case "float32":
            return path.read_bytes()
        case "float16":
            quantizer.add_weight_only_config(".*", every, 16, algorithm_key=AlgorithmName.FLOAT_CASTING)
        case "int8_weight":
            quantizer.add_weight_only_config(".*", every, 8)
            for layer in found:
                if layer.embeds:
                    quantizer.add_weight_only_config(
                        _scope(layer), TFLOperationName.EMBEDDING_LOOKUP, 8, _grain(layer, 8)
                    )
        case "int8_static" | "int16_static":
            quantizer.add_static_config(".*", every, 8 if method == "int8_static" else 16, 8)
            for edge in (TFLOperationName.INPUT, TFLOperationName.OUTPUT):
                quantizer.update_quantization_recipe(".*", edge, algorithm_key=AlgorithmName.NO_QUANTIZE)
            calibrated = quantizer.calibrate(dict(calls), num_threads=1)
            return bytes(quantizer.quantize(calibrated).quantized_model)
        case "int8_embedding" | "int8_dynamic" | "int4" | "int2" | "mixed":
            found = tuple(layer for layer in found if layer.operator != lstm.LSTM)
            chosen = [formats.get(layer.name) or _usual(method, layer) for layer in found]
            if set(chosen) == {"float32"}:
                return path.read_bytes()  # the quantizer stops where there is nothing to do
            for layer, format in zip(found, chosen, strict=True):
                _lower(quantizer, layer, format, plain=method == "int8_embedding", aware=aware)
        case _ as never:
            assert_never(never)
    return bytes(quantizer.quantize().quantized_model)


def _of_lstms(
    model: schema.ModelT, given: Sequence[Layer], method: Method, formats: Mapping[str, Format]
) -> list[lstm.Lowered]:
    """Return the format of each LSTM that is one operator, in the order of the model."""
    named = {scope: layer for layer in given if layer.operator == lstm.LSTM for scope in layer.scopes}
    found: list[lstm.Lowered] = []
    for graph, operator in lstm.lstms(model):
        layer = named[graph.tensors[operator.outputs[0]].name.decode()]
        match method:
            case "float16" | "int8_weight":
                found.append(method)
            case _:
                format = formats.get(layer.name) or _usual(method, layer)
                found.append("float32" if method == "float32" or format == "float32" else "int8")
    return found


def _usual(method: Method, layer: Layer) -> Format:
    """Return what a layer's numbers are in a method, unless that is said for each layer."""
    if layer.embeds and method in ROWS:
        return ROWS[method]
    return "float32" if method == "int8_embedding" else "int8"


def _lower(quantizer: "Quantizer", layer: Layer, format: Format, *, plain: bool, aware: bool) -> None:
    """Write a layer in a format.

    Args:
        quantizer: to be told.
        layer: of the model.
        format: not that which it has.
        plain: with one scale for all of it, as old runtimes need.
        aware: it lies on a grid of the format already.
    """
    from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName
    from ai_edge_quantizer.quantizer import AlgorithmName

    if format == "float32":
        return
    bits = BITS[format]
    grain = QuantGranularity.TENSORWISE if plain else _grain(layer, bits)
    algorithm = AlgorithmName.MIN_MAX_UNIFORM_QUANT
    if grain != QuantGranularity.BLOCKWISE_32 and is_cut(bits):
        # What was cut off is gone from a weight that was rounded, so that its largest number tells no scale any more.
        algorithm = AlgorithmName.DEQUANTIZED_WEIGHT_RECOVERY if aware else AlgorithmName.OCTAV
    quantizer.add_dynamic_config(_scope(layer), TFLOperationName(layer.operator), bits, grain, algorithm)


def _scope(layer: Layer) -> str:
    """Return a pattern for the operators that read a layer, and for no others."""
    return "|".join(f"^{re.escape(scope)};?$" for scope in layer.scopes)


def _grain(layer: Layer, bits: int) -> "QuantGranularity":
    """Return what shares a scale, as the quantizer calls it."""
    from ai_edge_quantizer.qtyping import QuantGranularity

    match shared(layer.width, bits, embeds=layer.embeds):
        case "all":
            return QuantGranularity.TENSORWISE
        case "channel":
            return QuantGranularity.CHANNELWISE
        case "block":
            return QuantGranularity.BLOCKWISE_32
        case _ as never:
            assert_never(never)


def shared(width: int, bits: int, *, embeds: bool) -> Shared:
    """Return what shares a scale: an output channel; of an embedding a row, 32 numbers of it, or all of it.

    A row's own scale takes 12 bytes, a block's two: blocks of 32 where the row has whole ones and few bits, and one
    scale for all where its own would make the row a quarter longer.

    Args:
        width: numbers of a row.
        bits: of a number.
        embeds: whether the weight is an embedding.
    """
    if not embeds:
        return "channel"
    if bits == BLOCKED and width % BLOCK == 0:
        return "block"
    return "all" if width * bits / 8 / 4 < SCALE else "channel"


def is_cut(bits: int) -> bool:
    """Tell whether outliers are cut off: with few steps that halves the error. Blocks have few of them."""
    return bits < 8


def _stamp(model: schema.ModelT) -> None:
    """Raise the operators' versions to what their weights need, since the quantizer leaves them as they were.

    A runtime that is too old then refuses the file instead of giving wrong numbers.
    """
    for graph in model.subgraphs:
        for operator in graph.operators:
            name, code = operator_name(model, operator), model.operatorCodes[operator.opcodeIndex]
            for index in operator.inputs:
                if index >= 0:
                    code.version = max(code.version, _version(name, graph.tensors[index]))


def _version(operator: str, weight: schema.TensorT) -> int:
    """Return the first version of an operator that understands such a weight, as in TFLite's op_version.cc."""
    scales = weight.quantization.scale if weight.quantization is not None else None
    by_channel = scales is not None and len(scales) > 1
    four, two = weight.type == schema.TensorType.INT4, weight.type == schema.TensorType.INT2
    match operator:
        case "EMBEDDING_LOOKUP" if two:
            return 5
        case "CONV_2D" if four:
            return 8
        case "FULLY_CONNECTED" if by_channel:
            return 12
        case "FULLY_CONNECTED" if four:
            return 10
        case "EMBEDDING_LOOKUP" if by_channel or four:
            return 4
        case "CONV_2D" if by_channel:
            return 5
        case "DEPTHWISE_CONV_2D" if by_channel:
            return 6
        case lstm.LSTM if weight.type == schema.TensorType.INT8:
            return 2
        case "DEQUANTIZE" if by_channel:
            return 5
        case "DEQUANTIZE" if weight.type == schema.TensorType.FLOAT16:
            return 3
        case _:
            return 1
