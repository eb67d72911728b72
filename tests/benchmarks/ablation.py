"""What each granularity adds: 20 Newsgroups with word only, + sentence, + paragraph, and as a bag of words.

    python -m tests.benchmarks ablation --data FOLDER

The product's loop and its torch engine run in this process, without Ray; all else of jobs/newsgroups.yaml is as it is.
The best epoch is chosen on the validation split; the test split is looked at once, with that epoch's weights.
"""

import argparse
import json
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from mgdist.data.dataset import Dataset
from mgdist.job.spec import Job
from tests.benchmarks.setting import job_of, parser, table, told

BAG = "bag of words (and pairs)"


@dataclass(frozen=True)
class Result:
    """One training.

    Attributes:
        valid: accuracy of the best epoch on the validation split.
        test: accuracy of that epoch's weights on the test split.
        parameters: that were learned.
        epoch: the best one, from 1.
        seconds: of the training, with its validations.
    """

    valid: float
    test: float
    parameters: int
    epoch: int
    seconds: float


def main(options: argparse.Namespace) -> None:
    import torch

    from mgdist.data.prepare import prepare as read
    from mgdist.evaluate.baseline import baseline
    from mgdist.evaluate.scores import quality

    torch.set_num_threads(options.threads)
    jobs = variants(options)
    jobs = {name: jobs[name] for name in jobs if not options.only or any(word in name for word in options.only)}
    note = (
        f"Without sentences a document is its first {options.words} words; otherwise its first {_sentences(options)} "
        f"sentences of {_word(options)['length']} words."
    )
    with told(), tempfile.TemporaryDirectory(prefix="mgdist-ablation-") as folder:
        rows: list[list[object]] = []
        for place, (name, job) in enumerate(jobs.items()):
            dataset = read(job, Path(folder) / str(place))
            if place == 0:
                begin = time.perf_counter()
                linear = baseline(dataset)
                lasted = time.perf_counter() - begin
                found = [quality(linear[split]) for split in ("valid", "test")]
                rows.append(["simple baseline", *found, None, None, lasted])
            rows.append(_row(name, [result(job, dataset, seed) for seed in range(job.seed, job.seed + options.seeds)]))
            print(*rows[-1], sep=" | ", file=sys.stderr, flush=True)
        table(["granularities", "validation accuracy", "test accuracy", "parameters", "best epoch", "seconds"], rows)
        print(
            f"\n{job.train.epochs} epochs at most, mean of {options.seeds} seed(s) of weights and order on one split; "
            f"{len(dataset.train):,} rows to learn from. {note}"
        )


def _row(name: str, results: list[Result]) -> list[object]:
    means = [fmean(getattr(each, field) for each in results) for field in ("valid", "test")]
    spread = f" ({min(r.test for r in results):.4f} to {max(r.test for r in results):.4f})" if len(results) > 1 else ""
    epochs = ", ".join(str(each.epoch) for each in results)
    seconds = fmean(each.seconds for each in results)
    return [name, f"{means[0]:.4f}", f"{means[1]:.4f}{spread}", results[0].parameters, epochs, seconds]


def variants(options: argparse.Namespace) -> dict[str, Job]:
    """Return the jobs to compare: jobs/newsgroups.yaml with other granularities."""
    word, long = _word(options), {"length": options.words}
    full = job_of("newsgroups", options).model_dump(mode="json")["granularities"]
    sentence = {**full["sentence"], "length": _sentences(options)}
    levels = {
        BAG: {"word": {**word, **long, "encoder": {"kind": "bag"}, "pool": ["mean"]}},
        "word": {"word": {**word, **long}},
        "word + sentence": {"word": word, "sentence": sentence},
        "word + sentence + paragraph": full,
    }
    return {
        name: job_of("newsgroups", options, f"granularities={json.dumps(each)}", "train.engine.kind=torch")
        for name, each in levels.items()
    }


def _word(options: argparse.Namespace) -> dict[str, object]:
    word: dict[str, object] = job_of("newsgroups", options).model_dump(mode="json")["granularities"]["word"]
    return word


def _sentences(options: argparse.Namespace) -> int:
    """Return the sentences that the whole job reads of a document, so that no variant reads more."""
    levels = job_of("newsgroups", options).granularities
    return levels["sentence"].length * levels["paragraph"].length


def result(job: Job, dataset: Dataset, seed: int) -> Result:
    """Train one job; its seed is that of weights and order, and the split stays as it is."""
    from mgdist.evaluate.scores import quality
    from mgdist.train.loop import measure
    from mgdist.train.prepare import prepare

    begin = time.perf_counter()
    training = prepare(job.model_copy(update={"seed": seed}), dataset)
    progress = training.run()
    lasted = time.perf_counter() - begin
    training.network.load_state_dict(progress.weights)
    tested = quality(measure(training.network, dataset.tasks, dataset.test))
    parameters = sum(weight.numel() for weight in progress.weights.values())
    return Result(progress.best.quality, tested, parameters, progress.best.epoch, lasted)


if __name__ == "__main__":
    options = parser(__doc__)
    options.add_argument("--seeds", type=int, default=1)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--words", type=int, default=1024, help="of a document, where there are no sentences")
    options.add_argument("--only", nargs="+", help="parts of the names of the rows to do")
    main(options.parse_args())
