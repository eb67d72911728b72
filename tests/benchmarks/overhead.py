"""What the loop costs: samples/s through mgdist beside bare loops over the same network, batches and optimizer.

    python -m tests.benchmarks overhead

Real processes with a real process group, one and two of them, on torch and on DeepSpeed; the bare loops make the same
batches. The turns are interleaved, so that a busy machine slows all of them down alike; the table has the medians.
Training on Ray Train runs the very loop that is measured here, in Ray's processes; a hand-written Ray script is not
compared. A checkpoint's pause is measured beside it: writing one and checking it, against the time between two.
"""

import argparse
import tempfile
import time
from pathlib import Path
from statistics import median

from mgdist.data.batches import batches
from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare as prepare_data
from mgdist.job.spec import Job
from mgdist.train import checkpoint, group
from mgdist.train.engine import optimizer
from mgdist.train.prepare import prepare
from tests.benchmarks.setting import parser, table, told
from tests.train.corpus import job as small_job
from tests.train.corpus import moved, write_corpus
from tests.train.workers import together

ROWS, BATCH = 6400, 64
ZERO = {"kind": "deepspeed", "stage": 1}
NAMES = ("mgdist, torch", "bare torch", "mgdist, ZeRO 1", "bare DeepSpeed, ZeRO 1")


def turn(job: Job, folder: Path) -> dict[str, float]:
    """Return the samples/s of each loop, and the seconds that a checkpoint takes; every worker calls this."""
    data, found = Dataset.open(folder), {}
    for name, work in zip(NAMES, (ours, bare, ours, bare), strict=True):
        here = moved(job, train__engine=ZERO) if "ZeRO" in name else job
        found[name] = work(here, data)
    training = prepare(job, data)
    progress = next(training.checkpoints())
    with tempfile.TemporaryDirectory() as place:
        at = time.perf_counter()
        checkpoint.save(Path(place), progress, training.engine)
        found["checkpoint"] = time.perf_counter() - at
    return found


def ours(job: Job, data: Dataset) -> float:
    """Train an epoch through the loop, without measuring on the validation split."""
    training = prepare(job, data)
    reached = training.checkpoints()
    at = time.perf_counter()
    next(reached)  # the checkpoint that is due one step before the end
    return job.train.batch_size * (len(data.train) // BATCH - 1) / (time.perf_counter() - at)


def bare(job: Job, data: Dataset) -> float:
    """Train as many steps as a person would write it down."""
    import torch
    from torch.nn.parallel import DistributedDataParallel

    from mgdist.job.phases import phases
    from mgdist.train.losses import of_phase

    training = prepare(moved(job, train__engine={"kind": "torch"}), data)
    network, (phase,) = training.engine.network, phases(job)
    learner, _ = optimizer(network, job.train, (phase,))
    deep = job.train.engine.kind == "deepspeed"
    if deep:
        import deepspeed

        from mgdist.job.train import DeepSpeedSpec
        from mgdist.train.deepspeed_engine import configuration

        assert isinstance(job.train.engine, DeepSpeedSpec)
        told = configuration(job.train, job.train.engine)
        model, *_ = deepspeed.initialize(model=network, optimizer=learner, config=told)
    else:
        model = DistributedDataParallel(network) if group.size() > 1 else network
    network.learn(phase)
    read = batches(data.train, size=BATCH, epoch=0, seed=1, rank=group.rank(), world=group.size())
    steps = len(data.train) // BATCH - 1
    at = time.perf_counter()
    for _, each in zip(range(steps), read, strict=False):
        loss = of_phase(model(each, phase), each, phase=phase, tasks=data.tasks, weights={}, smoothing=0.0)
        if deep:
            model.backward(loss)
            model.step()
        else:
            learner.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            learner.step()
    return BATCH * steps / (time.perf_counter() - at)


def main(options: argparse.Namespace) -> None:
    from tests.benchmarks.overhead import turn as work  # by its real name, under which the workers find it

    with told(), tempfile.TemporaryDirectory(prefix="mgdist-overhead-") as name:
        folder = Path(name)
        write_corpus(folder / "corpus.jsonl", ROWS)
        job = small_job(folder / "corpus.jsonl", train__batch_size=BATCH, train__epochs=1, model__width=options.width)
        data = prepare_data(job, folder / "data")
        job = moved(job, train__checkpoint={"steps": len(data.train) // BATCH - 1, "seconds": None})
        rows = []
        for workers in (1, 2):
            here = moved(job, train__workers=workers)
            turns = [together(workers, work, here, folder / "data") for _ in range(options.turns)]
            for ours_, bare_ in (NAMES[:2], NAMES[2:]):
                shares = [each[ours_] / each[bare_] for each in turns]
                speeds = [median(each[one] for each in turns) for one in (ours_, bare_)]
                rows.append(
                    [f"{workers} worker(s), {ours_} / {bare_}", *speeds, median(shares), min(shares), max(shares)]
                )
            rows.append(
                [f"{workers} worker(s), a checkpoint, s", median(each["checkpoint"] for each in turns)] + [None] * 4
            )
        table(["", "mgdist, samples/s", "bare, samples/s", "median share", "least", "most"], rows)


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("--turns", type=int, default=5)
    options.add_argument("--width", type=int, default=64)
    main(options.parse_args())
