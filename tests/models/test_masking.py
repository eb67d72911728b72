import torch

from mgdist.models.masking import softmax, sunk

MASK = torch.tensor([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0]])


def test_what_is_masked_is_nowhere_above_the_rest():
    x = torch.tensor([[-5.0, -7.0, 9.0], [-3.0, 8.0, 8.0], [4.0, 5.0, 6.0]])
    assert sunk(x, MASK, dim=1).amax(1).tolist() == [-5.0, -3.0, 0.0]


def test_a_masked_softmax_is_the_softmax_of_the_rest_however_low_it_is():
    scores = torch.tensor([[-500.0, -501.0, 500.0], [-90.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    shares = softmax(scores, MASK, dim=1)
    assert torch.allclose(shares[0, :2], torch.softmax(scores[0, :2], 0))
    assert shares[1].tolist() == [1.0, 0.0, 0.0]
    assert shares[2].tolist() == [0.0, 0.0, 0.0]


def test_gradients_stay_finite_where_all_is_masked():
    scores = torch.randn(3, 3, requires_grad=True)
    (softmax(scores, MASK, dim=1) * torch.randn(3, 3)).sum().backward()
    assert scores.grad.isfinite().all()
    assert scores.grad[2].abs().sum() == 0
