import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score

from mgdist.evaluate.values import score_values


@pytest.mark.parametrize("numbers", [1, 3])
def test_scores_are_those_of_scikit_learn(numbers: int) -> None:
    rng = np.random.default_rng(2)
    targets = rng.normal(size=(300, numbers)).astype(np.float32) * np.arange(1, numbers + 1, dtype=np.float32)
    outputs = (targets + rng.normal(size=targets.shape) * 0.6).astype(np.float32)
    found = score_values(outputs, targets)
    assert found.r2 == pytest.approx(r2_score(targets, outputs), abs=1e-6)
    assert found.mse == found.loss == pytest.approx(mean_squared_error(targets, outputs), rel=1e-6)
    assert found.mae == pytest.approx(mean_absolute_error(targets, outputs), rel=1e-6)
    assert found.examples == 300
    assert found.quality == found.r2


def test_the_mean_of_the_split_explains_nothing_and_the_truth_all() -> None:
    targets = np.random.default_rng(3).normal(size=(50, 2)).astype(np.float32)
    assert score_values(np.broadcast_to(targets.mean(0), targets.shape), targets).r2 == pytest.approx(0, abs=1e-6)
    assert score_values(targets, targets).r2 == 1.0


def test_numbers_that_never_change_have_no_share_to_explain() -> None:
    # As in scikit-learn: such a number counts as 0, or as 1 where it is met exactly.
    targets = np.full((4, 1), 0.5, np.float32)
    assert score_values(targets + 0.25, targets).r2 == r2_score(targets, targets + 0.25) == 0.0
    assert score_values(targets, targets).r2 == r2_score(targets, targets) == 1.0
