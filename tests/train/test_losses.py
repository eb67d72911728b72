"""The loss of each kind of head."""

import math

import pytest
import torch
from torch import nn

from mgdist.data.batches import Batch
from mgdist.evaluate.scores import score, total_loss
from mgdist.models.heads import OrdinalHead, activated
from mgdist.train.losses import cross_entropy, loss, of_head
from mgdist_edge.tasks import Classify, MultiLabel, Ordinal, Regress, Task


def test_equal_logits_cost_the_logarithm_of_the_classes() -> None:
    loss = cross_entropy(torch.zeros(2, 5), torch.tensor([0, 4]), smoothing=0.0)
    assert float(loss) == pytest.approx(math.log(5))


def test_smoothing_spreads_a_share_of_the_target_over_all_classes() -> None:
    logits, target = torch.tensor([[2.0, 0.0]]), torch.tensor([0])
    right, wrong = (-torch.log_softmax(logits, 1)[0]).tolist()
    assert float(cross_entropy(logits, target, smoothing=0.2)) == pytest.approx(0.9 * right + 0.1 * wrong)


def test_bfloat16_logits_are_compared_in_float32() -> None:
    assert cross_entropy(torch.zeros(1, 3).bfloat16(), torch.tensor([1]), smoothing=0.0).dtype == torch.float32


LABELS = ("a", "b", "c")
CLASSIFY, ORDINAL, TAGS = Classify(LABELS), Ordinal(LABELS), MultiLabel(LABELS)
NUMBERS = Regress(("low", "high", "mean"), (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))
OUTPUTS = torch.randn(7, 3, generator=torch.Generator().manual_seed(1))
CLASSES = torch.tensor([0, 2, 1, 1, 0, 2, 2])
SEVERAL = (torch.arange(21).reshape(7, 3) % 2).float()


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("task", [CLASSIFY, ORDINAL])
def test_a_head_of_one_label_learns_by_torchs_cross_entropy(task: Task, smoothing: float) -> None:
    expected = nn.CrossEntropyLoss(label_smoothing=smoothing)(OUTPUTS, CLASSES)
    assert torch.allclose(of_head(task, OUTPUTS, CLASSES, smoothing), expected)


def test_the_probabilities_of_an_ordinal_head_are_compared_by_their_negative_logarithm() -> None:
    logs = OrdinalHead(width=3, outputs=3)(OUTPUTS)
    assert torch.allclose(of_head(ORDINAL, logs, CLASSES, 0.0), nn.NLLLoss()(logs, CLASSES), atol=1e-4)


def test_a_head_of_several_labels_learns_by_torchs_binary_cross_entropy_added_over_the_labels() -> None:
    expected = 3 * nn.BCEWithLogitsLoss()(OUTPUTS, SEVERAL)
    assert torch.allclose(of_head(TAGS, OUTPUTS, SEVERAL, 0.0), expected)
    smoothed = 3 * nn.BCEWithLogitsLoss()(OUTPUTS, SEVERAL * 0.8 + 0.1)
    assert torch.allclose(of_head(TAGS, OUTPUTS, SEVERAL, 0.2), smoothed)


def test_a_head_of_numbers_learns_by_torchs_squared_error_which_nothing_smooths() -> None:
    for smoothing in (0.0, 0.3):
        assert torch.allclose(of_head(NUMBERS, OUTPUTS, SEVERAL, smoothing), nn.MSELoss()(OUTPUTS, SEVERAL))


@pytest.mark.parametrize(("task", "targets"), [(CLASSIFY, CLASSES), (TAGS, SEVERAL), (NUMBERS, SEVERAL)])
def test_every_head_is_compared_in_float32(task: Task, targets: torch.Tensor) -> None:
    assert of_head(task, OUTPUTS.bfloat16(), targets, 0.0).dtype == torch.float32


def test_the_loss_of_all_heads_is_their_weighted_sum() -> None:
    tasks = {"topic": CLASSIFY, "tags": TAGS, "price": NUMBERS}
    targets = {"topic": CLASSES, "tags": SEVERAL, "price": SEVERAL}
    outputs = {name: OUTPUTS + place for place, name in enumerate(tasks)}
    parts = {name: of_head(task, outputs[name], targets[name], 0.1) for name, task in tasks.items()}
    found = loss(outputs, Batch((), targets), tasks=tasks, weights={"tags": 0.5, "price": 3.0}, smoothing=0.1)
    assert torch.allclose(found, parts["topic"] + 0.5 * parts["tags"] + 3.0 * parts["price"])


def test_a_validation_measures_the_loss_that_is_trained_for() -> None:
    tasks = {"topic": CLASSIFY, "tags": TAGS, "price": NUMBERS}
    targets = {"topic": CLASSES, "tags": SEVERAL, "price": SEVERAL}
    outputs = dict.fromkeys(tasks, OUTPUTS)
    trained = loss(outputs, Batch((), targets), tasks=tasks, weights={"tags": 0.5}, smoothing=0.0)
    answered = {name: activated(task, OUTPUTS).numpy() for name, task in tasks.items()}
    scores = score(tasks, answered, {name: each.numpy() for name, each in targets.items()})
    assert total_loss(scores, {"tags": 0.5}) == pytest.approx(float(trained), rel=1e-5)
