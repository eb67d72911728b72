"""The loss of a classification."""

import math

import pytest
import torch

from mgdist.train.losses import cross_entropy


def test_equal_logits_cost_the_logarithm_of_the_classes() -> None:
    loss = cross_entropy(torch.zeros(2, 5), torch.tensor([0, 4]), smoothing=0.0)
    assert float(loss) == pytest.approx(math.log(5))


def test_smoothing_spreads_a_share_of_the_target_over_all_classes() -> None:
    logits, target = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
    right, wrong = (-torch.log_softmax(logits, 1)[0]).tolist()
    assert float(cross_entropy(logits, target, smoothing=0.2)) == pytest.approx(0.9 * right + 0.1 * wrong)


def test_bfloat16_logits_are_compared_in_float32() -> None:
    assert cross_entropy(torch.zeros(1, 3).bfloat16(), torch.tensor([1]), smoothing=0.0).dtype == torch.float32
