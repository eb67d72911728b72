"""Runs in storage that several machines see: a real S3 server on the loopback, two homes for two machines."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow.csv import write_csv
from pyarrow.parquet import write_table

from mgdist import runs
from mgdist.cluster.connect import free_port
from mgdist.data.sources.read import read as rows_of
from mgdist.errors import RunError
from mgdist.job.load import load
from mgdist.job.spec import Job
from mgdist.report.state import find, state_of, states
from mgdist.runs import Run, write
from mgdist.storage import Storage
from tests.data.rows import files, write_jsonl
from tests.servers import OWN, served
from tests.test_runs import JOB, leave, read, refuse

SERVER = OWN / "moto_server"
KEYS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_DEFAULT_REGION": "us-east-1"}
pytestmark = pytest.mark.skipif(not SERVER.exists(), reason="no S3 server; make .venv/servers installs one")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with served([SERVER, "-H", "127.0.0.1", "-p", str(port)], f"{url}/moto-api/"):
        yield url


@pytest.fixture
def job(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Job:
    import fsspec

    for name, value in {**KEYS, "AWS_ENDPOINT_URL": endpoint}.items():
        monkeypatch.setenv(name, value)
    fsspec.filesystem("s3", skip_instance_cache=True).mkdir(f"b{tmp_path.name[-8:].replace('_', '-')}")
    monkeypatch.setattr(runs, "CACHE", tmp_path / "one")
    (tmp_path / "job.yaml").write_text(JOB)
    return load(tmp_path / "job.yaml", [f"run.folder=s3://b{tmp_path.name[-8:].replace('_', '-')}/runs"])


def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Be another machine: with another disk."""
    monkeypatch.setattr(runs, "CACHE", tmp_path / "other")


def test_another_machine_sees_a_run_and_goes_on_with_it(
    job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Run.open(job) as run:
        run.stage("data", 1, do=leave("rows"), load=read)
    with pytest.raises(RunError, match="full"), Run.open(job) as run:
        run.stage("train", 2, do=fail, load=read)
    elsewhere(monkeypatch, tmp_path)
    (state,) = states(job.run.folder)
    assert (state.how, state.error) == ("failed", "the disk is full")
    assert state_of(find(job.run.folder, "small")) == state
    with Run.open(job) as again:
        assert again.folder != run.folder
        assert again.folder.name == run.folder.name
        assert again.stage("data", 1, do=refuse, load=read).value == "rows"
        assert again.stage("train", 2, do=go_on, load=read).value == "half and half"
    assert state_of(find(job.run.folder, "small")).how == "done"


def fail(folder: Path) -> None:
    write(folder / "begun", "half")
    raise RunError("the disk is full")


def go_on(folder: Path) -> None:
    write(folder / "result", f"{(folder / 'begun').read_text()} and half")
    (folder / "begun").unlink()


def test_what_is_gone_here_is_gone_there(job: Job) -> None:
    with pytest.raises(RunError, match="full"), Run.open(job) as run:
        run.stage("train", 2, do=fail, load=read)
    place = find(job.run.folder, "small")
    assert "train/begun" in place.sizes()
    with Run.open(job) as run:
        run.stage("train", 2, do=go_on, load=read)
    assert "train/begun" not in place.sizes()
    assert "train/receipt.json" in place.sizes()


def test_two_machines_do_not_work_on_one_run(job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Run.open(job) as run:
        run.stage("data", 1, do=leave("rows"), load=read)
        elsewhere(monkeypatch, tmp_path)
        with pytest.raises(RunError) as error:
            Run.open(job)
    who = f"process {os.getpid()} of {socket.gethostname()}"
    assert str(error.value) == f"{run.address}: {who} works on this run; wait for it, or add --fresh"


def test_storage_that_is_away_for_a_while_is_waited_for(
    job: Job, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Run.open(job) as run:
        assert run.mirror is not None
        real, calls = run.mirror.push, []

        def push(name: str) -> None:
            calls.append(name)
            if len(calls) < 3:
                raise ConnectionError("no route")
            real(name)

        monkeypatch.setattr(run.mirror, "push", push)
        monkeypatch.setattr("mgdist.mirror.AGAIN", 0.05)
        run.stage("data", 1, do=leave("rows"), load=read)
        assert "data/receipt.json" in find(job.run.folder, "small").sizes()

        monkeypatch.setattr(run.mirror, "push", refuse)
        monkeypatch.setattr("mgdist.mirror.AWAY", 0.2)
        with pytest.raises(
            RunError, match=r"has been away for 0 s: AssertionError: the stage was done again; see to it"
        ):
            run.stage("train", 1, do=leave("weights"), load=read)
        monkeypatch.undo()


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_rows_are_read_from_there(job: Job, tmp_path: Path, ending: str) -> None:
    rows = pa.table({"text": [f"about {row}" for row in range(40)], "label": ["a", "b"] * 20})
    path = tmp_path / f"rows.{ending}"
    match ending:
        case "csv":
            write_csv(rows, path)
        case "jsonl":
            write_jsonl(path, rows.to_pylist())
        case _:
            write_table(rows, path)
    bucket = Storage.at(job.run.folder)
    bucket.put(path, path.name)
    assert rows_of(files(f"{bucket.address}/{path.name}")).train == rows_of(files(path)).train


def test_an_address_that_no_file_system_is_known_for_is_told(job: Job) -> None:
    document = job.model_copy(update={"run": job.run.model_copy(update={"folder": "nowhere://runs"})})
    with pytest.raises(RunError, match=r"nowhere://runs: Protocol not known: nowhere"):
        Run.open(document)
