"""A cluster of three nodes with a token, used from a fourth machine."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mgdist_edge import load
from tests.cluster.nodes import CLIENT, GCS, Node, Nodes, missing, nodes

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]
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


@pytest.fixture(scope="module")
def cluster() -> Iterator[Nodes]:
    with nodes() as found:
        yield found


def test_zero_trains_over_the_nodes_and_the_bundle_comes_back(cluster: Nodes, here: Path) -> None:
    words = ["submit", "job.yaml", "--address", cluster.url, "--set", f"run.folder={here / 'runs'}"]
    words += ["--set", "train.workers=2", "--set", "train.engine={kind: deepspeed, stage: 2}"]
    words += ["--set", "train.epochs=10", "--set", "train.lr=0.01"]
    done = cluster.on_laptop(sys.executable, "-m", "mgdist", *words, token=cluster.token, cwd=here, timeout=240)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert f"2 workers on nodes {', '.join(node.ip for node in cluster.workers)}" in done.stdout
    fetched = cluster.on_laptop(
        sys.executable, "-m", "mgdist", "fetch", "small", "--folder", here / "runs", "--to", "mine", cwd=here
    )
    assert fetched.returncode == 0, fetched.stderr
    assert load(here / "mine" / "small.tflite").predict("Row 3 is tree stone here.").label == "b"


@pytest.mark.parametrize("token", ["none", "wrong"])
def test_every_door_is_shut_to_who_has_no_token(cluster: Nodes, here: Path, token: str) -> None:
    wrong = here / "wrong"
    wrong.write_text("0" * 64)
    given = None if token == "none" else wrong
    submitted = cluster.on_laptop(
        sys.executable, "-m", "mgdist", "submit", "job.yaml", "--address", cluster.url, "--set",
        f"run.folder={here / 'refused'}", token=given, cwd=here, timeout=60,
    )  # fmt: skip
    assert (submitted.returncode, "does not let us in" in submitted.stderr) == (9, True)
    seen = cluster.on_laptop(sys.executable, "-c", OPEN.format(url=cluster.url, paths=PATHS), timeout=30)
    assert seen.stdout.splitlines() == [f"{path} 401" for path in PATHS], seen.stderr
    assert not _joins(cluster, cluster.laptop, f"ray://{cluster.head.ip}:{CLIENT}", given, seconds=10)
    if token == "wrong":  # a driver beside a node takes Ray twenty seconds to refuse; once is enough
        assert not _joins(cluster, cluster.workers[0], f"{cluster.head.ip}:{GCS}", given)


def test_who_has_the_token_gets_in_by_every_door(cluster: Nodes) -> None:
    """Else the test above would pass where nothing listens."""
    assert _joins(cluster, cluster.laptop, f"ray://{cluster.head.ip}:{CLIENT}", cluster.token)
    assert _joins(cluster, cluster.workers[0], f"{cluster.head.ip}:{GCS}", cluster.token)


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
