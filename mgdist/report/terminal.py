"""The live view of a run: a moving picture in a terminal, plain lines anywhere else."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from mgdist.job.train import TrainSpec
from mgdist.report.follow import Event, Follower
from mgdist.report.picture import Picture
from mgdist.report.sentences import sentence
from mgdist.storage import Storage

EVERY = 0.25
"""Seconds between two looks at the events."""
STEP_LINE_EVERY = 10.0
"""Seconds between two lines about a step, where lines cannot be overwritten."""


@contextmanager
def watching(folder: Path, console: Console, train: TrainSpec) -> Iterator[None]:
    """Show the events of a run while the block works.

    Args:
        folder: of the run.
        console: to show them on.
        train: tells what trials are compared by.
    """
    follower = Follower(Storage.at(str(folder)))
    follower.skip()
    view = Picture(folder, console, train) if _can_draw(console) else Lines(console)
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(EVERY):
            _take(follower, view)

    thread = threading.Thread(target=look, name="view", daemon=True)
    with view:
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            _take(follower, view)


def _can_draw(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")


def _take(follower: Follower, view: "Picture | Lines") -> None:
    for event in follower.news():
        view.take(event)
    view.refresh()


class Lines:
    """One plain line an event."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._started = time.monotonic()
        self._next_step = 0.0

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def take(self, event: Event) -> None:
        """Print an event; of the many about steps only one now and then."""
        seconds = time.monotonic() - self._started
        if event["event"] == "step":
            if seconds < self._next_step:
                return
            self._next_step = seconds + STEP_LINE_EVERY
        line = sentence(event)
        if line:
            self._console.print(f"{seconds:7.1f} s  {line}", highlight=False, markup=False, soft_wrap=True)

    def refresh(self) -> None:
        """Lines stand as they were printed."""
