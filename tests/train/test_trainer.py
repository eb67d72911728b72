"""How many workers there is room for, on a real, embedded Ray of two cores."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray as rays
from ray.util.placement_group import placement_group, remove_placement_group

from mgdist.cluster.connect import Connection
from mgdist.errors import TrainError
from mgdist.job.train import TrainSpec
from mgdist.train import trainer
from mgdist.train.events import METRICS
from mgdist.train.trainer import accelerated, patient, scaling, share


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    with Connection(cpus=2, dashboard=False) as connection:
        connection.wait()
        yield


def spec(**given: object) -> TrainSpec:
    return TrainSpec.model_validate({"epochs": 1, **given})


def test_a_worker_has_a_core_or_less_where_there_are_fewer(ray: None) -> None:
    assert [scaling(spec(workers=count)).resources_per_worker for count in (1, 2, 4)] == [
        {"CPU": 1.0},
        {"CPU": 1.0},
        {"CPU": 0.5},
    ]
    assert scaling(spec(workers={"min": 1, "max": 2}, batch_size=64)).num_workers == (1, 2)


def test_a_trial_has_no_more_cores_than_one_node(ray: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [share(spec(), count) for count in (1, 2, 4)] == [{"cpu": 2}, {"cpu": 1.0}, {"cpu": 0.5}]
    monkeypatch.setattr(rays, "cluster_resources", lambda: {"CPU": 64.0, "GPU": 8.0})
    assert share(spec(), 4) == {"cpu": 2, "gpu": 1.0}
    assert share(spec(), 16) == {"cpu": 2, "gpu": 0.5}
    assert share(spec(accelerator="cpu"), 4) == {"cpu": 2}


def test_where_no_node_is_yet_workers_and_trials_ask_for_one(ray: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rays, "cluster_resources", lambda: {"memory": 1e9})
    assert scaling(spec(workers=4)).resources_per_worker == {"CPU": 1.0}
    assert share(spec(), 4) == {"cpu": 1.0}


def test_cores_can_be_stated(ray: None) -> None:
    assert scaling(spec(cores=2)).resources_per_worker == {"CPU": 2.0}
    assert share(spec(cores=1), 2) == {"cpu": 1.0}
    with pytest.raises(TrainError) as error:
        scaling(spec(cores=2, workers=2))
    assert str(error.value) == (
        "train.cores: expected 2 for each of 2; this machine has 2; ask for fewer, or submit to a cluster that has them"
    )


def test_gpus_that_cannot_come_are_refused(ray: None) -> None:
    assert not accelerated(spec())
    with pytest.raises(TrainError) as error:
        scaling(spec(accelerator="gpu", workers=2))
    assert str(error.value) == (
        "train.accelerator: expected 2 GPU(s), one for each worker; this machine has 0; set it to auto, or submit to a "
        "cluster that has them"
    )


def test_who_waits_for_nodes_is_told_so_once(ray: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trainer, "PATIENCE", 0.5)
    with patient(tmp_path):
        time.sleep(1.5)
        assert not (tmp_path / METRICS).exists(), "nothing waits"
        group = placement_group([{"CPU": 64.0}] * 3)
        time.sleep(2.5)
        remove_placement_group(group)
    (line,) = (tmp_path / METRICS).read_text().splitlines()
    assert json.loads(line) == {
        "event": "note",
        "kind": "waiting",
        "text": "waits for nodes: 3 worker(s) with 64 CPU each; the cluster has 2 CPU, 0 GPU",
    }
