"""Checkpoints: whole, or refused."""

from pathlib import Path

import pytest

from mgdist.data.dataset import Dataset
from mgdist.errors import DamagedError, TrainError
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
    with pytest.raises(DamagedError, match=f"{name}: is damaged: not what was written|is not whole"):
        checkpoint.load(saved, prepare(*small).engine)


@pytest.mark.parametrize("name", ["engine.pt", "best.safetensors", "progress.json", "sums-0.json"])
def test_a_file_that_is_missing_is_told(small: tuple[Job, Dataset], saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(DamagedError, match=rf"is not whole: .*No such file or directory: .*{name}"):
        checkpoint.load(saved, prepare(*small).engine)


def test_the_checkpoint_before_a_damaged_one_is_taken_and_what_is_wrong_is_told(
    small: tuple[Job, Dataset], tmp_path: Path
) -> None:
    older, newer = saved_twice(small, tmp_path)
    (newer / "engine.pt").write_bytes(b"")
    found = checkpoint.resume([newer, older], prepare(*small).engine)
    assert (found.folder, len(found.progress.history)) == (older, 1)
    assert found.refused == (f"{newer / 'engine.pt'}: is damaged: not what was written",)


def test_where_no_checkpoint_is_whole_training_does_not_start_afresh(
    small: tuple[Job, Dataset], tmp_path: Path
) -> None:
    older, newer = saved_twice(small, tmp_path)
    for folder in (older, newer):
        (folder / "progress.json").unlink()
    with pytest.raises(TrainError, match=r"none of 2 checkpoints is whole: .*submit with --fresh"):
        checkpoint.resume([newer, older], prepare(*small).engine)


def saved_twice(small: tuple[Job, Dataset], folder: Path) -> tuple[Path, Path]:
    """Leave a checkpoint after the first and after the second epoch."""
    training = prepare(*small)
    older, newer = folder / "older", folder / "newer"
    for place, progress in zip((older, newer), training.epochs(), strict=False):
        place.mkdir()
        checkpoint.save(place, progress, training.engine)
    return older, newer
