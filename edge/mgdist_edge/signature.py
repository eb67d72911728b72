"""Whose bundle it is: Ed25519 signatures (RFC 8032), checked before anything in the file is believed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from mgdist_edge.errors import BundleError, EdgeError
from mgdist_edge.seal import Signature, message

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

_LONGEST = 2**16
_PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----")


@dataclass(frozen=True)
class PublicKeys:
    """The keys that a device trusts: those of one file.

    Attributes:
        path: of the file.
        keys: by their id. Where there are several, any of them will do, so that a new key can follow an old one.
    """

    path: Path
    keys: "Mapping[str, Ed25519PublicKey]"

    @classmethod
    def read(cls, path: str | Path) -> "PublicKeys":
        """Read a file of one or several public keys in PEM, as ``mgdist keys new`` writes them.

        Raises:
            EdgeError: it cannot be read, holds something else, or the package cryptography is not installed.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                raw = file.read(_LONGEST)
        except OSError as error:
            raise EdgeError(f"{path}: expected a public key that can be read; got: {error.strerror}") from None
        if b"PRIVATE KEY-----" in raw:
            advice = "give the .pub file, and keep the private key off devices"
            raise EdgeError(f"{path}: expected a public key; got a private one; {advice}")
        found = [_read_key(path, pem) for pem in _PEM.findall(raw)]
        if not found:
            raise _no_key(path)
        return cls(path, {key_id(each.public_bytes_raw()): each for each in found})

    def require(self, signature: Signature | None, digest: str) -> None:
        """Refuse a file that none of these keys signed.

        Args:
            signature: that the file carries; None where it carries none.
            digest: sha256 of the bytes that it must be of.

        Raises:
            BundleError: it is not signed, or by another key.
        """
        asked = f"expected a bundle signed with {self.path}"
        if signature is None:
            raise BundleError(f"{asked}; got one without a signature; let its maker sign it: mgdist sign BUNDLE --key")
        from cryptography.exceptions import InvalidSignature

        for key in self.keys.values():
            try:
                key.verify(signature.value, message(digest))
            except InvalidSignature:
                continue
            return
        got = f"one that claims key {signature.key}, and not the signature of {' or '.join(self.keys)}"
        raise BundleError(f"{asked}; got {got}; do not use it, or trust another key")


def key_id(public: bytes) -> str:
    """Return the short name of a public key, 32 bytes: the first digits of its sha256."""
    return sha256(public).hexdigest()[:8]


def _read_key(path: Path, pem: bytes) -> "Ed25519PublicKey":
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
        from cryptography.hazmat.primitives.serialization import load_pem_public_key
    except ImportError:
        advice = "pip install 'mgdist-edge[sign]'"
        raise EdgeError(f"expected the package cryptography to check signatures; got none; {advice}") from None
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise _no_key(path) from None
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(path)
    return key


def _no_key(path: Path) -> EdgeError:
    return EdgeError(f"{path}: expected an Ed25519 public key in PEM; got something else; make one: mgdist keys new")
