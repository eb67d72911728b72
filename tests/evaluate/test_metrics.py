import json

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, log_loss, precision_recall_fscore_support

from mgdist.evaluate.metrics import BINS, Scores, calibration_error, score, verdict


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    targets = rng.choice(4, 500, p=[0.5, 0.3, 0.15, 0.05])
    logits = rng.normal(size=(500, 4)) + 1.5 * np.eye(4)[targets]
    powers = np.exp(logits)
    return powers / powers.sum(1, keepdims=True), targets


def test_scores_are_those_of_scikit_learn(answers: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, targets = answers
    found, predicted = score(probabilities, targets), probabilities.argmax(1)
    assert found.accuracy == pytest.approx(accuracy_score(targets, predicted))
    assert found.macro_f1 == pytest.approx(f1_score(targets, predicted, average="macro"))
    assert found.loss == pytest.approx(log_loss(targets, probabilities))
    assert np.array_equal(found.confusion, confusion_matrix(targets, predicted))
    table = np.array([[each.precision, each.recall, each.f1, each.support] for each in found.per_class]).T
    assert table == pytest.approx(np.array(precision_recall_fscore_support(targets, predicted)))
    assert found.examples == 500


def test_a_class_that_is_neither_there_nor_named_does_not_count_in_macro_f1() -> None:
    found = score(np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]]), np.array([0, 1]))
    assert found.macro_f1 == 1.0
    assert found.per_class[2].support == 0


def test_calibration_error_is_the_gap_of_confidence_and_accuracy_bin_by_bin(
    answers: tuple[np.ndarray, np.ndarray],
) -> None:
    probabilities, targets = answers
    confidence, right = probabilities.max(1), probabilities.argmax(1) == targets
    error = 0.0
    for low in np.arange(BINS) / BINS:
        inside = (confidence > low) & (confidence <= low + 1 / BINS)
        if inside.any():
            error += abs(right[inside].mean() - confidence[inside].mean()) * inside.mean()
    assert score(probabilities, targets).ece == pytest.approx(error, abs=1e-6)


@pytest.mark.parametrize(("confidence", "right", "error"), [(1.0, 1.0, 0.0), (1.0, 0.0, 1.0), (0.8, 0.8, 0.0)])
def test_calibration_error_of_known_cases(confidence: float, right: float, error: float) -> None:
    hits = np.arange(100) < 100 * right
    assert calibration_error(np.full(100, confidence), hits) == pytest.approx(error, abs=1e-9)


def test_a_certain_and_wrong_answer_costs_much_but_not_without_end() -> None:
    assert 20 < score(np.array([[1.0, 0.0]]), np.array([1])).loss < 30


def test_scores_survive_json(answers: tuple[np.ndarray, np.ndarray]) -> None:
    found = score(*answers)
    assert Scores.from_json(json.loads(json.dumps(found.as_json()))) == found


def scored(right: int, wrong: int, *, share: float = 0.5) -> Scores:
    """Return scores of a two-class network whose most frequent class has a share of the rows."""
    total = right + wrong
    targets = (np.arange(total) >= total * share).astype(np.int64)
    predicted = np.where(np.arange(total) % total < right, targets, 1 - targets)
    return score(np.eye(2)[predicted], targets)


@pytest.mark.parametrize(
    ("network", "baseline", "said"),
    [
        (scored(90, 10), scored(80, 20), []),
        (scored(90, 10), scored(90, 10), []),
        (scored(85, 15), scored(90, 10), ["below the linear baseline: accuracy 0.8500 against 0.9000 of TF-IDF"]),
        (scored(59, 41), scored(50, 50), ["learned nothing: its accuracy of 0.5900 on 100 examples"]),
        (scored(61, 39), scored(50, 50), []),
        (scored(590, 410), scored(500, 500), []),
        (scored(910, 90, share=0.9), scored(900, 100, share=0.9), ["always naming the most frequent class gives (0.9"]),
        (scored(10, 90), scored(90, 10), ["learned nothing", "below the linear baseline"]),
    ],
)
def test_chance_level_and_less_than_the_baseline_are_said_in_words(
    network: Scores, baseline: Scores, said: list[str]
) -> None:
    found = verdict(network, baseline)
    assert len(found) == len(said)
    assert all(part in sentence for part, sentence in zip(said, found, strict=True))
