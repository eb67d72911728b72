"""LSTMs as one operator of LiteRT each, which litert-torch cannot write.

The converter is given a place-holder, which it writes as a composite with the same inputs; in the file that it wrote
the composite gives way to the operator.

Legend: N units, T samples of a unit, C numbers of a sample, H numbers of a state.
"""

from collections.abc import Sequence

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from mgdist.compress.flatbuffer import operator_name, read, written
from mgdist.compress.lstm import WEIGHTS, added, forget_unused, opcode_of
from mgdist.models.encoders.recurrent import RESET, Direction

NAME = "mgdist.lstm"
CLOSED = 100.0
"""How far a reset brings a gate below anything that state and bias can say: the sigmoid of that is zero."""
INPUTS, BIASES, STATES = 24, range(12, 16), (18, 19)
"""How many inputs the operator has, most of which it may do without; and the places of some among them."""


def hold_places(network: nn.Module) -> None:
    """Let a network be exported with a place-holder for each LSTM that is to be one operator."""
    for part in network.modules():
        if isinstance(part, Direction) and part.fused:
            part.whole = _place_holder


def _place_holder(samples: Float[Tensor, "N T C"], weights: Sequence[Tensor]) -> Float[Tensor, "N T H"]:
    """Return what has the shape of an LSTM's states, and reads the same."""
    from litert_torch.backend.composite import StableHLOCompositeBuilder

    builder = StableHLOCompositeBuilder(name=NAME)
    held, from_input, from_state, input_bias, state_bias = builder.mark_inputs(samples, *weights)
    states = F.linear(held[:, :, :-1], from_input, input_bias + state_bias)[:, :, : from_state.shape[1]]
    found: Tensor = builder.mark_outputs(states + from_state.sum())
    return found


def with_operators(raw: bytes) -> bytes:
    """Return a converted model with an operator in place of each place-holder."""
    if NAME.encode() not in raw:
        return raw
    model = read(raw)
    constants: dict[tuple[int, ...], tuple[int, ...]] = {}
    held: set[int] = set()
    for graph in model.subgraphs:
        for place, operator in enumerate(graph.operators):
            options = operator.builtinOptions2
            if operator_name(model, operator) == "STABLEHLO_COMPOSITE" and options.name.decode() == NAME:
                held.add(options.decompositionSubgraphIndex)
                graph.operators[place] = _operator(model, graph, operator, constants)
    _leave_out(model, held)
    forget_unused(model)
    return written(model)


def _operator(
    model: schema.ModelT,
    graph: schema.SubGraphT,
    composite: schema.OperatorT,
    constants: dict[tuple[int, ...], tuple[int, ...]],
) -> schema.OperatorT:
    """Return the operator that computes what a composite stands for.

    Args:
        model: that it is in; gets its constants.
        graph: its signature; gets its tensors.
        composite: with the samples, and PyTorch's weights and biases from input and from state.
        constants: those of LSTMs that other signatures have too, by the constants that they are made of.
    """
    samples, *given = (int(index) for index in composite.inputs)
    key = tuple(int(graph.tensors[index].buffer) for index in given)
    if key not in constants:
        split = _split([_numbers(model, graph.tensors[index]) for index in given])
        constants[key] = tuple(added(model, each) for each in split)
    inputs = np.full(INPUTS, -1, np.int32)
    inputs[0] = samples
    units, width = int(graph.tensors[samples].shape[0]), int(graph.tensors[composite.outputs[0]].shape[-1])
    channels = int(graph.tensors[samples].shape[-1])
    shapes = [(width, channels)] * 4 + [(width, width)] * 4 + [(width,)] * 4
    name = graph.tensors[composite.outputs[0]].name.decode()  # the quantizer wants no other tensor of the same
    for place, shape, buffer in zip((*WEIGHTS, *BIASES), shapes, constants[key], strict=True):
        inputs[place] = _tensor(graph, schema.TensorT(list(shape), buffer=buffer, name=f"{name};input_{place}"))
    for place in STATES:
        state = schema.TensorT([units, width], name=f"{name};input_{place}", isVariable=True)
        inputs[place] = _tensor(graph, state)
    options = schema.UnidirectionalSequenceLSTMOptionsT(schema.ActivationFunctionType.TANH)
    return schema.OperatorT(
        opcode_of(model, schema.BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM, version=1),
        inputs,
        composite.outputs,
        builtinOptionsType=schema.BuiltinOptions.UnidirectionalSequenceLSTMOptions,
        builtinOptions=options,
    )


def _split(given: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Return the constants of the operator: its matrices and biases, gate by gate, in PyTorch's order.

    A column more weighs the reset: it closes the input gate and the forget gate, and so leaves a state of zero. It is
    no larger than the others of its gate if these allow it, so that it does not make the scale of int8 coarse.
    """
    from_input, from_state, input_bias, state_bias = given
    biases = input_bias + state_bias
    gates = []
    for gate, (weight, state, bias) in enumerate(
        zip(*(np.split(each, 4) for each in (from_input, from_state, biases)), strict=True)
    ):
        outweighed = float((np.abs(state).sum(1) + np.abs(bias)).max()) + CLOSED
        reset = max(float(np.abs(weight).max()), outweighed / RESET) if gate < 2 else 0.0
        gates.append(np.concatenate([weight, np.full((len(weight), 1), -reset, np.float32)], 1))
    return [*gates, *np.split(from_state, 4), *np.split(biases, 4)]


def _numbers(model: schema.ModelT, tensor: schema.TensorT) -> NDArray[np.float32]:
    return np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.float32).reshape(tensor.shape)


def _tensor(graph: schema.SubGraphT, tensor: schema.TensorT) -> int:
    graph.tensors.append(tensor)
    return len(graph.tensors) - 1


def _leave_out(model: schema.ModelT, graphs: set[int]) -> None:
    """Take out subgraphs, and kinds of operators that are in none of the others; what names others names them still.

    An old runtime refuses a file that lists a kind that it does not know, used or not.
    """
    kept = [place for place in range(len(model.subgraphs)) if place not in graphs]
    now = {before: after for after, before in enumerate(kept)}
    model.subgraphs = [model.subgraphs[place] for place in kept]
    for signature in model.signatureDefs:
        signature.subgraphIndex = now[signature.subgraphIndex]
    for graph in model.subgraphs:
        for operator in graph.operators:
            if operator_name(model, operator) == "STABLEHLO_COMPOSITE":
                options = operator.builtinOptions2
                options.decompositionSubgraphIndex = now[options.decompositionSubgraphIndex]
    used = sorted({operator.opcodeIndex for graph in model.subgraphs for operator in graph.operators})
    model.operatorCodes = [model.operatorCodes[place] for place in used]
    for graph in model.subgraphs:
        for operator in graph.operators:
            operator.opcodeIndex = used.index(operator.opcodeIndex)
