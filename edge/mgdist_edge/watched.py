"""What a watch remembers from one look to the next."""

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from mgdist_edge.download import Seen
from mgdist_edge.durable import write

_UTC = timezone(timedelta())
NEVER = datetime.min.replace(tzinfo=_UTC)


@dataclass(frozen=True)
class Memory:
    """What is remembered from one look to the next, beside the versions.

    Attributes:
        source: that it is of.
        seen: what its server said of the last file, once it is known what to do with that.
        newest: when the newest version that was ever taken was made, in ISO 8601.
        refused: sha256 of the last file that was refused.
    """

    source: str
    seen: Seen = field(default_factory=Seen)
    newest: str | None = None
    refused: str | None = None

    @classmethod
    def read(cls, path: Path, source: str) -> "Memory":
        """Return what is remembered; nothing where that is damaged, and of another source only what was taken."""
        try:
            fields = json.loads(path.read_bytes())
            found = cls(fields["source"], Seen(**fields["seen"]), fields["newest"], fields["refused"])
            when(found.newest or "2026-01-01")
        except (OSError, ValueError, TypeError, KeyError):
            return cls(source)
        return found if found.source == source else cls(source, newest=found.newest)

    def write(self, path: Path) -> None:
        """Remember this from now on."""
        write(path, json.dumps(asdict(self)).encode())


def when(created: str) -> datetime:
    """Return a time that is in ISO 8601; of UTC where it names no zone.

    Raises:
        ValueError: it is not.
    """
    found = datetime.fromisoformat(created.replace("Z", "+00:00"))
    return found if found.tzinfo else found.replace(tzinfo=_UTC)
