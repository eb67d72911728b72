import json
from pathlib import Path

import numpy as np
import pytest

from mgdist.data.dataset import ABOUT, FORMAT, Dataset
from mgdist.data.prepare import prepare
from mgdist.data.stored import Ragged
from mgdist.errors import DataError, RunError
from mgdist.job.spec import Job
from mgdist_edge.tasks import Classify
from tests.data.rows import animals, files, job, write_jsonl


@pytest.fixture
def small(tmp_path: Path) -> Job:
    source = write_jsonl(tmp_path / "train.jsonl", animals(40))
    return files(source, model__embedding={"ngrams": {"order": 2, "buckets": 50}})


def samples(dataset: Dataset) -> np.ndarray:
    stored = dataset.train.inputs["input"]
    assert isinstance(stored, Ragged)
    return np.asarray(stored.samples[0])


def test_a_prepared_row_is_what_the_device_cuts_from_its_text(small: Job, tmp_path: Path) -> None:
    dataset = prepare(small, tmp_path / "data")
    for shard in (dataset.train, dataset.valid, dataset.test):
        for row, text in enumerate(shard.raws["input"]):
            views, stored = dataset.inputs["input"].views(text), shard.views(row)["input"]
            assert np.array_equal(stored.samples[0], views.samples[0])
            assert stored.samples[1:] == views.samples[1:] == (None, None)
            for found, length in zip(stored.lengths, views.lengths, strict=True):
                assert np.array_equal(found, length)
            assert shard.raw(row) == {"input": text}


def test_texts_labels_and_targets_belong_together(small: Job, tmp_path: Path) -> None:
    dataset = prepare(small, tmp_path / "data")
    known = {row["text"]: row["label"] for row in animals(40)}
    read = {
        text: dataset.labels[target]
        for shard in (dataset.train, dataset.valid, dataset.test)
        for text, target in zip(shard.raws["input"], shard.targets["answer"], strict=True)
    }
    assert read == known
    assert dataset.labels == ("cat", "dog")
    assert dataset.counts == {"train": 32, "valid": 4, "test": 4}


def test_a_prepared_folder_opens_as_the_same_data_set(small: Job, tmp_path: Path) -> None:
    made, opened = prepare(small, tmp_path / "data"), Dataset.open(tmp_path / "data")
    assert (made.inputs, made.tasks) == (opened.inputs, opened.tasks)
    assert made.tasks == {"answer": Classify(("cat", "dog"))}
    assert made.digest == opened.digest
    assert np.array_equal(samples(made), samples(opened))


def test_the_same_job_gives_the_same_bytes(small: Job, tmp_path: Path) -> None:
    prepare(small, tmp_path / "one")
    prepare(small, tmp_path / "two")
    names = sorted(path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file())
    assert len(names) == 3 * 9 + 3
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


def test_the_digest_follows_the_documents_and_not_the_folder(small: Job, tmp_path: Path) -> None:
    one = prepare(small, tmp_path / "one").digest
    rows = animals(40)
    rows[0]["label"] = "dog"
    write_jsonl(tmp_path / "train.jsonl", rows)
    assert prepare(small, tmp_path / "two").digest != one


def test_the_vocabulary_and_idf_come_from_the_training_split_only(tmp_path: Path) -> None:
    train = write_jsonl(tmp_path / "train.jsonl", animals(20))
    test = write_jsonl(tmp_path / "test.jsonl", [{"text": "An unheard word", "label": "cat"}] * 2)
    dataset = prepare(files(train, test=test), tmp_path / "data")
    assert "unheard" not in dataset.inputs["input"].vocabulary
    seen = dataset.seen["input"].counts
    assert seen.shape == (dataset.inputs["input"].rows, 2)
    assert seen[dataset.inputs["input"].vocabulary["the"]].tolist() == [9, 9]


def test_documents_are_counted_as_one_by_one(small: Job, tmp_path: Path) -> None:
    dataset = prepare(small, tmp_path / "data")
    seen = np.zeros((dataset.inputs["input"].rows, 2), np.int64)
    for text, target in zip(dataset.train.raws["input"], dataset.train.targets["answer"], strict=True):
        seen[np.unique(dataset.inputs["input"].views(text).samples[0]), target] += 1
    assert np.array_equal(dataset.seen["input"].counts, seen)
    assert dataset.seen["input"].documents == 32


