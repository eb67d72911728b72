from pathlib import Path

import numpy as np
import pytest

from mgdist.data.prepare import prepare
from mgdist.errors import DataError
from mgdist.job.point import checked
from mgdist.job.spec import Job

IMAGE = {"kind": "image", "size": [8, 8], "channels": 1}


def job(name: str, **changed: object) -> Job:
    document = {
        "name": "small",
        "task": {"kind": "classify", "label": "label"},
        "data": {
            "source": {"kind": "sklearn", "name": name},
            "input": {"kind": "image", "size": [8, 8], "channels": 1},
        },
        "granularities": {"image": {"length": 8, "encoder": {"kind": "bag"}}},
        "train": {"batch_size": 4},
    }
    made, mistakes = checked({**document, **changed})
    assert made is not None, mistakes
    return made


def test_digits_are_images_of_64_pixels_with_ten_labels(tmp_path: Path) -> None:
    dataset = prepare(job("digits"), tmp_path / "data")
    assert sum(dataset.counts.values()) == 1797
    assert dataset.labels == tuple("0123456789")
    raw = dataset.train.raw(0)["input"]
    assert isinstance(raw, np.ndarray)
    assert (raw.shape, raw.dtype, raw.max() <= 16) == ((8, 8, 1), np.uint8, True)


def test_features_are_columns_by_name_and_a_number_may_be_the_target(tmp_path: Path) -> None:
    table = {"kind": "table", "numeric": ["bmi", "bp"]}
    diabetes = job(
        "diabetes",
        task={"kind": "regress", "targets": "target"},
        data={"source": {"kind": "sklearn", "name": "diabetes"}, "input": table},
        granularities={"row": {"length": 2, "encoder": {"kind": "none"}, "pool": "all"}},
    )
    dataset = prepare(diabetes, tmp_path / "data")
    assert sum(dataset.counts.values()) == 442
    assert dataset.train.targets["answer"].shape == (dataset.counts["train"], 1)


def test_a_column_that_a_set_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        prepare(job("wine"), tmp_path / "data")
    assert str(caught.value).startswith(
        "data.input.column: sklearn wine has no column 'image'; it has alcohol, malic_acid"
    )
