"""A coarse head above a fine one: trained, measured, on the device."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare as prepare_data
from mgdist.evaluate.baseline import baseline
from mgdist.evaluate.network import answers, restore
from mgdist.evaluate.scores import consistent, score
from mgdist.export.litert_route import Outcome, convert
from mgdist.job.spec import Job
from mgdist.train.prepare import prepare
from mgdist.train.progress import Progress
from tests.train.corpus import dataset, moved
from tests.train.workers import together

COARSE = {"kind": "classify", "label": "group", "above": "fine"}
FINE = {"kind": "classify", "label": "label"}


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Job, Dataset]:
    """A job whose coarse head, the first one, adds up what the fine one answers."""
    folder = tmp_path_factory.mktemp("nested")
    job, _ = dataset(folder)
    lines = [json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines()]
    rows = ({**row, "group": "wet" if row["label"] == "sea" else "dry"} for row in lines)
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    job = moved(job, task={"kind": "several", "heads": {"coarse": {**COARSE, "sums": True}, "fine": FINE}})
    return job, prepare_data(job, folder / "nested")


def test_a_head_that_adds_up_is_learned_restored_and_measured(nested: tuple[Job, Dataset], tmp_path: Path) -> None:
    job, data = nested
    progress = prepare(job, data).run()
    assert not [name for name in progress.weights if name.startswith("heads.coarse.") and "members" not in name]
    save_file(progress.weights, tmp_path / "model.safetensors")
    network = restore(job, data, tmp_path / "model.safetensors")
    found = answers(network, data.tasks, data.test)
    parents = np.array([0, 1, 1]) if data.tasks["coarse"].labels == ("wet", "dry") else np.array([1, 0, 0])
    sums = found["fine"] @ np.eye(2)[parents]
    np.testing.assert_allclose(found["coarse"], sums, atol=1e-4)
    scores = score(data.tasks, found, data.test.targets)
    assert scores["coarse"].quality > 0.9
    assert consistent(scores)["coarse"] > 0.95
    assert progress.best.metrics["coarse.consistent"] > 0.95
    assert set(consistent(baseline(data)["test"])) == {"coarse"}


@pytest.mark.slow
def test_the_device_adds_up_too(nested: tuple[Job, Dataset], tmp_path: Path) -> None:
    job, data = nested
    network = prepare(job, data).network.eval()
    summaries = {name: torch.randn(1, width) for name, width in (("word", 32), ("sentence", 16))}
    with torch.no_grad():
        outputs = Outcome(network.fusion, network.heads, data.tasks)(**summaries)
    assert float(outputs["coarse"].sum()) == pytest.approx(1, abs=1e-5)
    wet = data.tasks["coarse"].labels.index("wet")
    sea = data.tasks["fine"].labels.index("sea")
    assert convert(network, job, data.inputs, data.tasks, tmp_path / "model.tflite").size > 1000
    assert float(outputs["coarse"][0, wet]) == pytest.approx(float(outputs["fine"][0, sea]), abs=1e-5)


def losses(job: Job, folder: Path) -> Progress:
    """Train on DeepSpeed, whose third stage takes the fine head apart that both heads answer with."""
    return prepare(moved(job, train__engine={"kind": "deepspeed", "stage": 3}), Dataset.open(folder)).run()


@pytest.mark.slow
def test_two_workers_on_deepspeed_learn_what_one_does(nested: tuple[Job, Dataset]) -> None:
    job, data = nested
    job = moved(job, model__dropout=0.0)
    alone, shared = prepare(job, data).run(), together(2, losses, moved(job, train__workers=2), data.folder)
    assert [epoch.loss for epoch in shared.history] == pytest.approx([epoch.loss for epoch in alone.history], abs=1e-3)


def test_auxiliary_heads_add_up_as_well(nested: tuple[Job, Dataset]) -> None:
    job, data = nested
    staged = moved(job, train__strategy={"kind": "staged"}, train__epochs=1)
    first = prepare(staged, data).run().history[0]
    assert first.metrics["coarse.consistent"] > 0.8
