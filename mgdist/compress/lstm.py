"""The number formats of LSTMs that are one operator each, which ai-edge-quantizer passes over."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from mgdist.compress.flatbuffer import operator_name, scales_of_blocks

LSTM = "UNIDIRECTIONAL_SEQUENCE_LSTM"
WEIGHTS = range(1, 9)
"""Places of the matrices among the operator's inputs: those from its input for the input gate, the forget gate, the
memory and the output gate, then those from its state."""
Lowered = Literal["float32", "float16", "int8", "int8_weight"]
"""What the matrices may be: int8 is computed with, float16 and int8_weight are expanded to float32 in memory."""
_MOST = 127
_LEAST = 1e-9
_DEQUANTIZE = schema.BuiltinOperator.DEQUANTIZE


def lower(model: schema.ModelT, chosen: Sequence[Lowered]) -> None:
    """Change the format of the matrices of each LSTM of a model, in place.

    Int8 has one scale for each matrix, and lies evenly around zero: the operator knows nothing else.

    Args:
        model: in float32.
        chosen: of each LSTM, in the order of the model.
    """
    changed = _Changed(model)
    for (graph, operator), format in zip(list(lstms(model)), chosen, strict=True):
        if format == "float32":
            continue
        for place in WEIGHTS:
            changed.weight(graph, operator.inputs[place], format)
    if changed.buffers:
        forget_unused(model)


def lstms(model: schema.ModelT) -> Iterator[tuple[schema.SubGraphT, schema.OperatorT]]:
    """Yield each LSTM, and the signature that it is in."""
    for graph in model.subgraphs:
        yield from ((graph, each) for each in graph.operators if operator_name(model, each) == LSTM)


def forget_unused(model: schema.ModelT) -> None:
    """Leave out the numbers of constants that no operator reads any more."""
    scales = scales_of_blocks(model)  # which no operator names
    for graph in model.subgraphs:
        read = {int(index) for operator in graph.operators for index in (*operator.inputs, *operator.outputs)}
        read |= {*map(int, graph.inputs), *map(int, graph.outputs)}
        for index, tensor in enumerate(graph.tensors):
            if index not in read and tensor.buffer not in scales:
                tensor.buffer = 0
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used |= {each.buffer for each in model.metadata or ()}
    for place, buffer in enumerate(model.buffers):
        if place not in used:
            buffer.data = None


@dataclass
class _Changed:
    """Constants of a model in other formats, each once, however many signatures share it."""

    model: schema.ModelT
    buffers: dict[tuple[int, Lowered], tuple[int, float]] = field(default_factory=dict)

    def weight(self, graph: schema.SubGraphT, index: int, format: Lowered) -> None:
        """Write a matrix in another format; where that is expanded, by an operator in front of all others."""
        tensor = graph.tensors[index]
        buffer, scale = self._constant(tensor.buffer, format)
        kind = schema.TensorType.FLOAT16 if format == "float16" else schema.TensorType.INT8
        laid = schema.QuantizationParametersT(scale=[scale], zeroPoint=[0]) if scale else None
        if format == "int8":
            tensor.type, tensor.buffer, tensor.quantization = kind, buffer, laid
            return
        held = schema.TensorT(tensor.shape, kind, buffer, tensor.name, laid)
        graph.tensors.append(held)
        tensor.buffer = 0
        expand = schema.OperatorT(
            opcode_of(self.model, _DEQUANTIZE, version=2),
            np.array([len(graph.tensors) - 1], np.int32),
            np.array([index], np.int32),
            builtinOptionsType=schema.BuiltinOptions.DequantizeOptions,
            builtinOptions=schema.DequantizeOptionsT(),
        )
        graph.operators.insert(0, expand)

    def _constant(self, source: int, format: Lowered) -> tuple[int, float]:
        """Return the buffer with a constant in another format, and its scale; 0 where it has none."""
        if (source, format) not in self.buffers:
            numbers = np.frombuffer(bytes(self.model.buffers[source].data), np.float32)
            lowered, scale = (numbers.astype(np.float16), 0.0) if format == "float16" else _int8(numbers)
            self.buffers[source, format] = added(self.model, lowered), scale
        return self.buffers[source, format]


def _int8(numbers: NDArray[np.float32]) -> tuple[NDArray[np.int8], float]:
    scale = max(float(np.abs(numbers).max()), _LEAST) / _MOST
    return np.clip(np.round(numbers / scale), -_MOST, _MOST).astype(np.int8), scale


def added(model: schema.ModelT, numbers: NDArray[np.generic]) -> int:
    """Return the number of a new constant."""
    model.buffers.append(schema.BufferT(np.frombuffer(numbers.tobytes(), np.uint8)))
    return len(model.buffers) - 1


def opcode_of(model: schema.ModelT, code: int, *, version: int) -> int:
    """Return the number of a kind of operator, which is written down if it is new."""
    for place, each in enumerate(model.operatorCodes):
        if max(each.builtinCode, each.deprecatedBuiltinCode) == code:
            each.version = max(each.version, version)
            return place
    model.operatorCodes.append(schema.OperatorCodeT(min(code, 127), None, version, code))
    return len(model.operatorCodes) - 1
