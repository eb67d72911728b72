import pytest
import torch
from torch import nn

from mgdist.models.encoders.norms import EPSILON, BatchNorm, SampleNorm


def learned(norm: nn.Module, real: torch.Tensor, padding: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return what a norm gives for real samples, their gradient, and its mean, with padding behind them."""
    torch.manual_seed(1)
    real = real.clone().requires_grad_()
    x = torch.cat([real, torch.randn(*real.shape[:3], padding) * 100], 3)
    mask = (torch.arange(x.shape[3]) < real.shape[3]).float().expand(len(x), 1, x.shape[2], -1)
    outcome = norm(x, mask)[..., : real.shape[3]]
    (outcome * torch.linspace(-1, 1, outcome.numel()).view(outcome.shape)).sum().backward()
    return outcome.detach(), real.grad, getattr(norm, "mean", torch.zeros(1))


@pytest.mark.parametrize("kind", [BatchNorm, SampleNorm])
def test_padded_samples_do_not_count_in_training(kind: type[nn.Module]):
    real = torch.randn(4, 3, 2, 5)
    for plain, padded in zip(learned(kind(width=3), real, 0), learned(kind(width=3), real, 7), strict=True):
        assert torch.allclose(plain, padded, atol=1e-5)


def test_a_batch_without_padding_is_normalised_as_pytorch_does():
    torch.manual_seed(0)
    ours, theirs = BatchNorm(width=3), nn.BatchNorm2d(3, eps=EPSILON)
    for _ in range(3):
        x = torch.randn(4, 3, 5, 6) * 3 + 2
        assert torch.allclose(ours(x, torch.ones_like(x[:, :1])), theirs(x), atol=1e-5)
    assert torch.allclose(ours.mean, theirs.running_mean, atol=1e-6)
    assert torch.allclose(ours.variance, theirs.running_var, atol=1e-5)
    assert torch.allclose(ours.eval()(x, torch.ones_like(x[:, :1])), theirs.eval()(x), atol=1e-5)


def test_channels_are_normalised_as_pytorch_does():
    ours, theirs = SampleNorm(width=3), nn.LayerNorm(3, eps=EPSILON)
    x = torch.randn(4, 3, 5, 6) * 3 + 2
    expected = theirs(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
    assert torch.allclose(ours(x, torch.ones(4, 1, 5, 6)), expected, atol=1e-5)


def test_a_batch_that_is_all_padding_gives_finite_numbers():
    norm = BatchNorm(width=3)
    assert norm(torch.randn(2, 3, 4, 4), torch.zeros(2, 1, 4, 4)).isfinite().all()
    assert norm.mean.isfinite().all()
