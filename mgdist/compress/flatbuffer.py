"""The .tflite format: what weights a file holds, and packing it small and honest."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

IDENTIFIER = b"TFL3"
ALIGNMENT = 16
"""Bytes on which a constant starts, as the format's schema demands."""

TYPES = {
    schema.TensorType.FLOAT32: "float32",
    schema.TensorType.FLOAT16: "float16",
    schema.TensorType.INT8: "int8",
    schema.TensorType.INT4: "int4",
    schema.TensorType.INT2: "int2",
}
"""Formats that a weight can have. Shapes and other whole numbers are no weights."""

FLOATS = (schema.TensorType.FLOAT32, schema.TensorType.FLOAT16)
INTEGERS = (schema.TensorType.INT8, schema.TensorType.INT4, schema.TensorType.INT2)
OPERATORS: dict[int, str] = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}


@dataclass(frozen=True)
class Weights:
    """What numbers a file holds.

    Attributes:
        values: how many weights there are in each format, such as {"int8": 990000, "float32": 1000}.
        operators: how many operators of each kind there are, over all signatures.
        floats: how many of them compute in float.
    """

    values: dict[str, int]
    operators: dict[str, int]
    floats: dict[str, int] = field(default_factory=dict)

    @property
    def shares(self) -> dict[str, float]:
        """The share of the weights in each format, 0 to 1; they sum to 1."""
        total = sum(self.values.values())
        return {format: count / total for format, count in self.values.items()}


def weights(path: Path) -> Weights:
    """Count the weights of a .tflite file by their format, and its operators by their kind."""
    raw = path.read_bytes()
    model = read(raw)
    values: Counter[str] = Counter()
    scales = scales_of_blocks(model)
    for tensor in _constants(model):
        if tensor.type in TYPES and tensor.buffer not in scales:
            values[TYPES[tensor.type]] += prod(map(int, tensor.shape))
    operators = Counter(operator_name(model, op) for graph in model.subgraphs for op in graph.operators)
    floats = Counter(
        operator_name(model, op) for graph in model.subgraphs for op in graph.operators if _in_float(model, graph, op)
    )
    return Weights(dict(values.most_common()), dict(operators.most_common()), dict(floats.most_common()))


def _in_float(model: schema.ModelT, graph: schema.SubGraphT, operator: schema.OperatorT) -> bool:
    """Tell whether an operator computes in float: it gives floats, and multiplies with no weight of integers.

    A weight of integers that is looked up is no arithmetic, and one that is expanded first is a float.
    """
    given = graph.tensors[operator.outputs[0]].type
    if given not in FLOATS or operator_name(model, operator) in ("DEQUANTIZE", "EMBEDDING_LOOKUP"):
        return False
    read_by_it = (graph.tensors[index] for index in operator.inputs if index >= 0)
    return not any(is_constant(model, tensor) and tensor.type in INTEGERS for tensor in read_by_it)


def read(raw: bytes) -> schema.ModelT:
    """Return a model as objects, with all its constants inside.

    The quantizer lays constants behind the flatbuffer, where a repacked file would lose them.
    """
    model = schema.ModelT.InitFromPackedBuf(raw, 0)
    for buffer in model.buffers:
        if buffer.offset:
            buffer.data = np.frombuffer(raw, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def packed(model: schema.ModelT) -> bytes:
    """Return a model as a flatbuffer without waste.

    The signatures share their constants, but each would carry a copy of its scales: 12 bytes a row of
    the embedding. And the names of inner tensors, which nobody reads, can outweigh an unrolled network.
    """
    shared: dict[int, _Once] = {}
    for graph in model.subgraphs:
        named = {*graph.inputs, *graph.outputs}
        for index, tensor in enumerate(graph.tensors):
            tensor.name = tensor.name if index in named else None
            # Scales of blocks are named by their place among the tensors of one signature, so each keeps its own.
            if is_constant(model, tensor) and tensor.quantization is not None and not tensor.quantization.details:
                tensor.quantization = shared.setdefault(tensor.buffer, _Once(tensor.quantization))
    return written(model)


def written(model: schema.ModelT) -> bytes:
    """Return a model as a flatbuffer, with all that it has."""
    model.buffers = [_Aligned(buffer) for buffer in model.buffers]
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), IDENTIFIER)
    return bytes(builder.Output())


def operator_name(model: schema.ModelT, operator: schema.OperatorT) -> str:
    """Return an operator's kind, such as CONV_2D."""
    code = model.operatorCodes[operator.opcodeIndex]
    return OPERATORS[max(code.builtinCode, code.deprecatedBuiltinCode)]


def _constants(model: schema.ModelT) -> Iterator[schema.TensorT]:
    """Yield one tensor for each constant, however many signatures share it."""
    found = {tensor.buffer: tensor for graph in model.subgraphs for tensor in graph.tensors}
    yield from (tensor for tensor in found.values() if is_constant(model, tensor))


def scales_of_blocks(model: schema.ModelT) -> set[int]:
    """Return the buffers that hold scales of blocks of other weights."""
    found = set()
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            details = tensor.quantization.details if tensor.quantization is not None else None
            if isinstance(details, schema.BlockwiseQuantizationT):
                found.add(graph.tensors[details.scales].buffer)
    return found


def is_constant(model: schema.ModelT, tensor: schema.TensorT) -> bool:
    """Tell whether a tensor's numbers are in the file."""
    data = model.buffers[tensor.buffer].data
    return data is not None and len(data) > 0


class _Once:
    """A part that is written once, wherever it is referred to."""

    def __init__(self, part: schema.QuantizationParametersT) -> None:
        self.part = part
        self.place: int | None = None

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802  the name that flatbuffers calls
        """Write the part, or return where it is."""
        if self.place is None:
            self.place = self.part.Pack(builder)
        return self.place


class _Aligned:
    """A constant that starts on a multiple of 16 bytes, which flatbuffers' Python forgets."""

    def __init__(self, buffer: schema.BufferT) -> None:
        self.data = buffer.data

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802  the name that flatbuffers calls
        """Write the constant."""
        start = None if self.data is None else _vector(builder, np.asarray(self.data, np.uint8))
        schema.BufferStart(builder)
        if start is not None:
            schema.BufferAddData(builder, start)
        return int(schema.BufferEnd(builder))


def _vector(builder: flatbuffers.Builder, data: NDArray[np.uint8]) -> int:
    """Write bytes as flatbuffers' CreateNumpyVector does, and aligned."""
    builder.StartVector(1, len(data), ALIGNMENT)
    builder.head -= len(data)
    builder.Bytes[builder.head : builder.head + len(data)] = data.tobytes()
    return int(builder.EndVector())
