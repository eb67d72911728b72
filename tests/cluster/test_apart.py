"""A cluster whose nodes share no disk: all that they and a laptop have in common is a bucket."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from mgdist_edge import Predictor, load
from tests.cluster.nodes import Nodes, missing, nodes
from tests.test_storage import KEYS, SERVER

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(missing()), reason=missing()),
    pytest.mark.skipif(not SERVER.exists(), reason="no S3 server; make .venv/servers installs one"),
]
HOST, PORT, RUNS = "10.77.0.4", 5555, "s3://shared/runs"
READ = """\
import fsspec, json
print(json.dumps({{file.path: file.open().read() for file in fsspec.open_files({pattern!r}, "r", errors="replace")}}))
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


def test_zero_trains_over_nodes_that_do_not_see_the_runs_folder(cluster: Nodes, here: Path) -> None:
    engine = ("train.workers=2", "train.engine={kind: deepspeed, stage: 2}", "train.epochs=10", "train.lr=0.01")
    told = submitted(cluster, here, *engine)
    assert f"2 workers on nodes {', '.join(node.ip for node in cluster.workers)}" in told
    assert fetched(cluster, here, "small").predict("Row 3 is tree stone here.").label == "b"
    (metrics,) = stored(cluster, "small/*/train/metrics.jsonl").values()
    events = list(map(json.loads, metrics.splitlines()))
    assert [event["epoch"] for event in events if event["event"] == "epoch"] == list(range(1, 11))
    assert len(stored(cluster, "small/*/train/tensorboard/events.*")) == 1
