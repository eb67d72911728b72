"""Heads: the fused vector becomes what the task asks for."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class ClassifyHead(nn.Module):
    """One logit a class.

    Args:
        width: F, numbers of the fused vector.
        classes: K.
        reads_classes: the first K numbers of the fused vector speak for the classes, one each; start by reading them.
    """

    READ = 0.5
    """What a number that speaks for a class counts at first."""

    def __init__(self, *, width: int, classes: int, reads_classes: bool = False) -> None:
        super().__init__()
        self.linear = nn.Linear(width, classes)
        if reads_classes:
            with torch.no_grad():
                self.linear.weight[:, :classes] *= 0.1
                self.linear.weight[:, :classes] += self.READ * torch.eye(classes)

    def forward(self, fused: Float[Tensor, "B F"]) -> Float[Tensor, "B K"]:
        """Return the logits."""
        logits: Tensor = self.linear(fused)
        return logits
