"""A training that starts from a checkpoint, and leaves alone what is frozen."""

from pathlib import Path
from typing import Any

import pytest
import torch

from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare as read
from mgdist.job.spec import Job
from mgdist.train.prepare import prepare
from mgdist.train.torch_engine import TorchEngine
from tests.checkpoint import document_of, saved
from tests.data.rows import animals, write_jsonl
from tests.train.workers import together

ENGINES = [{"kind": "deepspeed", "stage": stage} for stage in (1, 3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = saved(tmp_path_factory.mktemp("checkpoint"))
    write_jsonl(folder / "train.jsonl", animals(80))
    return folder


def job_at(folder: Path, asked: Any, engine: dict[str, Any]) -> Job:
    document = document_of(folder, train=asked, lr_factor=0.5)
    document["data"]["source"]["train"] = str(folder / "train.jsonl")
    document["train"] = {"epochs": 2, "batch_size": 16, "engine": engine}
    return Job.model_validate(document)


def changed(job: Job, folder: Path) -> set[str]:
    """Return the names of the parameters that a training changed."""
    training = prepare(job, Dataset.open(folder))
    before = {name: value.clone() for name, value in training.network.state_dict().items()}
    training.run()
    after = training.engine.weights()
    assert after.keys() == before.keys()
    return {name for name, value in after.items() if not torch.equal(value, before[name])}


def test_what_is_frozen_stays_as_the_checkpoint_has_it(folder: Path, tmp_path: Path) -> None:
    job = job_at(folder, "none", {"kind": "torch"})
    read(job, tmp_path)
    names = changed(job, tmp_path)
    assert names
    assert not [name for name in names if name.startswith(("embeddings.", "levels.word."))]


def test_only_the_last_layers_learn_where_a_number_is_asked_for(folder: Path, tmp_path: Path) -> None:
    job = job_at(folder, 1, {"kind": "torch"})
    read(job, tmp_path)
    words = {name for name in changed(job, tmp_path) if name.startswith(("embeddings.", "levels.word."))}
    assert words
    assert all(name.startswith("levels.word.encoder.blocks.2.") for name in words)


def test_the_embedding_learns_with_all_of_it_at_its_own_rate(folder: Path, tmp_path: Path) -> None:
    job = job_at(folder, "all", {"kind": "torch"})
    read(job, tmp_path)
    assert "embeddings.word.weight" in changed(job, tmp_path)
    engine = prepare(job, Dataset.open(tmp_path)).engine
    assert isinstance(engine, TorchEngine)
    assert {each["joint"] for each in engine.rates} == {1.0, 0.5}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: f"zero {engine['stage']}")
def test_deepspeed_leaves_alone_what_is_frozen(folder: Path, tmp_path: Path, engine: dict[str, Any]) -> None:
    job = job_at(folder, 1, engine)
    read(job, tmp_path)
    names = together(1, changed, job, tmp_path)
    assert names
    assert {name for name in names if name.startswith("levels.word.encoder.")} == {
        name for name in names if name.startswith("levels.word.encoder.blocks.2.")
    }
    assert "embeddings.word.weight" not in names
