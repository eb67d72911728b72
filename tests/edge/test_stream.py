"""Live input: what is remembered changes no answer."""

import random
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from mgdist.export.bundle import bundle
from mgdist_edge.bundle import Bundle
from mgdist_edge.errors import InputError
from mgdist_edge.kept import Kept
from mgdist_edge.memory import Memory, Recent
from mgdist_edge.names import ONLY_INPUT
from mgdist_edge.predictor import Predictor, load
from mgdist_edge.reader import Cutter, Reader
from mgdist_edge.runtime import Runtime
from mgdist_edge.text import PARAGRAPHS, SENTENCES, TextInput
from mgdist_edge.wordpiece import WordPiece
from tests.edge import network, pair, test_series
from tests.edge.conftest import documents, fitted
from tests.edge.test_wordpiece import reading

TOLERANCE = 1e-6
"""Largest difference of a probability that a stream may make: in float32, units computed beside others."""
INSERTED = [
    "A new sentence. ",
    "word ",
    "\n\n",
    ". ",
    '"',
    "?)\n",
    "  ",
    "é",
    "\n \n  And a paragraph! ",
    "x" * 40 + " ",
]


@pytest.fixture(scope="module")
def predictor(small: Bundle) -> Predictor:
    return load(small.path)


def edits(seed: int, count: int) -> list[str]:
    """Return a text after each of some edits: appended to, inserted into, deleted from, replaced."""
    chance = random.Random(seed)
    text, found = chance.choice(documents()[20:60]), []
    for _ in range(count):
        place, more = chance.randrange(len(text) + 1), chance.choice(INSERTED)
        match chance.randrange(4):
            case 0:
                text += more
            case 1:
                text = text[:place] + more + text[place:]
            case 2:
                text = text[:place] + text[place + chance.choice([1, 1, 7, 60]) :]
            case _:
                text = chance.choice(documents()[20:60]) + text[place : place + 300]
        found.append(text)
    return found


def test_an_edited_text_is_answered_as_one_that_was_never_seen(predictor: Predictor) -> None:
    answered = 0
    for seed in range(6):
        stream = predictor.stream(most=64)
        for text in edits(seed, 60):
            try:
                expected = predictor.outputs(predictor.views(text))
            except InputError as error:
                with pytest.raises(InputError, match=f"^{error}$"):
                    stream.outputs(text)
                continue
            np.testing.assert_allclose(stream.outputs(text)["answer"], expected["answer"], atol=TOLERANCE)
            answered += 1
    assert answered > 300


@pytest.mark.parametrize("levels", [("word",), ("word", "sentence"), ("word", "paragraph"), tuple(fitted().levels)])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_text_is_read_to_the_very_views_of_its_input(levels: tuple[str, ...], order: int) -> None:
    whole = fitted()
    windows = {name: whole.levels[name] for name in levels}
    read_alike(TextInput(whole.vocabulary, True, windows, order, whole.buckets))


def test_pruned_vocabularies_windows_and_pieces_of_words_are_read_alike_too() -> None:
    kept = Kept.of(len(fitted().vocabulary), np.arange(fitted().rows) % 3 < 2)
    words = {word: place for word, place in fitted().vocabulary.items() if kept.ids[place]}
    read_alike(TextInput(words, True, fitted().levels, 2, fitted().buckets, kept=kept))
    read_alike(replace(fitted(), windows=True))
    marks = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    letters = [start + letter for start in ("", "##") for letter in "abcdefghijklmnopqrstuvwxyz.!?"]
    vocabulary = {piece: place for place, piece in enumerate(marks + letters)}
    read_alike(reading(WordPiece(vocabulary, *marks[1:], True, True, True, 30), word=12, sentence=6))


