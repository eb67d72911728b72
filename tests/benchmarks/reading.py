"""How quickly batches come: from mgdist's memory-mapped arrays, and from Ray Data over Parquet of the same ids.

    python -m tests.benchmarks reading

Both give batches of the same ragged rows, in this process; Ray Data has the cores of an embedded Ray to read ahead
with. mgdist's order is a permutation of all rows, another one each epoch; Ray Data shuffles all of them, or those in a
buffer. The turns are interleaved.
"""

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mgdist.cluster.connect import Connection
from mgdist.data.batches import batches
from mgdist.data.dataset import Shard
from mgdist.data.prepare import prepare
from mgdist.data.stored import Ragged
from tests.benchmarks.setting import parser, table, told
from tests.train.corpus import job as small_job
from tests.train.corpus import write_corpus

SIZE, BUFFER = 64, 64 * 50
"""Rows of a batch, and of the buffer that Ray Data shuffles in."""


def ids(shard: Shard) -> list[np.ndarray]:
    """Return the ids of each row, one word after another."""
    (stored,) = shard.inputs.values()
    assert isinstance(stored, Ragged), "a text"
    assert stored.samples[0] is not None, "its words"
    begins = stored.first[0][0]
    return [np.asarray(stored.samples[0][begin:end]).ravel() for begin, end in pairwise(begins)]


def ours(shard: Shard, epoch: int) -> int:
    """Read all rows once, and return how many."""
    return sum(len(each) for each in batches(shard, size=SIZE, epoch=epoch, seed=1))


def of_ray_data(path: Path, epoch: int, *, whole: bool) -> int:
    """Read all rows once with Ray Data, as padded tensors, and return how many."""
    import ray.data
    import torch

    data = ray.data.read_parquet(str(path))
    data = data.random_shuffle(seed=epoch) if whole else data
    buffer = None if whole else BUFFER
    rows = 0
    for each in data.iter_batches(batch_size=SIZE, batch_format="numpy", local_shuffle_buffer_size=buffer):
        found = each["ids"]
        lengths = np.fromiter(map(len, found), np.int64, len(found))
        laid = np.zeros((len(found), lengths.max()), np.int64)
        laid[np.arange(laid.shape[1]) < lengths[:, None]] = np.concatenate(list(found))
        torch.from_numpy(laid), torch.from_numpy(each["label"])
        rows += len(found)
    return rows


def main(options: argparse.Namespace) -> None:
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-reading-") as name, Connection(cpus=2) as connection:
        folder = Path(name)
        write_corpus(folder / "corpus.jsonl", options.rows)
        shard = prepare(small_job(folder / "corpus.jsonl"), folder / "data").train
        column = ids(shard)
        labels = np.arange(len(column)) % 3
        pq.write_table(pa.table({"ids": column, "label": labels}), folder / "rows.parquet", row_group_size=4096)
        connection.wait()
        import ray.data

        logging.getLogger("ray.data").setLevel(logging.ERROR)
        ray.data.DataContext.get_current().enable_progress_bars = False
        ways: dict[str, Callable[[int], int]] = {
            "mgdist, memory-mapped, all rows permuted": lambda epoch: ours(shard, epoch),
            f"Ray Data, shuffled in a buffer of {BUFFER:,}": lambda epoch: of_ray_data(
                folder / "rows.parquet", epoch, whole=False
            ),
            "Ray Data, all rows shuffled": lambda epoch: of_ray_data(folder / "rows.parquet", epoch, whole=True),
        }
        speeds: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(options.turns + 1):
            for way, read in ways.items():
                at = time.perf_counter()
                rows = read(turn)
                speeds[way] += [rows / (time.perf_counter() - at)] if turn else []  # the first one sets much up
        first = median(next(iter(speeds.values())))
        rows_of = [[way, median(each), min(each), max(each), median(each) / first] for way, each in speeds.items()]
        table(["", "rows/s, median", "least", "most", "times mgdist's"], rows_of)
        print(
            f"\n{len(column):,} rows of {np.mean(list(map(len, column))):.0f} words in the mean, {options.turns} turns."
        )


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("--rows", type=int, default=60_000)
    options.add_argument("--turns", type=int, default=5)
    main(options.parse_args())
