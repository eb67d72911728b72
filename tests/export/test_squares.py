"""Convolutions over squares, converted and compared with torch on the runtime that ships."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter

from mgdist.apart import apart, needs
from mgdist.compress.flatbuffer import operator_name, read
from mgdist.compress.quantize import quantize
from mgdist.export.litert_route import OfSamples
from mgdist.models.encoders.conv2d import Conv2dEncoder
from mgdist.models.level import Level
from mgdist.models.pools import MeanPool

SIDE, CHANNELS = 14, 3
KINDS = {
    "residual": {"stages": 3, "layers": 2, "residual": True, "norm": "batch"},
    "plain": {"stages": 2},
    "valid": {"stages": 2, "kernels": [5, 3], "valid": True, "residual": True, "norm": "batch"},
    "depthwise": {"stages": 2, "kernels": [3, 5], "depthwise": True, "norm": "batch"},
    "layer": {"norm": "layer"},
}
SLOW = ("plain", "valid", "depthwise", "layer")


@needs("litert_torch")
def flatbuffer(level: Level) -> bytes:
    import litert_torch

    inputs = {"samples": torch.zeros(2, SIDE**2, CHANNELS), "mask": torch.ones(2, SIDE**2)}
    made: bytes = litert_torch.convert(OfSamples(level).eval(), sample_kwargs=inputs).model_content()
    return made


def given(path: Path, samples: torch.Tensor, mask: torch.Tensor) -> np.ndarray:
    runner = Interpreter(str(path), num_threads=1).get_signature_runner()
    return runner(samples=samples.numpy(), mask=mask.numpy())["vectors"]


@pytest.mark.parametrize("kind", ["residual", *(pytest.param(kind, marks=pytest.mark.slow) for kind in SLOW)])
def test_a_square_gives_what_torch_gives_with_few_transpositions_and_in_integers_too(kind: str, tmp_path: Path):
    torch.manual_seed(0)
    made = {"layers": 1, "kernels": [3], **KINDS[kind]}
    level = Level(encoder=Conv2dEncoder(channels=CHANNELS, width=32, **made), pools=[MeanPool()])
    with torch.no_grad():
        for _ in range(20):
            level(torch.randn(4, SIDE**2, CHANNELS), torch.ones(4, SIDE**2))
    model = tmp_path / "model.tflite"
    model.write_bytes(apart(flatbuffer, level.eval().requires_grad_(False)))
    samples, mask = torch.randn(2, SIDE**2, CHANNELS), torch.ones(2, SIDE**2)
    mask[1, SIDE * 5 :] = 0
    expected = level(samples, mask).numpy()
    assert np.abs(given(model, samples, mask) - expected).max() < 1e-5
    graph = read(model.read_bytes())
    operators = Counter(operator_name(graph, operator) for operator in graph.subgraphs[0].operators)
    assert operators["TRANSPOSE"] <= 4, operators
    assert kind == "layer" or operators["RSQRT"] == 0, "a norm over batches is part of the weights by now"
    integers = quantize(model, "int8_dynamic", tmp_path / "int8.tflite")
    assert np.abs(given(integers.path, samples, mask) - expected).max() < 0.02 * np.ptp(expected)
