"""A run that came as far as its trained network, made without Ray by the stages themselves."""

import json
from functools import partial
from pathlib import Path

from safetensors.torch import save_file

from mgdist.cluster.connect import Connection
from mgdist.data.dataset import Dataset
from mgdist.data.digest import digest as source_digest
from mgdist.data.prepare import prepare as prepare_data
from mgdist.job.point import cutting
from mgdist.job.spec import Job
from mgdist.runs import Run
from mgdist.stages import Line
from mgdist.train.checkpoint import sha256
from mgdist.train.launch import Trained
from mgdist.train.prepare import prepare


def run_of(job: Job) -> tuple[Path, Dataset]:
    """Do the first stages of a job, and return the folder of its run and its data."""
    with Run.open(job) as run:
        work = partial(prepare_data, job)
        data = run.stage("data", source_digest(job), cutting(job), do=work, load=Dataset.open).value
        run.stage("train", do=partial(_train, job, data), load=Path)
        return run.folder, data


def shipped(job: Job) -> Path:
    """Do all stages of a job, and return the folder of its run; what is in it lacks only what Ray would add."""
    run_of(job)
    with Run.open(job) as run:
        line = Line(run, Connection(None, dashboard=False))
        data = run.stage("data", source_digest(job), cutting(job), do=_done, load=Dataset.open)
        whole = line.contender(job, 0, data, run.stage("train", do=_done, load=Trained.open))
        ((_, compressed),) = line.candidates(job, [whole])
        line.bundle(job, whole, compressed, compressed.value[:1])
        return run.folder


def _done(folder: Path) -> None:
    raise AssertionError(f"{folder}: is done already")


def _train(job: Job, data: Dataset, folder: Path) -> None:
    progress = prepare(job, data).run()
    save_file(progress.weights, folder / "model.safetensors")
    told = {"sha256": sha256(folder / "model.safetensors"), "metric": progress.best.quality, "parameters": 123}
    told |= {"best": 1, "epochs": job.train.epochs, "steps": 1, "loss_weights": {}}
    (folder / "trained.json").write_text(json.dumps(told))
