"""Nothing learned: the samples are the states."""

from jaxtyping import Float
from torch import Tensor, nn


class NoEncoder(nn.Module):
    """The samples as they come, for models that are linear in them."""

    def forward(
        self, x: Float[Tensor, "N S C"], mask: Float[Tensor, "N S"]
    ) -> tuple[Float[Tensor, "N S C"], Float[Tensor, "N S"]]:
        """Return the samples, zero where masked, and their mask."""
        return x * mask.unsqueeze(2), mask
