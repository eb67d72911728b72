from pathlib import Path

import pytest

from mgdist.data.prepare import prepare
from mgdist.evaluate.baseline import baseline
from tests.data.rows import animals, files, job, write_jsonl


def test_it_tells_libraries_by_their_docstrings(tmp_path: Path) -> None:
    source = {"kind": "docstrings", "packages": ["networkx", "fsspec", "aiohttp"]}
    asked = job(source, task__label="library", data__cache=str(tmp_path / "cache"), data__limit=300)
    dataset = prepare(asked, tmp_path / "data")
    scores = baseline(dataset)
    assert set(scores) == {"valid", "test"}
    assert scores["test"].examples == len(dataset.test)
    assert scores["test"].accuracy > 0.9


def test_two_classes_have_two_probabilities(tmp_path: Path) -> None:
    found = baseline(prepare(files(write_jsonl(tmp_path / "train.jsonl", animals(40))), tmp_path / "data"))["test"]
    assert found.accuracy == 1.0
    assert len(found.per_class) == 2
    assert found.loss == pytest.approx(0.15, abs=0.15)


def test_it_learns_from_the_training_split_only(tmp_path: Path) -> None:
    train = write_jsonl(tmp_path / "train.jsonl", animals(40))
    swapped = [{"text": row["text"], "label": "dog" if row["label"] == "cat" else "cat"} for row in animals(20)]
    held = write_jsonl(tmp_path / "test.jsonl", swapped)
    assert baseline(prepare(files(train, test=held), tmp_path / "data"))["test"].accuracy == 0.0