def test_bad_records_left_out_are_counted_in_the_data_set(tmp_path: Path) -> None:
    train = write_jsonl(tmp_path / "train.jsonl", [*animals(40), {"text": None, "label": "cat"}])
    dataset = prepare(files(train, data__on_bad_record="skip"), tmp_path / "data")
    assert dataset.skipped == {"train": 1, "valid": 0, "test": 0}
    told = json.loads((tmp_path / "data" / ABOUT).read_text())["skipped_first"]["train"]
    assert told == [f"{train}:41: text: empty"]


def test_docstrings_become_a_data_set_without_any_file(tmp_path: Path) -> None:
    source = {"kind": "docstrings", "packages": ["fsspec", "aiohttp"]}
    dataset = prepare(job(source, task__label="library", data__cache=str(tmp_path / "cache")), tmp_path / "data")
    assert dataset.labels == ("aiohttp", "fsspec")
    assert len(dataset.train) > 100


def test_a_batch_larger_than_the_training_split_is_said_before_training(tmp_path: Path) -> None:
    train = write_jsonl(tmp_path / "train.jsonl", animals(20))
    with pytest.raises(DataError) as caught:
        prepare(files(train, train__batch_size=64), tmp_path / "data")
    assert str(caught.value) == (
        "train.batch_size: 64 examples are more than the 16 rows to train on; make it at most 16"
    )


def test_a_folder_that_is_half_prepared_does_not_open(small: Job, tmp_path: Path) -> None:
    prepare(small, tmp_path / "data")
    (tmp_path / "data" / ABOUT).unlink()
    with pytest.raises(DataError, match=r"data: holds no prepared data set \(No such file or directory\); submit"):
        Dataset.open(tmp_path / "data")


def test_a_folder_of_another_format_is_refused(small: Job, tmp_path: Path) -> None:
    prepare(small, tmp_path / "data")
    (tmp_path / "data" / ABOUT).write_text('{"format": 0}')
    with pytest.raises(DataError, match=f"expected format {FORMAT}; got 0; submit the job with --fresh"):
        Dataset.open(tmp_path / "data")


def test_a_full_disk_is_said_as_such(small: Job, tmp_path: Path) -> None:
    (tmp_path / "data" / "train" / "input").mkdir(parents=True)
    (tmp_path / "data" / "train" / "input" / "samples_word.npy").symlink_to("/dev/full")
    with pytest.raises(RunError, match=r"the disk is full"):
        prepare(small, tmp_path / "data")


@pytest.fixture
def spoken(tmp_path: Path) -> Job:
    """A job over recordings of two pitches, each heard at two more speeds."""
    time = np.arange(2000) / 8000
    noise = np.random.default_rng(0).normal(0, 0.01, (20, 2000))
    tones = noise + [0.4 * np.sin(2 * np.pi * (300 + 500 * (n % 2) + n) * time) for n in range(20)]
    source = tmp_path / "train.npz"
    np.savez(source, audio=tones.astype(np.float32), label=np.arange(20) % 2)
    audio = {"kind": "audio", "rate": 8000, "mels": 8, "augment": {"speed": [0.8, 1.25]}}
    levels = {"segment": {"length": 4, "encoder": {"kind": "bag"}}}
    return files(source, data__input=audio, granularities=levels)


def test_a_training_recording_is_kept_at_each_speed_and_one_of_them_is_drawn(spoken: Job, tmp_path: Path) -> None:
    dataset = prepare(spoken, tmp_path / "data")
    train, valid = dataset.train.inputs["input"], dataset.valid.inputs["input"]
    assert isinstance(train, Ragged)
    assert isinstance(valid, Ragged)
    assert (train.versions, valid.versions, len(dataset.train)) == (3, 1, 16)
    units = train.units(np.zeros(100, np.int64), np.random.default_rng(0))[0]
    heard = {int(part.sum()) for part in np.split(units.mask, np.cumsum(units.counts)[:-1])}
    assert heard == {1 + (readings - 200) // 80 for readings in (2000, 2500, 1600)}
    assert train.units(np.array([0]))[0].mask.sum() == 1 + (2000 - 200) // 80
    raw, fitted = dataset.train.raw(0)["input"], dataset.inputs["input"]
    np.testing.assert_array_equal(train.views(0).samples[0], fitted.views(raw).samples[0])
    assert train.narrowed([0], {}, {}).versions == 3
