"""A cluster whose nodes come when work asks for them: Ray's autoscaler, with nodes that are processes here."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray.autoscaler._private.fake_multi_node.node_provider import FAKE_HEAD_NODE_ID

from mgdist_edge import load
from tests.cluster.nodes import GCS, STORE, Nodes, missing, nodes

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]
PROVIDER = "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"
SETTINGS = {
    "RAY_FAKE_CLUSTER": "1",
    "RAY_enable_autoscaler_v2": "1",
    "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID,
    "RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID,
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
}
COMMANDS = ("initialization", "setup", "head_setup", "worker_setup", "head_start_ray", "worker_start_ray")
CLUSTER = {
    "cluster_name": "growing",
    "max_workers": 2,
    "idle_timeout_minutes": 5,
    "auth": {},
    "upscaling_speed": 1.0,
    "file_mounts": {},
    "cluster_synced_files": [],
    "file_mounts_sync_continuously": False,
    **{f"{name}_commands": [] for name in COMMANDS},
    "provider": {
        "type": "external",
        "module": PROVIDER,
        "head_node_id": FAKE_HEAD_NODE_ID,
        "launch_multiple": True,
    },
    "head_node_type": "ray.head.default",
    "available_node_types": {
        "ray.head.default": {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
        "cpu": {
            "resources": {"CPU": 1, "object_store_memory": STORE},
            "node_config": {},
            "min_workers": 0,
            "max_workers": 2,
        },
    },
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    described = tmp_path_factory.mktemp("growing") / "cluster.yaml"
    described.write_text(json.dumps(CLUSTER))
    with nodes(0, (f"--autoscaling-config={described}",), more=SETTINGS) as found:
        yield found


def test_a_training_brings_the_nodes_that_its_workers_need(cluster: Nodes, here: Path) -> None:
    words = ["submit", str(here / "job.yaml"), "--address", f"{cluster.head.ip}:{GCS}"]
    settings = (f"run.folder={here / 'runs'}", f"data.source.train={here / 'train.jsonl'}")
    for setting in (*settings, "train.workers=2", "train.epochs=10", "train.lr=0.01"):
        words += ["--set", setting]
    done = cluster.on(cluster.head, sys.executable, "-m", "mgdist", *words, token=cluster.token, timeout=240)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    ask = "import ray; ray.init('auto', log_to_driver=False); print(ray.cluster_resources()['CPU'])"
    assert cluster.on(cluster.head, sys.executable, "-c", ask, token=cluster.token).stdout.strip() == "2.0"
    (bundle,) = here.glob("runs/small/2*/small.tflite")
    assert load(bundle).predict("Row 3 is tree stone here.").label == "b"
