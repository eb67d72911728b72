"""Faults of whole nodes while a training runs: ``python -m tests.benchmarks node_faults --runs 8`` prints a table.

A head that keeps what it knows on its disk, and three nodes of a core in network namespaces, one for the driver, two
for the workers of a training. At a random moment a node of a worker, or the head, loses its power, and comes back after
a while with nothing but what is kept; or the node never does, and a training that may have one worker goes on with it.
Needs root. A run is the same where its weights are those of the undisturbed one.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgdist.runs import EVENTS
from mgdist.train.events import METRICS
from mgdist.train.launch import MODEL, TRAINED
from tests.benchmarks.faults import HEAD, LONGEST, Result, last_loss, lost, row
from tests.benchmarks.setting import mgdist, parser, table, told
from tests.cluster.nodes import Node, Nodes, missing, nodes
from tests.train import test_faults
from tests.train.corpus import job_document, write_corpus

SETTINGS = (
    "train.epochs=40", "train.workers=2", "train.checkpoint={steps: 20, seconds: null}",
)  # fmt: skip
AWAY = 15.0
"""Seconds that a node is away."""
LESS = ("train.workers={min: 1, max: 2}",)
KINDS = ("node killed", "head restarted", "node gone for good")


@dataclass(frozen=True)
class Submitted:
    """A training on the cluster.

    Attributes:
        folder: of its run.
    """

    folder: Path

    def events(self) -> list[dict[str, Any]]:
        """Return what the training has told."""
        return test_faults.told(self.folder)

    def done(self) -> int:
        """Return how many steps are done."""
        return max((each["done"] for each in self.events() if each["event"] == "step"), default=0)

    def weights(self) -> bytes:
        """Return what was trained."""
        return (self.folder / "train" / MODEL).read_bytes()

    def until(self, path: str, seconds: float = LONGEST) -> None:
        """Return when the run has a file."""
        until = time.monotonic() + seconds
        while not (self.folder / path).exists():
            assert time.monotonic() < until, f"no {path}: {(self.folder / EVENTS).read_text()[-1500:]}"
            time.sleep(0.1)


def submitted(cluster: Nodes, folder: Path, *more: str) -> Submitted:
    """Hand the job of a folder to a cluster, with some settings more."""
    words = [word for each in (*SETTINGS, *more, f"run.folder={folder / 'runs'}") for word in ("--set", each)]
    command = mgdist(
        "submit", "job.yaml", "--address", cluster.url, "--detach", "--driver-cpus", 1, "--no-ship", *words
    )
    done = cluster.on_laptop(*command, token=cluster.token, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (folder / "runs" / "small").glob("2*")
    found = Submitted(run)
    found.until(f"train/{METRICS}")
    return found


def suffer(kind: str, folder: Path, expected: bytes) -> Result:
    """Train, and let a node fail on the way."""
    with nodes(3, keeps=True) as cluster:
        training = submitted(cluster, folder, *(LESS if kind == "node gone for good" else ()))
        moment = random.randint(100, 900)
        while training.done() < moment:
            time.sleep(0.1)
        time.sleep(random.random())
        node = cluster.head if kind == "head restarted" else _of_a_worker(cluster)
        count, begun = len(training.events()), time.monotonic()
        cluster.end(node)
        seconds = None
        while not (training.folder / "train" / TRAINED).exists():
            assert time.monotonic() - begun < LONGEST, str(training.events()[-3:])
            if kind != "node gone for good" and node.process is None and time.monotonic() - begun > AWAY:
                cluster.revive(node)
            fresh = [each["event"] for each in training.events()[count:]]
            if seconds is None and kind != "head restarted" and "epoch" in fresh:
                seconds = time.monotonic() - begun
            time.sleep(0.1)
        return Result(seconds, lost(training), training.weights() == expected, last_loss(training))


def _of_a_worker(cluster: Nodes) -> Node:
    """Return a node where a worker trains."""
    for node in random.sample(cluster.workers, len(cluster.workers)):
        pids = subprocess.run(["ip", "netns", "pids", node.name], capture_output=True, text=True, check=True).stdout
        if any(b"ray::RayTrainWorker" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids.split()):
            return node
    raise AssertionError("no worker trains")


def main() -> None:
    """Let nodes fail, and print the table."""
    options = parser(__doc__, data=False)
    options.add_argument("--runs", type=int, default=8)
    options.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    asked = options.parse_args()
    if missing():
        sys.exit(f"no nodes here: {missing()}")
    random.seed(11)
    found: dict[str, list[Result]] = defaultdict(list)
    with told(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_corpus(folder / "corpus.jsonl", 2400)
        job = json.dumps(job_document(folder / "corpus.jsonl"))
        places = [folder / f"run{number}" for number in range(asked.runs + 1)]
        for place in places:
            place.mkdir()
            (place / "job.yaml").write_text(job)
        with nodes(3) as cluster:
            calm = submitted(cluster, places[0])
            calm.until(f"train/{TRAINED}")
            expected, loss = calm.weights(), last_loss(calm)
        for number, place in enumerate(places[1:]):
            kind = asked.kinds[number % len(asked.kinds)]
            try:
                found[kind].append(suffer(kind, place, expected))
            except AssertionError as error:
                found[kind].append(Result(None, None, same=False, loss=None))
                print(f"{kind}: {str(error)[-800:]}", file=sys.stderr)
        table(HEAD, [row(kind, results, loss) for kind, results in found.items()])


if __name__ == "__main__":
    main()
