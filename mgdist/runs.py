"""Runs: the folder of one job's results, with a receipt for each finished stage.

A stage works inside its own folder. Its receipt is written last and at once, so a killed run is
continued by the same command: finished stages are skipped, an unfinished one finds what it left behind.
"""

import errno
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from socket import gethostname
from threading import Event, Thread
from typing import Any, Generic, TypeVar

from ruamel.yaml import YAML

from mgdist import __version__
from mgdist.errors import MgdistError, RunError
from mgdist.job.export import Asked
from mgdist.job.point import as_document
from mgdist.mirror import Mirror
from mgdist.storage import Storage, is_remote

T = TypeVar("T")
J = TypeVar("J", bound=Asked)
RECEIPT, GIVEN, EVENTS, JOB, LATEST, ALIVE = (
    "receipt.json", "given", "events.jsonl", "job.yaml", "latest", "alive.json",
)  # fmt: skip
BEAT, SILENT = 5.0, 60.0
"""Seconds between two signs of life of whoever works on a run, and without one until it counts as lost."""
CACHE = Path("~/.cache/mgdist/runs")
"""Where runs are worked on whose folder is an address of storage."""
VERSIONS = ("torch", "ray", "deepspeed", "litert-torch", "ai-edge-litert", "ai-edge-quantizer", "numpy")


def write(path: Path, content: str | bytes) -> None:
    """Write a file as a whole or not at all."""
    raw = content.encode() if isinstance(content, str) else content
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with partial.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def digest(*parts: Any) -> str:
    """Return the SHA-256 of plain values: equal for equal content, whatever the order of keys."""
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def job_digest(job: Asked) -> str:
    """Return what identifies a job and the code that runs it; where its results go does not matter."""
    document = as_document(job)
    del document["run"]
    return digest(document, __version__)


def versions() -> dict[str, str]:
    """Return the versions of what a result depends on."""
    return {"mgdist": __version__, **{name: version(name) for name in VERSIONS}}


@dataclass(frozen=True)
class Done(Generic[T]):
    """A finished stage: what it gave, and the digest of all that it was given."""

    value: T
    digest: str
    folder: Path


