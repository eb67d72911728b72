"""Following a run: the events of its stages, as they are written."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FILES = ("events.jsonl", "search/metrics.jsonl", "train/metrics.jsonl")
Event = dict[str, Any]


class Follower:
    """Reads what was added to a run's event files since it was last asked."""

    def __init__(self, folder: Path) -> None:
        self._read = {folder / name: 0 for name in FILES}

    def skip(self) -> None:
        """Pass over all that is there already."""
        for _ in self.news():
            pass

    def news(self) -> Iterator[Event]:
        """Yield the events that were added, each file in its order; a half-written line waits."""
        for path, start in self._read.items():
            if not path.is_file():
                self._read[path] = 0
                continue
            with path.open("rb") as file:
                size = file.seek(0, 2)
                file.seek(start if size >= start else 0)
                *lines, rest = file.read().split(b"\n")
                self._read[path] = file.tell() - len(rest)
            for line in lines:
                if line.strip():
                    yield json.loads(line)
