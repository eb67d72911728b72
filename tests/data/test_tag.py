"""Labels of samples from the file to a batch."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mgdist.data.batches import batch
from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare
from mgdist.errors import DataError
from mgdist_edge.tags import Tag
from tests.data.tags import LABELS, recording, tag_job, write


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("tags")
    return prepare(tag_job(write(folder / "rows.jsonl")), folder / "data")


def labels_of(dataset: Dataset, row: int) -> list[str]:
    found = dataset.train.targets_of("answer", np.array([row]))
    return [LABELS[number] for number in found]


def row_of(dataset: Dataset, row: int) -> dict[str, Any]:
    """Return the recording that a training row was read from."""
    mine = np.asarray(dataset.train.raw(row)["input"])[:, 0]
    everything = map(recording, range(40))
    return next(each for each in everything if len(each["x"]) == len(mine) and np.allclose(each["x"], mine))


def test_every_reading_keeps_its_label(prepared: Dataset) -> None:
    assert prepared.tasks == {"answer": Tag(LABELS, "moment")}
    assert len(prepared.train) == 32
    for row in range(len(prepared.train)):
        assert labels_of(prepared, row) == row_of(prepared, row)["tags"]


def test_a_batch_has_the_labels_of_its_rows_in_their_order(prepared: Dataset) -> None:
    rows = np.array([7, 0, 3])
    made = batch(prepared.train, rows)
    assert len(made) == made.examples == 3
    assert [LABELS[number] for number in made.targets["answer"]] == [
        tag for row in rows for tag in labels_of(prepared, row)
    ]


def test_each_label_reads_the_samples_that_cover_it_in_time(prepared: Dataset) -> None:
    rows = np.array([7, 0, 3])
    made = batch(prepared.train, rows)
    assert made.tagged is not None
    series = [np.asarray(prepared.train.raw(int(row))["input"]) for row in rows]
    moment, window, slow = made.tagged.covers
    assert moment is not None
    assert window is not None
    assert slow is not None
    fitted = prepared.inputs["input"]
    finest, middle, coarse = made.levels
    assert finest.samples is not None
    assert coarse.samples is not None
    assert middle.members is not None
    scaled = torch.from_numpy(np.concatenate([fitted.scaled(each) for each in series]))  # type: ignore[union-attr]
    assert torch.allclose(finest.samples.flatten(0, 1)[moment], scaled, atol=1e-6)
    place = np.concatenate([np.arange(len(each)) for each in series])
    before = np.cumsum([0, *(-(-len(each) // 8) for each in series)])[:-1]
    units = place // 8 + np.repeat(before, [len(each) for each in series])
    assert middle.members.flatten()[window].tolist() == units.tolist()
    averages = [fitted.views(each).samples[2][np.arange(len(each)) // 4] for each in series]  # type: ignore[index]
    assert np.allclose(coarse.samples.flatten(0, 1)[slow].numpy(), np.concatenate(averages), atol=1e-6)


def test_examples_of_one_length_are_labelled_too(tmp_path: Path) -> None:
    rows = [recording(number) for number in range(40)]
    short = [{name: values[:20] for name, values in row.items()} for row in rows]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in short))
    dataset = prepare(tag_job(tmp_path / "rows.jsonl", input={"length": 20}), tmp_path / "data")
    made = batch(dataset.train, np.arange(5))
    assert made.targets["answer"].shape == (100,)
    assert made.tagged is not None
    assert [None if each is None else len(each) for each in made.tagged.covers] == [100, 100, 100]


def test_the_samples_of_a_coarser_level_are_labelled_once_each(tmp_path: Path) -> None:
    rows = [{**row, "tags": row["tags"][::8]} for row in map(recording, range(40))]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {"kind": "tag", "label": "tags", "level": "window"}
    dataset = prepare(tag_job(tmp_path / "rows.jsonl", task=task), tmp_path / "data")
    made = batch(dataset.train, np.arange(5))
    assert made.tagged is not None
    moment, window, slow = made.tagged.covers
    assert moment is None
    assert window is not None
    assert slow is not None
    assert len(window) == len(slow) == len(made.targets["answer"]) == int(made.levels[1].mask.sum())


def wrong(path: Path, tags: object, **sections: Any) -> Path:
    rows = [recording(number) for number in range(40)]
    rows[3]["tags"] = tags
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("tags", "line"),
    [
        (["rest"] * 3, "tags: expected a label for each of 50 readings; got 3"),
        ("rest", "tags: expected a list with a label for each sample; got str 'rest'"),
        (None, "tags: expected a list with a label for each sample; got NoneType None"),
        (["rest", None], "tags: empty"),
        ([], "tags: expected a label for each of 50 readings; got 0"),
    ],
)
def test_labels_that_do_not_fit_are_told_or_left_out(tmp_path: Path, tags: object, line: str) -> None:
    path = wrong(tmp_path / "rows.jsonl", tags)
    with pytest.raises(DataError) as caught:
        prepare(tag_job(path), tmp_path / "data")
    assert str(caught.value).endswith(f"rows.jsonl:4: {line}; mend the record, or set data.on_bad_record: skip")
    dataset = prepare(tag_job(path, data={"on_bad_record": "skip"}), tmp_path / "data")
    assert dataset.skipped["train"] == 1
    assert sum(dataset.counts.values()) == 39


def test_a_wrong_number_of_labels_of_a_coarser_level_is_told(tmp_path: Path) -> None:
    task = {"kind": "tag", "label": "tags", "level": "window"}
    line = "tags: expected a label for each of 3 samples of window, which cover 8 of 20 readings; got 20"
    with pytest.raises(DataError, match=line):
        prepare(tag_job(write(tmp_path / "rows.jsonl"), task=task), tmp_path / "data")


def test_a_label_that_only_a_held_out_split_has_is_told(tmp_path: Path) -> None:
    train, test = write(tmp_path / "train.jsonl"), wrong(tmp_path / "test.jsonl", ["fall"] * 50)
    source = {"kind": "files", "train": str(train), "test": str(test)}
    with pytest.raises(DataError, match=r"^data.source.test: label 'fall' is not among the training labels; remove"):
        prepare(tag_job(train, data={"source": source}), tmp_path / "data")


def test_one_label_alone_cannot_be_learned(tmp_path: Path) -> None:
    rows = [{**row, "tags": ["rest"] * len(row["x"])} for row in map(recording, range(40))]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    with pytest.raises(DataError, match=r"^task.label: expected at least two classes; all rows are 'rest'"):
        prepare(tag_job(tmp_path / "rows.jsonl"), tmp_path / "data")


LONG = {"layout": "long", "id": "run", "time": "t"}


def write_long(path: Path, **changes: Any) -> Path:
    """Write recordings as CSV, one reading a row, the rows of different recordings mixed and out of order."""
    rows = [
        {"run": f"r{number}", "t": place / 10, "x": x, "y": y, "tags": tag, "most": row["most"]} | changes
        for number, row in enumerate(map(recording, range(40)))
        for place, (x, y, tag) in enumerate(zip(row["x"], row["y"], row["tags"], strict=True))
    ]
    mixed = np.random.default_rng(0).permutation(len(rows))
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows[place] for place in mixed)
    return path


def test_the_rows_of_a_long_table_become_recordings_in_the_order_of_time(tmp_path: Path) -> None:
    dataset = prepare(tag_job(write_long(tmp_path / "rows.csv"), input=LONG), tmp_path / "data")
    assert sum(dataset.counts.values()) == 40
    for row in range(len(dataset.train)):
        assert labels_of(dataset, row) == row_of(dataset, row)["tags"]


def test_a_long_table_may_tell_one_label_of_each_recording(tmp_path: Path) -> None:
    task = {"kind": "classify", "label": "most"}
    dataset = prepare(tag_job(write_long(tmp_path / "rows.csv"), input=LONG, task=task), tmp_path / "data")
    for row in range(len(dataset.train)):
        assert LABELS[int(dataset.train.targets["answer"][row])] == row_of(dataset, row)["most"]


@pytest.mark.parametrize(
    ("changes", "task", "line"),
    [
        ({}, {"kind": "classify", "label": "tags"}, "tags: expected the same in all of its rows; got '"),
        ({"run": ""}, {"kind": "tag", "label": "tags"}, "run: empty; expected what the rows of one example have"),
        ({"t": "soon"}, {"kind": "tag", "label": "tags"}, "t: expected a date such as 2026-11-23"),
        ({"t": "1.0"}, {"kind": "tag", "label": "tags"}, "stands in two rows; expected each time once"),
        ({"x": "much"}, {"kind": "tag", "label": "tags"}, "x: expected a number; got 'much'"),
        ({"tags": ""}, {"kind": "tag", "label": "tags"}, "tags: empty; mend the row"),
    ],
)
def test_a_long_table_that_cannot_be_read_is_told(
    tmp_path: Path, changes: dict[str, Any], task: dict[str, Any], line: str
) -> None:
    with pytest.raises(DataError) as caught:
        prepare(tag_job(write_long(tmp_path / "rows.csv", **changes), input=LONG, task=task), tmp_path / "data")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recording_that_is_longer_than_the_levels_hold_is_told(tmp_path: Path) -> None:
    job = tag_job(write(tmp_path / "rows.jsonl"), granularities={"moment": {"length": 50, "encoder": {"kind": "bag"}}})
    line = r"^data.input: expected at most 50 readings, which the levels hold; got 60; cut the series, or train with"
    with pytest.raises(DataError, match=line):
        prepare(job, tmp_path / "data")
