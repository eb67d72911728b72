"""The vocabulary that a client without small letters is given, and the ids that it finds with it."""

import numpy as np

from mgdist.export.written import client_ids, forms, vocabulary_file
from mgdist_edge.text import PADDING, UNKNOWN, TextInput
from mgdist_edge.windows import Window
from tests.edge.test_inputs import docstrings

WINDOWS = {"word": Window(4, 1), "sentence": Window(3, None)}


def fitted(*words: str, lowercase: bool = True) -> TextInput:
    vocabulary = {word: place for place, word in enumerate([PADDING, UNKNOWN, *words])}
    return TextInput(vocabulary, lowercase, WINDOWS, windows=True)


def test_every_way_to_write_a_word_has_the_id_of_its_small_letters() -> None:
    found = forms(fitted("numpy", "arrays", "."), ["NumPy is not here. aRRays are."])
    assert found == {
        PADDING: 0, UNKNOWN: 1, "numpy": 2, "NUMPY": 2, "Numpy": 2, "NUmpy": 2, "NumPy": 2, "arrays": 3, "ARRAYS": 3,
        "Arrays": 3, "ARrays": 3, "ARRAYs": 3, "aRRays": 3, ".": 4,
    }  # fmt: skip


def test_where_capitals_count_nothing_is_added() -> None:
    reading = fitted("numpy", "NumPy", lowercase=False)
    assert forms(reading, ["NUMPY"]) == reading.vocabulary


def test_a_letter_that_has_no_way_back_from_its_capital_is_left_alone() -> None:
    assert "SS" not in forms(fitted("ß"), [])  # "SS".lower() is "ss"


def test_a_line_of_the_file_is_a_form_and_its_id() -> None:
    assert vocabulary_file({PADDING: 0, UNKNOWN: 1, "a": 7}) == b"<PAD> 0\n<UNKNOWN> 1\na 7\n"


def test_real_texts_get_the_ids_that_mgdist_gives_them() -> None:
    texts = docstrings()[:200]
    reading = fitted(*sorted({word.lower() for text in texts for word in text.split() if word.isalnum()}))
    known, length = forms(reading, texts), 12
    assert len(texts) == 200
    for text in map(str.strip, texts):
        ids = reading.views(text).samples[0]
        assert ids is not None
        want = np.zeros(length, np.int32)
        want[: len(ids)] = ids[:length, 0]
        assert client_ids(text, known, length)[0].tolist() == want.tolist()


def test_space_in_front_makes_the_first_word_unknown() -> None:
    known = forms(fitted("a", "b"), [])
    assert client_ids(" a b", known, 3).tolist() == [[1, 3, 0]]
    assert client_ids("a b\0 a", known, 3).tolist() == [[2, 3, 0]]
    assert client_ids("", known, 3).tolist() == [[0, 0, 0]]
