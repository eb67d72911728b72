"""What mattered: each part left out by itself."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mgdist.export.bundle import bundle
from mgdist_edge.bundle import Bundle
from mgdist_edge.cli import main
from mgdist_edge.errors import InputError
from mgdist_edge.image import ImageInput
from mgdist_edge.names import ONLY_HEAD
from mgdist_edge.parts import MOST_SENTENCES, MOST_WORDS, Part, parts_of
from mgdist_edge.places import Box, Column, Span
from mgdist_edge.predictor import Predictor, load
from mgdist_edge.runtime import Runtime
from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Forecast
from mgdist_edge.windows import Window
from tests.edge import pair, test_audio, test_image, test_series, test_table
from tests.edge.conftest import LABELS, documents, fitted

TEXT = 'An array. He said: "Reshape it!" \n\nNumbers of arrays (see numpy.) And\nthe last one?\n\n?! '


@pytest.fixture(scope="module")
def predictor(small: Bundle) -> Predictor:
    return load(small.path)


def of(found: list[Part], granularity: str) -> list[Part]:
    return [part for part in found if part.granularity == granularity]


def test_the_parts_of_a_text_are_its_paragraphs_sentences_and_words() -> None:
    found = list(parts_of(fitted(), TEXT))
    stand = {
        name: [TEXT[part.place.start : part.place.stop] for part in of(found, name) if isinstance(part.place, Span)]
        for name in ("paragraph", "sentence", "word")
    }
    assert stand["paragraph"] == [
        'An array. He said: "Reshape it!" ',
        "Numbers of arrays (see numpy.) And\nthe last one?",
        "?! ",
    ]
    sentences = ["An array.", 'He said: "Reshape it!"', "Numbers of arrays (see numpy.)", "And\nthe last one?", "?!"]
    assert stand["sentence"] == sentences
    assert stand["word"] == TEXT.translate({ord(mark): " " for mark in '.:"!()?'}).split()
    assert of(found, "sentence")[1].without() == TEXT.replace('He said: "Reshape it!"', "")
    assert of(found, "sentence")[3].shown == "And the last one?"


def test_a_text_of_one_word_has_no_parts_and_a_long_one_not_too_many() -> None:
    assert list(parts_of(fitted(), "Array.")) == []
    many = list(parts_of(fitted(), "One two three four. " * 200))
    assert (len(of(many, "sentence")), len(of(many, "word"))) == (MOST_SENTENCES, MOST_WORDS)


def test_a_weight_is_what_the_output_loses_without_the_part(predictor: Predictor) -> None:
    for text in documents()[10:40:10]:
        found, whole = predictor.explain(text), predictor.predict(text)
        assert found.target.name == whole.label == found.prediction.label
        assert len(found.parts) > 10
        for part, expected in zip(found.parts, parts_of(fitted(), text), strict=True):
            assert (part.granularity, part.place) == (expected.granularity, expected.place)
            left = predictor.predict(expected.without()).probabilities[whole.label]  # type: ignore[arg-type]
            assert part.weight == pytest.approx(whole.probability - left, abs=2e-6)


def test_leaving_out_a_sentence_does_not_compute_the_others(small: Bundle) -> None:
    units: list[int] = []

    def hear(signature: str, inputs: Mapping[str, NDArray[np.generic]]) -> None:
        if signature.startswith("word_"):
            units.append(sum(bool(unit.any()) for unit in inputs["ids"]))

    predictor = load(small.path)
    predictor.runtime = Runtime(small, hear=hear)
    text = " ".join(f"Sentence {word} of it." for word in ("one", "two", "three", "four", "five", "six"))
    found = predictor.explain(text)
    assert len(of(list(parts_of(fitted(), text)), "sentence")) == 6
    assert len(found.parts) == 6 + 24
    assert sum(units) <= 6 + 24  # all at first, and one for each word; none for a sentence


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        (test_image.NESTED, {"region": 4, "patch": 16}),
        ({"image": Window(8, 1)}, {"square": 64}),
        ({"pixel": Window(1, 1), "image": Window(8, None)}, {"pixel": 64}),
    ],
)
def test_an_image_is_explained_by_the_tiles_of_its_levels_or_by_squares(
    levels: dict[str, Window], expected: dict[str, int]
) -> None:
    image = ImageInput(levels, (8, 8), (0.5,), (0.25,))
    pixels = test_image.noise(8, 8, 1)
    found = list(parts_of(image, pixels))
    assert Counter(part.granularity for part in found) == expected
    covered = np.zeros((8, 8), int)
    for part in found:
        assert isinstance(part.place, Box)
        box = part.place
        inside = np.zeros((8, 8), bool)
        inside[box.row : box.row + box.height, box.column : box.column + box.width] = True
        covered += inside
        np.testing.assert_array_equal(image.read(part.without()), np.where(inside[:, :, None], 128, pixels))
    np.testing.assert_array_equal(covered, len(expected))


def test_a_moment_of_a_series_becomes_its_mean_and_one_of_a_recording_silence() -> None:
    series = test_series.walk(20, 2)
    found = list(parts_of(test_series.reading(2), series))
    assert [part.granularity for part in found] == ["moment"] * 16
    assert found[0].shown == "readings 0-0"
    for part in found:
        assert isinstance(part.place, Span)
        inside = np.arange(20) < part.place.stop
        inside &= np.arange(20) >= part.place.start
        np.testing.assert_allclose(part.without(), np.where(inside[:, None], series.mean(0), series), rtol=1e-6)
    sound = test_audio.noise(13)
    moments = list(parts_of(test_audio.audio(), sound))
    assert sum(part.place.stop - part.place.start for part in moments if isinstance(part.place, Span)) == len(sound)
    silent = sum(np.asarray(part.without()) == 0 for part in moments)
    np.testing.assert_array_equal(silent, 1)
    assert moments[1].shown == "0.01-0.02 s"


def test_a_column_of_a_row_becomes_missing() -> None:
    found = list(parts_of(test_table.table(), test_table.ROW))
    assert [part.place for part in found] == [Column(name) for name in ("age", "work", "gain", "when")]
    assert found[1].without() == {**test_table.ROW, "work": None}
    assert found[0].shown == "age = 50"


def test_each_of_several_inputs_is_explained(tmp_path: Path) -> None:
    predictor = load(bundle(pair.model(), pair.said(), pair.golden(), tmp_path / "pair.tflite").path)
    raw = {"title": "two words", "body": "A body. Of sentences."}
    found = predictor.explain(raw)
    assert [part.input for part in found.parts] == ["title"] * 2 + ["body"] * 6
    left = predictor.predict({**raw, "title": " words"}).probabilities[found.target.name]
    assert found.parts[0].weight == pytest.approx(found.prediction.probability - left, abs=2e-6)


def test_the_command_tells_what_mattered_to_people_and_machines(
    predictor: Predictor, small: Bundle, capfd: pytest.CaptureFixture[str]
) -> None:
    text = "An array of numbers. A sentence?"
    assert main(["explain", str(small.path), "--text", text]) == 0
    label, about, *lines = capfd.readouterr().out.splitlines()
    assert label.endswith(" ms)")
    told = r'8 parts were left out one by one in 0\.\d\d s: how far ".*" fell \(-\) or rose \(\+\)\.'
    assert re.fullmatch(told, about)
    expected = []
    for granularity in ("sentence", "word"):
        strongest = predictor.explain(text).strongest(granularity)
        expected += [f"{granularity}:", *(f"  {-part.weight:>+9.1%}  {part.shown}" for part in strongest)]
    assert lines == expected
    assert {"An array of numbers.", "sentence", "numbers"} <= {line.split("  ")[-1] for line in lines}
    assert main(["explain", str(small.path), "--text", text, "--json", "--top", "1"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert len(found["probabilities"]) == 1
    assert found["explained"]["name"] == found["label"]
    first = found["explained"]["parts"][0]
    assert {**first, "weight": 0} == {"input": "input", "granularity": "sentence", "from": 0, "to": 20, "weight": 0}


def test_what_cannot_be_explained_is_one_line(
    predictor: Predictor, small: Bundle, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(small.path), "--text", "word"]) == 3
    line = "--text: expected an example of several parts, each of which can be left out; got one without such"
    assert capfd.readouterr().err == f"mgdist-edge: {line}\n"
    assert main(["explain", str(small.path), "--text", " "]) == 3
    assert capfd.readouterr().err == "mgdist-edge: --text: expected a text with at least one word; got an empty one\n"
    other = Predictor(predictor.bundle)
    for task, what in (
        (Tag(LABELS, "word"), "labels of single samples"),
        (Forecast(("a",), 4, (), (0.0,), (1.0,), False), "forecasts"),
    ):
        other.bundle = replace(predictor.bundle, manifest=replace(predictor.bundle.manifest, tasks={ONLY_HEAD: task}))
        line = f"expected a bundle that answers with labels or numbers; this one gives {what}; use predict"
        with pytest.raises(InputError, match=f"^{line}$"):
            other.explain("two words")
