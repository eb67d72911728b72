"""Do all engines learn the same, and how fast? ``python -m tests.benchmarks.engines`` prints a Markdown table.

One worker, DistributedDataParallel on two, and ZeRO 0 to 3 on two see the same global batches. The rounds are
interleaved, so that a busy machine slows all of them down alike. Real processes, without Ray, which adds nothing to
a step.
"""

import tempfile
from pathlib import Path
from statistics import median

from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare as prepare_data
from mgdist.job.spec import Job
from mgdist.train.prepare import prepare
from tests.benchmarks.setting import parser, told
from tests.train.corpus import job as small_job
from tests.train.corpus import moved, write_corpus
from tests.train.workers import together

ROWS, BATCH, EPOCHS, STEPS = 2000, 64, 2, 50
ENGINES = {"torch": {"kind": "torch"}} | {f"ZeRO {stage}": {"kind": "deepspeed", "stage": stage} for stage in range(4)}
Run = tuple[list[float], float]
"""Losses of 50 steps, and samples/s of the second half of them."""


def runs(job: Job, folder: Path, names: list[str]) -> dict[str, Run]:
    """Train once with each engine; every worker calls this."""
    found = {}
    for name in names:
        progress = prepare(moved(job, train__engine=ENGINES[name]), Dataset.open(folder)).run()
        losses = [loss for epoch in progress.history for loss in epoch.losses]
        found[name] = losses, BATCH * len(progress.history[-1].losses) / progress.history[-1].seconds
    return found


def one_round(job: Job, folder: Path) -> dict[str, Run]:
    """Measure all engines, one after another."""
    from tests.benchmarks.engines import runs as work  # by its real name, under which the workers find it

    alone = together(1, work, job, folder, ["torch"])
    shared = together(2, work, moved(job, train__workers=2), folder, list(ENGINES))
    return {"1 worker": alone["torch"]} | {
        f"{'DDP' if n == 'torch' else n}, 2 workers": run for n, run in shared.items()
    }


def table(rounds: list[dict[str, Run]]) -> str:
    """Return the Markdown table."""
    first = rounds[0]["1 worker"][0]
    assert len(first) == STEPS
    lines = ["| | largest difference of the loss over 50 steps | samples/s | of DDP's |", "|---|---|---|---|"]
    speeds = {name: median(found[name][1] for found in rounds) for name in rounds[0]}
    for name, speed in speeds.items():
        apart = max(abs(a - b) for found in rounds for a, b in zip(found[name][0], first, strict=True))
        lines.append(f"| {name} | {apart:.1e} | {speed:.0f} | {speed / speeds['DDP, 2 workers']:.2f} |")
    return "\n".join(lines)


def main() -> None:
    """Prepare the data, measure, print."""
    arguments = parser(__doc__, data=False)
    arguments.add_argument("--rounds", type=int, default=3)
    options = arguments.parse_args()
    with told(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_corpus(folder / "corpus.jsonl", ROWS)
        plain = {"model__dropout": 0.0, "model__width": 64, "model__embedding": {"ngrams": {"order": 2}}}
        job = small_job(folder / "corpus.jsonl", train__batch_size=BATCH, train__epochs=EPOCHS, **plain)
        prepare_data(job, folder / "data")
        print(table([one_round(job, folder / "data") for _ in range(options.rounds)]))


if __name__ == "__main__":
    main()