def read_alike(plain: TextInput) -> None:
    """Assert that a reader gives what its input gives, after each of many edits."""
    for seed in range(4):
        reader = Reader(plain, most=32)
        for text in filter(str.strip, edits(seed, 60)):
            expected, found = plain.views(text), reader.views(text)
            np.testing.assert_array_equal(found.samples[0], expected.samples[0])
            assert found.samples[0] is not None
            assert found.samples[0].dtype == np.int32
            for one, other in zip(found.lengths, expected.lengths, strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("gaps", [SENTENCES, PARAGRAPHS])
def test_a_cutter_gives_the_pieces_that_a_search_from_the_front_gives(gaps: re.Pattern[str]) -> None:
    for seed in range(20):
        cutter = Cutter(gaps)
        for text in edits(seed, 40):
            assert cutter.cut(text)[0] == gaps.split(text)


def heard(small: Bundle) -> tuple[Predictor, list[str]]:
    """Return a predictor, and the list of the signatures that it calls."""
    called: list[str] = []

    def hear(signature: str, inputs: Mapping[str, NDArray[np.generic]]) -> None:
        called.append(signature)

    predictor = load(small.path)
    predictor.runtime = Runtime(small, hear=hear)
    return predictor, called


def test_only_what_changed_is_computed(small: Bundle) -> None:
    predictor, called = heard(small)
    stream = predictor.stream()
    first = "One array of numbers. Another array.\n\nA second paragraph. It has two sentences."
    stream.predict(first)
    called.clear()
    stream.predict(first)
    assert called == ["head"]
    called.clear()
    stream.predict(first + " And a third one.")
    assert called == ["word_1", "sentence_1", "paragraph_1", "head"]
    called.clear()
    stream.predict(first)
    assert called == ["head"]


def test_what_was_not_seen_for_long_is_forgotten() -> None:
    recent: Recent[int, int] = Recent(3)
    for number in range(100):
        recent.put(number, -number)
        recent.get(0)
        assert len(recent) <= 6
    assert [recent.get(number) for number in (0, 97, 98, 99)] == [0, -97, -98, -99]
    assert recent.get(50) is None


def test_a_stream_remembers_at_most_twice_what_was_asked_beside_the_latest_text(predictor: Predictor) -> None:
    stream = predictor.stream(most=10)
    for text in documents():
        stream.predict(text)
    latest = sum(map(len, predictor.views(text)[ONLY_INPUT].lengths))
    assert 10 <= len(stream.memory) <= 2 * 10 * len(network.LEVELS) + latest


def drawn(chance: random.Random) -> tuple[float, ...]:
    """Return a unit of one to three samples of two channels."""
    return (float(chance.randrange(50)),) * (2 * chance.randint(1, 3))


def test_units_are_computed_once_wherever_others_are_put_in_or_taken_out() -> None:
    chance, memory, computed = random.Random(7), Memory(512), list[tuple[float, ...]]()

    def compute(samples: NDArray[np.generic], lengths: NDArray[np.int32]) -> NDArray[np.float32]:
        units = np.split(samples, np.cumsum(lengths)[:-1])
        computed.extend(tuple(unit.ravel().tolist()) for unit in units)
        return np.array([[unit.sum(), len(unit)] for unit in units], np.float32)

    units: list[tuple[float, ...]] = [(1.0, 2.0)]
    for _ in range(400):
        place = chance.randrange(len(units) + 1)
        new = next(each for each in iter(lambda: drawn(chance), ()) if each not in units)
        match chance.randrange(3):
            case 0:
                units = [*units[:place], new, *units[place:]]
            case 1:
                units = [*units[:place], new, *units[place + 1 :]]
            case _:
                units = [*units[:place], *units[place + 1 :]] or [new]
        samples = np.array([number for unit in units for number in unit], np.float32).reshape(-1, 2)
        lengths = np.array([len(unit) // 2 for unit in units], np.int32)
        found = memory.vectors("level", samples, lengths, compute)
        np.testing.assert_array_equal(found, [[sum(unit), len(unit) // 2] for unit in units])
    assert 100 < len(computed) == len(set(computed))


def test_units_of_the_same_content_but_of_different_levels_are_kept_apart() -> None:
    memory, samples, lengths = Memory(8), np.ones((3, 2), np.float32), np.array([1, 2], np.int32)
    for level, factor in (("fine", 2.0), ("coarse", 3.0)):
        for _ in range(2):
            rows = np.full((2, 4), factor, np.float32)
            found = memory.vectors(level, samples, lengths, lambda _, new, rows=rows: rows[: len(new)])
            np.testing.assert_array_equal(found, rows)


def test_several_inputs_are_streamed_together(tmp_path: Path) -> None:
    predictor = load(bundle(pair.model(), pair.said(), pair.golden(), tmp_path / "pair.tflite").path)
    stream = predictor.stream()
    for raw in pair.raws():
        for end in (len(raw["body"]) // 2 + 1, len(raw["body"])):
            now = {**raw, "body": raw["body"][:end]}
            found, expected = stream.predict(now), predictor.predict(now)
            assert list(found.answers) == ["topic", "size"]
            assert found.probabilities == pytest.approx(expected.probabilities, abs=TOLERANCE)
    with pytest.raises(InputError, match=r"^expected a value for each of title, body; got title$"):
        stream.predict({"title": "a"})
    with pytest.raises(InputError, match=r"^body: expected a text; got int$"):
        stream.predict({"title": "a", "body": 3})


def test_of_readings_that_arrive_only_the_new_windows_are_computed() -> None:
    memory, fitted, computed = Memory(64), test_series.reading(), list[int]()

    def compute(samples: NDArray[np.generic], lengths: NDArray[np.int32]) -> NDArray[np.float32]:
        computed.append(len(lengths))
        return np.add.reduceat(samples, np.cumsum(lengths) - lengths).astype(np.float32)

    for count in (10, 11, 12, 14):
        views = fitted.views(np.arange(float(count)))
        assert views.samples[0] is not None
        found = memory.vectors("moment", views.samples[0], views.lengths[0], compute)
        expected = [sum(range(start, min(start + 4, count))) for start in range(0, count, 4)]
        np.testing.assert_array_equal(found[:, 0], expected)
    assert computed == [3, 1, 1, 1]  # windows of 4 readings: the last one while it fills, and then the next
