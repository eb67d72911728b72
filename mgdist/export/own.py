"""A user's own model: what is in its file, what it answers, and the same model for the device.

Legend: R rows of a split, K outputs.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

import numpy as np
from numpy.typing import NDArray

from mgdist.apart import ApartError, apart
from mgdist.data.dataset import Dataset
from mgdist.errors import ConvertError, JobError
from mgdist.evaluate.network import Outputs, leave_scores
from mgdist.export import program_route, tensorflow_route
from mgdist.export.ending import Ending
from mgdist.export.litert_route import LEVELS, Converted
from mgdist.job.export import ExportJob, OwnModel, ReadSpec, ScoresSpec
from mgdist.runs import write
from mgdist_edge.names import ONLY_HEAD
from mgdist_edge.tasks import Regress, Task

P = ParamSpec("P")
T = TypeVar("T")
ENDING = "ending.json"
SUMS_TO_ONE = 1e-3
"""By what the probabilities of an example may miss 1."""


@dataclass(frozen=True)
class Route:
    """How models of one framework are read: each function is called in a process of its own.

    Attributes:
        describe: the file -> what is in it.
        answers: the file, what is in it, the examples -> the outputs (R, K) for the splits train, valid and test.
        flatbuffer: the file, what is in it, what is laid over its outputs -> the bytes of the device model.
    """

    describe: Callable[[Path], OwnModel]
    answers: Callable[[Path, OwnModel, Dataset], dict[str, NDArray[np.float32]]]
    flatbuffer: Callable[[Path, OwnModel, Ending], bytes]


TENSORFLOW = Route(tensorflow_route.describe, tensorflow_route.answers, tensorflow_route.flatbuffer)
PROGRAM = Route(program_route.describe, program_route.answers, program_route.flatbuffer)


def route_of(path: Path) -> Route:
    """Return how a model is read.

    Raises:
        JobError: it is not there, or is none that can be read.
    """
    if not path.exists():
        raise JobError(f"{path}: no such file or folder; name a .keras file, a SavedModel folder or a .pt2 file")
    if path.suffix == ".keras" or (path / "saved_model.pb").is_file():
        return TENSORFLOW
    if path.suffix == ".pt2":
        return PROGRAM
    raise JobError(f"{path}: expected a .keras file, a folder with saved_model.pb, or a .pt2 file; got another kind")


def describe(path: Path) -> OwnModel:
    """Return what is in a model's file.

    Raises:
        JobError: there is no such file, or it is of another kind.
        ConvertError: it is damaged, its shapes are not fixed, or TensorFlow is not installed.
    """
    return _done(path, route_of(path).describe, path)


def resolved(job: ExportJob, model: OwnModel) -> ExportJob:
    """Return a job that says for each input of the model which column it is read from.

    Raises:
        JobError: it says something of an input that the model lacks.
    """
    said, one = job.inputs, len(model.inputs) == 1
    named = {port.own: name for name, port in model.inputs.items()}
    given = {named.get(name, next(iter(model.inputs)) if one else name): spec for name, spec in said.items()}
    if unknown := sorted(set(given) - set(model.inputs)) or (sorted(said) if len(given) < len(said) else []):
        raise JobError(f"data.inputs: {unknown[0]}: expected inputs of the model, {', '.join(named)}; got another")
    whole = {
        name: spec.model_copy(update={"column": spec.column or port.own})
        for name, port in model.inputs.items()
        for spec in [given.get(name, ReadSpec())]
    }
    return job.model_copy(update={"data": job.data.model_copy(update={"input": None, "inputs": whole})})


def evaluate_own(job: ExportJob, model: OwnModel, dataset: Dataset, folder: Path) -> None:
    """Score a model, as its own framework runs it, on the validation and the test split.

    Leaves what :func:`mgdist.evaluate.network.leave_scores` does, and what is laid over the model's outputs.

    Raises:
        ConvertError: it does not run on the examples, or what it gives is not what the job says.
    """
    path = Path(job.model)
    found = _done(path, route_of(path).answers, path, model, dataset)
    ending = _ending(job, dataset.tasks[ONLY_HEAD], np.concatenate([found["train"], found["valid"]]))
    outputs: dict[str, Outputs] = {
        name: {ONLY_HEAD: ending.on_numpy(found[name]).astype(np.float32)} for name in ("valid", "test")
    }
    leave_scores(dataset, outputs, {"valid": {}, "test": {}}, folder)
    write(folder / ENDING, json.dumps(ending.as_json()))


def convert_own(job: ExportJob, model: OwnModel, evaluated: Path, destination: Path) -> Converted:
    """Write a model as a .tflite file in float32, with the one signature ``head``.

    Args:
        job: of the export.
        model: what is in its file.
        evaluated: folder that :func:`evaluate_own` left.
        destination: the file to write.

    Raises:
        ConvertError: an operator does not convert.
    """
    path = Path(job.model)
    ending = Ending.from_json(json.loads((evaluated / ENDING).read_text()))
    write(destination, _done(path, route_of(path).flatbuffer, path, model, ending))
    write(destination.with_suffix(LEVELS), "[]")
    return Converted(destination, ())


def _ending(job: ExportJob, task: Task, outputs: NDArray[np.float32]) -> Ending:
    """Return what is laid over a model's outputs, so that they are what the head answers."""
    if isinstance(task, Regress):
        return Ending(mean=task.mean, std=task.std)
    assert isinstance(job.task, ScoresSpec), "it has labels"
    pair = outputs.shape[1] == 1
    in_bounds = bool((outputs >= 0).all() and (outputs <= 1 + SUMS_TO_ONE).all())
    probable = in_bounds and (pair or bool((np.abs(outputs.sum(1) - 1) <= SUMS_TO_ONE).all()))
    if job.task.outputs == "probabilities" and not probable:
        raise ConvertError(
            f"task.outputs: expected probabilities; the model gives numbers from {outputs.min():.3g} to "
            f"{outputs.max():.3g}; use logits"
        )
    return Ending(logits=job.task.outputs == "logits" or not probable, pair=pair)


def _done(path: Path, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return apart(work, *args, **kwargs)
    except ApartError as error:
        raise ConvertError(f"{path}: the converter stopped: {error}") from None
