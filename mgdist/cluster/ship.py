"""Shipping: what a job reads is copied to storage that the cluster sees, under the hash of its content."""

from collections.abc import Mapping
from pathlib import Path

from mgdist.data.digest import of_file
from mgdist.errors import DataError, JobError
from mgdist.job.data import FilesSpec
from mgdist.job.places import Keys, moved, places
from mgdist.job.spec import Job
from mgdist.runs import digest
from mgdist.storage import Storage, is_remote

SHIPPED, SHORT = "shipped", 32


def ship(job: Job) -> Job:
    """Copy what a job reads into the folder of its runs, and return the job that reads it there.

    What lies there already is not copied again. Addresses with a protocol stay, as do paths in the folder of the runs.

    Raises:
        DataError: something that the job names is missing.
        JobError: the job is to be signed, or its folder is seen from this machine only.
    """
    require_shared(job)
    storage = Storage.at(job.run.folder)
    own = {keys: address for keys, address in places(job).items() if not _is_there(address, storage)}
    _require_readable(own, job)
    return moved(job, {keys: _shipped(keys, address, storage) for keys, address in own.items()})


def require_shared(job: Job) -> None:
    """Refuse a job whose results would stay on the cluster, or whose private key would leave this machine.

    Raises:
        JobError: says what to set.
    """
    folder = job.run.folder
    if not is_remote(folder) and not Path(folder).is_absolute():
        raise JobError(
            f"run.folder: expected a folder that the cluster and this machine see, such as /nfs/runs or "
            f"s3://bucket/runs; got {folder}; add --set run.folder=/nfs/runs"
        )
    if job.run.key is not None:
        raise JobError(
            "run.key: expected none, since a private key does not leave this machine; leave it out, and sign what "
            "mgdist fetch brings: mgdist sign BUNDLE --key KEY"
        )


def _require_readable(own: Mapping[Keys, str], job: Job) -> None:
    """Refuse to ship what is read as a folder of the machine itself, to storage that is none."""
    if not is_remote(job.run.folder):
        return
    for keys, address in own.items():
        if keys[:2] != ("data", "source") or not isinstance(job.data.source, FilesSpec):
            raise JobError(
                f"{'.'.join(keys)}: expected files of data.source, which are read from {job.run.folder}; {address} is "
                "a folder that the nodes must have; put it there, and submit with --no-ship"
            )


def _is_there(address: str, storage: Storage) -> bool:
    return is_remote(address) or (storage.local is not None and Path(address).is_relative_to(storage.local))


def _shipped(keys: Keys, address: str, storage: Storage) -> str:
    """Copy a file, a folder or the files of a glob, and return where they are now."""
    path = Path(address).expanduser()
    field = ".".join(keys)
    if path.is_file():
        name = f"{SHIPPED}/{of_file(path, field)[:SHORT]}/{path.name}"
        _put({name: path}, storage)
        return f"{storage.address}/{name}"
    files = _files(path)
    if not files:
        raise DataError(f"{field}: {address}: no such file or folder; check the path")
    name = f"{SHIPPED}/{digest({inner: of_file(file, field)[:SHORT] for inner, file in files.items()})[:SHORT]}"
    _put({f"{name}/{inner}": file for inner, file in files.items()}, storage)
    return f"{storage.address}/{name}"


def _files(path: Path) -> dict[str, Path]:
    """Return relative name -> path of the files in a folder, or of those that match a glob."""
    if path.is_dir():
        return {str(file.relative_to(path)): file for file in sorted(path.rglob("*")) if file.is_file()}
    first = next((place for place, part in enumerate(path.parts) if any(mark in part for mark in "*?[")), None)
    if first is None:
        return {}
    base = Path(*path.parts[:first])
    found = sorted(file for file in base.glob(str(Path(*path.parts[first:]))) if file.is_file())
    return {str(file.relative_to(base)): file for file in found}


def _put(files: dict[str, Path], storage: Storage) -> None:
    there = (storage / SHIPPED).sizes()
    for name, file in files.items():
        if there.get(name.removeprefix(f"{SHIPPED}/")) != file.stat().st_size:
            storage.put(file, name)
