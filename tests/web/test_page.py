"""A person uses the page in a real browser: on a phone, by keyboard, offline, with wrong files."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from mgdist.export.bundle import bundle
from mgdist_edge import load
from mgdist_edge.bundle import Bundle
from tests.edge import pair
from tests.edge.conftest import documents
from tests.edge.damage import Pieces
from tests.edge.keys import Pair
from tests.web import bundles
from tests.web.port import NODE, ROOT, need_browser

pytestmark = pytest.mark.slow
PERSON = Path(__file__).parent / "person.mjs"
ZERO = [[(0.5 + 0.2 * np.sin(turn), 0.5 - 0.33 * np.cos(turn)) for turn in np.linspace(0, 2 * np.pi, 24)]]
SEVEN = [[(0.3, 0.17), (0.7, 0.17), (0.45, 0.84)]]
ONE_BY_KEYS = [*["ArrowUp"] * 2, " ", *["ArrowDown"] * 12, " "]


@pytest.fixture(scope="module")
def served(small: Bundle, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    need_browser()
    folder = tmp_path_factory.mktemp("served")
    both = bundle(pair.model(), pair.said(), pair.golden(), folder / "pair.tflite")
    made = [small, bundles.digits(folder / "digits.tflite"), bundles.pitches(folder / "pitches.tflite"), both]
    return {each.path.stem: each.path for each in made}


@contextmanager
def serving(paths: dict[str, Path], *asked: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Yield the address of a server with some bundles, and its process."""
    command = [sys.executable, "-m", "mgdist_edge", "web", *map(str, paths.values()), "--port", "0", *asked]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT / "edge") as process:
        try:
            assert process.stdout
            yield process.stdout.readline().split()[0], process
        finally:
            process.kill()


@pytest.fixture(scope="module")
def url(served: dict[str, Path]) -> Iterator[str]:
    with serving(served) as (address, _):
        yield address


def person(scenario: str, **given: Any) -> dict[str, Any]:
    """Return what a person sees, after checks that nothing went wrong beside it."""
    done = subprocess.run(
        [NODE, PERSON, scenario, json.dumps(given)], capture_output=True, text=True, check=False, timeout=240
    )
    assert not done.returncode, done.stderr
    return checked(json.loads(done.stdout))


def checked(found: dict[str, Any]) -> dict[str, Any]:
    assert found.pop("seen") == {"errors": [], "violations": [], "elsewhere": []}
    return found


def percent(share: float) -> str:
    return f"{share:.1%}"


def shares(found: dict[str, Any]) -> dict[str, str]:
    """Return the shares that are shown, by label."""
    return {label: value for label, _, value in found["bars"]}


def test_a_text_typed_on_a_phone_by_keyboard_is_answered_as_python_does(url: str, small: Bundle) -> None:
    text = documents()[20]
    found, expected = person("typing", url=url, text=text), load(small.path).predict(text)
    assert found["presses"] < 15
    assert (found["label"], found["share"]) == (expected.label, percent(expected.probability))
    assert shares(found) == {label: percent(share) for label, share in expected.probabilities.items()}
    assert found["said"] == f"{expected.label}, {percent(expected.probability)}"
    assert "ms on this device" in found["time"]
    assert "Passed: 8 of 8 golden examples" in found["golden"]
    assert 1 < found["marks"] < found["words"]
    assert found["strongest"]


def test_wrong_files_are_refused_in_one_line_and_the_open_bundle_stays(
    url: str, small: Bundle, served: dict[str, Path], tmp_path: Path
) -> None:
    content, pieces = small.path.read_bytes(), Pieces.of(small.path)
    wrong = {
        "flipped.tflite": content[:5000] + bytes([content[5000] ^ 1]) + content[5001:],
        "cut.tflite": content[:-1000],
        "bare.tflite": pieces.model,
        "newer.tflite": pieces.with_manifest(lambda manifest: manifest.update(format=2)).packed(),
        "smell.tflite": pieces.with_manifest(
            lambda manifest: manifest["inputs"]["input"].update(kind="smell")
        ).packed(),
        "photo.jpg": b"\xff\xd8\xff" + bytes(5000),
    }
    for name, each in wrong.items():
        (tmp_path / name).write_bytes(each)
    files = [str(tmp_path / name) for name in wrong]
    found = person("refusing", url=url, files=files, good=str(served["digits"]), name="digits")
    told = ["a damaged file", "a file cut short", "a TFLite model without one", "format 2", "'smell'", "another kind"]
    for name, line, part in zip(wrong, found["lines"], told, strict=True):
        assert line.startswith(f"Refused. {name}: ")
        assert "expected" in line
        assert part in line
    assert (found["stays"], found["alert"]) == ("small", False)


