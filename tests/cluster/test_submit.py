"""A job that another machine does: a real head, reached over HTTP with its token alone."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mgdist.cluster import jobs
from mgdist_edge import load
from tests import inside
from tests.cluster.head import Head, head

pytestmark = pytest.mark.slow
BEGUN, OVER = 60.0, 90.0


@pytest.fixture(scope="module")
def cluster() -> Iterator[Head]:
    with head() as found:
        yield found


def mgdist(here: Path, token: Path | None, *words: object) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment["HOME"] = str(here)  # a token of this user would let us in
    environment |= {} if token is None else {"RAY_AUTH_TOKEN_PATH": str(token)}
    command = [sys.executable, "-m", "mgdist", *map(str, words)]
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    return subprocess.run(command, cwd=here, env=environment, capture_output=True, text=True, check=False, timeout=180)


def state(here: Path, run: str) -> str:
    """Return how a run stands; asked in this process, since one that starts for each look takes the run's cores."""
    return str(json.loads(inside.mgdist("status", run, "--folder", here / "runs", "--json").stdout)["state"])


def wait_for(here: Path, run: str, how: str, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (found := state(here, run)) != how:
        assert time.monotonic() < until, f"{run} is {found}, and not {how}"
        time.sleep(0.2)


def wait_to_hear(here: Path, run: str, said: str) -> None:
    until = time.monotonic() + BEGUN
    while said not in inside.mgdist("logs", run, "--folder", here / "runs").stdout:
        assert time.monotonic() < until, f"the log of {run} does not say: {said}"
        time.sleep(0.2)


def test_a_job_is_done_by_a_cluster_and_its_bundle_is_fetched(cluster: Head, here: Path) -> None:
    words = ("submit", "job.yaml", "--address", cluster.url, "--set", f"run.folder={here / 'runs'}")
    done = mgdist(here, cluster.token, *words)
    assert (done.returncode, done.stderr) == (0, "")
    assert "bundle done" in done.stdout
    assert "Ships int8_dynamic" in done.stdout
    assert cluster.token.read_text() not in done.stdout

    listed = mgdist(here, None, "runs", "--folder", here / "runs").stdout
    assert "small/" in listed
    assert "done" in listed
    fetched = mgdist(here, None, "fetch", "small", "--folder", here / "runs", "--to", "mine")
    assert fetched.returncode == 0, fetched.stderr
    assert load(here / "mine" / "small.tflite").predict("an apple and a pear").label == "a"
    assert {"job.yaml", "report.md", "events.jsonl"} <= {path.name for path in (here / "mine").iterdir()}
    again = mgdist(here, None, "fetch", "small", "--folder", here / "runs", "--to", "mine")
    assert again.returncode == 8
    assert again.stderr == "mgdist: mine: is there already; name another folder with --to\n"

    data = list((here / "runs" / "shipped").glob("*/train.jsonl"))
    assert [path.read_bytes() for path in data] == [(here / "train.jsonl").read_bytes()]


def test_a_run_is_sent_off_stopped_and_resumed(cluster: Head, here: Path) -> None:
    folder = ("--folder", here / "runs")
    words = ("--set", f"run.folder={here / 'runs'}", "--set", "name=long", "--set", "train.epochs=3000")
    sent = mgdist(here, cluster.token, "submit", "job.yaml", "--address", cluster.url, "--detach", *words)
    assert sent.returncode == 0, sent.stderr
    wait_for(here, "long", "running", BEGUN)
    wait_to_hear(here, "long", "epoch 2/3000")

    busy = mgdist(here, cluster.token, "resume", "long", *folder)
    assert busy.returncode == 8
    assert "is running; mgdist logs -f" in busy.stderr
    stopped = mgdist(here, cluster.token, "stop", "long", *folder)
    assert stopped.returncode == 0, stopped.stderr
    told = mgdist(here, None, "status", "long", *folder, "--json").stdout
    assert json.loads(told)["state"] == "stopped"
    twice = mgdist(here, cluster.token, "stop", "long", *folder)
    assert (twice.returncode, twice.stderr.rpartition(": ")[2]) == (8, "nobody works on it\n")
    early = mgdist(here, None, "fetch", "long", *folder)
    assert early.returncode == 8
    assert "is stopped; expected a finished run" in early.stderr

    epochs = mgdist(here, None, "logs", "long", *folder).stdout.count("epoch 1/3000")
    assert mgdist(here, cluster.token, "resume", "long", *folder, "--detach").returncode == 0
    wait_for(here, "long", "running", BEGUN)
    wait_to_hear(here, "long", "training goes on from ")
    assert mgdist(here, cluster.token, "stop", "long", *folder).returncode == 0
    told = mgdist(here, None, "logs", "long", *folder).stdout
    assert told.count("epoch 1/3000") == epochs == 1, "it went on, and did not begin anew"


@pytest.mark.parametrize("token", ["none", "wrong"])
def test_nobody_gets_in_without_the_token(cluster: Head, here: Path, token: str) -> None:
    wrong = here / "wrong"
    wrong.write_text("0" * 64)
    words = ("submit", "job.yaml", "--address", cluster.url, "--set", f"run.folder={here / 'refused'}")
    refused = mgdist(here, wrong if token == "wrong" else None, *words)
    assert refused.returncode == 9
    assert refused.stderr == (
        f"mgdist: {cluster.url}: does not let us in; set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN_PATH to a file with "
        "the cluster's token\n"
    )
    assert not (here / "refused").exists(), "nothing is begun or copied"


def test_a_job_that_fails_there_fails_here(cluster: Head, here: Path) -> None:
    words = ("--set", f"run.folder={here / 'runs'}", "--set", "name=none", "--set", "task.label=absent")
    failed = mgdist(here, cluster.token, "submit", "job.yaml", "--address", cluster.url, *words)
    assert failed.returncode == 3
    assert "absent" in failed.stdout
    assert state(here, "none") == "failed"


def test_a_driver_that_no_node_has_cores_for_says_what_it_waits_for(
    cluster: Head, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", str(cluster.token))
    monkeypatch.setattr(jobs, "PENDING_SECONDS", 1.0)
    there = jobs.Jobs(cluster.url)
    there.submit("greedy", "true", tmp_path, [], {}, cpus=640.0)
    told = next(there.follow("greedy"))
    there.stop("greedy")
    assert told.startswith(
        "waits to be started, by --driver-cpus 640.0 on a node with so many to spare: Job has not started"
    )
    assert "waiting for resources (CPUs" in told
