from pathlib import Path

import pytest

from mgdist_edge.bundle import Bundle
from mgdist_edge.errors import BundleError
from tests.edge.conftest import LABELS
from tests.edge.damage import Pieces
from tests.edge.test_bundle import refusal

UNFIT = (
    "manifest.json: network.levels: expected the levels of the inputs, [('word', 'input', 'ids', 12), "
    "('sentence', 'input', 'units', 6), ('paragraph', 'input', 'units', 5)]; got [('"
)
USUAL = {"trained": [0.25] * 4, "answered": [0.25] * 4, "confidence": [0.1] * 10}
WRONG = [
    ("usual", [], "manifest.json: usual: expected an object; got []"),
    ("usual", {"other": USUAL}, "manifest.json: usual: expected heads of tasks; got other; make the bundle again"),
    ("usual", {"answer": {}}, "manifest.json: usual.answer.trained: expected a list of 4 to 4 values; got nothing"),
    (
        "usual",
        {"answer": {**USUAL, "answered": [0.25] * 3}},
        "manifest.json: usual.answer.answered: expected a list of 4 to 4 values; got [0.25",
    ),
    (
        "usual",
        {"answer": {**USUAL, "confidence": [0.2] * 10}},
        "manifest.json: usual.answer.confidence: expected shares that sum to 1; got others; make the bundle again",
    ),
    (
        "usual",
        {"answer": {**USUAL, "trained": [2, -1, 0, 0]}},
        "manifest.json: usual.answer.trained: expected shares that sum to 1; got others",
    ),
    ("format", "1", "manifest.json: format: expected a whole number from 1 to 1000000000; got '1'"),
    ("format", 0, "manifest.json: format: expected a whole number from 1 to 1000000000; got 0"),
    ("format", None, "manifest.json: format: expected a whole number"),
    ("name", 3, "manifest.json: name: expected a line of text; got 3"),
    ("name", "", "manifest.json: name: expected a line of text; got ''"),
    ("name", "red\x1b[31m", "manifest.json: name: expected a line of text; got 'red\\x1b[31m'"),
    ("name", "x" * 99 + "\n", "manifest.json: name: expected a line of text; got 'xxxxxx"),
    ("created", None, "manifest.json: created: expected a line of text; got None"),
    ("license", 5, "manifest.json: license: expected a line of text; got 5"),
    ("tasks", "classify", "manifest.json: tasks: expected an object; got 'classify'"),
    ("tasks", {}, "manifest.json: tasks: expected 1 to 16; got 0; make the bundle again"),
    ("tasks", {"a\nb": {}}, "manifest.json: tasks: expected names of one line; got 'a\\nb'"),
    ("tasks.answer", "classify", "manifest.json: tasks.answer: expected an object; got 'classify'"),
    ("tasks.answer.kind", "rank", "manifest.json: tasks.answer.kind: expected classify, ordinal, multi_label, regr"),
    (
        "tasks.answer.labels",
        "abcd",
        "manifest.json: tasks.answer.labels: expected a list of 2 to 100000 values; got ",
    ),
    ("tasks.answer.labels", ["a"], "manifest.json: tasks.answer.labels: expected a list of 2 to 100000 values; got ['"),
    ("tasks.answer.labels", ["a", "b", 3, "d"], "manifest.json: tasks.answer.labels.2: expected a line of text; got 3"),
    ("tasks.answer.labels.1", "b\nc", "manifest.json: tasks.answer.labels.1: expected a line of text; got 'b\\nc'"),
    ("tasks.answer.labels.2", LABELS[0], "manifest.json: tasks.answer.labels: expected different ones; got one twice"),
    ("tasks.answer.labels", ["a", "b", "c"], "labels.txt: expected the labels of the manifest; got others"),
    ("inputs", [], "manifest.json: inputs: expected an object; got []"),
    ("inputs", {}, "manifest.json: inputs: expected 1 to 16; got 0; make the bundle again"),
    ("inputs.input", "text", "manifest.json: inputs.input: expected an object; got 'text'"),
    (
        "inputs.input.kind",
        "smell",
        "manifest.json: inputs.input.kind: expected text, image, series, audio, table or array; got",
    ),
    ("network", [], "manifest.json: network: expected an object; got []"),
    ("network.levels", [], "manifest.json: network.levels: expected the levels of the inputs, "),
    ("network.levels.1", "sentence", "manifest.json: network.levels.1: expected an object; got 'sentence'"),
    ("network.levels.0.name", "token", UNFIT),
    ("network.levels.0.length", 13, UNFIT),
    ("network.levels.0.length", -1, "manifest.json: network.levels.0.length: expected a whole number from 1 to 1000"),
    ("network.levels.0.channels", 3, "manifest.json: network.levels: expected 2 channels in level word; got 3"),
    ("network.levels.0.width", 8, "manifest.json: network.levels: expected 8 channels in level sentence; got 16"),
    ("network.levels.0.width", 10**12, "manifest.json: network.levels.0.width: expected a whole number from 1 to 100"),
    ("network.levels.0.counts", [], "manifest.json: network.levels.0.counts: expected a list of 1 to 6 values; got []"),
    ("network.levels.0.counts", [4, 1], "manifest.json: network.levels.0.counts: expected rising numbers; got [4, 1]"),
    ("network.levels.0.counts", [1, 1], "manifest.json: network.levels.0.counts: expected rising numbers; got [1, 1]"),
    ("network.levels.0.counts", [0], "manifest.json: network.levels.0.counts.0: expected a whole number from 1 to"),
    ("network.levels.0.input", 3, "manifest.json: network.levels.0.input: expected a line of text; got 3"),
    ("network.levels.0.input", "title", UNFIT),
    ("network.levels.0.reads", "units", UNFIT),
    ("network.levels.1.reads", "ids", UNFIT),
    (
        "network.levels.1.reads",
        "words",
        "manifest.json: network.levels.1.reads: expected ids, samples or units; got",
    ),
    ("network.levels.1.masked", 1, "manifest.json: network.levels.1.masked: expected true or false; got 1"),
    ("inputs.input.order", 1, "manifest.json: network.levels: expected 1 channels in level word; got 2"),
    (
        "inputs.input.levels",
        {"word": 12},
        "manifest.json: network.levels: expected the levels of the inputs, [('wo",
    ),
    ("versions", {"torch": 2}, "manifest.json: versions.torch: expected a line of text; got 2"),
    ("metrics", {"accuracy": "high"}, "manifest.json: metrics.accuracy: expected a number; got 'high'"),
    ("metrics", {"accuracy": True}, "manifest.json: metrics.accuracy: expected a number; got True"),
    ("metrics", {"accuracy": float("nan")}, "manifest.json: expected JSON; got NaN"),
    ("metrics", {"accuracy": 10**400}, "manifest.json: metrics.accuracy: expected a number; got 1000"),
    ("parity", {"a\nb": 1}, "manifest.json: parity: expected names of one line; got 'a\\nb'"),
    ("parity", None, "manifest.json: parity: expected an object; got None"),
    ("parts", {}, "expected the README.md that its manifest lists; got another one"),
    ("parts.model", 5, "manifest.json: parts.model: expected an object; got 5"),
    ("parts.model.bytes", -5, "manifest.json: parts.model.bytes: expected a whole number from 0 to 4294967296; got -5"),
    ("parts.model.sha256", "A" * 64, "manifest.json: parts.model.sha256: expected 64 hexadecimal digits; got others"),
    ("parts.model.sha256", "0" * 64, "expected the model that its manifest lists; got another one"),
]


