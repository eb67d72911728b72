"""Training on Ray: workers are started, follow the loop, and leave a checkpoint after each epoch.

Workers on nodes that do not see the folder of a training reach it by way of the driver's node.
"""

import json
import math
import os
import shutil
import tempfile
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import ray
import ray.train
import torch
from ray.train import CheckpointConfig, FailureConfig, LoggingConfig, RunConfig
from safetensors.torch import load_file

from mgdist.data.dataset import Dataset
from mgdist.errors import TrainError
from mgdist.job.compress import Aware
from mgdist.job.point import at_point
from mgdist.job.spec import Job
from mgdist.job.train import AutoSpec, DeepSpeedSpec, TrainSpec
from mgdist.models.build import build
from mgdist.models.shaped import shaped
from mgdist.runs import write
from mgdist.train import checkpoint, group
from mgdist.train.checkpoint import Resumed
from mgdist.train.course import WAITS, Course, Failure
from mgdist.train.deepspeed_engine import unusable
from mgdist.train.events import METRICS, append, nobody, note
from mgdist.train.failures import causes, failure_of
from mgdist.train.gauges import Gauges
from mgdist.train.heartbeat import heard
from mgdist.train.loop import Training
from mgdist.train.prepare import prepare, threads
from mgdist.train.progress import Progress
from mgdist.train.reach import Reach, reach_of
from mgdist.train.sizing import Memory, need, sized
from mgdist.train.trainer import QuickTrainer, Trainer, kind, patient, scaling

MODEL, TRAINED, ERRORS, STATE, BOARD = "model.safetensors", "trained.json", "error.log", "ray", "tensorboard"
KEPT = 2
"""Checkpoints, so that there is one before a damaged one."""
WORD = 1.0
"""Seconds that who watched a lost worker has to tell why: we may hear of the loss before it does."""


@dataclass(frozen=True)
class Trained:
    """A finished training.

    Attributes:
        weights: safetensors of the best epoch, float32 and whole.
        sha256: of that file.
        metric: of the best epoch on the validation split, as ``train.metric`` says.
        best: the best epoch, from 1.
        epochs: epochs done.
        steps: optimizer steps done.
        parameters: numbers that were learned.
        loss_weights: how much the loss of each head counted in the best epoch, where that was learned.
    """

    weights: Path
    sha256: str
    metric: float
    best: int
    epochs: int
    steps: int
    parameters: int
    loss_weights: dict[str, float]

    @classmethod
    def open(cls, folder: Path) -> "Trained":
        """Read what :func:`train` left in a folder."""
        fields = json.loads((folder / TRAINED).read_text())
        return cls(weights=folder / MODEL, **fields)


def train(
    job: Job,
    dataset: Path,
    folder: Path,
    teacher: Path | None = None,
    start: Path | None = None,
    aware: Aware | None = None,
) -> Trained:
    """Train a job's network on the connected Ray; go on where an earlier call with this folder was killed.

    Leaves ``model.safetensors``, ``metrics.jsonl`` and ``tensorboard/`` in the folder, and ``trained.json`` last.

    Args:
        job: what is asked for.
        dataset: folder of the prepared data set.
        folder: of this training, on this node.
        teacher: folder of a teacher's answers for the training rows; None for none.
        start: weights to begin with, which may be fewer than the job asks for; None: those that its seed draws.
        aware: format whose rounding the network learns with; None for none.

    Raises:
        TrainError: training cannot start or go on; the workers' own words are in ``error.log``.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / TRAINED).is_file():
        reached = _persistently(job, dataset.resolve(), folder, teacher, start, aware)
        shutil.copyfile(reached / checkpoint.BEST, folder / MODEL)
        write(folder / TRAINED, json.dumps(_summed_up(job, dataset.resolve(), folder, reached, start), indent=1))
        shutil.rmtree(folder / STATE, ignore_errors=True)
    return Trained.open(folder)


def _summed_up(job: Job, dataset: Path, folder: Path, reached: Path, start: Path | None) -> dict[str, Any]:
    progress = checkpoint.read(reached)
    return {
        "sha256": checkpoint.sha256(folder / MODEL),
        "metric": progress.best.metric(job.train),
        "best": progress.best.epoch,
        "epochs": len(progress.history),
        "steps": progress.history[-1].done,
        "parameters": _parameters(job, dataset, start),
        "loss_weights": progress.best.loss_weights,
    }


def _parameters(job: Job, dataset: Path, start: Path | None) -> int:
    """Return how many numbers are learned; the weights also hold statistics that are only counted."""
    data = Dataset.open(dataset)
    network = build(job, data.inputs, data.tasks)
    return sum(weight.numel() for weight in (shaped(network, load_file(start)) if start else network).parameters())


def _persistently(
    job: Job, dataset: Path, folder: Path, teacher: Path | None, start: Path | None, aware: Aware | None
) -> Path:
    """Return the last checkpoint. What can be mended is, and training goes on; a job's mistake is not tried again."""
    course = begun(job, dataset, folder)
    while True:
        lines = len(_lines(folder))
        try:
            begin = partial(fit, start=start, refused=course.refused, aware=aware)
            result = begin(course.of(job), dataset, folder, folder / BOARD, teacher)
        except ray.train.TrainingFailedError as error:
            with suppress(OSError), (folder / ERRORS).open("a") as file:  # a full disk may be what it tells of
                file.write("".join(traceback.format_exception(error)))
            failure, said = _why(error, folder, lines)
            whole = [path.name for path in checkpoints(folder) if checkpoint.is_whole(path)]
            try:
                course, told = course.after(failure, said, whole, course.of(job))
            except TrainError as ended:
                raise TrainError(f"{ended}; the full text is in {folder / ERRORS}") from None
            course.save(folder / STATE)
            append(folder / METRICS, note(failure, told))
            time.sleep(WAITS if failure == "storage" else 0)
        else:
            assert result.checkpoint is not None, "every epoch reports one"
            return Path(result.checkpoint.path)


