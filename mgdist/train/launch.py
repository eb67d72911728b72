"""Training on Ray: workers are started, follow the loop, and leave a checkpoint after each epoch.

The folder of a training must be one that all workers see.
"""

import json
import os
import shutil
import tempfile
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.train
import torch
from ray.train import CheckpointConfig, FailureConfig, LoggingConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer
from safetensors.torch import load_file

from mgdist.data.dataset import Dataset
from mgdist.errors import MgdistError, TrainError
from mgdist.job.spec import Job
from mgdist.models.build import build
from mgdist.models.shaped import shaped
from mgdist.runs import write
from mgdist.train import checkpoint, group
from mgdist.train.checkpoint import Progress
from mgdist.train.events import Listener, Recorder, nobody
from mgdist.train.loop import Training
from mgdist.train.prepare import prepare, threads

MODEL, TRAINED, ERRORS, STATE, BOARD = "model.safetensors", "trained.json", "error.log", "ray", "tensorboard"
ATTEMPTS = 3
"""Times that a training starts when workers are lost; each goes on from the last checkpoint."""


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


def train(job: Job, dataset: Path, folder: Path, teacher: Path | None = None, start: Path | None = None) -> Trained:
    """Train a job's network on the connected Ray; go on where an earlier call with this folder was killed.

    Leaves ``model.safetensors``, ``metrics.jsonl`` and ``tensorboard/`` in the folder, and ``trained.json`` last.

    Args:
        job: what is asked for.
        dataset: folder of the prepared data set.
        folder: of this training; one that all workers see.
        teacher: folder of a teacher's answers for the training rows; None for none.
        start: weights to begin with, which may be fewer than the job asks for; None: those that its seed draws.

    Raises:
        TrainError: training cannot start or go on; the workers' own words are in ``error.log``.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / TRAINED).is_file():
        reached = _persistently(job, dataset.resolve(), folder, teacher, start)
        shutil.copyfile(reached / checkpoint.BEST, folder / MODEL)
        write(folder / TRAINED, json.dumps(_told(job, dataset.resolve(), folder, reached, start), indent=1))
        shutil.rmtree(folder / STATE, ignore_errors=True)
    return Trained.open(folder)


def _told(job: Job, dataset: Path, folder: Path, reached: Path, start: Path | None) -> dict[str, Any]:
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


def _persistently(job: Job, dataset: Path, folder: Path, teacher: Path | None, start: Path | None) -> Path:
    """Return the last checkpoint. A lost worker is replaced; a mistake of the job is not tried again."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            result = fit(job, dataset, folder, folder / BOARD, teacher, start=start)
        except ray.train.TrainingFailedError as error:
            cause = root(error)
            with (folder / ERRORS).open("a") as file:
                file.write("".join(traceback.format_exception(error)))
            if isinstance(cause, MgdistError):
                raise cause from None
            if attempt == ATTEMPTS:
                said = str(cause).strip().partition("\n")[0]
                raise TrainError(
                    f"train: failed {ATTEMPTS} times, last with {type(cause).__name__}: {said}; "
                    f"the full text is in {folder / ERRORS}"
                ) from None
        else:
            assert result.checkpoint is not None, "every epoch reports one"
            return Path(result.checkpoint.path)
    raise AssertionError("the last attempt returns or raises")


def fit(
    job: Job,
    dataset: Path,
    folder: Path,
    board: Path,
    teacher: Path | None = None,
    callbacks: Sequence[Any] = (),
    best: Path | None = None,
    start: Path | None = None,
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

    Raises:
        ray.train.TrainingFailedError: a worker raised, or was lost.
    """
    available = ray.cluster_resources()
    workers = job.train.workers
    trainer = (TorchTrainer if callbacks else _Trainer)(
        _work,
        train_loop_config={
            "job": job,
            "dataset": dataset,
            "folder": folder,
            "board": board,
            "teacher": teacher and teacher.resolve(),
            "best": best,
            "start": start and start.resolve(),
        },
        scaling_config=ScalingConfig(
            num_workers=workers,
            use_gpu=available.get("GPU", 0) >= workers,
            # Less than a core each where there are too few: slow, but not waiting for ever.
            resources_per_worker={"CPU": min(1.0, available.get("CPU", 1) / workers)},
        ),
        run_config=RunConfig(
            name=STATE,
            storage_path=str(folder),
            checkpoint_config=CheckpointConfig(num_to_keep=1),
            failure_config=FailureConfig(max_failures=0),
            logging_config=LoggingConfig(log_level="ERROR"),
            callbacks=list(callbacks),
        ),
    )
    return trainer.fit()


class _Trainer(TorchTrainer):  # type: ignore[misc]
    """Starts sooner: without the actors that serve Ray's data sets, clean up after a trial, and ask for more nodes.

    No node is asked for because the workers are made to fit into those that are there. Ctrl-C stays ours: Ray would
    end the process without a word, with exit code 1, and go on doing so after the training.
    """

    SPARE = ("DatasetsCallback", "PlacementGroupCleanerCallback")
    ASKING = ("_send_resource_request", "_maybe_send_resource_request", "_cancel_resource_request")

    def _create_default_callbacks(self) -> list[Any]:
        # Ray's own methods, of the pinned version. Where another one lacks them, all actors start, and nothing breaks.
        callbacks = super()._create_default_callbacks()
        return [callback for callback in callbacks if type(callback).__name__ not in self.SPARE]

    def _register_sigint_handler(self, _: Any) -> None:
        return None

    def _initialize_and_run_controller(self, **given: Any) -> Any:
        for name in self.ASKING:
            setattr(given["scaling_policy"], name, _nothing)
        return super()._initialize_and_run_controller(**given)


def _nothing() -> None:
    """Do nothing."""


def _work(given: dict[str, Any]) -> None:
    """Follow the loop; this runs in each worker's own process."""
    job, folder = given["job"], given["folder"]
    context = ray.train.get_context()
    listen: Listener = Recorder(folder, given["board"]) if group.rank() == 0 else nobody
    training = prepare(job, Dataset.open(given["dataset"], given["teacher"]), listen, given["start"])
    torch.set_num_threads(threads(training.network, len(os.sched_getaffinity(0)) // context.get_local_world_size()))
    for progress in training.epochs(_resumed(training)):
        if given["best"] is not None and group.rank() == 0:
            checkpoint.save_best(given["best"], progress)
        _report(training, progress)
    if isinstance(listen, Recorder):
        listen.close()


def _resumed(training: Training) -> Progress:
    last = ray.train.get_checkpoint()
    if last is None:
        return Progress()
    with last.as_directory() as folder:
        return checkpoint.load(Path(folder), training.engine)


def _report(training: Training, progress: Progress) -> None:
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(Path(folder), progress, training.engine)
        told = {**numbers(training.job, progress), "over": training.is_over(progress)}
        ray.train.report(told, checkpoint=ray.train.Checkpoint.from_directory(folder))


def numbers(job: Job, progress: Progress) -> dict[str, float]:
    """Return what Ray is told after each epoch."""
    return {"best": progress.best.metric(job.train), "epoch": len(progress.history)}


def root(error: ray.train.TrainingFailedError) -> BaseException:
    """Return what a worker raised first, without Ray's wrappings; a mistake of the job before all else."""
    failures = getattr(error, "worker_failures", None) or {0: getattr(error, "controller_failure", error)}
    causes = [getattr(failure, "_base_exc", failure) for failure in failures.values()]
    return next((cause for cause in causes if isinstance(cause, MgdistError)), causes[0])
