import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from mgdist.apart import apart
from mgdist.errors import ConvertError
from mgdist.export.bundle import bundle, pack_bundle
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.quiet import quiet
from mgdist_edge.runtime import Runtime
from mgdist_edge.tasks import Classify
from tests.edge import network
from tests.edge.conftest import LABELS, documents, fitted, golden, manifest, model


@pytest.fixture(scope="module")
def int8() -> bytes:
    return apart(network.quantized, model())


def test_the_same_parts_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "other"):
        bundle(model(), manifest(), golden(), tmp_path / name, readme="# Card\n")
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_the_model_may_be_a_file(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(model())
    made = bundle(tmp_path / "model", manifest(), golden(), tmp_path / "made")
    assert made.path.read_bytes() == pack_bundle(model(), manifest(), golden(), None)


def test_a_zip_reader_finds_the_members(tmp_path: Path) -> None:
    made = bundle(model(), manifest(), golden(), tmp_path / "made.tflite", readme="# Card\n")
    with zipfile.ZipFile(made.path) as file:
        assert file.testzip() is None
        names = ["manifest.json", "tokenizer.json", "labels.txt", "golden.json", "README.md"]
        assert file.namelist() == names
        assert file.read("labels.txt").decode().split("\n") == list(LABELS)
    listed = subprocess.run(["unzip", "-l", made.path], capture_output=True, text=True, check=True)
    assert all(name in listed.stdout for name in names)
    assert listed.stderr == ""


def answers(path: Path) -> dict[str, np.ndarray]:
    """Return what a plain interpreter gives for one unit of words."""
    with quiet():
        interpreter = Interpreter(model_path=str(path))
        interpreter.allocate_tensors()
    return interpreter.get_signature_runner("word_1")(ids=np.full((1, 12, 2), 7, np.int32))


@pytest.mark.parametrize("kind", ["float32", "int8"])
def test_a_plain_interpreter_runs_a_bundle_as_it_runs_the_model(tmp_path: Path, int8: bytes, kind: str) -> None:
    bare = model() if kind == "float32" else int8
    (tmp_path / "bare.tflite").write_bytes(bare)
    made = bundle(bare, manifest(), golden(), tmp_path / "made.tflite")
    np.testing.assert_array_equal(answers(made.path)["vectors"], answers(tmp_path / "bare.tflite")["vectors"])


def outside(flatbuffer: bytes) -> int:
    """Return how many constants lie behind the flatbuffer's tables."""
    from ai_edge_litert.schema_py_generated import Model

    read = Model.GetRootAs(flatbuffer, 0)
    return sum(read.Buffers(place).Offset() > 1 for place in range(read.BuffersLength()))


def test_constants_outside_of_the_tables_keep_their_place(tmp_path: Path, int8: bytes) -> None:
    assert outside(int8) >= 1
    runtime = Runtime(bundle(int8, manifest(method="dynamic_int8"), golden(), tmp_path / "made.tflite"))
    trained = network.Network().eval()
    for text in documents()[::20]:
        views = fitted().views(text)
        outputs = runtime.run({ONLY_INPUT: views})
        np.testing.assert_allclose(outputs[ONLY_HEAD], trained.answer(views), atol=0.01)


@pytest.mark.parametrize("wrong", [b"", b"PK\3\4" + bytes(100), b"\x1c\0\0\0TFL2" + bytes(100)])
def test_what_is_no_flatbuffer_is_refused(tmp_path: Path, wrong: bytes) -> None:
    with pytest.raises(
        ConvertError, match=r"^model: expected a \.tflite flatbuffer with nothing behind it; got another"
    ):
        bundle(wrong, manifest(), golden(), tmp_path / "made")


def test_a_bundle_is_not_bundled_again(tmp_path: Path) -> None:
    made = bundle(model(), manifest(), golden(), tmp_path / "made")
    with pytest.raises(
        ConvertError, match=r"^model: expected a \.tflite flatbuffer with nothing behind it; got another"
    ):
        bundle(made.path, manifest(), golden(), tmp_path / "again")


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            {"tasks": {ONLY_HEAD: Classify(("a", "b\nc", "d", "e"))}},
            r"manifest\.json: tasks\.answer\.labels\.1: expected a line of text; got 'b\\nc'",
        ),
        ({"metrics": {"accuracy": float("nan")}}, r"manifest\.json: expected JSON; got NaN"),
        ({"levels": network.LEVELS[:2]}, r"manifest\.json: network\.levels: expected the levels of the inputs"),
        (
            {"inputs": {ONLY_INPUT: replace(fitted(), buckets=0)}},
            r"manifest\.json: inputs\.input\.buckets: expected a whole number from 1",
        ),
        (
            {"tasks": {ONLY_HEAD: Classify(("a", "b"))}},
            r"golden\.json: examples\.0\.outputs\.answer: expected a list of 2 to 2 values",
        ),
    ],
)
def test_what_the_device_would_refuse_is_not_written(tmp_path: Path, changed: dict[str, object], line: str) -> None:
    (tmp_path / "made").write_text("what was there before")
    with pytest.raises(ConvertError, match=rf"made: not written, the edge runtime would refuse it: {line}"):
        bundle(model(), manifest(**changed), golden(), tmp_path / "made")
    assert (tmp_path / "made").read_text() == "what was there before"


def test_half_of_a_character_is_refused(tmp_path: Path) -> None:
    line = (
        r"made: not written: expected text that UTF-8 can hold; got '\\ud83d' in the vocabulary, a label or an example"
    )
    halves = replace(fitted(), vocabulary={**fitted().vocabulary, "\ud83d": 300}, buckets=24_299)
    with pytest.raises(ConvertError, match=line):
        bundle(model(), manifest(inputs={ONLY_INPUT: halves}), golden(), tmp_path / "made")


def test_nothing_is_left_beside_a_bundle_that_could_not_be_written(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    with pytest.raises(OSError, match="Is a directory"):
        bundle(model(), manifest(), golden(), tmp_path / "made")
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
