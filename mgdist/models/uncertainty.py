"""How uncertain each head is, learned with the network: its loss counts the less, the more it is."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mgdist_edge.tasks import Forecast, Regress, Task

ROOM = "uncertainty."
"""With what the names of these parameters begin."""


class Uncertainty(nn.Module):
    """The logarithm of a variance for each head, in the order of the heads.

    After Kendall, Gal and Cipolla, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and
    Semantics", CVPR 2018, who learn the logarithm too, so that no variance can be 0.

    Args:
        heads: how many.
    """

    def __init__(self, *, heads: int) -> None:
        super().__init__()
        self.log_variances = nn.Parameter(torch.zeros(heads))

    def forward(self) -> Float[Tensor, " H"]:
        """Return the logarithms."""
        return self.log_variances


def loss_weights(log_variances: Sequence[float], tasks: Mapping[str, Task]) -> dict[str, float]:
    """Return how much the loss of each head counts: 1 / variance, and half of it where the head gives numbers."""
    found = torch.tensor(log_variances).neg().exp().tolist()
    return {name: share(task) * weight for weight, (name, task) in zip(found, tasks.items(), strict=True)}


def share(task: Task) -> float:
    """Return what the loss of a head is multiplied by beside its variance: of a squared error one half.

    A squared error is the logarithm of a normal distribution, which has the half; a cross-entropy that of a softmax.
    """
    return 0.5 if isinstance(task, Regress | Forecast) else 1.0
