"""The disk of the driver's node, for processes of Ray on nodes that do not see it."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ray
from fsspec.implementations.local import LocalFileSystem
from fsspec.spec import AbstractBufferedFile, AbstractFileSystem

from mgdist.train.events import METRICS, Epoch, Listener, Recorder, Step, append

BLOCK = 4 * 2**20
"""Bytes of a file that travel at once."""


class Keeper:
    """Reads and writes on the disk of its node for others, and tells of trainings there: an actor, a call at a time."""

    def __init__(self) -> None:
        self.disk = LocalFileSystem()
        self.recorders: dict[tuple[Path | None, Path], Recorder] = {}

    def do(self, name: str, *given: Any, **more: Any) -> Any:
        """Do something with the disk, by the name of a method of fsspec's file systems."""
        return getattr(self.disk, name)(*given, **more)

    def add(self, path: str, content: bytes) -> None:
        """Write on at the end of a file."""
        with Path(path).open("ab") as file:
            file.write(content)

    def replace(self, path: str, goal: str) -> None:
        """Let a file take the place of another, at once."""
        Path(path).replace(goal)

    def record(self, folder: Path | None, board: Path, event: Step | Epoch) -> None:
        """Write an event; see :class:`Recorder`."""
        if (folder, board) not in self.recorders:
            self.recorders[folder, board] = Recorder(folder, board)
        self.recorders[folder, board](event)

    def tell(self, folder: Path, events: list[Mapping[str, Any]]) -> None:
        """Write lines of ``metrics.jsonl``."""
        for event in events:
            append(folder / METRICS, event)

    def close(self, folder: Path | None, board: Path) -> None:
        """Write out what a recorder holds back."""
        recorder = self.recorders.pop((folder, board), None)
        if recorder is not None:
            recorder.close()


class Distant:
    """A recorder whose files are another node's; see :class:`Recorder`.

    Args:
        keeper: the actor there.
        folder: of ``metrics.jsonl``; None for none.
        board: folder of TensorBoard's files.
        also: hears of each event too, here.
    """

    def __init__(self, keeper: Any, folder: Path | None, board: Path, also: Listener) -> None:
        self.keeper, self.folder, self.board, self.also = keeper, folder, board, also

    def __call__(self, event: Step | Epoch) -> None:
        """Write an event."""
        self.also(event)
        self.keeper.record.remote(self.folder, self.board, event)

    def tell(self, *events: Mapping[str, Any]) -> None:
        """Write lines of ``metrics.jsonl``."""
        if self.folder is not None and events:
            self.keeper.tell.remote(self.folder, list(events))

    def close(self) -> None:
        """Return when all is written."""
        ray.get(self.keeper.close.remote(self.folder, self.board))


class Kept(AbstractFileSystem):  # type: ignore[misc]
    """The disk of a keeper's node, as fsspec.

    Args:
        keeper: the actor there.
    """

    protocol, cachable = "kept", False

    def __init__(self, keeper: Any) -> None:
        super().__init__()
        self.keeper = keeper

    def do(self, name: str, *given: Any, **more: Any) -> Any:
        """Let the keeper do something."""
        return ray.get(self.keeper.do.remote(name, *given, **more))

    def ls(self, path: str, detail: bool = True, **_: Any) -> Any:
        """Return what lies in a folder."""
        return self.do("ls", path, detail=detail)

    def info(self, path: str, **_: Any) -> Any:
        """Return the size and the kind of a file or a folder."""
        return self.do("info", path)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> Any:
        """Return the content of a file, or a part of it."""
        return self.do("cat_file", path, start=start, end=end)

    def mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:
        """Make a folder, and those above it."""
        self.makedirs(path, exist_ok=True)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Make a folder, and those above it."""
        self.do("makedirs", path, exist_ok=exist_ok)

    def rm_file(self, path: str) -> None:
        """Remove a file."""
        self.do("rm_file", path)

    def rmdir(self, path: str) -> None:
        """Remove an empty folder."""
        self.do("rmdir", path)

    def rm(self, path: str, recursive: bool = False, maxdepth: int | None = None) -> None:
        """Remove a file, or a folder with all that lies in it."""
        self.do("rm", path, recursive=recursive, maxdepth=maxdepth)

    def _open(self, path: str, mode: str = "rb", block_size: int | None = None, **more: Any) -> "_KeptFile":
        more.pop("cache_options", None)
        return _KeptFile(self, path, mode, block_size or BLOCK, **more)


class _KeptFile(AbstractBufferedFile):  # type: ignore[misc]
    """A file there; what is written takes the place of another when it is whole."""

    def _fetch_range(self, start: int, end: int) -> Any:
        return self.fs.cat_file(self.path, start, end)

    def _initiate_upload(self) -> None:
        folder, _, name = self.path.rpartition("/")
        self.partial = f"{folder}/.{name}.{uuid.uuid4().hex}"

    def _upload_chunk(self, final: bool = False) -> bool:
        ray.get(self.fs.keeper.add.remote(self.partial, self.buffer.getvalue()))
        if final:
            ray.get(self.fs.keeper.replace.remote(self.partial, self.path))
        return True
