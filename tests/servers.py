"""Servers on the loopback, as processes that end with a test."""

import os
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
OWN = ROOT / ".venv" / "servers" / "bin"
"""Their programs, in an environment of their own, since they want other versions than mgdist."""


@contextmanager
def served(command: Sequence[str | Path], url: str, seconds: float = 60) -> Iterator[subprocess.Popen[bytes]]:
    """Start a server, and give it once it answers at an address."""
    silent = subprocess.DEVNULL
    server = subprocess.Popen(command, stdout=silent, stderr=silent, start_new_session=True)
    try:
        until = time.monotonic() + seconds
        while True:
            with suppress(OSError):
                urllib.request.urlopen(url, timeout=5).close()
                break
            assert server.poll() is None, "the server has ended"
            assert time.monotonic() < until
            time.sleep(0.1)
        yield server
    finally:
        end(server)


def end(server: subprocess.Popen[bytes]) -> None:
    """End a server and the processes that it has started."""
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()
