"""Early exit: reading a text in part, and stopping when sure."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mgdist.export.bundle import bundle
from mgdist_edge.bundle import Bundle
from mgdist_edge.cli import main
from mgdist_edge.errors import BundleError, InputError
from mgdist_edge.exits import Exit, read_exit
from mgdist_edge.fields import Fields
from mgdist_edge.manifest import Manifest
from mgdist_edge.names import ONLY_HEAD, ONLY_INPUT
from mgdist_edge.openapi import document
from mgdist_edge.partial import Partial, beginning
from mgdist_edge.predictor import Predictor, load
from mgdist_edge.summary import summary
from mgdist_edge.text import TextInput
from tests.edge.conftest import documents, fitted, golden, manifest, model

EXIT = Exit((2, 8), 0.2501)
"""The network has never learned, so that hardly any label has much more than a fourth."""


@pytest.fixture(scope="module")
def sure(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    path: Path = tmp_path_factory.mktemp("exits") / "sure.tflite"
    return bundle(model(), manifest(exit=EXIT), golden(), path)


def inputs() -> Iterator[TextInput]:
    whole = fitted()
    yield whole
    yield replace(whole, levels={name: whole.levels[name] for name in ("word", "sentence")}, order=3)
    yield replace(whole, levels={name: whole.levels[name] for name in ("word", "paragraph")}, lowercase=False)


@pytest.mark.parametrize("reading", list(inputs()), ids=lambda each: "-".join(each.levels))
def test_a_text_that_is_read_in_parts_gives_the_views_of_its_input(reading: TextInput) -> None:
    stopped = 0
    for text in [*documents(), "a", "a. b.\n\nc.) \n\n", 'One (two). Three!") Four']:
        whole, part = reading.views(text), Partial(reading, text)
        samples = []
        for most in (1, 2, 5, 11, None):
            found = part.read(most)
            expected = whole if most is None else beginning(whole, most)
            samples.append(np.array(found.samples[0]))
            np.testing.assert_array_equal(np.concatenate(samples), np.array(expected.samples[0]))
            for here, there in zip(found.lengths, expected.lengths, strict=True):
                np.testing.assert_array_equal(here, there)
            assert part.whole == (most is None or most >= len(whole.lengths[0]))
            if part.whole:
                break
            stopped += 1
    assert stopped > 100


def test_what_cannot_be_read_is_refused_as_ever(sure: Bundle) -> None:
    predictor = load(sure.path)
    with pytest.raises(InputError, match=r"^expected a text with at least one word; got an empty one$"):
        predictor.predict(" \n\n ")
    with pytest.raises(InputError, match=r"^expected a text; got bytes$"):
        predictor.predict(b"a text")


def test_reading_stops_once_it_is_sure_with_the_answer_for_what_was_read(sure: Bundle) -> None:
    early, whole = load(sure.path), load(sure.path, exit=False)
    stops = []
    for text in documents():
        found, views = early.predict(text), fitted().views(text)
        read = views if found.stopped_after is None else beginning(views, found.stopped_after)
        expected = whole.outputs({ONLY_INPUT: read})[ONLY_HEAD]
        np.testing.assert_allclose(list(found.probabilities.values()), expected, atol=1e-6)
        if found.stopped_after is not None:
            assert found.probability >= EXIT.confidence
            assert len(views.lengths[0]) > found.stopped_after
        elif len(views.lengths[0]) > 8:
            assert whole.outputs({ONLY_INPUT: beginning(views, 8)})[ONLY_HEAD].max() < EXIT.confidence + 1e-6
        assert whole.predict(text).stopped_after is None
        stops.append(found.stopped_after)
    assert {2, None} <= set(stops)


def test_a_stream_and_an_explanation_read_all(sure: Bundle) -> None:
    predictor, text = load(sure.path), max(documents()[:100], key=len)
    assert predictor.predict(text).stopped_after is not None
    expected = predictor.outputs(predictor.views(text))[ONLY_HEAD]
    for found in (predictor.stream().predict(text), predictor.explain(text).prediction):
        assert found.stopped_after is None
        np.testing.assert_allclose(list(found.probabilities.values()), expected, atol=1e-6)


def test_the_command_line_says_when_it_stopped_and_reads_all_if_asked(
    sure: Bundle, capsys: pytest.CaptureFixture[str]
) -> None:
    text = max(documents()[:100], key=len)
    assert main(["predict", str(sure.path), "--text", text]) == 0
    assert capsys.readouterr().out.rstrip().endswith(" ms, sure after 2 units)")
    assert main(["predict", str(sure.path), "--text", text, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["stopped_after"] == 2
    assert main(["predict", str(sure.path), "--text", text, "--json", "--exit", "off"]) == 0
    assert "stopped_after" not in json.loads(capsys.readouterr().out)
    assert "exit        after 2 or 8 units, once a label has 25.0%" in [
        " ".join(["exit       ", line[4:].strip()]) for line in summary(sure) if line.startswith("exit ")
    ]


def test_the_service_describes_where_reading_may_stop(sure: Bundle, small: Bundle) -> None:
    text = max(documents()[:100], key=len)
    for each in (sure, small):
        described = document(each)["components"]["schemas"]["Answer"]
        assert set(load(each.path).predict(text).as_json()) == set(described["properties"])
    described = document(sure)["components"]["schemas"]["Answer"]
    assert described["properties"]["stopped_after"]["type"] == "integer"
    assert "stopped_after" not in described["required"]  # it is missing where all was read


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"units": [4, 4], "confidence": 0.5}, r"exit\.units: expected rising numbers; got \[4, 4\]; make"),
        ({"units": [], "confidence": 0.5}, r"exit\.units"),
        ({"units": [0], "confidence": 0.5}, r"exit\.units"),
        ({"units": [4], "confidence": 0}, r"exit\.confidence: expected a number above 0, at most 1; got 0.*; make"),
        ({"units": [4], "confidence": 1.5}, r"exit\.confidence: expected a number above 0, at most 1; got 1.5; make"),
        ({"units": [4]}, r"exit\.confidence"),
    ],
)
def test_an_exit_that_cannot_be_is_refused(said: dict[str, object], expected: str) -> None:
    told: Manifest = manifest()
    with pytest.raises(BundleError, match=expected):
        read_exit(Fields.of(said, "manifest.json: exit"), told.tasks, told.inputs)


def test_a_bundle_that_reads_no_levels_above_the_words_has_no_exit() -> None:
    told: Manifest = manifest()
    flat = replace(fitted(), levels={"word": fitted().levels["word"]})
    with pytest.raises(BundleError, match="expected one input, a text that is read at two granularities or more; got"):
        read_exit(Fields.of(EXIT.as_json(), "exit"), told.tasks, {ONLY_INPUT: flat})


def test_a_predictor_of_a_bundle_without_an_exit_reads_all(small: Bundle) -> None:
    assert Predictor(small).exit is None
