"""A cluster of three nodes with a token, used from a fourth machine; all that they have in common is a bucket."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mgdist_edge import Predictor, load
from tests.cluster.nodes import CLIENT, GCS, Node, Nodes, missing, nodes
from tests.test_storage import KEYS, SERVER

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.skipif(not SERVER.exists(), reason="no S3 server; make .venv/servers installs one"),
]
OPEN = """\
import urllib.error, urllib.request
for path in {paths!r}:
    try:
        print(path, urllib.request.urlopen({url!r} + path, timeout=5).status)
    except urllib.error.HTTPError as error:
        print(path, error.code)
"""
PATHS = ("/api/version", "/api/jobs/", "/nodes?view=summary", "/api/v0/nodes")
JOIN = "import ray; ray.init({address!r}, log_to_driver=False); print(ray.cluster_resources())"
HOST, PORT, RUNS = "10.77.0.4", 5555, "s3://shared/runs"
READ = """\
import fsspec, json
print(json.dumps({{file.path: file.open().read() for file in fsspec.open_files({pattern!r}, "r", errors="replace")}}))
"""
WAIT = """\
import fsspec, json, time
system, until = fsspec.filesystem("s3"), time.monotonic() + 120
while time.monotonic() < until:
    system.invalidate_cache()
    told = [json.loads(line) for path in system.glob({pattern!r}) for line in system.cat(path).splitlines()]
    if any(event.get("done", 0) > {steps} for event in told):
        break
    time.sleep(0.3)
else:
    raise SystemExit(f"it came to {{told[-1:]}}")
"""
MADE = "import fsspec; fsspec.filesystem('s3').makedirs('shared', exist_ok=True)"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**KEYS, "AWS_ENDPOINT_URL": f"http://{HOST}:{PORT}"}.items():
            patch.setenv(name, value)
        with nodes() as found:
            assert found.laptop.ip == HOST
            command = ["ip", "netns", "exec", found.laptop.name, str(SERVER), "-H", HOST, "-p", str(PORT)]
            server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            until = time.monotonic() + 60
            while found.on_laptop(sys.executable, "-c", MADE).returncode:
                assert time.monotonic() < until
            yield found
            with suppress(ProcessLookupError):
                server.kill()
            server.wait()


def submitted(cluster: Nodes, here: Path, *settings: str) -> str:
    """Submit the job from the laptop, bring the run back, and return what was said."""
    words = ["submit", "job.yaml", "--address", cluster.url, "--set", f"run.folder={RUNS}"]
    for setting in settings:
        words += ["--set", setting]
    done = cluster.on_laptop(sys.executable, "-m", "mgdist", *words, token=cluster.token, cwd=here, timeout=300)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def fetched(cluster: Nodes, here: Path, name: str) -> Predictor:
    """Bring a run's bundle to the laptop, and load it."""
    words = ["fetch", name, "--folder", RUNS, "--to", f"mine_{name}"]
    done = cluster.on_laptop(sys.executable, "-m", "mgdist", *words, cwd=here)
    assert done.returncode == 0, done.stderr
    return load(here / f"mine_{name}" / f"{name}.tflite")


def stored(cluster: Nodes, pattern: str) -> dict[str, str]:
    """Return the content of files in the bucket, below the runs, by name."""
    done = cluster.on_laptop(sys.executable, "-c", READ.format(pattern=f"{RUNS}/{pattern}"))
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


def events(cluster: Nodes, name: str) -> list[dict[str, Any]]:
    """Return what the training of a run has told."""
    found = stored(cluster, f"{name}/*/train/metrics.jsonl").values()
    return [json.loads(line) for text in found for line in text.splitlines()]