@dataclass
class Run(Generic[J]):
    """One job's folder, locked while it is open."""

    job: J
    folder: Path
    fresh: bool = False
    mirror: Mirror | None = None
    _lock: int = field(default=-1, repr=False)
    _over: Event = field(default_factory=Event, repr=False)
    _beating: Thread = field(default_factory=Thread, repr=False)

    @classmethod
    def open(cls, job: J, *, fresh: bool = False, name: str | None = None) -> "Run[J]":
        """Continue the newest run of this very job, or begin a new one.

        Args:
            job: what is asked for.
            fresh: begin a new run even so, and take no stage from an earlier one.
            name: of the run to continue, which is there already; None: as ``fresh`` says.

        Raises:
            RunError: the folder cannot be written, or another process works in it.
        """
        mirror = _mirror(job)
        base = Path(job.run.folder) / job.name if mirror is None else mirror.local
        with reported(base):
            base.mkdir(parents=True, exist_ok=True)
            if mirror is not None:
                mirror.bring_small(JOB)
            folder = base / name if name else None if fresh else _newest(base, job_digest(job))
            run = cls(job, _begun(base, job) if folder is None else folder, fresh, mirror)
            run._bring()
            run._take_lock()
            _point_at(base / LATEST, run.folder)
        return run

    def __enter__(self) -> "Run[J]":
        self.event("run", state="started", host=gethostname(), pid=os.getpid(), cwd=str(Path.cwd()))
        self._beating = Thread(target=self._beat, name="alive", daemon=True)
        self._beating.start()
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._over.set()
        self._beating.join()
        with suppress(RunError):  # it cannot be told, and what happened before is what people should read
            match error:
                case None:
                    self.event("run", state="done")
                case Exception():
                    said = str(error) if isinstance(error, MgdistError) else f"{type(error).__name__}: {error}"
                    self.event("run", state="failed", error=said)
                case _:
                    self.event("run", state="stopped")
            write(self.folder / ALIVE, json.dumps({**_sign(), "pid": 0}))
            self.push()
        self.close()

    def push(self) -> None:
        """Let storage that other machines see hold what is here.

        Raises:
            RunError: it has been away for too long.
        """
        if self.mirror is not None:
            self.mirror.push_surely(self.folder.name)

    def close(self) -> None:
        """Let others work on the run."""
        os.close(self._lock)

    @property
    def address(self) -> str:
        """Where any machine finds the run."""
        return str(self.folder) if self.mirror is None else f"{self.mirror.storage.address}/{self.folder.name}"

    def _beat(self) -> None:
        """Tell now and then that somebody works here; who was killed stops telling it."""
        while True:
            with suppress(OSError):
                write(self.folder / ALIVE, json.dumps(_sign()))
            if self.mirror is not None:
                with suppress(Exception):  # storage may be away for a while; the end of a stage waits for it
                    self.mirror.push(self.folder.name)
            if self._over.wait(BEAT):
                return

    def _bring(self) -> None:
        """Take the run as another machine left it, unless it is worked on there.

        Raises:
            RunError: another machine has given a sign of life a moment ago.
        """
        if self.mirror is None:
            return
        there = self.mirror.told(self.folder.name, ALIVE)
        here = json.loads((self.folder / ALIVE).read_text()) if (self.folder / ALIVE).is_file() else {}
        if there.get("time", 0.0) <= here.get("time", 0.0):
            return
        if there.get("pid") and time.time() - there["time"] < SILENT:
            raise RunError(
                f"{self.address}: process {there['pid']} of {there['host']} works on this run; wait for it, or add "
                "--fresh"
            )
        self.mirror.pull(self.folder.name)

    def event(self, event: str, **fields: Any) -> None:
        """Add one line to the run's events."""
        line = json.dumps({"event": event, "time": round(time.time(), 3), **fields}) + "\n"
        with reported(self.folder), (self.folder / EVENTS).open("a") as file:
            file.write(line)

    def is_done(self, name: str, *given: Any) -> bool:
        """Tell whether a stage needs no work, here or because an earlier run of this name did it."""
        return self._receipt(name, digest(name, *given)) is not None

    def stage(self, name: str, *given: Any, do: Callable[[Path], object], load: Callable[[Path], T]) -> Done[T]:
        """Do a stage, unless it was done with the same given values, and load what it left.

        Args:
            name: of the stage and of its folder.
            given: plain values that decide what the stage gives: specs, digests of earlier stages.
            do: works in the folder it gets, which holds what a killed attempt left there.
            load: reads the folder of a finished stage.

        Raises:
            RunError: the folder cannot be written.
        """
        key, folder = digest(name, *given), self.folder / name
        source = self._receipt(name, key)
        started = time.monotonic()
        with reported(folder):
            if source is None:
                _make_ready(folder, key)
                self.event("stage", stage=name, state="started")
                do(folder)
                seconds = round(time.monotonic() - started, 3)
                write(folder / RECEIPT, json.dumps(_receipt(name, key, seconds, folder), indent=1))
                self.event("stage", stage=name, state="done", seconds=seconds)
            else:
                if source != folder:
                    shutil.rmtree(folder, ignore_errors=True)
                    shutil.copytree(source, folder, copy_function=share)
                self.event("stage", stage=name, state="kept", source=str(source))
            self.push()
            return Done(load(folder), key, folder)

    @property
    def measured(self) -> Path:
        """Where the measurements of device models are kept by their content, for all runs of this name."""
        return (self.folder if self.fresh else self.folder.parent) / "measured"

    def seconds(self) -> dict[str, float]:
        """Return how long each finished stage took, in the order of their doing."""
        receipts = [json.loads(path.read_text()) for path in self.folder.glob(f"*/{RECEIPT}")]
        ranked = sorted(receipts, key=lambda receipt: str(receipt["finished"]))
        return {receipt["stage"]: receipt["seconds"] for receipt in ranked}

    def link(self, path: Path) -> None:
        """Let a finished file stand in the run's own folder too."""
        with reported(self.folder):
            share(str(path), str(self.folder / path.name))

    def _receipt(self, name: str, key: str) -> Path | None:
        """Return the folder of a stage that was finished with this digest and is still whole."""
        others = [] if self.fresh else sorted(self.folder.parent.glob(f"*T*/{name}"), reverse=True)
        for folder in [self.folder / name, *others]:
            with suppress(OSError, ValueError, KeyError):
                receipt = json.loads((folder / RECEIPT).read_text())
                whole = all((folder / file).stat().st_size == size for file, size in receipt["outputs"].items())
                if receipt["digest"] == key and whole:
                    return folder
        return None

    def _take_lock(self) -> None:
        self._lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._lock)
            raise RunError(f"{self.folder}: another mgdist works on this run; wait for it, or add --fresh") from error


