"""Texts whose vocabulary was pruned: the rest keep their ids, and only the rows move up."""

import json
from dataclasses import replace

import numpy as np
import pytest

from mgdist_edge.errors import BundleError
from mgdist_edge.inputs import parts_of
from mgdist_edge.kept import Kept
from mgdist_edge.names import ONLY_INPUT
from mgdist_edge.text import PADDING, UNKNOWN, TextInput
from mgdist_edge.windows import Window
from tests.edge.test_inputs import read

WORDS = {PADDING: 0, UNKNOWN: 1, "sea": 2, "sky": 3, "soil": 4}
WHOLE = TextInput(WORDS, True, {"word": Window(8, 1)}, order=2, buckets=20)


def pruned(*gone: int) -> TextInput:
    """Return the text without the rows of some ids."""
    ids = np.ones(25, np.bool_)
    ids[list(gone)] = False
    left = {word: id for word, id in WORDS.items() if ids[id]}
    return replace(WHOLE, vocabulary=left, kept=Kept.of(5, ids))


def rows(fitted: TextInput, text: str) -> np.ndarray:
    (samples,), _ = fitted.views(text).samples, None
    return samples


def test_what_is_kept_has_the_rows_of_its_ids_moved_up() -> None:
    before, after = rows(WHOLE, "sea soil sea"), rows(pruned(3), "sea soil sea")
    np.testing.assert_array_equal(after, np.where(before > 3, before - 1, before))
    assert pruned(3).rows == WHOLE.rows - 1


def test_a_word_without_a_row_is_unknown_and_a_pair_without_one_is_nothing() -> None:
    pair = int(rows(WHOLE, "sea soil")[1, 1])
    assert rows(pruned(4), "sea soil")[:, 0].tolist() == [2, 1]
    assert rows(pruned(pair), "sea soil")[1].tolist() == [4, 0]


def test_a_bundle_brings_along_what_was_kept() -> None:
    fitted = pruned(3, 9, 20)
    part = parts_of({ONLY_INPUT: fitted})["tokenizer.json"].decode()
    assert "sky" not in part
    again = read(json.loads(json.dumps(fitted.as_json())), part)
    assert again == fitted
    np.testing.assert_array_equal(rows(again, "sea sky soil"), rows(fitted, "sea sky soil"))
    assert "kept" not in WHOLE.as_json()


@pytest.mark.parametrize(
    ("kept", "line"),
    [
        ({"words": 5, "bits": "????"}, "expected base64 of a bit for each of 25 ids, the first two set"),
        ({"words": 5, "bits": "gAAA"}, "expected base64 of a bit for each of 25 ids, the first two set"),
        ({"words": 5, "bits": "/////w=="}, "expected base64 of a bit for each of 25 ids, the first two set"),
        ({"words": 1, "bits": ""}, "kept.words: expected a whole number from 2"),
        ({"words": 5, "bits": "wP//gA=="}, "kept.bits: expected one set for each word of tokenizer.json"),
    ],
)
def test_kept_ids_that_do_not_fit_are_refused(kept: dict[str, object], line: str) -> None:
    part = parts_of({ONLY_INPUT: WHOLE})["tokenizer.json"].decode()
    with pytest.raises(BundleError, match=line.replace(".", r"\.")):
        read(WHOLE.as_json() | {"kept": kept}, part)
