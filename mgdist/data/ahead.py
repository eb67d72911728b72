"""Ahead: what is read next is made while what was read last is worked on."""

from collections.abc import Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")
MANY = 2
"""Items that may wait: one would do, were all of them made in the same time."""
LOOK = 0.2
"""Seconds between two looks at whether anybody still reads."""


def ahead(items: Iterator[T], many: int = MANY) -> Iterator[T]:
    """Yield items in their order; a thread makes them meanwhile, and ends where nobody reads on.

    NumPy and the kernel let other threads work while they copy rows and wait for a disk.

    Args:
        items: are only asked for in that thread.
        many: items that are made before they are asked for, at most.

    Raises:
        Exception: whatever the items raise, at the place where they raise it.
    """
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
