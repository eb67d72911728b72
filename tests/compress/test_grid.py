"""Grids are those of the files: what is rounded here is what the quantizer writes."""

from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor

from mgdist.apart import apart
from mgdist.compress.grid import Grid, grids, on_grids
from mgdist.compress.quantize import quantize
from mgdist.export.litert_route import device_levels
from mgdist.job.compress import Aware
from mgdist.job.spec import Job
from mgdist.models.network import Network
from tests.export.some import some_of
from tests.networks import ids_of, inputs_of, job_of, level, network_of, tasks_of

ROWS, FIRST = 2_000, "word_1"
LEVELS = {"word": level("conv", "mean", "max", length=8)}
FEW = {"int8_dynamic": 255, "int4": 16, "int2": 4}
"""Different numbers that share a scale, at most."""


def made(width: int) -> tuple[Job, Network]:
    torch.manual_seed(1)
    job = job_of(LEVELS, width=width)
    network = network_of(job, rows=ROWS)
    with torch.no_grad():
        network.embeddings["word"].weight[7] *= 20  # an outlier, which few bits cut off
    return job, network


def converted(job: Job, network: Network, folder: Path) -> Path:
    """Convert the level of a network that is looked at, to a file of its own."""
    path = folder / f"{len(list(folder.iterdir()))}.tflite"
    path.write_bytes(apart(some_of, network, device_levels(job, inputs_of(job, ROWS), network), tasks_of(job), [FIRST]))
    return path


def device(model: Path, method: Aware, *, aware: bool) -> np.ndarray:
    """Return what the first level of a quantized model says of some words."""
    made = quantize(model, method, model.with_suffix(f".{method}"), aware=aware)
    runner = Interpreter(str(made.path), num_threads=1).get_signature_runner(FIRST)
    return runner(ids=ids_of(8, order=1).reshape(1, 8, 1))["vectors"]


def test_every_format_that_can_be_trained_for_is_here() -> None:
    assert set(FEW) == set(get_args(Aware))


@pytest.mark.slow
@pytest.mark.parametrize("width", [16, 128])
def test_a_rounded_network_is_written_as_it_is(width: int, tmp_path: Path) -> None:
    """And where nothing is cut off, the file of a network that was not rounded is the same."""
    job, network = made(width)
    plain = {name: value.clone() for name, value in network.state_dict().items()}
    unrounded = converted(job, network, tmp_path)
    for method in get_args(Aware):
        network.load_state_dict(on_grids(plain, grids(network, method)))
        kept = device(converted(job, network, tmp_path), method, aware=True)
        ids = torch.from_numpy(ids_of(8, order=1).reshape(1, 8, 1))
        with torch.no_grad():
            found = network.levels["word"](network.embeddings["word"](ids), torch.ones(1, 8)).numpy()
        # What is computed is rounded too, to 8 bits, and nothing else.
        assert np.abs(kept - found).max() < 0.02 * np.abs(found).max(), method
        if (method, width) in (("int8_dynamic", 16), ("int8_dynamic", 128), ("int4", 128)):
            np.testing.assert_allclose(device(unrounded, method, aware=False), kept, atol=1e-6)


def test_all_weights_of_operators_have_a_grid_and_nothing_else_has() -> None:
    _, network = made(16)
    laid = grids(network, "int4")
    assert laid["embeddings.word.weight"] == Grid(4, "all")
    assert grids(made(128)[1], "int4")["embeddings.word.weight"] == Grid(4, "block")
    assert {name for name, weight in network.named_parameters() if weight.ndim > 1} == set(laid)
    assert set(laid.values()) == {Grid(4, "all"), Grid(8, "channel")}


@pytest.mark.parametrize("grid", [Grid(8, "channel"), Grid(4, "block"), Grid(4, "all"), Grid(2, "channel")])
def test_a_grid_has_as_many_numbers_as_its_bits(grid: Grid) -> None:
    torch.manual_seed(1)
    weight = torch.randn(20, 64)
    weight[3] = 0
    rounded = grid.rounded(weight)
    assert rounded.shape == weight.shape
    assert torch.equal(rounded[3], weight[3])
    assert {len(group.unique()) <= 2**grid.bits for group in groups(grid, rounded)} == {True}
    worst = max(float(group.abs().max()) for group in groups(grid, weight)) / (2 ** (grid.bits - 1) - 1)
    assert float((rounded - weight).abs().median()) < worst / 2


def groups(grid: Grid, weight: Tensor) -> list[Tensor]:
    return list(weight.reshape({"all": 1, "channel": len(weight), "block": weight.numel() // 32}[grid.shared], -1))
