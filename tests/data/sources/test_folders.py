from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mgdist.data.digest import digest
from mgdist.data.inspect import inspect
from mgdist.data.prepare import prepare
from mgdist.errors import DataError
from mgdist.job.point import checked
from mgdist.job.spec import Job


def job(folder: Path, **changed: object) -> Job:
    made, mistakes = checked(
        {
            "name": "small",
            "task": {"kind": "classify", "label": "label"},
            "data": {
                "source": {"kind": "folders", "train": str(folder)},
                "input": {"kind": "image", "column": "file", "size": [6, 6], "channels": 3},
                **changed,
            },
            "granularities": {"image": {"length": 6, "encoder": {"kind": "bag"}}},
            "train": {"batch_size": 2},
        }
    )
    assert made is not None, mistakes
    return made


def pictures(folder: Path, classes: tuple[str, ...] = ("cat", "dog"), each: int = 6) -> Path:
    draw = np.random.default_rng(0)
    for label in classes:
        (folder / label).mkdir(parents=True)
        for number in range(each):
            Image.fromarray(draw.integers(0, 255, (8, 6, 3), np.uint8)).save(folder / label / f"{number}.png")
    return folder


def test_the_folder_around_a_file_is_its_label(tmp_path: Path) -> None:
    (pictures(tmp_path / "pets") / "cat" / ".hidden").write_text("no picture")
    dataset = prepare(job(tmp_path / "pets"), tmp_path / "data")
    assert dataset.labels == ("cat", "dog")
    assert sum(dataset.counts.values()) == 12
    raw = dataset.train.raw(0)["input"]
    assert isinstance(raw, np.ndarray)
    assert raw.shape == (6, 6, 3)


def test_another_picture_is_another_source(tmp_path: Path) -> None:
    asked = job(pictures(tmp_path / "pets"))
    before = digest(asked)
    assert digest(asked) == before
    (tmp_path / "pets" / "cat" / "0.png").unlink()
    assert digest(asked) != before


def test_a_file_that_is_no_picture_is_named_or_left_out(tmp_path: Path) -> None:
    (pictures(tmp_path / "pets") / "dog" / "0.png").write_bytes(b"\x89PNG no picture")
    with pytest.raises(
        DataError, match=r"pets/dog/0\.png: file: .*; mend the record, or set data\.on_bad_record: skip$"
    ):
        prepare(job(tmp_path / "pets"), tmp_path / "data")
    skipping = prepare(job(tmp_path / "pets", on_bad_record="skip"), tmp_path / "data")
    assert skipping.skipped["train"] == 1


def test_a_folder_without_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        inspect(job(tmp_path / "pets"))
    assert str(caught.value).endswith("pets: expected a folder with one folder a class; it is none")
    (tmp_path / "pets" / "cat").mkdir(parents=True)
    with pytest.raises(DataError) as caught:
        inspect(job(tmp_path / "pets"))
    assert str(caught.value).endswith("pets: expected folders with files in them, one a class; found none")
