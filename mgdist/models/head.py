"""Heads: the fused vector becomes what the task asks for."""

from jaxtyping import Float
from torch import Tensor, nn


class ClassifyHead(nn.Module):
    """One logit a class.

    Args:
        width: F, numbers of the fused vector.
        classes: K.
    """

    def __init__(self, *, width: int, classes: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, classes)

    def forward(self, fused: Float[Tensor, "B F"]) -> Float[Tensor, "B K"]:
        """Return the logits."""
        logits: Tensor = self.linear(fused)
        return logits
