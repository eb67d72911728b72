"""From what a job points at to documents."""

from pathlib import Path
from typing import assert_never

from mgdist.data.sources.bundled import read_sklearn
from mgdist.data.sources.docstrings import read_docstrings
from mgdist.data.sources.examples import Columns, Given, columns_of_job
from mgdist.data.sources.files import read_files
from mgdist.data.sources.folders import read_folders
from mgdist.data.sources.huggingface import read_huggingface
from mgdist.job.data import DocstringsSpec, FilesSpec, FoldersSpec, HuggingFaceSpec, SklearnSpec
from mgdist.job.export import Asked
from mgdist.job.spec import Job


def read(job: Job) -> Given:
    """Return the documents and labels of the splits that a job's source has.

    Raises:
        DataError: something of it cannot be read; says where, and what to do.
    """
    return read_columns(job, columns_of_job(job))


def read_columns(job: Asked, columns: Columns) -> Given:
    """Return what some columns of the splits hold.

    Raises:
        DataError: something of it cannot be read; says where, and what to do.
    """
    skip = job.data.on_bad_record == "skip"
    cache = Path(job.data.cache).expanduser()
    match job.data.source:
        case FilesSpec() as spec:
            return read_files(spec, columns, skip=skip)
        case HuggingFaceSpec() as spec:
            return read_huggingface(spec, columns, cache, skip=skip)
        case DocstringsSpec() as spec:
            return read_docstrings(spec, columns, cache, skip=skip)
        case FoldersSpec() as spec:
            return read_folders(spec, columns, skip=skip)
        case SklearnSpec() as spec:
            return read_sklearn(spec, columns, skip=skip)
        case _ as never:
            assert_never(never)
