"""The layers of a device model: its weights, each once, with the operators that read it."""

import re
from collections.abc import Iterator
from dataclasses import replace
from math import prod
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from mgdist.compress.candidate import Layer
from mgdist.compress.flatbuffer import TYPES, is_constant, operator_name, read
from mgdist.compress.lstm import LSTM, WEIGHTS

WEIGHTED = ("EMBEDDING_LOOKUP", "FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "BATCH_MATMUL")
"""Operators whose second input may be a weight that is worth fewer bits."""
_PART = re.compile(r"\.[A-Z]\w*?_([a-z0-9]\w*)$")
"""A module and what its parent calls it, as in ``torch.nn.modules.linear.Linear_project``."""


def layers(model: schema.ModelT) -> tuple[Layer, ...]:
    """Return the layers of a model that still has its names, in the order of their use."""
    found: dict[int, Layer] = {}
    for place, scope, operator, weights in _readers(model):
        weight = weights[0]
        layer = found.get(weight.buffer)
        if layer is None:
            numbers = sum(prod(map(int, each.shape)) for each in weights)
            name = _unique(_name(_level(model, place), scope), {each.name for each in found.values()})
            format = TYPES[weight.type]
            found[weight.buffer] = Layer(name, operator, format, numbers, int(weight.shape[-1]), (scope,))
        else:
            found[weight.buffer] = replace(layer, scopes=(*layer.scopes, scope))
    return tuple(found.values())


def layers_of(path: Path) -> tuple[Layer, ...]:
    """Return the layers of a converted model, as ``export.litert_route`` wrote it."""
    return layers(read(path.read_bytes()))


def _readers(model: schema.ModelT) -> Iterator[tuple[int, str, str, list[schema.TensorT]]]:
    """Yield the signature, the output's name, the kind and the weights of each operator that has some."""
    for place, graph in enumerate(model.subgraphs):
        expanded = {op.outputs[0]: op.inputs[0] for op in graph.operators if operator_name(model, op) == "DEQUANTIZE"}
        for operator in graph.operators:
            name = operator_name(model, operator)
            if (name not in WEIGHTED and name != LSTM) or len(operator.inputs) < 2:
                continue
            places = [operator.inputs[each] for each in (WEIGHTS if name == LSTM else [1])]
            weights = [graph.tensors[expanded.get(each, each)] for each in places]
            if is_constant(model, weights[0]) and weights[0].type in TYPES:
                yield place, graph.tensors[operator.outputs[0]].name.decode(), name, weights


def _level(model: schema.ModelT, place: int) -> str:
    """Return the level that a signature belongs to, or ``head``."""
    names = {each.subgraphIndex: each.signatureKey.decode() for each in model.signatureDefs}
    return re.sub(r"_\d+$", "", names.get(place, "model"))


def _name(level: str, scope: str) -> str:
    found = [match[1] for part in scope.partition(";")[0].split("/") if (match := _PART.search(part))]
    return ".".join([level, *(part for part in found if part != "level")])


def _unique(name: str, taken: set[str]) -> str:
    return next(each for each in (name, *(f"{name}.{number}" for number in range(2, 1000))) if each not in taken)
