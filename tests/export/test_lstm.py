"""An LSTM that is one operator gives what PyTorch gives, and no call remembers the one before."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter, SignatureRunner
from numpy.typing import NDArray

from mgdist.compress.grid import Grid, grids, on_grids
from mgdist.compress.layers import layers_of
from mgdist.compress.lstm import LSTM
from mgdist.compress.quantize import Format, quantize
from mgdist.export.litert_route import OfSamples, convert
from mgdist.job.compress import Method
from mgdist.models.network import Network
from tests.networks import inputs_of, job_of, level, network_of, tasks_of

LENGTH, UNITS = 40, 3
LEVELS = {
    "word": level("bag"),
    "sentence": level("lstm, one operator", "attention", "last", length=LENGTH),
    "paragraph": level("bag"),
}
JOB = job_of(LEVELS, counts=(1, UNITS), width=32)
FORMATS: Mapping[Method, str] = {"float16": "float16", "int8_weight": "int8", "int8_dynamic": "int8", "int4": "int8"}


def network(seed: int = 0) -> Network:
    found = network_of(JOB, seed=seed)
    with torch.no_grad():  # a state that lasts, so that one that is not reset would show
        for direction in found.levels["sentence"].encoder.directions:
            direction.rnn.bias_hh_l0[16:32] += 3
    return found


def written(one: Network, path: Path) -> Path:
    return convert(one, JOB, inputs_of(JOB), tasks_of(JOB), path).path


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(network(), tmp_path_factory.mktemp("lstm") / "model.tflite")


def units(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return units of which one is full, one short, one empty; padding is no zero."""
    torch.manual_seed(seed)
    lengths = torch.tensor([LENGTH, 7, 0])
    mask = (torch.arange(LENGTH) < lengths[:, None]).float()
    samples = torch.randn(UNITS, LENGTH, 32)
    return torch.where(mask.unsqueeze(2) > 0, samples, 50.0), mask


def runner(path: Path) -> SignatureRunner:
    return Interpreter(str(path), num_threads=1).get_signature_runner(f"sentence_{UNITS}")


def told(run: SignatureRunner, seed: int) -> NDArray[np.float32]:
    samples, mask = units(seed)
    found: NDArray[np.float32] = run(samples=samples.numpy(), mask=mask.numpy())["vectors"]
    return found


def trained(one: Network, seed: int) -> NDArray[np.float32]:
    samples, mask = units(seed)
    with torch.no_grad():
        found: NDArray[np.float32] = OfSamples(one.levels["sentence"])(samples, mask)["vectors"].numpy()
    return found


def test_each_call_gives_what_torch_gives_whatever_came_before(model: Path) -> None:
    run = runner(model)
    for seed in (1, 2, 1):
        np.testing.assert_allclose(told(run, seed), trained(network(), seed), atol=2e-6)


def test_its_steps_are_one_operator_whose_weights_are_there_once(model: Path, tmp_path: Path) -> None:
    plain = quantize(model, "float32", tmp_path / "plain.tflite")
    found = plain.weights
    ways, layers, signatures = 2, 2, 2
    assert found.operators[LSTM] == ways * layers * signatures
    one_copy = 4 * sum(each.numel() for each in network().parameters())
    assert one_copy < plain.size < 1.5 * one_copy
    assert sum(found.operators.values()) < 200


@pytest.mark.parametrize("method", FORMATS)
def test_its_weights_have_the_format(model: Path, method: Method, tmp_path: Path) -> None:
    made = quantize(model, method, tmp_path / "made.tflite")
    lstms = [layer for layer in made.layers if layer.operator == LSTM]
    assert len(lstms) == 4
    assert {layer.format for layer in lstms} == {FORMATS[method]}
    assert (LSTM in made.weights.floats) == (method in ("float16", "int8_weight"))
    assert made.size < 0.75 * model.stat().st_size
    run = runner(made.path)
    for seed in (1, 2, 1):
        expected = trained(network(), seed)
        assert np.abs(told(run, seed) - expected).max() < 0.05 * np.abs(expected).max()


def test_blocks_of_an_embedding_keep_their_scales_beside_it(model: Path, tmp_path: Path) -> None:
    made = quantize(model, "int4", tmp_path / "made.tflite")
    ids = np.arange(2, 2 + 6, dtype=np.int32).reshape(1, 6, 1)
    whole, four = (
        Interpreter(str(path), num_threads=1).get_signature_runner("word_1")(ids=ids)["vectors"]
        for path in (model, made.path)
    )
    assert 0 < np.abs(four - whole).max() < 0.15 * np.abs(whole).max()


def test_mixed_precision_leaves_those_in_float32_that_it_is_told_to(model: Path, tmp_path: Path) -> None:
    first, *others = [layer.name for layer in layers_of(model) if layer.operator == LSTM]
    formats: dict[str, Format] = {first: "float32", **dict.fromkeys(others, "int8")}
    made = quantize(model, "mixed", tmp_path / "made.tflite", formats=formats)
    assert {layer.name: layer.format for layer in made.layers if layer.operator == LSTM} == formats


def test_what_is_rounded_in_training_is_written_as_it_is(model: Path, tmp_path: Path) -> None:
    one = network()
    laid = grids(one, "int8_dynamic")
    assert laid["levels.sentence.encoder.directions.0.rnn.weight_hh_l0"] == Grid(8, "gate")
    plain = quantize(model, "int8_dynamic", tmp_path / "plain.tflite")
    one.load_state_dict(on_grids(one.state_dict(), laid))
    rounded = quantize(written(one, tmp_path / "one.tflite"), "int8_dynamic", tmp_path / "rounded.tflite", aware=True)
    np.testing.assert_allclose(told(runner(rounded.path), 1), told(runner(plain.path), 1), atol=1e-5)


def test_directions_may_share_some_of_their_weights(tmp_path: Path) -> None:
    """The converter writes equal constants once, and others may read them."""
    one = network()
    forward, backward = one.levels["sentence"].encoder.directions[:2]
    with torch.no_grad():
        for name in ("weight_ih_l0", "bias_ih_l0", "bias_hh_l0"):
            backward.rnn.get_parameter(name).copy_(forward.rnn.get_parameter(name))
    np.testing.assert_allclose(told(runner(written(one, tmp_path / "one.tflite")), 1), trained(one, 1), atol=2e-6)
