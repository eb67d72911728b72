import numpy as np
import pytest

from mgdist.data.pieces import pieces
from mgdist.errors import DataError

READINGS = np.arange(22, dtype=np.float32).reshape(11, 2)
LABELS = np.array(list("aaabbbbccca"))


def test_a_piece_has_the_label_of_most_of_its_readings() -> None:
    found = pieces(READINGS, LABELS, length=4, stride=3)
    assert found.readings[:, 0, 0].tolist() == [0, 6, 12]
    assert found.readings.shape == (3, 4, 2)
    assert found.labels.tolist() == ["a", "b", "c"]


def test_of_equally_frequent_labels_the_smallest_is_taken() -> None:
    assert pieces(READINGS[:4], np.array([3, 3, 1, 1]), length=4, stride=1).labels.tolist() == [1]


def test_pieces_are_not_copied() -> None:
    assert np.shares_memory(pieces(READINGS, LABELS, length=4, stride=3).readings, READINGS)


def test_a_recording_that_is_shorter_than_a_piece_gives_none() -> None:
    found = pieces(READINGS, LABELS, length=12, stride=1)
    assert (len(found.readings), len(found.labels)) == (0, 0)
    assert len(pieces(READINGS, LABELS, length=11, stride=5).labels) == 1


def test_every_reading_needs_a_label() -> None:
    with pytest.raises(DataError, match=r"^task.label: expected a label for each of 11 readings; got \(10,\)$"):
        pieces(READINGS, LABELS[:10], length=4, stride=3)