@pytest.mark.parametrize("token", ["none", "wrong"])
def test_every_door_is_shut_to_who_has_no_token(cluster: Nodes, here: Path, token: str) -> None:
    wrong = here / "wrong"
    wrong.write_text("0" * 64)
    given = None if token == "none" else wrong
    words = ["submit", "job.yaml", "--address", cluster.url, "--set", f"run.folder={here / 'refused'}"]
    with ThreadPoolExecutor() as beside:  # each waits for its refusal
        client = beside.submit(_joins, cluster, cluster.laptop, f"ray://{cluster.head.ip}:{CLIENT}", given, seconds=7)
        driver = beside.submit(_joins, cluster, cluster.workers[0], f"{cluster.head.ip}:{GCS}", given)
        submitted = cluster.on_laptop(sys.executable, "-m", "mgdist", *words, token=given, cwd=here, timeout=60)
        assert (submitted.returncode, "does not let us in" in submitted.stderr) == (9, True)
        seen = cluster.on_laptop(sys.executable, "-c", OPEN.format(url=cluster.url, paths=PATHS), timeout=30)
        assert seen.stdout.splitlines() == [f"{path} 401" for path in PATHS], seen.stderr
        assert (client.result(), driver.result()) == (False, False)


def test_who_has_the_token_gets_in_by_every_door(cluster: Nodes) -> None:
    """Else the test above would pass where nothing listens."""
    # Twice, since Ray starts a server for the first client, for which a busy machine may take longer than it waits.
    client = cluster.laptop, f"ray://{cluster.head.ip}:{CLIENT}"
    with ThreadPoolExecutor() as beside:
        driver = beside.submit(_joins, cluster, cluster.workers[0], f"{cluster.head.ip}:{GCS}", cluster.token)
        assert any(_joins(cluster, *client, cluster.token) for _ in range(2))
        assert driver.result()


def test_zero_trains_over_nodes_that_do_not_see_the_folder_and_goes_on_when_one_has_failed(
    cluster: Nodes, here: Path
) -> None:
    settings = ("train.workers=2", "train.engine={kind: deepspeed, stage: 2}", "train.epochs=40", "train.lr=0.01")
    with ThreadPoolExecutor(1) as beside:
        job = beside.submit(submitted, cluster, here, *settings, "train.checkpoint={steps: 100, seconds: null}")
        wait = WAIT.format(pattern=f"{RUNS}/small/*/train/metrics.jsonl", steps=150)
        reached = cluster.on_laptop(sys.executable, "-c", wait, timeout=150)
        assert reached.returncode == 0, reached.stderr
        cluster.end(cluster.workers[1])
        cluster.revive(cluster.workers[1])
        told = job.result()
    assert f"2 workers on nodes {', '.join(node.ip for node in cluster.workers)}" in told
    assert "training goes on from" in told
    (resumed,) = (event for event in events(cluster, "small") if event.get("kind") == "resumed")
    assert resumed["done"] >= 100
    epochs = [event["epoch"] for event in events(cluster, "small") if event["event"] == "epoch"]
    assert sorted(set(epochs)) == list(range(1, 41))
    assert stored(cluster, "small/*/train/tensorboard/events.*")
    assert fetched(cluster, here, "small").predict("Row 3 is tree stone here.").label == "b"


def test_a_search_there_keeps_what_its_trials_are_worth(cluster: Nodes, here: Path) -> None:
    space = "{train.lr: {loguniform: [0.01, 0.03]}}"
    search = f"search={{trials: 2, concurrent: 2, asha: null, ensemble: {{winners: 2}}, space: {space}}}"
    submitted(cluster, here, "name=found", "train.epochs=4", search)
    assert fetched(cluster, here, "found").predict("Row 3 is tree stone here.").label == "b"
    assert len(stored(cluster, "found/*/search/members/*.safetensors")) == 2
    boards = {name.rpartition("/tensorboard/")[2] for name in stored(cluster, "found/*/search/tensorboard/*/events.*")}
    assert {name.partition("/")[0] for name in boards} == {"trial_1", "trial_2"}


def _joins(cluster: Nodes, node: Node, address: str, token: Path | None, *, seconds: int = 60) -> bool:
    """Tell whether a driver on a node gets to work with the cluster."""
    patience = {"RAY_CLIENT_CONNECTION_TIMEOUT_S": str(seconds)}
    joined = cluster.on(
        node,
        "timeout",
        100,
        sys.executable,
        "-c",
        JOIN.format(address=address),
        token=token,
        more=patience,
        timeout=120,
    )
    return joined.returncode == 0 and "CPU" in joined.stdout
