"""Folders of files, one folder a class: images or recordings as people keep them."""

from collections.abc import Iterator
from pathlib import Path

from mgdist.data.sources.examples import Columns, Examples, Given, Row, gather
from mgdist.errors import DataError
from mgdist.job.data import FoldersSpec

COLUMNS = ("file", "label")


def read_folders(spec: FoldersSpec, columns: Columns, *, skip: bool) -> Given:
    """Read the files below each split's folder; the columns are file and label, the name of the folder around it.

    Raises:
        DataError: a folder is missing or holds no class with files.
    """
    read = {
        field: _examples(Path(address).expanduser(), field, columns, skip=skip)
        for field, address in folders_of(spec).items()
    }
    return Given(read["train"], read.get("valid"), read.get("test"))


def folders_of(spec: FoldersSpec) -> dict[str, str]:
    """Return the folder of each split that is given, by its field."""
    given = {"train": spec.train, "valid": spec.valid, "test": spec.test}
    return {field: address for field, address in given.items() if address is not None}


def files_below(folder: Path, field: str) -> list[Path]:
    """Return the files of all classes, class by class, in the order of their names; hidden ones are left out.

    Raises:
        DataError: the folder is missing, or no class in it has a file.
    """
    if not folder.is_dir():
        raise DataError(f"data.source.{field}: {folder}: expected a folder with one folder a class; it is none")
    found = [
        path
        for inner in sorted(folder.iterdir())
        if inner.is_dir() and not inner.name.startswith(".")
        for path in sorted(inner.iterdir())
        if path.is_file() and not path.name.startswith(".")
    ]
    if not found:
        raise DataError(f"data.source.{field}: {folder}: expected folders with files in them, one a class; found none")
    return found


def _examples(folder: Path, field: str, columns: Columns, *, skip: bool) -> Examples:
    picks = columns.pick(COLUMNS, str(folder))

    def rows() -> Iterator[Row]:
        for path in files_below(folder, field):
            values = (path, path.parent.name)
            yield Row(str(path), [values[pick] for pick in picks])

    return gather(rows(), columns, skip=skip)
