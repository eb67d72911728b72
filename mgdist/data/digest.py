"""A cheap identity of what a job reads, so that a finished stage is known to be still good."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import assert_never

from mgdist.data.sources.docstrings import versions_of
from mgdist.data.sources.files import addresses, find, unreadable
from mgdist.data.sources.folders import files_below, folders_of
from mgdist.job.checkpoint import FILES
from mgdist.job.data import DocstringsSpec, FilesSpec, FoldersSpec, HuggingFaceSpec, SklearnSpec
from mgdist.job.export import Asked
from mgdist.job.spec import Job
from mgdist.job.text import TextSpec, WordPieceSpec
from mgdist.runs import digest as digest_of


def digest(job: Job) -> str:
    """Return a SHA-256 that changes when the source does.

    Files of this machine count with their content; those elsewhere with what their file system tells of them
    (size, time, tag); docstrings with the versions of the packages; a data set of the Hugging Face hub with its
    name and configuration only, since asking the hub would need a connection. A pre-trained checkpoint counts with
    the content of its files.

    Raises:
        DataError: a file or a package is missing, or may not be read.
    """
    checkpoints = _of_checkpoints(job)
    return digest_of(of_source(job), checkpoints) if checkpoints else of_source(job)


def _of_checkpoints(job: Job) -> list[list[str]]:
    """Return the digests of the files of each checkpoint; an encoder's is that of its tokenizer."""
    asked = [spec.tokenizer for spec in job.inputs.values() if isinstance(spec, TextSpec)]
    folders = [Path(tokenizer.path) for tokenizer in asked if isinstance(tokenizer, WordPieceSpec)]
    where = "data.input.tokenizer.path"
    return [[of_file(folder / name, where) for name in FILES if (folder / name).is_file()] for folder in folders]


def of_source(job: Asked) -> str:
    """Return a SHA-256 of the records alone, however a job reads them."""
    match job.data.source:
        case FilesSpec() as spec:
            named = {field: address for field, address in addresses(spec).items() if address is not None}
            return digest_of({field: _of_files(address, field) for field, address in named.items()})
        case HuggingFaceSpec(name=name) as spec:
            folder = _of_folder(Path(name)) if Path(name).is_dir() else {}
            return digest_of(spec.model_dump(mode="json"), folder)
        case DocstringsSpec(packages=packages) as spec:
            return digest_of(spec.model_dump(mode="json"), versions_of(packages))
        case FoldersSpec() as spec:
            return digest_of({field: _of_classes(Path(found), field) for field, found in folders_of(spec).items()})
        case SklearnSpec() as spec:
            return digest_of(spec.model_dump(mode="json"), versions_of(("sklearn",)))
        case _ as never:
            assert_never(never)


def digest_of_path(path: Path) -> str:
    """Return a SHA-256 of a file, or of all files of a folder."""
    return digest_of(_of_folder(path)) if path.is_dir() else of_file(path, "model")


def _of_files(address: str, field: str) -> list[str]:
    """Return one digest a file; names do not count, their order does."""
    files = find(address, field)
    if not files.local:
        return [str(files.system.ukey(path)) for path in files.paths]
    return [of_file(Path(path), field) for path in files.paths]


def _of_folder(folder: Path) -> Mapping[str, str]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): of_file(path, "data.source.name") for path in paths}


def _of_classes(folder: Path, field: str) -> list[tuple[str, str]]:
    return [(path.parent.name, of_file(path, field)) for path in files_below(folder.expanduser(), field)]


def of_file(path: Path, field: str) -> str:
    """Return the SHA-256 of a file's content.

    Raises:
        DataError: it cannot be read; names the job's field.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(field, str(path), error) from error
