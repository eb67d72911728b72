"""The page refuses what Python refuses, with the same words, and opens what Python opens."""

import base64
import re
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from mgdist_edge.archive import End, pack, pack_end
from mgdist_edge.bundle import Bundle
from mgdist_edge.errors import BundleError
from tests.edge.damage import Pieces
from tests.edge.damages import cut_short, exchanged, extended, flipped, overwritten, zeroed_tail
from tests.edge.keys import Pair
from tests.web.port import ask

HARMS = (flipped, cut_short, zeroed_tail, extended, exchanged, overwritten)
EACH = 25


def refusals(contents: list[bytes], folder: Path) -> tuple[list[str], list[str]]:
    """Return with which lines Python and the page refuse some files."""
    path, here = folder / "file", []
    for content in contents:
        path.write_bytes(content)
        with pytest.raises(BundleError) as caught:
            Bundle.open(path)
        here.append(plain(str(caught.value)))
    answers = ask({"ask": "open", "base64": base64.b64encode(content).decode()} for content in contents)
    assert all(answer.get("error") == "BundleError" for answer in answers), answers
    return here, [plain(answer["line"]) for answer in answers]


def plain(line: str) -> str:
    """Return a line without what differs on purpose: the folder, what to upgrade, how lists and texts are quoted."""
    line = re.sub(r"^.*?file: ", "", line)
    line = re.sub(r"expected a bundle of format [12]", "expected a bundle of a format", line)
    line = re.sub(r"upgrade (with pip install --upgrade )?mgdist-edge|update this page", "upgrade", line)
    return line.partition("the levels of the inputs")[0]


def test_damaged_files_are_refused_with_the_same_words(small: Bundle, tmp_path: Path) -> None:
    random, content = np.random.default_rng(0), small.path.read_bytes()
    harmed = [harm(bytearray(content), random) for harm in HARMS for _ in range(EACH)]
    harmed = [each for each in harmed if each != content]
    here, there = refusals(harmed, tmp_path)
    assert len(here) > 140
    assert here == there


def test_sealed_files_that_are_wrong_inside_are_refused_with_the_same_words(small: Bundle, tmp_path: Path) -> None:
    pieces = Pieces.of(small.path)
    made = [
        pieces.with_manifest(lambda manifest: manifest.update(format=2)),
        pieces.with_manifest(lambda manifest: manifest.pop("method")),
        pieces.with_manifest(lambda manifest: manifest["inputs"]["input"].update(order=4)),
        pieces.with_manifest(lambda manifest: manifest["inputs"]["input"].update(kind="smell")),
        pieces.with_manifest(lambda manifest: manifest["tasks"]["answer"].update(labels=["a", "a", "b", "c"])),
        pieces.with_manifest(lambda manifest: manifest["network"]["levels"][0].update(length=7)),
        pieces.with_manifest(lambda manifest: manifest["network"]["levels"][0].update(counts=[4, 1])),
        pieces.with_manifest(lambda manifest: manifest["parts"].pop("model")),
        pieces.with_manifest(lambda manifest: manifest["metrics"].update(accuracy="good")),
        pieces.with_member("labels.txt", b"a\nb\nc\nd"),
        pieces.with_member("golden.json", b'{"tolerance": 0.02, "examples": []}'),
        pieces.with_member("tokenizer.json", b'{"model": {"type": "WordLevel", "vocab": {"<PAD>": 0}}}'),
        Pieces(pieces.model, {name: part for name, part in pieces.members.items() if name != "golden.json"}),
        Pieces(pieces.model, {**pieces.members, "evil.js": b"alert(1)"}),
    ]
    here, there = refusals([each.packed() for each in made], tmp_path)
    assert len(set(here)) == len(made)
    assert here == there


def opened(*contents: bytes) -> list[dict[str, str]]:
    return ask({"ask": "open", "base64": base64.b64encode(content).decode()} for content in contents)


def test_whole_files_are_opened(small: Bundle) -> None:
    assert opened(small.path.read_bytes()) == [{"found": "small"}]


def signed(pieces: Pieces) -> bytes:
    """Return a file with the seal of a signed bundle, whose signature nobody made."""
    body, directory = pack(pieces.members, len(pieces.model))
    content = pieces.model + body + directory
    end = pack_end(End(len(pieces.members), len(pieces.model) + len(body), len(directory)), bytes(197))[:-197]
    content += end + b"mgdist-bundle-2 key=0123abcd ed25519=" + base64.b64encode(bytes(64)) + b" sha256="
    return content + sha256(content).hexdigest().encode()


def test_a_signed_file_is_opened_and_proved_by_its_hash(small: Bundle) -> None:
    content = signed(Pieces.of(small.path))
    whole, *harmed = opened(content, content[:99] + b"x" + content[100:], content.replace(b"0123abcd", b"0123abce"))
    assert whole == {"found": "small"}
    assert len(harmed) == 2
    assert all("got a damaged file: its sha256 is" in answer["line"] for answer in harmed)


def test_signatures_are_asked_for_and_checked_as_python_does(small: Bundle, tmp_path: Path) -> None:
    maker, other = Pair(tmp_path), Pair(tmp_path, "other")
    mine, theirs = (pair.signed(small.path, tmp_path / f"{pair.id}.tflite") for pair in (maker, other))
    forged = bytearray(mine.read_bytes())
    forged[-160:-72] = theirs.read_bytes()[-160:-72]  # the other's signature under the maker's id
    forged[-64:] = sha256(forged[:-64]).hexdigest().encode()
    (tmp_path / "forged.tflite").write_bytes(forged)
    both = tmp_path / "keys.pub"
    both.write_bytes(maker.public.read_bytes() + other.public.read_bytes())
    paths = (small.path, mine, theirs, tmp_path / "forged.tflite")
    asked = [(path, keys) for path in paths for keys in (maker.public, both)]
    questions = [
        {"ask": "open", "base64": base64.b64encode(path.read_bytes()).decode(), "keys": keys.read_text()}
        for path, keys in asked
    ]
    found = []
    for (path, keys), answer in zip(asked, ask(questions), strict=True):
        try:
            expected = {"found": Bundle.open(path, keys).manifest.name}
        except BundleError as error:
            line = str(error).replace(f"{path}: ", "file: ").replace(str(keys), "keys.pub")
            expected = {"error": "BundleError", "line": line}
        assert answer == expected
        found.append("found" in answer)
    assert found == [False, False, True, True, False, True, False, False]


def test_keys_that_are_none_are_refused(tmp_path: Path) -> None:
    wrong = ["no key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"]
    answers = ask({"ask": "open", "base64": "", "keys": keys} for keys in wrong)
    line = "keys.pub: expected Ed25519 public keys in PEM; got something else; make one: mgdist keys new"
    assert answers == [{"error": "EdgeError", "line": line}] * 2