class reported:  # noqa: N801 - used as a statement: ``with reported(folder):``
    """Turn what a file system says about a folder into a line for people."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if not isinstance(error, OSError) or isinstance(error, MgdistError):
            return
        where = error.filename or self.folder
        match error.errno:
            case errno.ENOSPC | errno.EDQUOT:
                raise RunError(
                    f"{where}: the disk is full; free some space, then submit again: finished stages are kept"
                ) from error
            case errno.EROFS | errno.EACCES | errno.EPERM:
                raise RunError(
                    f"{where}: cannot be written: {error.strerror}; set run.folder to a folder of yours"
                ) from error
            case errno.ENOTDIR | errno.EEXIST:
                raise RunError(f"{where}: expected a folder, found a file; set run.folder to another one") from error
            case errno.EPIPE:  # whoever read our output has left: nothing is wrong with the folder
                return
            case _:
                said = error.strerror or str(error) or type(error).__name__
                raise RunError(f"{where}: {said}; see to it, then submit again: finished stages are kept") from error


def _mirror(job: Asked) -> Mirror | None:
    """Return the mirror of a job whose results go to another machine's storage."""
    if not is_remote(job.run.folder):
        return None
    storage = Storage.at(job.run.folder) / job.name
    return Mirror(storage, CACHE.expanduser() / digest(storage.address)[:16] / job.name, (RECEIPT, ALIVE))


def _sign() -> dict[str, Any]:
    return {"time": round(time.time(), 3), "host": gethostname(), "pid": os.getpid()}


def _begun(base: Path, job: Asked) -> Path:
    """Return the folder of a new run, with its job in it."""
    folder = base / datetime.now(UTC).strftime("%Y-%m-%dT%H-%M-%S")
    while folder.exists():
        folder = folder.with_name(folder.name + "b")
    folder.mkdir()
    write(folder / JOB, _resolved(job))
    return folder


def _newest(base: Path, key: str) -> Path | None:
    for path in sorted(base.glob(f"*T*/{JOB}"), reverse=True):
        with path.open() as file:
            if file.readline().strip() == f"# job {key}":
                return path.parent
    return None


def _point_at(link: Path, folder: Path) -> None:
    """Let a link of a fixed name lead to the newest run, so that commands can be written down."""
    new = link.with_name(f".{link.name}.{os.getpid()}")
    new.symlink_to(folder.name)
    new.replace(link)


def _resolved(job: Asked) -> str:
    text = StringIO()
    YAML().dump(as_document(job), text)
    told = "".join(f"# {name} {number}\n" for name, number in [*versions().items(), ("git", _commit())])
    return f"# job {job_digest(job)}\n{told}{text.getvalue()}"


def _commit() -> str:
    asked = ["git", "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD"]
    with suppress(OSError):
        return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    return "unknown"


def _make_ready(folder: Path, key: str) -> None:
    """Keep what a killed attempt at the same work left; clear anything else."""
    mark = folder / GIVEN
    if not (mark.is_file() and mark.read_text() == key):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        write(mark, key)
    (folder / RECEIPT).unlink(missing_ok=True)


def _receipt(name: str, key: str, seconds: float, folder: Path) -> Mapping[str, Any]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        "stage": name,
        "digest": key,
        "seconds": seconds,
        "finished": datetime.now(UTC).isoformat(timespec="microseconds"),
        "mgdist": __version__,
        "outputs": {str(path.relative_to(folder)): path.stat().st_size for path in files},
    }


def share(source: str, destination: str) -> None:
    """Share a finished file with the run it came from; copy it where the file system has no links.

    What a killed attempt left at the destination is replaced, as a whole.
    """
    goal = Path(destination)
    partial = goal.with_name(f".{goal.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    try:
        os.link(source, partial)
    except OSError:
        shutil.copy2(source, partial)
    partial.replace(goal)
    partial.unlink(missing_ok=True)  # it stays where the two were one file before
