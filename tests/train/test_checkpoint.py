"""Checkpoints: whole, or refused."""

from pathlib import Path

import pytest

from mgdist.data.dataset import Dataset
from mgdist.errors import TrainError
from mgdist.job.spec import Job
from mgdist.train import checkpoint
from mgdist.train.prepare import prepare


@pytest.fixture
def saved(small: tuple[Job, Dataset], tmp_path: Path) -> Path:
    training = prepare(*small)
    checkpoint.save(tmp_path, next(training.epochs()), training.engine)
    return tmp_path


def test_what_is_read_is_what_was_written(small: tuple[Job, Dataset], saved: Path) -> None:
    progress = checkpoint.load(saved, prepare(*small).engine)
    assert [epoch.epoch for epoch in progress.history] == [1]
    assert progress.stale == 0
    assert sum(weight.numel() for weight in progress.weights.values()) > 1000


@pytest.mark.parametrize("name", ["engine.pt", "best.safetensors", "progress.json"])
def test_a_damaged_file_is_refused(small: tuple[Job, Dataset], saved: Path, name: str) -> None:
    raw = bytearray((saved / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (saved / name).write_bytes(raw)
    with pytest.raises(TrainError, match=rf"{name}: is damaged: not what was written; submit with --fresh"):
        checkpoint.load(saved, prepare(*small).engine)


def test_the_checkpoint_of_other_workers_is_refused(small: tuple[Job, Dataset], saved: Path) -> None:
    (saved / "sums-1.json").write_text("{}")
    with pytest.raises(TrainError, match="expected the checkpoint of 1 workers; found 2 parts"):
        checkpoint.load(saved, prepare(*small).engine)
