import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score, log_loss

from mgdist.evaluate.labels import score_labels


@pytest.fixture
def answers() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    targets = (rng.random((400, 5)) < [0.7, 0.5, 0.2, 0.05, 0.6]).astype(np.float32)
    logits = rng.normal(size=(400, 5)) + 2 * (targets - 0.5)
    return (1 / (1 + np.exp(-logits))).astype(np.float32), targets


def test_scores_are_those_of_scikit_learn(answers: tuple[np.ndarray, np.ndarray]) -> None:
    probabilities, targets = answers
    found, named = score_labels(probabilities, targets), probabilities >= 0.5
    assert found.micro_f1 == pytest.approx(f1_score(targets, named, average="micro"))
    assert found.macro_f1 == pytest.approx(f1_score(targets, named, average="macro"))
    assert found.subset_accuracy == pytest.approx(accuracy_score(targets, named))
    losses = [log_loss(targets[:, label], probabilities[:, label]) for label in range(5)]
    assert found.loss == pytest.approx(sum(losses), rel=1e-5)
    assert found.examples == 400
    assert found.quality == found.micro_f1


def test_what_always_naming_the_frequent_labels_gives(answers: tuple[np.ndarray, np.ndarray]) -> None:
    targets = answers[1]
    frequent = np.broadcast_to(targets.mean(0) > 0.5, targets.shape)
    assert 1 < frequent[0].sum() < 5
    assert score_labels(*answers).frequent_f1 == pytest.approx(f1_score(targets, frequent, average="micro"))


def test_where_no_label_is_frequent_naming_none_gives_nothing() -> None:
    targets = np.eye(4, dtype=np.float32)
    found = score_labels(np.full((4, 4), 0.1, np.float32), targets)
    assert (found.micro_f1, found.macro_f1, found.subset_accuracy, found.frequent_f1) == (0, 0, 0, 0)


def test_a_label_that_is_neither_there_nor_named_does_not_count_in_macro_f1() -> None:
    targets = np.array([[1, 0], [1, 0]], np.float32)
    assert score_labels(np.array([[0.9, 0.1], [0.8, 0.2]], np.float32), targets).macro_f1 == 1.0


def test_examples_without_any_label_are_right_where_none_is_named() -> None:
    found = score_labels(np.full((3, 2), 0.2, np.float32), np.zeros((3, 2), np.float32))
    assert (found.subset_accuracy, found.micro_f1, found.macro_f1) == (1.0, 0.0, 0.0)


def test_a_certain_and_wrong_answer_costs_much_but_not_without_end() -> None:
    assert 16 < score_labels(np.array([[1.0]]), np.array([[0.0]])).loss < 17
    assert 16 < score_labels(np.array([[0.0]]), np.array([[1.0]])).loss < 17
