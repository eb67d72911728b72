"""The examples that a model is exported with, which was not trained here."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from mgdist.data.dataset import Dataset
from mgdist.data.prepare import store
from mgdist.data.sources.examples import Columns, Examples, Given
from mgdist.data.sources.parse import Target
from mgdist.data.sources.read import read_columns
from mgdist.data.split import split
from mgdist.data.targets import fit_task
from mgdist.errors import DataError
from mgdist.job.array import ArraySpec
from mgdist.job.export import ExportJob, OwnModel, ScoresSpec
from mgdist_edge.array import ArrayInput
from mgdist_edge.names import ONLY_HEAD
from mgdist_edge.tasks import Classify, Task


def prepare_own(job: ExportJob, model: OwnModel, folder: Path) -> Dataset:
    """Read what an export points at, and write it as arrays.

    Args:
        job: as :func:`mgdist.export.own.resolved` returns it.
        model: what it reads and gives.
        folder: is made.

    Raises:
        DataError: the source, a column, a record, a label or a split is wrong; says where, and what to do.
        RunError: the folder cannot be written.
    """
    arrays = {name: _array(job, model, name) for name in model.inputs}
    given = read_columns(job, Columns(arrays, job.heads, job.data.split.by))
    task = task_of(job, model, given)
    if isinstance(task, Classify):
        known = {str(number): label for number, label in enumerate(task.labels)}
        known |= {label: label for label in task.labels}
        given = Given(
            _named(given.train, known, job),
            given.valid and _named(given.valid, known, job),
            given.test and _named(given.test, known, job),
        )
    splits = split(given, job, {ONLY_HEAD: task})
    inputs = {name: ArrayInput(each.shape, each.dtype, each.divide) for name, each in arrays.items()}
    return store(folder, splits, inputs, {}, {})


def task_of(job: ExportJob, model: OwnModel, given: Given) -> Task:
    """Return what the model answers.

    Raises:
        DataError: the labels or the numbers are not as many as the model's outputs.
    """
    if isinstance(job.task, ScoresSpec):
        count = max(2, model.outputs)  # one output is the probability of the second label
        labels = job.task.labels or tuple(map(str, range(count)))
        if len(labels) != count:
            raise DataError(
                f"task.labels: expected {count} labels, one for each output of the model; got {len(labels)}"
            )
        return Classify(labels)
    if len(job.task.targets) != model.outputs:
        raise DataError(
            f"task.targets: expected {model.outputs} columns, one for each output of the model; "
            f"got {len(job.task.targets)}"
        )
    return fit_task(job.task, given.train.targets[ONLY_HEAD], "task")


def _array(job: ExportJob, model: OwnModel, name: str) -> ArraySpec:
    port, said = model.inputs[name], job.inputs[name]
    return ArraySpec(column=said.column or port.own, shape=port.shape, dtype=port.dtype, divide=said.divide)


def _named(examples: Examples, known: Mapping[str, str], job: ExportJob) -> Examples:
    """Return examples with the names of their labels in place of numbers."""
    targets: list[Target] = []
    for row, target in enumerate(examples.targets[ONLY_HEAD], 1):
        if str(target) not in known:
            assert isinstance(job.task, ScoresSpec), "numbers have no names"
            raise DataError(
                f"task.label: row {row}: expected one of {', '.join(list(known.values())[-5:])}, or its number; "
                f"got {target!r:.40}; give task.labels in the order of the model's outputs"
            )
        targets.append(known[str(target)])
    return replace(examples, targets={ONLY_HEAD: targets})
