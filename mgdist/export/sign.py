"""Keys, and signatures of bundles: who made a file, for devices that take nothing from anybody else."""

import os
from hashlib import sha256
from io import BytesIO
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from mgdist.errors import ConvertError, JobError
from mgdist.job.spec import Job
from mgdist.runs import write
from mgdist_edge.bundle import Bundle
from mgdist_edge.errors import BundleError
from mgdist_edge.seal import before_signature, message, read_seal, signed
from mgdist_edge.signature import key_id

NAME = "mgdist.key"
"""Of a private key whose name nobody stated."""


def new_keys(place: Path) -> tuple[Path, Path, str]:
    """Make a pair of Ed25519 keys; return the files of the private and the public one, and the id of both.

    Args:
        place: a folder that is there, or the file of the private key, such as ``release.key``; the public key is
            written beside it as ``release.pub``.

    Raises:
        JobError: one of the files is there already, or cannot be written.
    """
    private = place / NAME if place.is_dir() else place
    public = private.with_suffix(".pub")
    if private == public:
        raise JobError(f"{place}: expected a name for the private key; got that of a public one; say NAME.key")
    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    open_ = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for path, content, mode in ((private, secret, 0o600), (public, open_, 0o644)):
        _write_new(path, content, mode)
    return private, public, key_id(key.public_key().public_bytes_raw())


def _write_new(path: Path, content: bytes, mode: int) -> None:
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:  # noqa: PTH123
            file.write(content)
    except FileExistsError:
        raise JobError(f"{path}: expected no file there; got one, maybe a key in use; give another name") from None
    except OSError as error:
        raise JobError(f"{path}: expected to write a key there; got: {error.strerror}") from None


def read_key(path: Path) -> Ed25519PrivateKey:
    """Read a private key.

    Raises:
        JobError: the file cannot be read, or holds no Ed25519 private key in PEM without a password.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise JobError(f"{path}: expected a private key that can be read; got: {error.strerror}") from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        expected = "an Ed25519 private key in PEM, without a password"
        raise JobError(f"{path}: expected {expected}; got something else; make one: mgdist keys new")
    return key


def require_key(job: Job) -> None:
    """Refuse a job whose key cannot be read, before anything is trained.

    Raises:
        JobError: as :func:`read_key`.
    """
    if job.run.key is not None:
        read_key(Path(job.run.key))


def sign(path: Path, key: Path, destination: Path | None = None) -> Bundle:
    """Sign a bundle, as a whole or not at all; an earlier signature is replaced, and nothing else changes.

    Args:
        path: of the bundle.
        key: file of the private key.
        destination: of the signed file; None: that of the bundle.

    Raises:
        JobError: the key cannot be read.
        ConvertError: the file is no whole bundle, or cannot be written.
    """
    private = read_key(key)
    try:
        Bundle.open(path)
        content = signed_bytes(path.read_bytes(), private)
        write(destination or path, content)
        return Bundle.open(destination or path)
    except BundleError as error:
        raise ConvertError(f"{error}; nothing was signed") from None
    except OSError as error:
        raise ConvertError(f"{destination or path}: expected to write there; got: {error.strerror}") from None


def signed_bytes(raw: bytes, private: Ed25519PrivateKey) -> bytes:
    """Return the bytes of a whole bundle with a signature."""
    seal = read_seal(BytesIO(raw), len(raw))
    content = raw[: seal.place] + before_signature(seal.end, key_id(private.public_key().public_bytes_raw()))
    return signed(content, private.sign(message(sha256(content).hexdigest())))
