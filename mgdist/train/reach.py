"""How processes of Ray on other nodes reach a run's folder: as it is, or by way of an actor beside the driver.

On one machine, and where the nodes share a file system, all read and write in the folder itself. Where a node does not
see it, such as in a cloud without network disks, an actor on the driver's node keeps it for them: data is brought to
each node once, and checkpoints, events and curves go back through Ray's own connections, which the cluster's token
guards. The driver finds everything in its folder either way.
"""

import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import ray
from fsspec.implementations.local import LocalFileSystem
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from mgdist.errors import TrainError
from mgdist.runs import digest, write
from mgdist.train.events import Epoch, Listener, Recorder, Step, nobody
from mgdist.train.gauges import run_of
from mgdist.train.keeper import Distant, Keeper, Kept

BROUGHT, SCRATCH = Path("~/.cache/mgdist/brought"), Path("~/.cache/mgdist/scratch")
"""Where a node has what was brought to it, and what its trials go on from."""
UNUSED = 7 * 86_400.0
"""Seconds without use after which it is taken away."""
LOOKING = 60.0
"""Seconds that a node has to look whether it sees the folder."""


@runtime_checkable
class Told(Protocol):
    """Who is told what a training does; :class:`Recorder`, wherever it is."""

    def __call__(self, event: Step | Epoch) -> None:
        """Write an event."""

    def tell(self, *events: Mapping[str, Any]) -> None:
        """Write lines of ``metrics.jsonl``."""

    def close(self) -> None:
        """Write out what is held back."""


@dataclass(frozen=True)
class Reach:
    """How a process reaches the folder of a run; it can be sent to other nodes.

    Attributes:
        run: name of the run.
        keeper: actor that keeps the folder for nodes that do not see it; None where all do.
    """

    run: str
    keeper: Any = None

    @property
    def system(self) -> "Kept | LocalFileSystem":
        """The disk with the folder."""
        return LocalFileSystem() if self.keeper is None else Kept(self.keeper)

    def bring(self, path: Path) -> Path:
        """Return a file or a folder as this node sees it, which is not written to.

        Raises:
            TrainError: nobody keeps the folder for this node, and it does not see it.
        """
        if self.keeper is None:
            _require_seen(path)
            return path
        found = sorted(self.system.find(str(path), detail=True).items())
        key = digest(str(path), [[name, each["size"], each["mtime"]] for name, each in found])
        place = BROUGHT.expanduser()
        _sweep(place)
        if not (place / key).is_dir():
            with tempfile.TemporaryDirectory(dir=place, prefix=".") as partial:
                self.copy(path, Path(partial) / key)
                with suppress(OSError):  # another process of this node was quicker
                    (Path(partial) / key).rename(place / key)
        os.utime(place / key)
        return place / key / path.name

    def copy(self, path: Path, into: Path) -> Path:
        """Copy a file or a folder to a folder of this node, and return the copy."""
        into.mkdir(parents=True, exist_ok=True)
        for name in self.system.find(str(path)):
            goal = into / path.name / Path(name).relative_to(path)
            goal.parent.mkdir(parents=True, exist_ok=True)
            self.system.get_file(name, str(goal))
        return into / path.name

    def names(self, folder: Path, beginning: str) -> list[str]:
        """Return the names of the folders in a folder that begin so, sorted."""
        with suppress(FileNotFoundError):
            found = self.system.ls(str(folder), detail=True)
            names = [Path(each["name"]).name for each in found if each["type"] == "directory"]
            return sorted(name for name in names if name.startswith(beginning))
        return []

    def read(self, path: Path) -> bytes:
        """Return the content of a file; nothing where it is absent."""
        with suppress(FileNotFoundError):
            content: bytes = self.system.cat_file(str(path))
            return content
        return b""

    def write(self, path: Path, content: bytes) -> None:
        """Write a file as a whole or not at all."""
        self.system.makedirs(str(path.parent), exist_ok=True)
        if self.keeper is None:
            write(path, content)
        else:
            self.system.pipe_file(str(path), content)

    @contextmanager
    def at_hand(self, folder: Path) -> Iterator[Callable[[str], Path]]:
        """Give what returns a part of a folder, by its name, as this process sees it while the block works."""
        if self.keeper is None:
            yield folder.joinpath
            return
        with tempfile.TemporaryDirectory() as here:
            yield lambda name: self.copy(folder / name, Path(here))

    def recorder(self, folder: Path | None, board: Path, also: Listener = nobody) -> Told:
        """Return a recorder that writes to the run's folder; see :class:`Recorder`."""
        if self.keeper is None:
            return Recorder(folder, board, also)
        return Distant(self.keeper, folder, board, also)

    def scratch(self, folder: Path) -> Path:
        """Return the folder itself where this node sees it, else one of this node's own in its place."""
        if self.keeper is None:
            return folder
        place = SCRATCH.expanduser()
        _sweep(place)
        found = place / digest(str(folder))
        found.mkdir(exist_ok=True)
        return found

    def storage(self, folder: Path) -> dict[str, Any]:
        """Return what Ray Train must know to keep its checkpoints in a folder."""
        if self.keeper is None:
            return {"storage_path": str(folder)}
        from pyarrow.fs import FSSpecHandler, PyFileSystem

        return {"storage_path": str(folder), "storage_filesystem": PyFileSystem(FSSpecHandler(self.system))}


def reach_of(folder: Path, needs: str) -> Reach:
    """Return how the nodes of the connected Ray reach a folder of this process, which is there.

    Args:
        folder: that is to be reached.
        needs: CPU or GPU; where no node has one yet, those that will come are not known, and cannot be asked.
    """
    seen = bool(ray.cluster_resources().get(needs)) and seen_by_all(folder)
    keeper = None if seen else _pinned(ray.remote(num_cpus=0)(Keeper), _here()).remote()
    return Reach(run_of(folder), keeper)


def own_address() -> str:
    """Return the address by which the connected Ray knows this node."""
    found: str = next(node["NodeManagerAddress"] for node in ray.nodes() if node["NodeID"] == _here())
    return found


def seen_by_all(folder: Path) -> bool:
    """Tell whether all nodes of the connected Ray see a folder of this process, which is there."""
    others = [node["NodeID"] for node in ray.nodes() if node["Alive"] and node["NodeID"] != _here()]
    if not others:
        return True
    mark, sees = folder / f".seen-{uuid.uuid4().hex}", ray.remote(num_cpus=0)(_sees)
    mark.touch()
    try:
        asked = [_pinned(sees, node).remote(mark) for node in others]
        looked, _ = ray.wait(asked, num_returns=len(asked), timeout=LOOKING)
        return all(map(_said, looked))
    finally:
        mark.unlink()


def _here() -> str:
    found: str = ray.get_runtime_context().get_node_id()
    return found


def _sees(mark: Path) -> bool:
    return mark.is_file()


def _said(asked: Any) -> bool:
    try:
        return bool(ray.get(asked))
    except ray.exceptions.RayError:  # the node is gone, and needs nothing
        return True


def _pinned(work: Any, node: str) -> Any:
    return work.options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False))


def _require_seen(path: Path) -> None:
    """Refuse a node that came later than the others, and does not see what they see."""
    if not path.exists():
        raise TrainError(
            f"node {own_address()}: expected to see {path}, which the driver has written; found "
            "nothing; submit again: as the node is there now, the driver's will keep the folder for it"
        )


def _sweep(place: Path) -> None:
    """Take away what was not used for long."""
    place.mkdir(parents=True, exist_ok=True)
    for path in place.iterdir():
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > UNUSED:
                shutil.rmtree(path, ignore_errors=True)
