"""A small network alone, and the same one beside a teacher: a larger network, or an ensemble of three of them.

    python -m tests.benchmarks distil --data FOLDER --sets bbc_news ag_news --seeds 3

The product's loop and its torch engine run in this process, without Ray; a seed is that of weights and order. What is
shown is measured on the validation split, on which the best epoch is chosen too; the test splits are not looked at.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from time import process_time
from typing import Any

import numpy as np

from mgdist.data.dataset import TAUGHT, Dataset
from mgdist.job.point import at_point
from mgdist.job.spec import Job
from tests.benchmarks.setting import parser, table, told
from tests.benchmarks.strategies import job_of_set

TEACHERS: dict[str, list[dict[str, Any]]] = {
    "bbc_news": [
        {"model.width": 64},
        {"model.width": 48, "model.dropout": 0.5},
        {"model.width": 64, "train.lr": 0.003},
    ],
    "ag_news": [{}, {"model.width": 24}, {"model.dropout": 0.3, "train.lr": 0.005}],
}
"""By set, the points of the larger networks; the first one teaches alone too."""
STUDENTS: dict[str, dict[str, Any]] = {
    "bbc_news": {"model.width": 4, "model.dropout": 0.1},
    "ag_news": {
        "model.width": 4,
        "model.dropout": 0.1,
        "model.embedding.ngrams": None,
        "model.embedding.bayes": None,
        "train.epochs": 6,
    },
}


@dataclass(frozen=True)
class Result:
    """One network of one seed: what it is, its size, its best validation accuracy and loss, its CPU seconds."""

    name: str
    parameters: int
    accuracy: float
    loss: float
    seconds: float


def main(options: argparse.Namespace) -> None:
    import torch

    from mgdist.data.prepare import prepare as read

    torch.set_num_threads(1)
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-distil-") as folder:
        for name in options.sets:
            job = job_of_set(name, options)
            dataset = read(job, Path(folder) / name)
            # The student reads less than its teachers; its rows are the same.
            student = at_point(job, STUDENTS[name])
            mine = read(student, Path(folder) / f"{name}-student")
            assert mine.digest == dataset.digest, "the same rows"
            found: list[Result] = []
            for seed in range(job.seed, job.seed + options.seeds):
                new = results(name, job, dataset, student, mine, seed, options)
                print(name, seed, *(f"{each.name} {each.accuracy:.4f}" for each in new), file=sys.stderr, flush=True)
                found += new
            table(HEAD, rows(found))
            print(f"\n{name}: {len(dataset.train):,} rows to learn from, {len(dataset.valid):,} to validate on.")


HEAD = ["network", "parameters", "validation accuracy", "validation loss", "CPU seconds of training"]


def results(
    name: str, job: Job, dataset: Dataset, student: Job, mine: Dataset, seed: int, options: argparse.Namespace
) -> list[Result]:
    """Train the teachers, and the student alone and beside each teacher."""
    from mgdist.evaluate.network import answers
    from mgdist.evaluate.scores import quality, score, total_loss

    found, outputs = [], []
    for place, point in enumerate(TEACHERS[name]):
        result, network = trained(f"teacher {place + 1}", at_point(job, point), dataset, seed)
        found.append(result)
        outputs.append([answers(network, dataset.tasks, shard)["answer"] for shard in (dataset.train, dataset.valid)])
    train, valid = (np.mean([each[place] for each in outputs], 0) for place in (0, 1))
    scores = score(dataset.tasks, {"answer": valid}, dataset.valid.targets)
    sizes, spent = sum(each.parameters for each in found), sum(each.seconds for each in found)
    found.append(Result("mean of the 3 teachers", sizes, quality(scores), total_loss(scores, {}), spent))
    found.append(trained("student alone", student, mine, seed)[0])
    for who, known in (("teacher 1", outputs[0][0]), ("the mean of 3", train)):
        with tempfile.TemporaryDirectory(prefix="mgdist-teacher-") as folder:
            np.save(Path(folder) / TAUGHT.format(name="answer"), known.astype(np.float32))
            distil = {"teacher": folder, "temperature": options.temperature, "weight": options.weight}
            beside = at_point(student, {"train.distil": distil})
            found.append(trained(f"student of {who}", beside, Dataset.open(mine.folder, Path(folder)), seed)[0])
    return found


def trained(name: str, job: Job, dataset: Dataset, seed: int) -> tuple[Result, Any]:
    """Train one network; return what it came to, and itself with the weights of its best epoch."""
    from mgdist.train.prepare import prepare

    training, started = prepare(job.model_copy(update={"seed": seed}), dataset), process_time()
    progress = training.run()
    spent = process_time() - started
    training.network.load_state_dict(progress.weights)
    parameters = sum(weight.numel() for weight in training.network.parameters())
    return Result(name, parameters, progress.best.quality, progress.best.valid_loss, spent), training.network


def rows(found: list[Result]) -> list[list[object]]:
    """Return a row for each network: means over the seeds, with the least and the most."""
    made: list[list[object]] = []
    for name in dict.fromkeys(each.name for each in found):
        mine = [each for each in found if each.name == name]
        values = [each.accuracy for each in mine]
        made.append([
            name, mine[0].parameters, f"{fmean(values):.4f} ({min(values):.4f} to {max(values):.4f})",
            f"{fmean(each.loss for each in mine):.4f}", f"{fmean(each.seconds for each in mine):.1f}",
        ])  # fmt: skip
    return made


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--sets", nargs="+", default=["bbc_news", "ag_news"], choices=list(TEACHERS))
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--limit", type=int, help="rows of each split at most")
    options.add_argument("--temperature", type=float, default=2.0)
    options.add_argument("--weight", type=float, default=0.7)
    main(options.parse_args())
