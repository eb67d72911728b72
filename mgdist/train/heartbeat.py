"""A worker's heartbeat, which each forward pass gives."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from mgdist.train import group, watchdog
from mgdist.train.events import note


class Heartbeat:
    """Keeps this process alive for as long as it is heard.

    Args:
        seconds: of silence after which this process is killed.
        notes: file of events, which then gets a line for people.
    """

    def __init__(self, seconds: float, notes: Path) -> None:
        worker = f"worker {group.rank()}"
        texts = {
            "hung": f"{worker} took no step for {seconds:g} s, and was ended",
            "memory": f"{worker} is gone, and the kernel has killed for want of memory",
        }
        lines = [f"{kind}={json.dumps(note(kind, text))}" for kind, text in texts.items()]
        command = [sys.executable, "-S", "-E", watchdog.__file__, str(os.getpid()), str(seconds), str(notes), *lines]
        # In a session of its own: Ray ends the process group of a worker that is gone, before what it ended by is told.
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        self._every = min(1.0, seconds / 10)
        self._last = 0.0

    def beat(self, *_: Any) -> None:
        """Tell that there is progress; a hook of a module."""
        now = time.monotonic()
        if now - self._last >= self._every and self._process.stdin is not None:
            self._last = now
            os.write(self._process.stdin.fileno(), b".")

    def stop(self) -> None:
        """Silence is no bad sign from here on."""
        if self._process.stdin is not None:
            os.write(self._process.stdin.fileno(), watchdog.FAREWELL)
            self._process.stdin.close()
        self._process.wait()


@contextmanager
def heard(modules: list[nn.Module], seconds: float, notes: Path) -> Iterator[None]:
    """End this process where none of some modules is called for too long, while the block works."""
    heartbeat = Heartbeat(seconds, notes)
    hooks = [module.register_forward_pre_hook(heartbeat.beat) for module in modules]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
        heartbeat.stop()
