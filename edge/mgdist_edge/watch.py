"""Watching a folder or an address for a newer bundle, which is installed as ``Store.install`` does.

Newer is what was made after all that this store has taken before. So a version that was rolled back stays so, and
nobody who can change the source, but cannot sign, can bring back an old version.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from mgdist_edge.bundle import Bundle
from mgdist_edge.download import Seen, download
from mgdist_edge.errors import BundleError, EdgeError, SelftestError, SourceError, StoreError
from mgdist_edge.store import Store, Version
from mgdist_edge.watched import NEVER, Memory, when

_STATE, _INCOMING, _LOCK = ".watched", ".download", ".watch.lock"


@dataclass(frozen=True)
class Limits:
    """What a source may take.

    Attributes:
        size: bytes of a bundle.
        seconds: for a download.
        keep: older versions that stay in the store.
    """

    size: int = 256 * 10**6
    seconds: float = 600.0
    keep: int = 2


@dataclass(frozen=True)
class Watch:
    """A source, and the store that follows it.

    Attributes:
        source: a folder, or an address that begins with http:// or https://.
        store: what newer bundles are installed into.
        require_signature: file of public keys, one of which must have signed them; None: unsigned ones are taken.
        limits: of the source.
    """

    source: str
    store: Store
    require_signature: Path | None
    limits: Limits = Limits()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the store for this watch.

        Raises:
            StoreError: another one follows a source, or nothing can be written there.
        """
        with self._reported():
            self.store.folder.mkdir(parents=True, exist_ok=True)
            with (self.store.folder / _LOCK).open("wb") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise StoreError(f"{self.store.folder}: another mgdist-edge watches for it; end that") from None
                yield

    def look(self) -> Version | None:
        """Look once; return the version that was installed, or None where nothing newer is there.

        Raises:
            EdgeError: what is there is refused, or cannot be had; what answered goes on.
        """
        with self._reported():
            memory = Memory.read(self.store.folder / _STATE, self.source)
            if is_address(self.source):
                return self._look_at_address(memory)
            return self._look_at_folder(memory)

    def _look_at_address(self, memory: Memory) -> Version | None:
        incoming = self.store.folder / _INCOMING
        try:
            seen = download(self.source, incoming, memory.seen, most=self.limits.size, seconds=self.limits.seconds)
            return None if seen is None else self._judge(incoming, memory, seen)
        finally:
            incoming.unlink(missing_ok=True)

    def _judge(self, incoming: Path, memory: Memory, seen: Seen) -> Version | None:
        """Take a file that was downloaded, or refuse it: for good, if it came twice."""
        try:
            found = self._take(incoming, memory)
        except (BundleError, SelftestError) as error:
            digest = _digest(incoming)
            # The way may have damaged it: only what came twice is not asked for again.
            again = memory.refused == digest
            self._remember(replace(memory, refused=digest, seen=seen if again else Seen()))
            raise type(error)(str(error).replace(str(incoming), self.source)) from None
        newest = Memory.read(self.store.folder / _STATE, self.source).newest
        self._remember(Memory(self.source, seen, newest))
        return found

    def _look_at_folder(self, memory: Memory) -> Version | None:
        """Take the newest of the bundles in a folder that may be taken; the others do not count."""
        found: dict[Path, datetime] = {}
        refused = []
        for path in self._files():
            try:
                if path.stat().st_size > self.limits.size:
                    raise BundleError(f"{path}: expected at most {self.limits.size} bytes; allow more with --max-size")
                found[path] = _made(Bundle.open(path, self.require_signature))
            except BundleError as error:
                refused.append(error)
        newest = max(found, key=lambda path: found[path], default=None)
        installed = None if newest is None else self._take(newest, memory)
        if installed is None and refused:
            raise refused[0]
        return installed

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in Path(self.source).iterdir() if path.suffix == ".tflite")
        except OSError as error:
            raise SourceError(f"{self.source}: expected a folder of bundles; got: {error.strerror}") from None

    def _take(self, path: Path, memory: Memory) -> Version | None:
        """Install a bundle if it is newer than all that was taken."""
        found = Bundle.open(path, self.require_signature)
        made, newest = _made(found), self._newest(memory)
        if made > newest:
            installed = self.store.install(path, require_signature=self.require_signature, keep=self.limits.keep)
            self._remember(replace(memory, newest=made.isoformat()))
            return installed
        if memory.newest is None or when(memory.newest) < newest:
            self._remember(replace(memory, newest=newest.isoformat()))
        return None

    def _newest(self, memory: Memory) -> datetime:
        """Return when the newest version was made that ever answered, as far as is known."""
        times = [NEVER if memory.newest is None else when(memory.newest)]
        before = self.store.current()
        if before is not None:
            with suppress(BundleError):  # one that is damaged by now is replaced
                times.append(_made(Bundle.open(before.path)))
        return max(times)

    def _remember(self, memory: Memory) -> None:
        memory.write(self.store.folder / _STATE)

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except EdgeError:
            raise
        except OSError as error:
            where = error.filename or self.store.folder
            raise StoreError(f"{where}: expected to work on a store there; got: {error.strerror}") from None


def is_address(source: str) -> bool:
    """Tell an address from a folder."""
    return source.startswith(("http://", "https://"))


def _made(bundle: Bundle) -> datetime:
    """Return when a bundle was made.

    Raises:
        BundleError: its time cannot be read.
    """
    try:
        return when(bundle.manifest.created)
    except ValueError:
        said = f"expected the time that it was made; got {bundle.manifest.created[:60]!r}; make the bundle again"
        raise BundleError(f"{bundle.path}: {said}") from None


def _digest(path: Path) -> str:
    running = sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            running.update(chunk)
    return running.hexdigest()
