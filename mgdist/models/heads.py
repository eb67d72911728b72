"""Heads: the fused vector becomes what the task asks for."""

from collections.abc import Sequence
from typing import assert_never

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mgdist_edge.tags import Tag
from mgdist_edge.tasks import Classify, Forecast, MultiLabel, Ordinal, Regress, Task


class LinearHead(nn.Module):
    """One number an output: a logit a label, or a standardised value.

    Args:
        width: F, numbers of the fused vector.
        outputs: K.
        reads_classes: the first K numbers of the fused vector speak for the classes, one each; start by reading them.
        from_nothing: start with zeros, which for a forecast is to repeat what its example was normalised by.
    """

    READ = 0.5
    """What a number that speaks for a class counts at first."""

    def __init__(self, *, width: int, outputs: int, reads_classes: bool = False, from_nothing: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(width, outputs)
        if from_nothing:
            nn.init.zeros_(self.linear.weight)
            nn.init.zeros_(self.linear.bias)
        if reads_classes:
            with torch.no_grad():
                self.linear.weight[:, :outputs] *= 0.1
                self.linear.weight[:, :outputs] += self.READ * torch.eye(outputs)

    def forward(self, fused: Float[Tensor, "B F"]) -> Float[Tensor, "B K"]:
        """Return the outputs."""
        outputs: Tensor = self.linear(fused)
        return outputs


class OrdinalHead(nn.Module):
    """One number on a line, and K - 1 places at which the next label begins.

    After McCullagh, "Regression Models for Ordinal Data", JRSS B, 1980, whose logits of the steps these are.

    Args:
        width: F, numbers of the fused vector.
        outputs: K labels.
    """

    LEAST = 1e-6
    """Probability that a label has at least, so that its logarithm is a number."""

    def __init__(self, *, width: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1, bias=False)
        self.first = nn.Parameter(torch.tensor([-1.0]))
        self.steps = nn.Parameter(torch.zeros(outputs - 2))

    def forward(self, fused: Float[Tensor, "B F"]) -> Float[Tensor, "B K"]:
        """Return the logarithms of the labels' probabilities."""
        begins = torch.cat([self.first, self.first + torch.cumsum(nn.functional.softplus(self.steps), 0)])
        above = torch.sigmoid(self.linear(fused) - begins)
        edges = torch.cat([torch.ones_like(above[:, :1]), above, torch.zeros_like(above[:, :1])], 1)
        shares = (edges[:, :-1] - edges[:, 1:]).clamp(min=self.LEAST)
        return torch.log(shares)


class SumHead(nn.Module):
    """The labels of a finer head, added up: a coarse label is as probable as all that belong to it together.

    It has no weights; what it learns, the finer head learns.

    Args:
        finer: F -> logits of its labels; it is another head's module, and not one of this.
        parents: for each of the finer labels, the place of the coarse one.
        outputs: K coarse labels.
    """

    LEAST = 1e-6
    """Probability that a label has at least, so that its logarithm is a number."""
    members: Tensor

    def __init__(self, *, finer: nn.Module, parents: Sequence[int], outputs: int) -> None:
        super().__init__()
        self._finer = (finer,)  # in a tuple, or its weights would be found twice
        self.register_buffer("members", torch.eye(outputs)[list(parents)])

    def forward(self, fused: Float[Tensor, "B F"]) -> Float[Tensor, "B K"]:
        """Return the logarithms of the labels' probabilities."""
        shares = torch.softmax(self._finer[0](fused).float(), 1) @ self.members
        return torch.log(shares.clamp(min=self.LEAST))


def activated(task: Task, outputs: Float[Tensor, "B K"]) -> Float[Tensor, "B K"]:
    """Return the outputs of a head as they are answered: probabilities, or standardised numbers."""
    match task:
        case Classify() | Ordinal() | Tag():
            return torch.softmax(outputs, 1)
        case MultiLabel():
            return torch.sigmoid(outputs)
        case Regress() | Forecast():
            return outputs
        case _ as never:
            assert_never(never)
