"""A bundle of several inputs and several heads."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mgdist.export.bundle import bundle
from mgdist_edge.answers import Label, Values
from mgdist_edge.bench import bench
from mgdist_edge.bundle import Bundle
from mgdist_edge.cli import main
from mgdist_edge.errors import BundleError, InputError
from mgdist_edge.golden import Golden
from mgdist_edge.predictor import Predictor, load
from mgdist_edge.runtime import Runtime
from mgdist_edge.selftest import selftest
from tests.edge import pair
from tests.edge.damage import Pieces
from tests.edge.test_bundle import refusal
from tests.edge.test_manifest import changed


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path: Path = tmp_path_factory.mktemp("pair") / "pair.tflite"
    return bundle(pair.model(), pair.said(), pair.golden(), path)


@pytest.fixture(scope="module")
def predictor(both: Bundle) -> Predictor:
    return load(both.path)


def test_a_bundle_says_what_was_packed(both: Bundle) -> None:
    assert replace(both.manifest, parts={}) == pair.said()
    assert both.golden == pair.golden()
    assert both.manifest.labels == ("a", "b", "c")
    with zipfile.ZipFile(both.path) as file:
        names = ["manifest.json", "tokenizer.title.json", "tokenizer.body.json", "labels.txt", "golden.json"]
        assert file.namelist() == names
        assert file.read("labels.txt") == b"a\nb\nc"


def test_it_answers_as_torch_does_at_each_head(both: Bundle) -> None:
    runtime, trained = Runtime(both), pair.Network().eval()
    assert len(pair.raws()) > 30
    for raw in pair.raws():
        found, expected = runtime.run(pair.views(raw)), trained.answer(pair.views(raw))
        assert list(found) == ["topic", "size"]
        for name, outputs in expected.items():
            np.testing.assert_allclose(found[name], outputs, atol=5e-6)


def test_a_prediction_has_an_answer_of_each_head(predictor: Predictor) -> None:
    raw = pair.raws()[3]
    expected = pair.Network().eval().answer(pair.views(raw))
    found = predictor.predict(raw)
    topic, size = found.answers.values()
    assert isinstance(topic, Label)
    assert isinstance(size, Values)
    assert found.answer == topic
    assert found.label == topic.label == "abc"[expected["topic"].argmax()]
    width, height = expected["size"].tolist()
    assert size.values == pytest.approx({"width": 10 + 2 * width, "height": -5 + 100 * height}, abs=1e-3)


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        ("a text", "expected a value for each of title, body; got str"),
        ({"title": "a"}, "expected a value for each of title, body; got title"),
        ({"title": "a", "body": "b", "label": "c"}, "expected a value for each of title, body; got title, body, label"),
        ({}, "expected a value for each of title, body; got none"),
        ({"title": "a", "body": " "}, "body: expected a text with at least one word; got an empty one"),
        ({"title": 3, "body": "a"}, "title: expected a text; got int"),
    ],
)
def test_an_example_that_lacks_an_input_is_told(predictor: Predictor, raw: object, line: str) -> None:
    with pytest.raises(InputError) as caught:
        predictor.predict(raw)
    assert str(caught.value) == line
    with pytest.raises(InputError, match=r"^example 2: "):
        list(predictor.predict_many([pair.raws()[0], raw]))


def test_views_of_one_input_only_are_refused(both: Bundle) -> None:
    views = pair.views(pair.raws()[0])
    del views["body"]
    line = "^expected views of title, body; got those of title; use the inputs of this bundle$"
    with pytest.raises(InputError, match=line):
        Runtime(both).run(views)


def test_the_label_of_a_bundle_that_gives_numbers_first_is_no_field(both: Bundle, tmp_path: Path) -> None:
    turned = dict(reversed(pair.TASKS.items()))
    examples = [replace(each, outputs={name: each.outputs[name] for name in turned}) for each in pair.golden().examples]
    other = bundle(pair.model(), pair.said(tasks=turned), Golden(tuple(examples)), tmp_path / "turned.tflite")
    assert other.manifest.labels == ("width", "height")
    found = Predictor(other).predict(pair.raws()[0])
    with pytest.raises(AttributeError, match=r"^expected a bundle that classifies; got Values; read \.answer$"):
        _ = found.label


def test_the_golden_examples_agree_at_every_head(both: Bundle, tmp_path: Path) -> None:
    found = selftest(Predictor(both))
    assert found.passed
    assert found.examples == found.labels == 6
    first, *rest = pair.golden().examples
    width, height = first.outputs["size"]
    wrong = replace(first, outputs={**first.outputs, "size": (width, height + 0.5)})
    other = bundle(pair.model(), pair.said(), Golden((wrong, *rest)), tmp_path / "wrong.tflite")
    failed = selftest(Predictor(other))
    assert not failed.passed
    assert failed.labels == 5
    assert failed.difference == pytest.approx(0.5, abs=1e-4)


def jsonl(path: Path) -> Path:
    path.write_text("".join(json.dumps({**raw, "id": 5}) + "\n" for raw in pair.raws()[:7]))
    return path


def test_predict_answers_by_head(both: Bundle, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = str(jsonl(tmp_path / "d.jsonl"))
    assert main(["predict", str(both.path), "--file", path, "--json"]) == 0
    answers = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert len(answers) == 7
    assert [list(answer) for answer in answers] == [["topic", "size", "milliseconds"]] * 7
    assert list(answers[0]["size"]["values"]) == ["width", "height"]
    assert main(["predict", str(both.path), "--file", path]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert len(lines) == 3 * 7
    assert lines[0].endswith(" ms)")
    assert "  topic  (" in lines[0]
    assert [line.endswith("  size") for line in lines[:3]] == [False, True, True]


def test_what_cannot_hold_several_inputs_is_one_line(both: Bundle, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(both.path), "--text", "a"]) == 3
    asked = "expected a bundle that reads one text; this one reads text, text; use --file"
    assert capfd.readouterr().err == f"mgdist-edge: --text: {asked}\n"


def test_show_names_each_input_level_and_head(both: Bundle, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(both.path)]) == 0
    facts = dict(line.split("  ", 1) for line in capfd.readouterr().out.splitlines())
    shown = {name: fact.strip() for name, fact in facts.items()}
    assert shown["head topic"] == "classify: a, b, c"
    assert shown["head size"] == "regress: width, height"
    assert shown["input title"] == "text, 40 words, 0 hashed n-grams"
    assert shown["level body.sentence"].startswith("units of 5 samples, vectors of 16, 1 units a call")


def test_bench_times_examples_of_several_inputs(both: Bundle, tmp_path: Path) -> None:
    found = bench(both.path, jsonl(tmp_path / "d.jsonl"), threads=1, started=0.0)
    assert found.documents == 7
    assert 0 < found.p50_ms < 1000


@pytest.mark.parametrize(
    ("path", "value", "line"),
    [
        (
            "network.levels.0.name",
            "word",
            "manifest.json: network.levels: expected the levels of the inputs, [(",
        ),
        (
            "network.levels.0.input",
            "body",
            "manifest.json: network.levels: expected the levels of the inputs, [",
        ),
        (
            "network.levels.1.channels",
            2,
            "manifest.json: network.levels: expected 1 channels in level body.word; got",
        ),
        (
            "network.levels.2.channels",
            8,
            "manifest.json: network.levels: expected 16 channels in level body.sentence; got 8",
        ),
        ("inputs.body.levels", {"word": 10}, "manifest.json: network.levels: expected the levels of the inputs, [('ti"),
        ("tasks.size.std", [1.0], "manifest.json: tasks.size.std: expected a list of 2 to 2 values; got [1.0]"),
        (
            "tasks.size.names",
            ["width"],
            "manifest.json: tasks.size.mean: expected a list of 1 to 1 values; got [10.0, -5.0]",
        ),
        ("tasks.topic.labels.0", "z", "labels.txt: expected the labels of the manifest; got others"),
    ],
)
def test_a_field_edited_by_hand_is_named(both: Bundle, tmp_path: Path, path: str, value: object, line: str) -> None:
    edited = changed(Pieces.of(both.path), path, value)
    assert refusal(tmp_path / "edited.tflite", edited.packed()).startswith(line)


def test_an_input_too_many_is_refused(both: Bundle, tmp_path: Path) -> None:
    def more(manifest: dict) -> None:
        manifest["inputs"] |= {"more": manifest["inputs"]["body"]}

    line = refusal(tmp_path / "edited.tflite", Pieces.of(both.path).with_manifest(more).packed())
    assert line == "expected tokenizer.more.json in its archive; got none; make the bundle again"


def test_the_vocabularies_exchanged_are_refused(both: Bundle, tmp_path: Path) -> None:
    pieces = Pieces.of(both.path)
    title, body = (pieces.members[f"tokenizer.{name}.json"] for name in ("title", "body"))
    swapped = {**pieces.members, "tokenizer.title.json": body, "tokenizer.body.json": title}
    line = refusal(tmp_path / "swapped.tflite", Pieces(pieces.model, swapped).packed())
    assert line == "expected the tokenizer.body.json that its manifest lists; got another one; make the bundle again"


def test_a_head_that_the_model_lacks_is_refused(tmp_path: Path) -> None:
    tasks = {"topic": pair.TASKS["topic"]}
    examples = [replace(each, outputs={"topic": each.outputs["topic"]}) for each in pair.golden().examples]
    other = bundle(pair.model(), pair.said(tasks=tasks), Golden(tuple(examples)), tmp_path / "other.tflite")
    with pytest.raises(BundleError, match=r"its head gives .*'size': \(1, 2\).*, and its manifest promises \{'topic'"):
        Runtime(other)
