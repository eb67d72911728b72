"""The predictors behind a service: a few of them for one bundle, exchanged when a store has a newer version."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Event, Lock, Thread

from mgdist_edge.bundle import Bundle
from mgdist_edge.documents import naming, read_json
from mgdist_edge.errors import EdgeError
from mgdist_edge.metrics import Metrics
from mgdist_edge.predictor import Prediction, Predictor
from mgdist_edge.replay import require_replayed
from mgdist_edge.store import CURRENT


class BusyError(EdgeError):
    """Every predictor had work for as long as a request may wait."""


@dataclass(frozen=True)
class Asked:
    """What is served.

    Attributes:
        source: a bundle, or a store whose present version answers.
        workers: predictions at a time, each on an interpreter of its own.
        threads: of an interpreter.
        require_signature: file of public keys, one of which must have signed the bundle.
        replay: replay the golden examples before a version answers for the first time.
        patience: seconds that a request waits for a predictor.
        exit: stop reading a text when sure, where the bundle says when that is.
    """

    source: Path
    workers: int = 2
    threads: int = 1
    require_signature: Path | None = None
    replay: bool = True
    patience: float = 10.0
    exit: bool = True

    @property
    def path(self) -> Path:
        """Of the bundle that answers."""
        return self.source / CURRENT if self.source.is_dir() else self.source


class Pool:
    """Predictors of one bundle; one that works is out of it, so that each does one thing at a time.

    Raises:
        EdgeError: the bundle is refused.
    """

    def __init__(self, asked: Asked) -> None:
        self.bundle = Bundle.open(asked.path.resolve(), asked.require_signature)
        self._patience, self._idle = asked.patience, SimpleQueue[Predictor]()
        for number in range(asked.workers):
            predictor = Predictor(self.bundle, threads=asked.threads, exit=asked.exit)
            if asked.replay and number == 0:
                require_replayed(predictor)
            self._idle.put(predictor)

    @contextmanager
    def lend(self) -> Iterator[Predictor]:
        """Lend a predictor.

        Raises:
            BusyError: all of them work.
        """
        try:
            predictor = self._idle.get(timeout=self._patience)
        except Empty:
            raise BusyError("expected to find time for this; got too many requests; ask again later") from None
        try:
            yield predictor
        finally:
            self._idle.put(predictor)


class Service:
    """Answers for requests, and for what became of them.

    Raises:
        EdgeError: the bundle is refused.
    """

    def __init__(self, asked: Asked) -> None:
        self._asked, self._lock, self._ended = asked, Lock(), Event()
        self._seen = _target(asked.path)
        self._pool = Pool(asked)
        self.metrics = Metrics(self._pool.bundle)
        self.refused: str | None = None

    @property
    def bundle(self) -> Bundle:
        """The one that answers."""
        return self._pool.bundle

    def predict(self, raw: bytes) -> Prediction:
        """Answer for one example in JSON; see ``documents.read_json``.

        Raises:
            InputError: it is not such JSON, or cannot be read.
            BusyError: there is no time for it.
        """
        pool = self._pool
        document = read_json(raw, "body", pool.bundle.manifest.inputs)
        with pool.lend() as predictor, naming(document):
            prediction = predictor.predict(document.raw)
        self.metrics.answered(prediction)
        return prediction

    def watch(self, seconds: float) -> Thread:
        """Look for another version every few seconds, until :meth:`end`."""

        def look() -> None:
            while not self._ended.wait(seconds):
                self.refresh()

        thread = Thread(target=look, name="versions", daemon=True)
        thread.start()
        return thread

    def refresh(self) -> None:
        """Let the version answer that the store points to by now; where it is refused, the one before goes on."""
        with self._lock:
            found = _target(self._asked.path)
            if found == self._seen:
                return
            self._seen = found
            try:
                pool = Pool(self._asked)
            except EdgeError as error:
                self.refused = str(error)
                self.metrics.changed("refused")
                sys.stderr.write(f"mgdist-edge: {error}; the version before goes on\n")
                return
            self._pool, self.refused = pool, None
            self.metrics.changed("taken")
            self.metrics.begin(pool.bundle)

    def end(self) -> None:
        """Look for versions no longer."""
        self._ended.set()


def _target(path: Path) -> tuple[object, ...]:
    """Return what tells one version from another without reading it."""
    try:
        found = path.stat()
    except OSError as error:
        return (error.errno,)
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns
