from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from mgdist.compress.flatbuffer import Weights, operator_name, read
from mgdist.compress.quantize import Quantized, prove, quantize, weights
from mgdist.errors import ConvertError
from mgdist.export.litert_route import convert
from mgdist.job.compress import STATIC, Method
from tests.networks import ids_of, inputs_of, job_of, level, network_of, tasks_of

WORDS, PAIRS, WIDTH = 2_000, 6_000, 64
HELD = {
    "float32": "float32",
    "float16": "float16",
    "int8_weight": "int8",
    "int8_embedding": "int8",
    "int8_dynamic": "int8",
    "int4": "int4",
    "int2": "int2",
    "mixed": "int8",
}
ERROR = {
    "float32": 0.0,
    "float16": 0.002,
    "int8_weight": 0.02,
    "int8_embedding": 0.02,
    "int8_dynamic": 0.02,
    "int4": 0.1,
    "int2": 0.6,
    "mixed": 0.02,
}
"""Largest difference from float32, as a share of the largest number."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Convert a network with a large embedding, a convolution, and two unit counts."""
    job = job_of(
        {"word": level("conv", "mean", "max", length=8), "sentence": level("bag", "attention")},
        width=WIDTH,
        embedding={"ngrams": {"order": 2, "buckets": PAIRS}},
    )
    network = network_of(job, rows=WORDS + PAIRS)
    inputs = inputs_of(job, WORDS + PAIRS)
    return convert(network, job, inputs, tasks_of(job), tmp_path_factory.mktemp("model") / "model.tflite").path


@pytest.fixture(scope="module")
def quantized(model: Path) -> dict[Method, Quantized]:
    return {method: quantize(model, method, model.with_name(f"{method}.tflite")) for method in HELD}


def vectors(path: Path) -> np.ndarray:
    runner = Interpreter(str(path), num_threads=1).get_signature_runner("word_2")
    return runner(ids=ids_of(2 * 8, order=2).reshape(2, 8, 2))["vectors"]


def test_every_method_of_a_job_is_here():
    assert set(get_args(Method)) - set(STATIC) == set(HELD) == set(ERROR)


@pytest.mark.parametrize("method", HELD)
def test_a_file_holds_what_its_method_says(quantized: dict[Method, Quantized], method: Method):
    shares = quantized[method].weights.shares
    assert shares[HELD[method]] > 0.9
    assert sum(shares.values()) == pytest.approx(1.0)
    assert quantized[method].method == method
    assert quantized[method].size == quantized[method].path.stat().st_size


@pytest.mark.parametrize("method", HELD)
def test_a_file_computes_nearly_what_the_model_computes(
    model: Path, quantized: dict[Method, Quantized], method: Method
):
    expected, got = vectors(model), vectors(quantized[method].path)
    assert np.abs(got - expected).max() <= ERROR[method] * np.abs(expected).max()


def test_files_shrink_with_their_format(model: Path, quantized: dict[Method, Quantized]):
    size = {method: quantized[method].size / model.stat().st_size for method in HELD}
    assert size["float32"] <= 1
    assert size["float16"] < 0.53
    # A row of 64 int8 numbers has a scale of its own, which takes 12 bytes; one of 32 bytes would pay too much for it.
    assert size["int8_weight"] < 0.32
    assert size["int8_dynamic"] < 0.32
    assert size["int4"] < 0.16
    assert size["int2"] < 0.09
    assert size["int8_dynamic"] < size["int8_embedding"] < 0.32


def test_weight_only_expands_and_dynamic_does_not(quantized: dict[Method, Quantized]):
    assert quantized["int8_weight"].weights.operators["DEQUANTIZE"] > 0
    assert "DEQUANTIZE" not in quantized["int8_dynamic"].weights.operators
    assert quantized["int8_dynamic"].weights.operators["EMBEDDING_LOOKUP"] == 2


def test_operators_ask_for_a_runtime_that_understands_their_weights(quantized: dict[Method, Quantized]):
    raw = read(quantized["int8_dynamic"].path.read_bytes())
    found = {}
    for graph in raw.subgraphs:
        for operator in graph.operators:
            found[operator_name(raw, operator)] = raw.operatorCodes[operator.opcodeIndex].version
    assert found["FULLY_CONNECTED"] >= 12
    assert found["EMBEDDING_LOOKUP"] >= 4
    assert found["CONV_2D"] >= 5


@pytest.mark.parametrize("method", HELD)
def test_constants_lie_inside_the_flatbuffer_on_multiples_of_16(quantized: dict[Method, Quantized], method: Method):
    raw = quantized[method].path.read_bytes()
    root = schema.Model.GetRootAs(raw)
    buffers = [root.Buffers(index) for index in range(root.BuffersLength())]
    assert not any(buffer.Offset() for buffer in buffers)
    starts = [buffer._tab.Vector(buffer._tab.Offset(4)) for buffer in buffers if buffer.DataLength()]
    assert len(starts) > 5
    assert {start % 16 for start in starts} == {0}


def test_rows_have_scales_of_their_own_where_they_are_wide_enough_to_pay_for_them(
    quantized: dict[Method, Quantized],
):
    scales = {}
    for method in ("int8_dynamic", "int2", "int8_embedding"):
        raw = read(quantized[method].path.read_bytes())
        tables = [tensor for tensor in raw.subgraphs[0].tensors if list(tensor.shape) == [WORDS + PAIRS, WIDTH]]
        scales[method] = [len(tensor.quantization.scale) for tensor in tables]
    assert scales == {"int8_dynamic": [WORDS + PAIRS], "int2": [1], "int8_embedding": [1]}


def test_four_bits_have_a_scale_for_each_block_of_32(quantized: dict[Method, Quantized]):
    raw = read(quantized["int4"].path.read_bytes())
    found = [
        (graph, tensor)
        for graph in raw.subgraphs
        for tensor in graph.tensors
        if list(tensor.shape) == [WORDS + PAIRS, WIDTH]
    ]
    assert len(found) == 2
    for graph, tensor in found:
        scales = graph.tensors[tensor.quantization.details.scales]
        assert (list(scales.shape), scales.type) == ([WORDS + PAIRS, WIDTH // 32], schema.TensorType.FLOAT16)


def test_what_is_no_model_is_a_line_that_says_so(tmp_path: Path):
    model = tmp_path / "model.tflite"
    model.write_bytes(b"\x1c\x00\x00\x00TFL3" + bytes(20))
    with pytest.raises(ConvertError, match=r"model.tflite: expected a model to write as int4; the quantizer stopped: "):
        quantize(model, "int4", tmp_path / "int4.tflite")
    assert not (tmp_path / "int4.tflite").exists()


def test_counting_does_not_count_shared_weights_twice(model: Path):
    counted = weights(model)
    assert list(counted.values) == ["float32"]
    assert (WORDS + PAIRS) * WIDTH < counted.values["float32"] < 1.1 * (WORDS + PAIRS) * WIDTH
    assert all(first >= second for first, second in pairwise(counted.operators.values()))


def test_a_file_that_only_claims_its_format_is_refused(tmp_path: Path):
    held = Weights({"float32": 900, "int8": 100}, {})
    expected = (
        r"expected most weights in int8; it holds float32 90%, int8 10%; leave int8_dynamic out of compress\.methods"
    )
    with pytest.raises(ConvertError, match=expected):
        prove("int8_dynamic", held, tmp_path / "a.tflite")
    with pytest.raises(ConvertError, match="expected most weights in int4 and int8; it holds int8 100%"):
        prove("int4", Weights({"int8": 1000}, {}), tmp_path / "a.tflite")
