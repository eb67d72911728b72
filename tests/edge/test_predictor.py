import numpy as np
import pytest

import mgdist_edge
from mgdist_edge.answers import Label
from mgdist_edge.bundle import Bundle
from mgdist_edge.errors import InputError
from mgdist_edge.predictor import Predictor, load
from tests.edge import network
from tests.edge.conftest import LABELS, documents, fitted


@pytest.fixture(scope="module")
def predictor(small: Bundle) -> Predictor:
    return load(small.path)


def test_the_package_gives_the_names_that_users_need() -> None:
    assert mgdist_edge.load is load
    assert set(mgdist_edge.__all__) == {"load", "Predictor", "Prediction"}
    with pytest.raises(AttributeError, match="has no attribute 'lode'"):
        _ = mgdist_edge.lode


def test_a_prediction_is_the_most_probable_label(predictor: Predictor, trained: network.Network) -> None:
    for text in documents()[::10]:
        expected = trained.answer(fitted().views(text))
        found = predictor.predict(text)
        assert list(found.probabilities) == list(LABELS)
        np.testing.assert_allclose(list(found.probabilities.values()), expected, atol=2e-6)
        assert found.label == LABELS[expected.argmax()]
        assert found.probability == max(found.probabilities.values())
        assert 0 < found.milliseconds < 1000


def test_top_ranks_the_labels(predictor: Predictor) -> None:
    found = predictor.predict("the array of numbers")
    assert isinstance(found.answer, Label)
    assert list(found.answer.top(1)) == [found.label]
    ranked = list(found.answer.top(9).values())
    assert ranked == sorted(found.probabilities.values(), reverse=True)


def test_many_texts_are_answered_one_at_a_time(predictor: Predictor) -> None:
    endless = (f"text {number}" for number in iter(int, 1))
    assert next(predictor.predict_many(endless)).label in LABELS
    texts = documents()[:5]
    many = [found.probabilities for found in predictor.predict_many(texts)]
    assert many == [predictor.predict(text).probabilities for text in texts]


def test_the_example_that_is_empty_is_named(predictor: Predictor) -> None:
    with pytest.raises(InputError, match=r"^example 2: expected a text with at least one word; got an empty one$"):
        list(predictor.predict_many(["a", " ", "b"]))
