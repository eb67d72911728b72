"""The seal: the archive's comment, the last bytes of a bundle, by which the whole file is proved.

::

    mgdist-bundle-1 sha256=HEX
    mgdist-bundle-2 key=ID ed25519=BASE64 sha256=HEX

The first is of an unsigned bundle, and its hash is of all bytes before the end record. The second is of a signed one:
its hash is of all bytes before the hash itself, and the signature of all bytes before the signature, so that of both
together no byte of the file is left out. A reader that knows the first only tells the second from its number.
"""

import base64
import os
import re
from dataclasses import dataclass
from hashlib import sha256
from io import BufferedIOBase

from mgdist_edge.archive import LARGEST, End, end_size, pack_end, read_end
from mgdist_edge.errors import BundleError
from mgdist_edge.manifest import require_known

NEWEST = 2
"""Version of the seal; a newer one is refused."""

_ANY = re.compile(rb"mgdist-bundle-([1-9][0-9]{0,8}) [ -~]*\Z")
_UNSIGNED = re.compile(rb"mgdist-bundle-1 sha256=([0-9a-f]{64})\Z")
_SIGNED = re.compile(rb"mgdist-bundle-2 key=([0-9a-f]{8}) ed25519=([A-Za-z0-9+/]{86}==) sha256=([0-9a-f]{64})\Z")
_LONGEST = 200
"""Bytes of a seal at most: where its beginning is looked for."""
_UNSIGNED_SIZE, _SIGNED_SIZE, _HEX = 87, 197, 64
_AFTER_SIGNATURE = 88 + len(" sha256=") + _HEX


@dataclass(frozen=True)
class Signature:
    """A signature that a file carries; whose it is, is only claimed.

    Attributes:
        key: the first digits of the key's hash; see ``signature.key_id``.
        value: 64 bytes of Ed25519.
        end: it is of the bytes before this place of the file.
    """

    key: str
    value: bytes
    end: int


@dataclass(frozen=True)
class Seal:
    """What the last bytes of a file say.

    Attributes:
        sha256: of all bytes before ``sealed``.
        sealed: a place in the file.
        signature: of a signed bundle.
        end: the archive's end record.
        place: where that begins in the file.
    """

    sha256: str
    sealed: int
    signature: Signature | None
    end: End
    place: int

    @property
    def signer(self) -> str | None:
        """Id of the key that signed it, as it claims; None of an unsigned bundle."""
        return None if self.signature is None else self.signature.key


def seal(digest: str) -> bytes:
    """Return the archive's comment in an unsigned bundle, for the sha256 of all bytes before the end record."""
    return f"mgdist-bundle-1 sha256={digest}".encode()


def message(digest: str) -> bytes:
    """Return what is signed, for the sha256 of all bytes before the signature."""
    return f"mgdist-bundle-2 sha256={digest}".encode()


def before_signature(end: End, key: str) -> bytes:
    """Return the end record and the comment of a bundle that will be signed, up to the signature."""
    return pack_end(end, bytes(_SIGNED_SIZE))[: end_size(0)] + f"mgdist-bundle-2 key={key} ed25519=".encode()


def signed(content: bytes, signature: bytes) -> bytes:
    """Return a whole file.

    Args:
        content: all bytes before the signature.
        signature: 64 bytes of Ed25519.
    """
    content += base64.b64encode(signature) + b" sha256="
    return content + sha256(content).hexdigest().encode()


def read_seal(file: BufferedIOBase, size: int) -> Seal:
    """Return the seal of a file, which nothing is proved by yet.

    Raises:
        BundleError: the file is not a bundle, is cut short, or is newer than this runtime.
    """
    file.seek(4)
    if file.read(4) != b"TFL3":
        raise BundleError("expected a bundle of mgdist, which is a TFLite model; got another kind of file")
    if size > LARGEST:
        raise BundleError(f"expected at most {LARGEST} bytes; got {size}")
    tail = _last(file, _LONGEST)
    found = _ANY.search(tail)
    if found is None:
        advice = "copy it again, or make a bundle with mgdist"
        raise BundleError(f"expected a bundle of mgdist; got a TFLite model without one, or a file cut short; {advice}")
    require_known(int(found[1]), NEWEST)
    comment = _UNSIGNED_SIZE if found[1] == b"1" else _SIGNED_SIZE
    place = size - end_size(comment)
    end = read_end(_last(file, end_size(comment)), comment, place)
    if match := _UNSIGNED.search(tail):
        return Seal(match[1].decode(), place, None, end, place)
    if match := _SIGNED.search(tail):
        given = Signature(match[1].decode(), base64.b64decode(match[2]), size - _AFTER_SIGNATURE)
        return Seal(match[3].decode(), size - _HEX, given, end, place)
    raise BundleError("expected the bytes that were written; got a damaged file: its seal is broken; copy it again")


def _last(file: BufferedIOBase, count: int) -> bytes:
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - count))
    return file.read(count)
