"""Training on a real, embedded Ray."""

import json
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray.train import ScalingConfig
from safetensors.torch import load_file

from mgdist.cluster.connect import Connection
from mgdist.data.dataset import Dataset
from mgdist.errors import TrainError
from mgdist.evaluate.scores import quality
from mgdist.job.spec import Job
from mgdist.train.cores import DRIVER
from mgdist.train.launch import Trained, train
from mgdist.train.loop import measure
from mgdist.train.prepare import prepare
from mgdist.train.trainer import Room
from tests.train.corpus import dataset as small_dataset
from tests.train.corpus import moved

# What Ray tells its own authors; the module is where it copies a context of its data sets.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:ray")


@pytest.fixture(scope="module")
def ray() -> Iterator[None]:
    with Connection(cpus=2, dashboard=False) as connection:
        assert connection.wait().cpus == 2
        yield


@pytest.fixture(scope="module")
def trained(ray: None, small: tuple[Job, Dataset], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trained]:
    job, data = small
    folder = tmp_path_factory.mktemp("trained")
    return folder, train(moved(job, train__engine={"kind": "deepspeed", "stage": 1}), data.folder, folder)


def test_a_training_on_ray_is_the_one_without(small: tuple[Job, Dataset], trained: tuple[Path, Trained]) -> None:
    job, data = small
    training = prepare(job, data)
    alone = training.run()
    training.network.load_state_dict(load_file(trained[1].weights))
    measured = measure(training.network, data.tasks, data.valid)
    assert trained[1].metric == quality(measured) == alone.best.quality
    assert (trained[1].epochs, trained[1].steps, trained[1].best) == (3, 30, alone.best.epoch)


def test_it_leaves_the_weights_the_events_and_nothing_of_ray(trained: tuple[Path, Trained]) -> None:
    folder = trained[0]
    assert {path.name for path in folder.iterdir()} == {
        "model.safetensors",
        "trained.json",
        "metrics.jsonl",
        "tensorboard",
    }
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["epoch"] for line in lines if line["event"] == "epoch"] == [1, 2, 3]
    assert list((folder / "tensorboard").glob("events.*"))


def test_a_finished_training_is_only_read(small: tuple[Job, Dataset], trained: tuple[Path, Trained]) -> None:
    started = time.monotonic()
    assert train(small[0], small[1].folder, trained[0]) == trained[1]
    assert time.monotonic() - started < 1


def test_what_a_worker_says_reaches_the_user_in_one_line(ray: None, small: tuple[Job, Dataset], tmp_path: Path) -> None:
    with pytest.raises(TrainError) as error:
        train(moved(small[0], train__batch_size=1000), small[1].folder, tmp_path)
    assert str(error.value).startswith(
        "train.batch_size: expected at most the 320 rows of the training split; got 1000"
    )
    assert "\n" not in str(error.value)
    assert "Traceback" in (tmp_path / "error.log").read_text()


def test_elastic_workers_leave_the_driver_its_cores(ray: None, monkeypatch: pytest.MonkeyPatch) -> None:
    scaling = ScalingConfig(num_workers=(1, 2), resources_per_worker={"CPU": 1.0})
    reserved = {"node": {"CPU": 2.0}}
    assert Room(scaling)._count_possible_workers(reserved) == 2
    monkeypatch.setenv(DRIVER, "1")
    assert Room(scaling)._count_possible_workers(reserved) == 1


@pytest.mark.slow
def test_a_killed_training_goes_on_and_comes_to_the_same(tmp_path: Path) -> None:
    job, data = small_dataset(tmp_path, rows=1000)
    job = moved(job, train__epochs=6, train__lr=0.002)
    (tmp_path / "job.pickle").write_bytes(pickle.dumps(job))
    command = [sys.executable, "-m", "tests.train.driver", str(tmp_path)]
    metrics = tmp_path / "train" / "metrics.jsonl"

    first = subprocess.Popen(command)
    while not (metrics.exists() and '"epoch": 3' in metrics.read_text()):
        assert first.poll() is None, "the driver ended before it could be killed"
        time.sleep(0.02)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not (tmp_path / "train" / "trained.json").exists()

    subprocess.run(command, check=True)
    done = [json.loads(line)["epoch"] for line in metrics.read_text().splitlines() if '"event": "epoch"' in line]
    assert done[-1] == 6
    assert done.count(1) == 1, "it went on, and did not begin again"
    alone = prepare(job, data).run()
    weights = load_file(tmp_path / "train" / "model.safetensors")
    assert all(weights[name].allclose(alone.weights[name], atol=1e-6) for name in weights)
