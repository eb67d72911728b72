import random
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from mgdist_edge import chunks
from mgdist_edge.chunks import stranger
from mgdist_edge.errors import InputError
from mgdist_edge.reader import Reader
from mgdist_edge.text import LONGEST, PADDING, UNKNOWN, TextInput, words
from mgdist_edge.windows import Window

KNOWN = {word: place for place, word in enumerate([PADDING, UNKNOWN, "a", "b", "c", "d", "e", "f", "."])}


@pytest.fixture(params=["in C", "in Python"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How words are looked up; both answer alike."""
    if request.param == "in Python":
        monkeypatch.setattr(chunks, "Lookup", None)
    elif chunks.Lookup is None:
        pytest.skip("mgdist_edge was installed without its part in C")


def reading(order: int = 1, **levels: int) -> TextInput:
    windows = {name: Window(length, None if name != "word" else 1) for name, length in levels.items()}
    return TextInput(KNOWN, True, windows, order, 100 if order > 1 else 0)


def ids(reading: TextInput, text: str) -> NDArray[np.int32]:
    """Return the samples of the only level that reads a raw view."""
    first, *others = reading.views(text).samples
    assert first is not None
    assert others == [None] * (len(reading.levels) - 1)
    return first


def cut(text: str, **levels: int) -> tuple[list[int], list[list[int]]]:
    views = reading(**levels).views(text)
    return ids(reading(**levels), text)[:, 0].tolist(), [lengths.tolist() for lengths in views.lengths]


def test_words_and_marks_are_samples_and_unknown_words_have_an_id() -> None:
    assert cut("A b, zebra.", word=10) == ([2, 3, 1, 1, 8], [[5]])


def test_one_level_reads_one_unit_and_leaves_the_rest() -> None:
    assert cut("a b c d e", word=3) == ([2, 3, 4], [[3]])


def test_a_sentence_is_a_unit_and_a_long_one_goes_on_in_the_next() -> None:
    assert cut("a b c d e. f", word=4, sentence=9) == ([2, 3, 4, 5, 6, 8, 7], [[4, 2, 1], [3]])


def test_sentences_beyond_the_last_unit_are_left_out() -> None:
    assert cut("a. b. c. d.", word=4, sentence=2) == ([2, 8, 3, 8], [[2, 2], [2]])


def test_paragraphs_hold_sentences_and_a_long_one_goes_on_in_the_next() -> None:
    text = "a. b. c.\n\nd.\n \n\ne. f."
    assert cut(text, word=4, sentence=2, paragraph=9)[1] == [[2] * 6, [2, 1, 1, 2], [4]]
    assert cut(text, word=4, sentence=2, paragraph=2) == ([2, 8, 3, 8, 4, 8], [[2, 2, 2], [2, 1], [2]])


def test_paragraphs_need_no_sentences() -> None:
    assert cut("a. b.\n\nc", word=9, paragraph=4) == ([2, 8, 3, 8, 4], [[4, 1], [2]])


def test_windows_are_full_wherever_sentences_and_paragraphs_end() -> None:
    windows = replace(reading(word=4, sentence=2, paragraph=9), windows=True)
    views = windows.views("a b. c\n\nd e f. a b c d e")
    assert ids(windows, "a b. c\n\nd e f. a b c d e")[:, 0].tolist() == [2, 3, 8, 4, 5, 6, 7, 8, 2, 3, 4, 5, 6]
    assert [lengths.tolist() for lengths in views.lengths] == [[4, 4, 4, 1], [2, 2], [2]]


def test_a_document_without_paragraphs_is_one() -> None:
    assert cut("a. b.", word=4, sentence=4, paragraph=4)[1] == [[2, 2], [2], [1]]


@pytest.mark.parametrize("text", ["", " ", "\n\n \t\n\n", "\x1f\u3000"])
@pytest.mark.parametrize("levels", [{"word": 4}, {"word": 4, "sentence": 4, "paragraph": 4}])
def test_a_text_without_words_is_refused(text: str, levels: dict[str, int]) -> None:
    with pytest.raises(InputError, match=r"^expected a text with at least one word; got an empty one$"):
        reading(**levels).views(text)


@pytest.mark.parametrize(("raw", "kind"), [(3, "int"), (None, "NoneType"), ({"text": "a"}, "dict"), (b"a", "bytes")])
def test_what_is_no_text_is_refused(raw: object, kind: str) -> None:
    with pytest.raises(InputError, match=rf"^expected a text; got {kind}$"):
        reading(word=4).views(raw)


def test_what_is_far_beyond_the_network_is_not_read() -> None:
    assert cut("a " * LONGEST, word=4, sentence=2) == ([2] * 8, [[4, 4], [2]])


def test_a_capital_sigma_is_one_letter_wherever_it_stands() -> None:
    assert words("ΟΔΟΣ ΔΣ", lowercase=True) == ["οδοσ", "δσ"]
    assert words("ΟΔΟΣ", lowercase=False) == ["ΟΔΟΣ"]


def test_ngrams_end_at_their_word_and_do_not_cross_units() -> None:
    samples = ids(reading(3, word=3, sentence=4), "a b c a b c. a b")
    assert samples.shape == (9, 3)
    assert (samples[0, 1:] == 0).all()
    assert samples[1, 2] == 0
    assert samples[3, 1] == 0  # the second unit begins
    np.testing.assert_array_equal(samples[:3], samples[3:6])  # the same words: the same ids
    assert samples[1, 1] != samples[2, 1]
    assert samples[:, 1:].max() < len(KNOWN) + 100
    assert samples[samples[:, 1] > 0, 1].min() >= len(KNOWN)


def test_the_hash_is_what_other_ports_must_compute() -> None:
    # From the last word back: xor the id, times 16777619; then two rounds of mixing; all modulo 2**32.
    mixed = 2166136261
    for word in (3, 2):
        mixed = ((mixed ^ word) * 16777619) % 2**32
    mixed = ((mixed ^ (mixed >> 15)) * 0x2C1B3C6D) % 2**32
    mixed ^= mixed >> 12
    assert ids(reading(2, word=4), "a b")[1, 1] == len(KNOWN) + mixed % 100


def test_words_without_a_vector_still_make_pairs_of_their_own() -> None:
    first, second, again = (ids(reading(2, word=4), text) for text in ("zebra a", "gnu a", "zebra a"))
    assert first[0, 0] == second[0, 0] == 1
    assert first[1, 1] != second[1, 1]
    np.testing.assert_array_equal(first, again)


def test_the_key_of_a_stranger_is_what_other_ports_must_compute() -> None:
    assert stranger("zebra") == 0x95575DB6
    assert stranger("straße") == 0x883F52CD


@pytest.mark.parametrize("levels", [{}, {"sentence": 3}, {"sentence": 3, "paragraph": 4}, {"paragraph": 4}])
def test_chunks_are_cut_as_sentences_are(levels: dict[str, int]) -> None:
    fitted, drawn = reading(4, word=5, **levels), random.Random(0)
    pieces = [
        "a",
        "b ",
        "zebra_1 ",
        "ΣΑΣ ",
        ". ",
        ".",
        "!",
        '?" ',
        ".') ",
        ")",
        "\n",
        "\n\n",
        " \n \t\n",
        "\u2028",
        "-",
    ]
    read = 0
    for _ in range(400):
        text = "a" + "".join(drawn.choices(pieces, k=drawn.randrange(25)))
        here, there = fitted.views(text), Reader(fitted, 64).views(text)  # which searches for sentences
        np.testing.assert_array_equal(np.array(here.samples[0]), np.array(there.samples[0]))
        for one, other in zip(here.lengths, there.lengths, strict=True):
            np.testing.assert_array_equal(one, other)
        read += len(here.lengths[0])
    assert read >= 400
    assert chunks.Lookup is not None or len(fitted.chunks) > 100


def test_chunks_are_forgotten_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chunks, "_MOST", 3)
    monkeypatch.setattr(chunks, "Lookup", None)  # which remembers none
    fitted = reading(word=4, sentence=4)
    for text in ("a b. c", "d, e", "a b. c"):
        fitted.views(text)
        assert len(fitted.chunks) <= 3


@pytest.mark.parametrize("text", ["a", "a b", "a. b. c", "a b c"])
def test_a_text_may_have_fewer_words_than_an_ngram(text: str) -> None:
    samples = ids(reading(4, word=3, sentence=4), text)
    assert samples.shape == (len(words(text, lowercase=True)), 4)
    assert (samples[0, 1:] == 0).all()
