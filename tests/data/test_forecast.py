"""A forecast from one long table: windows in time, the network's scale, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mgdist.data.batches import batch
from mgdist.data.prepare import prepare
from mgdist.errors import DataError
from mgdist.evaluate.baseline import baseline
from mgdist.evaluate.network import answers
from mgdist.evaluate.scores import score
from mgdist.evaluate.values import ValueScores
from mgdist.export.litert_route import convert
from mgdist.export.verify import answers as device_answers
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.train.prepare import prepare as training_of
from mgdist_edge.predictor import load
from mgdist_edge.series import SeriesInput
from mgdist_edge.tasks import Forecast
from tests.data.forecasts import HORIZON, LOOKBACK, forecast_job, seasons, write_rows


@pytest.fixture
def job(tmp_path: Path) -> Job:
    return forecast_job(write_rows(tmp_path / "rows.csv", seasons(300)))


def test_the_future_is_never_seen_and_the_splits_follow_each_other(job: Job, tmp_path: Path) -> None:
    data = prepare(job, tmp_path / "data")
    table = seasons(300)
    (fitted,), (task,) = data.inputs.values(), data.tasks.values()
    assert isinstance(fitted, SeriesInput)
    assert isinstance(task, Forecast)
    np.testing.assert_allclose(fitted.centre, table[:240].mean(0), rtol=1e-5)
    begins = {"train": 0, "valid": 240 - LOOKBACK, "test": 270 - LOOKBACK}
    for name, begin in begins.items():
        shard = getattr(data, name)
        (targets,) = shard.targets.values()
        for row in (0, len(shard) - 1):
            end = begin + row + LOOKBACK
            np.testing.assert_allclose(shard.raw(row)["input"], table[end - LOOKBACK : end], rtol=1e-6)
            np.testing.assert_allclose(targets[row].T, fitted.scaled(table[end : end + HORIZON]), rtol=1e-5)
    assert data.counts == {"train": 240 - LOOKBACK - HORIZON + 1, "valid": 30 - HORIZON + 1, "test": 30 - HORIZON + 1}


def test_windows_are_not_copied(job: Job, tmp_path: Path) -> None:
    data = prepare(job, tmp_path / "data")
    (targets,) = data.train.targets.values()
    assert not targets.flags.owndata
    assert targets.strides[0] == targets.strides[2]
    assert sum(path.stat().st_size for path in (tmp_path / "data").rglob("*.npy")) < 10_000


@pytest.mark.parametrize(
    ("normalize", "channels"), [("standard", "apart"), ("standard", "together"), ("last", "apart")]
)
def test_the_device_forecasts_as_the_network_does(normalize: str, channels: str, job: Job, tmp_path: Path) -> None:
    made = changed(job, normalize=normalize, channels=channels)
    data = prepare(made, tmp_path / "data")
    torch.manual_seed(1)
    network = build(made, data.inputs, data.tasks).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(std=0.1)
    packed = bundle_of(made, data, network, tmp_path)
    trained = answers(network, data.tasks, data.test)
    found = device_answers(packed, data.test)
    assert found["answer"].shape == (len(data.test), 2 * HORIZON)
    np.testing.assert_allclose(found["answer"], trained["answer"], atol=1e-4)
    (task,) = data.tasks.values()
    answer = load(packed).predict(data.test.raw(3)["input"]).answer
    assert isinstance(task, Forecast)
    expected = task.answer(trained["answer"][3])
    assert list(answer.values) == ["x", "y"]
    np.testing.assert_allclose(answer.values["y"], expected.values["y"], atol=1e-3)


@pytest.mark.parametrize("quantiles", [None, (0.1, 0.5, 0.9)])
def test_a_season_is_learned(quantiles: tuple[float, ...] | None, job: Job, tmp_path: Path) -> None:
    made = changed(job, quantiles=quantiles)
    data = prepare(made, tmp_path / "data")
    training = training_of(made, data)
    best = training.run()
    training.network.load_state_dict(best.weights)
    found = score(data.tasks, answers(training.network, data.tasks, data.test), data.test.targets)["answer"]
    beside = baseline(data)["test"]["answer"]
    assert isinstance(found, ValueScores)
    assert isinstance(beside, ValueScores)
    assert beside.repeated is not None
    assert found.mse < 0.5 * beside.repeated
    assert len(found.steps) == HORIZON
    assert (found.pinball is None) == (quantiles is None)


def test_batch_size_counts_windows_and_the_network_sees_channels(job: Job, tmp_path: Path) -> None:
    data = prepare(job, tmp_path / "data")
    made = batch(data.train, np.array([5, 0, 9]))
    assert (len(made), made.examples) == (3, 6)
    assert made.restored(torch.zeros(6, HORIZON)).shape == (3, 2 * HORIZON)
    assert made.restored(torch.zeros(6, HORIZON))[0, 0] == pytest.approx(
        float(data.inputs["input"].scaled(data.train.raw(5)["input"])[-1, 0]), abs=1e-5
    )


def changed(job: Job, **fields: Any) -> Job:
    document = job.model_dump(mode="json")
    for name, value in fields.items():
        (document["task"] if name == "quantiles" else document["data"]["input"])[name] = value
    return Job.model_validate(document)


def bundle_of(job: Job, data: Any, network: Any, folder: Path) -> Path:
    from mgdist.export.bundle import bundle
    from mgdist.export.measure import golden_of, manifest_of

    made = convert(network, job, data.inputs, data.tasks, folder / "model.tflite")
    golden = golden_of(data.valid, answers(network, data.tasks, data.valid))
    manifest = manifest_of(job, data, made.levels, "float32", "2026-01-01T00:00:00+00:00")
    return bundle(folder / "model.tflite", manifest, golden, folder / "bundle.tflite").path


@pytest.mark.parametrize(
    ("mend", "line"),
    [
        (lambda rows: rows[:5] + rows[4:], "row 5 after 2026-01-01T04:00:00 has 2026-01-01T04:00:00: expected a later"),
        (lambda rows: rows[:5] + rows[6:], "row 5 after .* has 2026-01-01T06:00:00: expected steps as the others have; "
         "got one 2 times as long, the first of 1; put in the rows that lack"),
        (lambda rows: [*rows[:5], (rows[5][0], "", "1.0"), *rows[6:]], "got NaN at reading 5 of channel x; mend it"),
        (lambda rows: rows[:50], "data.split: valid has 5 rows, and 40 come first; a window looks back 24"),
    ],
)  # fmt: skip
def test_what_is_no_even_series_is_refused(mend: Any, line: str, tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.csv", seasons(300))
    head, *rows = [tuple(each.split(",")) for each in path.read_text().splitlines()]
    path.write_text("\n".join(map(",".join, [head, *mend(rows)])) + "\n")
    with pytest.raises(DataError, match=line):
        prepare(forecast_job(path), tmp_path / "data")
