"""Items that a thread makes ahead of who reads them."""

import threading
import time
from collections.abc import Iterator

import pytest

from mgdist.data.ahead import MANY, ahead


def threads() -> int:
    return sum(thread.name == "ahead" for thread in threading.enumerate())


@pytest.mark.parametrize("watch", [0.0, 1e-9, 60.0])
def test_items_come_in_their_order(watch: float) -> None:
    assert list(ahead(iter(range(100)), watch=watch)) == list(range(100))
    assert threads() == 0


def test_the_next_items_are_made_while_one_is_worked_on_and_no_more() -> None:
    made = []

    def items() -> Iterator[int]:
        for item in range(10):
            made.append(item)
            yield item

    read = ahead(items(), watch=0.0)
    assert next(read) == 0
    until = time.monotonic() + 10
    while len(made) < MANY + 2 and time.monotonic() < until:  # those that wait, and one more in the thread's hand
        time.sleep(0.01)
    time.sleep(0.1)
    assert made == list(range(MANY + 2))
    assert list(read) == list(range(1, 10))


def test_what_the_items_raise_is_raised_where_they_are_read() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise OSError("the disk is away")

    read = ahead(items(), watch=0.0)
    assert next(read) == 1
    with pytest.raises(OSError, match="the disk is away"):
        next(read)
    assert threads() == 0


def test_the_thread_ends_where_nobody_reads_on() -> None:
    read = ahead(iter(range(1000)), watch=0.0)
    next(read)
    assert threads() == 1
    read.close()  # type: ignore[attr-defined]
    assert threads() == 0


def test_a_thread_makes_what_is_waited_for_and_nothing_else() -> None:
    def items() -> Iterator[int]:
        for item in range(60):
            time.sleep(0.01 if item >= 30 else 0)
            yield item

    seen = []
    for item in ahead(items(), watch=0.05):
        time.sleep(0.002)
        seen.append(threads())
        assert len(seen) == item + 1
    assert seen[:30] == [0] * 30
    assert seen[-20:-5] == [1] * 15
