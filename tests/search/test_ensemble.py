"""Ensembles of networks of other kinds than one label, and students of theirs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare as prepare_data
from mgdist.evaluate.scores import quality
from mgdist.job.point import at_point
from mgdist.job.spec import Job
from mgdist.search.ensemble import Ensemble, ensemble
from mgdist.search.members import weights_of
from mgdist.search.results import Searched, Trial
from mgdist.search.tune import trial_job
from mgdist.train.checkpoint import save_best
from mgdist.train.prepare import prepare
from mgdist.train.reach import Reach
from tests.data.forecasts import forecast_job, seasons, write_rows
from tests.train.corpus import moved, several, write_several


def searching(combine: str) -> dict[str, Any]:
    return {
        "trials": 2,
        "ensemble": {"winners": 2, "combine": combine},
        "space": {"train.lr": {"choice": [0.01, 0.02]}},
    }


def made(job: Job, folder: Path) -> tuple[Dataset, Ensemble]:
    """Train the winners as their trials do, and make their ensemble; return it with what it teaches."""
    data, trials = prepare_data(job, folder / "data"), []
    for number, lr in enumerate((0.01, 0.02), start=1):
        for progress in prepare(trial_job(job, {"train.lr": lr}), data).epochs():
            save_best(weights_of(folder, number), progress, Reach("today").write)
        trials.append(Trial(number, {"train.lr": lr}, "done", progress.best.quality, len(progress.history)))
    (folder / "ensemble").mkdir()
    ensemble(job, data, Searched(tuple(trials)), folder, folder / "ensemble")
    found = Ensemble.open(folder / "ensemble")
    assert [quality(member.valid) for member in found.members] == pytest.approx([trial.value for trial in trials])
    return Dataset.open(data.folder, folder / "ensemble"), found


def learns(job: Job, data: Dataset) -> None:
    """Assert that a student follows the answers of its teacher."""
    losses = [epoch.loss for epoch in prepare(at_point(job, {"train.distil.weight": 1.0}), data).run().history]
    assert losses[-1] < 0.5 * losses[0]


def test_heads_of_all_kinds_are_combined_each_by_itself(tmp_path: Path) -> None:
    write_several(tmp_path / "rows.jsonl", 240)
    job = several(tmp_path / "rows.jsonl", search=searching("stack"), train__epochs=4)
    data, found = made(moved(job, train__distil={"teacher": "ensemble"}), tmp_path)
    assert list(found.combined) == ["mean", "weighted", "stack"], "there is no vote on numbers"
    assert found.weights.keys() == found.combined["mean"][0].keys() == job.heads.keys()
    assert {name: each.shape[1] for name, each in data.train.taught.items()} == {
        name: task.outputs for name, task in data.tasks.items()
    }


@pytest.mark.parametrize(
    ("quantiles", "combine", "ways"),
    [(None, "stack", ["mean", "weighted", "stack"]), ([0.1, 0.5, 0.9], "weighted", ["mean", "weighted"])],
)
@pytest.mark.parametrize("channels", ["apart", "together"])
def test_forecasts_are_combined_and_taught(
    tmp_path: Path, quantiles: list[float] | None, combine: str, ways: list[str], channels: str
) -> None:
    path = write_rows(tmp_path / "rows.csv", seasons(400))
    sections = {"task": {"quantiles": quantiles}, "input": {"channels": channels}, "search": searching(combine)}
    plain = forecast_job(path, **sections)
    job = moved(plain, train__distil={"teacher": "ensemble"})
    data, found = made(job, tmp_path)
    (head,) = data.tasks
    assert list(found.combined) == ways
    assert data.train.taught[head].shape == (len(data.train), data.tasks[head].outputs)
    assert all(quality(valid) > 0.9 for valid, _ in found.combined.values())
    learns(job, data)
    close = np.abs(
        data.train.taught[head].reshape(*data.train.targets[head].shape, -1).mean(3) - data.train.targets[head]
    )
    assert close.mean() < 0.3
