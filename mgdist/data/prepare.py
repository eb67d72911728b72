"""From a job to a prepared data set: read, split, fit, cut, write."""

import json
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from mgdist.data.dataset import ABOUT, FORMAT, SEEN, TARGETS, Dataset, Shard, is_dense
from mgdist.data.fitting.fit import fit
from mgdist.data.fitting.series import fit_series
from mgdist.data.forecast import tables_json, task_of, windows_of
from mgdist.data.raws import save, save_raws, save_windows
from mgdist.data.seen import look_through
from mgdist.data.sources.examples import Examples
from mgdist.data.sources.read import read
from mgdist.data.speed import at_speed
from mgdist.data.split import Splits, split
from mgdist.data.stored import Ragged, save_dense, save_ragged
from mgdist.data.tagged import FIRST
from mgdist.data.targets import encode
from mgdist.data.windows import Windows
from mgdist.errors import DataError
from mgdist.job.audio import AudioSpec
from mgdist.job.image import ImageSpec
from mgdist.job.series import SeriesSpec
from mgdist.job.spec import Job
from mgdist.job.task import ForecastSpec
from mgdist.runs import reported, write
from mgdist_edge.errors import InputError
from mgdist_edge.inputs import Input, parts_of
from mgdist_edge.raws import Raw, raw_json
from mgdist_edge.table import TableInput
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, MultiLabel, Ordinal, Task, task_json
from mgdist_edge.text import TextInput
from mgdist_edge.views import Views


def prepare(job: Job, folder: Path) -> Dataset:
    """Read what a job points at, and write it as arrays that training maps into memory.

    Args:
        job: source, inputs, splits, granularities, n-grams and seed are read.
        folder: is made; ``dataset.json`` is written last, so that a folder with it is whole.

    Raises:
        DataError: the source, a column, a record, a label or a split is wrong; says where, and what to do.
        RunError: the folder cannot be written.
    """
    given = read(job)
    if isinstance(job.task, ForecastSpec):
        return _prepare_windows(job, windows_of(given, job), folder)
    splits = split(given, job)
    _check_batch(job, len(splits.train))
    first, task = next(iter(splits.tasks.items()))
    inputs = fit(job, splits.train.raws, encode(task, splits.train.targets[first]))
    return store(folder, splits, inputs, _speeds(job), _augment(job))


def store(
    folder: Path,
    splits: Splits,
    inputs: Mapping[str, Input],
    speeds: Mapping[str, Sequence[float]],
    augment: Mapping[str, object],
) -> Dataset:
    """Write the examples of all splits as arrays.

    Args:
        folder: is made; ``dataset.json`` is written last.
        splits: the examples.
        inputs: fitted.
        speeds: input -> at which its training recordings are cut once more each.
        augment: how the training examples of each input are varied.
    """
    with reported(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ABOUT).unlink(missing_ok=True)
        for name, examples in splits.named().items():
            _write(folder / name, examples, inputs, splits.tasks, speeds if name == "train" else {})
        for name, part in parts_of(inputs).items():
            write(folder / name, part)
        _look_through(folder, inputs, splits.tasks)
        write(folder / ABOUT, json.dumps({**_about(splits, inputs), "augment": augment}, indent=1))
    return Dataset.open(folder)


def _prepare_windows(job: Job, windows: Mapping[str, Windows], folder: Path) -> Dataset:
    """Write the stretches of one long series that the windows of each split are cut from."""
    _check_batch(job, len(windows["train"]))
    ((name, spec),), ((head, _),) = job.inputs.items(), job.heads.items()
    assert isinstance(spec, SeriesSpec), "checked by conflicts"
    fitted = fit_series([windows["train"].table], spec, job.windows_of(name))
    with reported(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ABOUT).unlink(missing_ok=True)
        for split_name, each in windows.items():
            place = folder / split_name / name
            place.mkdir(parents=True, exist_ok=True)
            save_windows(place, each)
            save_dense(place, None, fitted.lengths(each[:1][0]))
        about = {
            "format": FORMAT,
            "tasks": {head: task_json(task_of(job, fitted))},
            "inputs": {name: fitted.as_json()},
            "digest": sha256(json.dumps(tables_json(windows)).encode()).hexdigest(),
            "rows": {split_name: len(each) for split_name, each in windows.items()},
            "skipped": dict.fromkeys(windows, 0),
            "skipped_first": dict.fromkeys(windows, ()),
            "folds": (),
            "augment": {},
        }
        write(folder / ABOUT, json.dumps(about, indent=1))
    return Dataset.open(folder)


