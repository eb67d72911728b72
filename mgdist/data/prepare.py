"""From a job to a prepared data set: read, split, fit, cut, write."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mgdist.data.dataset import ABOUT, FORMAT, SEEN, TEXTS, TOKENIZER, Dataset, Shard
from mgdist.data.fit import fit, look_through
from mgdist.data.sources.documents import Documents
from mgdist.data.sources.read import read
from mgdist.data.split import Splits, split, targets
from mgdist.errors import DataError
from mgdist.job.spec import Job
from mgdist.runs import reported, write
from mgdist_edge.inputs import tokenizer_json
from mgdist_edge.text import TextInput


def prepare(job: Job, folder: Path) -> Dataset:
    """Read what a job points at, and write it as arrays that training maps into memory.

    Args:
        job: source, input, splits, granularities, n-grams and seed are read.
        folder: is made; ``dataset.json`` is written last, so that a folder with it is whole.

    Raises:
        DataError: the source, a column, a record, a label or a split is wrong; says where, and what to do.
        RunError: the folder cannot be written.
    """
    splits = split(read(job), job.data, seed=job.seed)
    _check_batch(job, len(splits.train))
    text = fit(splits.train.texts, job)
    with reported(folder):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ABOUT).unlink(missing_ok=True)
        for name, documents in splits.named().items():
            _write(folder / name, documents, splits.labels, text)
        write(folder / TOKENIZER, tokenizer_json(text))
        seen = look_through(Shard.open(folder / "train", list(text.levels)), text.rows, len(splits.labels))
        _save(folder / SEEN, seen.counts)
        write(folder / ABOUT, json.dumps(_about(splits, text), indent=1))
    return Dataset.open(folder)


def _check_batch(job: Job, rows: int) -> None:
    if job.train.batch_size > rows:
        raise DataError(
            f"train.batch_size: {job.train.batch_size} examples are more than the {rows} rows to train on; "
            f"make it at most {rows}"
        )


def _write(folder: Path, documents: Documents, labels: tuple[str, ...], text: TextInput) -> None:
    """Cut the documents of a split into ids, as the device does, and write its arrays and its raw texts."""
    views = [text.views(document) for document in documents.texts]
    counts = np.array([[len(view.samples), *map(len, view.lengths)] for view in views])
    folder.mkdir(exist_ok=True)
    _save(folder / "samples.npy", np.concatenate([view.samples for view in views]))
    for number, level in enumerate(text.levels):
        _save(folder / f"lengths_{level}.npy", np.concatenate([view.lengths[number] for view in views]))
    _save(folder / "first.npy", np.pad(np.cumsum(counts, axis=0), ((1, 0), (0, 0))).T)
    _save(folder / "targets.npy", targets(documents, labels))
    write(folder / TEXTS, "".join(json.dumps(document) + "\n" for document in documents.texts))


def _save(path: Path, array: NDArray[np.generic]) -> None:
    """Write an array as ``np.save`` does, which itself does not tell why a write failed, such as a full disk."""
    array = np.ascontiguousarray(array)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(array.data)


def _about(splits: Splits, text: TextInput) -> dict[str, object]:
    content = sha256()
    for name, documents in splits.named().items():
        content.update(json.dumps([name, documents.labels, documents.texts]).encode())
    return {
        "format": FORMAT,
        "labels": splits.labels,
        "input": text.as_json(),
        "digest": content.hexdigest(),
        "rows": {name: len(documents) for name, documents in splits.named().items()},
        "skipped": {name: documents.left_out for name, documents in splits.named().items()},
        "skipped_first": {name: documents.skipped for name, documents in splits.named().items()},
    }
