"""A mirror: the folder of a run on this machine, and the same in storage that other machines see.

Work is done on the local disk. What changed goes up when a stage is done and every few seconds, receipts last, so that
what storage holds is always a run that can be continued. A machine that goes on with a run brings it down first.
"""

import json
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from mgdist.errors import RunError, named_line
from mgdist.storage import Storage

AWAY = 120.0
"""Seconds that storage may be away before a stage's end fails."""
AGAIN = 2.0
"""Seconds between two attempts."""
State = tuple[int, int]
"""Bytes of a file, and when it was changed."""


@dataclass
class Mirror:
    """All runs of one name.

    Attributes:
        storage: where other machines see them.
        local: where they are worked on.
        last: names of the files that are pushed behind all others of their folder, such as receipts.
    """

    storage: Storage
    local: Path
    last: tuple[str, ...]
    _pushed: dict[str, State] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)
    _lock: Any = field(default_factory=Lock)

    def bring_small(self, name: str) -> None:
        """Bring a file of each run, such as its job, where it is not here yet."""
        for found in self.storage.glob(f"*/{name}"):
            if not (self.local / found).exists():
                self.storage.get(found, self.local / found)

    def told(self, run: str, name: str) -> dict[str, Any]:
        """Return what a JSON file of a run says in storage; empty where there is none."""
        with suppress(ValueError):
            found = json.loads((self.storage / run).read(name) or b"{}")
            return found if isinstance(found, dict) else {}
        return {}

    def pull(self, run: str) -> None:
        """Let the run here be what it is in storage."""
        remote = self.storage / run
        shutil.rmtree(self.local / run, ignore_errors=True)
        for name in self._ordered(list(remote.sizes())):
            remote.get(name, self.local / run / name)
            self._pushed[f"{run}/{name}"] = _state(self.local / run / name)

    def push(self, run: str) -> None:
        """Let storage hold what is here: what is new, without what is gone. What is half written stays here."""
        with self._lock:
            folder, remote = self.local / run, self.storage / run
            if run not in self._seen:  # by this process; what an earlier one pushed may be gone here
                self._seen.add(run)
                unknown = {f"{run}/{name}": (size, 0) for name, size in remote.sizes().items()}
                self._pushed = unknown | self._pushed
            here = {str(path.relative_to(folder)): path for path in folder.rglob("*") if _is_whole(path, folder)}
            for name in self._ordered(list(here)):
                with suppress(FileNotFoundError):  # it was there a moment ago
                    state = _state(here[name])
                    if self._pushed.get(f"{run}/{name}") != state:
                        remote.put(here[name], name)
                        self._pushed[f"{run}/{name}"] = state
            for key in [key for key in self._pushed if key.startswith(f"{run}/")]:
                if key.removeprefix(f"{run}/") not in here:
                    remote.remove(key.removeprefix(f"{run}/"))
                    del self._pushed[key]

    def push_surely(self, run: str) -> None:
        """Push, and wait for storage that is away.

        Raises:
            RunError: it is away for too long.
        """
        until = time.monotonic() + AWAY
        while True:
            try:
                self.push(run)
                return
            except Exception as error:
                if time.monotonic() > until:
                    raise RunError(
                        f"{self.storage.address}: has been away for {AWAY:.0f} s: {named_line(error)}; see "
                        "to it, then submit again: finished stages are kept"
                    ) from error
            time.sleep(AGAIN)

    def _ordered(self, names: list[str]) -> list[str]:
        return sorted(names, key=lambda name: (name.rpartition("/")[2] in self.last, name))


def _is_whole(path: Path, folder: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
    return path.is_file() and not path.is_symlink() and not hidden


def _state(path: Path) -> State:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
