import numpy as np
import pytest

from mgdist.data import seen
from mgdist.data.seen import Seen, look_through
from mgdist.data.stored import Ragged


def test_rare_ids_weigh_more_and_unseen_ones_most() -> None:
    found = Seen(np.array([[0, 0], [9, 9], [1, 0]], np.int32), 18).idf()
    assert found.tolist() == pytest.approx([np.log(19) + 1, 1.0, np.log(19 / 2) + 1])
    assert found.dtype == np.float32


def test_ratios_are_those_of_naive_bayes_and_sum_to_nothing() -> None:
    found = Seen(np.array([[4, 0], [1, 1], [0, 4]], np.int32), 10).log_ratios(1.0)
    assert found[0, 0] == pytest.approx(np.log(5) / 2)
    assert found.sum(1) == pytest.approx(0, abs=1e-6)


@pytest.fixture
def documents() -> list[list[list[int]]]:
    """Return the ids of 25 documents, words and pairs."""
    draw = np.random.default_rng(1)
    return [draw.integers(0, 9, (draw.integers(1, 7), 2)).tolist() for _ in range(25)]


def ragged(documents: list[list[list[int]]]) -> Ragged:
    lengths = np.array(list(map(len, documents)), np.int32)
    ids = np.array([sample for document in documents for sample in document], np.int32)
    first = np.array([[0, *np.cumsum(lengths)], np.arange(len(documents) + 1)])
    return Ragged((ids,), (lengths,), (first,))


@pytest.mark.parametrize("chunk", [1, 7, 4096])
def test_a_document_counts_for_each_of_its_classes_and_once_however_often_it_holds_an_id(
    documents: list[list[list[int]]], chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seen, "CHUNK", chunk)
    members = np.random.default_rng(2).random((25, 3)) < 0.5
    counts = np.zeros((9, 3), np.int64)
    for document, classes in zip(documents, members, strict=True):
        for number in {id for sample in document for id in sample}:
            counts[number] += classes
    found = look_through(ragged(documents), members, 9)
    assert np.array_equal(found.counts, counts)
    assert found.documents == 25


def test_a_document_of_no_class_counts_among_the_documents_only() -> None:
    found = look_through(ragged([[[1]], [[2]]]), np.array([[False, False], [True, True]]), 3)
    assert found.counts.tolist() == [[0, 0], [0, 0], [1, 1]]
    assert found.documents == 2
