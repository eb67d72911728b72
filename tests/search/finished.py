"""A run that came as far as its trained network, made without Ray by the stages themselves."""

import json
from functools import partial
from pathlib import Path

from safetensors.torch import save_file

from mgdist.data.dataset import Dataset
from mgdist.data.digest import digest as source_digest
from mgdist.data.prepare import prepare as prepare_data
from mgdist.job.point import cutting
from mgdist.job.spec import Job
from mgdist.runs import Run
from mgdist.train.checkpoint import sha256
from mgdist.train.prepare import prepare


def run_of(job: Job) -> tuple[Path, Dataset]:
    """Do the first stages of a job, and return the folder of its run and its data."""
    with Run.open(job) as run:
        work = partial(prepare_data, job)
        data = run.stage("data", source_digest(job), cutting(job), do=work, load=Dataset.open).value
        run.stage("train", do=partial(_train, job, data), load=Path)
        return run.folder, data


def _train(job: Job, data: Dataset, folder: Path) -> None:
    progress = prepare(job, data).run()
    save_file(progress.weights, folder / "model.safetensors")
    told = {"sha256": sha256(folder / "model.safetensors"), "metric": progress.best.quality, "parameters": 123}
    (folder / "trained.json").write_text(json.dumps(told))
