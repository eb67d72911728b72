"""No context: each sample by itself."""

from jaxtyping import Float
from torch import Tensor, nn


class BagEncoder(nn.Module):
    """Each sample's own vector, so that the mean pool gives a bag of words.

    Args:
        channels: C of what it reads.
        width: D of each state; where it is C the samples pass as they are, else they are projected.
    """

    def __init__(self, *, channels: int, width: int) -> None:
        super().__init__()
        self.project = nn.Identity() if channels == width else nn.Linear(channels, width)

    def forward(
        self, x: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]
    ) -> tuple[Float[Tensor, "N S D"], Float[Tensor, "N S"]]:
        """Return the states, zero where masked, and their mask."""
        return self.project(x) * mask.unsqueeze(2), mask
