"""What a real MLflow server is told of a run."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mgdist.cluster.connect import free_port
from mgdist.errors import JobError
from mgdist.job.load import load
from mgdist.report import tracking
from mgdist.report.tracking import Tracking, tracked
from mgdist.runs import Run
from mgdist.train.events import append
from tests.servers import OWN, end, served
from tests.train.corpus import job_document, write_corpus

SERVER = OWN / "mlflow"
pytestmark = pytest.mark.skipif(not SERVER.exists(), reason="no MLflow server; make .venv/servers installs one")
SMALL = {
    "train": {"epochs": 1, "batch_size": 32},
    "search": {"trials": 2, "epochs": 1, "space": {"train.lr": {"loguniform": [0.01, 0.03]}}},
    "compress": {"max_accuracy_drop": 0.3, "methods": ["int8_dynamic"]},
    "device": {"unit_counts": [1]},
}


@pytest.fixture(scope="module", autouse=True)
def _quiet() -> Iterator[None]:
    """Leave nothing of what is set for the library behind."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in tracking.SETTINGS.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """One for all tests, since it takes long to start; the last one ends it."""
    folder, port = tmp_path_factory.mktemp("mlflow"), free_port()
    store = ["--backend-store-uri", f"sqlite:///{folder / 'runs.db'}", "--artifacts-destination", folder / "files"]
    command = [SERVER, "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", *store]
    with served(command, f"http://127.0.0.1:{port}/health", seconds=120) as process:
        yield process, f"http://127.0.0.1:{port}"


@pytest.fixture
def address(server: tuple[subprocess.Popen[bytes], str]) -> str:
    return server[1]


def opened(folder: Path, address: str, **more: Any) -> Run[Any]:
    write_corpus(folder / "corpus.jsonl", 240)
    document = job_document(folder / "corpus.jsonl") | {"name": folder.name.replace("_", "-")} | more
    (folder / "job.yaml").write_text(json.dumps(document))
    return Run.open(load(folder / "job.yaml", [f"run.folder={folder / 'runs'}", f"run.mlflow={address}"]))


def client(address: str) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(address)


def found(address: str, name: str) -> list[Any]:
    """Return the runs of an experiment, first the one that is in no other."""
    there = client(address)
    runs = there.search_runs([there.get_experiment_by_name(name).experiment_id])
    return sorted(runs, key=lambda run: run.data.tags.get("mgdist.trial", ""))


def step(done: int) -> dict[str, Any]:
    return {"event": "step", "done": done, "loss": 1 / done, "lr": 0.1, "samples_per_second": 9.0, "waiting": 0.0}


def trial(number: int, state: str, **more: Any) -> dict[str, Any]:
    return {"event": "trial", "trial": number, "state": state, "point": {"train.lr": 0.1}, "error": None, **more}


def test_a_run_that_goes_on_is_one_run_there_with_each_step_once(address: str, tmp_path: Path) -> None:
    with opened(tmp_path, address) as run:
        for stage in ("search", "train"):
            (run.folder / stage).mkdir()
            run.event("stage", stage=stage, state="started")
        append(run.folder / "search" / "metrics.jsonl", trial(1, "running"))
        append(run.folder / "search" / "metrics.jsonl", trial(2, "running"))
        append(run.folder / "train" / "metrics.jsonl", step(5))
        assert Tracking(run, address).tell() == ""
        append(run.folder / "search" / "metrics.jsonl", trial(1, "done", metric=0.5, epoch=2))
        append(run.folder / "search" / "metrics.jsonl", trial(2, "failed", error="no memory"))
        append(run.folder / "train" / "metrics.jsonl", step(10))
        again = Tracking(run, address)
        assert again.tell() == ""
        again.end("FAILED")
    whole, one, two = found(address, run.job.name)
    assert (whole.info.run_name, whole.info.status) == (run.folder.name, "FAILED")
    curve = client(address).get_metric_history(whole.info.run_id, "train/loss")
    assert [(point.step, point.value) for point in curve] == [(4, 0.2), (9, 0.1)]
    assert whole.data.params["train.batch_size"] == "32"
    assert whole.data.tags["mgdist.run"] == str(run.folder)
    assert one.data.tags["mlflow.parentRunId"] == whole.info.run_id
    assert (one.info.status, one.data.params, one.data.metrics["metric"]) == ("FINISHED", {"train.lr": "0.1"}, 0.5)
    assert (two.info.status, two.data.tags["mgdist.error"]) == ("FAILED", "no memory")


def test_a_server_that_is_not_there_is_told_of_before_any_work(tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    with opened(tmp_path, address) as run:
        expected = rf"^run.mlflow: {address}: .*; start a server there with `mlflow server`"
        with pytest.raises(JobError, match=expected), tracked(run):
            pytest.fail("work has begun")


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("mlruns", "expected the address of a tracking server, such as http://mlflow:5000; got 'mlruns'"),
        ("sqlite:///runs.db", "expected the address of a tracking server"),
        ("http://me:secret@mlflow", "expected no name or password in an address"),
    ],
)
def test_other_addresses_are_refused(address: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(JobError, match=said):
        opened(tmp_path, address)


@pytest.mark.slow
def test_a_whole_run_leaves_its_bundle_and_results_there(address: str, tmp_path: Path) -> None:
    opened(tmp_path, address, **SMALL).close()
    settings = [f"--set=run.folder={tmp_path / 'runs'}", f"--set=run.mlflow={address}"]
    command = [sys.executable, "-m", "mgdist", "submit", str(tmp_path / "job.yaml"), *settings]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=dict(os.environ))
    assert done.returncode == 0, done.stderr
    whole, *trials = found(address, tmp_path.name.replace("_", "-"))
    assert (whole.info.status, whole.data.tags["mgdist.ships"]) == ("FINISHED", "int8_dynamic")
    assert [(each.info.status, *each.data.params) for each in trials] == [("FINISHED", "train.lr")] * 2
    (folder,) = (tmp_path / "runs").glob("*/2*")
    bundle = folder / f"{whole.data.params['name']}.tflite"
    assert {"test/accuracy", "valid/accuracy", "test/baseline_quality"} < set(whole.data.metrics)
    assert whole.data.metrics["ships/bytes"] < bundle.stat().st_size
    assert float(whole.data.params["best.train.lr"]) in [float(each.data.params["train.lr"]) for each in trials]
    files = [file.path for file in client(address).list_artifacts(whole.info.run_id)]
    assert files == sorted([bundle.name, "job.yaml", "report.md"])
    got = client(address).download_artifacts(whole.info.run_id, bundle.name, str(tmp_path))
    assert Path(got).read_bytes() == bundle.read_bytes()
    assert whole.info.end_time <= time.time() * 1000


def test_a_server_that_goes_away_costs_no_training(
    server: tuple[subprocess.Popen[bytes], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracking, "AWAY", 0.5)
    monkeypatch.setattr(tracking, "EVERY", 0.1)
    process, address = server
    with opened(tmp_path, address) as run, tracked(run):
        end(process)
    told = [json.loads(line) for line in (run.folder / "events.jsonl").read_text().splitlines()]
    (note,) = [each["text"] for each in told if each["event"] == "note"]
    assert note.startswith(f"run.mlflow: {address} was not told all: MlflowException: ")
    assert told[-1]["state"] == "done"
