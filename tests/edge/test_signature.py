import os
import subprocess
import sys
from pathlib import Path

import pytest

from mgdist_edge import load
from mgdist_edge.bundle import Bundle
from mgdist_edge.cli import main
from mgdist_edge.errors import BundleError, EdgeError
from tests.edge.damage import Pieces, sealed
from tests.edge.keys import Pair

SEAL = 197


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Pair:
    return Pair(tmp_path_factory.mktemp("maker"))


@pytest.fixture(scope="module")
def signed(small: Bundle, maker: Pair, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return maker.signed(small.path, tmp_path_factory.mktemp("signed") / "signed.tflite")


def refused(path: Path, keys: Path) -> str:
    with pytest.raises((BundleError, EdgeError)) as caught:
        Bundle.open(path, keys)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_a_signed_bundle_answers_as_before(small: Bundle, signed: Path, maker: Pair) -> None:
    text = "Return the array."
    asked = load(small.path).predict(text).probabilities
    assert load(signed).predict(text).probabilities == asked
    assert load(signed, require_signature=maker.public).predict(text).probabilities == asked
    opened = Bundle.open(signed, maker.public)
    assert opened.manifest == small.manifest
    assert opened.signer == maker.id


def test_every_bit_of_the_last_bytes_counts(signed: Path, tmp_path: Path) -> None:
    whole, path = signed.read_bytes(), tmp_path / "damaged.tflite"
    for bit in range(0, 8 * (22 + SEAL), 3):  # each bit of a byte is reached within three bytes
        content = bytearray(whole)
        content[-1 - bit // 8] ^= 1 << bit % 8
        path.write_bytes(content)
        with pytest.raises(BundleError):
            Bundle.open(path)


def test_an_unsigned_bundle_is_refused_where_a_signature_is_asked_for(small: Bundle, maker: Pair) -> None:
    assert refused(small.path, maker.public) == (
        f"{small.path}: expected a bundle signed with {maker.public}; got one without a signature; "
        "let its maker sign it: mgdist sign BUNDLE --key"
    )


def test_a_bundle_of_another_maker_is_refused(small: Bundle, maker: Pair, tmp_path: Path) -> None:
    stranger = Pair(tmp_path, "stranger")
    path = stranger.signed(small.path, tmp_path / "strange.tflite")
    assert refused(path, maker.public) == (
        f"{path}: expected a bundle signed with {maker.public}; got one that claims key {stranger.id}, "
        f"and not the signature of {maker.id}; do not use it, or trust another key"
    )


def test_a_new_key_can_follow_an_old_one(signed: Path, maker: Pair, tmp_path: Path) -> None:
    follower = Pair(tmp_path, "follower")
    both = tmp_path / "trusted.pub"
    both.write_bytes(follower.public.read_bytes() + maker.public.read_bytes())
    assert Bundle.open(signed, both).signer == maker.id
    assert "claims key" in refused(signed, follower.public)


def test_a_model_that_was_exchanged_under_a_right_seal_is_refused(signed: Path, maker: Pair, tmp_path: Path) -> None:
    from hashlib import sha256

    pieces, whole = Pieces.of(signed), signed.read_bytes()
    other = bytearray(pieces.model)
    other[len(other) // 2] ^= 1
    unsigned = Pieces(bytes(other), pieces.members).with_member("labels.txt", pieces.members["labels.txt"]).packed()
    path = tmp_path / "forged.tflite"
    path.write_bytes(unsigned)
    assert "got one without a signature" in refused(path, maker.public)
    # With the old signature under it, and all hashes right.
    content = unsigned[:-89] + SEAL.to_bytes(2, "little") + whole[-SEAL:-64]
    path.write_bytes(content + sha256(content).hexdigest().encode())
    assert Bundle.open(path).signer == maker.id, "nobody asked for more than a claim"
    assert f"got one that claims key {maker.id}, and not the signature of {maker.id}" in refused(path, maker.public)


def test_a_signature_is_checked_before_anything_in_the_archive(maker: Pair, signed: Path, tmp_path: Path) -> None:
    pieces = Pieces.of(signed)
    path = tmp_path / "nonsense.tflite"
    path.write_bytes(Pieces(pieces.model, {**pieces.members, "manifest.json": b"[" * 100_000}).packed())
    assert "got one without a signature" in refused(path, maker.public)
    path.write_bytes(sealed(pieces.model, b"", 0))
    assert "got one without a signature" in refused(path, maker.public)


def test_an_older_reader_asks_for_an_upgrade(signed: Path) -> None:
    import re

    # What a reader of the first format looks for, and where.
    found = re.search(rb"mgdist-bundle-([1-9][0-9]{0,8}) [ -~]*\Z", signed.read_bytes()[-200:])
    assert found is not None
    assert found[1] == b"2"


def test_the_signature_can_be_checked_by_hand(signed: Path, maker: Pair, tmp_path: Path) -> None:
    import base64
    from hashlib import sha256

    whole = signed.read_bytes()
    place = whole.rindex(b" ed25519=") + len(b" ed25519=")
    (tmp_path / "message").write_bytes(b"mgdist-bundle-2 sha256=" + sha256(whole[:place]).hexdigest().encode())
    (tmp_path / "signature").write_bytes(base64.b64decode(whole[place : place + 88]))
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", maker.public]
    told = subprocess.run(
        [*command, "-sigfile", tmp_path / "signature", "-in", tmp_path / "message"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.stdout == "Signature Verified Successfully\n"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (None, "expected a public key that can be read; got: No such file or directory"),
        (b"a key", "expected an Ed25519 public key in PEM; got something else; make one: mgdist keys new"),
        (
            b"-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
            "expected an Ed25519 public key in PEM; got something else; make one: mgdist keys new",
        ),
        ("rsa", "expected an Ed25519 public key in PEM; got something else; make one: mgdist keys new"),
        ("private", "expected a public key; got a private one; give the .pub file, and keep the private key off"),
    ],
)
def test_a_wrong_key_is_told(signed: Path, maker: Pair, tmp_path: Path, content: bytes | str | None, line: str) -> None:
    path = tmp_path / "a.pub"
    match content:
        case bytes():
            path.write_bytes(content)
        case "rsa":
            subprocess.run(["openssl", "genrsa", "-out", tmp_path / "a.rsa"], capture_output=True, check=True)
            command = ["openssl", "rsa", "-in", tmp_path / "a.rsa", "-pubout", "-out", path]
            subprocess.run(command, capture_output=True, check=True)
        case "private":
            path = maker.private
    assert refused(signed, path).startswith(f"{path}: {line}")


def test_every_verb_that_opens_a_bundle_asks_for_the_signature(
    small: Bundle, signed: Path, maker: Pair, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.jsonl").write_text('"a"\n')
    verbs = {"predict": ["--text", "a"], "bench": ["--file", f"{tmp_path}/a.jsonl"], "selftest": [], "show": []}
    for verb, more in verbs.items():
        keys = ["--require-signature", str(maker.public)]
        assert main([verb, str(signed), *more, *keys]) == 0
        capfd.readouterr()
        assert main([verb, str(small.path), *more, *keys]) == 2
        assert "; got one without a signature; " in capfd.readouterr().err


def test_without_cryptography_nothing_is_taken_for_signed(signed: Path, maker: Pair, tmp_path: Path) -> None:
    (tmp_path / "cryptography").mkdir()
    (tmp_path / "cryptography" / "__init__.py").write_text("raise ImportError")
    edge = Path(__file__).parents[2] / "edge"
    command = [sys.executable, "-m", "mgdist_edge", "show", signed]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{edge}"}
    assert subprocess.run(command, env=environment, capture_output=True, check=True).stderr == b""
    done = subprocess.run(
        [*command, "--require-signature", maker.public], env=environment, capture_output=True, text=True, check=False
    )
    line = "expected the package cryptography to check signatures; got none; pip install 'mgdist-edge[sign]'"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"mgdist-edge: {line}\n")
