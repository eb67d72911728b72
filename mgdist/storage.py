"""Storage: a folder at any address that fsspec knows, which several machines may see.

A local path, a network file system, ``s3://bucket/runs``, ``gs://bucket/runs``: files come and go as wholes.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mgdist.errors import RunError


def is_remote(address: str) -> bool:
    """Tell whether an address is reached by another protocol than that of local files."""
    protocol, mark, _ = address.partition("://")
    return bool(mark) and protocol != "file"


@dataclass(frozen=True)
class Storage:
    """A folder.

    Attributes:
        address: as people write it.
        system: the fsspec file system that holds it.
        path: in that system.
    """

    address: str
    system: Any
    path: str

    @classmethod
    def at(cls, address: str) -> "Storage":
        """Return the folder at an address, which need not be there yet.

        Raises:
            RunError: no file system is known for it.
        """
        from fsspec.core import url_to_fs

        try:
            # What others write is looked for anew each time.
            options = {"use_listings_cache": False} if is_remote(address) else {}
            system, path = url_to_fs(address, **options)
        except (ValueError, ImportError) as error:
            raise RunError(f"{address}: {error}") from error
        return cls(address.rstrip("/"), system, path.rstrip("/"))

    @property
    def local(self) -> Path | None:
        """The folder as a path of this machine; None where it is none."""
        return None if is_remote(self.address) else Path(self.path)

    @property
    def name(self) -> str:
        """The last part of the address."""
        return self.path.rpartition("/")[2]

    def __truediv__(self, name: str) -> "Storage":
        return Storage(f"{self.address}/{name}", self.system, f"{self.path}/{name}")

    def read(self, name: str) -> bytes | None:
        """Return the content of a file; None where there is none."""
        with suppress(FileNotFoundError, NotADirectoryError):
            content: bytes = self.system.cat_file(f"{self.path}/{name}")
            return content
        return None

    def tail(self, name: str, start: int) -> bytes | None:
        """Return the content of a file from a byte on; None where it is absent, or shorter than that."""
        with suppress(FileNotFoundError, NotADirectoryError):
            size = int(self.system.size(f"{self.path}/{name}"))
            if size < start:
                return None
            content: bytes = (
                b"" if size == start else self.system.cat_file(f"{self.path}/{name}", start=start, end=size)
            )
            return content
        return None

    def sizes(self) -> dict[str, int]:
        """Return relative name -> bytes of all files below."""
        with suppress(FileNotFoundError, NotADirectoryError):
            found = self.system.find(self.path, detail=True)
            return {path.removeprefix(f"{self.path}/"): int(each["size"]) for path, each in found.items()}
        return {}

    def glob(self, pattern: str) -> list[str]:
        """Return the relative names that match, sorted."""
        return sorted(path.removeprefix(f"{self.path}/") for path in self.system.glob(f"{self.path}/{pattern}"))

    def put(self, source: Path, name: str) -> None:
        """Copy a file of this machine to here, as a whole."""
        goal = f"{self.path}/{name}"
        if self.local is None:
            self.system.put_file(str(source), goal)
            return
        Path(goal).parent.mkdir(parents=True, exist_ok=True)
        with _whole(Path(goal)) as partial:
            shutil.copyfile(source, partial)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        with suppress(FileNotFoundError):
            self.system.rm_file(f"{self.path}/{name}")

    def get(self, name: str, goal: Path) -> None:
        """Copy a file from here to this machine, as a whole."""
        goal.parent.mkdir(parents=True, exist_ok=True)
        with _whole(goal) as partial:
            if self.local is not None:
                shutil.copyfile(Path(self.path) / name, partial)
            else:
                self.system.get_file(f"{self.path}/{name}", str(partial))


@contextmanager
def _whole(goal: Path) -> Iterator[Path]:
    """Give a file to write to, which takes the place of another when it is done."""
    partial = goal.with_name(f".{goal.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(goal)
    finally:
        partial.unlink(missing_ok=True)
