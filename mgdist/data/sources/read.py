"""From what a job points at to documents."""

from pathlib import Path
from typing import assert_never

from mgdist.data.sources.docstrings import read_docstrings
from mgdist.data.sources.documents import Given, columns_of
from mgdist.data.sources.files import read_files
from mgdist.data.sources.huggingface import read_huggingface
from mgdist.job.data import DocstringsSpec, FilesSpec, HuggingFaceSpec
from mgdist.job.spec import Job


def read(job: Job) -> Given:
    """Return the documents and labels of the splits that a job's source has.

    Raises:
        DataError: something of it cannot be read; says where, and what to do.
    """
    columns, skip = columns_of(job), job.data.on_bad_record == "skip"
    cache = Path(job.data.cache).expanduser()
    match job.data.source:
        case FilesSpec() as spec:
            return read_files(spec, columns, skip=skip)
        case HuggingFaceSpec() as spec:
            return read_huggingface(spec, columns, cache, skip=skip)
        case DocstringsSpec() as spec:
            return read_docstrings(spec, columns, cache, skip=skip)
        case _ as never:
            assert_never(never)
