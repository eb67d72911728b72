"""The candidates' number formats, through ai-edge-quantizer."""

from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from ai_edge_litert import schema_py_generated as schema

from mgdist.apart import ApartError, apart, needs
from mgdist.compress.flatbuffer import Weights, operator_name, packed, read, weights
from mgdist.errors import ConvertError
from mgdist.job.compress import Method
from mgdist.runs import write

PROMISED: dict[Method, tuple[str, ...]] = {
    "float32": ("float32",),
    "float16": ("float16",),
    "int8_weight": ("int8",),
    "int8_dynamic": ("int8",),
    "int4": ("int4", "int8"),
}
"""The formats that most weights have, for each method; the first one must be there."""
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
    """

    path: Path
    method: Method
    size: int
    weights: Weights


def quantize(model: Path, method: Method, destination: Path) -> Quantized:
    """Write a float32 model in another number format.

    - ``float16``: half the size; expanded to float32 in memory.
    - ``int8_weight``: a quarter; expanded to float32 in memory, computed in float32.
    - ``int8_dynamic``: a quarter, in memory too; computed in int8, with a scale for each output channel.
    - ``int4``: the embedding in 4 bits, the rest as ``int8_dynamic``.

    An embedding so narrow that scales of its own would make a row a quarter longer has one scale for all.

    Args:
        model: as ``export.litert_route`` wrote it.
        method: the format.
        destination: the file to write, as a whole or not at all.

    Raises:
        ConvertError: the quantizer stopped, or left the weights as they were.
    """
    try:
        write(destination, apart(quantized, model, method))
    except ApartError as error:
        raise ConvertError(f"{model}: expected a model to write as {method}; the quantizer stopped: {error}") from None
    found = weights(destination)
    prove(method, found, destination)
    return Quantized(destination, method, destination.stat().st_size, found)


def prove(method: Method, found: Weights, path: Path) -> None:
    """Refuse a file that only claims its format: most weights must really be in it."""
    promised = PROMISED[method]
    share = sum(found.shares.get(format, 0.0) for format in promised)
    if share < 0.5 or promised[0] not in found.shares:
        held = ", ".join(f"{format} {part:.0%}" for format, part in found.shares.items())
        raise ConvertError(
            f"{path}: expected most weights in {' and '.join(promised)}; it holds {held}; "
            f"leave {method} out of compress.methods"
        )


@needs("ai_edge_quantizer.quantizer")
def quantized(path: Path, method: Method) -> bytes:
    """Return a model in another number format; better called through ``apart``."""
    width = _embedding_width(read(path.read_bytes()))
    model = read(_rewritten(path, method, width))
    _stamp(model)
    return packed(model)


def _rewritten(path: Path, method: Method, width: int) -> bytes:
    from ai_edge_quantizer.qtyping import QuantGranularity, TFLOperationName
    from ai_edge_quantizer.quantizer import AlgorithmName, Quantizer

    every, table = TFLOperationName.ALL_SUPPORTED, TFLOperationName.EMBEDDING_LOOKUP
    quantizer = Quantizer(str(path))

    def granularity(bits: int) -> QuantGranularity:
        return QuantGranularity.TENSORWISE if _narrow(width, bits) else QuantGranularity.CHANNELWISE

    match method:
        case "float32":
            return path.read_bytes()
        case "float16":
            quantizer.add_weight_only_config(".*", every, 16, algorithm_key=AlgorithmName.FLOAT_CASTING)
        case "int8_weight":
            quantizer.add_weight_only_config(".*", every, 8)
            quantizer.add_weight_only_config(".*", table, 8, granularity(8))
        case "int8_dynamic":
            quantizer.add_dynamic_config(".*", every, 8)
            quantizer.add_dynamic_config(".*", table, 8, granularity(8))
        case "int4":
            quantizer.add_dynamic_config(".*", every, 8)
            # With 15 steps it pays to cut off outliers: half the error of minimum and maximum.
            quantizer.add_dynamic_config(".*", table, 4, granularity(4), AlgorithmName.OCTAV)
        case _ as never:
            assert_never(never)
    return bytes(quantizer.quantize().quantized_model)


def _narrow(width: int, bits: int) -> bool:
    """Tell whether a scale of its own would make an embedding's row a quarter longer."""
    return width * bits / 8 / 4 < SCALE


def _embedding_width(model: schema.ModelT) -> int:
    """Return C of the one embedding; 0 where there is none."""
    for graph in model.subgraphs:
        for operator in graph.operators:
            if operator_name(model, operator) == "EMBEDDING_LOOKUP":
                return int(graph.tensors[operator.inputs[1]].shape[1])
    return 0


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
    four = weight.type == schema.TensorType.INT4
    match operator:
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
        case "DEQUANTIZE" if by_channel:
            return 5
        case "DEQUANTIZE" if weight.type == schema.TensorType.FLOAT16:
            return 3
        case _:
            return 1
