"""The bundle: one .tflite file with all that a device needs, checked before any interpreter sees it.

A damaged flatbuffer can crash a process or, worse, answer wrongly, so the file is proved whole first: its archive's
comment seals every byte before it, and its manifest holds the hash of each part. Where a signature is asked for, that
is checked before anything in the archive is read.
"""

import hashlib
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from io import BufferedIOBase
from pathlib import Path

from mgdist_edge.archive import Member, damaged, pack, read_directory
from mgdist_edge.errors import BundleError
from mgdist_edge.fields import Fields
from mgdist_edge.golden import Golden, read_golden
from mgdist_edge.manifest import Manifest, parse_manifest, read_manifest, read_parts
from mgdist_edge.seal import Seal, read_seal
from mgdist_edge.signature import PublicKeys

LIMITS = {
    "manifest.json": 16 * 2**20,
    "tokenizer.json": 512 * 2**20,
    "labels.txt": 16 * 2**20,
    "golden.json": 64 * 2**20,
    "README.md": 2**20,
}
"""The members of the archive, in the order of the file, and the bytes that each may have. Where a bundle has several
inputs, each that reads text has a tokenizer of its own: ``tokenizer.title.json``."""

_REQUIRED = ("manifest.json", "labels.txt", "golden.json")
_CHUNK = 2**20


@dataclass(frozen=True)
class Bundle:
    """A bundle that was opened and found whole.

    Attributes:
        path: of the file.
        size: its bytes.
        manifest: what it says of itself.
        golden: examples to prove a device right.
        readme: the model card, in Markdown.
        sha256: of the file, as its seal says.
        signer: id of the key that it claims to be signed with; None of an unsigned one. It was proved if
            a signature was asked for.
        version: which file it was: device, inode, bytes, time of change.
    """

    path: Path
    size: int
    manifest: Manifest
    golden: Golden
    readme: str | None
    sha256: str
    signer: str | None
    version: tuple[int, int, int, int]

    @classmethod
    def open(cls, path: str | Path, require_signature: str | Path | None = None) -> "Bundle":
        """Open and check a file.

        Args:
            path: of the file.
            require_signature: file of public keys, one of which must have signed it; None: none need have.

        Raises:
            BundleError: it cannot be read, is damaged, is not a bundle, is newer than this runtime, or is not signed
                with such a key.
            EdgeError: the keys cannot be read.
        """
        path = Path(path)
        keys = None if require_signature is None else PublicKeys.read(require_signature)
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise BundleError(f"expected a file; got {'a directory' if path.is_dir() else 'something else'}")
            with path.open("rb") as file:
                return cls(path, *examine(file, keys), _version(file.fileno()))
        except OSError as error:
            raise BundleError(f"{path}: expected a bundle that can be read; got: {error.strerror}") from None
        except BundleError as error:
            raise BundleError(f"{path}: {error}") from None

    def require_unchanged(self) -> None:
        """Refuse the file if it was replaced since it was checked.

        Raises:
            BundleError: it is another file now.
        """
        if _version(self.path) != self.version:
            raise BundleError(f"{self.path}: expected the file that was checked; got another one; load it again")


def _version(file: int | Path) -> tuple[int, int, int, int]:
    found = os.stat(file)  # noqa: PTH116 -- of an open file too
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def examine(
    file: BufferedIOBase, keys: PublicKeys | None = None
) -> tuple[int, Manifest, Golden, str | None, str, str | None]:
    """Return the size of a file, its manifest, golden examples, model card, hash and signer, all checked.

    Raises:
        BundleError: it is damaged, is not a bundle, is newer than this runtime, or none of the keys signed it.
    """
    size = file.seek(0, os.SEEK_END)
    seal = read_seal(file, size)
    end = seal.end
    members = read_directory(_bytes(file, end.directory, end.size), end, LIMITS)
    start = members[0].header if members else end.directory
    if not 0 < start <= end.directory:
        raise damaged("its archive begins nowhere")
    model = _require_seal(file, start, seal, keys)
    parts = _unpack(_bytes(file, start, end.directory + end.size - start), members, start)
    fields = parse_manifest(parts["manifest.json"])
    _require_parts(fields, parts, start, model)
    manifest = read_manifest(fields, parts)
    _require_labels(parts["labels.txt"], manifest)
    readme = parts["README.md"].decode("utf-8", "replace") if "README.md" in parts else None
    return size, manifest, _golden(parts, manifest), readme, seal.sha256, seal.signer


def _golden(parts: Mapping[str, bytes], manifest: Manifest) -> Golden:
    return read_golden(parts["golden.json"], tuple(manifest.inputs), manifest.tasks)


def _bytes(file: BufferedIOBase, start: int, count: int) -> bytes:
    file.seek(start)
    return file.read(count)


def _require_seal(file: BufferedIOBase, start: int, seal: Seal, keys: PublicKeys | None) -> str:
    """Hash the file once, in small pieces; return the hash of the model, which ends at byte ``start``."""
    file.seek(0)
    running = hashlib.sha256()
    _hash(file, running, start)
    model = running.hexdigest()
    covered = seal.signature.end if seal.signature else start
    _hash(file, running, covered - start)
    digest = running.hexdigest()
    _hash(file, running, seal.sealed - covered)
    if running.hexdigest() != seal.sha256:
        raise damaged(f"its sha256 is {running.hexdigest()[:12]}..., and its seal says {seal.sha256[:12]}...")
    if keys is not None:
        keys.require(seal.signature, digest)
    return model


def _hash(file: BufferedIOBase, running: "hashlib._Hash", count: int) -> None:
    while count > 0 and (chunk := file.read(min(_CHUNK, count))):
        running.update(chunk)
        count -= len(chunk)


def _unpack(raw: bytes, members: list[Member], start: int) -> dict[str, bytes]:
    """Return the members by name; the archive must be, to the byte, the one that ``pack`` makes of them."""
    parts = {each.name: raw[each.begins - start : each.begins - start + each.size] for each in members}
    if b"".join(pack(parts, start)) != raw:
        raise damaged("its archive is not laid out as mgdist writes it")
    for name in _REQUIRED:
        if name not in parts:
            raise BundleError(f"expected {name} in its archive; got none; make the bundle again")
    return parts


def _require_parts(fields: Fields, parts: Mapping[str, bytes], model_size: int, model_hash: str) -> None:
    """Refuse parts that are not those of the manifest."""
    found = {name: (len(part), hashlib.sha256(part).hexdigest()) for name, part in parts.items()}
    found["model"] = (model_size, model_hash)
    del found["manifest.json"]
    listed = {name: (part.bytes, part.sha256) for name, part in read_parts(fields).items()}
    for name in sorted(found.keys() | listed.keys()):
        if name not in found:
            raise BundleError(f"expected {name} in its archive; got none; make the bundle again")
        if found.get(name) != listed.get(name):
            raise BundleError(f"expected the {name} that its manifest lists; got another one; make the bundle again")


def _require_labels(raw: bytes, manifest: Manifest) -> None:
    if raw != "\n".join(manifest.labels).encode():
        raise BundleError("labels.txt: expected the labels of the manifest; got others; make the bundle again")
