"""Norms between convolutions, for which padded samples do not exist.

Both read channels first, (N, C, H, W), and a mask (N, 1, H, W).
"""

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.nn import functional as F

EPSILON = 1e-5
"""Added to a variance, so that what never changes is not divided by zero."""


class BatchNorm(nn.Module):
    """Each channel at mean 0 and variance 1 over the real samples of the batch, of all workers together.

    After Ioffe and Szegedy, "Batch Normalization", ICML 2015. What is remembered for the time after training is the
    same on every worker, since all see the same sums.

    Args:
        width: C.
    """

    MOMENTUM = 0.1
    """What the newest batch counts in the running statistics."""

    mean: Tensor
    variance: Tensor

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.momentum = self.MOMENTUM
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("variance", torch.ones(width))

    def forward(self, x: Float[Tensor, "N C H W"], mask: Float[Tensor, "N 1 H W"] | None) -> Float[Tensor, "N C H W"]:
        """Return the channels normalised; what masked samples hold is ignored, and None hides nothing."""
        if not self.training or (mask is None and alone()):
            return F.batch_norm(
                x, self.mean, self.variance, self.weight, self.bias, self.training, self.momentum, EPSILON
            )
        mean, variance = self._learned(x.float(), x.new_ones(len(x), 1, *x.shape[2:]) if mask is None else mask.float())
        scale = self.weight * torch.rsqrt(variance + EPSILON)
        return (x * scale[:, None, None] + (self.bias - mean * scale)[:, None, None]).to(x.dtype)

    def _learned(self, x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and variance (C,) of the real samples, and remember them."""
        told = summed(torch.cat([(x * mask).sum((0, 2, 3)), mask.sum().view(1)]))
        count = told[-1].detach().clamp(min=1.0)
        mean = told[:-1] / count
        apart = (x - mean[:, None, None]) * mask
        variance = summed(apart.square().sum((0, 2, 3))) / count
        with torch.no_grad():
            self.mean.lerp_(mean, self.momentum)
            self.variance.lerp_(variance * count / (count - 1).clamp(min=1.0), self.momentum)
        return mean, variance


class SampleNorm(nn.Module):
    """The channels of each sample at mean 0 and variance 1.

    After Ba, Kiros and Hinton, "Layer Normalization", 2016.

    Args:
        width: C.
    """

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.bias = nn.Parameter(torch.zeros(width))

    def forward(self, x: Float[Tensor, "N C H W"], mask: Float[Tensor, "N 1 H W"] | None) -> Float[Tensor, "N C H W"]:
        """Return the samples normalised, each by itself, so that the mask does not matter."""
        del mask
        apart = x - x.mean(1, keepdim=True)
        even = apart * torch.rsqrt(apart.square().mean(1, keepdim=True) + EPSILON)
        return even * self.weight[:, None, None] + self.bias[:, None, None]


def alone() -> bool:
    """Tell whether there is one worker only."""
    return not dist.is_initialized() or dist.get_world_size() == 1


def summed(values: Tensor) -> Tensor:
    """Return the sum over all workers, through which gradients flow; the values themselves where there is one."""
    if alone():
        return values
    total: Tensor = all_reduce(values)  # type: ignore[no-untyped-call]
    return total