def _why(error: Exception, folder: Path, lines: int) -> tuple[Failure, str]:
    """Return what ended a training, from its error and from the events behind so many lines; see :func:`failure_of`."""
    until = time.monotonic() + WORD
    while True:
        failure, said = failure_of(causes(error), _lines(folder)[lines:])
        if failure != "lost" or time.monotonic() > until:
            return failure, said
        time.sleep(0.05)


def begun(job: Job, dataset: Path, folder: Path) -> Course:
    """Return the course of a training, with the engine decided where the job leaves it open."""
    (folder / STATE).mkdir(parents=True, exist_ok=True)
    course = Course.open(folder / STATE)
    if not isinstance(job.train.engine, AutoSpec) or course.engine is not None:
        return course
    memory = found(job.train)
    decided = sized(job, need(job, Dataset.open(dataset)), memory)
    for line in decided.why:
        append(folder / METRICS, note("planned", line))
    if decided.engine is None:
        raise TrainError(f"train.engine: nothing fits; {decided.why[-1]}; give more workers, or a smaller model")
    course = replace(course, engine=decided.engine, accumulate=decided.accumulate)
    course.save(folder / STATE)
    return course


def found(train: TrainSpec) -> Memory:
    """Return the memory of the nodes that are there, of which the one with least counts.

    Raises:
        TrainError: none is there yet.
    """
    asked = kind(train)
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"] and node["Resources"].get(asked)]
    if not nodes:
        raise TrainError(f"train.engine: auto looks at nodes that are there; no node with a {asked} is; name an engine")
    here = math.ceil(train.most_workers / len(nodes))
    host = min(node.get("memory", 0.0) for node in nodes) / here
    if asked == "CPU":
        return Memory(host, host, len(nodes), accelerated=False)
    total = ray.remote(num_gpus=1)(lambda: torch.cuda.get_device_properties(0).total_memory)
    return Memory(float(ray.get(total.remote())), host, len(nodes), accelerated=True)


def _lines(folder: Path) -> list[str]:
    path = folder / METRICS
    return path.read_text().splitlines() if path.is_file() else []


def checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints of a training, newest first: also one that Ray did not come to register."""
    return sorted((path for path in (folder / STATE).glob("checkpoint_*") if path.is_dir()), reverse=True)


def fit(
    job: Job,
    dataset: Path,
    folder: Path,
    board: Path,
    teacher: Path | None = None,
    callbacks: Sequence[Any] = (),
    best: Path | None = None,
    start: Path | None = None,
    refused: Sequence[str] = (),
    aware: Aware | None = None,
) -> ray.train.Result:
    """Run the workers of one training until all are done.

    Args:
        job: what is asked for.
        dataset: folder of the prepared data set.
        folder: of the training; Ray keeps its own state in a folder inside.
        board: folder of TensorBoard's files.
        teacher: folder of a teacher's answers; None for none.
        callbacks: Ray's own, for a training inside of a trial.
        best: file that always holds the weights of the best epoch so far; None for none.
        start: weights to begin with; None: those that the job's seed draws.
        refused: names of checkpoints that training does not go on from.
        aware: format whose rounding the network learns with; None for none.

    Raises:
        ray.train.TrainingFailedError: a worker raised, or was lost.
    """
    reach = reach_of(folder, kind(job.train))
    trainer = (Trainer if callbacks else QuickTrainer)(
        _work,
        train_loop_config={
            "job": job,
            "dataset": dataset,
            "folder": folder,
            "board": board,
            "teacher": teacher and teacher.resolve(),
            "best": best,
            "start": start and start.resolve(),
            "refused": refused,
            "aware": aware,
            "reach": reach,
        },
        scaling_config=scaling(job.train),
        run_config=RunConfig(
            name=STATE,
            **reach.storage(folder),
            checkpoint_config=CheckpointConfig(num_to_keep=KEPT),
            failure_config=FailureConfig(max_failures=0),
            logging_config=LoggingConfig(log_level="ERROR"),
            callbacks=list(callbacks),
        ),
    )
    with patient(folder):
        return trainer.fit()


def _work(given: dict[str, Any]) -> None:
    """Follow the loop; this runs in each worker's own process."""
    job, folder, reach = given["job"], given["folder"], given["reach"]
    dataset, teacher, start = (
        path and reach.bring(path) for path in (given["dataset"], given["teacher"], given["start"])
    )
    context = ray.train.get_context()
    gauges = Gauges(job.name, reach.run, folder)
    recorder = reach.recorder(folder, given["board"], gauges) if group.rank() == 0 else None
    job, fallback = _steppable(job)
    if recorder and fallback:
        recorder.tell(note("planned", fallback))
    training = prepare(job, Dataset.open(dataset, teacher), recorder or nobody, start, given["aware"])
    cores = job.train.cores or len(os.sched_getaffinity(0)) // context.get_local_world_size()
    torch.set_num_threads(threads(training.network, cores))
    with heard([training.network, training.engine.network], job.train.hang_timeout, reach.scratch(folder) / METRICS):
        resumed = _resumed(training, folder, given["refused"], reach)
        nodes = sorted(set(group.said(ray.util.get_node_ip_address())))
        if recorder:
            recorder.tell(*_told(resumed, reach.read(folder / METRICS)), *_spread(nodes))
        for progress in training.checkpoints(resumed.progress):
            if given["best"] is not None and group.rank() == 0 and progress.begun is None:
                checkpoint.save_best(given["best"], progress, reach.write)
            _report(training, progress)
            if recorder:
                gauges.checkpointed()
    if recorder:
        recorder.close()
    gauges.close()


def _steppable(job: Job) -> tuple[Job, str]:
    """Return a job whose engine can be used on all workers, and what was put in its place, in one line.

    Raises:
        TrainError: DeepSpeed cannot be used, and what it was to do nothing else does.
    """
    engine = job.train.engine
    why = group.said(unusable(group.device())) if isinstance(engine, DeepSpeedSpec) else []
    if not isinstance(engine, DeepSpeedSpec) or not why:
        return job, ""
    if engine.stage == 3 or engine.offload:
        raise TrainError(f"train.engine: DeepSpeed cannot be used here ({why[0]}), and torch alone shards nothing")
    told = f"DeepSpeed cannot be used here ({why[0]}); torch steps in its place, and shards nothing"
    return at_point(job, {"train.engine": {"kind": "torch"}}), told


def _resumed(training: Training, folder: Path, refused: Sequence[str], reach: Reach) -> Resumed:
    found = [name for name in reach.names(folder / STATE, "checkpoint_") if name not in refused]
    told = group.of_first_worker(found[::-1])  # a folder of several machines may look different to each for a moment
    with reach.at_hand(folder / STATE) as there:
        return checkpoint.resume(map(there, told), training.engine)


def _spread(nodes: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield on which nodes the workers are, where that is more than one."""
    if len(nodes) > 1:
        yield note("spread", f"{group.size()} workers on nodes {', '.join(nodes)}", nodes=list(nodes))


def _told(resumed: Resumed, before: bytes) -> Iterator[dict[str, Any]]:
    """Yield what people should know of how a training goes on."""
    for line in resumed.refused:
        yield note("refused", f"checkpoint {line}; the one before it is taken")
    if resumed.folder is not None:
        progress = resumed.progress
        told = f"training goes on from {progress}, checkpoint {resumed.folder.name}"
        yield note("resumed", told, done=progress.done, workers=group.size())
    elif b'"event": "step"' in before:
        yield note("resumed", "training begins at its first step: no checkpoint was written before it ended", done=0)


def _report(training: Training, progress: Progress) -> None:
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(Path(folder), progress, training.engine)
        told = {**numbers(training.job, progress), "over": training.is_over(progress)}
        ray.train.report(told, checkpoint=ray.train.Checkpoint.from_directory(folder))


def numbers(job: Job, progress: Progress) -> dict[str, float]:
    """Return what Ray is told with each checkpoint."""
    best = progress.best.metric(job.train) if progress.history else math.nan
    return {"best": best, "epoch": len(progress.history), "whole": progress.begun is None}
