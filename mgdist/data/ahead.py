"""Ahead: what is read next is made while what was read last is worked on."""

import time
from collections.abc import Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")
MANY = 2
"""Items that may wait: one would do, were all of them made in the same time."""
WATCH, WORTH = 1.0, 0.2
"""Seconds between two looks at how long items are waited for, and the share of them that is worth a thread."""
LOOK = 0.2
"""Seconds between two looks at whether anybody still reads."""


def ahead(items: Iterator[T], many: int = MANY, watch: float = WATCH) -> Iterator[T]:
    """Yield items in their order; where they are waited for, a thread makes them while the last one is worked on.

    NumPy and the kernel let other threads work while they copy rows and wait for a disk. Where items are made quickly
    a thread costs more than it saves, since only one at a time runs Python: so it is looked first how it goes.

    Args:
        items: are only asked for by one thread at a time.
        many: items that are made before they are asked for, at most.
        watch: seconds between two looks at how long items are waited for; 0: a thread makes them all.

    Raises:
        Exception: whatever the items raise, at the place where they raise it.
    """
    waited = worked = 0.0
    while watch and (waited + worked < watch or waited < WORTH * (waited + worked)):
        if waited + worked >= watch:
            waited = worked = 0.0
        at = time.monotonic()
        try:
            item = next(items)
        except StopIteration:
            return
        ready = time.monotonic()
        yield item
        waited, worked = waited + ready - at, worked + time.monotonic() - ready
    yield from _meanwhile(items, many)


def _meanwhile(items: Iterator[T], many: int) -> Iterator[T]:
    """Yield items that a thread makes; it ends where nobody reads on."""
    made: Queue[tuple[T | None, BaseException | None]] = Queue(many)
    left = Event()
    thread = Thread(target=_make, args=(items, made, left), name="ahead", daemon=True)
    thread.start()
    try:
        while True:
            item, error = made.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield item  # type: ignore[misc]
    finally:
        left.set()
        thread.join()


def _make(items: Iterator[T], made: "Queue[tuple[T | None, BaseException | None]]", left: Event) -> None:
    while not left.is_set():
        told: tuple[T | None, BaseException | None]
        try:
            told = next(items), None
        except BaseException as error:  # noqa: BLE001 - it is raised where the items are read
            told = None, error
        while not left.is_set():
            try:
                made.put(told, timeout=LOOK)
                break
            except Full:
                continue
        if told[1] is not None:
            return
