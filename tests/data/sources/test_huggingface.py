from pathlib import Path
from typing import Any

import pytest

from mgdist.data.sources.examples import Given
from mgdist.data.sources.read import read
from mgdist.errors import DataError
from tests.data.rows import animals, job, write_jsonl


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def load(name: Path | str, cache: Path, **source: Any) -> Given:
    return read(job({"kind": "huggingface", "name": str(name), **source}, data__cache=str(cache)))


def test_a_folder_of_files_is_a_data_set(tmp_path: Path, cache: Path) -> None:
    rows = animals(20)
    write_jsonl(tmp_path / "train.jsonl", rows[:14])
    write_jsonl(tmp_path / "test.jsonl", rows[14:])
    given = load(tmp_path, cache, test="test")
    assert given.train.raws["input"] == [row["text"] for row in rows[:14]]
    assert given.test is not None
    assert given.test.targets["answer"] == [row["label"] for row in rows[14:]]
    assert given.valid is None


def test_a_folder_that_was_saved_to_disk_is_a_data_set_and_class_labels_have_names(tmp_path: Path, cache: Path) -> None:
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

    features = Features({"label": ClassLabel(names=["cat", "dog"]), "text": Value("string")})
    rows = Dataset.from_dict({"label": [1, 0, 1], "text": ["a", "b", "c"]}, features=features)
    DatasetDict({"train": rows}).save_to_disk(tmp_path)
    given = load(tmp_path, cache)
    assert (given.train.raws["input"], given.train.targets["answer"]) == (["a", "b", "c"], ["dog", "cat", "dog"])


def test_a_row_without_a_class_is_named(tmp_path: Path, cache: Path) -> None:
    from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

    features = Features({"label": ClassLabel(names=["cat", "dog"]), "text": Value("string")})
    rows = Dataset.from_dict({"label": [1, -1], "text": ["a", "b"]}, features=features)
    DatasetDict({"train": rows}).save_to_disk(tmp_path)
    with pytest.raises(DataError, match=r"\[train\]:row 2: label: empty; mend the record"):
        load(tmp_path, cache)


def test_a_split_or_a_column_that_it_lacks_is_said(tmp_path: Path, cache: Path) -> None:
    write_jsonl(tmp_path / "train.jsonl", [{"txt": "a", "label": "b"}])
    with pytest.raises(DataError, match=r"^data\.source\.valid: .* has no split 'dev'; it has train$"):
        load(tmp_path, cache, valid="dev")
    with pytest.raises(DataError, match=r"^data\.input\.columns: .* has no column 'text'; did you mean txt\?"):
        load(tmp_path, cache)


@pytest.mark.parametrize("name", ["nowhere/no-such-set", "./no-such-folder"])
def test_a_data_set_that_is_not_found_is_said(name: str, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(DataError) as caught:
        load(name, cache)
    assert str(caught.value).startswith(f"data.source.name: {name}: no data set could be read: ")
    assert str(caught.value).endswith("or name a folder that holds the data set")
    assert "\n" not in str(caught.value)
