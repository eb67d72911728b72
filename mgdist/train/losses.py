"""What a phase makes small."""

from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional as F


def cross_entropy(logits: Float[Tensor, "B K"], targets: Int[Tensor, " B"], *, smoothing: float) -> Float[Tensor, ""]:
    """Return the mean cross-entropy of a batch, in nats.

    Args:
        logits: one number a class.
        targets: the right class of each example.
        smoothing: share of the target spread over all classes (Szegedy et al., "Rethinking the Inception
            Architecture", 2016).
    """
    # In float32 whatever the network computed in: bfloat16 keeps two to three digits of a loss.
    return F.cross_entropy(logits.float(), targets, label_smoothing=smoothing)
