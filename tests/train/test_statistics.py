"""Batch norm among several workers: what it remembers leaves, is kept and is loaded like the weights."""

import tempfile
from pathlib import Path

import pytest
import torch

from mgdist.data.dataset import Dataset
from mgdist.job.spec import Job
from mgdist.train import checkpoint, group
from mgdist.train.engine import Weights
from mgdist.train.prepare import prepare
from mgdist.train.progress import Progress
from tests.train.corpus import moved
from tests.train.workers import together

TORCH = {"kind": "torch"}
ENGINES = {"torch": TORCH} | {f"zero {stage}": {"kind": "deepspeed", "stage": stage} for stage in (1, 3)}


def trained(job: Job, folder: Path) -> dict[str, tuple[Progress, Progress, list[Weights]]]:
    """Train in one go, and with a checkpoint after the first epoch; return also each worker's last weights."""
    found = {}
    for name, engine in ENGINES.items():
        here, data = moved(job, train__engine=engine), Dataset.open(folder)
        one, first, second = prepare(here, data), prepare(here, data), prepare(here, data)
        whole = one.run()
        place = [tempfile.mkdtemp()]
        torch.distributed.broadcast_object_list(place)
        checkpoint.save(Path(place[0]), next(first.epochs()), first.engine)
        group.wait()
        parts = second.run(checkpoint.load(Path(place[0]), second.engine))
        last: list[Weights] = [{}, {}]
        torch.distributed.all_gather_object(last, second.engine.weights())
        found[name] = whole, parts, last
    return found


@pytest.fixture(scope="module")
def normed(small: tuple[Job, Dataset]) -> Job:
    encoder = {"kind": "conv", "norm": "batch", "stages": 2}
    return moved(small[0], model__dropout=0.0, granularities__word__encoder=encoder)


@pytest.fixture(scope="module")
def alone(normed: Job, small: tuple[Job, Dataset]) -> Progress:
    return prepare(normed, small[1]).run()


@pytest.fixture(scope="module")
def shared(normed: Job, small: tuple[Job, Dataset]) -> dict[str, tuple[Progress, Progress, list[Weights]]]:
    return together(2, trained, moved(normed, train__workers=2), small[1].folder)


def losses(progress: Progress) -> list[float]:
    return [loss for epoch in progress.history for loss in epoch.losses]


@pytest.mark.slow
@pytest.mark.parametrize("name", ENGINES)
def test_two_workers_normalise_as_one_does(alone: Progress, shared: dict, name: str) -> None:
    whole, _, _ = shared[name]
    assert losses(whole) == pytest.approx(losses(alone), abs=2e-3)
    remembered = [key for key in alone.weights if key.endswith((".mean", ".variance"))]
    assert len(remembered) == 4
    for key in remembered:
        assert torch.allclose(whole.weights[key], alone.weights[key], atol=2e-3), key


@pytest.mark.parametrize("name", ENGINES)
def test_what_a_norm_remembers_survives_a_checkpoint(shared: dict, name: str) -> None:
    whole, parts, last = shared[name]
    assert losses(parts) == pytest.approx(losses(whole), abs=1e-5)
    assert [e.valid_loss for e in parts.history] == pytest.approx([e.valid_loss for e in whole.history], abs=1e-5)
    for key, value in last[0].items():
        assert torch.equal(value, last[1][key]), f"{key} differs between the workers"
