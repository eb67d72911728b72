"""A data set of four times the memory that a worker may have: does it train, is memory flat, does the step wait?

    python -m tests.benchmarks larger --memory 640

A worker trains in a group of processes of its own, whose memory the kernel limits: mapped files count there as soon as
they are read. Needs root and the memory controller, of cgroup v1 or v2. The data is made up: grey images of 128 x 128
pixels, 16 kB each, written by the product's own preparation and then grown on disk. Preparing data reads all of it into
memory; that is not measured here, and does not hold for data larger than memory.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from tests.benchmarks.setting import environment, parser, table, told

SIDE, FEW, TIMES, BATCH = 128, 400, 4, 64
GROUPS = Path("/sys/fs/cgroup")


def main(options: argparse.Namespace) -> None:
    if options.train is not None:
        print(json.dumps(trained(options.train)))
        return
    limit = options.memory * 2**20
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-larger-") as name:
        rows = TIMES * limit // SIDE**2
        prepared(Path(name), rows)
        command = [sys.executable, "-m", "tests.benchmarks.larger", "--train", name]
        with confined(limit) as group:
            join = f"echo $$ > {group}/cgroup.procs; exec {' '.join(command)}"
            run = subprocess.run(["sh", "-c", join], env=environment(), stdout=subprocess.PIPE, text=True, check=False)
        if run.returncode:
            raise SystemExit(f"the worker ended with {run.returncode} within {options.memory} MiB")
        found = json.loads(run.stdout.splitlines()[-1])
        cells = [["memory of the process itself, MB", *found["own"]], ["with the pages it maps, MB", *found["all"]]]
        table(["", "first quarter", "second", "third", "last"], cells)
        print(
            f"\n{rows:,} rows of {SIDE**2:,} bytes are {rows * SIDE**2 / 2**20:,.0f} MiB, {TIMES} times the limit of "
            f"{options.memory} MiB. One epoch, {found['speed']:,.0f} samples/s; {found['waiting']:.1%} of the time the "
            f"steps waited for their data. Validation accuracy {found['quality']:.3f}."
        )


@contextmanager
def confined(limit: int) -> Iterator[Path]:
    """Make a group of processes that have so many bytes between them."""
    for place, name in ((GROUPS / "memory", "memory.limit_in_bytes"), (GROUPS, "memory.max")):
        group = place / f"mgdist-larger-{os.getpid()}"
        try:
            group.mkdir()
            (group / name).write_text(str(limit))
        except OSError:
            continue
        yield group
        group.rmdir()
        return
    raise SystemExit("larger: expected root and a memory controller under /sys/fs/cgroup; found none")


def document(folder: Path) -> dict[str, Any]:
    """Return a job over grey images, looked at coarsely."""
    return {
        "name": "larger",
        "task": {"kind": "classify", "label": "label"},
        "data": {
            "source": {"kind": "files", "train": str(folder / "train.parquet")},
            "input": {"kind": "image", "size": [SIDE, SIDE], "channels": 1},
        },
        "granularities": {"image": {"length": 16, "scale": 8, "encoder": {"kind": "conv", "kernel": 3}, "pool": "all"}},
        "model": {"width": 32},
        "train": {"epochs": 1, "batch_size": BATCH, "lr": 0.002},
    }


def prepared(folder: Path, rows: int) -> None:
    """Prepare a few images as the product does, and grow the training split on disk."""
    import pyarrow as pa
    from pyarrow import parquet

    from mgdist.data.prepare import prepare
    from mgdist.job.point import checked

    draw = np.random.default_rng(1)
    labels = np.arange(FEW) % 2
    pixels = draw.integers(0, 190, (FEW, SIDE, SIDE), dtype=np.uint8)
    pixels[labels == 1, : SIDE // 2] += 8
    columns = {"image": [each.tobytes() for each in pixels], "label": [f"c{each}" for each in labels]}
    parquet.write_table(pa.table(columns), folder / "train.parquet")
    job, mistakes = checked(document(folder))
    assert job is not None, mistakes
    data = prepare(job, folder / "data")
    (images,) = (folder / "data" / "train").glob("*/raws.npy")
    few, targets = np.load(images), data.train.targets["answer"]
    chosen = draw.integers(0, len(few), rows)
    grown = np.lib.format.open_memmap(images, "w+", few.dtype, (rows, *few.shape[1:]))
    for start in range(0, rows, 4096):
        grown[start : start + 4096] = few[chosen[start : start + 4096]]
    grown.flush()
    del grown  # pages that are mapped stay
    with images.open("rb") as file:  # what is still in memory would count for this process, and be there for the worker
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    np.save(folder / "data" / "train" / "targets.answer.npy", targets[chosen])


def trained(folder: str) -> dict[str, Any]:
    """Train in this process; return what it used, and how long it waited."""
    import torch

    from mgdist.data.dataset import Dataset
    from mgdist.job.point import checked
    from mgdist.train.prepare import prepare

    torch.set_num_threads(1)
    job, mistakes = checked(document(Path(folder)))
    assert job is not None, mistakes
    seen = Seen()
    progress = prepare(job, Dataset.open(Path(folder) / "data"), seen).run()
    quarters = [seen.steps[len(seen.steps) * place // 4 : len(seen.steps) * (place + 1) // 4] for place in range(4)]
    return {
        "own": [max(own for own, *_ in each) for each in quarters],
        "all": [max(every for _, every, *_ in each) for each in quarters],
        "speed": fmean(speed for *_, speed, _ in seen.steps),
        "waiting": fmean(waiting for *_, waiting in seen.steps),
        "quality": progress.best.quality,
    }


@dataclass
class Seen:
    """Listens to a training: memory of the process in MB, alone and with mapped pages, samples/s, share of waiting."""

    steps: list[tuple[float, float, float, float]] = field(default_factory=list)

    def __call__(self, event: object) -> None:
        from mgdist.train.events import Step

        if isinstance(event, Step):
            status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
            own, every = (float(status[name].split()[0]) / 1000 for name in ("RssAnon", "VmRSS"))
            self.steps.append((own, every, event.samples_per_second, event.waiting))


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("--memory", type=int, default=640, help="MiB that the worker may have")
    options.add_argument("--train", help=argparse.SUPPRESS)
    main(options.parse_args())
