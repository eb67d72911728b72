"""A search on what ships against an ordinary one: AG News for at most 1 MB, both at the same wall time.

    taskset -c 1 python -m tests.benchmarks deployed --data FOLDER --seconds 480 --seeds 2

Both jobs of a seed run at once on the cores given, so that whatever else the machine does disturbs them alike; each
ends its search after so many seconds, trains its best point to the end, and ships, or says what it lacks. The space
holds embeddings that fit 1 MB and such that do not. A seed is that of the search, of weights and of order.
"""

import argparse
import json
import subprocess
import tempfile
from pathlib import Path

from mgdist.evaluate.scores import quality
from mgdist.export.candidates import Shipped, open_candidates
from mgdist.search.results import Searched
from tests.benchmarks.setting import ROOT, environment, mgdist, overrides, parser, table, told

OBJECTIVES = ("trained", "deployed")
SPACE = {
    "model.embedding.width": {"choice": [4, 8, 12, 16, 24, 32, 48, 64]},
    "model.width": {"choice": [8, 16, 32]},
    "model.dropout": {"uniform": [0.2, 0.6]},
    "train.lr": {"loguniform": [0.001, 0.01]},
}
POINT = [
    "data.input.vocabulary=20000",
    "model.embedding.ngrams.buckets=40000",
    "compress.methods=[int8_dynamic, int4]",
    "compress.prune=null",
    "device.max_size=1 MB",
]
HEAD = ["seed", "objective", "trials", "to their end", "refused before", "s to look before", "s a trial", "ships"]
HEAD += ["MB", "valid", "test"]


def main(options: argparse.Namespace) -> None:
    found: list[list[object]] = []
    failures: list[str] = []
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-deployed-") as folder:
        for seed in range(13, 13 + options.seeds):
            began = {each: begin(each, seed, Path(folder), options) for each in OBJECTIVES}
            for objective, process in began.items():
                _, said = process.communicate()
                run = place(Path(folder), objective, seed) / "ag_news" / "latest"
                found.append([seed, objective, *row(run)])
                failures += [f"Seed {seed}, {objective}: {said.strip()}"] if process.returncode else []
            table(HEAD, found[-len(OBJECTIVES) :])
        table(HEAD, found)
        print("\n" + "\n".join(failures))


def place(folder: Path, objective: str, seed: int) -> Path:
    return folder / f"{objective}-{seed}"


def begin(objective: str, seed: int, folder: Path, options: argparse.Namespace) -> "subprocess.Popen[str]":
    """Start a job, and return its process."""
    job = ROOT / "jobs" / "ag_news.yaml"
    search = {"objective": objective, "trials": 1000, "epochs": 2, "time": options.seconds, "space": SPACE}
    more = [*POINT, f"seed={seed}", f"search={json.dumps(search)}", f"run.folder={place(folder, objective, seed)}"]
    given = [word for one in [*overrides(job, options.data, more), *options.set] for word in ("--set", one)]
    command = mgdist("submit", job, *given)
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=subprocess.PIPE, text=True, env=environment())


def row(run: Path) -> list[object]:
    """Return what a job came to, as far as it came."""
    searched = Searched.open(run / "search")
    ended = sum(trial.state == "done" for trial in searched.trials)
    found: list[object] = [len(searched.trials), ended, len(searched.refused)]
    found += [searched.looking, searched.trial_seconds]
    if not (run / "bundle" / "shipped.json").is_file():
        return [*found, "nothing", None, "", ""]
    shipped = Shipped.open(run / "bundle")
    (ships,) = (each for each in open_candidates(run / "compress") if each.method == shipped.method)
    size, test = shipped.bundle.stat().st_size / 1e6, quality(shipped.test)
    return [*found, ships.method, size, f"{ships.quality:.4f}", f"{test:.4f}"]


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--seconds", type=float, default=480.0)
    options.add_argument("--seeds", type=int, default=2)
    main(options.parse_args())