def _check_batch(job: Job, rows: int) -> None:
    if job.train.batch_size > rows:
        raise DataError(
            f"train.batch_size: {job.train.batch_size} examples are more than the {rows} rows to train on; "
            f"make it at most {rows}"
        )


def _write(
    folder: Path,
    examples: Examples,
    inputs: Mapping[str, Input],
    tasks: Mapping[str, Task],
    speeds: Mapping[str, Sequence[float]],
) -> None:
    """Cut the examples of a split into views, as the device does, and write its arrays and its raw values.

    Args:
        folder: of the split.
        examples: of it.
        inputs: fitted.
        tasks: what each head answers.
        speeds: input -> at which its recordings are cut once more each.
    """
    folder.mkdir(exist_ok=True)
    for name, fitted in inputs.items():
        (folder / name).mkdir(exist_ok=True)
        raws = examples.raws[name]
        if is_dense(fitted):
            save_dense(folder / name, _rows_of(fitted, raws), fitted.views(raws[0]).lengths)
        else:
            heard = [*raws, *(at_speed(raw, speed) for speed in speeds.get(name, ()) for raw in raws)]
            save_ragged(folder / name, list(fitted.levels), _views(fitted, heard))
        save_raws(folder / name, raws)
    for name, task in tasks.items():
        save(folder / TARGETS.format(name=name), encode(task, examples.targets[name]))
        if isinstance(task, Tag):
            save(folder / FIRST, np.cumsum([0, *map(len, examples.targets[name])]))


def _views(fitted: Input, raws: Sequence[Raw]) -> list[Views]:
    try:
        return [fitted.views(raw) for raw in raws]
    except InputError as error:
        raise DataError(f"data.input: {error}") from None


def _rows_of(fitted: Input, raws: Sequence[Raw]) -> NDArray[np.float32] | None:
    """Return the rows of a table as it cuts them; None where the raw values are that already."""
    if not isinstance(fitted, TableInput):
        return None
    rows = cast(Sequence[Mapping[str, object]], raws)
    try:
        return fitted.rows_of({column: [row[column] for row in rows] for column in fitted.columns})
    except InputError as error:
        raise DataError(f"data.input: {error}") from None


def _look_through(folder: Path, inputs: Mapping[str, Input], tasks: Mapping[str, Task]) -> None:
    """Count for each input that reads ids in which training documents they stand, by class of the first head."""
    train = Shard.open(folder / "train", inputs, tasks)
    members = _members(next(iter(tasks.values())), next(iter(train.targets.values())))
    for name, fitted in inputs.items():
        if isinstance(fitted, TextInput):
            stored = train.inputs[name]
            assert isinstance(stored, Ragged), "texts differ in length"
            save(folder / SEEN.format(name=name), look_through(stored, members, fitted.rows).counts)


def _members(task: Task, targets: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return which classes each example belongs to, (R, K); one class of all where the head learns none."""
    match task:
        case Classify() | Ordinal():
            return np.equal.outer(np.asarray(targets), np.arange(task.outputs))
        case MultiLabel():
            return np.asarray(targets, dtype=bool)
        case _:
            return np.ones((len(targets), 1), bool)


def _augment(job: Job) -> dict[str, object]:
    """Return how the training examples of each input are varied."""
    return {
        name: spec.augment.model_dump(mode="json")
        for name, spec in job.inputs.items()
        if isinstance(spec, ImageSpec | AudioSpec) and spec.augment is not None
    }


def _speeds(job: Job) -> dict[str, Sequence[float]]:
    """Return for each input the speeds at which its training recordings are heard too."""
    heard = {name: spec.augment for name, spec in job.inputs.items() if isinstance(spec, AudioSpec)}
    return {name: augment.speed for name, augment in heard.items() if augment is not None}


def _about(splits: Splits, inputs: Mapping[str, Input]) -> dict[str, object]:
    content = sha256()
    for name, examples in splits.named().items():
        content.update(json.dumps([name, examples.targets]).encode())
        for raws in examples.raws.values():
            for raw in raws:
                content.update(json.dumps(raw_json(raw)).encode())
    return {
        "format": FORMAT,
        "tasks": {name: task_json(task) for name, task in splits.tasks.items()},
        "inputs": {name: fitted.as_json() for name, fitted in inputs.items()},
        "digest": content.hexdigest(),
        "rows": {name: len(examples) for name, examples in splits.named().items()},
        "skipped": {name: examples.left_out for name, examples in splits.named().items()},
        "skipped_first": {name: examples.skipped for name, examples in splits.named().items()},
        "folds": splits.folds,
    }
