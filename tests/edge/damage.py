"""Take a bundle apart and put it together again, wrong in one place and right in all others."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

from mgdist_edge.archive import End, pack, pack_end
from mgdist_edge.seal import seal


@dataclass(frozen=True)
class Pieces:
    """The flatbuffer and the members of a bundle."""

    model: bytes
    members: Mapping[str, bytes]

    @classmethod
    def of(cls, path: Path) -> "Pieces":
        with ZipFile(path) as file:
            members = {name: file.read(name) for name in file.namelist()}
            start = file.infolist()[0].header_offset
        return cls(path.read_bytes()[:start], members)

    def packed(self) -> bytes:
        """Return a file with the right seal, whatever is in it."""
        body, directory = pack(self.members, len(self.model))
        return sealed(self.model + body, directory, len(self.members))

    def with_member(self, name: str, data: bytes) -> "Pieces":
        """Return it with another member, whose hash the manifest holds."""
        return Pieces(self.model, {**self.members, name: data}).listed()

    def with_manifest(self, change: Callable[[dict], object]) -> "Pieces":
        """Return it with another manifest."""
        manifest = json.loads(self.members["manifest.json"])
        change(manifest)
        return Pieces(self.model, {**self.members, "manifest.json": json.dumps(manifest).encode()})

    def listed(self) -> "Pieces":
        parts = {"model": self.model, **self.members}
        del parts["manifest.json"]
        listed = {name: {"bytes": len(p), "sha256": hashlib.sha256(p).hexdigest()} for name, p in parts.items()}
        return self.with_manifest(lambda manifest: manifest.update(parts=listed))


def sealed(front: bytes, directory: bytes, members: int) -> bytes:
    """Close a file whose directory stands behind ``front``."""
    content = front + directory
    return content + pack_end(End(members, len(front), len(directory)), seal(hashlib.sha256(content).hexdigest()))
