"""What auto decides: the fastest engine that fits, and why."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from mgdist.cluster.connect import Connection
from mgdist.data.dataset import Dataset
from mgdist.job.spec import Job
from mgdist.job.train import TrainSpec
from mgdist.train import deepspeed_engine
from mgdist.train.launch import begun, found, train
from mgdist.train.prepare import prepare
from mgdist.train.sizing import Memory, Need, Sizing, need, sized
from tests.train.corpus import moved

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")
GB = 1e9
BILLION = Need(10**9, 10**8, 1e7)


def decided(job: Job, each: float, *, accelerated: bool = True, workers: int = 8, asked: Need = BILLION) -> Sizing:
    here = moved(job, train__workers=workers, train__batch_size=256)
    return sized(here, asked, Memory(each, 200 * GB, 2, accelerated=accelerated))


@pytest.mark.parametrize(
    ("each", "engine"),
    [
        (24 * GB, {"kind": "torch"}),
        (15 * GB, {"kind": "deepspeed", "stage": 1}),
        (9 * GB, {"kind": "deepspeed", "stage": 2}),
        (5 * GB, {"kind": "deepspeed", "stage": 3}),
        (1.5 * GB, {"kind": "deepspeed", "stage": 3, "offload": "parameters"}),
    ],
)
def test_the_fastest_engine_that_fits_is_taken(
    small: tuple[Job, Dataset], each: float, engine: dict[str, object]
) -> None:
    found = decided(small[0], each)
    assert found.engine == engine
    assert found.why[0].startswith("torch: 16.00 GB and 10.00 MB an example ")
    assert all("do not fit" in line for line in found.why[:-1])
    assert "fit into 80%" in found.why[-1]


def test_a_step_is_computed_in_parts_before_a_slower_engine_is_taken(small: tuple[Job, Dataset]) -> None:
    found = decided(small[0], 20.1 * GB)
    assert (found.engine, found.accumulate) == ({"kind": "torch"}, 4)
    assert "8 examples at a time" in found.why[-1]


def test_one_worker_shards_nothing_and_a_cpu_offloads_nothing(small: tuple[Job, Dataset]) -> None:
    found = decided(small[0], 10 * GB, accelerated=False, workers=1)
    assert found.engine is None
    assert len(found.why) == 1


def test_what_a_network_needs_is_counted_and_measured(small: tuple[Job, Dataset]) -> None:
    asked = need(*small)
    network = prepare(*small).network
    assert asked.parameters == sum(weight.numel() for weight in network.parameters())
    assert asked.largest == 48 * 16 + 16
    assert 1_000 < asked.example < 1_000_000


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    with Connection(cpus=2, dashboard=False) as connection:
        connection.wait()
        yield


@pytest.mark.slow
def test_auto_trains_and_says_why(ray: None, small: tuple[Job, Dataset], tmp_path: Path) -> None:
    job = moved(small[0], train__engine={"kind": "auto"}, train__epochs=1)
    assert found(TrainSpec(epochs=1, workers=2)).each < found(TrainSpec(epochs=1)).each
    train(job, small[1].folder, tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    (planned,) = (line["text"] for line in lines if line.get("kind") == "planned")
    assert planned.startswith("torch: ")
    assert begun(job, small[1].folder, tmp_path / "again").engine == {"kind": "torch"}


def test_why_deepspeed_cannot_be_used_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(_: object) -> None:
        raise ImportError("no nvcc\nand more")

    monkeypatch.setattr(deepspeed_engine, "_deepspeed", fails)

    assert deepspeed_engine.unusable(torch.device("cpu")) == "ImportError: no nvcc"
