"""The mistakes that can be seen without reading the data: quick enough for ``mgdist check``."""

from pathlib import Path
from typing import assert_never

from mgdist.data.sources.docstrings import COLUMNS, root_of
from mgdist.data.sources.examples import Columns, columns_of_job
from mgdist.data.sources.files import addresses, find, rows_of
from mgdist.data.sources.folders import COLUMNS as FOLDERS
from mgdist.data.sources.folders import files_below, folders_of
from mgdist.errors import DataError
from mgdist.job.data import DocstringsSpec, FilesSpec, FoldersSpec, HuggingFaceSpec, SklearnSpec
from mgdist.job.spec import Job


def inspect(job: Job) -> None:
    """Look whether the source is there and has the columns: one record of each local file is read.

    What lies on another machine is not asked for; ``prepare`` finds what is wrong with it before any training.

    Raises:
        DataError: it is not, or has not.
    """
    columns = columns_of_job(job)
    match job.data.source:
        case FilesSpec() as spec:
            _inspect_files(spec, columns)
        case HuggingFaceSpec(name=name):
            if name.startswith((".", "/", "~")) and not Path(name).is_dir():
                raise DataError(f"data.source.name: {name}: no such folder; check the path")
        case DocstringsSpec(packages=packages):
            columns.pick(COLUMNS, "docstrings")
            for package in packages:
                root_of(package)
        case FoldersSpec() as spec:
            columns.pick(FOLDERS, "a folder of classes")
            for field, folder in folders_of(spec).items():
                files_below(Path(folder).expanduser(), field)
        case SklearnSpec():
            pass  # its columns are known once scikit-learn is imported, which takes a second
        case _ as never:
            assert_never(never)


def _inspect_files(spec: FilesSpec, columns: Columns) -> None:
    for field, address in addresses(spec).items():
        if address is None or "://" in address.replace("file://", ""):
            continue
        files = find(address, field)
        for path in files.paths:
            next(rows_of(files, path, field, columns.of_split(field.rpartition(".")[2])), None)
