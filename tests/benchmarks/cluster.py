"""A job on a cluster of three nodes in network namespaces, and the same job embedded, with as many workers.

``python -m tests.benchmarks cluster --data FOLDER`` submits ``jobs/newsgroups.yaml`` with ZeRO-2 over two worker nodes
from a fourth machine, fetches the bundle, and prints the accuracy of both and how many answers are equal. Needs root.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter

from mgdist.runs import EVENTS
from mgdist_edge import load
from tests.benchmarks.setting import ROOT, environment, mgdist, overrides, parser, told
from tests.cluster.nodes import missing, nodes

WORKERS = ("train.workers=2", "train.engine={kind: deepspeed, stage: 2}")
LONGEST = 3600.0


def seconds_of(place: Path) -> dict[str, float]:
    """Return how long each stage of a run took."""
    (events,) = place.glob(f"*/*T*/{EVENTS}")
    found = [json.loads(line) for line in events.read_text().splitlines()]
    return {event["stage"]: event["seconds"] for event in found if "stage" in event and event["state"] == "done"}


def main() -> None:
    """Do both, and print the table."""
    options = parser(__doc__)
    options.add_argument("--job", default="newsgroups")
    asked = options.parse_args()
    job = ROOT / "jobs" / f"{asked.job}.yaml"
    laid = [*overrides(job, asked.data, asked.set), *WORKERS]
    if missing():
        sys.exit(f"no nodes here: {missing()}")
    with told(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        words = [word for each in laid for word in ("--set", each)]
        times = {}
        with nodes() as cluster:
            begun = perf_counter()
            runs = ("--set", f"run.folder={folder / 'cluster'}")
            sent = mgdist("submit", job, "--address", cluster.url, *words, *runs)
            done = cluster.on_laptop(*sent, token=cluster.token, timeout=LONGEST)
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
            times["cluster"] = perf_counter() - begun
            bring = mgdist("fetch", asked.job, "--folder", folder / "cluster", "--to", folder / "fetched")
            fetched = cluster.on_laptop(*bring)
            assert fetched.returncode == 0, fetched.stderr
        begun = perf_counter()
        alone = mgdist("submit", job, *words, "--set", f"run.folder={folder / 'embedded'}")
        subprocess.run(alone, env=environment(), stdout=subprocess.DEVNULL, check=True)
        times["embedded"] = perf_counter() - begun
        bundles = {
            "cluster": folder / "fetched" / f"{asked.job}.tflite",
            "embedded": next((folder / "embedded").glob(f"*/*T*/{asked.job}.tflite")),
        }
        print("| where | accuracy, test split | bytes | seconds | of them training |\n|---|---|---|---|---|")
        for where, path in bundles.items():
            accuracy = load(path).bundle.manifest.metrics["accuracy"]
            train = seconds_of(folder / where)["train"]
            size = path.stat().st_size
            print(f"| {where} | {accuracy:.4f} | {size:,} | {times[where]:.0f} | {train:.0f} |")


if __name__ == "__main__":
    main()
