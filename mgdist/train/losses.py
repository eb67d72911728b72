"""What a phase makes small."""

from collections.abc import Mapping
from typing import assert_never

from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F

from mgdist.data.batches import Batch
from mgdist_edge.tasks import Classify, MultiLabel, Ordinal, Regress, Task


def loss(
    outputs: Mapping[str, Float[Tensor, "B _"]],
    batch: Batch,
    *,
    tasks: Mapping[str, Task],
    weights: Mapping[str, float],
    smoothing: float,
) -> Float[Tensor, ""]:
    """Return the mean loss of a batch: of all heads together, each with its weight.

    Args:
        outputs: of each head.
        batch: with the targets.
        tasks: what each head answers.
        weights: how much the loss of a head counts; 1 where it has none.
        smoothing: share of a label's target spread over all labels.
    """
    total = sum(
        weights.get(name, 1.0) * of_head(task, outputs[name], batch.targets[name].to(outputs[name].device), smoothing)
        for name, task in tasks.items()
    )
    assert isinstance(total, Tensor), "there is a head at least"
    return total


def of_head(
    task: Task, outputs: Float[Tensor, "B K"], targets: Shaped[Tensor, "B *any"], smoothing: float
) -> Float[Tensor, ""]:
    """Return the mean loss of one head."""
    match task:
        case Classify() | Ordinal():
            return cross_entropy(outputs, targets, smoothing=smoothing)
        case MultiLabel():
            # Each label for itself; added over the labels, so that many rare ones do not dilute each other.
            spread = targets * (1 - smoothing) + smoothing / 2
            return F.binary_cross_entropy_with_logits(outputs.float(), spread, reduction="none").sum(1).mean()
        case Regress():
            return F.mse_loss(outputs.float(), targets)
        case _ as never:
            assert_never(never)


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
