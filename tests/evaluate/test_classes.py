import numpy as np
import pytest
from sklearn.metrics import (
    accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    precision_recall_fscore_support,
    roc_auc_score,
)

from mgdist.evaluate.classes import BINS, area, calibration_error, score_classes


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    targets = rng.choice(4, 500, p=[0.5, 0.3, 0.15, 0.05])
    logits = rng.normal(size=(500, 4)) + 1.5 * np.eye(4)[targets]
    powers = np.exp(logits)
    return powers / powers.sum(1, keepdims=True), targets


def test_scores_are_those_of_scikit_learn(answers: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, targets = answers
    found, predicted = score_classes(probabilities, targets), probabilities.argmax(1)
    assert found.accuracy == pytest.approx(accuracy_score(targets, predicted))
    assert found.macro_f1 == pytest.approx(f1_score(targets, predicted, average="macro"))
    assert found.loss == pytest.approx(log_loss(targets, probabilities))
    assert np.array_equal(found.confusion, confusion_matrix(targets, predicted))
    table = np.array([[each.precision, each.recall, each.f1, each.support] for each in found.per_class]).T
    assert table == pytest.approx(np.array(precision_recall_fscore_support(targets, predicted)))
    assert found.examples == 500


def test_a_class_that_is_neither_there_nor_named_does_not_count_in_macro_f1() -> None:
    found = score_classes(np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]]), np.array([0, 1]))
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
    assert score_classes(probabilities, targets).ece == pytest.approx(error, abs=1e-6)


@pytest.mark.parametrize(("confidence", "right", "error"), [(1.0, 1.0, 0.0), (1.0, 0.0, 1.0), (0.8, 0.8, 0.0)])
def test_calibration_error_of_known_cases(confidence: float, right: float, error: float) -> None:
    hits = np.arange(100) < 100 * right
    assert calibration_error(np.full(100, confidence), hits) == pytest.approx(error, abs=1e-9)


def test_a_certain_and_wrong_answer_costs_much_but_not_without_end() -> None:
    assert 20 < score_classes(np.array([[1.0, 0.0]]), np.array([1])).loss < 30


def test_the_quality_is_the_accuracy(answers: tuple[np.ndarray, np.ndarray]) -> None:
    found = score_classes(*answers)
    assert found.quality == found.accuracy
    assert list(found.metrics) == ["accuracy", "macro_f1", "auc", "ece"]
    assert found.chance == np.bincount(answers[1]).max() / 500


def test_the_area_under_the_curve_is_that_of_scikit_learn(answers: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, targets = answers
    assert area(probabilities, targets) == pytest.approx(roc_auc_score(targets, probabilities, multi_class="ovr"))
    two = np.stack([1 - probabilities[:, 0], probabilities[:, 0]], 1).round(2)  # rounded, so that some are equal
    assert area(two, (targets == 0).astype(np.int64)) == pytest.approx(roc_auc_score(targets == 0, two[:, 1]))
    assert area(two, np.zeros(500, np.int64)) == 0.5