def changed(pieces: Pieces, path: str, value: object) -> Pieces:
    def change(manifest: dict) -> None:
        *way, last = path.split(".")
        for step in way:
            manifest = manifest[int(step)] if isinstance(manifest, list) else manifest[step]
        manifest[int(last) if isinstance(manifest, list) else last] = value

    return pieces.with_manifest(change)


@pytest.mark.parametrize(("path", "value", "line"), WRONG)
def test_a_field_edited_by_hand_is_named(small: Bundle, tmp_path: Path, path: str, value: object, line: str) -> None:
    edited = changed(Pieces.of(small.path), path, value)
    assert refusal(tmp_path / "edited.tflite", edited.packed()).startswith(line)


def test_every_field_that_is_missing_is_named(small: Bundle, tmp_path: Path) -> None:
    pieces = Pieces.of(small.path)
    names = list(small.manifest.as_json())
    names.remove("license")  # may be unknown
    assert len(names) == 13
    for name in names:
        line = refusal(
            tmp_path / "edited.tflite", pieces.with_manifest(lambda manifest, name=name: manifest.pop(name)).packed()
        )
        assert line.startswith(f"manifest.json: {name}: expected ")
        assert "got nothing" in line


@pytest.mark.parametrize("raw", [b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 200_000, b"1" * 5000])
def test_a_manifest_that_is_no_object_is_one_line(small: Bundle, tmp_path: Path, raw: bytes) -> None:
    pieces = Pieces.of(small.path)
    edited = Pieces(pieces.model, {**pieces.members, "manifest.json": raw})
    assert refusal(tmp_path / "edited.tflite", edited.packed()).startswith("manifest.json: expected ")


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (b"[]", "golden.json: expected an object; got []"),
        (b'{"tolerance": 0.02, "examples": []}', "golden.json: examples: expected a list of 1 to 1000 values; got []"),
        (b'{"tolerance": 2, "examples": []}', "golden.json: tolerance: expected a number between 0 and 1; got 2.0"),
        (
            b'{"tolerance": 0.1, "examples": [{"raws": {"input": 1}, "outputs": {"answer": [1, 0, 0, 0]}}]}',
            "golden.json: examples.0.raws.input: expected an object; got 1",
        ),
        (
            b'{"tolerance": 0.1, "examples": [{"raws": {}, "outputs": {"answer": [1, 0, 0, 0]}}]}',
            "golden.json: examples.0.raws.input: expected an object; got nothing",
        ),
        (
            b'{"tolerance": 0.1, "examples": [{"raws": "a", "outputs": {"answer": [1, 0, 0, 0]}}]}',
            "golden.json: examples.0.raws: expected an object; got 'a'",
        ),
        (
            b'{"tolerance": 0.1, "examples": [{"raws": {"input": "a"}, "outputs": {"other": [1, 0, 0, 0]}}]}',
            "golden.json: examples.0.outputs.answer: expected a list of 4 to 4 values; got nothing",
        ),
        (
            b'{"tolerance": 0.1, "examples": [{"raws": {"input": "a"}, "outputs": {"answer": [1, 0]}}]}',
            "golden.json: examples.0.outputs.answer: expected a list of 4 to 4 values; got [1, 0]",
        ),
        (
            b'{"tolerance": 0.1, "examples": [{"raws": {"input": "a"}, "outputs": {"answer": [1, 0, 0, 1]}}]}',
            "golden.json: examples.0.outputs.answer: expected outputs of classify; got others",
        ),
        (
            b'{"tolerance": 0.1, "examples": [{"raws": {"input": "a"}, "outputs": {"answer": [1, 0, 0, null]}}]}',
            "golden.json: examples.0.outputs.answer.3: expected a number; got None",
        ),
    ],
)
def test_golden_examples_edited_by_hand_are_one_line(small: Bundle, tmp_path: Path, raw: bytes, line: str) -> None:
    edited = Pieces.of(small.path).with_member("golden.json", raw)
    assert refusal(tmp_path / "edited.tflite", edited.packed()).startswith(line)


def test_all_of_this_is_the_bundle_s_error() -> None:
    assert BundleError.exit_code == 2
    assert len(WRONG) > 40
