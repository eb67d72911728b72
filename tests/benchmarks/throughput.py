"""Training samples a second on one core, at 128 words a document, with the accuracy that came of it.

    python -m tests.benchmarks throughput --data FOLDER

The loop of the product runs in this process, without Ray, on the core that --core names.
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from mgdist.data.dataset import Dataset, Shard
from mgdist.data.stored import Ragged
from mgdist.job.spec import Job
from mgdist_edge.names import ONLY_INPUT
from tests.benchmarks.setting import job_of, parser, table, told

RIVAL = ("Ludwig 0.17.10 parallel_cnn, 3 epochs; measured earlier on this kind of machine", 245, None, None, 0.8999)


def main(options: argparse.Namespace) -> None:
    os.sched_setaffinity(0, {options.core})
    import torch

    from mgdist.data.prepare import prepare as read

    torch.set_num_threads(1)
    job = job_of("ag_news", options, "train.engine.kind=torch")
    once = job_of("ag_news", options, "train.engine.kind=torch", "train.epochs=1")
    longest = job.granularities["word"].length
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-throughput-") as folder:
        dataset = read(job, Path(folder))
        filled = replace(dataset, train=full(dataset.train, longest))
        best, *row = _row(f"mgdist jobs/ag_news.yaml, {job.train.epochs} epochs, as it is", job, dataset)
        _, *other = _row(f"the same, 1 epoch, every document filled up to {longest} words", once, filled)
        head = ["", "samples/s, best second", "samples/s, all steps", "samples a CPU second", "test accuracy"]
        table(head, [row, [*other[:-1], None], RIVAL])
        words = len(_ids(_text(dataset.train))) / len(dataset.train)
        print(
            f"\nOne core; documents of at most {longest} words, {words:.0f} in the mean. A batch is as wide as its "
            f"longest document, so the second row is what {longest} words cost. Batch {job.train.batch_size}, "
            f"{len(dataset.train):,} rows, {best.parameters:,} parameters. Best second over the rival's best window: "
            f"{best.windows.best / RIVAL[1]:.1f} as it is, {other[1] / RIVAL[1]:.1f} filled up. The models differ, so "
            "the accuracy stands beside the speed; ours is the float32 network's, at its best validation epoch. Steps "
            "only, without validation; samples a CPU second leave out what other programs took of the core."
        )


@dataclass(frozen=True)
class Trained:
    """What a training came to."""

    windows: "Windows"
    parameters: int
    accuracy: float


def _row(name: str, job: Job, dataset: Dataset) -> tuple[Trained, str, float, float, float, float]:
    found = trained(job, dataset)
    return found, name, found.windows.best, found.windows.mean, found.windows.of_cpu, found.accuracy


def trained(job: Job, dataset: Dataset) -> Trained:
    """Train a job in this process, and score its best epoch on the test split."""
    from mgdist.evaluate.scores import quality
    from mgdist.train.loop import measure
    from mgdist.train.prepare import prepare

    windows = Windows(job.train.batch_size)
    training = prepare(job, dataset, windows)
    progress = training.run()
    training.network.load_state_dict(progress.weights)
    tested = quality(measure(training.network, dataset.tasks, dataset.test))
    return Trained(windows, sum(weight.numel() for weight in progress.weights.values()), tested)


def full(shard: Shard, longest: int) -> Shard:
    """Return a split of one level whose documents each go on from their beginning until they are full."""
    text = _text(shard)
    ids, (first, _) = _ids(text), text.first[0]
    spans = pairwise(first)
    samples = np.concatenate([np.resize(ids[start:stop], (longest, ids.shape[1])) for start, stop in spans])
    rows = np.arange(len(shard) + 1)
    lengths = np.full(len(shard), longest, np.int32)
    return replace(shard, inputs={ONLY_INPUT: Ragged((samples,), (lengths,), (np.stack([rows * longest, rows]),))})


def _text(shard: Shard) -> Ragged:
    text = shard.inputs[ONLY_INPUT]
    assert isinstance(text, Ragged), "texts differ in length"
    return text


def _ids(text: Ragged) -> np.ndarray:
    assert text.samples[0] is not None, "the finest level reads a raw view"
    return text.samples[0]


@dataclass
class Windows:
    """Listens to a training, whose step events each tell of the steps since the one before.

    Attributes:
        batch: examples of a step.
    """

    batch: int
    seconds: list[tuple[float, int]] = field(default_factory=list)
    cpu: list[tuple[float, int]] = field(default_factory=list)
    done: int = 0
    epoch: int = 0
    cpu_before: float = 0.0

    def __call__(self, event: object) -> None:
        from mgdist.train.events import Step

        if not isinstance(event, Step):
            return
        samples, cpu = (event.done - self.done) * self.batch, time.process_time()
        self.seconds.append((samples / event.samples_per_second, samples))
        if event.epoch == self.epoch:  # else the validation of the epoch before would count
            self.cpu.append((cpu - self.cpu_before, samples))
        self.done, self.epoch, self.cpu_before = event.done, event.epoch, cpu

    @property
    def best(self) -> float:
        """Samples a second of the best window; those of less than a second, at an epoch's end, do not count."""
        return max(samples / seconds for seconds, samples in self.seconds if seconds > 0.9)

    @property
    def mean(self) -> float:
        return sum(samples for _, samples in self.seconds) / sum(seconds for seconds, _ in self.seconds)

    @property
    def of_cpu(self) -> float:
        return sum(samples for _, samples in self.cpu) / sum(seconds for seconds, _ in self.cpu)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--core", type=int, default=0, help="number of the core that all runs on")
    main(options.parse_args())
