"""Hugging Face data sets: by name on the hub, or a folder in their format."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mgdist.data.sources.examples import Columns, Examples, Given, Row, gather
from mgdist.errors import DataError, first_line
from mgdist.job.data import HuggingFaceSpec

SAVED = ("dataset_dict.json", "dataset_info.json")
"""What ``save_to_disk`` leaves in a folder."""


def read_huggingface(spec: HuggingFaceSpec, columns: Columns, cache: Path, *, skip: bool) -> Given:
    """Read the splits that a job names.

    Raises:
        DataError: the data set or the split is not found, the hub does not answer, a column is missing, or
            a record is bad.
    """
    sets = _load(spec, cache)
    names = {"train": spec.train, "valid": spec.valid, "test": spec.test}
    for field, name in names.items():
        if name is not None and name not in sets:
            raise DataError(f"data.source.{field}: {spec.name} has no split {name!r}; it has {', '.join(sets)}")
    read = {
        field: _gathered(sets[name], f"{spec.name}[{name}]", columns.of_split(field), skip=skip)
        for field, name in names.items()
        if name is not None
    }
    return Given(**read)


def _gathered(split: Any, place: str, columns: Columns, *, skip: bool) -> Examples:
    return gather(_rows(split, place, columns), columns, skip=skip)


def _load(spec: HuggingFaceSpec, cache: Path) -> Any:
    import datasets
    from datasets.exceptions import DatasetsError

    datasets.disable_progress_bars()
    try:
        if any((Path(spec.name) / name).is_file() for name in SAVED):
            return datasets.load_from_disk(spec.name)
        return datasets.load_dataset(spec.name, spec.config, cache_dir=str(cache / "huggingface"))
    except (DatasetsError, OSError, ValueError, RuntimeError) as error:
        raise DataError(
            f"data.source.name: {spec.name}: no data set could be read: {first_line(error)}; check the name, "
            "data.source.config and the connection, or name a folder that holds the data set"
        ) from error


def _rows(split: Any, place: str, columns: Columns) -> Iterator[Row]:
    columns.pick(split.column_names, place)
    # A ClassLabel: the rows hold indices.
    names = [getattr(split.features[name], "names", None) if name in columns.labels else None for name in columns.all]
    read = 0
    for part in split.select_columns(sorted(set(columns.all))).iter(batch_size=1000):
        rows = list(zip(*(part[name] for name in columns.all), strict=True))
        for number, values in enumerate(rows, read + 1):
            yield Row(f"{place}:row {number}", list(map(_named, values, names)))
        read += len(rows)


def _named(label: Any, names: list[str] | None) -> Any:
    """Return the name of a class; -1 stands for no label in the sets of the hub."""
    if names is None or label is None:
        return label
    return names[label] if label >= 0 else None
