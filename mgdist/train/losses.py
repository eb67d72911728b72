"""What a phase makes small."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import assert_never

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor
from torch.nn import functional as F

from mgdist.data.batches import Batch
from mgdist.job.phases import Phase
from mgdist.models.network import UNCERTAINTY, auxiliary_name
from mgdist.models.uncertainty import share
from mgdist_edge.tasks import Classify, Forecast, MultiLabel, Ordinal, Regress, Task

UNBALANCED: Mapping[str, Tensor] = MappingProxyType({})


def loss(
    outputs: Mapping[str, Float[Tensor, "B _"]],
    batch: Batch,
    *,
    tasks: Mapping[str, Task],
    weights: Mapping[str, float],
    smoothing: float,
    balance: Mapping[str, Float[Tensor, " K"]] = UNBALANCED,
) -> Float[Tensor, ""]:
    """Return the mean loss of a batch: of all heads together, each with its weight.

    Args:
        outputs: of each head; and how uncertain they are, where that is learned.
        batch: with the targets.
        tasks: what each head answers.
        weights: how much the loss of a head counts; 1 where it has none.
        smoothing: share of a label's target spread over all labels.
        balance: for a head, how much each of its classes counts; 1 where it is not named.
    """
    losses = {
        name: _mixed(task, outputs[name], batch, name, smoothing, balance.get(name)) for name, task in tasks.items()
    }
    if UNCERTAINTY in outputs:
        return uncertain(losses, outputs[UNCERTAINTY].float().mean(0), tasks)
    total = sum(weights.get(name, 1.0) * each for name, each in losses.items())
    assert isinstance(total, Tensor), "there is a head at least"
    return total


def uncertain(
    losses: Mapping[str, Float[Tensor, ""]], log_variances: Float[Tensor, " H"], tasks: Mapping[str, Task]
) -> Float[Tensor, ""]:
    """Return the losses of all heads together, each divided by the variance of its head.

    Half of the logarithm of each variance is added, so that none grows without end. After Kendall, Gal and Cipolla,
    "Multi-Task Learning Using Uncertainty to Weigh Losses", CVPR 2018.
    """
    shares = log_variances.new_tensor([share(task) for task in tasks.values()])
    of_heads = torch.stack([losses[name] for name in tasks])
    return (shares * torch.exp(-log_variances) * of_heads + log_variances / 2).sum()


def of_phase(
    outputs: Mapping[str, Float[Tensor, "B _"]],
    batch: Batch,
    *,
    phase: Phase,
    tasks: Mapping[str, Task],
    weights: Mapping[str, float],
    smoothing: float,
    balance: Mapping[str, Float[Tensor, " K"]] = UNBALANCED,
) -> Float[Tensor, ""]:
    """Return what a phase makes small: the loss of the heads and of each level's auxiliary ones, each with its weight.

    Args:
        outputs: of each head that runs.
        batch: with the targets.
        phase: which heads count, and how much.
        tasks: what each head answers.
        weights: how much the loss of a head counts among all heads.
        smoothing: share of a label's target spread over all labels.
        balance: for a head, how much each of its classes counts.
    """
    aim = partial(loss, tasks=tasks, weights=weights, smoothing=smoothing, balance=balance)
    parts = []
    if phase.heads:
        parts.append(phase.heads * aim(outputs, batch))
    # A fused vector that is mixed is behind the summaries that the auxiliary heads read.
    unfused = replace(batch, mix=None) if batch.mix is not None and batch.mix.fused else batch
    for level, weight in phase.auxiliary.items():
        spoken = {name: outputs[auxiliary_name(level, name)] for name in tasks}
        spoken |= {UNCERTAINTY: outputs[UNCERTAINTY]} if UNCERTAINTY in outputs else {}
        parts.append(weight * aim(spoken, unfused))
    total = sum(parts)
    assert isinstance(total, Tensor), "a phase has heads that learn"
    return total


def _mixed(
    task: Task,
    outputs: Float[Tensor, "B K"],
    batch: Batch,
    name: str,
    smoothing: float,
    balance: Float[Tensor, " K"] | None,
) -> Float[Tensor, ""]:
    """Return the loss of a head; of mixed examples, with the targets of both and the share of each."""
    targets = batch.targets[name].to(outputs.device)
    mine = of_head(task, outputs, targets, smoothing, balance)
    if batch.mix is None:
        return mine
    other = of_head(task, outputs, targets[batch.mix.partners.to(outputs.device)], smoothing, balance)
    return batch.mix.share * mine + (1 - batch.mix.share) * other


def of_head(
    task: Task,
    outputs: Float[Tensor, "B K"],
    targets: Shaped[Tensor, "B *any"],
    smoothing: float,
    balance: Float[Tensor, " K"] | None = None,
) -> Float[Tensor, ""]:
    """Return the mean loss of one head."""
    match task:
        case Classify() | Ordinal():
            return cross_entropy(outputs, targets, smoothing=smoothing, balance=balance)
        case MultiLabel():
            # Each label for itself; added over the labels, so that many rare ones do not dilute each other.
            spread = targets * (1 - smoothing) + smoothing / 2
            return F.binary_cross_entropy_with_logits(outputs.float(), spread, reduction="none").sum(1).mean()
        case Regress():
            return F.mse_loss(outputs.float(), targets)
        case Forecast():
            return forecast_loss(task, outputs.float(), targets)
        case _ as never:
            assert_never(never)


def cross_entropy(
    logits: Float[Tensor, "B K"],
    targets: Int[Tensor, " B"],
    *,
    smoothing: float,
    balance: Float[Tensor, " K"] | None = None,
) -> Float[Tensor, ""]:
    """Return the mean cross-entropy of a batch, in nats.

    Args:
        logits: one number a class.
        targets: the right class of each example.
        smoothing: share of the target spread over all classes (Szegedy et al., "Rethinking the Inception
            Architecture", 2016).
        balance: how much an example of each class counts; the mean is over the examples, so that the classes of a
            batch do not change what one counts.
    """
    # In float32 whatever the network computed in: bfloat16 keeps two to three digits of a loss.
    if balance is None:
        return F.cross_entropy(logits.float(), targets, label_smoothing=smoothing)
    each = F.cross_entropy(logits.float(), targets, label_smoothing=smoothing, reduction="none")
    return (each * balance.to(each.device)[targets]).mean()


def forecast_loss(task: Forecast, outputs: Float[Tensor, "B K"], targets: Float[Tensor, "B C H"]) -> Float[Tensor, ""]:
    """Return the mean squared error; where quantiles are foretold, the mean pinball loss of all of them.

    After Koenker and Bassett, "Regression Quantiles", Econometrica, 1978.
    """
    laid = outputs.reshape(*targets.shape, task.ways)
    if not task.quantiles:
        return F.mse_loss(laid.squeeze(3), targets)
    missed, shares = targets.unsqueeze(3) - laid, outputs.new_tensor(task.quantiles)
    return torch.maximum(shares * missed, (shares - 1) * missed).mean()
