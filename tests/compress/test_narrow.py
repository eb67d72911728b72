"""Rows with fewer numbers: nothing changes where they had no more directions, and the file is smaller in any case."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from mgdist.compress.flatbuffer import weights
from mgdist.compress.narrow import narrow
from mgdist.compress.quantize import quantize
from mgdist.data.batches import Batch
from mgdist.export.litert_route import convert
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.models.network import Network
from mgdist.models.shaped import shaped
from tests.networks import TWO_DOCUMENTS, batch_of, inputs_of, job_of, level, network_of, tasks_of

LEVELS = {
    "bag": level("bag"),
    "mlp": level("mlp", layers=2),
    "gru": level("gru", "attention"),
    "lstm, both ways": level("lstm", bidirectional=True),
    "transformer": level("transformer"),
    "conv": level("conv", residual=False),
    "conv in stages": level("conv in stages"),
}
WIDE = 24
ROWS = 400


def small(word: dict[str, Any], wide: int = WIDE) -> tuple[Job, Network]:
    torch.manual_seed(1)
    job = job_of({"word": word, "sentence": level("bag", length=3)}, width=16, embedding={"width": wide})
    return job, network_of(job, rows=ROWS)


def answered(network: Network, batch: Batch) -> torch.Tensor:
    with torch.no_grad():
        (found,) = network.eval()(batch).values()
    return found


def table(network: Network) -> torch.Tensor:
    return network.embeddings["word"].weight.detach()


@pytest.mark.parametrize("name", LEVELS)
def test_rows_of_few_directions_lose_the_others_and_nothing_changes(name: str) -> None:
    job, network = small(LEVELS[name])
    with torch.no_grad():
        network.embeddings["word"].weight.copy_(torch.randn(ROWS, 6) @ torch.randn(6, WIDE) * 0.1)
    batch = batch_of([document[:2] for document in TWO_DOCUMENTS])
    before, numbers = answered(network, batch), sum(each.numel() for each in network.parameters())
    assert narrow(network, "word", 0.75, torch.rand(ROWS)) == ""
    assert table(network).shape == (ROWS, 6)
    assert sum(each.numel() for each in network.parameters()) < numbers - ROWS * 18
    torch.testing.assert_close(answered(network, batch), before, atol=1e-4, rtol=1e-4)
    again = shaped(build(job, inputs_of(job, ROWS), tasks_of(job)), network.state_dict())
    torch.testing.assert_close(answered(again, batch), before, atol=1e-4, rtol=1e-4)


def test_the_rows_that_matter_keep_more_of_themselves() -> None:
    worth = torch.full((ROWS,), 1e-3)
    worth[:4] = 1.0
    lost = {}
    for name, counted in (("by worth", worth), ("alike", torch.ones(ROWS))):
        _, network = small(LEVELS["bag"])
        before = table(network)[:4] @ network.levels["word"].encoder.project.weight.detach().T
        assert narrow(network, "word", 0.75, counted) == ""
        after = table(network)[:4] @ network.levels["word"].encoder.project.weight.detach().T
        lost[name] = float((after - before).square().sum())
    assert lost["by worth"] < 0.1 * lost["alike"]


def test_whole_blocks_stay() -> None:
    _, network = small(LEVELS["bag"], wide=96)
    assert narrow(network, "word", 0.5, torch.ones(ROWS)) == ""
    assert table(network).shape == (ROWS, 64)
    assert narrow(network, "word", 0.4, torch.ones(ROWS)) == (
        "expected some of the 64 numbers to go; whole blocks of 32 stay, and so all do"
    )
    assert narrow(network, "word", 0.75, torch.ones(ROWS)) == ""
    assert table(network).shape == (ROWS, 16)


@pytest.mark.parametrize("word", [level("none"), level("conv"), level("conv apart"), level("mlp", skip=True)])
def test_where_anything_else_sees_the_rows_they_stay(word: dict[str, Any]) -> None:
    _, network = small(word, wide=16)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert "before anything else" in narrow(network, "word", 0.5, torch.ones(ROWS))
    torch.testing.assert_close(dict(network.state_dict()), before)


@pytest.mark.slow
def test_the_file_is_smaller_and_has_the_same_operators(tmp_path: Path) -> None:
    job, network = small(LEVELS["mlp"], wide=64)
    sizes, operators = list[int](), list[Counter[str]]()
    for name in ("whole", "narrow"):
        converted = convert(network, job, inputs_of(job, ROWS), tasks_of(job), tmp_path / f"{name}.tflite")
        made = quantize(converted.path, "int8_dynamic", tmp_path / f"{name}.int8.tflite")
        sizes.append(made.size)
        operators.append(Counter(weights(made.path).operators))
        narrow(network, "word", 0.5, torch.ones(ROWS))
    assert sizes[0] - sizes[1] > 0.9 * ROWS * 32
    assert operators[0] == operators[1]
