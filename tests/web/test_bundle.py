"""The page refuses what Python refuses, with the same words, and opens what Python opens."""

import base64
import re
from pathlib import Path

import numpy as np
import pytest

from mgdist_edge.bundle import Bundle
from mgdist_edge.errors import BundleError
from tests.edge.damage import Pieces
from tests.edge.test_bundle import cut_short, exchanged, extended, flipped, overwritten, zeroed_tail
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


def test_whole_files_are_opened(small: Bundle) -> None:
    answers = ask([{"ask": "open", "base64": base64.b64encode(small.path.read_bytes()).decode()}])
    assert answers == [{"found": "small"}]
