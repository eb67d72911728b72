"""Files: one, a folder or a glob, at any address that fsspec knows."""

from collections.abc import Iterator
from dataclasses import dataclass
from io import BufferedReader
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from mgdist.data.sources.examples import Columns, Examples, Given, Row, Unreadable, gather
from mgdist.data.sources.formats import reader_of
from mgdist.errors import DataError
from mgdist.job.data import FilesSpec

ENDINGS = ".parquet, .csv, .jsonl or .npz"


@dataclass(frozen=True)
class Files:
    """The files that an address stands for, in the order of their names.

    Attributes:
        system: the fsspec file system that holds them.
        paths: at least one.
        local: they lie on this machine.
    """

    system: Any
    paths: tuple[str, ...]
    local: bool


def read_files(spec: FilesSpec, columns: Columns, *, skip: bool) -> Given:
    """Read the splits that a job names.

    Raises:
        DataError: a file is missing, unreadable, damaged or empty, lacks a column, or holds a bad record.
    """
    train, valid, test = (
        None if address is None else _documents(address, field, columns, skip=skip)
        for field, address in addresses(spec).items()
    )
    assert train is not None
    return Given(train, valid, test)


def addresses(spec: FilesSpec) -> dict[str, str | None]:
    """Return the address of each split, by the job's field."""
    return {f"data.source.{name}": getattr(spec, name) for name in ("train", "valid", "test")}


def _documents(address: str, field: str, columns: Columns, *, skip: bool) -> Examples:
    files, columns = find(address, field), columns.of_split(field.rpartition(".")[2])
    rows = chain.from_iterable(rows_of(files, path, field, columns) for path in files.paths)
    return gather(rows, columns, skip=skip)


def rows_of(files: Files, path: str, field: str, columns: Columns) -> Iterator[Row | Unreadable]:
    """Yield the rows of one of the files; the first one tells whether it has the columns.

    Raises:
        DataError: it cannot be read, is damaged or empty, or lacks a column.
    """
    reader = reader_of(path)
    assert reader is not None, path
    try:
        # Buffered: files of some systems, such as S3, do not read lines of a limited length by themselves.
        with BufferedReader(files.system.open(path, "rb")) as file:
            yield from reader(file, _short(path), columns)
    except OSError as error:
        raise unreadable(field, path, error) from error


def find(address: str, field: str) -> Files:
    """Return the files at an address.

    Args:
        address: a file, a folder (read with its subfolders), or a glob.
        field: of the job, named in errors.

    Raises:
        DataError: nothing is there, nothing there can be read by mgdist, or the address cannot be reached.
    """
    from fsspec.core import url_to_fs
    from fsspec.implementations.local import LocalFileSystem

    try:
        system, path = url_to_fs(address)
        paths = _paths(system, path)
    except (ValueError, ImportError) as error:  # a protocol that fsspec lacks, or whose package is not installed
        raise DataError(f"{field}: {address}: {error}") from error
    except OSError as error:
        raise unreadable(field, address, error) from error
    if paths is None:
        raise DataError(f"{field}: {address}: {_absent(address)}")
    known = tuple(path for path in sorted(paths) if reader_of(path))
    if not known:
        got = ", ".join(PurePosixPath(path).name for path in paths[:3]) or "an empty folder"
        raise DataError(f"{field}: {address}: expected files that end in {ENDINGS}; got {got}")
    return Files(system, known, isinstance(system, LocalFileSystem))


def _paths(system: Any, path: str) -> list[str] | None:
    """Return all files at a path, whatever their ending; None where nothing is there."""
    if system.isdir(path):
        return [file for file in system.find(path) if not _hidden(file)]
    if system.exists(path):
        return [path]
    return list(system.glob(path)) or None if any(mark in path for mark in "*?[") else None


def _absent(address: str) -> str:
    if any(mark in address for mark in "*?["):
        return "no file matches; check the pattern"
    return "no such file or folder; check the path, which starts where mgdist is called"


def _hidden(path: str) -> bool:
    """Tell whether a file is a note of some tool, such as _SUCCESS or .part-0.crc."""
    return PurePosixPath(path).name.startswith((".", "_"))


def _short(path: str) -> str:
    """Return a path as people write it: without this folder's own."""
    return path.removeprefix(f"{Path.cwd()}/")


def unreadable(field: str, path: str, error: OSError) -> DataError:
    """Return what to tell about a file that the operating system or the network does not give."""
    reason = error.strerror or str(error) or type(error).__name__
    return DataError(f"{field}: {path}: cannot be read: {reason}; check the address and who may read it")
