"""What the loop costs: samples/s through mgdist beside bare loops over the same network, batches and optimizer.

    python -m tests.benchmarks overhead

One and two workers, on torch and on DeepSpeed: in real processes with a process group of their own, and in the workers
of a hand-written Ray Train script, where mgdist also writes its events, tells its gauges and is watched for hanging. A
worker has both loops and does some steps of the one and of the other in turn, so that a busy machine slows both down
alike; the first turn, in which much is set up, does not count. A checkpoint's pause is measured beside it.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import count, islice
from pathlib import Path
from statistics import median
from typing import Any

from mgdist.data.batches import batches
from mgdist.data.dataset import Dataset
from mgdist.data.prepare import prepare as prepare_data
from mgdist.job.spec import Job
from mgdist.job.train import CheckpointSpec
from mgdist.train import checkpoint, group
from mgdist.train.engine import optimizer
from mgdist.train.events import Recorder, nobody
from mgdist.train.gauges import Gauges, run_of
from mgdist.train.heartbeat import heard
from mgdist.train.prepare import prepare
from tests.benchmarks.setting import parser, table, told
from tests.train.corpus import job as small_job
from tests.train.corpus import moved, write_corpus
from tests.train.workers import together

BATCH, BLOCK = 64, 100
ENGINES: Mapping[str, Mapping[str, Any]] = {"torch": {"kind": "torch"}, "ZeRO 1": {"kind": "deepspeed", "stage": 1}}
Found = dict[str, tuple[list[float], list[float]]]
"""Samples/s of each turn, by engine: through mgdist and bare."""


def turns(job: Job, folder: Path, many: int, place: Path | None = None) -> tuple[Found, list[float]]:
    """Return the samples/s of both loops, and the seconds that checkpoints take; every worker calls this.

    Args:
        job: what is trained.
        folder: of the data set.
        many: turns that count.
        place: folder in which events are written as in a run, with gauges and a watch; None for none of these.
    """
    data, found, pauses = Dataset.open(folder), Found(), list[float]()
    for name, engine in ENGINES.items():
        here = moved(job, train__engine=dict(engine))
        with ExitStack() as stack:
            listen = nobody
            if place is not None:
                gauges = Gauges(job.name, run_of(place), place)
                stack.callback(gauges.close)
                if group.rank() == 0:
                    listen = Recorder(place, place / "board", gauges)
                    stack.callback(listen.close)
            training = prepare(here, data, listen)
            if place is not None:
                modules = [training.network, training.engine.network]
                stack.enter_context(heard(modules, job.train.hang_timeout, place / "notes"))
            reached, plain = training.checkpoints(), bare(here, data)
            work: tuple[Callable[[], Any], ...] = (lambda: next(reached), lambda: list(islice(plain, BLOCK)))  # noqa: B023
            speeds: list[list[float]] = [[], []]
            for turn in range(many + 1):
                for which in (0, 1) if turn % 2 else (1, 0):
                    group.wait()
                    at = time.perf_counter()
                    progress = work[which]()
                    seconds = time.perf_counter() - at
                    if turn:
                        speeds[which].append(BATCH * BLOCK / seconds)
                    if turn and which == 0 and name == "torch" and len(pauses) < 5:
                        pauses.append(_pause(progress, training.engine))
            found[name] = speeds[0], speeds[1]
    return found, pauses


def _pause(progress: Any, engine: Any) -> float:
    with tempfile.TemporaryDirectory() as place:
        at = time.perf_counter()
        checkpoint.save(Path(place), progress, engine)
        return time.perf_counter() - at


def bare(job: Job, data: Dataset) -> Iterator[None]:
    """Train step by step as a person would write it down."""
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
        model, *_ = deepspeed.initialize(
            model=network, optimizer=learner, config=configuration(job.train, job.train.engine)
        )
    else:
        model = DistributedDataParallel(network, gradient_as_bucket_view=True) if group.size() > 1 else network
    network.learn(phase)
    for epoch in count():
        for each in batches(data.train, size=BATCH, epoch=epoch, seed=1, rank=group.rank(), world=group.size()):
            loss = of_phase(model(each, phase), each, phase=phase, tasks=data.tasks, weights={}, smoothing=0.0)
            if deep:
                model.backward(loss)
                model.step()
            else:
                learner.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                learner.step()
            yield


def on_ray(workers: int, job: Job, folder: Path, many: int, place: Path) -> tuple[Found, list[float]]:
    """Do the turns in the workers of Ray Train."""
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from tests.benchmarks.overhead import in_worker

    inner = place / f"workers{workers}"
    inner.mkdir()
    TorchTrainer(
        in_worker,
        train_loop_config={"job": job, "folder": folder, "many": many, "place": inner},
        scaling_config=ScalingConfig(num_workers=workers, resources_per_worker={"CPU": 1.0}),
        run_config=RunConfig(name="hand", storage_path=str(inner / "ray")),
    ).fit()
    found, pauses = json.loads((inner / "found.json").read_text())
    return found, pauses


def in_worker(given: dict[str, Any]) -> None:
    """Do the turns in a worker of Ray Train."""
    import torch

    torch.set_num_threads(1)
    found = turns(given["job"], given["folder"], given["many"], given["place"])
    if group.rank() == 0:
        (given["place"] / "found.json").write_text(json.dumps(found))


def main(options: argparse.Namespace) -> None:
    from mgdist.cluster.connect import Connection
    from tests.benchmarks.overhead import turns as work  # by its real name, under which the workers find it

    with told(), tempfile.TemporaryDirectory(prefix="mgdist-overhead-") as name, Connection(cpus=2) as connection:
        folder = Path(name)
        write_corpus(folder / "corpus.jsonl", int(1.3 * BATCH * BLOCK * (options.turns + 2)))
        job = small_job(folder / "corpus.jsonl", train__batch_size=BATCH, train__epochs=1, model__width=options.width)
        prepare_data(job, folder / "data")
        job = moved(job, train__checkpoint={"steps": BLOCK, "seconds": None})
        connection.wait()
        rows, alone = [], dict[str, float]()
        for workers in (1, 2):
            here = moved(job, train__workers=workers)
            of_loops, pauses = together(workers, work, here, folder / "data", options.turns)
            of_ray, _ = on_ray(workers, here, folder / "data", options.turns, folder)
            for found, where in ((of_loops, "bare {}"), (of_ray, "Ray Train by hand, {}")):
                for engine, (ours, theirs) in found.items():
                    shares = [mine / other for mine, other in zip(ours, theirs, strict=True)]
                    what = f"{workers} worker(s), {where.format(engine)}"
                    alone.setdefault(where + engine, median(ours))
                    scaled = median(ours) / alone[where + engine]
                    cells = [median(ours), median(theirs), median(shares), min(shares), max(shares), scaled]
                    rows.append([what, *cells])
        head = ["", "mgdist, samples/s", "the other, samples/s", "median share", "least", "most", "times 1 worker's"]
        table(head, rows)
        every = CheckpointSpec().seconds
        assert every is not None
        print(
            f"\n{options.turns} turns of {BLOCK} steps of {BATCH} examples each, width {options.width}. A checkpoint "
            f"takes {median(pauses):.4f} s: {median(pauses) / every:.3%} of the {every:g} s between two of them."
        )


if __name__ == "__main__":
    options = parser(__doc__, data=False)
    options.add_argument("--turns", type=int, default=10)
    options.add_argument("--width", type=int, default=64)
    main(options.parse_args())