def test_a_page_with_a_key_opens_only_what_that_key_signed(served: dict[str, Path], tmp_path: Path) -> None:
    maker, other = Pair(tmp_path), Pair(tmp_path, "other")
    signed = {name: maker.signed(served[name], tmp_path / f"{name}.tflite") for name in ("small", "digits")}
    foreign = other.signed(served["small"], tmp_path / "foreign.tflite")
    with serving({"small": signed["small"]}, "--require-signature", str(maker.public)) as (address, _):
        files = [str(served["small"]), str(foreign)]
        found = person("refusing", url=address, files=files, good=str(signed["digits"]), name="digits")
    unsigned, claimed = found["lines"]
    assert "expected a bundle signed with keys.pub; got one without a signature" in unsigned
    assert f"got one that claims key {other.id}, and not the signature of {maker.id}" in claimed
    assert (found["stays"], found["about"]) == ("small", "by a key that this page trusts")


def test_the_page_works_without_a_server_after_the_first_visit(served: dict[str, Path], small: Bundle) -> None:
    text = documents()[8]
    with serving(served) as (address, server):
        given = json.dumps({"url": address, "text": text})
        command = [NODE, str(PERSON), "offline", given]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as visitor:
            assert visitor.stdout
            assert visitor.stdout.readline() == "kept\n"
            server.kill()
            server.wait()
            said, _ = visitor.communicate("gone\n", timeout=120)
    found = json.loads(said)
    found.pop("seen")  # the browser tells in the console that the network is gone
    expected = load(small.path).predict(text)
    assert "Passed" in found["golden"]
    assert (found["label"], found["share"]) == (expected.label, percent(expected.probability))
    assert "pitches.tflite: expected the network, or a bundle that was opened before" in found["refused"]


def test_drawn_digits_are_read_by_finger_and_by_keyboard_and_images_as_in_python(
    url: str, served: dict[str, Path], tmp_path: Path
) -> None:
    seven = load(served["digits"]).bundle.golden.examples[7].raws["input"]
    photo = np.kron(np.asarray(seven)[:, :, 0], np.ones((5, 5), np.uint8))
    Image.fromarray(photo).save(tmp_path / "photo.png")
    (tmp_path / "no.png").write_bytes(b"no image")
    given = {"image": str(tmp_path / "photo.png"), "noImage": str(tmp_path / "no.png"), "keys": ONE_BY_KEYS}
    found = person("drawing", url=url, strokes={"0": ZERO, "7": SEVEN}, **given)
    # What so small a network makes of a hand that it has never seen is not sure; that it answers is.
    assert all(label in "0123456789" for label in [*found["found"].values(), found["keyed"]])
    expected = load(served["digits"]).predict(photo)
    assert (found["chosen"]["label"], found["chosen"]["share"]) == (expected.label, percent(expected.probability))
    assert found["wrong"] == "expected an image file; got 8 bytes that this browser cannot decode"


def test_a_recording_is_heard_and_wav_files_are_answered_as_python_does(
    url: str, served: dict[str, Path], tmp_path: Path
) -> None:
    for name, pitch, rate in (("high", 2000, 8000), ("low", 250, 8000)):
        soundfile.write(tmp_path / f"{name}.wav", bundles.tone(pitch, 1.0), rate)
    soundfile.write(tmp_path / "faster.wav", np.repeat(bundles.tone(250), 2), 16000)
    given = {name: str(tmp_path / f"{file}.wav") for name, file in (("microphone", "high"), ("wav", "low"))}
    given |= {"faster": str(tmp_path / "faster.wav"), "text": documents()[12]}
    found = person("listening", url=url, **given)
    assert found["recorded"]["label"] == "high"
    assert "s at 8000 Hz, silence cut off" in found["heard"]
    expected = load(served["pitches"]).predict(tmp_path / "low.wav")
    assert (found["chosen"]["label"], found["chosen"]["share"]) == (expected.label, percent(expected.probability))
    assert "0.40 s at 8000 Hz, resampled from 16000 Hz" in found["resampled"]
    assert found["heads"] == ["topic", "size"]


def test_the_page_is_legible_named_and_fits_on_phone_and_desk_in_light_and_dark(url: str) -> None:
    assert person("looking", url=url, text=documents()[20])["faults"] == []
