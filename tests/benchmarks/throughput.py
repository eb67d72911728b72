"""Training samples a second on one core, at 128 words a document, with the accuracy that came of it.

    python -m tests.benchmarks throughput --data FOLDER

The loop of the product runs in this process, without Ray, on the core that --core names.
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.setting import job_of, parser, table, told

RIVAL = ("Ludwig 0.17.10 parallel_cnn, 3 epochs; measured earlier on this kind of machine", 245, None, None, 0.8999)


def main(options: argparse.Namespace) -> None:
    os.sched_setaffinity(0, {options.core})
    import torch

    from mgdist.data.prepare import prepare as read
    from mgdist.evaluate.metrics import score
    from mgdist.evaluate.network import probabilities
    from mgdist.train.prepare import prepare

    torch.set_num_threads(1)
    job = job_of("ag_news", options, "train.engine.kind=torch")
    windows = Windows(job.train.batch_size)
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-throughput-") as folder:
        dataset = read(job, Path(folder))
        training = prepare(job, dataset, windows)
        progress = training.run()
        training.network.load_state_dict(progress.weights)
        tested = score(probabilities(training.network.eval(), dataset.test), dataset.test.targets)
        parameters = sum(weight.numel() for weight in progress.weights.values())
        ours = (
            f"mgdist jobs/ag_news.yaml, {job.train.epochs} epochs, {parameters:,} parameters",
            windows.best,
            windows.mean,
            windows.of_cpu,
            tested.accuracy,
        )
        table(
            ["", "samples/s, best second", "samples/s, all steps", "samples a CPU second", "test accuracy"],
            [ours, RIVAL],
        )
        print(
            f"\nOne core, documents of at most {job.granularities['word'].length} words, batch {job.train.batch_size}, "
            f"{len(dataset.train):,} rows. Our best second is {windows.best / RIVAL[1]:.1f} times the rival's best "
            "window. The models differ, so the accuracy stands beside the speed; ours is the float32 network's, at "
            "its best validation epoch. Steps only, on both sides; samples a CPU second leave out what other "
            "programs took of the core."
        )


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
