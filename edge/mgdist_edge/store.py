"""The store: the versions of a bundle on a device, and which of them answers.

::

    STORE/current -> 000008-1f0c5a….tflite    what answers; the only name that programs need
    STORE/000007-9be2d1….tflite               older versions, for a rollback
    STORE/000008-1f0c5a….tflite

A version gets its name when it is on the disk and has passed the golden examples, and then ``current`` is switched in
one step. So power may fail at any moment: ``current`` leads to the old version or to the new one, and both are whole.
"""

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from mgdist_edge.bundle import Bundle
from mgdist_edge.durable import copy, point, rename, sync
from mgdist_edge.errors import BundleError, StoreError
from mgdist_edge.predictor import Predictor
from mgdist_edge.replay import require_replayed

CURRENT, _INCOMING, _LOCK = "current", ".incoming", ".lock"
_NAME = re.compile(r"([0-9]{6,12})-([0-9a-f]{16})\.tflite")


@dataclass(frozen=True)
class Version:
    """One version in a store.

    Attributes:
        number: from 1 on, in the order of installation.
        path: of the file.
        digest: the first digits of the file's hash.
    """

    number: int
    path: Path
    digest: str


@dataclass(frozen=True)
class Store:
    """A folder of versions; see the module."""

    folder: Path

    @property
    def path(self) -> Path:
        """Of the version that answers, whichever that is."""
        return self.folder / CURRENT

    def versions(self) -> tuple[Version, ...]:
        """Return all versions, oldest first."""
        with self._reported():
            found = [(match, self.folder / match[0]) for name in self._names() if (match := _NAME.fullmatch(name))]
        return tuple(sorted((Version(int(m[1]), path, m[2]) for m, path in found), key=lambda each: each.number))

    def current(self) -> Version | None:
        """Return the version that answers; None where nothing was installed yet."""
        try:
            target = self.path.readlink().name
        except OSError:
            return None
        return next((each for each in self.versions() if each.path.name == target), None)

    def install(self, source: Path, *, require_signature: Path | None = None, keep: int = 2) -> Version:
        """Let a bundle answer from now on, if it is whole, signed as required, and right on this device.

        Args:
            source: the file.
            require_signature: file of public keys, one of which must have signed it.
            keep: older versions that stay for a rollback.

        Raises:
            EdgeError: it is refused, or the store cannot be written; the version that answered goes on.
        """
        asked = Bundle.open(source, require_signature)
        with self._locked():
            before = self.current()
            self._require_same(before, asked)
            self._forget_above(before, asked)
            new = self._find(asked)
            if new is None:
                new = self._take(source, require_signature)
            else:
                _require_healthy(new.path, require_signature)
            if new != before:
                point(self.path, new.path.name)
            self._forget([each for each in self.versions() if each.number < new.number][: -keep or None])
            return new

    def rollback(self, *, require_signature: Path | None = None) -> Version:
        """Let the version before the present one answer again.

        Raises:
            EdgeError: there is none, or it is refused.
        """
        with self._locked():
            present = self.current()
            older = [each for each in self.versions() if present and each.number < present.number]
            if not older:
                raise StoreError(f"{self.folder}: expected an older version to go back to; got none; install one")
            _require_healthy(older[-1].path, require_signature)
            point(self.path, older[-1].path.name)
            return older[-1]

    def _find(self, asked: Bundle) -> Version | None:
        """Return the version that is this very bundle, if it is there and still whole."""
        for each in self.versions():
            if asked.sha256.startswith(each.digest):
                with suppress(BundleError):
                    Bundle.open(each.path)
                    return each
        return None

    def _take(self, source: Path, require_signature: Path | None) -> Version:
        """Copy a file into the store, and prove the copy."""
        incoming = self.folder / _INCOMING
        try:
            copy(source, incoming)
            taken = Bundle.open(incoming, require_signature)
            _require_healthy(incoming, require_signature)
        except BaseException:
            incoming.unlink(missing_ok=True)
            raise
        number = max((each.number for each in self.versions()), default=0) + 1
        new = Version(number, self.folder / f"{number:06}-{taken.sha256[:16]}.tflite", taken.sha256[:16])
        rename(incoming, new.path)
        return new

    def _require_same(self, before: Version | None, asked: Bundle) -> None:
        """Refuse a bundle of another job: whoever asks this store would get answers to another question."""
        name = asked.manifest.name
        with suppress(BundleError):  # one that is damaged by now may be replaced
            name = Bundle.open(before.path).manifest.name if before else name
        if name != asked.manifest.name:
            expected = f"a bundle of {name}, as is installed in {self.folder}"
            raise StoreError(f"{asked.path}: expected {expected}; got {asked.manifest.name}; use another --into")

    def _forget_above(self, before: Version | None, asked: Bundle) -> None:
        """Forget what was rolled back, or was cut short before it answered: no rollback shall lead there."""
        newest = before.number if before else 0
        found = self._find(asked)
        self._forget([each for each in self.versions() if each.number > newest and each != found])

    def _forget(self, versions: list[Version]) -> None:
        for each in versions:
            each.path.unlink()
        if versions:
            sync(self.folder)

    def _names(self) -> list[str]:
        with suppress(FileNotFoundError):
            return [path.name for path in self.folder.iterdir()]
        return []

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._reported():
            if not self.folder.is_dir():
                self.folder.mkdir(parents=True, exist_ok=True)
                sync(self.folder.parent)
            with (self.folder / _LOCK).open("wb") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise StoreError(f"{self.folder}: another mgdist-edge works on it; wait for that") from None
                yield

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            where = error.filename or self.folder
            raise StoreError(f"{where}: expected to work on a store there; got: {error.strerror}") from None


def _require_healthy(path: Path, require_signature: Path | None) -> None:
    require_replayed(Predictor(Bundle.open(path, require_signature)))


def default_folder() -> Path:
    """Return where a store lies if nobody says otherwise: of the machine for root, else of the user."""
    if os.geteuid() == 0:
        return Path("/var/lib/mgdist-edge")
    given = os.environ.get("XDG_DATA_HOME", "")
    if Path(given).is_absolute():
        return Path(given) / "mgdist-edge"
    try:
        return Path.home() / ".local" / "share" / "mgdist-edge"
    except RuntimeError:
        raise StoreError("expected a home folder for the store; got none; say which folder, as --into does") from None
