"""The tokenizer of a pre-trained encoder in place of a counted vocabulary."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from mgdist.data.digest import digest
from mgdist.data.fitting.fit import fit
from mgdist.data.fitting.text import read_pieces
from mgdist.errors import DataError
from tests.checkpoint import PIECES, document_of, job_of, saved
from tests.data.rows import animals, write_jsonl


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def test_the_vocabulary_is_the_checkpoints_whatever_the_texts_are(folder: Path) -> None:
    found = fit(job_of(folder), {"input": ["nothing of it"]}, np.zeros(0, np.int64))["input"]
    assert sorted(found.vocabulary) == sorted(PIECES)
    assert found.rows == len(PIECES)
    assert found.vocabulary["[PAD]"] == 0


def test_a_checkpoint_without_a_tokenizer_is_refused(copy: Path) -> None:
    (copy / "tokenizer.json").unlink()
    with pytest.raises(DataError, match=r"data.input.tokenizer: expected .*/tokenizer.json; got: No such file or dir"):
        read_pieces(str(copy))


def test_a_tokenizer_without_a_vocabulary_is_refused(copy: Path) -> None:
    content = json.loads((copy / "tokenizer.json").read_text())
    del content["model"]["vocab"]
    (copy / "tokenizer.json").write_text(json.dumps(content))
    with pytest.raises(
        DataError, match=r"tokenizer.json: model.vocab: expected an object.*; use a checkpoint with a W"
    ):
        read_pieces(str(copy))


def test_a_tokenizer_of_another_checkpoint_is_refused(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"vocab_size": 9}))
    with pytest.raises(DataError, match=r"expected at most 9 ids in .*; got 20; use the tokenizer of this checkpoint"):
        read_pieces(str(copy))


def test_another_checkpoint_at_the_same_place_is_another_source(copy: Path, tmp_path: Path) -> None:
    train = write_jsonl(tmp_path / "train.jsonl", animals(20))
    document = document_of(copy)
    document["data"]["source"]["train"] = str(train)
    job = job_of(copy).model_validate(document)
    first = digest(job)
    assert digest(job) == first
    with (copy / "model.safetensors").open("ab") as file:
        file.write(b" ")
    assert digest(job) != first
