import copy

import numpy as np
import pytest
import torch

from mgdist.models.heads import LinearHead, OrdinalHead, SumHead, activated
from mgdist.train.losses import cross_entropy
from mgdist_edge.tasks import Classify, MultiLabel, Ordinal, Regress

LABELS = ("a", "b", "c")


def test_a_head_that_reads_classes_begins_by_believing_them():
    torch.manual_seed(0)
    head = LinearHead(width=8, outputs=3, reads_classes=True)
    fused = torch.zeros(3, 8)
    fused[:, :3] = 4 * torch.eye(3)
    assert head(fused).argmax(1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("outputs", [2, 3, 5, 10])
def test_an_ordinal_head_gives_logarithms_of_probabilities_that_sum_to_one(outputs: int):
    torch.manual_seed(0)
    head = OrdinalHead(width=4, outputs=outputs)
    logs = head(torch.randn(50, 4) * 3)
    assert logs.shape == (50, outputs)
    assert torch.allclose(logs.exp().sum(1), torch.ones(50), atol=outputs * OrdinalHead.LEAST * 2)


@pytest.mark.parametrize("outputs", [3, 6])
def test_a_rising_number_passes_the_labels_in_their_order(outputs: int):
    torch.manual_seed(0)
    head = OrdinalHead(width=1, outputs=outputs)
    with torch.no_grad():
        head.linear.weight.fill_(1.0)
        head.steps.fill_(2.0)
    places = torch.linspace(-20, 30, 2000).unsqueeze(1)
    shares = head(places).exp()
    best = shares.argmax(1)
    assert best[0] == 0
    assert best[-1] == outputs - 1
    assert (best.diff() >= 0).all()
    assert set(best.tolist()) == set(range(outputs))
    above = 1 - shares.cumsum(1)  # more than a label, for each label but the last
    assert (above[:, :-1].diff(dim=0) >= -1e-4).all()


def test_the_places_where_labels_begin_rise_whatever_was_learned():
    head = OrdinalHead(width=2, outputs=5)
    with torch.no_grad():
        head.steps.copy_(torch.tensor([-30.0, 4.0, -9.0]))
    shares = head(torch.randn(100, 2) * 10).exp()
    assert (shares > 0).all()
    assert shares.isfinite().all()


def test_an_ordinal_head_learns_far_outside_of_its_labels():
    head = OrdinalHead(width=1, outputs=3)
    loss = cross_entropy(head(torch.tensor([[1e4], [-1e4]])), torch.tensor([0, 2]), smoothing=0.0)
    assert loss.isfinite()


def test_an_ordinal_head_learns_an_order():
    torch.manual_seed(0)
    values = torch.rand(400, 1) * 10 - 5
    targets = torch.bucketize(values[:, 0], torch.tensor([-3.0, 0.0, 1.0, 4.0]))
    assert set(targets.tolist()) == {0, 1, 2, 3, 4}
    head = OrdinalHead(width=1, outputs=5)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    for _ in range(400):
        optimizer.zero_grad()
        loss = cross_entropy(head(values), targets, smoothing=0.0)
        loss.backward()
        optimizer.step()
    assert (head(values).argmax(1) == targets).float().mean() > 0.95
    places = head.first + torch.cat([torch.zeros(1), torch.nn.functional.softplus(head.steps).cumsum(0)])
    assert torch.allclose(places / head.linear.weight[0], torch.tensor([-3.0, 0.0, 1.0, 4.0]), atol=0.3)


def test_what_is_answered_are_probabilities_or_the_numbers_themselves():
    outputs = torch.randn(4, 3)
    assert torch.equal(activated(Classify(LABELS), outputs), torch.softmax(outputs, 1))
    assert torch.equal(activated(MultiLabel(LABELS), outputs), torch.sigmoid(outputs))
    assert torch.equal(activated(Regress(LABELS, (0.0,) * 3, (1.0,) * 3), outputs), outputs)


def test_an_ordinal_answer_is_what_the_head_gives_and_sums_to_one():
    torch.manual_seed(0)
    head = OrdinalHead(width=4, outputs=3)
    logs = head(torch.randn(20, 4))
    shares = activated(Ordinal(LABELS), logs)
    assert torch.allclose(shares, logs.exp(), atol=1e-5)
    assert np.allclose(shares.sum(1).detach(), 1, atol=1e-6)


def test_a_sum_head_adds_up_what_the_finer_labels_have_and_has_no_weights():
    torch.manual_seed(0)
    fine = LinearHead(width=4, outputs=3)
    head = SumHead(finer=fine, parents=(0, 1, 0), outputs=2)
    fused = torch.randn(20, 4)
    shares = torch.softmax(fine(fused), 1)
    expected = torch.stack([shares[:, 0] + shares[:, 2], shares[:, 1]], 1)
    assert torch.allclose(activated(Classify(("x", "y")), head(fused)), expected, atol=1e-5)
    assert not list(head.parameters())
    copied_fine, copied = copy.deepcopy((fine, head))
    with torch.no_grad():
        copied_fine.linear.weight.zero_()
    assert not torch.allclose(copied(fused), head(fused)), "a copy adds up what its own copy of the finer head answers"


def test_what_a_sum_head_learns_the_finer_head_learns():
    fine = LinearHead(width=4, outputs=3)
    head = SumHead(finer=fine, parents=(0, 1, 0), outputs=2)
    cross_entropy(head(torch.randn(5, 4)), torch.zeros(5, dtype=torch.int64), smoothing=0.0).backward()
    assert fine.linear.weight.grad is not None
    assert fine.linear.weight.grad.abs().sum() > 0
