"""Following a run: the events of its stages, as they are written."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from mgdist.storage import Storage

EVENTS = "events.jsonl"
TELLING, TUNING = ("search", "train"), "tune_"
"""Stages that tell more than their beginning and their end, and how those begin that fine-tune what was pruned."""
Event = dict[str, Any]


class Follower:
    """Reads what was added to a run's event files since it was last asked.

    What a stage tells is read once the stage was begun: a stage that is kept brings along what it told long ago.
    """

    def __init__(self, folder: Storage) -> None:
        self._folder = folder
        self._read: dict[str, int] = {}
        self._begun: set[str] = set()

    def skip(self) -> None:
        """Pass over all that is there already."""
        for _ in self.news():
            pass

    def news(self) -> Iterator[Event]:
        """Yield the events that were added, each file in its order; a half-written line waits.

        What a stage tells says which stage that is.
        """
        for event in self._added(EVENTS):
            if event["event"] == "stage":
                if event.get("state") == "done":
                    yield from self._told_by(event["stage"])
                self._note(event)
            yield event
        for stage in sorted(self._begun):
            yield from self._told_by(stage)

    def _told_by(self, stage: str) -> Iterator[Event]:
        if stage in self._begun and (stage in TELLING or stage.startswith(TUNING)):
            yield from ({**event, "stage": stage} for event in self._added(f"{stage}/metrics.jsonl"))

    def _note(self, event: Event) -> None:
        match event:
            case {"stage": stage, "state": "started"}:
                self._begun.add(stage)
            case {"stage": stage, "state": "kept"}:
                self._begun.discard(stage)

    def _added(self, name: str) -> Iterator[Event]:
        lines: list[bytes] = []
        with suppress(OSError):  # it is not there yet, or was cleared for new work a moment ago
            start = self._read.pop(name, 0)
            added = self._folder.tail(name, start)
            if added is None and start:  # it was begun anew
                start, added = 0, self._folder.tail(name, 0)
            if added is not None:
                *lines, rest = added.split(b"\n")
                self._read[name] = start + len(added) - len(rest)
        for line in lines:
            with suppress(ValueError):  # a line that a full disk cut off, with the next one behind it
                event = json.loads(line)
                if isinstance(event, dict) and "event" in event:
                    yield event
