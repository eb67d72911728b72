import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from mgdist_edge.bundle import Bundle
from mgdist_edge.quiet import quiet
from mgdist_edge.runtime import Runtime


def test_remarks_are_dropped_and_all_else_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nERROR: a real one\n")
    os.write(2, b"INFO: later\n")
    assert capfd.readouterr().err == "ERROR: a real one\nINFO: later\n"


def test_what_was_said_before_an_error_is_passed_on(capfd: pytest.CaptureFixture[str]) -> None:
    def stop() -> None:
        with quiet():
            os.write(2, b"a reason\n")
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        stop()
    assert capfd.readouterr().err == "a reason\n"


def test_a_flood_does_not_block() -> None:
    written = 0
    with quiet(), suppress(BlockingIOError):
        for _ in range(100):
            written += os.write(2, b"INFO: " + b"x" * 10_000 + b"\n")
    assert 0 < written < 1_000_000


def test_runtimes_made_at_once_say_nothing(small: Bundle, capfd: pytest.CaptureFixture[str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: Runtime(small), range(8)))
    os.write(2, b"still there\n")
    assert capfd.readouterr().err == "still there\n"
